"""Decodes a text recogniser's probabilities into text and a confidence. No I/O.

A CTC recogniser gives a probability for every character at every step from left to right; character
0 is "none". PP-OCR's own decoding takes the likeliest, and so joins about 5 % of the words of
receipts to their neighbours: there "none" is a little likelier than a space.
"""

from collections.abc import Sequence
from typing import Any

# Least probabilities of a space between two characters; the best of 0.02-0.8 on 45 scans from
# Malaysia: words found (F1) rise from .86 with the likeliest character alone to .91.
MIN_SPACE = 0.1
MIN_SPACE_IN_WORD = 0.3  # between two letters
MIN_SPACE_AT_COLON = 0.03
SIGNS = range(0x2010, 0x2123)  # dashes, quotation marks, bullets, currencies, trade marks
LAST_LATIN = "\u024f"


def is_latin(character: str) -> bool:
    """Whether it is a Latin letter, a digit or a sign used among them."""
    return character <= LAST_LATIN or ord(character) in SIGNS


def decode(
    probabilities: Any, characters: Sequence[str], space: int, latin: Any
) -> tuple[str, float]:
    """The text of one line and its mean confidence; ("", 0.0) where there is none.

    `probabilities` is an array of steps x characters, `space` the index of the space, `latin` an
    array of the indices of Latin characters: a line mostly of those has no others (2 x, not 2 次).
    """
    steps = probabilities.argmax(-1)
    others = [c for c in (characters[i] for i in steps if i) if not is_latin(c)]
    if 0 < 2 * len(others) < (steps > 0).sum():
        steps = latin[probabilities[:, latin].argmax(-1)]
    text, confidences, before = "", [], 0
    for step, index in enumerate(steps):
        if index == 0 or (step and index == steps[step - 1]):
            continue
        character = characters[index]
        gap = probabilities[before + 1 : step, space]
        if text and len(gap) and gap.max() > _min_space(text[-1], character):
            text += " "
        text, before = text + character, step
        confidences.append(float(probabilities[step, index]))
    return " ".join(text.split()), sum(confidences) / max(1, len(confidences))


def _min_space(left: str, right: str) -> float:
    """The least probability of a space between the two characters."""
    if ":" in left + right:
        return MIN_SPACE_AT_COLON
    return MIN_SPACE_IN_WORD if left.isalpha() and right.isalpha() else MIN_SPACE
