"""What the receipts of one shop have in common. Pure.

By it a merchant's name that a person corrected holds for the next receipt. A wrong match must be
improbable, so numbers that are too short and heads of common words are no keys.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from fields.labels import plain
from fields.lexicon import LANGUAGES, words

MIN_TAX_DIGITS = 7
PHONE_DIGITS = 8  # the last ones: +49 30 123456 and 030 123456 are the same
MIN_HEAD_LETTERS = 6


class Keys(NamedTuple):
    """None where a receipt has none. A tax number says more than a phone, that more than a head."""

    tax_id: str | None
    phone: str | None
    head: str | None


def keys_of(tax_id: str | None, phone: str | None, text: str) -> Keys:
    """The keys of a receipt with these fields and this text, one printed row per line."""
    letters = "".join(filter(str.isalnum, (tax_id or "").upper()))
    digits = re.sub(r"\D", "", phone or "")
    return Keys(
        letters if sum(map(str.isdigit, letters)) >= MIN_TAX_DIGITS else None,
        digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS else None,
        _head(text),
    )


def _head(text: str) -> str | None:
    """The words of the first row that has any, unless it may stand on receipts of other shops.

    A word alone may, but for a chain's name; and so may words of receipts: TAX INVOICE.
    """
    rows = (_words(row) for row in text.splitlines())
    first = next(filter(None, rows), [])
    name = " ".join(first)
    if name in _CHAINS and len(name) > 2:
        return name
    is_own = len(first) > 1 and len(name) > MIN_HEAD_LETTERS and not _COMMON.issuperset(first)
    return name if is_own else None


def _words(row: str) -> list[str]:
    return [word for word in plain(row).split() if len(word) > 1 and word.isalpha()]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


# All words of receipts but those of trades, which with another word make a name: CORNER CAFE.
_COMMON = set(plain(" ".join(_texts(list(LANGUAGES.values())))).split()) - {
    word for name in words("merchant", "business") for word in plain(name).split()
}
_CHAINS = {" ".join(_words(name)) for name in words("merchant", "chains")}
