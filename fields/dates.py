"""Dates and times of day in printed text, as ISO. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from operator import ne
from typing import NamedTuple

from fields import lexicon
from fields.money import LONGEST


def _plain(text: str) -> str:
    """Lower case without accents, of the same length."""
    if text.isascii():
        return text.lower()
    return "".join(map(_without_accent, text.lower()))


def _without_accent(character: str) -> str:
    """The letter alone; a Korean syllable, whose letters are no accents, stays whole."""
    parts = unicodedata.normalize("NFD", character)
    return parts[0] if unicodedata.combining(parts[-1]) else character


_MONTHS = {_plain(name): number for name, number in lexicon.months().items()}
_ENGLISH = [
    [_plain(name) for name in names] for names in lexicon.LANGUAGES["en"]["dates"]["months"]
]
# A misread letter of the name: 0ct 3, 2016, Ju103'12, FE8 18/17
_MISREAD = {"o": "[o0]", "l": "[l1]", "s": "[s5]", "b": "[b8]"}
_NAME = f"(?P<month>{re.sub('[olsb]', lambda found: _MISREAD[found[0]], lexicon.one_of(_MONTHS))})"
_AS_NAME = str.maketrans("0158", "olsb")
_ORDINAL = lexicon.filled("<dates.ordinals>?")
_JOINING = lexicon.filled(r"(?:<dates.joining>\.? )?")
_CLOCK = lexicon.filled("<dates.clock>")
_AFTERNOON = lexicon.filled("<dates.afternoon>")
FIRST_YEAR, LAST_YEAR = 1970, 2099  # of four digits; two stand for 2000 to LAST_SHORT_YEAR
LAST_SHORT_YEAR = 2039  # 07-12-88 is more often a number than a day
BUDDHIST_YEARS = range(2540, 2600)  # Thailand counts 543 years more
_SHORT_BUDDHIST = re.compile(r"(?:5[4-9]|[67]\d)(?=,? {1,2}\d\d?:\d\d)")  # 30/11/68 21:09
# The years before their first one
_ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988, "民國": 1911, "民国": 1911}
_ERA = "|".join(era for era in _ERAS if not era.isascii())
_LONG_YEAR = r"(?P<year>(?:19|20|25)\d\d(?!:\d\d))"
_NO_CENTS = r"(?![.,]\d\d(?![\d:.]))"  # not the 11 of GEL 40CT 11.49
_YEAR = rf"(?:{_LONG_YEAR}|(?P<short>(?:' ?)?\d\d(?!:\d){_NO_CENTS}))"
_END = r"(?=\d{1,2}:\d\d|\D|$)"  # a glued time may follow: 19/10/201820:49
_NO_MORE = r"(?!-\d+(?![\d:.h]))"  # not 1-01-5-01-000199
_SEP = r" ?[-/.~] ?"
_DAY = r"(?P<a>\d{1,2})"
_WORD = lexicon.filled("(?: ?<dates.separators> ?)")  # 2019年3月22日
_PATTERNS = (
    re.compile(  # MAY.21'19, APR11:17 4:03PM
        rf"\b{_NAME}\.?[-/., ]*{_DAY}(?P<short>(?:'|:(?=\d\d \d?\d:\d\d)) ?\d\d)(?!\d)"
    ),
    re.compile(
        rf"(?<!\d){_LONG_YEAR}(?:{_SEP}|{_WORD})(?P<b>\d{{1,2}})(?:{_SEP}|{_WORD}){_DAY}{_END}"
    ),
    re.compile(  # 令和8年3月2日, 115年3月2日
        rf"(?P<era>{_ERA}|(?<!\d)(?=1[01]\d ?年)) ?(?P<count>\d{{1,3}}) ?年 ?"
        rf"(?P<b>\d{{1,2}}) ?月 ?{_DAY}(?!\d)"
    ),
    re.compile(  # R8.11.3, 令和8/11/03
        rf"(?P<era>{_ERA}|\b[rh])(?P<count>\d{{1,2}})(?P<sep>[./])(?P<b>\d\d?)(?P=sep)"
        r"(?P<a>\d\d?)(?![\d.,/-])"
    ),
    re.compile(  # 115/03/02: Taiwan
        r"(?<![\d.,/-])(?P<count>1[01]\d)(?P<sep>[-/.])(?P<b>\d\d)(?P=sep)(?P<a>\d\d)(?![\d.,/-])"
    ),
    re.compile(rf"(?<!\d){_DAY}{_WORD}(?P<b>\d{{1,2}}),?{_WORD}{_LONG_YEAR}{_END}"),
    re.compile(  # not of 1.03.11.26, but Tgl.03-11-26
        rf"(?<!\d)(?<!\d[-/])(?<![^a-z][.,]){_DAY} ?(?P<sep>[-/.]) ?(?P<b>\d{{1,2}}) ?(?P=sep)"
        rf" ?{_YEAR}{_END}{_NO_MORE}"
    ),
    re.compile(  # 28/08 2026, 28/8-2026, 28/8-26: Sweden and Denmark
        r"(?<![\d.,/-])(?P<a>\d{1,2})/(?P<b>\d{1,2})"
        r"(?:(?: {1,2}| ?- ?)(?P<year>20[1-3]\d)| ?-(?P<short>[12]\d))(?![\d:.,/-])"
    ),
    re.compile(
        rf"(?<!\d){_DAY}{_ORDINAL}[-/., ]*{_JOINING}{_NAME}\.?[-/., ]*{_JOINING}{_YEAR}{_END}(?!/)"
    ),
    re.compile(  # not BAL 2.24, an amount behind a month of Lithuania
        rf"\b{_NAME}\.?[-/., ]*(?!\d+\.\d\d(?!\d)){_DAY}{_ORDINAL}[-/., ]+{_YEAR}{_END}"
    ),
    re.compile(  # JUN 24 20:49:53 2018
        rf"\b{_NAME}\.? {{1,2}}{_DAY},? \d\d?:\d\d(?::\d\d)?"
        rf"(?: ?[ap]\.?m\.?)?(?: [a-z]{{3,4}})? {_LONG_YEAR}(?!\d)"
    ),
    re.compile(rf"(?<!\d){_LONG_YEAR}[-/., ]+{_JOINING}{_NAME}[-/., ]+{_DAY}{_END}"),
    re.compile(rf"(?<!\d){_LONG_YEAR}[-/., ]+{_JOINING}{_DAY}[-/., ]+{_NAME}"),
    # Worn forms, taken only where no whole one stands: 2703/2018, 05 02-18
    re.compile(r"(?<!\d)(?P<a>\d\d)[-/.]?(?P<b>\d\d)[-/.]?(?P<year>20\d\d)(?!\d)(?<!\d{8})"),
    re.compile(r"(?<!\d)(?P<a>\d\d)(?P<b>\d\d)(?P<year>20\d\d)(?= \d\d:\d\d)"),  # 25032018 13:11
    re.compile(  # 20180428/191204, 20180428191204, 2017-02-121448 38
        r"(?<!\d)(?P<year>20\d\d)(?P<sep>-?)(?P<b>\d\d)(?P=sep)(?P<a>\d\d)"
        r"(?=[t/ ]\d{6}(?!\d)|[t/ ]\d\d:\d\d|(?:[01]\d|2[0-3])(?:[0-5]\d){2}(?!\d)"
        r"|(?<=-\d\d)\d{4})"
    ),
    re.compile(rf"(?<![\d.,])(?P<a>\d\d) (?P<b>\d\d)[-/]{_YEAR}(?!\d)"),
    re.compile(  # separators that do not agree: 12/,05/2018, 11,04,20, 05-05~18
        r"(?<![\d.,])(?P<a>\d\d) ?[-/.,~]{1,2} ?(?P<b>\d\d) ?[-/.,~]{1,2} ?"
        r"(?:(?P<year>20\d\d)|(?P<short>\d\d))(?![\d.,:])"
    ),
    re.compile(  # one letter of the month misread: 12-JAM-2018
        r"(?<!\d)(?P<a>\d\d?)[-/. ]{1,2}(?P<slip>[a-z]{3})[-/. ]{1,2}(?P<year>20\d\d)(?!\d)"
    ),
)
_NAMELESS = tuple(pattern for pattern in _PATTERNS if "month" not in pattern.groupindex)
_MONTH = re.compile(lexicon.one_of(_MONTHS))
# Figures in the shape of a date prove that letters among them are misread digits: O5/03/2OI8
_SLIPPED = re.compile(
    r"(?<![a-z0-9])[\doilsbz|]{1,2} ?(?P<sep>[-/.]) ?[\doilsbz|]{1,2} ?(?P=sep) ?[2z][\doilsbz|]{3}"
    r"(?![a-z0-9])|(?<=[a-z][-/. ])[2z][\doqilsbz|]{3}(?![a-z0-9])"
    r"|(?<![a-z0-9])(?=(?:[-/.oil|]{0,3}\d){4})(?:20)?[\doil|]{2}(?P<dot>[-/.])[\doil|]{2}(?P=dot)"
    r"[\doil|]{2}(?![a-z0-9]|[-/.]\d)"  # l2.04.24, 2023-05-l9
)
_SLIPPED_TIME = re.compile(r"(?<![\w:.])[\doil|]{1,2}:[\doil|]{2}(?![\w])", re.IGNORECASE)  # 17:O2
_DIGITS = str.maketrans("oqil|sbz", "00111582")
_MINUTES = (
    r"(?P<minute>[0-5]\d)(?: ?[:.\-] ?[0-5]\d)? ?"
    r"(?P<half>(?: ?[ap]\.? ?[mh]|(?<=\d)[ap]|(?<=\d )p)\b\.?)?"  # 5:11 PH is PM misread
)
# A lone dot is a clock's only before seconds, am, pm or Uhr, or behind klo: 12.50 alone is a price.
_TIMES = (
    re.compile(
        rf"\b{_CLOCK}\b[ .:]*(?P<hour>[01]?\d|2[0-3])[.:\-]{_MINUTES}(?![\d:])", re.IGNORECASE
    ),
    re.compile(
        rf"(?<!\d)(?<!\d[:.])(?<![$€£])(?<![$€£] )(?P<noon>{_AFTERNOON} ?)?"
        r"(?P<hour>[01]?\d|2[0-3]) ?"
        r"(?:[:h時时]|\.(?= ?[0-5]\d(?:(?: ?: ?|\.)[0-5]\d(?!\d)"
        rf"| ?[ap]\.?[mh]\b| ?{_CLOCK}\b)))"
        rf" ?{_MINUTES}(?![\d:])",
        re.IGNORECASE,
    ),
)
# ORA: 20-08-14, but Data e ora: 20-08-14, and 12:30 ore 20-08-14
_BEFORE = re.compile(rf"(?:^|(?<=\d)(?<!:\d\d))\W*(?<!\w){_CLOCK}[ .:]*$")
# What is before a date of Taiwan: not Ref 101-12-05
_OPENING = re.compile(lexicon.filled(r"(?:^|[^\x00-\x7f]|\b<dates.date>)\W*$"), re.IGNORECASE)
_BEHIND = re.compile(rf" ?{_CLOCK}\b", re.IGNORECASE)


class Day(NamedTuple):
    """A date found in a text, with both readings while the order of its day and month is open."""

    day_first: str | None  # ISO
    month_first: str | None  # ISO
    start: int
    end: int


def parse_date(text: str) -> str | None:
    """The first date in the text, in ISO; day before month unless proved otherwise.

    Years are 1970 to 2099; two digits stand for 2000 to 2039, never for 19xx.
    """
    found = next(find_dates(text[:LONGEST]), None)
    return (found.day_first or found.month_first) if found else None


def find_dates(text: str) -> Iterator[Day]:
    """Every date in the text that can be one, those of the surest form first."""
    return iter(_dates(text))


@lru_cache(maxsize=4096)  # each row of a receipt is asked for its dates five times
def _dates(text: str) -> tuple[Day, ...]:
    if sum(map(str.isdigit, text)) < 2:
        return ()
    plain = _SLIPPED.sub(_as_digits, _plain(text))
    letters, found = plain.translate(_AS_NAME), list[Day]()
    for pattern in _PATTERNS if _MONTH.search(letters) else _NAMELESS:
        for match in pattern.finditer(plain):
            start, end = match.span()
            day = None if _is_time(match) else _day(match)
            if day and not any(start < other.end and other.start < end for other in found):
                found.append(day)
    return tuple(found)


def _is_time(match: re.Match[str]) -> bool:
    """Whether the row calls it a time and has no other one: ORA: 20-08-14."""
    before, behind = match.string[: match.start()], match.string[match.end() :]
    is_called = bool(match.groupdict().get("short") and _BEFORE.search(before))
    return is_called and not re.search(r"\d:\d\d", behind)


@lru_cache(maxsize=4096)
def find_time(text: str) -> str | None:
    """The first time of day in the text as HH:MM (24 hours)."""
    text = _SLIPPED_TIME.sub(_as_digits, text)
    found = [match for pattern in _TIMES for match in pattern.finditer(text)]
    match = next((match for match in found if not _is_date(match)), None)
    if match is None:
        return None
    hour, half = int(match["hour"]), (match["half"] or "").strip().lower()[:1]
    half = "p" if match.groupdict().get("noon") else half
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02d}:{match['minute']}"


def _is_date(time: re.Match[str]) -> bool:
    """Whether it begins a date: 11.04.20 is no 11:04, but 11.04.20 Uhr is."""
    is_called = _BEHIND.match(time.string, time.end())
    starts = [day.start for day in find_dates(time.string)]
    return time.start("hour") in starts and not is_called


def _as_digits(match: re.Match[str]) -> str:
    """The figures of a date or a time, where half of them at least were read as such."""
    found = match[0]
    figures = sum(map(str.isdigit, found))
    is_number = 2 * figures >= sum(map(str.isalnum, found))
    return found.lower().translate(_DIGITS) if is_number else found


def _day(match: re.Match[str]) -> Day | None:
    """The date that a pattern found; None where the calendar has no such day."""
    groups, year = match.groupdict(), _year(match)
    day, month = int(groups["a"]), int(groups.get("b") or 0)
    is_year_first = bool(groups.get("year")) and match.start("year") == match.start()
    if groups.get("month"):
        month = _MONTHS[groups["month"].translate(_AS_NAME)]
    elif groups.get("slip"):
        month = _slipped_month(groups["slip"])
    elif is_year_first and groups["b"][0] == "0" and len(groups["a"]) == 1:
        return None  # it was cut: 2013/05/2
    is_ordered = is_year_first or any(map(groups.get, ("month", "slip", "count")))
    if _is_short_buddhist(match):  # in Thailand the day is first: not 11/30/68 21:09
        is_ordered = True
    first, second = _iso(year, month, day), None if is_ordered else _iso(year, day, month)
    return Day(first, second, *match.span()) if first or second else None


def _year(match: re.Match[str]) -> int:
    """The year; 0 where it is out of range, which is no day's."""
    groups = match.groupdict()
    if groups.get("count"):
        is_era = "era" in groups or _OPENING.search(match.string[: match.start()])
        return int(groups["count"]) + _ERAS[groups.get("era") or "民國"] if is_era else 0
    if _is_short_buddhist(match):
        return 2000 + int(groups["short"]) - 43
    if groups.get("short"):
        year = 2000 + int(groups["short"].lstrip("': "))
        return year if year <= LAST_SHORT_YEAR else 0
    year = int(groups["year"])
    if year in BUDDHIST_YEARS:
        return year - 543
    return year if FIRST_YEAR <= year <= LAST_YEAR else 0


def _is_short_buddhist(match: re.Match[str]) -> bool:
    """Whether the year is Thailand's, in two digits."""
    short = match.groupdict().get("short")
    return bool(short and _SHORT_BUDDHIST.match(match.string, match.start("short")))


def _slipped_month(name: str) -> int:
    """The only English month whose name of 3 letters differs by one; 0 where there is none."""
    meant = [
        number
        for number, names in enumerate(_ENGLISH, 1)
        for known in names
        if len(known) == len(name) and sum(map(ne, name, known)) == 1
    ]
    return meant[0] if len(meant) == 1 else 0


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
