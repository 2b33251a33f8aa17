"""The amounts of a receipt as candidates for its sums, each with what is seen of it. Pure.

No feature names a country or a shop: topics of words, place, print, formats and arithmetic. Values
are whole thousandths here, so that sums are exact and fast.
"""

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, combinations, islice, product
from operator import ne
from statistics import median
from typing import NamedTuple

from fields.checks import ROUNDING
from fields.dates import find_time
from fields.labels import TOPICS, Row, plain, topics
from fields.lexicon import words
from fields.money import Amount
from fields.taxes import find_taxes, paid_with_all

MAX_CANDIDATES = 160  # of a page; the sums of longer ones stand in their first and last rows
MAX_READINGS = 40  # of misread totals
MAX_VALUES = 40  # that are added up with each other
MAX_PARTS = 4  # sums of a kind that are tried together
ONE = 1000
NOTHING: frozenset[str] = frozenset()
_UNNAMED: dict[str, dict[str, float]] = {
    where: {f"{where} {topic}": False for topic in TOPICS}
    for where in ("own", "row", "above", "below", "over", "under")
}
_TAX_TABLE = frozenset(words("labels", "tax_table"))


class Candidate(NamedTuple):
    """A printed amount: its row, what it is, and what speaks for and against it."""

    row: int
    amount: Amount
    label: frozenset[str]  # topics of the words before it, else of its row, else of those near it
    features: dict[str, float]


class _Place(NamedTuple):
    """An amount before its features are known."""

    row: int
    number: int  # on its row, from the left
    amount: Amount
    value: int
    words: str = ""  # between the amount before it and itself; behind it where there are none
    own: frozenset[str] = NOTHING  # their topics
    is_repaired: bool = False  # a figure is read otherwise than the engine did


def find_candidates(rows: Sequence[Row]) -> list[Candidate]:
    """The printed amounts, and what some would be if one of their figures was misread."""
    places = _some(list(_places(rows)))
    if not places:
        return []
    near = {index: _Near(rows, index) for index in {place.row for place in places}}
    sums = _Sums(rows, places, near)
    read = (other for place in places for other in _readings(place, near[place.row], sums))
    places += list(islice(read, MAX_READINGS))  # of what was printed, not of readings
    heights = [row.height for row in rows]
    middle = median([heights[place.row] for place in places]) or 1
    edge = max((p.box[2] for row in rows for p in row.pieces if p.box), default=0) or 1
    return [
        Candidate(
            place.row,
            place.amount,
            place.own or near[place.row].label,
            {
                **near[place.row].features,
                **_named("own", place.own),
                **_print(rows, place, heights[place.row] / middle, edge),
                **sums.features(place),
            },
        )
        for place in places
    ]


def _places(rows: Sequence[Row]) -> Iterator[_Place]:
    """The printed numbers that are no measures, each with the words before it, or behind it."""
    for index, row in enumerate(rows):
        end = 0
        for number, amount in enumerate(row.numbers):
            words = row.text[end : amount.start]
            end = amount.end
            if amount.unit and not amount.is_money:
                continue
            if not re.search(r"[^\W\d_]{2}", words) and number == 0:
                following = row.numbers[1].start if len(row.numbers) > 1 else len(row.text)
                words = row.text[amount.end : following]
            yield _Place(index, number, amount, int(amount.value * ONE), words, topics(words))


def _some(places: list[_Place]) -> list[_Place]:
    """Of more than MAX_CANDIDATES the first, a quarter of these, and the last."""
    quarter = MAX_CANDIDATES // 4
    if len(places) <= MAX_CANDIDATES:
        return places
    return places[:quarter] + places[quarter - MAX_CANDIDATES :]


def _readings(place: _Place, near: "_Near", sums: "_Sums") -> Iterator[_Place]:
    """The total as other amounts prove it, if one figure was misread: 19.16 for 19.46.

    Often that is the currency's sign, read as a digit: S93.58 becomes 593.58.
    """
    if (place.own or near.label) & {"total", "grand"} and place.value >= 10 * ONE:
        for value in sums.proved:
            is_own = value - place.value in sums.parts  # computed from this very total
            if value != place.value and not is_own and _is_slip(f"{place.value}", f"{value}"):
                amount = place.amount._replace(value=Decimal(value) / ONE)
                yield place._replace(value=value, amount=amount, is_repaired=True)


def _is_slip(read: str, other: str) -> bool:
    """Whether one figure differs, or a sign before the others was read as one of them."""
    if len(read) == len(other):
        return sum(map(ne, read, other)) == 1
    return read[0] in "15689" and read[1:] == other


class _Near:
    """What a row's amounts share: the topics on it and around it, its place, its form."""

    def __init__(self, rows: Sequence[Row], index: int) -> None:
        row, count = rows[index], len(rows)
        above, below = _row(rows, index - 1), _row(rows, index + 1)
        is_bare = _is_bare(row)
        self.label = row.topics or ((_label(above) or _label(below)) if is_bare else NOTHING)
        self.features: dict[str, float] = {
            **_named("row", row.topics),
            **_named("above", _label(above)),
            **_named("below", _label(below)),
            **_named("over", above.topics if above and above.amounts else NOTHING),
            **_named("under", below.topics if below and below.amounts else NOTHING),
            "place": index / count,
            "rows below": min(20, count - index),
            "rows above": min(20, index),
            "bare": is_bare,
            "letters": sum(map(str.isalpha, row.text)),
            "digits": sum(map(str.isdigit, row.text)),
            "numbers": len(row.numbers),
            "amounts": len(row.amounts),
            "percent": "%" in row.text,
            "time": bool(find_time(row.text)),
            "alone above": bool(above and not above.numbers),
            "alone below": bool(below and not below.numbers),
        }


def _named(where: str, topics: frozenset[str]) -> dict[str, float]:
    """Whether each topic is one of these, as features."""
    return _UNNAMED[where] | {f"{where} {topic}": True for topic in topics}


def _row(rows: Sequence[Row], index: int) -> Row | None:
    return rows[index] if 0 <= index < len(rows) else None


def _label(row: Row | None) -> frozenset[str]:
    """The topics of a row without any amount."""
    return row.topics if row and not row.amounts else NOTHING


def _is_bare(row: Row) -> bool:
    """Whether it is only an amount, at most with its currency and a tax letter."""
    names = re.findall(r"[^\W\d_]+", row.text)
    return len("".join(names)) <= 4 and not row.topics and len(row.numbers) == 1


def _print(rows: Sequence[Row], place: _Place, size: float, edge: int) -> dict[str, float]:
    row, amount = rows[place.row], place.amount
    box = row.box(amount.start, amount.end)
    written = row.text[amount.start : amount.end]
    return {
        "repaired": place.is_repaired,
        "size": size,
        "right": box[2] / edge if box else 1.0,
        "number": place.number,
        "numbers behind": len(row.numbers) - 1 - place.number,
        "is money": amount.is_money,
        "decimals": amount.decimals,
        "sign": bool(re.search(r"[^\w\s.,'-]", written)),
        "word letters": sum(map(str.isalpha, place.words)),
        "confidence": row.lowest_confidence(amount.start, amount.end),
        "positive": amount.value > 0,
        "magnitude": min(6.0, math.log10(abs(place.value) / ONE + 0.01)),
    }


def _tax_table(rows: Sequence[Row]) -> int:
    """The row below a total that heads the table of taxes by rate; what follows it repeats."""
    first = next((i for i, row in enumerate(rows) if "total" in row.topics and row.amounts), 0)
    for index, row in enumerate(rows[first:], first):
        names = plain(row.text).split()
        is_heading = not _TAX_TABLE.isdisjoint(names) and len(names) >= 2
        if is_heading and "tax" in row.topics and not row.amounts:
            return index
    return len(rows)


def _shares(values: Iterable[int], rates: Iterable[Decimal]) -> set[int]:
    """What the rates make of the values, with the tax on top or inside, in hundredths."""
    usual = [float(rate) for rate in rates if 0 < rate <= 30][:6]
    return {
        round(value * rate / whole / 10)
        for value, rate in product(values, usual)
        for whole in (100, 100 + rate)
    }


class _Sums:
    """What the amounts of a page make together."""

    def __init__(
        self, rows: Sequence[Row], places: Sequence[_Place], near: Mapping[int, _Near]
    ) -> None:
        money = [place for place in places if place.amount.is_money] or list(places)
        self.places = Counter(place.value for place in places)
        self.called = defaultdict[str, Counter[int]](Counter)
        self.rows = defaultdict[str, list[int]](list)
        for place in money:
            for topic in place.own or near[place.row].label:
                self.called[topic][place.value] += 1
                self.rows[topic].append(place.row)
        self.largest_first = sorted({place.value for place in money}, reverse=True)
        some = {place.value for place in money[-MAX_VALUES:] if place.value > 0}
        self.pairs = {a + b for a, b in product(some, some) if a > b}
        self.differences = {a - b for a, b in product(some, some) if a > b}
        self.decimals = Counter(place.amount.decimals for place in money).most_common(1)[0][0]
        self.last = {place.row: place.value for place in money}  # on each row
        self.lasts = list(self.last)
        things = [row for row in self.last if not rows[row].topics - {"discount"}]
        self.last_thing = max(things, default=len(rows))
        self.things = set(list(accumulate(self.last[row] for row in things))[1:])
        self.first_thing = self.last[things[0]] if things else 0
        given = self.part("cash") | set(self._above_change())
        self.paid = {a - b for a, b in product(given, self.part("change"))}
        self.tax_table = _tax_table(rows)
        self.rounded = self._rounded()
        self.parts = self._parts()
        sums = product(self.part("subtotal", "total"), self.parts)
        self.derived = {base + part for base, part in sums}
        taxes = self._taxes() | self.part("service")
        self.taxed = {
            thing + tax for thing, tax in product(self.things | {self.first_thing}, taxes)
        }
        rates = {number.value for row in rows for number in row.numbers if number.unit == "%"}
        self.shares = _shares(some, rates)
        paid = paid_with_all(find_taxes(rows))
        self.of_rates = None if paid is None else int(paid * ONE)
        self.proved = {*self.things, *self.derived, *self.paid, *self.taxed, *some}

    def part(self, *names: str) -> set[int]:
        """The last few values called so."""
        return {value for name in names for value in list(self.called[name])[-MAX_PARTS:]}

    def _above_change(self) -> Iterator[int]:
        """The amounts before those called change, which are cash with a misread label."""
        for row in self.rows["change"]:
            at = bisect_left(self.lasts, row)
            if at:
                yield self.last[self.lasts[at - 1]]

    def _rounded(self) -> set[int]:
        """What the sums make with a printed rounding, up or down."""
        steps = {step for step in self.part("rounding") if 0 < abs(step) < ONE}
        sums = self.part("total", "grand", "subtotal")
        return {total + step for total, step in product(sums, steps | {-s for s in steps})}

    def _parts(self) -> set[int]:
        """What some of service, tip, rounding, tax and discount make together."""
        more = [self.part(name) | {0} for name in ("service", "tip", "rounding")]
        more.append(self._taxes() | {0})
        more.append({-abs(value) for value in self.part("discount")} | {0})
        return {sum(some) for some in product(*more)} - {0}

    def _taxes(self) -> set[int]:
        """Each tax, and two as one: a country's and a state's, India's two of the same amount."""
        taxes = self.part("tax")
        twice = {value for value in taxes if self.called["tax"][value] > 1}
        return taxes | {a + b for a, b in combinations(taxes, 2)} | {2 * a for a in twice}

    def features(self, place: _Place) -> dict[str, float]:
        value = place.value
        at = bisect_left(self.lasts, place.row)
        before = [self.last[row] for row in self.lasts[max(0, at - 2) : at]]
        after = [self.last[row] for row in self.lasts[at + 1 : at + 3]]
        largest = self.largest_first[0]
        return {
            "times": self.places[value],
            **{f"called {t}": self.called[t][value] for t in ("total", "cash", "card", "subtotal")},
            "rank": bisect_left(self.largest_first, -value, key=lambda other: -other),
            "share": min(2.0, value / largest) if largest > 0 else 0.0,
            "usual decimals": place.amount.decimals == self.decimals,
            "pair": value in self.pairs,
            "difference": value in self.differences,
            "two above": value == sum(before) and len(before) > 1,
            "two below": value == sum(after) and len(after) > 1,
            "difference below": len(after) > 1 and value == after[0] - after[1],
            "like above": before[-1:] == [value],
            "like below": after[:1] == [value],
            "items": value in self.things,
            "one item": value == self.first_thing,
            "items and tax": value in self.taxed,
            "cash less change": value in self.paid,
            "rounded": value in self.rounded,
            "paid with rates": self._is_of_rates(value),
            "derived": value in self.derived,
            "nearly derived": value % ONE == 0 and self._is_near_derived(value),
            "tax of rate": round(value / 10) in self.shares,
            "below items": place.row > self.last_thing,
            "in tax table": place.row > self.tax_table,
            "is tax": value in self.part("tax"),
            **{
                f"{topic} {where}": count
                for topic in ("total", "tax", "cash", "change", "card")
                for where, count in self._around(topic, place.row)
            },
        }

    def _is_of_rates(self, value: int) -> bool:
        """Whether this is what was paid with all printed rates of taxes, but for roundings."""
        return self.of_rates is not None and abs(value - self.of_rates) <= int(ROUNDING * ONE)

    def _is_near_derived(self, value: int) -> bool:
        """Whether this is the whole number next to a sum."""
        return any(0 < abs(value - other) < ONE for other in self.derived)

    def _around(self, topic: str, row: int) -> Iterator[tuple[str, int]]:
        """How many amounts above and below the row are called so."""
        rows = self.rows[topic]
        yield "before", min(4, bisect_left(rows, row))
        yield "behind", min(4, len(rows) - bisect_left(rows, row + 1))
