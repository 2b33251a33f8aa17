"""The items that were bought. Pure: the rows between the head and the sums in.

A name and its amount may stand on one row or on two, and the row `2 x 1,29` above or below them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate, pairwise, takewhile
from operator import ne
from statistics import median

from fields.address import has_price, names_town
from fields.columns import Column, columns_below, names_alone, quantity_in
from fields.contacts import count_headings, is_head, is_no_name, is_street, names_street
from fields.dates import find_dates, find_time
from fields.item_rows import (
    LEAD,
    NOTHING,
    WORD,
    Read,
    is_name,
    is_near,
    lead_of,
    proved,
    read_row,
)
from fields.labels import Row, plain
from fields.lexicon import MARK, rule
from fields.money import find_amounts, parse_money
from fields.roles import role_of
from result import Evidence, Item

# The price of one of the item above: ($2.50 each), 3 EUR je Stück; @ 3,25 $, PZN 01578675 á 6,95.
# Few signs before it: with any number a row of 300 bars took 0.2 ms.
_EACH = rule(rf"^\W{{0,9}}{MARK}? ?(?P<price>\d+(?:[.,]\d{{2}})?) ?{MARK}? ?/? ?<items.each>\W*$")
_AT = rule(
    rf"^\W{{0,9}}(?:<items.codes>[ .:]{{0,2}}\d{{5,13}} +)?(?:@|[àá](?= )) ?{MARK}? ?"
    rf"(?P<price>\d+[.,]\d{{2}}) ?{MARK}?\W*$"
)
_DAY = re.compile(r"\d\d[/.-]\d\d +(?=[^\W\d_]{2})")  # 03/12 ROOM CHARGE
_PRODUCT = rule(r"\b<items.things>\b")
_THOUSANDS = re.compile(r"[1-9]\d{0,2} \d{3}")
_FORMER = rule(r"^\W*<items.former>\b")  # a price that is not asked any more
_TAX_LETTERS = tuple(
    map(
        re.compile,
        (
            r"^[A-Z](?:\d\d)? (?=\w{2})",
            r"^(?:\d{3,6} ){1,2}(?=\D*[^\W\d_]{2})",
            r"(?<=\w\w) (?:\*?[A-Z]|\([E\u0110\u0415\u0402]\)|[FNT][FPTWX])$",  # NF; Serbia
            r"(?<=\w\w) \d{1,2}(?:[.,]\d\d?)? ?%$",
        ),
    )
)
_MEASURE = re.compile(r"(?<!\d)\d{1,6}(?:[.,]\d{1,3})? ?(?:[kcm]?[gl]|[cm]m|oz|s)\b", re.IGNORECASE)
_MEASURED = re.compile(r" \d{1,4}[.,]\d{2,3} ?[A-Za-z]?$")  # PLUS UNLD 12.884G
_LABELLED = re.compile(r":[ #]*\d[\d .,]*$")  # Table: 8, Gross Amt: 47 80
MOST_NAMED = 4  # of so many prices one may have a name beside it, though names are below them
MOST = 10  # times the total: an amount that is more is misread
_MAYBE_ITEMS = ({"service"}, {"cash", "card", "wallet"}, {"tax"}, {"total", "grand", "subtotal"})
_NO_ITEM = {"total", "grand", "subtotal", "rounding", "rounded", "change", "tax", "service", "tip"}
_NO_ITEM |= {"count", "other", "inclusive"}


def find_items(
    rows: Sequence[Row], last: int, sums: Set[Decimal], likely: Set[Decimal]
) -> tuple[Item, ...]:
    """The items on the rows up to, not including, `last`.

    `sums` are what they may make, `likely` those and doubtful ones.
    """
    rows = rows[:last]
    most = MOST * max(sums, default=Decimal(0))
    printed = [item for item in _items(rows) if most <= 0 or abs(_amount(item)) <= most]
    found = next(filter(None, _summed(rows, printed, sums, likely)), ())
    if len(found) < 2:
        found = _with_measure(found, _measured(rows, likely))
    return _without_letters(_without_choices(found or _without_sums(printed, sums)))


def _with_measure(found: Sequence[Item], measured: Sequence[Item]) -> Sequence[Item]:
    """The only item with what was measured of it: GALLONS 10.512 above FUEL SALE 34.68."""
    if not found or not measured:
        return found or measured
    (item,), (count,) = found, measured
    if item.quantity is not None or item.amount != count.amount:
        return found
    return [replace(item, quantity=count.quantity, unit_price=count.unit_price)]


def _summed(
    rows: Sequence[Row], items: Sequence[Item], sums: Set[Decimal], likely: Set[Decimal]
) -> Iterator[Sequence[Item]]:
    """The items that make a sum, with more and more that is read otherwise than it is printed."""
    yield _run(items, sums)
    yield _run([item for item in items if _is_paid(item, items)], sums)
    yield _turned(items, sums)
    yield _first(items, likely)
    yield _if_made(items, likely)
    yield _if_made(_otherwise(rows, map(_in_columns, rows)), likely)
    yield _if_made(_otherwise(rows, _aligned(rows)), likely)
    whole = _otherwise(rows, map(_in_whole, rows)) or items
    yield _if_made(whole, likely) if len(whole) > 1 else ()
    yield _last(whole, likely, items)
    thousands = _otherwise(rows, map(_in_thousands, rows))
    yield _if_made(thousands, likely) or _last(thousands, likely, items)
    printed = {role_of(row.topics) for row in rows}
    for roles in _MAYBE_ITEMS:
        more = items if printed.isdisjoint(roles) else _items(rows, roles)
        is_among = "tax" not in roles or more[-1:] == items[-1:]  # city tax, then breakfast
        yield _if_made(more, sums) if is_among else ()


def _otherwise(rows: Sequence[Row], other: Iterable[Row]) -> Sequence[Item]:
    """The items on the rows as they are read otherwise; none if no row is."""
    read = list(other)
    return _items(read) if read != list(rows) else ()


def _if_made(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    return items if _made(items) in sums else ()


def _amount(item: Item) -> Decimal:
    return item.amount or Decimal(0)


def _made(items: Sequence[Item]) -> Decimal:
    return sum(map(_amount, items), Decimal(0))


def _in_whole(row: Row) -> Row:
    """The row whose last number is an amount where it has none and ends with it: MILK 389 C00."""
    apart = [n for n in row.numbers if n.value and not row.text[: n.start][-1:].isalpha()]
    is_last = apart and not apart[-1].unit and len(row.text) - apart[-1].end <= 4
    return row._replace(amounts=tuple(apart[-1:])) if is_last and not row.amounts else row


def _in_columns(row: Row) -> Row:
    """The row with its last amount parted where it has a blank: 2 157 314.00."""
    last = row.amounts[-1] if row.amounts else None
    end = row.text.rfind(" ", last.start, last.end) if last else -1
    if not last or end < 0:
        return row
    parts = find_amounts(f"{row.text[:end]}\t{row.text[end + 1 :]}")
    return row._replace(numbers=parts, amounts=tuple(part for part in parts if part.is_money))


def _in_thousands(row: Row) -> Row:
    """The row with one amount for its last two numbers where they may be one: 1 290."""
    if len(row.numbers) < 2:
        return _in_whole(row)
    one, last = row.numbers[-2:]
    if not _THOUSANDS.fullmatch(row.text, one.start, last.end):
        return _in_whole(row)
    whole = one._replace(value=1000 * one.value + last.value, end=last.end, is_money=True)
    return row._replace(numbers=(*row.numbers[:-2], whole), amounts=(whole,))


def _aligned(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows, without amounts that end before the column of amounts begins: CUT FRUITS 1.99."""
    last = {n: row.amounts[-1] for n, row in enumerate(rows) if row.amounts}
    boxes = {n: box for n, each in last.items() if (box := rows[n].box(each.start, each.end))}
    begin = median(box[0] for box in boxes.values()) if boxes else 0
    before = {n for n, box in boxes.items() if box[2] < begin}
    return [row._replace(amounts=()) if n in before else row for n, row in enumerate(rows)]


def _items(rows: Sequence[Row], also: Set[str] = frozenset()) -> list[Item]:
    """The items on the rows; rows of the roles in `also` are items too."""
    items: list[Item] = []
    above, waiting = NOTHING, None
    printed = _below_heading(rows)
    columns, printed = _in_named_columns(printed)
    things = [row for row in _undated(printed) if not _is_other(row)]
    lead = lead_of(printed, things)
    things = [row for row in things if not _is_sum(row, lead, also)]
    reads = [(row, read_row(row, lead)) for row in things]
    is_below = _are_names_below(reads)
    for row, read in reversed(reads) if is_below else reads:
        if each := _EACH.search(row.text) or (not above.name and _AT.search(row.text)):
            _priced(items, parse_money(each["price"]))
            continue
        if read.amount is None:
            if read.quantity is not None and not read.name:
                waiting = None if _completed(items, read) else read
            elif _may_name(row, read) and not (above.name and _is_code(row.text)):
                above = read
            continue
        read = _with_quantity(row, read, columns)
        read = _with_own_name(row, _joined(above, read, row) or read, above)
        if not (read.name or above.name) and _is_price_of(items, read):
            above = Read(items.pop().description or "", None)
        if not (read.name or above.name):
            continue
        item = _item(read, above, waiting, "discount" in row.topics)
        items.append(replace(item, evidence=_evidence(row)))
        above, waiting = NOTHING, None
    return items[::-1] if is_below else items


def _in_named_columns(rows: Sequence[Row]) -> tuple[Sequence[Column], Sequence[Row]]:
    """The columns that a heading names, and the rows with no words beside the names below it."""
    for index, row in enumerate(rows):
        if not row.numbers and count_headings(row.text) > 1 and (columns := columns_below(row)):
            below = [names_alone(each, columns) for each in rows[index + 1 :]]
            return columns, [*rows[: index + 1], *below]
    return [], rows


def _with_quantity(row: Row, read: Read, columns: Sequence[Column]) -> Read:
    """The row with the number in the column of numbers of pieces, if it has none by itself."""
    if read.quantity is not None or (quantity := quantity_in(row, columns)) is None:
        return read
    counted = read._replace(quantity=quantity, price=None)
    return _with_price(counted, row) or counted


def _with_price(read: Read, row: Row) -> Read | None:
    """The thing with the first amount on the row that is its price of one, as its number proves."""
    priced = (read._replace(price=number.value) for number in row.amounts[:-1])
    return next(filter(None, (proved(each, read.amount) for each in priced)), None)


def _joined(above: Read, read: Read, row: Row) -> Read | None:
    """The thing whose name goes on here, if its number on the row above and the price prove it."""
    if not (above.name and read.name) or above.quantity is None or read.quantity is not None:
        return None
    whole = above._replace(name=f"{above.name} {read.name}", amount=read.amount)
    return _with_price(whole, row)


def _with_own_name(row: Row, read: Read, above: Read) -> Read:
    """The row without its name where the row above has the thing's name.

    That is so if its own name is a code, or if its price stands behind the name above. What is
    taken off is named by its rate: 10% (10.00%) -3.40.
    """
    if not read.name and (read.amount or 0) < 0 and "%" in row.text:
        return read._replace(name=row.text[: row.amounts[-1].start].strip())
    has_its_price = above.price is not None and above.price == read.price
    yields = above.name and (_is_code(read.name) or has_its_price)
    return read._replace(name="") if yields else read


def _is_price_of(items: Sequence[Item], read: Read) -> bool:
    """The amount of the last item is the price of one of these: Stamps $1.70, 10 @ 1.70 17.00."""
    is_of_several = read.price and read.price != read.amount
    return bool(items and is_of_several and items[-1].amount == read.price)


def _undated(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without the dates before things that were had on several days, as in a hotel."""
    undated = [_without_date(row) if row.amounts else row for row in rows]
    is_column = sum(map(ne, undated, rows)) > 1
    return undated if is_column else rows


def _without_date(row: Row) -> Row:
    """The row with blanks for the date that it begins with, if a name follows."""
    day, short = next(find_dates(row.text), None), _DAY.match(row.text)
    end = day.end if day and not day.start else short.end() if short else 0
    return row._replace(text=" " * end + row.text[end:]) if is_name(row.text[end:]) else row


def _are_names_below(reads: Sequence[tuple[Row, Read]]) -> bool:
    """Few prices have a name beside them, no code, and more have one below than above.

    Where as many have one above, the row above the first is of the head if the last one is a name.
    """
    kinds = [_kind(row, read) for row, read in reads if not _is_code_alone(row, read)]
    if MOST_NAMED * kinds.count("named") > kinds.count("named") + kinds.count("price"):
        return False
    pairs = Counter(pairwise(kinds))
    more = pairs["price", "name"] - pairs["name", "price"]
    return more > 0 or (more == 0 and [kind for kind in kinds if kind != "other"][-1:] == ["name"])


def _is_code_alone(row: Row, read: Read) -> bool:
    """It has a code and no price, as may stand between a name and its price."""
    return read.amount is None and _is_code(row.text)


def _kind(row: Row, read: Read) -> str:
    """A `name` or a `price` alone, `named` for both on one row, a `discount`, or an `other` row."""
    if read.amount is not None and read.amount < 0:
        return "discount"
    if read.amount is not None and (not read.name or _is_code(read.name)):
        return "price"
    if read.amount is not None:
        return "named" if read.amount else "other"  # not DISC 0.00
    is_thing = not (row.topics or is_no_name(row.text)) and _may_name(row, read)
    return "name" if is_thing else "other"


def _is_code(text: str) -> bool:
    """It has more figures than letters, and no word, as below a name: BD52 - 10/100."""
    figures = _MEASURE.sub("", text)
    digits = sum(map(str.isdigit, figures))
    return digits > max(2, sum(map(str.isalpha, figures))) and not WORD.search(text)


def _may_name(row: Row, read: Read) -> bool:
    is_other = count_headings(row.text) > 1 or _LABELLED.search(row.text)
    return is_name(read.name) and not is_other


def _is_paid(item: Item, items: Sequence[Item]) -> bool:
    """It is no discount, which may be in the prices already; one that takes an item back is."""
    return _amount(item) >= 0 or any(other.amount == -_amount(item) for other in items)


def _first(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    """The first items, three at least, that make a sum."""
    made = list(accumulate(map(_amount, items)))
    return items[
        : max((n for n, so_far in enumerate(made, 1) if n > 2 and so_far in sums), default=0)
    ]


def _last(items: Sequence[Item], sums: Set[Decimal], printed: Sequence[Item]) -> Sequence[Item]:
    """The last items, two at least, that make a sum, without numbers of the head above them.

    No amount that is `printed` as one is left out.
    """
    head = list(takewhile(lambda item: item not in printed, items))
    ends = (items[n:] for n in range(1, min(len(head), len(items) - 2) + 1))
    return next((end for end in ends if _made(end) in sums), ())


def _without_sums(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    """Without amounts that are those of all items above, two at least, and the last sum."""
    kept: list[Item] = []
    for item in items:
        kept += [item] if len(kept) < 2 or _made(kept) != item.amount else []
    repeated = [n for n, item in enumerate(kept) if item.amount in sums][-1:]
    return [item for n, item in enumerate(kept) if n not in repeated]


def _run(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    """All that make a sum, or all but one, or the first ones; none where none do."""
    amounts = list(map(_amount, items))
    made = [Decimal(0), *accumulate(amounts)]
    if made[-1] in sums:
        return items
    surplus = [n for n, amount in enumerate(amounts) if amount and made[-1] - amount in sums]
    if surplus:
        return [item for n, item in enumerate(items) if n != surplus[-1]]
    whole = [n for n, so_far in enumerate(made) if so_far in sums]
    return items[: max(whole, default=0)]


def _turned(items: Sequence[Item], sums: Set[Decimal]) -> Sequence[Item]:
    """Those that make a sum where a mark before an amount was read as a minus."""
    for n, item in enumerate(items):
        turned = [*items[:n], replace(item, amount=abs(_amount(item))), *items[n + 1 :]]
        is_discount = "%" in (item.description or "")
        if _amount(item) < 0 and not is_discount and (found := _run(turned, sums)):
            return found
    return ()


def _measured(rows: Sequence[Row], sums: Set[Decimal]) -> Sequence[Item]:
    """What was measured, as fuel is, where two numbers one after the other make a sum.

    The price is the second, or the one with a currency: $1.999 above 9.505.
    """
    numbers = [(n, number) for n, row in enumerate(rows) for number in row.numbers]
    for (n, one), (_, other) in pairwise(numbers):
        made = one.value * other.value
        is_measure = one.decimals or other.decimals
        is_product = is_measure and made not in (one.value, other.value)
        if not is_product or not any(is_near(made, each) for each in sums):
            continue
        name = next((name for row in reversed(rows[: n + 1]) if (name := _thing(row))), None)
        if name:
            is_turned = one.is_money and not (other.is_money and one.decimals)  # Rp 12.500, 7,60 l
            count, price = (other, one) if is_turned else (one, other)
            paid = min(sums, key=lambda each: abs(each - made))
            return [Item(name, count.value, price.value, paid, _evidence(rows[n]))]
    return ()


def _thing(row: Row) -> str:
    """The name on the row, if it is that of a thing, without what was measured of it."""
    text = row.text
    is_other = row.topics or is_no_name(text) or is_head(text) or find_time(text)
    if is_other or count_headings(text) > 1:
        return ""
    label, _, named = text.rpartition(" : ")  # Nama Produk : PERTAMAX, but Harga/Liter : Rp. 12.500
    if label:
        return named if _PRODUCT.search(label) and not row.numbers else ""
    return _MEASURED.sub("", read_row(row, LEAD).name)


def _without_choices(items: Sequence[Item]) -> Sequence[Item]:
    """Without what is free and has no count, below things that have one: 1 BURGER, MAYO 0.00."""
    priced = [item for item in items if item.amount]
    counted = [item for item in priced if item.quantity is not None]
    if 2 * len(counted) <= len(priced):
        return items
    first = items.index(counted[0])
    return [item for n, item in enumerate(items) if n < first or item.amount or item.quantity]


def _without_letters(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items without the letter or rate of tax that most names begin or end with."""
    names = [item.description or "" for item in items if _amount(item) > 0]
    for form in _TAX_LETTERS:
        if 1 < sum(bool(form.search(name)) for name in names) >= 0.75 * len(names):
            items = [
                replace(item, description=form.sub("", item.description or "")) for item in items
            ]
    return tuple(items)


def _is_other(row: Row) -> bool:
    """It is of the head, as ul. Dluga 8, 31-147 Krakow is, or has a price not asked any more."""
    is_place = is_street(row.text) and names_street(row.text)
    is_address = row.amounts and is_place and not has_price(row)
    is_town = row.amounts and not row.amounts[-1].decimals and names_town(row.text)  # NW10 0TL
    is_former = row.amounts and _FORMER.search(row.text)
    return bool(is_head(row.text) or is_address or is_town or is_former)


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
        if not row.numbers and count_headings(row.text) >= 3:
            return rows[index:] if any(below.amounts for below in rows[index:]) else rows
    return rows


def _is_sum(row: Row, lead: re.Pattern[str], also: Set[str]) -> bool:
    """The row is a sum, a tax or a payment and not a thing that is called so (a gift card)."""
    role = role_of(row.topics)
    names = [word for word in plain(row.text).split() if word.isalpha()]
    if role in also and row.amounts:
        return False
    if role in ("cash", "card", "wallet", "service") and lead.search(row.text):  # 1 DELIVERY CHARGE
        return False
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
    if not (counted or read.name or read.price is None):
        counted = proved(above._replace(price=read.price), amount)
    if counted:
        read = read._replace(quantity=counted.quantity, price=counted.price)
    if not read.name:
        is_whole = read.quantity is None and (above.price is None or proved(above, amount))
        read = above if is_whole else read._replace(name=above.name)
    if is_discount and len(read.name.split()) <= 3:
        amount = -abs(amount)
    return Item(read.name, read.quantity, read.price, amount)
