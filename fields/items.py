"""The items that were bought. Pure: the rows between the head and the sums in.

A name and its amount may stand on one row or on two, and the row `2 x 1,29` above or below them.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

from fields.contacts import is_head
from fields.labels import Row, plain
from fields.lexicon import MARK, filled, rule
from fields.money import Amount, parse_money
from fields.totals import role_of
from result import Evidence, Item

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
# The price of one of the item above: ($2.50 each), 3 EUR je Stück.
_EACH = rule(rf"^\W*{MARK}? ?(?P<price>\d+(?:[.,]\d{{2}})?) ?{MARK}? ?/? ?<items.each>\W*$")
_FORMER = rule(r"^\W*<items.former>\b")  # a price that is not asked any more
_HEADING = rule(r"\b<items.headings>\b")
_NO_ITEM = {"total", "grand", "subtotal", "rounding", "rounded", "change", "tax", "service", "tip"}
_NO_ITEM |= {"count", "other", "inclusive"}
MAX_QUANTITY = Decimal(999)


class _Read(NamedTuple):
    """A row as part of an item."""

    name: str
    amount: Decimal | None
    quantity: Decimal | None = None
    price: Decimal | None = None


_NOTHING = _Read("", None)


def find_items(rows: Sequence[Row], last: int, sums: Set[Decimal]) -> tuple[Item, ...]:
    """The items on the rows up to, not including, `last`; `sums` are what they may make.

    Where no amount has cents, numbers without a sign of money are amounts too if they make a sum.
    """
    found = _without_surplus(_items(rows[:last]), sums)
    has_cents = any((item.amount or 0) % 1 for item in found)
    if has_cents or (len(found) > 1 and _made(found) in sums):
        return tuple(found)
    whole = _without_surplus(_items([_in_whole(row) for row in rows[:last]]), sums)
    return tuple(whole if len(whole) > 1 and _made(whole) in sums else found)


def _made(items: Sequence[Item]) -> Decimal:
    return sum((item.amount or Decimal(0) for item in items), Decimal(0))


def _in_whole(row: Row) -> Row:
    """The row whose last number is an amount where it has none and ends with it: MILK 389 C00."""
    apart = [n for n in row.numbers if n.value and not row.text[: n.start][-1:].isalpha()]
    is_last = apart and not apart[-1].unit and len(row.text) - apart[-1].end <= 4
    return row._replace(amounts=tuple(apart[-1:])) if is_last and not row.amounts else row


def _items(rows: Sequence[Row]) -> list[Item]:
    items: list[Item] = []
    added = [Decimal(0)]  # what the items make, one after the other
    above, waiting = _NOTHING, None
    printed = _below_heading(rows)
    things = [row for row in printed if not (is_head(row.text) or _is_sum(row) or _is_former(row))]
    lead = _lead(printed, things)
    is_below = _are_names_below(things, lead)
    for row in reversed(things) if is_below else things:
        if each := _EACH.search(row.text):
            _priced(items, parse_money(each["price"]))
            continue
        read = _read(row, lead)
        if read.amount is None:
            if read.quantity is not None and not read.name:
                waiting = None if _completed(items, read) else read
            elif _may_name(row, read):
                above = read
            continue
        if not (read.name or above.name) or _repeats_sum(added, read):
            continue
        item = _item(read, above, waiting, "discount" in row.topics)
        items.append(replace(item, evidence=_evidence(row)))
        added += [added[-1] + item.amount] if item.amount else []
        above, waiting = _NOTHING, None
    return items[::-1] if is_below else items


def _are_names_below(things: Sequence[Row], lead: re.Pattern[str]) -> bool:
    """No amount has a name on its own row, and the last row is a name."""
    reads = [_read(row, lead) for row in things]
    is_last = bool(reads) and reads[-1].amount is None and _may_name(things[-1], reads[-1])
    return is_last and not any(read.name for read in reads if read.amount is not None)


def _may_name(row: Row, read: _Read) -> bool:
    return _is_name(read.name) and len(_HEADING.findall(row.text)) < 2


def _without_surplus(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    """Without what makes them more than any of the sums: one row, or all from a row on.

    Those are sums and charges whose label was not understood, and rows of the head.
    """
    amounts = [item.amount or Decimal(0) for item in items]
    made = [Decimal(0), *accumulate(amounts)]
    if made[-1] in sums:
        return items
    surplus = [n for n, amount in enumerate(amounts) if amount and made[-1] - amount in sums]
    whole = [n for n, so_far in enumerate(made) if so_far in sums]
    if whole and not surplus:
        return items[: whole[-1]]
    surplus = surplus or [n for n, amount in enumerate(amounts) if amount in sums]
    return [item for n, item in enumerate(items) if n not in surplus[-1:]]


def _is_former(row: Row) -> bool:
    return bool(row.amounts and _FORMER.search(row.text))


def _priced(items: list[Item], price: Decimal | None) -> None:
    """Give the last item the price of one, if whole pieces of it make its amount."""
    if items and price and (items[-1].amount or 0) >= 2 * price:
        quantity, rest = divmod(items[-1].amount or Decimal(0), price)
        if not rest:
            items[-1] = replace(items[-1], quantity=quantity, unit_price=price)


def _evidence(row: Row) -> Evidence:
    """Of an item the row of its amount, as probable as its print was legible."""
    end = len(row.text)
    return Evidence(row.lowest_confidence(0, end), "ocr", row.page, row.box(0, end))


def _below_heading(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows from the one that names the columns on, if amounts stand below it; else all."""
    for index, row in enumerate(rows):
        if not row.numbers and len(_HEADING.findall(row.text)) >= 3:
            return rows[index:] if any(below.amounts for below in rows[index:]) else rows
    return rows


def _repeats_sum(added: Sequence[Decimal], read: _Read) -> bool:
    """The amount is that of all items above, two at least: a sum whose label was not read."""
    return len(added) > 2 and read.amount == added[-1]


def _is_sum(row: Row) -> bool:
    """The row is a sum, a tax or a payment and not a thing that is called so (a gift card)."""
    role = role_of(row.topics)
    names = [word for word in plain(row.text).split() if word.isalpha()]
    is_tax_base = role is None and bool(row.topics & {"excl", "incl"}) and len(names) <= 2
    return (
        role in _NO_ITEM or is_tax_base or (role in ("cash", "card", "wallet") and len(names) <= 2)
    )


def _lead(rows: Sequence[Row], things: Sequence[Row]) -> re.Pattern[str]:
    """What a number of pieces looks like in front of a name on this receipt.

    A bare number is one below a heading that starts with Qty, or where more than a third of the
    things has one.
    """
    is_headed = any(_QUANTITY.match(row.text) and not row.numbers for row in rows)
    names = [row.text for row in things if row.amounts and _is_name(row.text)]
    counts = [m["quantity"] for m in map(_COLUMN.match, names) if m]
    if len(counts) > 2 and counts == [f"{n}" for n in range(1, len(names) + 1)] and not is_headed:
        return _NUMBERED
    is_column = 3 * len(counts) > len(names) or "1" in counts
    return _COLUMN if is_headed or is_column else _LEAD


def _read(row: Row, lead: re.Pattern[str]) -> _Read:
    name, amount, quantity, price = _read_whole(row)
    count = _piece_count(name, lead) if quantity is None else quantity
    bare = _TRAIL.sub("", lead.sub("", name))
    if count is None:  # the last numbers are columns: TEA 2 235 470.00, but EDAM 15
        bare = re.sub(r"(?:(?<!\s)\s+\d{1,3}){1,2}$", "", bare)
    read = _Read(bare.strip(" .:-*") or name, amount, count, price)
    if price is None and len(row.amounts) > 1:
        priced = read._replace(price=row.amounts[-2].value)
        return _proved(priced, amount) or read
    return _proved(read, amount) or read


def _read_whole(row: Row) -> _Read:
    """The row with the number of pieces still in front of its name, or behind it."""
    times = _TIMES.search(row.text)
    if times:
        outside = [a for a in row.amounts if a.start >= times.end() or a.end <= times.start()]
        amount = outside[-1].value if outside else None
        text = row.text[: times.start()] + " " + row.text[times.end() :]
        count = Decimal(times["quantity"].replace(",", "."))  # 1.150 kg
        each = parse_money(times["price"])
        return _Read(_name(text, text.find(" " * 2)), amount, count, each)
    if not row.amounts:
        return _Read(_name(row.text, len(row.text)), None)
    amount = row.amounts[-1].value
    pair = _factors(row, amount)
    if pair:
        quantity, price = pair
        start = min(quantity.start, price.start)
        between = row.text[quantity.end : max(quantity.end, price.start)]
        name = _name(row.text, start) if start else ""
        name = name or _name(_PIECES.sub("", between), 0)
        return _Read(name, amount, quantity.value, price.value)
    return _Read(_name(_name_beside(row), 0), amount)


def _name_beside(row: Row) -> str:
    """What is before the first amount that has letters before it, or behind the first of all."""
    starts = [a.start for a in row.amounts if _is_name(row.text[: a.start])]
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
    return name if _is_name(name) else ""


def _is_name(name: str) -> bool:
    return len(re.findall(r"[^\W\d_]", name)) >= 2


def _piece_count(name: str, lead: re.Pattern[str]) -> Decimal | None:
    """The number in front of the name, or behind it with an x."""
    found = lead.search(name) or _TRAIL.search(name)
    count = next(filter(None, found.groups()), None) if found else None
    return Decimal(count) if count else None


def _completed(items: list[Item], read: _Read) -> bool:
    """Give the last item the quantity and price of the row below it, if they make its amount."""
    proved = _proved(read, items[-1].amount) if items else None
    if proved:
        items[-1] = replace(items[-1], quantity=proved.quantity, unit_price=proved.price)
    return proved is not None


def _proved(read: _Read, amount: Decimal | None) -> _Read | None:
    """The row if its quantity and price make the amount; 1,689 may be a price in thousandths."""
    if read.quantity is None or read.price is None or amount is None:
        return None
    for price in (read.price, read.price / 1000):
        if _near(read.quantity * price, abs(amount)):
            return read._replace(price=price)
    return None


def _item(read: _Read, above: _Read, waiting: _Read | None, is_discount: bool) -> Item:
    amount = read.amount or Decimal(0)
    proved = waiting and _proved(waiting, amount)
    if proved:
        read = read._replace(quantity=proved.quantity, price=proved.price)
    if not read.name:
        is_whole = read.quantity is None and (above.price is None or _proved(above, amount))
        read = above if is_whole else read._replace(name=above.name)
    if is_discount and len(read.name.split()) <= 3:
        amount = -abs(amount)
    return Item(read.name, read.quantity, read.price, amount)


def _near(a: Decimal, b: Decimal) -> bool:
    """Equal but for rounding a weight times its price."""
    return abs(a - b) <= Decimal("0.0101")
