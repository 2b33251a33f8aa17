"""What may be repeated of a vendor's own sentence? Text in, text without secrets out. Pure."""

import re
from urllib.parse import quote as url_quote
from urllib.parse import quote_plus

from settings import Env

MAX_LENGTH = 300

# What is taken out, first to last.
_HIDDEN = (
    (re.compile(r"data:[\w/+.-]*;base64,[\w+/=-]*", re.I), "[image]"),
    (re.compile(r"[\w+/=-]{64,}"), "[data]"),
    (re.compile(r"\b(Bearer|Basic|token)\s+[\w.~+/=*-]{6,}", re.I), r"\1 [key]"),
    (re.compile(r"(https?://)[^\s/@]*@", re.I), r"\1"),  # user:password@
    (re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.I), r"\1"),
    (re.compile(r"\b(\w*key|\w*token|signature)=[^\s&]+", re.I), r"\1=[key]"),
    (re.compile(r"[\w.-]*(\*{2,}|#{3,}|•+|…|\.{3,})[\w.*•-]*[\w*•-]"), "[key]"),  # te***ey
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
    text = _without(list(filter(None, secrets)), text)
    for pattern, replacement in _HIDDEN:
        text = pattern.sub(replacement, text)
    text = re.sub(r"(\[key\])+", "[key]", text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _without(secrets: list[str], text: str) -> str:
    """The text without the keys, any 6 characters of them in a row, and their ends."""
    for secret in secrets:  # all whole ones first: keys may have parts in common
        text = text.replace(secret, "\0")
    for secret in secrets:
        text = _ends(secret).sub("\0", _without_parts(secret, text))
    return re.sub("\0+", "[key]", text)


def _without_parts(secret: str, text: str) -> str:
    parts = {secret[at : at + 6] for at in range(len(secret) - 5)}
    found = [at for at in range(len(text)) if text[at : at + 6] in parts]
    hidden = {at + step for at in found for step in range(6)}
    return "".join("\0" if at in hidden else letter for at, letter in enumerate(text))


def _ends(secret: str) -> re.Pattern[str]:
    """Its first and its last 4 or 5 characters, where a word begins or ends with them."""
    if len(secret) < 12:  # those of a short one may be common words
        return re.compile("(?!)")
    first, last = re.escape(secret[:4]), re.escape(secret[-4:])
    fifth, fifth_last = re.escape(secret[4]), re.escape(secret[-5])
    return re.compile(rf"(?<!\w){first}{fifth}?|{fifth_last}?{last}(?!\w)")


# What is written to the log

SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)(_ID)?$")
PATTERNS = (
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE), r"\1 [secret]"),
    (
        re.compile(r"([?&][\w-]*(?:key|token|secret|signature)=)[^\s&\"'<>]+", re.IGNORECASE),
        r"\1[secret]",
    ),
    (re.compile(r"(https?://)[^\s/@]+@"), r"\1[secret]@"),
    (re.compile(r"\b(uploads/\d+|incoming/[^/\s]+|trash)/[\w.-]+"), r"\1/[file]"),
)


def secrets(env: Env) -> tuple[str, ...]:
    """The values of our own keys, as they are and as they stand in a URL."""
    ours = [v for name, v in env.items() if len(v) >= 6 and SECRET_NAMES.search(name)]
    return tuple(form for v in ours for form in (v, url_quote(v, safe=""), quote_plus(v)))


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """The text without our own secrets and without what looks like anyone's."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text
