"""The address of the shop: the rows of street and town below its name. Pure: rows in."""

import re
from collections.abc import Sequence, Set
from functools import lru_cache

from fields.contacts import (
    BARE_PHONE,
    IDENTITY,
    PHONE,
    STREET_ENDING,
    STREETS,
    count_headings,
    is_no_name,
    is_street,
    names_street,
)
from fields.dates import find_dates, find_time, parse_date
from fields.labels import Row, plain
from fields.lexicon import rule, words
from fields.tax_ids import TAX_ID

_SUITE = re.compile(r"(?:^| )# ?[A-Z]?[\d-]{1,6}\b,?")
_NUMBERED = re.compile(  # also NO 24, 25 & 26,
    r"^[^\w#]{0,3}(?:no\.? ?|lot ?|blk ?)?\d{1,9}[\w/-]{0,4}"
    r"(?:[ ,].*[^\W\d_]{2}|[\d ,&/-]{0,20},$)",
    re.IGNORECASE,
)
# Grønland 12; R. da Patria, 2210 - Santana
_HOUSE = re.compile(
    r"(?=.{0,9}[^\W\d_]{3})[^\W\d_][\w .,'-]{2,40}(?: \d{1,3}(?:/\d{1,4})?[a-zA-Z]?,?$|, \d{1,5}\b)"
)
# Brink 40a, Deventer; Belgrano 642 - Rosario, Santa Fe; Brink 20, 7411 BT Deventer
_HOUSE_AND_TOWN = re.compile(
    r"(?=.{0,9}[^\W\d_]{3})[^\W\d_](?:[^\W\d_]|[ .'-]){2,40} \d{1,4}[a-zA-Z]?(?:,| -) ?"
    r"(?:\d{4,5} )?[A-Z](?:[^\W\d_]|[ .,'-]){3,30}$"
)
_PREMISES = rule(  # SHOP 12 Green Oaks Centre, G/F Market Place
    r"^(?:<merchant.premises> (?:no\.? ?)?[A-Z]?-?\d{1,4}[A-Z]?|[LUB]?G/F|\d\d?/F)\b,? ?\w"
)
_CODED = rule(r"\b(?:cep|c\.?p|[tτ]\.?[kκ])[ .:]{1,3}\d{5}(?!\d)")  # C.P. 03230; CEP 02402-100
# Số: HD004417, Barreira: GRIJO Via 11; but NO: 1-1 GROUND FLOOR, Lot NO : 20
_LABELLED = rule(r"^\W{0,3}(?![^:]{0,40}\b<merchant.addressed>\W{0,2}:)[^\W\d_][^:\d]{0,24}: ?\w")
_WORD = re.compile(r"[^\W\d_]{2}")
_LONG_WORD = re.compile(r"[^\W\d_]{4}")
_SMALL_WORD = re.compile(r"(?<!\S)[a-z]{4}")  # as sentences have: Have a lovely day
_EACH = rule(r"^\W*(?:<items.each>|<items.pieces+units>|<items.tax_codes>)\b")
_COMPANY = rule(r"\b<~legal.forms>\W*$")
# 40-001 Katowice, 01305-000 Rio, 110 00 Praha; 0155 Oslo, NL-1017 MA; 75006 Paris
_POSTCODE = re.compile(
    r"^[^:]*(?<![\d-])(?:\d{4}-\d{3} {1,3}[A-Z]\b"  # 2785-599 S. D. RANA
    r"|(?:\d\d-\d{3}|\d{4,5}-\d{3}|\d{3} \d\d)(?![\d-]) {1,3}[^\W\d_]{3})"
    r"|^\W{0,3}(?:[A-Z]{1,3}-)?(?!000)[\dO]\d{3,4}\)?\s{1,3}[^\W\d_]"
    r"|^[^:]*(?<!\d)[1-9O]\d{4}\s{1,3}(?:[^\W\d_]{3}|[A-Z]{2}$)"  # 56100 KL
)
# Rosemead, CA. 90280; Yukon, OK; Hobart TAS 7000; London SE1 9RY; V3S 9N7; D02 X285
_TOWN = rule(
    r"(?-i:\w\W{1,3}[A-Z]{2}[.,]{0,2} ?\d{5}(?!\d)|^\w[^\W\d_][\w .]+, ?[A-Z]{2}$"
    r"|[^\W\d_]{4},? [A-Z]{3} \d{4}$|\b[A-Z]\d[\dW] [A-Z][A-Z\d]{3}$"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b)"
    r"|(?-i:^[A-Z][^\W\d_]{3,20}(?: - |-|, | )[1-9]\d{5}$)"  # Bengaluru - 560001
    r"|(?-i:, [A-Z][a-z]{1,4}\.,? {1,2}\d{5}$|, Co\. [A-Z][a-z]{3,}$)"  # Mazatlán, Sin. 82000
    r"|[시구군] .{1,20}[로길] ?\d|[都府県市区]\D{1,12}\d|路 ?\d{1,5} ?号"
    r"|\b<merchant.names> \d{5,6}\b"  # Singapore 117867
)
_GUESTS = re.compile(r"\b(?:gst|cvr|pax):? ?\d{1,2}$", re.IGNORECASE)
_SERVER = re.compile(r"\d{1,4} [^\W\d_][\w.]*(?: [\w.]{1,12})?")
# 22 Hàng Giấy, Hoàn Kiếm, Hà Nội
_LISTED = re.compile(r"\d{1,4}[a-zA-Z]?,? [^\W\d_][^,\d]{2,30}(?:, [^,\d]{3,30}){2,3}$")
# Below a street: Bangkok 10110; Bar Harbor, Maine 04609; CAMPINAS - SP; LV-1050
_TOWN_ALONE = rule(
    r"(?-i:[A-Z][a-zA-Z]{2,20}(?:,? [A-Z][a-z]{2,20}){0,3},? \d{5}(?:\d|-\d{4})?$"
    r"|[^\W\d_][\w .']{2,30}(?: - ?| ?/ ?)<merchant.states>$|L[TV]-\d{4,5}$)"
)
_TOWNS = frozenset(plain(word) for word in words("currency", "words"))
_BETWEEN = re.compile(r"[,/]| -|- |^\d{3} | (?:\d{1,2}|\d{4,6})$")
# B1vd, Mi1l, 22 Haverhi11 Rd; 8I2 Frenchmen St
_FIGURES = re.compile(r"(?<=[A-Za-z])[01]+(?=[a-z]{2}|l\b)")
_LAST_FIGURES = re.compile(r"(?<=[a-z]{3})1+(?= [A-Z])")
_NUMBER = re.compile(r"^[\dIlO]{1,5}(?= [A-Z][a-z])")
_LETTERS, _DIGITS = str.maketrans("01", "ol"), str.maketrans("IlO", "110")
MOST_WORDS = 6  # of a street without a number


def find_address(rows: Sequence[Row], after: int) -> str | None:
    """The rows below the one with the index `after`; any row may stand between two of them."""
    found: list[str] = []
    waiting: list[str] = []  # the row that may stand between: the address has it if it goes on
    for index, row in enumerate(rows[after + 1 :], after + 1):
        text = _without_asides(row)
        if _ends_address(text, row, _below(rows, index)):
            if found:
                break
            waiting = []
        elif _belongs(text, rows, index, found, waiting):
            found += [*waiting, text]
            waiting = []
        elif found and ((text and waiting) or _COMPANY.search(text)):
            break
        elif _WORD.search(text):
            may_go_on = found and not row.amounts  # not $500 CASH GIVEAWAY ON BACK
            is_house = _NUMBERED.match(text) or _is_above_town(text, rows[index + 1 : index + 2])
            waiting = [text] if may_go_on or is_house else []
    return ", ".join(text.strip(" ,*") for text in found) or None


def _belongs(
    text: str, rows: Sequence[Row], index: int, found: Sequence[str], waiting: Sequence[str]
) -> bool:
    """Whether the row is a place by itself, or goes on where the address is or may be."""
    is_other = _may_be_other(rows, index)
    if _is_place(text, is_other):
        return True
    so_far = found or waiting
    may_go_on = so_far and not (is_other or rows[index].topics)
    return bool(may_go_on and _goes_on(text, so_far, waiting))


def _below(rows: Sequence[Row], index: int) -> Sequence[Row]:
    """The next row with a word or a figure; none where this is the last."""
    return [row for row in rows[index + 1 : index + 3] if re.search(r"\w", row.text)][:1]


def _goes_on(text: str, found: Sequence[str], waiting: Sequence[str]) -> bool:
    """Whether the row below an address belongs to it.

    It is a town, or a few words with one for a street among them, or any below a comma.
    """
    if _is_town(text):
        return True
    is_short = len(text.split()) <= MOST_WORDS and _LONG_WORD.search(text)
    is_labelled = ":" in text or IDENTITY.search(text) or count_headings(text) > 1
    is_below_comma = found[-1].endswith(",") and not waiting and not _SMALL_WORD.search(text)
    has_town = any(_TOWN.search(row) or _POSTCODE.match(row) for row in found)
    is_part = is_below_comma or (_streets_in(text) and not has_town)
    return bool(is_part and is_short and not is_labelled)


def _is_town(text: str) -> bool:
    """Whether it is a town, known or with its postcode: Utrecht; Gueliz, Marrakech; Sleman Bali."""
    parts = _BETWEEN.split(text)
    if re.search(r"\d{3}", "".join(parts)):
        return bool(_TOWN_ALONE.match(text))
    read = text.split()
    ends = (plain(" ".join(read[-number:])) for number in (1, 2) if len(read) <= 3)
    is_known = len(read) <= MOST_WORDS and not _TOWNS.isdisjoint({*map(plain, parts), *ends})
    return is_known or bool(_TOWN_ALONE.match(text))


def names_town(text: str) -> bool:
    """It has a town with its postcode."""
    return bool(_TOWN.search(text))


def has_price(row: Row) -> bool:
    """It ends with an amount, or with a unit or tax code behind it: not NO.50, JALAN PBS."""
    if not row.amounts:
        return False
    behind = row.text[row.amounts[-1].end :]
    return bool(_EACH.search(behind) or not _LONG_WORD.search(behind))


def _without_asides(row: Row) -> str:
    """The text less dates, times, phone and tax numbers beside it: BROADWAY | 11:47 AM."""
    columns = [row.text[piece.start : piece.end] for piece in row.pieces] or [row.text]
    return " ".join(filter(None, map(_without_aside, columns)))


@lru_cache(maxsize=1024)
def _without_aside(text: str) -> str:
    if find_time(text):
        return ""
    text = _FIGURES.sub(_as_letters, text)
    if text[:1].isdigit():
        text = _LAST_FIGURES.sub(_as_letters, text)
        text = _NUMBER.sub(lambda number: number[0].translate(_DIGITS), text)
    for pattern in (PHONE, BARE_PHONE, TAX_ID):
        found = pattern.search(text)
        text = text[: found.start()] + text[found.end() :] if found else text
    is_street = any(len(word) > 3 for word in _streets_in(text))
    return "" if parse_date(text) and not is_street else text.strip()  # not 1-1-24 JALAN TUN


def _as_letters(figures: re.Match[str]) -> str:
    return figures[0].translate(_LETTERS)


def _streets_in(text: str) -> set[str]:
    """The words for streets and towns; no lone letters but that of C/ LARGA, and Chinese ones.

    Dr. in front is a title: Dr. Smith, but Park Dr. Jr. is a street in front alone: JR. UNION 471.
    """
    letter = text[:1].lower() if text[1:2] == "/" else ""
    read = plain(text).split()
    is_title = read[:1] == ["dr"] and "".join(read[1:]).isalpha()
    found = STREETS.intersection(read[is_title:]) - set(read[1:]).intersection(["jr"])
    return {word for word in found if len(word) > 1 or not word.isascii() or word == letter}


def _ends_address(text: str, row: Row, below: Sequence[Row]) -> bool:
    """It is a thing with its price, or of the till: Item Qty Unit Price, Tbl 3 Gst 2."""
    if has_price(row) and not _TOWN.search(text):
        return True
    rest = "".join(map(_without_asides, below))
    has_town = ":" not in text and _TOWN.search(text)
    if is_no_name(text) and not has_town:  # but Jalan Dato Onn, though dato is Danish for date
        return not (is_street(rest) or _TOWN.search(rest)) or bool(is_no_name(rest))
    return bool(_GUESTS.search(text)) or _is_server(text, rest)


def _is_server(text: str, below: str) -> bool:
    """It says who serves: 1034 Yvonne C, above Chk 1067 Gst 2."""
    is_one = _SERVER.fullmatch(text) and not _streets_in(text)
    return bool(is_one and (is_no_name(below) or _GUESTS.search(below)))


def _is_above_town(text: str, below: Sequence[Row]) -> bool:
    """It ends with the number of a house, and a postcode and a town are below it."""
    towns = (
        _POSTCODE.match(row.text) or _CODED.search(row.text) or _is_town(row.text)
        for row in below
        if not _HOUSE.match(row.text)
    )
    return bool(_HOUSE.match(text) and any(towns))


def _may_be_other(rows: Sequence[Row], index: int) -> bool:
    """It has a date, or may be a thing with its price below it."""
    return any(find_dates(rows[index].text)) or _is_thing(rows, index)


def _is_thing(rows: Sequence[Row], index: int) -> bool:
    """A price is on the row below, a date or a price on the one above: 10234 CHICKEN RICE."""
    above, below = rows[max(index - 1, 0)], rows[index + 1 : index + 2]
    is_dated = any(find_dates(above.text)) and not names_street(above.text)  # not 1-1-24 JALAN TUN
    return (is_dated or has_price(above)) and any(map(has_price, below))


def _is_place(text: str, is_other: bool) -> bool:
    """It names a street, with a number or at its start or end, or a town with its postcode.

    On a row that may be of something else (`is_other`), a number before a name is no postcode:
    41627 | 26/03/2016 | Risalen.
    """
    text = _SUITE.sub("", text)
    if IDENTITY.search(text) or _COMPANY.search(text) or count_headings(text) > 1:
        return False
    if _LABELLED.match(text) and not PHONE.search(text):
        return False
    if _TOWN.search(text) or _CODED.search(text) or (_POSTCODE.match(text) and not is_other):
        return True
    if not is_other and (_LISTED.match(text) or _HOUSE_AND_TOWN.match(text)):
        return True
    if _PREMISES.match(text):
        return True
    named, parts = _streets_in(text), [plain(part).split() for part in text.split(" - ")]
    is_short = any(_is_short_street(part, named) for part in parts)
    is_short |= len(named) > 1 and not text.startswith("(")
    has_number = any(map(str.isdigit, text))
    is_named = bool(named or STREET_ENDING.search(text))
    return is_named and (has_number or is_short or "," in text)


def _is_short_street(read: Sequence[str], named: Set[str]) -> bool:
    """A few words that begin or end with one for a street: Avenue de l'Universite."""
    return len(read) <= MOST_WORDS and not named.isdisjoint((*read[:1], *read[-1:]))
