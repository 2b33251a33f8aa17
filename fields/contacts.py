"""What the rows of a head have: streets, telephone numbers, web addresses. Pure: rows in."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from fields.dates import find_dates
from fields.labels import Row, plain
from fields.lexicon import rule, words
from fields.tax_ids import tax_id_in

HEAD_ROWS = 14
DIGITS = range(8, 13)  # of a telephone number with its area
STREETS = set(plain(" ".join(words("merchant", "streets", "places"))).split())
STREET_ENDING = rule(r"<merchant.street_endings>\b")
_NOT_A_NAME = rule(r"\b<merchant.not_a_name>\b")
_WEB = rule(r"www\.|http|@[\w-]+\.[a-z]|\.com\b|\.co\.|\.<merchant.domains>\b")
PHONE = rule(r"\b<numbers.phone>\b[ .:#\-/no]*(?P<number>\+?\(?\d[\d ()./\-]{5,18}\d)(?!\d?:\d\d)")
BARE_PHONE = re.compile(  # 617-555-0133, (617)555-0133, 617-5550133
    r"(?<![\d.])(?<!\d-)(?:\+? ?1[ .-])?(?!\(?(?:00|1))"
    r"(?:\(\d{3}\) ?-? ?|\d{3}[ .-])\d{3}[ .-]?\d{4}(?![\d.])"
)
# A column with nothing else: 07-555 0116, 02 99 81 40 13, 014/42 17 90
_ALONE = re.compile(
    r"\W?(?!\d\d\.\d\d-)(?:\(?0[1-9]\d{0,3}[)/ .-]{1,2}\d{2,4}(?:[ .-]?\d{2,4}){1,3}"
    r"|\(\d\d\) ?\d{4,5}-\d{4})(?=\W{0,2}$|,)"
)
_OTHER_NUMBER = rule(r"\b<numbers.receipt>\b\W*(?:<numbers.number>\W*)?$")
_HEADING = rule(r"\b<items.headings>\b")
IDENTITY = rule(r"#|\b<numbers.identity>\b[^,]{0,20}\d{6}")  # not No. 114, Road, Pune 411045

# A row is asked for them up to ten times.
phone_in = lru_cache(maxsize=4096)(PHONE.search)
web_in = lru_cache(maxsize=4096)(_WEB.search)
is_no_name = lru_cache(maxsize=4096)(_NOT_A_NAME.search)


def is_head(text: str) -> bool:
    """It has a phone number, a tax number, a web address or a date: no thing with a price."""
    return bool(phone_in(text) or tax_id_in(text) or web_in(text) or any(find_dates(text)))


@lru_cache(maxsize=4096)
def is_street(text: str) -> bool:
    """It names a street, or a postcode with its town."""
    if tax_id_in(text) or IDENTITY.search(text):
        return False
    postcode = re.search(r"(?<!\d)\d{4,5}(?!\d)\s+[A-Za-z]|\b[A-Z]{2},? \d{5}\b", text)
    return bool(postcode or names_street(text))


def count_headings(text: str) -> int:
    """How many words for columns of a list it has: Item, Qty, Unit Price."""
    return len(_HEADING.findall(text))


def names_street(text: str) -> bool:
    """It has a word for a street or a town, or the ending of one: Jalan, Hauptstr."""
    return bool(STREETS & set(plain(text).split()) or STREET_ENDING.search(text))


def find_phone(rows: Sequence[Row]) -> str | None:
    """The first number behind a word for it; else one of ten digits, or alone, in the head."""
    called = (match["number"] for row in rows if (match := phone_in(row.text)))
    bare = (
        match[0]
        for row in rows[:HEAD_ROWS]
        if (match := BARE_PHONE.search(row.text))
        and not _OTHER_NUMBER.search(row.text[: match.start()])
    )
    alone = (
        match[0]
        for row in rows[:HEAD_ROWS]
        for piece in row.pieces
        if (match := _ALONE.match(text := row.text[piece.start : piece.end]))
        and _is_phone(match[0])
        and not any(find_dates(text))
    )
    numbers = (_first_of_two(number).strip(" .-/") for number in chain(called, bare, alone))
    return next((n for n in numbers if len({*re.sub(r"\D", "", n)}) > 1), None)  # no 000-0000


def _is_phone(text: str) -> bool:
    """It has the digits of one, ten with an area code of four or more: not 0203-20757."""
    parts = re.findall(r"\d+", text)
    digits = len("".join(parts))
    return digits in DIGITS and (digits > 9 or len(parts[0]) < 4)


def _first_of_two(number: str) -> str:
    """The number before the next one: 024 417 7204 / 030 281 1770."""
    first = number.partition(" / ")[0]
    return first if sum(map(str.isdigit, first)) in DIGITS else number
