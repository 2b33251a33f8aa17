"""Which day and which time are written here? Printed text in, ISO out. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from fields.money import LONGEST

# January to December in English, German, French, Spanish, Italian, Portuguese, Dutch, Malay and
# Indonesian, by the letters that tell them apart; accents are taken off first.
_MONTHS = (
    "jan ene gen janv",
    "feb fev fevr febr",
    "mar mrz maerz mars mac mrt maa",
    "apr avr abr",
    "may mai mei mag mayo maio maggio",
    "jun juin giu junho jui",
    "jul juil lug julio",
    "aug aou ago agu ogo agt ags aout",
    "sep set sept",
    "oct okt ott out",
    "nov nop",
    "dec dez des dic dis",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?P<month>jan(?:uary|uar|uari|vier|v|eiro)?|ene(?:ro)?|gen(?:naio)?|feb(?:ruary|ruar|ruari|rero|braio)?"
    r"|fev(?:rier|r|ereiro)?|mar(?:ch|zo?|co|s|et)?|mrz|maerz|mac|mrt|maart|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?"
    r"|may(?:o)?|mai(?:o)?|mei|mag(?:gio)?|jun(?:e|i|io|ho)?|juin|giu(?:gno)?|jul(?:y|i|io|ho|ai)?|juil(?:let)?"
    r"|lug(?:lio)?|aug(?:ust|ustus)?|aou(?:t)?|ago(?:sto|s)?|agu(?:stus)?|ogo(?:s)?|agt|ags"
    r"|sept?(?:ember|iembre|embre|tembre)?|set(?:embro|tembre|iembre)?|[o0]ct(?:ober|obre|ubre)?|okt(?:ober)?"
    r"|ott(?:obre)?|out(?:ubro)?|nov(?:ember|embre|iembre|embro)?|nop(?:ember)?|dec(?:ember|embre)?"
    r"|dez(?:ember|embro)?|des(?:ember)?|dic(?:iembre|embre)?|dis(?:ember)?)"
)
FIRST_YEAR, LAST_YEAR = 1970, 2099  # of four digits; two stand for 2000 to LAST_SHORT_YEAR
LAST_SHORT_YEAR = 2039  # 07-12-88 is more often a number than a day
_YEAR = r"(?P<year>(?:19|20)\d\d(?!:\d\d)|'?\d\d)"
_END = r"(?=\d{1,2}:\d\d|\D|$)"  # a glued time may follow: 19/10/201820:49
_SEP = r" ?[-/.] ?"
_PATTERNS = (
    re.compile(
        rf"(?<!\d)(?P<year>(?:19|20)\d\d){_SEP}(?P<b>\d{{1,2}}){_SEP}(?P<a>\d{{1,2}}){_END}"
    ),
    re.compile(rf"(?<![\d.,])(?P<a>\d{{1,2}})(?P<sep>{_SEP})(?P<b>\d{{1,2}})(?P=sep){_YEAR}{_END}"),
    re.compile(
        rf"(?<!\d)(?P<a>\d{{1,2}})(?:st|nd|rd|th)?[-/., ]*(?:de )?{_NAME}\.?[-/., ]*(?:de )?"
        rf"{_YEAR}{_END}"
    ),
    re.compile(rf"\b{_NAME}\.?[-/., ]*(?P<a>\d{{1,2}})(?:st|nd|rd|th)?[-/., ]+{_YEAR}{_END}"),
    re.compile(rf"(?<!\d)(?P<year>(?:19|20)\d\d)[-/. ]{_NAME}[-/. ](?P<a>\d{{1,2}}){_END}"),
    # Worn forms, taken only where no whole one stands: 2703/2018, 05 02-18, 21/02/18111940278
    re.compile(r"(?<!\d)(?P<a>\d\d)[-/.]?(?P<b>\d\d)[-/.]?(?P<year>20\d\d)(?!\d)(?<!\d{8})"),
    re.compile(rf"(?<![\d.,])(?P<a>\d\d) (?P<b>\d\d)[-/]{_YEAR}(?!\d)"),
    re.compile(r"(?<![\d.,])(?P<a>\d\d)(?P<sep>[-/])(?P<b>\d\d)(?P=sep)(?P<year>[012]\d)(?=\d{5})"),
    re.compile(  # separators that do not agree: 06. 04.2020, 12/,05/2018, 11,04,20
        r"(?<![\d.,])(?P<a>\d\d) ?[-/.,]{1,2} ?(?P<b>\d\d) ?[-/.,]{1,2} ?(?P<year>20\d\d|\d\d)"
        r"(?![\d.,])"
    ),
    re.compile(  # one letter of the month misread: 12-JAM-2018
        r"(?<!\d)(?P<a>\d\d?)[-/. ]{1,2}(?P<slip>[a-z]{3})[-/. ]{1,2}(?P<year>20\d\d)(?!\d)"
    ),
)
# Figures in the shape of a date prove that letters among them are misread digits: O5/03/2OI8
_SLIPPED = re.compile(
    r"(?<![a-z0-9])[\doilsbz|]{1,2} ?(?P<sep>[-/.]) ?[\doilsbz|]{1,2} ?(?P=sep) ?[2z][\doilsbz|]{3}"
    r"(?![a-z0-9])|(?<=[a-z][-/. ])[2z][\doqilsbz|]{3}(?![a-z0-9])"
)
_DIGITS = str.maketrans("oqil|sbz", "00111582")
# A lone dot is a clock's only before seconds, am, pm or Uhr: 12.50 alone is a price.
_TIME = re.compile(
    r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3]) ?"
    r"(?:[:h]|\.(?= ?[0-5]\d ?(?:[:.] ?[0-5]\d|[ap]\.?m\b|uhr\b)))"
    r" ?(?P<minute>[0-5]\d)(?: ?[:.] ?[0-5]\d)? ?(?P<half>[ap]\.?m\.?)?(?![\d:])",
    re.IGNORECASE,
)


class Day(NamedTuple):
    """A date found in a text, with both readings while the order of its day and month is open."""

    day_first: str | None  # ISO
    month_first: str | None  # ISO
    start: int
    end: int


def parse_date(text: str, month_first: bool = False) -> str | None:
    """The first date in the text, in ISO; day before month unless told or proved otherwise.

    Years are 1970 to 2099; two digits stand for 2000 to 2039, never for 19xx.
    """
    found = next(find_dates(text[:LONGEST]), None)
    if found is None:
        return None
    return (
        (found.month_first if month_first else found.day_first)
        or found.day_first
        or found.month_first
    )


def find_dates(text: str) -> Iterator[Day]:
    """Every date in the text that can be one, those of the surest form first."""
    return iter(_dates(text))


@lru_cache(maxsize=512)  # each row of a receipt is asked for its dates five times
def _dates(text: str) -> tuple[Day, ...]:
    if sum(map(str.isdigit, text)) < 2:
        return ()
    plain = _SLIPPED.sub(_as_digits, _plain(text))
    found: list[Day] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            start, end = match.span()
            day = _day(match)
            if day and not any(start < other.end and other.start < end for other in found):
                found.append(day)
    return tuple(found)


def find_time(text: str) -> str | None:
    """The first time of day in the text as HH:MM (24 hours)."""
    for match in _TIME.finditer(text):
        hour = int(match["hour"])
        half = (match["half"] or "").lower()[:1]
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "p" else 0)
        return f"{hour:02d}:{match['minute']}"
    return None


def _plain(text: str) -> str:
    """Lower case without accents, of the same length."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFD", character)[0] for character in text.lower())


def _as_digits(match: re.Match[str]) -> str:
    """The figures of a date, where half of them at least were read as such."""
    found = match[0]
    figures = sum(map(str.isdigit, found))
    return found.translate(_DIGITS) if 2 * figures >= sum(map(str.isalnum, found)) else found


def _day(match: re.Match[str]) -> Day | None:
    groups = match.groupdict()
    year = _year(groups["year"])
    a = int(groups["a"])
    if groups.get("month"):
        first, second = _iso(year, _month(groups["month"]), a), None
    elif groups.get("slip"):
        first, second = _iso(year, _slipped_month(groups["slip"]), a), None
    elif len(groups["year"]) == 4 and match.start("year") == match.start():
        first, second = _iso(year, int(groups["b"]), a), None
    else:
        first, second = _iso(year, int(groups["b"]), a), _iso(year, a, int(groups["b"]))
    return Day(first, second, *match.span()) if first or second else None


def _year(written: str) -> int:
    """The year; 0 where it is out of range, which is no day's."""
    year = int(written.lstrip("'"))
    if year < 100:
        return year + 2000 if year + 2000 <= LAST_SHORT_YEAR else 0
    return year if FIRST_YEAR <= year <= LAST_YEAR else 0


def _month(name: str) -> int:
    name = name.replace("0", "o")
    return next(_MONTH[name[:n]] for n in (4, 3) if name[:n] in _MONTH)


def _slipped_month(name: str) -> int:
    """The only English month that differs from the name by one letter; 0 where there is none."""
    meant = [
        number
        for number, names in enumerate(_ENGLISH, 1)
        if sum(a != b for a, b in zip(name, names, strict=True)) == 1
    ]
    return meant[0] if len(meant) == 1 else 0


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
