"""The address, the telephone number and the tax number of the shop. Pure: rows in."""

import re
from collections.abc import Sequence
from functools import lru_cache

from fields.dates import find_dates
from fields.labels import Row, plain
from fields.lexicon import rule, words

HEAD_ROWS = 14
ADDRESS = set(plain(" ".join(words("merchant", "streets", "places"))).split())
_STREET_ENDING = rule(r"<merchant.street_endings>\b")
_NOT_A_NAME = rule(r"\b<merchant.not_a_name>\b")
_WEB = rule(r"www\.|http|@[\w-]+\.[a-z]|\.com\b|\.co\.|\.<merchant.domains>\b")
_PHONE = rule(r"\b<numbers.phone>\b[ .:#\-/no]*(?P<number>\+?\(?\d[\d ()./\-]{5,18}\d)")
_BARE_PHONE = re.compile(r"(?<![\d.])(?:\+?1[ -.])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)")
_TAX_ID = rule(
    r"\b<~numbers.tax_id>\b[ .\-]*<numbers.number+tax_number>?[ .:#\-/()a-z]{0,14}?"
    r"(?P<number>(?:[A-Z]{2,3}[ -]?)?(?:\d|[Oo](?=\d))[\dOo /.\-]{6,20}[\dA-Z]\b)"
)
_IDENTITY = rule(r"#|\b<numbers.identity>\b.*\d{6}")


# A row is asked for them up to ten times.
phone_in = lru_cache(maxsize=4096)(_PHONE.search)
tax_id_in = lru_cache(maxsize=4096)(_TAX_ID.search)
web_in = lru_cache(maxsize=4096)(_WEB.search)
is_no_name = lru_cache(maxsize=4096)(_NOT_A_NAME.search)


def is_head(text: str) -> bool:
    """It has a phone number, a tax number, a web address or a date: no thing with a price."""
    return bool(phone_in(text) or tax_id_in(text) or web_in(text) or any(find_dates(text)))


def find_address(rows: Sequence[Row], after: int, header: int) -> str | None:
    """The rows of street, town and postcode below the name."""
    found: list[str] = []
    for index, row in enumerate(rows[after + 1 : header + 2], after + 1):
        if phone_in(row.text) or row.amounts or any(find_dates(row.text)):
            if found:
                break
            continue
        below = rows[index + 1].text if index + 1 < len(rows) else ""
        if tax_id_in(row.text) or _is_of_the_till(row.text, below):
            if found:
                break
        elif is_street(row.text):
            found.append(row.text.strip(" ,*"))
    return ", ".join(found) or None


def _is_of_the_till(text: str, below: str) -> bool:
    """The row has a word of the till, as Item Qty Unit Price has, and no street is below it.

    Jalan Dato Onn is a street, though dato is Danish for date.
    """
    return bool(is_no_name(text)) and not (is_street(below) and not is_no_name(below))


@lru_cache(maxsize=4096)
def is_street(text: str) -> bool:
    """It names a street, or a postcode with its town."""
    if tax_id_in(text) or _IDENTITY.search(text):
        return False
    return bool(
        ADDRESS & set(plain(text).split())
        or re.search(r"(?<!\d)\d{4,5}(?!\d)\s+[A-Za-z]|\b[A-Z]{2},? \d{5}\b", text)
        or _STREET_ENDING.search(text)
    )


def find_phone(rows: Sequence[Row]) -> str | None:
    for row in rows:
        match = phone_in(row.text)
        if match:
            return match["number"].strip(" .-/")
    for row in rows[:HEAD_ROWS]:
        bare = _BARE_PHONE.search(row.text)
        if bare:
            return bare[0].strip()
    return None


def find_tax_id(rows: Sequence[Row]) -> str | None:
    for row in rows:
        match = tax_id_in(row.text)
        if match and sum(c.isdigit() for c in match["number"]) >= 7:
            return match["number"].strip(" .-/")
    return None
