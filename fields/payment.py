"""How a receipt was paid, and with which card. Pure: rows in."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

from fields.labels import Row, plain, topics
from fields.lexicon import CURRENCY_NAMES, words
from fields.totals import first_sum, role_of
from result import Evidence

_LAST4 = re.compile(
    r"(?:(?<![*xX•#·.])[*xX•#·.]{4,}|(?<![\w*•#·])(?:[*xX•·]{2,}|#{3,}))[ -]*(?P<last4>\d{4})(?!\d)"
)
MOST_WORDS = 4  # of a row that says how it was paid, and no amount
_METHODS = {"card": "card", "wallet": "mobile", "cash": "cash"}
_PAID = {word for phrase in words("labels", "paid") for word in plain(phrase).split()}
# Words for coins and notes, and no other way to pay.
_CASH = {word for phrase in words("topics", "cash") for word in plain(phrase).split()}
_CASH -= _PAID | CURRENCY_NAMES


def find_payment(rows: Sequence[Row], total: Decimal | None) -> tuple[str, Evidence] | None:
    """`card`, `mobile` or `cash`, and the row that says so.

    That row has an amount and is no thing above the sums, or a card's number is beside it. What was
    given without a word for coins was cash if change was given back. A masked number alone is that
    of a card.
    """
    sums = first_sum(rows)
    paid = [
        row
        for n, row in enumerate(rows)
        if (row.amounts and (n >= sums or total in [each.value for each in row.amounts]))
        or _says_way(row)
        or find_last4(rows[max(0, n - 1) : n + 2])
    ]
    is_changed = any(role_of(row.topics) == "change" and _has_some(row) for row in rows)
    said = (
        (method, row)
        for topic, method in _METHODS.items()
        for row in paid
        if topic in _topics(row) and (topic != "cash" or is_changed or _says_cash(row))
    )
    masked = (("card", row) for row in rows if _LAST4.search(row.text))
    found = next(chain(said, masked), None)
    if found is None:
        return None
    method, row = found
    return method, Evidence(None, "ocr", row.page, row.box(0, len(row.text)))


def find_last4(rows: Sequence[Row]) -> str | None:
    """The last four digits of a card whose other ones are masked."""
    return next((found["last4"] for row in rows if (found := _LAST4.search(row.text))), None)


def _says_way(row: Row) -> bool:
    """It says how it was paid, and no amount: Payment Mode: Cash."""
    read = plain(row.text).split()
    return len(read) <= MOST_WORDS and not _PAID.isdisjoint(read)


def _topics(row: Row) -> frozenset[str]:
    """The row's, and those of its words where it says how it was paid: Bezahlt mit girocard."""
    if not _says_way(row):
        return row.topics
    return row.topics.union(*map(topics, row.text.split()))


def _has_some(row: Row) -> bool:
    return any(amount.value for amount in row.amounts)


def _says_cash(row: Row) -> bool:
    return not _CASH.isdisjoint(plain(row.text).split())
