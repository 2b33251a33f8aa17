"""Removes secrets from text before it is logged or quoted in an error. Pure."""

import re
from collections.abc import Iterable

from result import one_line

MAX_LENGTH = 300
HIDDEN = "[secret]"

# What is replaced, first to last.
PATTERNS = (
    (re.compile(r"data:[\w/+.-]*;base64,[\w+/=-]*", re.IGNORECASE), "[image]"),
    (re.compile(r"[\w+/=-]{100,}"), "[data]"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(token)\s+(?=\S*\d)[\w.~+/=*-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(https?://)[^\s/@]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),  # user:password
    (
        re.compile(r"(key|token|secret|signature|credential|password)=[^\s&\"'<>]+", re.IGNORECASE),
        rf"\1={HIDDEN}",
    ),
    # A key with its middle masked: te***ey
    (re.compile(r"\w[\w.-]{0,60}(?:\*\*|###|•|…|(?<!\.)\.{3})(?:[.#…]*[\w*•-])+"), HIDDEN),
    (re.compile(r"\b(sk|pk|rk|xai|AIza)[-_]?[\w-]{12,}"), HIDDEN),
    (re.compile(r"\b(uploads/\d+|incoming/[^/\s]+)/[\w.-]+"), r"\1/[file]"),
)
_HIDDEN_AGAIN = re.compile(rf"(?:{re.escape(HIDDEN)})+")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets and without anything else that looks like a secret."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def quote(sentence: object, *secrets: str) -> str:
    """A vendor's sentence, redacted and cut to 300 characters.

    Vendors repeat parts of a key, so any 6 characters of a secret in a row go too, and its ends.
    Anything but a sentence becomes "": HTML, JSON, or what is no string.
    """
    if (
        not isinstance(sentence, str)
        or sentence.lstrip().startswith(("<", "{", "["))
        or "</" in sentence
    ):
        return ""
    known = [secret for secret in secrets if secret]
    text = redacted(one_line(sentence[: 10 * MAX_LENGTH]), known)
    for secret in known:
        pieces = (_without_parts(secret, piece) for piece in text.split(HIDDEN))
        text = HIDDEN.join(pieces)
    text = _HIDDEN_AGAIN.sub(HIDDEN, text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _without_parts(secret: str, text: str) -> str:
    """The text without any 6 characters of the secret in a row, and without its ends."""
    parts = {secret[start : start + 6] for start in range(len(secret) - 5)}
    found = [start for start in range(len(text)) if text[start : start + 6] in parts]
    hidden = {start + step for start in found for step in range(6)}
    text = "".join("\0" if place in hidden else letter for place, letter in enumerate(text))
    return re.sub("\0+", HIDDEN, _ends(secret).sub("\0", text))


def _ends(secret: str) -> re.Pattern[str]:
    """The first and the last 4 or 5 characters, where a word begins or ends with them."""
    if len(secret) < 12:  # those of a short one may be common words
        return re.compile("(?!)")
    first, last = re.escape(secret[:4]), re.escape(secret[-4:])
    fifth, fifth_last = re.escape(secret[4]), re.escape(secret[-5])
    return re.compile(rf"(?<!\w){first}{fifth}?|{fifth_last}?{last}(?!\w)")
