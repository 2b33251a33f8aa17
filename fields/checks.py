"""What the fields of a receipt say against each other. Pure."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product

from fields.days import is_in_future
from fields.lexicon import COUNTRIES
from result import Evidence, Receipt, ReceiptWarning, Reviewed

MIN_PROBABILITY = 0.85  # a field with less is reviewed
MIN_PROBABILITY_UNWARNED = 0.6  # one with less is warned of
JUDGED = ("merchant", "date", "total")
CASH_ROUNDING = max(file.get("cash_rounding", Decimal(0)) for file in COUNTRIES.values())


def check(receipt: Receipt, today: date | None = None) -> tuple[ReceiptWarning, ...]:
    """What the fields say against each other: total_mismatch, items_mismatch, date_in_future.

    The date is only looked at when `today` is given. Nothing is ever corrected.
    """
    found: dict[ReceiptWarning, bool] = {
        "total_mismatch": _total_mismatch(receipt),
        "items_mismatch": _items_mismatch(receipt),
        "date_in_future": receipt.date is not None and is_in_future(receipt.date, today),
    }
    return tuple(warning for warning, is_so in found.items() if is_so)


def _total_mismatch(receipt: Receipt) -> bool:
    """The sums do not make the total.

    False where one of them is doubtful: it is reviewed, and need not be meant to agree.
    """
    if receipt.total is None or receipt.subtotal is None:
        return False
    evidence = receipt.evidence
    if any(map(is_doubtful, (evidence.total, evidence.subtotal, evidence.tax))):
        return False
    return not adds_up(receipt.total, receipt.subtotal, receipt.tax, receipt.tip, receipt.discount)


def adds_up(
    total: Decimal,
    subtotal: Decimal,
    tax: Decimal | None,
    tip: Decimal | None,
    discount: Decimal | None,
) -> bool:
    """Subtotal, discount, tax and tip make the total, with the tax inside or on top."""
    net = subtotal + (tip or 0)
    discounts = {Decimal(0), -abs(discount or Decimal(0))}
    taxes = {Decimal(0), tax or Decimal(0)}
    return any(_near(net + one + other, total) for one, other in product(discounts, taxes))


def _items_mismatch(receipt: Receipt) -> bool:
    """The items' amounts make neither the subtotal nor the total."""
    amounts = [item.amount for item in receipt.items if item.amount is not None]
    goals = [goal for goal in (receipt.subtotal, receipt.total) if goal is not None]
    return bool(amounts and goals) and not any(
        _near(sum(amounts, Decimal(0)), goal) for goal in goals
    )


def _near(a: Decimal, b: Decimal) -> bool:
    """Equal but for the rounding of cash."""
    return abs(a - b) <= CASH_ROUNDING


def reviewed(receipt: Receipt) -> Receipt:
    """The receipt with the fields that a person should look at, by evidence and warnings."""
    warned = {*receipt.warnings}
    sums, evidence = "total_mismatch" in warned, receipt.evidence
    found: dict[Reviewed, bool] = {
        "merchant": _is_open(receipt.merchant, evidence.merchant),
        "date": _is_open(receipt.date, evidence.date)
        or bool(warned & {"date_ambiguous", "date_in_future"}),
        "total": _is_open(receipt.total, evidence.total) or sums,
        "subtotal": receipt.subtotal is not None and (is_doubtful(evidence.subtotal) or sums),
        "tax": receipt.tax is not None and (is_doubtful(evidence.tax) or sums),
        "tip": receipt.tip is not None and (is_doubtful(evidence.tip) or sums),
        "items": "items_mismatch" in warned,
    }
    return replace(receipt, review=tuple(name for name, is_so in found.items() if is_so))


def _is_open(value: object, evidence: Evidence | None) -> bool:
    return value is None or is_doubtful(evidence)


def is_doubtful(evidence: Evidence | None, least: float = MIN_PROBABILITY) -> bool:
    """The evidence has a probability, and less than the least."""
    probability = evidence.probability if evidence else None
    return probability is not None and probability < least


def is_sure(receipt: Receipt) -> bool:
    """Merchant, date and total are probable, or known from a person: nothing to warn of."""
    return all(_is_known(getattr(receipt.evidence, name)) for name in JUDGED)


def _is_known(evidence: Evidence | None) -> bool:
    if evidence is None:
        return False
    is_probable = evidence.probability is not None and not is_doubtful(
        evidence, MIN_PROBABILITY_UNWARNED
    )
    return is_probable or evidence.source in ("learned", "corrected")
