"""The words of languages and the facts of countries that the rules know, from the TOML files here.

A language's file has its words, a country's what belongs to its law, money and shops; both have
the same sections. The words of all files are merged: a receipt may mix languages. `misread` in a
section has words as engines misread them. Read once, when imported; no other module of fields/
reads a file.
"""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any


def _read(folder: str) -> dict[str, dict[str, Any]]:
    paths = sorted((Path(__file__).parent / folder).glob("*.toml"))
    return {p.stem: tomllib.loads(p.read_text("utf-8"), parse_float=Decimal) for p in paths}


LANGUAGES = _read("languages")  # by ISO 639 code: de
COUNTRIES = _read("countries")  # by ISO 3166 code: DE


def words(section: str, key: str) -> tuple[str, ...]:
    """The words under this key of any file, misread ones too, in alphabetical order."""
    sections = [
        file[section] for file in (*LANGUAGES.values(), *COUNTRIES.values()) if section in file
    ]
    sections += [part["misread"] for part in sections if "misread" in part]
    return tuple(sorted({word for part in sections for word in part.get(key, ())}))


def months() -> dict[str, int]:
    """The number of each month's name in any language."""
    years = [file["dates"]["months"] for file in LANGUAGES.values() if "dates" in file]
    return {name: n for year in years for n, names in enumerate(year, 1) for name in names}


def one_of(listed: Iterable[str]) -> str:
    """The pattern for any of the words, the longest first; `*` is any letters, `?` is one."""
    longest = sorted(listed, key=lambda word: (-len(word), word))
    return "|".join(re.escape(w).replace(r"\*", r"\w*").replace(r"\?", r"\w") for w in longest)


def loosely(listed: Iterable[str]) -> str:
    """As one_of(), but dots and spaces may be missing or too many: s.r.l is SRL, S.R.L and S.RL."""
    return one_of(listed).replace(r"\.", r"\.?").replace(r"\ ", " ?").replace("/", " ?/ ?")


# How currencies are called, in lower case: eur, euro, rm, kr.
CURRENCY_NAMES = frozenset(
    name.lower()
    for file in COUNTRIES.values()
    for part in [file.get("currency", {})]
    for name in (part.get("code", ""), *part.get("signs", ()), *part.get("marks", ()))
    if name.isalpha()
)
