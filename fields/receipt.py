"""The fields of a receipt from its printed rows, and the checks of fields against each other. Pure.

Reads no clock: the caller gives today's date.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from operator import ne
from typing import NamedTuple

from fields.currencies import MONTH_FIRST, find_currency
from fields.dates import Day, find_dates, find_time
from fields.items import find_items
from fields.labels import Row, read_rows
from fields.lexicon import COUNTRIES, rule
from fields.merchants import Merchant, find_merchant
from fields.totals import Totals, find_totals
from result import Item, Line, Receipt, ReceiptWarning

CASH_ROUNDING = max(file.get("cash_rounding", Decimal(0)) for file in COUNTRIES.values())
# Confidence from which figures are taken as read; those that another sum proves may be fainter.
MIN_TOTAL_CONFIDENCE = 0.95
MIN_PROVED_CONFIDENCE = 0.85
MIN_DATE_CONFIDENCE = 0.8


_DATE_WORD = rule(r"\b<dates.date>\b")
_OTHER_DATE = rule(r"\b<dates.other_date>\b")
_NUMBER = rule(
    r"\b<numbers.receipt>\b[ .]{0,3}(?:<numbers.number>|#)?[ .:#\-]{0,6}"
    r"(?P<number>[A-Z]{0,5}[-/ ]?\d[\w\-/]{2,})"
)
_LAST4 = re.compile(
    r"(?:(?<![*xX•#·.])[*xX•#·.]{4,}|(?<![*xX•#·])[*xX•#·]{2,})[ -]*(?P<last4>\d{4})(?!\d)"
)
_METHODS = {"card": "card", "wallet": "mobile", "cash": "cash"}


def read_receipt(rows: Sequence[Sequence[Line]], today: date | None = None) -> Receipt:
    """The fields that the rules find, with warnings; `no_text` where there is nothing to read.

    A date after `today` is warned of; None warns of no date.
    """
    read = read_rows(rows)
    if not read:
        return Receipt(source="rules", warnings=("no_text",))
    texts = [row.text for row in read]
    currency = find_currency(texts)
    merchant = find_merchant(rows, read)
    totals = find_totals(read)
    dates = _dates(read)
    day = _date(dates, currency)
    items = find_items(read, 0, totals.first_row)
    receipt = Receipt(
        source="rules",
        merchant=merchant.name,
        merchant_address=merchant.address,
        merchant_phone=merchant.phone,
        merchant_tax_id=merchant.tax_id,
        receipt_number=_receipt_number(texts),
        date=day.iso,
        time=_time(texts, [(row.text, other) for row, other in dates if day.iso in other[:2]]),
        currency=currency,
        items=items,
        subtotal=totals.subtotal,
        discount=totals.discount,
        taxes=totals.taxes,
        tax=totals.tax,
        tip=totals.tip,
        total=_repaired(totals, items),
        payment_method=_payment_method(read),
        card_last4=_last4(texts),
    )
    doubts = _doubts(receipt, merchant, totals, day, today)
    return replace(receipt, warnings=(*check(receipt), *doubts))


def _doubts(
    receipt: Receipt, merchant: Merchant, totals: Totals, day: "_Date", today: date | None
) -> tuple[ReceiptWarning, ...]:
    """What may be read wrongly, by its print, its order of day and month, or a day to come."""
    is_faint = (
        (receipt.total is not None and _is_faint(receipt, totals))
        or (receipt.merchant is not None and not merchant.is_legible)
        or (receipt.date is not None and day.confidence < MIN_DATE_CONFIDENCE)
    )
    is_none = receipt.total is None and (receipt.date is None or not receipt.items)
    found: dict[ReceiptWarning, bool] = {
        "date_ambiguous": day.is_ambiguous,
        "low_confidence": is_faint,
        "not_a_receipt": is_none,
        "date_in_future": _is_in_future(receipt, today),
    }
    return tuple(warning for warning, is_so in found.items() if is_so)


def _is_faint(receipt: Receipt, totals: Totals) -> bool:
    """The total's figures were read with too little confidence, more so where nothing proves it."""
    sum_of_items = sum((item.amount or 0 for item in receipt.items), Decimal(0))
    is_proved = totals.is_proved or receipt.total in (sum_of_items, totals.gross)
    if is_proved and not totals.is_subtotal:
        return totals.confidence < MIN_PROVED_CONFIDENCE
    return totals.confidence < MIN_TOTAL_CONFIDENCE


def _repaired(totals: Totals, items: Sequence[Item]) -> Decimal | None:
    """The total as read, or corrected by one digit if items and taxes both add up to that.

    Worn print: SUMME EUR 19,16 below 8,99 3,99 3,49 2,99, and above 19,0% 8,99 and 7,0% 10,47.
    """
    amounts = [item.amount for item in items if item.amount is not None]
    proved = sum(amounts, Decimal(0))
    read, other = f"{totals.total}", f"{proved}"
    is_one_digit = len(read) == len(other) and sum(map(ne, read, other)) == 1
    return proved if amounts and proved == totals.gross and is_one_digit else totals.total


class _Date(NamedTuple):
    iso: str | None
    is_ambiguous: bool = False  # day and month could be swapped, and nothing says which is which
    confidence: float = 1.0


def _dates(rows: Sequence[Row]) -> list[tuple[Row, Day]]:
    """Every date with the row it is on, the likeliest day of the purchase first."""
    found = [
        (_date_score(row.text, day, index / len(rows)), row, day)
        for index, row in enumerate(rows)
        for day in find_dates(row.text)
    ]
    found.sort(key=lambda candidate: candidate[0], reverse=True)
    return [(row, day) for _, row, day in found]


def _date(dates: Sequence[tuple[Row, Day]], currency: str | None) -> _Date:
    """The day of the purchase."""
    if not dates:
        return _Date(None)
    row, day = dates[0]
    first, second = day.day_first, day.month_first
    iso = (second if currency in MONTH_FIRST else first) or first or second
    is_open = bool(first and second and first != second)
    return _Date(iso, is_open and currency is None, row.lowest_confidence(day.start, day.end))


def _date_score(text: str, day: Day, position: float) -> float:
    points = 1.0 - 0.5 * position
    points += 2.0 * bool(_DATE_WORD.search(text)) + 1.5 * bool(find_time(text[day.end :]))
    return points - 2.5 * bool(_OTHER_DATE.search(text))


def _time(texts: Sequence[str], days: Sequence[tuple[str, Day]]) -> str | None:
    """The time beside the day of the purchase, else on a row without a date, else the first one.

    `days` are the rows that print this day, the likeliest first.
    """
    beside = [part for text, day in days for part in (text[day.end :], text[: day.start])]
    undated = [text for text in texts if not any(find_dates(text))]
    return next(filter(None, map(find_time, (*beside, *undated, *texts))), None)


def _receipt_number(texts: Sequence[str]) -> str | None:
    for text in texts:
        match = _NUMBER.search(text)
        if match:
            return match["number"].strip()
    return None


def _payment_method(rows: Sequence[Row]) -> str | None:
    for topic, method in _METHODS.items():
        if any(topic in row.topics and (row.amounts or _LAST4.search(row.text)) for row in rows):
            return method
    return None


def _last4(texts: Sequence[str]) -> str | None:
    return next((m["last4"] for m in map(_LAST4.search, texts) if m), None)


def check(receipt: Receipt, today: date | None = None) -> tuple[ReceiptWarning, ...]:
    """What the fields say against each other: total_mismatch, items_mismatch, date_in_future.

    The date is only looked at when `today` is given. Nothing is ever corrected.
    """
    found: dict[ReceiptWarning, bool] = {
        "total_mismatch": _total_mismatch(receipt),
        "items_mismatch": _items_mismatch(receipt),
        "date_in_future": _is_in_future(receipt, today),
    }
    return tuple(warning for warning, is_so in found.items() if is_so)


def _is_in_future(receipt: Receipt, today: date | None) -> bool:
    """Later than tomorrow: it is a day later already in zones east of the server's."""
    return bool(today and receipt.date and receipt.date > (today + timedelta(days=1)).isoformat())


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
    """Equal but for the rounding of cash."""
    return abs(a - b) <= CASH_ROUNDING
