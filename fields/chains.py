"""Chains of shops whose names are known. Pure.

Their name is often a logo the engine cannot read, but stands in a sentence or an address.
"""

import re
from collections.abc import Sequence

from fields import contacts
from fields.company_names import LEGAL, name_in
from fields.labels import Row, plain
from fields.lexicon import words
from fields.vocabulary import phrase_finder, within_one_edit

_CHAIN_WORDS = {
    name: tuple(plain(name.replace("'", "")).split()) for name in words("merchant", "chains")
}
_CHAIN_OF = {some: name for name, some in _CHAIN_WORDS.items()}
_find = phrase_finder(_CHAIN_OF.keys())
_ONE_WORD = {
    some[0]: name for name, some in _CHAIN_WORDS.items() if len(some) == 1 and len(some[0]) > 3
}


def chain_in(words: Sequence[str]) -> str | None:
    """The first chain among the words, one letter in five misread allowed."""
    return next((_CHAIN_OF[found] for _, found in _find(words)), None)


def has_exact_chain(words: Sequence[str]) -> bool:
    """Whether the words name a chain, and no letter of its name is misread."""
    chain = chain_in(words)
    return chain is not None and set(words).issuperset(_CHAIN_WORDS[chain])


def chain_of_logo(name: str) -> str | None:
    """The chain whose logo was misread as this name (LDL, LiDLde, RSSMANN); None for any other.

    Of four letters none may be another: a SHOP is no IHOP.
    """
    stem = re.sub(r"(?:de|com)$", "", plain(name))
    if " " in stem or len(stem) < 3 or stem in _ONE_WORD:
        return None
    like = (word for word in _ONE_WORD if len(word) > 4 or len(word) != len(stem))
    return next((_ONE_WORD[word] for word in like if within_one_edit(stem, word)), None)


def chains_on(rows: Sequence[Row]) -> dict[str, int]:
    """The chains that rows without a price name, with the first row of each."""
    found: dict[str, int] = {}
    for index, row in enumerate(rows):
        words = plain(row.text).split()
        chain = None if row.amounts else chain_in(words)
        # Micros Demo System is no Migros
        if chain and (not contacts.is_no_name(row.text) or has_exact_chain(words)):
            found.setdefault(chain, index)
    return found


def rows_of_chain(chain: str, rows: Sequence[Row]) -> list[Row]:
    """The rows, which are no items, sums or headings, that begin with the chain's name."""
    others = [row for row in rows if not row.amounts and not row.topics]
    words = _CHAIN_WORDS[chain]
    return [row for row in others if tuple(plain(name_in(row.text)).split())[: len(words)] == words]


def names_only(chain: str, row: Row) -> bool:
    """Whether a row that begins with the chain's name has only it, or a word and a legal form."""
    text = name_in(row.text)
    form = LEGAL.search(text)
    words = plain(text[: form.start()] if form else text).split()
    return len(words) <= len(_CHAIN_WORDS[chain]) + bool(form)
