"""What may be repeated of a vendor's own sentence? Text in, text without secrets out. Pure."""

import re

MAX_LENGTH = 300

# What is taken out, first to last.
_HIDDEN = (
    (re.compile(r"data:[\w/+.-]*;base64,[\w+/=-]*", re.I), "[image]"),
    (re.compile(r"[\w+/=-]{64,}"), "[data]"),
    (re.compile(r"\b(Bearer|Basic|token)\s+[\w.~+/=*-]{6,}", re.I), r"\1 [key]"),
    (re.compile(r"(https?://)[^\s/@]*@", re.I), r"\1"),  # user:password@
    (re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.I), r"\1"),
    (re.compile(r"\b(\w*key|\w*token|signature)=[^\s&]+", re.I), r"\1=[key]"),
    (re.compile(r"[\w.-]*(\*{2,}|•+|…|\.{3,})[\w.*•-]*[\w*•-]"), "[key]"),  # te***ey, sk-…key
    (re.compile(r"\b(sk|pk|rk|xai|AIza)[-_]?[\w-]{12,}"), "[key]"),
)


def quote(sentence: object, *secrets: str) -> str:
    """A vendor's sentence without keys, images and the queries of URLs, cut to 300 characters.

    "" for what is no sentence: no string, HTML, JSON.
    """
    if not isinstance(sentence, str) or re.match(r"\s*[<{\[]", sentence) or "</" in sentence:
        return ""
    start = sentence[: 10 * MAX_LENGTH]
    text = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    for secret in filter(None, secrets):
        text = _without_key(text, secret)
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _without_key(text: str, secret: str) -> str:
    """The text without the key, and without any six letters or more of it in a row."""
    text = text.replace(secret, "[key]")
    parts = {token for token in re.findall(r"[\w-]{6,}", text) if token in secret}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "[key]")
    return text
