"""The items that were bought. Pure: the rows between the head and the sums in.

A name and its amount may stand on one row or on two, and the row `2 x 1,29` above or below them.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

from fields.contacts import is_head
from fields.item_rows import NOTHING, Read, is_name, lead_of, proved, read_row
from fields.labels import Row, plain
from fields.lexicon import MARK, rule
from fields.money import parse_money
from fields.totals import role_of
from result import Evidence, Item

# The price of one of the item above: ($2.50 each), 3 EUR je Stück.
_EACH = rule(rf"^\W*{MARK}? ?(?P<price>\d+(?:[.,]\d{{2}})?) ?{MARK}? ?/? ?<items.each>\W*$")
_FORMER = rule(r"^\W*<items.former>\b")  # a price that is not asked any more
_HEADING = rule(r"\b<items.headings>\b")
_NO_ITEM = {"total", "grand", "subtotal", "rounding", "rounded", "change", "tax", "service", "tip"}
_NO_ITEM |= {"count", "other", "inclusive"}


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
    above, waiting = NOTHING, None
    printed = _below_heading(rows)
    things = [row for row in printed if not (is_head(row.text) or _is_sum(row) or _is_former(row))]
    lead = lead_of(printed, things)
    is_below = _are_names_below(things, lead)
    for row in reversed(things) if is_below else things:
        if each := _EACH.search(row.text):
            _priced(items, parse_money(each["price"]))
            continue
        read = read_row(row, lead)
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
        above, waiting = NOTHING, None
    return items[::-1] if is_below else items


def _are_names_below(things: Sequence[Row], lead: re.Pattern[str]) -> bool:
    """No amount has a name on its own row, and the last row is a name."""
    reads = [read_row(row, lead) for row in things]
    is_last = bool(reads) and reads[-1].amount is None and _may_name(things[-1], reads[-1])
    return is_last and not any(read.name for read in reads if read.amount is not None)


def _may_name(row: Row, read: Read) -> bool:
    return is_name(read.name) and len(_HEADING.findall(row.text)) < 2


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


def _repeats_sum(added: Sequence[Decimal], read: Read) -> bool:
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


def _completed(items: list[Item], read: Read) -> bool:
    """Give the last item the quantity and price of the row below it, if they make its amount."""
    found = proved(read, items[-1].amount) if items else None
    if found:
        items[-1] = replace(items[-1], quantity=found.quantity, unit_price=found.price)
    return found is not None


def _item(read: Read, above: Read, waiting: Read | None, is_discount: bool) -> Item:
    amount = read.amount or Decimal(0)
    counted = waiting and proved(waiting, amount)
    if counted:
        read = read._replace(quantity=counted.quantity, price=counted.price)
    if not read.name:
        is_whole = read.quantity is None and (above.price is None or proved(above, amount))
        read = above if is_whole else read._replace(name=above.name)
    if is_discount and len(read.name.split()) <= 3:
        amount = -abs(amount)
    return Item(read.name, read.quantity, read.price, amount)
