"""The day and the time of the purchase among all dates of a receipt. Pure: rows in."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import date, timedelta
from itertools import pairwise, starmap
from operator import attrgetter, itemgetter
from typing import NamedTuple

from fields.contacts import phone_in
from fields.currencies import Home
from fields.dates import Day, find_dates, find_time, parse_date
from fields.labels import Row
from fields.learned import against, probabilities
from fields.lexicon import rule
from result import Evidence

MAX_DATES = 40  # of a page that are looked at
_DATE_WORD = rule(r"\b<dates.date>\b")
_OTHER_DATE = rule(r"\b<dates.other_date>\b")
_HALF_DAY = re.compile(r"\d ?[ap]\.?m\b", re.IGNORECASE)
_STATE = re.compile(r"\b[A-Z]{2}\.?,? *\d{5}(?:-\d{4})?(?!\d)")  # a town's end: TX 78701
YEARS_OF_NEPAL = {str(year) for year in range(2060, 2100)}  # 2003 to 2042
_SHORT = re.compile(r"\d\d([-/.])\d\d\1\d\d")  # 26/11/03
_ONLY_A_TIME = re.compile(r"\W{0,3}\d\d:\d\d(?::\d\d)? ?")


class Purchase(NamedTuple):
    date: str | None = None
    time: str | None = None
    evidence: Evidence | None = None
    is_ambiguous: bool = False  # day and month could be swapped, and little says which is which
    confidence: float = 1.0


class PossibleDate(NamedTuple):
    """A printed date, read with one order of day and month."""

    row: int
    day: Day
    iso: str
    features: dict[str, float]

    @property
    def is_unordered(self) -> bool:
        """Whether nothing on the receipt says which of day and month comes first."""
        orders = ("currency", "other dates", "state", "dots")
        return not any(self.features[f"order by {what}"] for what in orders)


def find_purchase(rows: Sequence[Row], home: Home, today: date | None = None) -> Purchase:
    """The day of the purchase: one after `today` only where no other is printed."""
    found = find_possible_dates(rows, home)
    dates = [each for each in found if not is_in_future(each.iso, today)] or found
    if not dates:
        return Purchase(None, _time(rows, []))
    chances = probabilities("date", [each.features for each in dates])
    rated = sorted(zip(chances, dates, strict=True), key=itemgetter(0), reverse=True)
    chance, best = rated[0]
    row, day = rows[best.row], best.day
    swapped = {day.day_first, day.month_first} - {best.iso}
    rivals = {other.iso: rival for rival, other in reversed(rated) if other.iso != best.iso}
    return Purchase(
        best.iso,
        _time(rows, [(rows[d.row].text, d.day) for _, d in rated if d.iso == best.iso]),
        Evidence(against(chance, rivals.values()), "ocr", row.page, row.box(day.start, day.end)),
        best.is_unordered and any(other.iso in swapped for other in dates),
        row.lowest_confidence(day.start, day.end),
    )


def is_in_future(iso: str, today: date | None) -> bool:
    """Whether it is after tomorrow, which has begun already in zones east of the server's."""
    return bool(today and iso > (today + timedelta(days=1)).isoformat())


def _time(rows: Sequence[Row], days: Sequence[tuple[str, Day]]) -> str | None:
    """The time beside the day of the purchase, else on a row without a date, else the first one.

    `days` are the rows that print this day, the likeliest first.
    """
    beside = [part for text, day in days for part in (text[day.end :], text[: day.start])]
    sums = [row for row in rows if _may_be_sum(row)]
    texts = [_without_phone(row.text) for row in rows if row not in sums]
    undated = [text for text in texts if not any(find_dates(text))]
    last = [row.text for row in sums if "change" not in row.topics]
    return next(filter(None, map(find_time, (*beside, *undated, *texts, *last))), None)


def _may_be_sum(row: Row) -> bool:
    """Whether its figures may be an amount, as in CHANGE 0:00, or a time, as in Cash Sale 14:22."""
    return bool(row.topics and not row.amounts and not _HALF_DAY.search(row.text))


def _without_phone(text: str) -> str:
    phone = phone_in(text)
    return text[: phone.start()] + text[phone.end() :] if phone else text


def find_possible_dates(rows: Sequence[Row], home: Home) -> list[PossibleDate]:
    """The printed dates, each with one order of day and month; twice where both may be."""
    read = [(index, day) for index, row in enumerate(rows) for day in _dates_of(row.text)]
    if home.year_first:
        read = [(n, _with_year_first(rows[n].text, day, home.year_first)) for n, day in read]
    read = _ordered_by_years(rows, read[:MAX_DATES])
    found = _ordered_by_nepal(_uncut(rows, read))
    dates = _Dates(rows, found, home.month_first)
    return [
        PossibleDate(index, day, iso, dates.features(number, index, day, iso))
        for number, (index, day) in enumerate(found)
        for iso in dict.fromkeys((day.day_first, day.month_first))
        if iso
    ]


def _dates_of(text: str) -> list[Day]:
    """The dates of a row, without a till's version behind a time: 29.09.26-19:22 2.1.22."""
    days = list(find_dates(text))
    versions = {
        day
        for before, day in pairwise(sorted(days, key=attrgetter("start")))
        if _ONLY_A_TIME.fullmatch(text, before.end, day.start) and not find_time(text[day.end :])
    }
    return [day for day in days if day not in versions]


def _uncut(rows: Sequence[Row], found: Sequence[tuple[int, Day]]) -> list[tuple[int, Day]]:
    """The dates without those whose first figure was cut off: 1.04.20 is 11.04.20.

    Another date is the same but for a figure before it, and at the same time of day.
    """

    def written(index: int, day: Day) -> tuple[str, str | None]:
        text = rows[index].text
        return text[day.start : day.end], find_time(text[day.end :])

    whole = {(text[1:], clock) for text, clock in starmap(written, found) if text[0].isdigit()}
    return [each for each in found if not (written(*each)[1] and written(*each) in whole)]


def _ordered_by_years(
    rows: Sequence[Row], found: Sequence[tuple[int, Day]]
) -> list[tuple[int, Day]]:
    """The dates; a short one begins with the year if its first figures are the year of another.

    25/02/08 beside 02/08/2025, as card terminals in Canada print it.
    """
    written = [rows[index].text[day.start : day.end] for index, day in found]
    years = {year[1] for text in written if (year := re.search(r"20(\d\d)", text))}
    begin = [text[:2] in years and text[-2:] not in years for text in written]
    return [
        (index, _with_year_first(rows[index].text, day, "-/.") if begins else day)
        for (index, day), begins in zip(found, begin, strict=True)
    ]


def _with_year_first(text: str, day: Day, signs: str) -> Day:
    """The date as it is in a country that prints the year first with these signs: 26/11/03."""
    short = _SHORT.fullmatch(text, day.start, day.end)
    iso = parse_date(f"20{short[0]}") if short and short[1] in signs else None
    return Day(iso, None, day.start, day.end) if iso else day


def _ordered_by_nepal(found: Sequence[tuple[int, Day]]) -> list[tuple[int, Day]]:
    """The dates, with day and month told apart by a date of Nepal's calendar for the same day.

    07/05/2024 beside Miti 21/03/2081 is the 5th of July.
    """
    printed = {iso for _, day in found for iso in (day.day_first, day.month_first) if iso}
    same = {iso for nepali in printed if nepali[:4] in YEARS_OF_NEPAL for iso in _isos_of(nepali)}
    return [(index, _without_the_other(day, same)) for index, day in found]


def _without_the_other(day: Day, same: Set[str]) -> Day:
    """The date without the reading that is not among `same`, where only one is."""
    first, second = day.day_first in same, day.month_first in same
    if first == second:
        return day
    return day._replace(month_first=None) if first else day._replace(day_first=None)


def _isos_of(nepali: str) -> Iterator[str]:
    """The days, in the calendar of the rest of the world, that a date of Nepal's may be.

    Its year begins on 13 or 14 April, with its longest months.
    """
    year, month, day = map(int, nepali.split("-"))
    early = date(year - 57, 4, 13) + timedelta(days=30.4 * (month - 1) + day - 2)
    return ((early + timedelta(days=days)).isoformat() for days in range(8))


class _Dates:
    """What the possible dates of a receipt share."""

    def __init__(
        self, rows: Sequence[Row], found: Sequence[tuple[int, Day]], month_first: bool | None
    ) -> None:
        self.rows = rows
        readings = [(day.day_first, day.month_first) for _, day in found]
        self.isos = Counter(iso for pair in readings for iso in {*pair} if iso)
        certain = [sum(pair[n] is None for pair in readings) for n in (0, 1)]
        texts = [row.text for row in rows]
        # 1 where it speaks for the month first, -1 for the day first
        self.orders: dict[str, float] = {
            "currency": 0 if month_first is None else 2 * month_first - 1,
            "other dates": min(1, max(-1, certain[0] - certain[1])),
            "default": -(month_first is None),
            "half day": any(map(_HALF_DAY.search, texts)),
            "state": any(map(_STATE.search, texts)),
        }

    def features(self, number: int, index: int, day: Day, iso: str) -> dict[str, float]:
        row, count = self.rows[index], len(self.rows)
        before, written = row.text[: day.start], row.text[day.start : day.end]
        behind, beside = row.text[day.end :], before + row.text[day.end :]
        above = self.rows[index - 1].text if index else ""
        below = self.rows[index + 1].text if index + 1 < count else ""
        is_open = bool(day.day_first and day.month_first and day.day_first != day.month_first)
        sign = is_open * (1 if iso == day.month_first else -1)
        return {
            **{f"order by {what}": sign * order for what, order in self.orders.items()},
            "order by dots": -sign * ("." in written),
            "open": is_open,
            "dates": len(self.isos),
            "number": number,
            "place": index / count,
            "rows below": min(20, count - index),
            "times": self.isos[iso],
            "latest": iso == max(self.isos),
            "earliest": iso == min(self.isos),
            "date word": bool(_DATE_WORD.search(row.text)),
            "date word before": bool(_DATE_WORD.search(before)),
            "other word": bool(_OTHER_DATE.search(row.text)),
            "other word before": bool(_OTHER_DATE.search(before)),
            "other word above": bool(_OTHER_DATE.search(above)),
            "time behind": bool(find_time(behind)),
            "time before": bool(find_time(before)),
            "time below": bool(find_time(below)),
            "time above": bool(find_time(above)),
            "amounts": len(row.amounts),
            "other digits": sum(map(str.isdigit, beside)),
            "other letters": sum(map(str.isalpha, beside)),
            "confidence": row.lowest_confidence(day.start, day.end),
            **_form(written),
        }


def _form(written: str) -> dict[str, float]:
    digits = re.findall(r"\d+", written)
    return {
        "slash": "/" in written,
        "dash": "-" in written,
        "dot": "." in written,
        "month name": any(map(str.isalpha, written)),
        "year first": len(digits[0]) == 4 if digits else False,
        "long year": any(len(part) == 4 for part in digits),
        "parts": len(digits),
        "figures": sum(map(len, digits)),
        "length": len(written),
    }
