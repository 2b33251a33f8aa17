"""A row as part of an item: its name, its amount, how many pieces and the price of one. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from fields.labels import Row
from fields.lexicon import COUNTRIES, CURRENCY_NAMES, MARK, filled, rule
from fields.money import Amount, parse_money

_PIECE = filled("<items.pieces+units>")
_UNIT = rf"(?:{_PIECE}|kg|lbs?|g|l)"
# Also the Cyrillic x; a star that only amounts begin with is none.
_SIGN = r"(?:[x\u0445\u00d7@\u00f7]|(?<! )\*|\*(?= ))"
_OF_UNIT = rf"(?: ?(?:{MARK}|[^\W\d_]{{1,4}})? ?/ ?{_UNIT})"  # EUR/kg, lei/kg
_TIMES = rule(
    rf"(?:(?<![\w.,%/])|(?<=\bn\.))(?P<at>@ ?{MARK}?)?(?P<quantity>\d{{1,4}}(?:[.,]\d{{1,4}})?)"
    rf" ?(?P<unit>{_UNIT})?\.?(?: net)?(?: ?{_SIGN} ?@?{MARK}?\.? ?(?:1 ?{_UNIT}?\.? ?/ ?)?"
    rf"| at 1 for | (?=\d+[.,]\d+{_OF_UNIT})| (?P<for>à) )"
    rf"(?P<price>\d{{1,3}}(?: \d{{3}})+(?={_OF_UNIT}| ?{MARK}(?!\w))|\d+(?:[.,]\d+)*)"
    rf"(?:{_OF_UNIT}| ?<items.each>| ?(?P<of>{_PIECE}))?(?!\w|[.,]\d)"
)
# 3,29 x 2, 10.99 * 1.306
_PRICE_FIRST = re.compile(r"\d+[.,]\d\d ?[x*\u00d7] ?\d+(?:[.,]\d{3})?", re.IGNORECASE)
# (2 @17.50) with the @ misread as a figure or letter: a match is used if the amount proves it
_MISREAD_AT = re.compile(rf"\((?P<quantity>\d{{1,3}}?) ?[08BGQ] ?{MARK}?(?P<price>\d+[.,]\d\d)\)")
_GLUED = re.compile(r"\d+(?:[.,]\d+)?[^\W\d_]\d+")  # 4X40, which may be the size of a screw
_BY = filled(r"(?:[xX\u00d7*] *|<items.pieces> +)")  # 2 x, 3 pcs
_NAME = r"(?=[^\W\d_]|[(\"'&])"  # what it starts with
_START = rf"^(?:(?!{MARK})\W){{0,2}}"
LEAD = re.compile(rf"{_START}(?P<quantity>\d{{1,3}}) ?{_BY}{_NAME}")
# A bare number is one only in a column of them: 2 ICED TEA, but 7 UP and 100 PLUS.
_COLUMN = re.compile(  # also [1] ALCOHOL
    rf"{_START}(?P<quantity>\d{{1,3}}(?= ?{_BY})|\d{{1,2}}(?=\]? ))\]? ?(?:{_BY}| *)(?=[\w(\"'&])"
)
_NUMBERED = re.compile(rf"{_START}\d{{1,2}} +(?:(?P<quantity>\d{{1,2}}) +{_NAME})?(?=\w)")
_QUANTITY = rule(r"^\W*(?:<items.codes>\W+)?<items.quantity>\b")
_PIECES = rule(r"^ ?(?:[x\u00d7*]|<items.pieces+units>\b\.?)(?= )")
_TRAIL = re.compile(r"[ (](?:(?:[x\u00d7] ?|X )(?P<a>\d{1,3})|(?P<b>\d{1,3}) ?[xX\u00d7])\)?\s*$")
_CODE = re.compile(  # also 00001, 011-1880-4
    r"(?:^|(?<=\s))(?:(?<=^)(?:[A-Z] )?[A-Z]?\d{5}|-?[A-Z]?\d{6}|0\d{4})\d*\w{0,2}(?=\s|$)"
    r"|^\d{2,4}-\d{4,5}-\d(?=\s)"
)
_CODED = rule(r"^<items.codes>\b[ .:#]{0,3}(?=\d{5})")  # PZN 16197878
_AT_END = re.compile(rf"(?<=[\w)]) ?@ ?(?:{MARK} ?)?\d+[.,]\d\d$")  # PLUG TOP 13A @8.00
_TAX_CODE = re.compile(filled(r"(?:(?<!\s)\s+|(?<=[.,]\d\d)|^)<items.tax_codes>$"))
_FOR = re.compile(rf"\([\s@]*(?:\)|$)|\s(?:@ ?{MARK}?|[x\u00d7àá])$")  # (2 @14.00)
_ONLY_UNIT = re.compile(rf"\W*{_UNIT}\W*(?:\d+[.,]\d{{3}})?", re.IGNORECASE)
_CURRENCIES = CURRENCY_NAMES - {
    part["code"].lower()
    for file in COUNTRIES.values()
    if (part := file.get("currency", {})).get("is_word")
}
_LAST_NUMBERS = re.compile(r"(?:(?<!\s)\s+\d{1,3}){1,2}$")
WORD = re.compile(r"[^\W\d_]{3}")
_RATE = re.compile(r" %\s?\d{1,2}$")  # %08 *9,95
MEASURED = Decimal("0.0005")  # of an amount, by which pumps and scales round
ROUNDED = Decimal("0.025")  # to 5 Rappen; whole yen to half a yen
MOST_AT_1 = 20  # as many pieces at 1 each, or more, are one piece at more: 500 1 500
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
    is_told = is_headed or any(map(LEAD.match, names))
    if not is_told and _are_numbered(things):
        return _NUMBERED
    is_column = 3 * len(counts) > len(names) or "1" in counts
    return _COLUMN if is_headed or is_column else LEAD


def _are_numbered(things: Sequence[Row]) -> bool:
    """Whether three or more things begin with 1, 2, 3, ..., but for weights and discounts."""
    named = (row for row in things if row.amounts and is_name(row.text))
    own = [row for row in named if row.amounts[-1].value >= 0 and not _TIMES.search(row.text)]
    found = [_COLUMN.match(row.text) for row in own]
    numbers = [match["quantity"] for match in found if match]
    return len(own) > 2 and numbers == [f"{number}" for number in range(1, len(own) + 1)]


def read_row(row: Row, lead: re.Pattern[str]) -> Read:
    name, amount, quantity, price = _read_whole(row)
    count = _piece_count(name, lead) if quantity is None else quantity
    bare = _TRAIL.sub("", lead.sub("", name))
    if count is None:  # the last numbers are columns: TEA 2 235 470.00, but EDAM 15
        bare = _LAST_NUMBERS.sub(lambda last: _if_in_name(row, last[0], amount), bare)
    read = Read(bare.strip(" .:-*") or name, amount, count, price)
    if price is None and len(row.amounts) > 1:
        priced = read._replace(price=row.amounts[-2].value)
        return proved(priced, amount) or (read if read.name else priced)
    return proved(read, amount) or read


def _if_in_name(row: Row, numbers: str, amount: Decimal | None) -> str:
    """The numbers behind a name if no gap parts them from it: EGGS 18, left of its barcode."""
    start = f" {row.text} ".find(f" {numbers.strip()} ")
    is_amount = Decimal(numbers.split()[-1]) == amount
    return "" if start < 0 or is_amount or row.is_apart(start) else numbers


def _read_whole(row: Row) -> Read:
    """The row with the number of pieces still in front of its name, or behind it."""
    times = _TIMES.search(row.text)
    counted = times and _times(row, times)
    if counted and (counted.amount is None or proved(counted, counted.amount)):
        return counted
    priced = _AT_END.search(row.text)
    if priced:
        name = _name(row, 0, priced.start())
        return Read(name, None, price=parse_money(row.text[priced.start() :]))
    if not row.amounts:
        return Read(_name(row), None)
    at = _MISREAD_AT.search(row.text)
    counted = at and proved(_counted(row, at), row.amounts[-1].value)
    if counted:
        return counted
    first, amount = row.numbers[0], row.amounts[-1].value
    pair = _factors(row.numbers[:-1], amount)
    if pair:
        return Read(_name_around(row, pair), amount, pair[0].value, pair[1].value)
    pair = _factors(row.numbers[1:], first.value) if first.is_money else None
    if pair and not is_name(row.text[: pair[1].end]):  # 6.90 2.30 3 SUGAR
        return Read(_name_around(row, pair), first.value, pair[0].value, pair[1].value)
    return Read(_name(row, *_place_beside(row)), amount)


def _counted(row: Row, at: re.Match[str]) -> Read:
    price, quantity = parse_money(at["price"]), Decimal(at["quantity"])
    return Read(_name(row, 0, at.start()), row.amounts[-1].value, quantity, price)


def _times(row: Row, times: re.Match[str]) -> Read | None:
    """The row as a number of pieces and the price of one; None where it may be a size: 4X40."""
    outside = [a for a in row.amounts if a.start >= times.end() or a.end <= times.start()]
    amount = outside[-1].value if outside else None
    name = _name(row, 0, times.start()) or _name(row, times.end())
    count, price = times["quantity"], times["price"].replace(" ", "")
    is_turned = (times["at"] and price.isdigit()) or times["of"] or _PRICE_FIRST.fullmatch(times[0])
    if is_turned and not times["unit"]:  # @298 x 2
        count, price = price, count
    read = Read(name, amount, Decimal(count.replace(",", ".")), parse_money(price))
    if proved(read, amount):
        return read
    if outside and "(" in row.text[max(0, outside[-1].start - 1) : outside[-1].end]:  # (21,00)
        read = read._replace(amount=None)
    is_size = name and (times["for"] or _GLUED.fullmatch(times[0]))
    return None if is_size else read


def _name_around(row: Row, pair: tuple[Amount, Amount]) -> str:
    """The name before, between or behind the number of pieces and their price."""
    one, other = sorted(pair, key=lambda number: number.start)
    amount = row.amounts[-1].start
    end = amount if other.end <= amount and WORD.search(row.text[other.end : amount]) else None
    between = row.text[one.end : other.start]
    name = _name(row, 0, one.start)
    if WORD.search(between) and end:  # 2 TUESDAY $5 BURGER 10.00
        return name or _name(row, one.end, end)
    pieces = _PIECES.match(between)
    start = one.end + (pieces.end() if pieces else 0)
    return name or _name(row, start, other.start) or _name(row, other.end, end)


def _place_beside(row: Row) -> tuple[int, int]:
    """Where the name is: before the last amounts that stand side by side, or behind the first."""
    text, amounts = row.text, _beside_name(row)
    apart = [(a, b) for a, b in pairwise(amounts) if WORD.search(text[a.end : b.start])]
    start = apart[0][0].end if apart else amounts[-1].end
    end = apart[-1][1].start if apart else amounts[0].start
    if is_name(text[:end]):
        return 0, end
    return (start if WORD.search(text[start:]) else 0), len(text)  # PEN may be a currency


def _beside_name(row: Row) -> Sequence[Amount]:
    """The amounts but for a size in the name: PFAND 0,25, with what is paid for it behind."""
    return [each for each in row.amounts[:-1] if not _is_size(row, each)] + [*row.amounts[-1:]]


def _is_column(row: Row, number: Amount) -> bool:
    """It has cents and blanks around it: not 6x1.25L, nor a size."""
    around = row.text[number.start - 1 : number.start] + row.text[number.end : number.end + 1]
    is_bare = not any(map(str.isalnum, around))
    is_measure = number.unit.isalpha() and " " not in row.text[number.start : number.end]
    return number.decimals == 2 and is_bare and not (is_measure or _is_size(row, number))


def _is_size(row: Row, number: Amount) -> bool:
    """Whether it is a size in the name: less than 1, right behind a word, and an amount follows."""
    is_behind_word = row.text[: number.start].rstrip()[-1:].isalpha()
    behind = next((other for other in row.numbers if other.start > number.start), None)
    is_before_amount = behind is None or (behind.is_money and behind.value > 0)
    is_small = 0 < number.value < 1 and is_before_amount
    return is_small and is_behind_word and not row.is_apart(number.start)


def _factors(numbers: Sequence[Amount], amount: Decimal) -> tuple[Amount, Amount] | None:
    """The quantity and the price of one that make the amount.

    They stand side by side, first and last, or with a price without its tax between them.
    """
    far = [(numbers[0], numbers[-1])] if len(numbers) > 2 else []
    near = [*pairwise(numbers), *zip(numbers, numbers[2:], strict=False)]
    is_first = numbers and not numbers[0].start and numbers[0].value > 1  # 3 TUBO X 3M 1.450 4.350
    for one, other in far + near if is_first else near + far:
        for quantity, price in ((one, other), (other, one)):
            is_product = is_near(quantity.value * price.value, amount)
            if _is_count(quantity, price) and _is_price(price, quantity) and is_product:
                return quantity, price
    return None


def _is_count(number: Amount, price: Amount) -> bool:
    """It may be a number of pieces: no money, but for 2.00 ROLL 1.5000, and 2,00 ROLL 1,40."""
    if not 0 < number.value <= MAX_QUANTITY:
        return False
    is_whole_and_first = not number.value % 1 and number.start < price.start and price.value != 1
    is_column = price.is_money and (number.value == 1 or is_whole_and_first)
    return not number.is_money or price.decimals == 4 or is_column


def _is_price(number: Amount, count: Amount) -> bool:
    """It may be the price of one: not 1 SHOT at 500 as 500 at 1, nor MILK 1L at 389."""
    is_one = number.value == 1 and not number.is_money and count.value >= MOST_AT_1
    is_size = number.unit or (count.unit and count.value == 1)
    return bool(number.value) and not (is_one or is_size)


def _name(row: Row, start: int = 0, end: int | None = None) -> str:
    """The name between two places of the row, without its code and the columns behind it."""
    columns = (n.start for n in row.numbers if start < n.start and _is_column(row, n))
    places = (place for place in columns if row.text[start:place].strip(" -"))
    text = row.text[start : min([*places, len(row.text) if end is None else end])]
    name = _without_code(_RATE.sub("", _CODED.sub("", text.strip(" *"))))
    name = _FOR.sub("", " ".join(name.split()))
    name = _TAX_CODE.sub("", name).strip(" .:-*@=|,#_").lstrip("+>]").strip()
    words = re.sub(r"(?<!\d)\d{0,9}[.,]\d+", " ", name.lower()).split()
    found = [word for word in words if len(word) > 1]
    is_amount = bool(found) and _CURRENCIES.issuperset(found)  # RM 5.00, but not EURO95
    is_other = is_amount or _ONLY_UNIT.fullmatch(name) or _QUANTITY.fullmatch(name)
    return name if is_name(name) and not is_other else ""


def _without_code(name: str) -> str:
    """The name without the shop's number of the thing, be it before the name or behind it."""
    code = _CODE.search(name)
    if not code:
        return name
    before, behind = name[: code.start()].strip(), name[code.end() :].strip()
    if WORD.search(before) or not is_name(behind):
        return before
    return f"{before} {behind}" if re.fullmatch(r"[1-9]\d?", before) else behind


def is_name(name: str) -> bool:
    """It has two letters in a word: not p37.48 A."""
    return any(len(re.findall(r"[^\W\d_]", word)) > 1 for word in name.split())


def _piece_count(name: str, lead: re.Pattern[str]) -> Decimal | None:
    """The number in front of the name, or behind it with an x."""
    found = lead.search(name) or _TRAIL.search(name)
    count = next(filter(None, found.groups()), None) if found else None
    return Decimal(count) if count else None


def proved(read: Read, amount: Decimal | None) -> Read | None:
    """The row if its quantity and price make the amount; 1,689 may be a price in thousandths."""
    if read.quantity is None or read.price is None or amount is None:
        return None
    is_measured = read.quantity != read.quantity.to_integral_value()
    has_cents = bool(amount.as_tuple().exponent)
    rounded = ROUNDED if has_cents else Decimal("0.5")
    slack = max(abs(amount) * MEASURED, rounded) if is_measured else Decimal(0)
    for price in (read.price, read.price / 1000):
        if is_near(read.quantity * price, abs(amount), slack):
            return read._replace(price=price)
    return None


def is_near(a: Decimal, b: Decimal, slack: Decimal = Decimal(0)) -> bool:
    """Equal but for rounding a weight times its price."""
    return abs(a - b) <= max(slack, Decimal("0.0101"))
