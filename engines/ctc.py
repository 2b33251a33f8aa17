"""Decodes a text recogniser's probabilities into text and a confidence. No I/O.

A CTC recogniser gives a probability for every character at every step from left to right; character
0 is "none". PP-OCR's own decoding takes the likeliest, and so joins about 5 % of the words of
receipts to their neighbours: there "none" is a little likelier than a space.
"""

from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

# Least probabilities of a space between two characters; the best of 0.02-0.8 on 45 scans from
# Malaysia: words found (F1) rise from .86 with the likeliest character alone to .91.
MIN_SPACE = 0.1
MIN_SPACE_IN_WORD = 0.3  # between two letters
MIN_SPACE_AT_COLON = 0.03
# Least mean probability of Han and kana in a line mostly of Latin: drawn Chinese and Japanese rows
# have .91 to 1, and what is taken for them on 370 Latin receipts .27 to .87 (one has .98).
MIN_OTHERS = 0.9
SIGNS = range(0x2010, 0x2123)  # dashes, quotation marks, bullets, currencies, trade marks
LAST_LATIN = "\u024f"


def plain(character: str) -> str:
    """The ASCII form of a full-width character (\uff1a, \uffe5, \uff11); else itself."""
    return normalize("NFKC", character) if "\uff01" <= character <= "\uffe6" else character


def is_latin(character: str) -> bool:
    """Whether it is a Latin letter, a digit or a sign used among them."""
    return character <= LAST_LATIN or ord(character) in SIGNS


def decode(
    probabilities: Any, characters: Sequence[str], space: int, latin: Any
) -> tuple[str, float]:
    """The text of one line and its mean confidence; ("", 0.0) where there is none.

    `probabilities` is an array of steps x characters, `space` the index of the space, `latin` an
    array of the indices of Latin characters: a line mostly of those has others only where the
    recogniser is sure of them (2019年3月22日, but 2 x and not 2 次).
    """
    steps = probabilities.argmax(-1)
    starts = _starts(steps, characters)
    others = [step for step in starts if not is_latin(characters[steps[step]])]
    if 0 < 2 * len(others) < len(starts) and _mean(probabilities, steps, others) < MIN_OTHERS:
        steps = latin[probabilities[:, latin].argmax(-1)]
        starts = _starts(steps, characters)
    text, before = "", 0
    for step in starts:
        character = characters[steps[step]]
        gap = probabilities[before + 1 : step, space]
        if text and len(gap) and gap.max() > _min_space(text[-1], character):
            text += " "
        text, before = text + character, step
    return " ".join(text.split()), _mean(probabilities, steps, starts)


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
