"""What was bought? Rows between the head and the sums in, items out. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from providers.base import Item
from providers.labels import Row

_TIMES = re.compile(
    r"(?P<quantity>\d{1,4}(?:[.,]\d{1,3})?) ?(?:pcs?|st(?:k|ck)?|ea|unit|un|szt|kg|lb|pz)?\.? ?"
    r"[x\u00d7*@\u00f7] ?(?:RM|Rp|EUR|USD|[€$£])?\.? ?(?P<price>\d[\d.,]*)",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^\W{0,2}(?P<quantity>\d{1,3}) ?(?:[xX\u00d7*] ?|pcs? |ea |  ?)(?=[A-Za-z(\"'])"
)
_TRAIL = re.compile(r"[ (](?:[xX\u00d7] ?(?P<a>\d{1,3})|(?P<b>\d{1,3}) ?[xX\u00d7])\)?\s*$")
_CODE = re.compile(r"^(?:\d{5,}|[A-Z]?\d{6,}[A-Z]?)\s+")
_HEAD = re.compile(
    r"\b(?:qty|description|desc|price|amount|amt|item|harga|jumlah|artikel|menge|preis|uom|disc|unit"
    r"|total|kode|nama)\b",
    re.IGNORECASE,
)


def find_items(rows: Sequence[Row], first: int, last: int) -> tuple[Item, ...]:
    """The items on the rows from `first` up to, not including, `last`."""
    items: list[Item] = []
    pending = ""
    for row in rows[first:last]:
        name = _name(row)
        amount = row.amounts[-1] if row.amounts else None
        if amount is None or (amount.end < len(row.text) * 0.4 and len(name) > 8):
            if _completes(items, row):
                items[-1] = _with_quantity(items[-1], row)
            elif _is_name(name) and not _is_heading(row):
                pending = name
            continue
        if "discount" in row.topics or amount.value < 0:
            items.append(Item(name or pending or "discount", amount=-abs(amount.value)))
            pending = ""
            continue
        if not _is_name(name) and not pending and items and _completes(items, row):
            items[-1] = _with_quantity(items[-1], row)
            continue
        description = name if _is_name(name) else pending
        if not _is_name(name) and pending:
            description = pending
        if not description:
            continue
        items.append(_with_quantity(Item(_without_quantity(description), amount=amount.value), row))
        pending = ""
    return tuple(items)


def _is_heading(row: Row) -> bool:
    return len(_HEAD.findall(row.text)) >= 2


def _is_name(name: str) -> bool:
    return len(re.findall(r"[^\W\d_]", name)) >= 2


def _name(row: Row) -> str:
    """The row's text before its amounts, without an article number in front."""
    text = row.text
    for number in row.amounts:
        if re.search("[A-Za-z]{2}", text[: number.start]):
            text = text[: number.start]
            break
    text = _TIMES.sub(" ", text) if _TIMES.search(text) else text
    text = _CODE.sub("", text.strip())
    return text.strip(" .:-*@=|").strip()


def _without_quantity(name: str) -> str:
    name = _LEAD.sub("", name)
    name = _TRAIL.sub("", name)
    return re.sub(r"\s+\d{1,3}$", "", name).strip(" .:-*") or name


def _completes(items: Sequence[Item], row: Row) -> bool:
    """The row only says how the item before came to its amount: 2 x 1,29."""
    match = _TIMES.search(row.text)
    return bool(items and match and len(re.findall("[A-Za-z]{2,}", row.text)) <= 1)


def _with_quantity(item: Item, row: Row) -> Item:
    """The item with the quantity and unit price that make its amount."""
    values = [n.value for n in row.numbers]
    match = _TIMES.search(row.text)
    if match:
        quantity = Decimal(match["quantity"].replace(",", "."))
        for value in values:
            if item.amount is not None and abs(quantity * value - item.amount) < Decimal("0.011"):
                return replace(item, quantity=quantity, unit_price=value)
    for lead in (_LEAD.search(row.text), _TRAIL.search(_before(row))):
        if lead:
            quantity = Decimal(next(g for g in lead.groups() if g))
            return replace(item, quantity=quantity, unit_price=_unit(quantity, item, row))
    for number in row.numbers[:-1]:
        if not number.decimals and 0 < number.value < 1000 and not number.is_money:
            price = _unit(number.value, item, row)
            if price is not None:
                return replace(item, quantity=number.value, unit_price=price)
    return item


def _before(row: Row) -> str:
    return row.text[: row.amounts[0].start] if row.amounts else row.text


def _unit(quantity: Decimal, item: Item, row: Row) -> Decimal | None:
    """The amount printed before the last that times the quantity makes it."""
    for number in row.amounts[:-1]:
        if item.amount is not None and abs(number.value * quantity - item.amount) <= Decimal(
            "0.01"
        ):
            return number.value
    return None
