"""The currency that was paid in, as ISO 4217. Pure: printed text in.

A sign or code beside an amount speaks loudest, a country's words less.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fields.lexicon import COUNTRIES, one_of


def _signs(country: dict[str, Any]) -> Iterator[str]:
    """The patterns that show the country's currency itself."""
    yield rf"\b{country['code']}\b"
    for sign in country.get("signs", ()):
        start, end = (r"(?<!\w)" if sign[0].isalpha() else ""), r"(?![^\W\d])"
        yield start + re.escape(sign) + (end if sign[-1].isalpha() else "")
    yield from (rf"\b{sign}\.? ?\d" for sign in country.get("before", ()))
    yield from (rf"\d ?{sign}\b" for sign in country.get("behind", ()))
    # not the word: CONTACT US 03 1234567
    yield from (rf"\b{sign}\d[\d,]*\.\d\d\b" for sign in country.get("before_cents", ()))


def _words(country: dict[str, Any]) -> Iterator[str]:
    """The patterns, in lower case, that only this country's receipts have."""
    if "words" in country:
        yield rf"(?<!\w){one_of(country['words'])}(?!\w)"
    yield from country.get("patterns", ())


_PAID_IN = [c["currency"] for c in COUNTRIES.values() if "code" in c.get("currency", {})]


def _by_currency(ways: Callable[[dict[str, Any]], Iterator[str]]) -> dict[str, re.Pattern[str]]:
    found = defaultdict[str, set[str]](set)
    for country in _PAID_IN:
        found[country["code"]].update(ways(country))
    return {code: re.compile("|".join(sorted(one))) for code, one in found.items() if one}


_SIGN, _WORD = _by_currency(_signs), _by_currency(_words)
_DOLLARS = sorted({country["code"] for country in _PAID_IN if country.get("dollar")})
_DOLLAR = re.compile(r"(?<![A-Z])\$ ?\d")
MONTH_FIRST = {c["currency"]["code"] for c in COUNTRIES.values() if c.get("month_first")}


def find_currency(texts: Sequence[str]) -> str | None:
    """The currency most signs and words speak for; a lone dollar sign needs a country's words.

    Of equal ones that with more signs, then by the alphabet; of dollars the American.
    """
    signs = _votes(_SIGN, texts, 3)
    votes = signs + _votes(_WORD, [text.lower() for text in texts], 2)
    dollars = sum(bool(_DOLLAR.search(text)) for text in texts)
    if dollars:
        votes[max(_DOLLARS, key=lambda code: (votes[code], code == "USD"))] += 2 * dollars
    return max(sorted(votes), key=lambda code: (votes[code], signs[code]), default=None)


def _votes(patterns: dict[str, re.Pattern[str]], rows: Sequence[str], points: int) -> Counter[str]:
    """Points for each row on which a currency's pattern is found."""
    whole = "\n".join(rows)
    return Counter(
        {
            code: points * sum(bool(pattern.search(row)) for row in rows)
            for code, pattern in patterns.items()
            if pattern.search(whole)  # saves the search of each row for most currencies
        }
    )
