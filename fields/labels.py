"""The topics and the numbers of a printed row. Pure: text in, a Row out."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from operator import contains
from typing import NamedTuple

from fields import lexicon
from fields.dates import find_dates
from fields.money import LONGEST, Amount, find_amounts
from result import Line

# What a row may speak of. A word of 6 letters or more may have one slip.
TOPICS = (
    *("subtotal", "total", "grand", "rounding", "discount", "tax", "incl", "excl", "count"),
    *("cash", "card", "wallet", "change", "tip", "service", "points"),
)


class Row(NamedTuple):
    """A printed row: its text, what it speaks of and the numbers on it, left to right."""

    text: str
    topics: frozenset[str]
    numbers: tuple[Amount, ...]
    pieces: tuple[tuple[int, int, float], ...] = ()  # start, end and confidence of what was read

    @property
    def confidence(self) -> float:
        """The mean of its letters; 1 where the engine gives none."""
        letters = sum(end - start for start, end, _ in self.pieces)
        return sum((e - s) * c for s, e, c in self.pieces) / letters if letters else 1.0

    def certainty(self, start: int, end: int) -> float:
        """The confidence of the least certain piece between two places of its text."""
        return min((c for s, e, c in self.pieces if s < end and start < e), default=1.0)

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """The numbers that are money."""
        return tuple(number for number in self.numbers if number.is_money)


def read_row(row: Sequence[Line]) -> Row:
    text = " ".join(line.text for line in row)[:LONGEST]
    return Row(text, topics(text), tuple(find_amounts(_without_dates(text))), tuple(_pieces(row)))


def _pieces(row: Sequence[Line]) -> Iterator[tuple[int, int, float]]:
    start = 0
    for line in row:
        end = start + len(line.text)
        if line.confidence is not None:
            yield start, end, line.confidence
        start = end + 1


def _without_dates(text: str) -> str:
    for day in find_dates(text):
        text = text[: day.start] + "/" * (day.end - day.start) + text[day.end :]
    return text


_SLIPS = str.maketrans("015|8", "olsib")


_GLUED = re.compile(
    rf"(?<=[a-z]{{4}})(?=(?:{lexicon.one_of(lexicon.words('currency', 'glued')).lower()})\b)"
)


@lru_cache(maxsize=2048)
def plain(text: str) -> str:
    """Lower case, accents off, everything but letters and digits as single spaces."""
    kept = text.lower()
    if not kept.isascii():
        flat = unicodedata.normalize("NFKD", kept.replace("ß", "ss"))
        kept = "".join(c for c in flat if not unicodedata.combining(c))
    kept = _GLUED.sub(" ", kept)  # TOTALRM
    kept = re.sub(r"(?<=[a-z]{3})[!\]](?![\w\]])", "l", kept)  # Tota] Tote!
    return re.sub(r"[^a-z0-9]+", " ", kept).strip()


def topics(text: str) -> frozenset[str]:
    """The topics whose phrases stand in the text, one misread letter in five allowed."""
    return _topics(plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)))  # TotalGST


@lru_cache(maxsize=4096)
def _topics(text: str) -> frozenset[str]:
    words = text.split()
    found = list(_named(words))
    named = {start + n for start, _, phrase in found for n in range(len(phrase))}
    is_label = all(n in named or _is_beside(word) for n, word in enumerate(words))
    return frozenset(
        topic
        for start, topic, phrase in found
        if is_label or len(phrase) > 1 or _ORDINARY.isdisjoint((*phrase, words[start]))
    )


def _named(words: Sequence[str]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Each phrase that stands among the words: where it starts, its topic and itself."""
    meant = [_meant(_letters(word)) for word in words]
    for start, firsts in enumerate(meant):
        for first in firsts:
            for topic, phrase in _BEGINNING[first]:
                rest = meant[start : start + len(phrase)]
                if len(rest) == len(phrase) and all(map(contains, rest, phrase)):
                    yield start, topic, phrase


def _is_beside(word: str) -> bool:
    """The word is an amount, a currency or a tax letter, and no part of a name."""
    return len(word) <= 2 or not word.isalpha() or word in _BESIDE


def _letters(word: str) -> str:
    """The word with digits read as the letters they look like, if it has letters at all."""
    return word.translate(_SLIPS) if re.search("[a-z]", word) else word


def vocabulary(wanted: Collection[str]) -> Callable[[str], frozenset[str]]:
    """A function that tells which of the wanted words a word may be.

    One slip leaves the first or the last two letters of a word of five as they are, so that only
    those with the same need a closer look: without, half the time of the rules goes here.
    """
    near: dict[tuple[str, str], set[str]] = defaultdict(set)
    for word in wanted:
        near["", word[:2]].add(word)
        near[word[-2:], ""].add(word)

    @lru_cache(maxsize=16384)  # the same few words are on every receipt
    def meant(word: str) -> frozenset[str]:
        close = near.get(("", word[:2]), set()) | near.get((word[-2:], ""), set())
        return frozenset(w for w in close if alike(word, w))

    return meant


def alike(word: str, wanted: str) -> bool:
    """The same word, or one of 5 letters and more with a letter misread, lost or added."""
    if word == wanted:
        return True
    if len(wanted) < 6:
        return wanted in _SHORT and len(word) == len(wanted) and one_slip(word, wanted)
    if abs(len(word) - len(wanted)) > 1:
        return False
    return one_slip(word, wanted)


def one_slip(a: str, b: str) -> bool:
    """The words differ by one letter misread, lost or added, or not at all."""
    start = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    return (
        a[start + 1 :] == b[start + 1 :]
        or a[start + 1 :] == b[start:]
        or a[start:] == b[start + 1 :]
    )


def _words(key: str) -> frozenset[str]:
    return frozenset(map(plain, lexicon.words("labels", key)))


# Words that things are called as well (TIP TOP BREAD, BAR SOAP, CARTA IGIENICA): topics only where
# all other words of the row are topics, sums or currencies too.
_ORDINARY = _words("ordinary")
_BESIDE = _words("beside") | lexicon.CURRENCY_NAMES
_SHORT = _words("short")  # may have one slip though they have 5 letters
_PHRASES = {
    topic: tuple(
        dict.fromkeys(
            tuple(map(_letters, words))
            for phrase in map(plain, lexicon.words("topics", topic))
            for words in (phrase.split(), [phrase.replace(" ", "")])  # GRANDTOTAL
            if len(words) > 1 or " " not in phrase or len(words[0]) > 6
        )
    )
    for topic in TOPICS
}
_WORDS = {word for phrases in _PHRASES.values() for phrase in phrases for word in phrase}
_meant = vocabulary(_WORDS)
_BEGINNING = {
    word: [(t, p) for t, phrases in _PHRASES.items() for p in phrases if p[0] == word]
    for word in _WORDS
}
