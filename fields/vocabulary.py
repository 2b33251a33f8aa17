"""Known words and phrases among words that may be misread. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from operator import contains

from fields import lexicon

Phrase = tuple[str, ...]  # its words
_SHORT = {word.lower() for word in lexicon.words("labels", "short")}


def phrase_finder(
    known: Collection[Phrase],
) -> Callable[[Sequence[str]], Iterator[tuple[int, Phrase]]]:
    """A function that gives each known phrase among read words, with its first word's place."""
    candidates = vocabulary({word for phrase in known for word in phrase})
    by_first_word = defaultdict[str, list[Phrase]](list)
    for phrase in known:
        by_first_word[phrase[0]].append(phrase)

    def found(words: Sequence[str]) -> Iterator[tuple[int, Phrase]]:
        read = [candidates(word) for word in words]
        for start, firsts in enumerate(read):
            for phrase in (p for first in firsts for p in by_first_word.get(first, ())):
                here = read[start : start + len(phrase)]
                if len(here) == len(phrase) and all(map(contains, here, phrase)):
                    yield start, phrase

    return found


def vocabulary(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """A function that gives the known words which a read word may be: itself, or one edit away.

    They are in alphabetical order, so that each process reads the same.

    Words one edit apart share their first or their last two letters (from five letters on), so that
    only those are compared. rapidfuzz would need the same index: without it, its process.extract
    takes 25 us a new word and this 11; with it 7, but importing it takes 39 ms.
    """
    near: dict[tuple[str, str], set[str]] = defaultdict(set)
    for word in known:
        near["", word[:2]].add(word)
        near[word[-2:], ""].add(word)

    @lru_cache(maxsize=16384)  # the same few words are on every receipt
    def candidates(word: str) -> tuple[str, ...]:
        if word in known:  # contant is not the French montant misread
            return (word,)
        close = near.get(("", word[:2]), set()) | near.get((word[-2:], ""), set())
        return tuple(sorted(other for other in close if _may_be(word, other)))

    return candidates


def _may_be(word: str, known: str) -> bool:
    """The words are one edit apart, and the known one has 6 letters, or is `short` and as long."""
    is_long = len(known) >= 6 or (known in _SHORT and len(word) == len(known))
    return is_long and within_one_edit(word, known)


def within_one_edit(a: str, b: str) -> bool:
    """The words are equal, or one letter is replaced, missing or added."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return (
        a[start + 1 :] == b[start + 1 :]
        or a[start + 1 :] == b[start:]
        or a[start:] == b[start + 1 :]
    )
