"""Tells the receipts of a file apart. Pure: printed rows with boxes in, parts of them out.

A page is cut where nothing is printed across it and each side is a receipt of its own, or begins as
one: a column of prices has no head and no total. What stands below a receipt, or on the next page,
is another only where its total and its shop, moment or number differ too: a card slip repeats them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, reduce
from itertools import accumulate, groupby, pairwise, takewhile
from operator import add, sub
from statistics import fmean, median
from typing import NamedTuple

from fields.contacts import is_street, phone_in, tax_id_in
from fields.dates import find_dates, find_time
from fields.exact import amounts_in
from fields.labels import Row, topics
from fields.merchants import LEGAL
from fields.money import LONGEST, find_amounts
from fields.receipt import read_receipt
from fields.totals import role_of
from result import Box, Line, Receipt, Rows

SLOPES = (0.0, 0.03, -0.03, 0.06, -0.06, 0.1, -0.1, 0.14, -0.14, 0.19, -0.19)  # of cuts
MIN_GAP = 1.0  # between pieces of a row, and receipts side by side, in heights of print
MIN_GAP_BELOW = 1.6  # between one and the next below it, in usual steps from row to row
MIN_DOUBTFUL_GAP = 2.0  # the same, where what stands below it is not whole
HEAD_ROWS = 4  # that come first in a head, and have a street among them
TRIED = 8  # of the widest gaps between columns
TRIED_BELOW = 3  # of those between rows
MIN_PIECES = 4  # of a receipt
MIN_PROBABILITY = 0.5  # of a field by which receipts are told apart
MIN_UNREADABLE = 6  # pieces of a part that may be a receipt which is turned
MIN_READABLE = 0.85  # usual confidence of a part's lines: upright ones have .95, turned ones .73
TOTALS = ("total", "grand", "inclusive", "rounded")
NAMES = ("merchant", "receipt_number", "date", "time")

_WORD = re.compile(r"[^\W\d_]{3}")
_PAGE = re.compile(  # Page 2 of 3, Seite 2/3, 2 / 3
    r"(?:^|[^\W\d_]{3}\.?\s{0,2})(\d{1,2})\s?(?:/|of|von|de|di|sur|van|av|af|z)\s?(\d{1,2})\W{0,3}$",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """A part of a page that may be a receipt."""

    rows: Rows
    box: Box  # around its lines, and what of its paper may be around those
    has: Callable[[Line], bool]  # whether the middle of a line is on it
    is_unreadable: bool  # and may be a receipt that is turned: to be read again on its own


class Seen(NamedTuple):
    """How often each of the things was seen that receipts have."""

    pieces: int = 0
    totals: int = 0  # rows named so
    amounts: int = 0
    dates: int = 0
    contacts: int = 0  # addresses, telephone and tax numbers, legal forms
    streets: int = 0
    prices: int = 0  # rows with an amount of two decimals
    things: int = 0  # of these, those that name no sum and no moment

    def plus(self, other: "Seen") -> "Seen":
        return Seen(*map(add, self, other))

    def minus(self, other: "Seen") -> "Seen":
        return Seen(*map(sub, self, other))

    @property
    def is_whole(self) -> bool:
        """Two amounts with a total and a date or an address, or three with both of these."""
        if self.pieces < MIN_PIECES or self.amounts < 2:
            return False
        if self.totals:
            return bool(self.dates or self.contacts)
        return bool(self.dates and self.contacts and self.amounts > 2)


class _Piece(NamedTuple):
    """The lines of a row that stand close together."""

    row: int
    left: int
    right: int
    middle: float  # its height on the page
    text: str
    clarity: float  # mean confidence of its lines; 0 of those that run up or down the page

    @property
    def across(self) -> float:
        return (self.left + self.right) / 2


Cut = Callable[[float, float], bool]  # whether a point is on the side of a cut that is meant
Gap = tuple[float, float, float]  # its width, the slope of the cut in its middle, and its place


# Side by side


def parts(rows: Rows) -> list[Part]:
    """The parts of a page that stand beside each other, and what is above and below those.

    Where rows run down the page, all is done on the page as it would be upright or upside down.
    """
    is_turned, height = _is_turned(rows), _print_height(rows)
    pieces = _pieces(_turned_rows(rows) if is_turned else rows, height)
    return [_part(some, cuts, height, rows, is_turned) for some, cuts in _split(pieces, height, ())]


def _part(
    pieces: Sequence[_Piece], cuts: Sequence[Cut], height: float, rows: Rows, is_turned: bool
) -> Part:
    def has(line: Line) -> bool:
        left, top, right, bottom = _turned(_box(line)) if is_turned else _box(line)
        return all(cut((left + right) / 2, (top + bottom) / 2) for cut in cuts)

    numbers = sorted({piece.row for piece in pieces})
    own = [[line for line in rows[number] if has(line)] for number in numbers]
    left, top, right, bottom = zip(*(_box(line) for row in own for line in row), strict=True)
    margin = round(height)
    box = min(left) - margin, min(top) - margin, max(right) + margin, max(bottom) + margin
    return Part(own, box, has, _is_unreadable(pieces))


def _split(
    pieces: Sequence[_Piece], height: float, cuts: tuple[Cut, ...]
) -> Iterator[tuple[Sequence[_Piece], tuple[Cut, ...]]]:
    """The pieces of each part, with the cuts around it."""
    cut = _between_columns(pieces, height) or _above_columns(pieces, height)
    if cut is None:
        yield pieces, cuts
        return
    for side in (cut, _other(cut)):
        yield from _split(_on(pieces, side), height, (*cuts, side))


def _between_columns(pieces: Sequence[_Piece], height: float) -> Cut | None:
    """A cut that leaves a receipt on its left and one on its right."""
    if len(pieces) < 2 * MIN_PIECES:
        return None
    centre = fmean(piece.middle for piece in pieces)

    def span(piece: _Piece, slope: float) -> tuple[float, float]:
        lean = slope * (piece.middle - centre)
        return piece.left + lean, piece.right + lean

    widest = _widest(_oblique_gaps(pieces, span), MIN_GAP * height, TRIED)
    cuts = [_left_of(slope, place + slope * centre) for _, slope, place in widest]
    able = [cut for cut in cuts if _are_receipts(*_sides(pieces, cut))]
    if able:
        return min(able, key=lambda cut: _torn(pieces, cut))
    turned = [cut for cut in cuts if _is_one_turned(*_sides(pieces, cut))]
    return max(turned, key=lambda cut: _contrast(*_sides(pieces, cut)), default=None)


def _are_receipts(one: Sequence[_Piece], other: Sequence[_Piece]) -> bool:
    if _is_whole(one) and _is_whole(other):
        return True
    return all(is_headed(list(map(seen_in, _texts(side)))) for side in (one, other))


def _is_one_turned(one: Sequence[_Piece], other: Sequence[_Piece]) -> bool:
    """One is whole and the other unreadable, as print is that lies upside down."""
    sides = (one, other), (other, one)
    return any(_is_unreadable(a) and _is_whole(b) for a, b in sides)


def _contrast(one: Sequence[_Piece], other: Sequence[_Piece]) -> float:
    clear, unclear = (fmean(piece.clarity for piece in side) for side in (one, other))
    return abs(clear - unclear)


def _is_unreadable(pieces: Sequence[_Piece]) -> bool:
    return len(pieces) >= MIN_UNREADABLE and median(p.clarity for p in pieces) < MIN_READABLE


def _is_whole(pieces: Sequence[_Piece]) -> bool:
    return _seen(piece.text for piece in pieces).is_whole


def _torn(pieces: Sequence[_Piece], cut: Cut) -> int:
    """How many rows a cut parts between a thing and its price."""
    rows = (list(row) for _, row in groupby(sorted(pieces), lambda piece: piece.row))
    return sum(_is_torn(*_sides(row, cut)) for row in rows)


def _is_torn(left: Sequence[_Piece], right: Sequence[_Piece]) -> bool:
    if not left or not right or _WORD.search(right[0].text) or not _WORD.search(left[-1].text):
        return False
    return seen_in(right[0].text).prices > seen_in(left[-1].text).prices


def _sides(pieces: Sequence[_Piece], cut: Cut) -> tuple[list[_Piece], list[_Piece]]:
    return _on(pieces, cut), _on(pieces, _other(cut))


def _texts(pieces: Sequence[_Piece]) -> Iterator[str]:
    """The rows of some pieces."""
    for _, row in groupby(sorted(pieces), lambda piece: piece.row):
        yield " ".join(piece.text for piece in row)


def _above_columns(pieces: Sequence[_Piece], height: float) -> Cut | None:
    """A cut with columns above it, or below, that are receipts."""
    if len(pieces) < 3 * MIN_PIECES:
        return None
    centre = fmean(piece.across for piece in pieces)

    def span(piece: _Piece, slope: float) -> tuple[float, float]:
        level = piece.middle - slope * (piece.across - centre)
        return level - height / 2, level + height / 2

    for _, slope, place in _widest(_oblique_gaps(pieces, span), height, TRIED_BELOW):
        cut = _above(slope, place - slope * centre)
        sides = _sides(pieces, cut)
        if any(_between_columns(side, height) for side in sides) or _is_one_turned(*sides):
            return cut
    return None


def _left_of(slope: float, place: float) -> Cut:
    return lambda x, y: x + slope * y < place


def _above(slope: float, place: float) -> Cut:
    return lambda x, y: y - slope * x < place


def _other(cut: Cut) -> Cut:
    return lambda x, y: not cut(x, y)


def _on(pieces: Sequence[_Piece], side: Cut) -> list[_Piece]:
    return [piece for piece in pieces if side(piece.across, piece.middle)]


def _seen(texts: Iterable[str]) -> Seen:
    return reduce(Seen.plus, map(seen_in, texts), Seen())


def _oblique_gaps(
    pieces: Sequence[_Piece], span: Callable[[_Piece, float], tuple[float, float]]
) -> Iterator[Gap]:
    for slope in SLOPES:
        for width, place in _gaps(span(piece, slope) for piece in pieces):
            yield width, slope, place


def _gaps(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The width and the middle of each gap between the spans."""
    first, *others = sorted(spans)
    reach = first[1]
    for start, end in others:
        if start > reach:
            yield start - reach, (start + reach) / 2
        reach = max(reach, end)


def _widest(gaps: Iterable[Gap], least: float, most: int) -> list[Gap]:
    """Some of the widest gaps; of those at one place the widest."""
    chosen: list[Gap] = []
    for gap in sorted(gaps, reverse=True):
        if gap[0] < least or len(chosen) == most:
            break
        if all(2 * abs(gap[2] - other[2]) > gap[0] + other[0] for other in chosen):
            chosen.append(gap)
    return chosen


def _pieces(rows: Rows, height: float) -> list[_Piece]:
    return [_piece(n, run) for n, row in enumerate(rows) for run in _runs(row, height)]


def _runs(row: Sequence[Line], height: float) -> Iterator[list[Line]]:
    """The row's lines from left to right, parted where a gap is wide."""
    run: list[Line] = []
    for line in sorted(row, key=lambda line: _box(line)[0]):
        if run and _box(line)[0] - _box(run[-1])[2] > MIN_GAP * height:
            yield run
            run = []
        run.append(line)
    yield run


def _piece(number: int, run: Sequence[Line]) -> _Piece:
    lefts, tops, rights, bottoms = zip(*map(_box, run), strict=True)
    middle = (sum(tops) + sum(bottoms)) / (2 * len(run))
    return _Piece(number, min(lefts), max(rights), middle, _text(run), fmean(map(_clarity, run)))


def _clarity(line: Line) -> float:
    left, top, right, bottom = _box(line)
    runs_down = len(line.text) > 2 and bottom - top > 2 * (right - left)
    return 0.0 if runs_down else 1.0 if line.confidence is None else line.confidence


def _text(lines: Sequence[Line]) -> str:
    return " ".join(line.text for line in lines)[:LONGEST]


@lru_cache(maxsize=4096)  # a row is looked at for each way to part its page
def seen_in(text: str) -> Seen:
    row = Row(text, topics(text), (), ())
    money = [amount for amount in find_amounts(text) if amount.is_money]
    is_dated, street = any(find_dates(text)), is_street(text)
    is_contact = street or phone_in(text) or tax_id_in(text) or LEGAL.search(text)
    is_total = role_of(row.topics) in TOTALS
    is_price = any(amount.decimals == 2 for amount in money)
    is_named = row.topics or street or is_dated or find_time(text)
    is_thing = is_price and not is_named and _WORD.search(text)
    proofs = (is_dated, bool(is_contact), street, is_price, bool(is_thing))
    return Seen(1, is_total, len(money), *proofs)


def _print_height(rows: Rows) -> float:
    """The usual height of print, in pixels."""
    heights = [min(b[2] - b[0], b[3] - b[1]) for row in rows for b in map(_box, row)]
    return float(max(1, median(heights)))


def _is_turned(rows: Rows) -> bool:
    """Whether most longer lines run up or down the page."""
    sizes = [(b[2] - b[0], b[3] - b[1]) for row in rows for b in map(_box, row)]
    long = [
        height > width for width, height in sizes if max(width, height) > 2 * min(width, height)
    ]
    return 2 * sum(long) > len(long)


def _turned_rows(rows: Rows) -> Rows:
    return [[Line(line.text, line.confidence, _turned(_box(line))) for line in row] for row in rows]


def _turned(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def _box(line: Line) -> Box:
    return line.box or (0, 0, 0, 0)


# One below the other


def stacked(rows: Rows) -> list[Rows]:
    """The rows of each receipt, where one stands below the other."""
    for start in _starts(rows):
        above, below = rows[:start], rows[start:]
        if _is_another(above, below):
            return [*stacked(above), *stacked(below)]
    return [rows]


def _is_another(above: Rows, below: Rows) -> bool:
    """Whether what is below is no card slip or copy: these have the same total, day and time.

    Where the total is the same, or no address tells where the other begins, both have to differ.
    """
    one, other = read_receipt(above), read_receipt(below)
    if goes_on(one, other) is not False:
        return False
    repeats = one.total in amounts_in(below) or other.total in amounts_in(above)
    is_headed = begins([seen_in(_text(row)) for row in below])
    differing = _differing(_known(one), _known(other))
    return (is_headed and not repeats) or ({"date", "time"} <= differing and bool(_moments(below)))


def _starts(rows: Rows) -> list[int]:
    """The rows that may begin another receipt below one, the widest gap above them first."""
    last = len(rows) - MIN_PIECES
    wide = [(s, n) for s, n in _below_gaps(rows, MIN_GAP_BELOW) if MIN_PIECES <= n <= last]
    if not wide:
        return []
    seen = [seen_in(_text(row)) for row in rows]
    sums = list(accumulate(seen, Seen.plus, initial=Seen()))
    found = [
        (step, number)
        for step, number in wide
        if _may_be_two(sums[number], sums[-1].minus(sums[number]), seen[number:])
    ]
    return [number for _, number in sorted(found, reverse=True)[:TRIED_BELOW]]


def _may_be_two(above: Seen, below: Seen, rows: Sequence[Seen]) -> bool:
    """Both are whole, and the `rows` below begin with a head, or go on with a thing as above."""
    if not (above.is_whole and below.is_whole):
        return False
    are_sold = above.things and _first_priced(rows).things
    return begins(rows) or bool(are_sold and below.totals and below.dates)


def _first_priced(rows: Sequence[Seen]) -> Seen:
    return next((row for row in rows if row.prices), Seen())


def _below_gaps(rows: Rows, least: float) -> list[tuple[float, int]]:
    """The rows below gaps of at least so many usual steps from row to row, with the gap."""
    upright = _turned_rows(rows) if _is_turned(rows) else rows
    steps = [abs(b - a) for a, b in pairwise(map(_row_middle, upright))]
    usual = max(median(steps), _print_height(rows)) if steps else 0.0
    return [(step, number) for number, step in enumerate(steps, 1) if step >= least * usual]


def _row_middle(row: Sequence[Line]) -> float:
    boxes = list(map(_box, row))
    return sum(box[1] + box[3] for box in boxes) / (2 * len(boxes))


# One after the other


def may_begin(rows: Rows, number: int) -> bool:
    """Whether a page may begin another receipt: it has a head, or a date and a total, of its own.

    `number` is how many pages the receipt before has with it; `Page 2 of 3` begins none.
    """
    seen = [seen_in(_text(row)) for row in rows]
    is_dated = any(row.dates for row in seen)
    return not _is_numbered(rows, number) and (begins(seen) or (is_dated and has_total(rows)))


def has_total(rows: Rows) -> bool:
    return any(seen_in(_text(row)).totals for row in rows)


def goes_on(before: Receipt, after: Receipt) -> bool | None:
    """Whether fields with a head of their own are of the receipt before; None: it is unclear.

    They are another's where they name another shop, moment or number. Where one has no total yet,
    shop and day differ, or the receipt before has its total and the shop's address differs too.
    """
    one, other = _known(before), _known(after)
    differing = _differing(one, other)
    if "total" not in one or "total" not in other:
        is_other_shop = "total" in one and _has_other_address(before, after)
        return "merchant" not in differing or not ("date" in differing or is_other_shop)
    if differing - {"total"}:
        return False
    return None if "total" in differing and after.items else True


def _has_other_address(before: Receipt, after: Receipt) -> bool:
    addresses = before.merchant_address, after.merchant_address
    return all(addresses) and not _is_same(*addresses)


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    return {name for name in one if name in other and not _is_same(one[name], other[name])}


def _known(receipt: Receipt) -> dict[str, object]:
    """The fields by which receipts are told apart, where they are probable."""
    found = {name: getattr(receipt, name) for name in (*NAMES, "total")}
    proofs = {name: getattr(receipt.evidence, name, None) for name in found}
    return {
        name: value
        for name, value in found.items()
        if value is not None
        and not ((proof := proofs[name]) and (proof.probability or 1) < MIN_PROBABILITY)
    }


def _is_same(one: object, other: object) -> bool:
    """Equal, or names of which one has all the letters of the other."""
    a, b = ("".join(filter(str.isalnum, str(value).casefold())) for value in (one, other))
    return a in b or b in a if a.isalpha() and b.isalpha() else a == b


def begins(rows: Sequence[Seen]) -> bool:
    """An address, a telephone number or the like comes before the first amount."""
    head = takewhile(lambda row: row.contacts or not (row.amounts or row.totals), rows)
    return any(row.contacts for row in head)


def _is_numbered(rows: Rows, number: int) -> bool:
    """A row says that this is so many-th of several pages."""
    texts = map(_text, rows)
    return any(
        2 <= int(found[1]) == number <= int(found[2])
        for text in texts
        if (found := _PAGE.search(text))
    )


def may_be_receipt(rows: Rows) -> bool:
    """A part of a page has amounts, unlike a letter's head or the back of a receipt."""
    seen = [seen_in(_text(row)) for row in rows]
    return sum(row.amounts for row in seen) > 1 or is_headed(seen)


def is_receipt(rows: Rows) -> bool:
    """A part of a page is whole, or begins as a receipt does."""
    seen = [seen_in(_text(row)) for row in rows]
    return reduce(Seen.plus, seen, Seen()).is_whole or is_headed(seen)


def is_headed(rows: Sequence[Seen]) -> bool:
    """A street stands above the first price, and there is a thing with its price."""
    head = takewhile(lambda row: not row.prices, rows)
    return any(row.streets for row in head) and any(row.things for row in rows)


# What cannot be told apart


def may_be_several(rows: Rows) -> bool:
    """Whether rows that could not be cut seem to be of several receipts.

    Either different times of different days are printed, or a gap is followed by what only another
    receipt has. The same time on two days is one moment, whose date was misread once.
    """
    moments = _moments(rows)
    if min(len({day for day, _ in moments}), len({time for _, time in moments})) > 1:
        return True
    seen = [seen_in(_text(row)) for row in rows]
    below_gaps = (number for _, number in _below_gaps(rows, MIN_DOUBTFUL_GAP))
    return any(_begins_again(seen, n) or _ends_again(rows, seen, n) for n in below_gaps)


def _moments(rows: Rows) -> list[tuple[str | None, str]]:
    """The days and times that stand together in one row."""
    return [
        (day.day_first or day.month_first, time)
        for text in map(_text, rows)
        for day in find_dates(text)
        if (time := find_time(text))
    ]


def _begins_again(rows: Sequence[Seen], number: int) -> bool:
    """From this row on there is a head with a street, and a thing with its price right below it.

    A card slip, a table of taxes and the foot of a receipt have no thing.
    """
    head = list(takewhile(lambda row: not row.prices, rows[number:]))
    below = rows[number + len(head) :]
    is_head = len(head) > 1 and any(row.streets for row in head[:HEAD_ROWS])
    return bool(is_head and below and below[0].things and any(r.things for r in rows[:number]))


def _ends_again(rows: Rows, seen: Sequence[Seen], number: int) -> bool:
    """From this row on things come first, and there is a total that is not printed above."""
    if not _first_priced(seen[number:]).things:
        return False
    parts = (rows[:number], seen[:number]), (rows[number:], seen[number:])
    (one, above), (other, below) = ((_totals(*part), amounts_in(part[0])) for part in parts)
    return bool(one and other and not (one & below or other & above))


def _totals(rows: Rows, seen: Sequence[Seen]) -> set[Decimal]:
    """The last amount of each row that is called a total."""
    texts = (_text(row) for row, found in zip(rows, seen, strict=True) if found.totals)
    money = ([amount.value for amount in find_amounts(t) if amount.is_money] for t in texts)
    return {values[-1] for values in money if values}
