"""What printed rows have that receipts have: a head, things with prices, a total, a date. Pure."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from itertools import takewhile
from operator import add, sub
from typing import NamedTuple

from fields.company_names import LEGAL
from fields.contacts import is_street, phone_in
from fields.dates import find_dates, find_time
from fields.labels import text_of, topics
from fields.money import find_amounts
from fields.roles import role_of
from fields.tax_ids import tax_id_in
from result import Line, Rows

MIN_PIECES = 4  # of a receipt
TOTALS = ("total", "grand", "inclusive", "rounded")
WORD = re.compile(r"[^\W\d_]{3}")


class Seen(NamedTuple):
    """How often each of the things was seen that receipts have."""

    pieces: int = 0  # rows, or parts of rows
    totals: int = 0  # rows named so
    amounts: int = 0
    dates: int = 0
    contacts: int = 0  # addresses, telephone and tax numbers, legal forms
    streets: int = 0
    prices: int = 0  # rows with an amount of two decimals
    things: int = 0  # of these, those that name no sum and no moment

    def plus(self, other: "Seen") -> "Seen":
        return Seen(*map(add, self, other))

    def minus(self, other: "Seen") -> "Seen":
        return Seen(*map(sub, self, other))

    @property
    def is_whole(self) -> bool:
        """Two amounts with a total and a date or an address, or three with both of these."""
        if self.pieces < MIN_PIECES or self.amounts < 2:
            return False
        if self.totals:
            return bool(self.dates or self.contacts)
        return bool(self.dates and self.contacts and self.amounts > 2)


def seen_on(rows: Iterable[Sequence[Line]]) -> list[Seen]:
    """What each of the rows has."""
    return [seen_in(text_of(row)) for row in rows]


@lru_cache(maxsize=4096)  # a row is looked at for each way to part its page
def seen_in(text: str) -> Seen:
    named = topics(text)
    money = [amount for amount in find_amounts(text) if amount.is_money]
    is_dated, street = any(find_dates(text)), is_street(text)
    is_contact = street or phone_in(text) or tax_id_in(text) or LEGAL.search(text)
    is_price = any(amount.decimals == 2 for amount in money)
    is_named = named or street or is_dated or find_time(text)
    is_thing = is_price and not is_named and WORD.search(text)
    proofs = (is_dated, bool(is_contact), street, is_price, bool(is_thing))
    return Seen(1, role_of(named) in TOTALS, len(money), *proofs)


def is_receipt(rows: Rows) -> bool:
    """A part of a page is whole, or begins as a receipt does."""
    seen = seen_on(rows)
    return is_whole(seen) or is_headed(seen)


def may_be_receipt(rows: Rows) -> bool:
    """A part of a page has amounts, unlike a letter's head or the back of a receipt."""
    seen = seen_on(rows)
    return sum(row.amounts for row in seen) > 1 or is_headed(seen)


def has_total(rows: Rows) -> bool:
    return any(row.totals for row in seen_on(rows))


def is_whole(rows: Iterable[Seen]) -> bool:
    """They have what a receipt has, all together."""
    return reduce(Seen.plus, rows, Seen()).is_whole


def is_headed(rows: Sequence[Seen]) -> bool:
    """A street stands above the first price, and there is a thing with its price."""
    return any(row.streets for row in above_prices(rows)) and any(row.things for row in rows)


def begins(rows: Sequence[Seen]) -> bool:
    """An address, a telephone number or the like comes before the first amount."""
    head = takewhile(lambda row: row.contacts or not (row.amounts or row.totals), rows)
    return any(row.contacts for row in head)


def above_prices(rows: Sequence[Seen]) -> list[Seen]:
    return list(takewhile(lambda row: not row.prices, rows))
