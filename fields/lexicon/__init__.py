"""The words of languages and the facts of countries that the rules know, from the TOML files here.

A language's file has its words, a country's what belongs to its law, money and shops; both have
the same sections. The words of all files are merged, in an order that does not depend on the
files': a receipt may mix languages. `misread` in a section has words as engines misread them.
Read once, when imported; no other module of fields/ reads a file.

Of a section's words `CHECKS` in tests/fields/test_lexicon.py shows what each key is for. What a
country's file has besides:

month_first      its dates begin with the month; year_first: with the year, also one of
                 two digits before these signs
cash_rounding    the most by which a total differs from the sum of what it is for, if not 0.05
languages        codes of the languages that speak for its currency; phone: its code without +
[currency] code  ISO 4217; cents: digits of its cents, if not 2; dollar: its sign is $;
                            decimal: the sign before its cents, 13.240 is no thousand
  also                        codes of others that it is paid in; its places speak for them too
  signs, before, behind       printed on any side, before, behind an amount, by no other currency
  before_cents                before amounts with cents alone: R12.00, but R12 is a product
  shared, shared_before       the same, where other currencies have the sign too: kr, Rs
  words, hints                speak for it by 2 points and by 1, patterns as words do; 2 decide
  is_word                     its code is a word, and counts on a labelled row alone: PEN
  phone_form                  the pattern of phone numbers that several currencies share
[tax]            names and rates: 1 point each for its currency
[numbers] stdnum python-stdnum's modules of its tax numbers, which know their check digits
"""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import filterfalse
from pathlib import Path
from typing import Any


def _read(folder: str) -> dict[str, dict[str, Any]]:
    paths = sorted((Path(__file__).parent / folder).glob("*.toml"))
    return {p.stem: tomllib.loads(p.read_text("utf-8"), parse_float=Decimal) for p in paths}


LANGUAGES = _read("languages")  # by ISO 639 code: de
COUNTRIES = _read("countries")  # by ISO 3166 code: DE
FILES = (*LANGUAGES.values(), *COUNTRIES.values())


def words(section: str, *keys: str) -> list[str]:
    """The words under the keys in any file, misread ones too, in alphabetical order."""
    parts = [file[section] for file in FILES if section in file]
    parts += [part["misread"] for part in parts if "misread" in part]
    found = {word for part in parts for key in keys for word in part.get(key, ())}
    return sorted(found)


def months() -> dict[str, int]:
    """The number of each month's name in any language."""
    years = [file.get("dates", {}).get("months", ()) for file in LANGUAGES.values()]
    return {name: n for year in years for n, names in enumerate(year, 1) for name in names}


def one_of(listed: Iterable[str]) -> str:
    """The pattern for any of the words, the longest first; `*` is any letters, `?` is one.

    Words of two letters or more may have lost their accents: Racun st., FIS. The letter that words
    begin with is written once: where it is not, none of them is tried.
    """
    found = set(listed)
    found |= {_without_accents(word) for word in found if len(word) > 1}
    alike = defaultdict[str, list[str]](list)
    for word in sorted(found, key=lambda word: (-len(word), word)):
        alike[word[:1].lower()].append(word)
    return f"(?:{'|'.join(map(_any_of, alike.values()))})"


def _any_of(words: Sequence[str]) -> str:
    """Any of words in this order, whose first letters may differ in case: Total, total."""
    firsts = sorted({word[:1] for word in words})
    if len(firsts) > 1:
        return f"(?=[{''.join(firsts)}])(?:{'|'.join(map(_escaped, words))})"
    return f"{_escaped(firsts[0])}(?:{'|'.join(_escaped(word[1:]) for word in words)})"


def _escaped(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\w*").replace(r"\?", r"\w")


def _without_accents(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFC", "".join(filterfalse(unicodedata.combining, parts)))


def filled(frame: str) -> str:
    """The pattern with any of the words for each <section.key>; <section.key+key> takes both.

    In <~section.key> dots and spaces may be missing, and dots be more: s.r.l is also SRL and S.RL,
    VAT is also V.A.T.
    """
    return re.sub(r"<(~?)(\w+)\.([\w+]+)>", _any_word, frame)


def _any_word(place: re.Match[str]) -> str:
    found = words(place[2], *place[3].split("+"))
    if not found:
        raise KeyError(f"no file of fields/lexicon has {place[0]}")
    if place[1]:
        pattern = one_of(".".join(w) if w.isupper() and w.isalpha() else w for w in found)
        return pattern.replace(r"\.", r"\.?").replace(r"\ ", " ?").replace("/", " ?/ ?")
    return one_of(found)


def rule(frame: str) -> re.Pattern[str]:
    """The frame filled and compiled, for any case."""
    return re.compile(filled(frame), re.IGNORECASE)


def _names(*keys: str) -> set[str]:
    """What the currencies are called under these keys: €, RM, kr; their codes besides."""
    parts = [file["currency"] for file in COUNTRIES.values() if "currency" in file]
    return {part["code"] for part in parts} | {n for p in parts for k in keys for n in p.get(k, ())}


# How currencies are called, in lower case: eur, euro, rm, kr.
CURRENCY_NAMES = frozenset(
    name.lower()
    for name in _names("signs", "shared", "marks", "before", "shared_before", "behind")
    if name.isalpha()
)
# The pattern of what makes a number beside it money. Codes and short words only as they are
# written, and not at the end of a word: 948 Ft, but 6 FT; a letter of its own before cents.
MARK = (
    f"(?:{one_of(words('currency', 'signs', 'shared', 'marks'))}"
    rf"|(?<![^\W\d])(?-i:{one_of(_names('before', 'shared_before', 'behind'))}"
    rf"|(?<!\S){one_of(words('currency', 'before_cents'))}(?= ?\d[\d,]*\.\d\d(?!\d))))"
)
