"""The name of a company on a printed row, and the legal form that it may end with. Pure."""

import re
from functools import lru_cache

from fields.labels import plain
from fields.lexicon import COUNTRIES, rule

# Legal forms end a company's name; a row that has one is the name.
LEGAL = rule(r"\b(?:<~legal.forms+ordinary>\b|<~legal.initials>\b(?=\.?$))\.?")
ENDS_IN_FORM = re.compile(f"(?:{LEGAL.pattern})$", re.IGNORECASE)
CERTAIN_LEGAL = rule(  # those that are no ordinary word or initials
    r"\b<~legal.forms+words>\b|\b<~legal.initials> ?\(\d|& ?<legal.partners>\b"
    r"|^<legal.prefixes>\.? "
)
_BESIDE_A_FORM = rule(r"\([^()]{1,20}\)|&|\b<legal.partners>\b\.?")
# Where the law wants the company's name on every receipt, whatever the shop above it is called.
MANDATORY = rule(r"\b<~legal.mandatory>\b|\b<~legal.initials> ?\(\d")
_REPAIRS = [
    (re.compile(pattern), form)
    for file in COUNTRIES.values()
    for pattern, form in file.get("legal", {}).get("repairs", ())
]
_GREETING = rule(r"^<merchant.greeting>\s*")
_FORMERLY = rule(r"(?<!\s)\s+\(?<merchant.former>\b.*$")
_NUMBERED = re.compile(  # (519537-X), 273500-U (KJ1), ( ROC : SA0416111-K )
    r"(?<!\s)\s*(?:[\(\[{][^()]{0,80}\d{5}|(?<!\d)\d{6,}\s{0,3}[-\u00b7.:]?\s{0,3}[A-Z]\b).*$"
)
_REGISTRATION = rule(
    r"(?<!\s)\s*[\(\[{]?\s{0,3}(?:<numbers.registration>\b[ .]{0,3}<numbers.registration>?[ .]{0,3}"
    r"<numbers.number>?[ .:]{0,3})?[\(\[{]?\s{0,3}(?:[a-z]{1,3}[ -]?)??\d{5,12}"
    r"(?:\s{0,3}[-·. ]?\s{0,3}[a-z0-9])?\s{0,3}[\)\]}]*\s*$"
)
_INITIALS = re.compile(r"(?<!\w)(?=\S{0,20}[A-Z])(?:[A-Z015¥$]\.){2,}")
_LARGE, _SMALL = str.maketrans("015¥$", "OISYS"), str.maketrans("01", "ol")
_FIGURE_IN_WORD = re.compile(r"(?<=([^\W\d_]))[01]+(?=[^\W\d_])|\b0(?=['\u2019][A-Z])")


@lru_cache(maxsize=1024)
def name_in(text: str) -> str:
    """The name on a row, without greeting, registration number and what it was called before."""
    text = _GREETING.sub("", text)
    for tail in (_FORMERLY, _NUMBERED, _REGISTRATION):
        shorter = tail.sub("", text)
        text = shorter if re.search(r"[^\W\d_]{3}", shorter) else text
    text = text.rstrip()
    for misread, form in _REPAIRS:
        text = misread.sub(form, text)
    text = _INITIALS.sub(lambda match: match[0].translate(_LARGE), text)  # O.1.Y. O.I.¥.
    text = _FIGURE_IN_WORD.sub(_as_letters, text)
    return text.strip(" *-_=~:;,|#<>\u2022'\"`").lstrip(". ")


def _as_letters(figures: re.Match[str]) -> str:
    """The letters that figures inside a word are: Li11y, F1SH, 0'Briens."""
    return figures[0].translate(_SMALL if (figures[1] or "").islower() else _LARGE)


@lru_cache(maxsize=1024)
def is_form(text: str) -> bool:
    """Whether it is nothing but a legal form, perhaps with the country: (M) SDN BHD."""
    rest = _BESIDE_A_FORM.sub(" ", LEGAL.sub(" ", text))
    return bool(LEGAL.search(text)) and len(letters_of(rest)) <= 3


def letters_of(text: str) -> str:
    """The text in lower case without spaces and signs."""
    return plain(text).replace(" ", "")
