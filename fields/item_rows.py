"""A row as part of an item: its name, its amount, how many pieces and the price of one. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from fields.labels import Row
from fields.lexicon import MARK, filled, rule
from fields.money import Amount, parse_money

_UNIT = filled("(?:<items.pieces+units>|kg|lbs?|g|l)")
_SIGN = r"(?:[x\u00d7@\u00f7]|(?<! )\*|\*(?= ))"  # a star that only amounts begin with is none
_OF_UNIT = rf"(?: ?{MARK}? ?/ ?{_UNIT})"  # EUR/kg
_TIMES = rule(
    rf"(?<![\w.,%])@?(?P<quantity>\d{{1,4}}(?:[.,]\d{{1,3}})?) ?{_UNIT}?\.?"
    rf"(?: ?{_SIGN} ?@?{MARK}?\.? ?| (?=\d+[.,]\d+{_OF_UNIT}))"
    rf"(?P<price>\d+(?:[.,]\d+)*)(?:{_OF_UNIT}| ?<items.each>)?(?!\w)"
)
_BY = filled(r"(?:[xX\u00d7*] *|<items.pieces> +)")  # 2 x, 3 pcs
_NAME = r"(?=[^\W\d_]|[(\"'&])"  # what it starts with
_LEAD = re.compile(rf"^\W{{0,2}}(?P<quantity>\d{{1,3}}) ?{_BY}{_NAME}")
# A bare number is one only in a column of them: 2 ICED TEA, but 7 UP and 100 PLUS.
_COLUMN = re.compile(
    rf"^\W{{0,2}}(?P<quantity>\d{{1,3}}(?= ?{_BY})|\d{{1,2}}(?= )) ?(?:{_BY}| *)(?=[\w(\"'&])"
)
_NUMBERED = re.compile(rf"^\W{{0,2}}\d{{1,2}} +(?:(?P<quantity>\d{{1,2}}) +{_NAME})?(?=\w)")
_QUANTITY = rule(r"^\W*<items.quantity>\b")
_PIECES = rule(r"^ ?(?:[x\u00d7*]|<items.pieces+units>\b\.?)(?= )")
_TRAIL = re.compile(r"[ (](?:(?:[x\u00d7] ?|X )(?P<a>\d{1,3})|(?P<b>\d{1,3}) ?[xX\u00d7])\)?\s*$")
_CODE = re.compile(
    filled(r"^(?:\d{1,3} )?[A-Z]?\d{5,}[A-Z]?\s+|(?<!\s)\s+(?:\d{6,}\w?\b.*|<items.tax_codes>)$")
)
_RATE = re.compile(r" %\s?\d{1,2}$")  # %08 *9,95
MAX_QUANTITY = Decimal(999)


class Read(NamedTuple):
    """A row as part of an item."""

    name: str
    amount: Decimal | None
    quantity: Decimal | None = None
    price: Decimal | None = None


NOTHING = Read("", None)


def lead_of(rows: Sequence[Row], things: Sequence[Row]) -> re.Pattern[str]:
    """What a number of pieces looks like in front of a name on this receipt.

    A bare number is one below a heading that starts with Qty, or where more than a third of the
    things has one.
    """
    is_headed = any(_QUANTITY.match(row.text) and not row.numbers for row in rows)
    names = [row.text for row in things if row.amounts and is_name(row.text)]
    counts = [m["quantity"] for m in map(_COLUMN.match, names) if m]
    if len(counts) > 2 and counts == [f"{n}" for n in range(1, len(names) + 1)] and not is_headed:
        return _NUMBERED
    is_column = 3 * len(counts) > len(names) or "1" in counts
    return _COLUMN if is_headed or is_column else _LEAD


def read_row(row: Row, lead: re.Pattern[str]) -> Read:
    name, amount, quantity, price = _read_whole(row)
    count = _piece_count(name, lead) if quantity is None else quantity
    bare = _TRAIL.sub("", lead.sub("", name))
    if count is None:  # the last numbers are columns: TEA 2 235 470.00, but EDAM 15
        bare = re.sub(r"(?:(?<!\s)\s+\d{1,3}){1,2}$", "", bare)
    read = Read(bare.strip(" .:-*") or name, amount, count, price)
    if price is None and len(row.amounts) > 1:
        priced = read._replace(price=row.amounts[-2].value)
        return proved(priced, amount) or read
    return proved(read, amount) or read


def _read_whole(row: Row) -> Read:
    """The row with the number of pieces still in front of its name, or behind it."""
    times = _TIMES.search(row.text)
    if times:
        outside = [a for a in row.amounts if a.start >= times.end() or a.end <= times.start()]
        amount = outside[-1].value if outside else None
        text = row.text[: times.start()] + " " + row.text[times.end() :]
        count = Decimal(times["quantity"].replace(",", "."))  # 1.150 kg
        each = parse_money(times["price"])
        return Read(_name(text, text.find(" " * 2)), amount, count, each)
    if not row.amounts:
        return Read(_name(row.text, len(row.text)), None)
    amount = row.amounts[-1].value
    pair = _factors(row, amount)
    if pair:
        quantity, price = pair
        start = min(quantity.start, price.start)
        between = row.text[quantity.end : max(quantity.end, price.start)]
        name = _name(row.text, start) if start else ""
        name = name or _name(_PIECES.sub("", between), 0)
        return Read(name, amount, quantity.value, price.value)
    return Read(_name(_name_beside(row), 0), amount)


def _name_beside(row: Row) -> str:
    """What is before the first amount that has letters before it, or behind the first of all."""
    starts = [a.start for a in row.amounts if is_name(row.text[: a.start])]
    behind = row.text[row.amounts[0].end :]
    is_behind = not starts and re.search(r"[^\W\d_]{3}", behind)
    return behind if is_behind else row.text[: starts[0] if starts else None]


def _factors(row: Row, amount: Decimal) -> tuple[Amount, Amount] | None:
    """The quantity and the unit price that stand before the amount and make it."""
    for one, other in pairwise(row.numbers[:-1]):
        for quantity, price in ((one, other), (other, one)):
            is_count = not quantity.is_money or price.decimals == 4  # 2.00 ROLL 1.5000
            if (
                is_count
                and not (price.unit or (quantity.unit and quantity.value == 1))  # MILK 1L 389
                and 0 < quantity.value <= MAX_QUANTITY
                and price.value
                and _near(quantity.value * price.value, amount)
            ):
                return quantity, price
    return None


def _name(text: str, end: int) -> str:
    name = text[:end] if end > 0 else text
    name = _CODE.sub("", _RATE.sub("", name.strip(" *")))
    name = re.sub(r"(?<!\s)\s+[-\u2013]?\d+[.,]\d{2}\b.*$", "", name)
    name = re.sub(r"\([\s@]*(?:\)|$)", "", name)  # (2 @14.00)
    name = name.strip(" .:-*@=|,#_").strip()
    return name if is_name(name) else ""


def is_name(name: str) -> bool:
    return len(re.findall(r"[^\W\d_]", name)) >= 2


def _piece_count(name: str, lead: re.Pattern[str]) -> Decimal | None:
    """The number in front of the name, or behind it with an x."""
    found = lead.search(name) or _TRAIL.search(name)
    count = next(filter(None, found.groups()), None) if found else None
    return Decimal(count) if count else None


def proved(read: Read, amount: Decimal | None) -> Read | None:
    """The row if its quantity and price make the amount; 1,689 may be a price in thousandths."""
    if read.quantity is None or read.price is None or amount is None:
        return None
    for price in (read.price, read.price / 1000):
        if _near(read.quantity * price, abs(amount)):
            return read._replace(price=price)
    return None


def _near(a: Decimal, b: Decimal) -> bool:
    """Equal but for rounding a weight times its price."""
    return abs(a - b) <= Decimal("0.0101")
