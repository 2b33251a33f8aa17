"""Decodes a text recogniser's probabilities into text and how sure it is. No I/O.

A CTC recogniser gives a probability for every character at every step from left to right; character
0 is "none". PP-OCR's own decoding takes the likeliest, and so joins about 5 % of the words of
receipts to their neighbours: there "none" is a little likelier than a space.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

# Least probabilities of a space between two characters: the best of 0.02 to 0.8 on 45 scans from
# Malaysia. With them the F1 of words is .91; with the likeliest character alone it is .86.
MIN_SPACE = 0.1
MIN_SPACE_IN_WORD = 0.3  # between two letters
MIN_SPACE_AT_COLON = 0.03
# Least mean probability of Han and kana in a line that is mostly Latin. Drawn Chinese and Japanese
# rows have .91 to 1; letters of 370 Latin receipts that are mistaken for them have .27 to .87, and
# once .98.
MIN_OTHERS = 0.9
# A figure that is less probable may be another. Of the 664 dates and totals on 460 photos and scans
# that were not in review, 6 had such a figure, and one of these was wrong; 25 had a figure between
# this and 0.9, and one of these was wrong too.
MIN_FIGURE = 0.6
SIGNS = range(0x2010, 0x2123)  # dashes, quotation marks, bullets, currencies, trade marks
# A $ is often read as 8, 9, 5 or S. Where it has this probability at a price's first figure, it is
# one: 12 of 12 times on 293 photos.
MIN_DOLLAR = 0.01
_PRICE = re.compile(r"[0-9S]\d[\d,]*\.\d\d")
LAST_LATIN = "\u024f"


def plain(character: str) -> str:
    """The ASCII form of a full-width character (\uff1a, \uffe5, \uff11); else itself."""
    return normalize("NFKC", character) if "\uff01" <= character <= "\uffe6" else character


def is_latin(character: str) -> bool:
    """Whether it is a Latin letter, a digit or a sign used among them."""
    return character <= LAST_LATIN or ord(character) in SIGNS


class Alphabet(NamedTuple):
    """What the columns of the probabilities mean."""

    characters: Sequence[str]
    space: int
    dollars: Any  # array of the indices of $
    latin: Any  # array of those of Latin characters, and of none


def alphabet(characters: Sequence[str]) -> Alphabet:
    """`characters` begins with that of "none", and has one space."""
    import numpy as np

    known = [plain(character) for character in characters]
    dollars = [number for number, character in enumerate(known) if character == "$"]
    latin = [number for number, c in enumerate(known) if number == 0 or is_latin(c)]
    return Alphabet(known, known.index(" "), np.array(dollars, int), np.array(latin))


class Decoded(NamedTuple):
    """One line as it was recognised."""

    text: str  # "" where there is none
    confidence: float  # the mean of its characters, 0.0 where there are none
    unsure: tuple[int, ...]  # places in the text of figures less probable than MIN_FIGURE


def decode(probabilities: Any, known: Alphabet) -> Decoded:
    """The text of one line.

    `probabilities` is an array of steps x characters. A line mostly of Latin characters has
    others only where the recogniser is sure of them (2019年3月22日, but 2 x and not 2 次).
    """
    steps = probabilities.argmax(-1)
    starts = _starts(steps, known.characters)
    others = [step for step in starts if not is_latin(known.characters[steps[step]])]
    if 0 < 2 * len(others) < len(starts) and _mean(probabilities, steps, others) < MIN_OTHERS:
        steps = known.latin[probabilities[:, known.latin].argmax(-1)]
        starts = _starts(steps, known.characters)
    letters = [known.characters[steps[step]] for step in starts]
    printed = [s for s, letter in zip(starts, letters, strict=True) if not letter.isspace()]
    dollars = probabilities[printed][:, known.dollars].sum(-1)
    words = _with_dollars(_words(letters, starts, probabilities[:, known.space]), dollars)
    text = " ".join(words)
    unsure = _unsure(text, [probabilities[step, steps[step]] for step in printed])
    return Decoded(text, _mean(probabilities, steps, starts), unsure)


def _unsure(text: str, chances: Sequence[float]) -> tuple[int, ...]:
    """The places of figures that may be others; `chances` has one for each printed character."""
    places = (place for place, character in enumerate(text) if not character.isspace())
    found = zip(places, chances, strict=False)  # a full-width overline is two characters
    return tuple(place for place, c in found if text[place].isdigit() and c < MIN_FIGURE)


def _words(letters: Sequence[str], starts: Sequence[int], spaces: Any) -> list[str]:
    """The letters in words; `spaces` is the probability of a space at every step."""
    text = ""
    for letter, start, before in zip(letters, starts, [*starts[:1], *starts], strict=False):
        gap = spaces[before + 1 : start]  # between the two letters; empty before the first
        if len(gap) and gap.max() > _min_space(text[-1], letter):
            text += " "
        text += letter
    return text.split()


def _with_dollars(words: Sequence[str], dollars: Any) -> Iterator[str]:
    """The words with a $ before each price whose first letter is an S, or may be a $."""
    at = 0
    for word in words:
        signed = _PRICE.fullmatch(word) and (word[0] == "S" or dollars[at] > MIN_DOLLAR)
        yield "$" + word[1:] if signed else word
        at += len(word)


def _starts(steps: Any, characters: Sequence[str]) -> list[int]:
    """The steps at which a character begins: the same one in the next step is no second one."""
    read = [characters[index] if index else "" for index in steps]
    return [
        n for n, (c, last) in enumerate(zip(read, ["", *read], strict=False)) if c not in ("", last)
    ]


def _mean(probabilities: Any, steps: Any, some: Sequence[int]) -> float:
    return sum(float(probabilities[step, steps[step]]) for step in some) / max(1, len(some))


def _min_space(left: str, right: str) -> float:
    """The least probability of a space between the two characters."""
    if ":" in left + right:
        return MIN_SPACE_AT_COLON
    return MIN_SPACE_IN_WORD if left.isalpha() and right.isalpha() else MIN_SPACE
