"""Parts a page between receipts that lie beside each other. Pure: printed rows with boxes in.

A page is cut, also obliquely, where nothing is printed across the cut and each side is a receipt of
its own, or begins as one: a column of prices has no head and no total.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import fmean, median
from typing import NamedTuple

from fields.labels import around, text_of
from fields.receipt_signs import MIN_PIECES, WORD, is_headed, is_whole, seen_in
from result import Box, Line, Rows

SLOPES = (0.0, 0.03, -0.03, 0.06, -0.06, 0.1, -0.1, 0.14, -0.14, 0.19, -0.19)  # of cuts
MIN_GAP = 1.0  # between pieces of a row, and receipts side by side, in heights of print
TRIED = 8  # of the widest gaps between columns
TRIED_ABOVE = 3  # of those between what is above columns and these
NOWHERE = (0, 0, 0, 0)
MIN_UNREADABLE = 6  # pieces of a part that may be a receipt which is turned
MIN_READABLE = 0.85  # usual confidence of a part's lines: upright ones have .95, turned ones .73


class Part(NamedTuple):
    """A part of a page that may be a receipt."""

    rows: Rows
    box: Box  # around its lines, and what of its paper may be around those
    has: Callable[[Line], bool]  # whether the middle of a line is on it
    is_unreadable: bool  # and may be a receipt that is turned: to be read again on its own


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
Span = tuple[float, float, float]  # where a piece starts and ends across a cut, and is along it
Pieces = Sequence[_Piece]


def parts(rows: Rows) -> list[Part]:
    """The parts of a page that stand beside each other, and what is above and below those.

    Where rows run down the page, all is done on the page as it would be upright or upside down.
    """
    height = print_height(rows)
    pieces = [_piece(n, run) for n, row in enumerate(upright(rows)) for run in _runs(row, height)]
    return [_part(some, cuts, rows) for some, cuts in _split(pieces, height, ())]


def _part(pieces: Pieces, cuts: Sequence[Cut], rows: Rows) -> Part:
    is_turned = _is_turned(rows)

    def has(line: Line) -> bool:
        left, top, right, bottom = _turned(box_of(line)) if is_turned else box_of(line)
        return all(cut((left + right) / 2, (top + bottom) / 2) for cut in cuts)

    numbers = sorted({piece.row for piece in pieces})
    own = [[line for line in rows[number] if has(line)] for number in numbers]
    left, top, right, bottom = around(box_of(line) for row in own for line in row) or NOWHERE
    margin = round(print_height(rows))
    box = left - margin, top - margin, right + margin, bottom + margin
    return Part(own, box, has, _is_unreadable(pieces))


def _split(
    pieces: Pieces, height: float, cuts: tuple[Cut, ...]
) -> Iterator[tuple[Pieces, tuple[Cut, ...]]]:
    """The pieces of each part, with the cuts around it."""
    cut = _between_columns(pieces, height) or _above_columns(pieces, height)
    if cut is None:
        yield pieces, cuts
        return
    for side, own in zip((cut, _other(cut)), _sides(pieces, cut), strict=True):
        yield from _split(own, height, (*cuts, side))


# The cuts


def _between_columns(pieces: Pieces, height: float) -> Cut | None:
    """A cut that leaves a receipt on its left and one on its right."""
    if len(pieces) < 2 * MIN_PIECES:
        return None
    cuts = _cuts([(p.left, p.right, p.middle) for p in pieces], height, TRIED)
    able = [cut for cut in cuts if _are_receipts(*_sides(pieces, cut))]
    if able:
        return min(able, key=lambda cut: _torn(pieces, cut))
    turned = [cut for cut in cuts if _is_one_turned(*_sides(pieces, cut))]
    return max(turned, key=lambda cut: _contrast(*_sides(pieces, cut)), default=None)


def _above_columns(pieces: Pieces, height: float) -> Cut | None:
    """A cut with columns above it, or below, that are receipts."""
    if len(pieces) < 3 * MIN_PIECES:
        return None
    spans = [(p.middle - height / 2, p.middle + height / 2, p.across) for p in pieces]
    for across in _cuts(spans, height, TRIED_ABOVE):
        cut = _swapped(across)
        sides = _sides(pieces, cut)
        if any(_between_columns(side, height) for side in sides) or _is_one_turned(*sides):
            return cut
    return None


def _cuts(spans: Sequence[Span], height: float, most: int) -> list[Cut]:
    """Cuts between the spans through the widest gaps at any slope, the widest first."""
    centre = fmean(at for _, _, at in spans)
    gaps = [
        (width, slope, place)
        for slope in SLOPES
        for width, place in _gaps(
            (start + slope * (at - centre), end + slope * (at - centre)) for start, end, at in spans
        )
        if width >= MIN_GAP * height
    ]
    return [_cut(slope, place + slope * centre) for _, slope, place in _widest(gaps, most)]


def _cut(slope: float, place: float) -> Cut:
    return lambda x, y: x + slope * y < place


def _swapped(cut: Cut) -> Cut:
    return lambda x, y: cut(y, x)


def _other(cut: Cut) -> Cut:
    return lambda x, y: not cut(x, y)


def _sides(pieces: Pieces, cut: Cut) -> tuple[list[_Piece], list[_Piece]]:
    sides: tuple[list[_Piece], list[_Piece]] = [], []
    for piece in pieces:
        sides[not cut(piece.across, piece.middle)].append(piece)
    return sides


def _widest(gaps: Iterable[Gap], most: int) -> list[Gap]:
    """Some of the widest gaps; of those at one place the widest."""
    chosen: list[Gap] = []
    for gap in sorted(gaps, reverse=True):
        is_apart = all(2 * abs(gap[2] - other[2]) > gap[0] + other[0] for other in chosen)
        chosen += [gap] if is_apart and len(chosen) < most else []
    return chosen


def _gaps(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The width and the middle of each gap between the spans."""
    first, *others = sorted(spans)
    reach = first[1]
    for start, end in others:
        if start > reach:
            yield start - reach, (start + reach) / 2
        reach = max(reach, end)


# What is on the sides of a cut


def _are_receipts(one: Pieces, other: Pieces) -> bool:
    if _is_whole(one) and _is_whole(other):
        return True
    return all(is_headed([seen_in(text) for text in _texts(side)]) for side in (one, other))


def _is_one_turned(one: Pieces, other: Pieces) -> bool:
    """One is whole and the other unreadable, as print is that lies upside down."""
    return any(_is_unreadable(a) and _is_whole(b) for a, b in ((one, other), (other, one)))


def _is_whole(pieces: Pieces) -> bool:
    return is_whole(seen_in(piece.text) for piece in pieces)


def _is_unreadable(pieces: Pieces) -> bool:
    return len(pieces) >= MIN_UNREADABLE and median(p.clarity for p in pieces) < MIN_READABLE


def _contrast(one: Pieces, other: Pieces) -> float:
    clear, unclear = (fmean(piece.clarity for piece in side) for side in (one, other))
    return abs(clear - unclear)


def _torn(pieces: Pieces, cut: Cut) -> int:
    """How many rows a cut parts between a thing and its price."""
    return sum(_is_torn(*_sides(row, cut)) for row in _rows_of(pieces))


def _is_torn(left: Pieces, right: Pieces) -> bool:
    if not left or not right or WORD.search(right[0].text) or not WORD.search(left[-1].text):
        return False
    return seen_in(right[0].text).prices > seen_in(left[-1].text).prices


def _rows_of(pieces: Pieces) -> list[list[_Piece]]:
    return [list(row) for _, row in groupby(sorted(pieces), lambda piece: piece.row)]


def _texts(pieces: Pieces) -> list[str]:
    """The rows of some pieces."""
    return [" ".join(piece.text for piece in row) for row in _rows_of(pieces)]


# Pieces of rows


def _runs(row: Sequence[Line], height: float) -> Iterator[list[Line]]:
    """The row's lines from left to right, parted where a gap is wide."""
    run: list[Line] = []
    for line in sorted(row, key=lambda line: box_of(line)[0]):
        if run and box_of(line)[0] - box_of(run[-1])[2] > MIN_GAP * height:
            yield run
            run = []
        run.append(line)
    yield run


def _piece(number: int, run: Sequence[Line]) -> _Piece:
    lefts, _, rights, _ = zip(*map(box_of, run), strict=True)
    clarity = fmean(map(_clarity, run))
    return _Piece(number, min(lefts), max(rights), middle_of(run), text_of(run), clarity)


def _clarity(line: Line) -> float:
    left, top, right, bottom = box_of(line)
    runs_down = len(line.text) > 2 and bottom - top > 2 * (right - left)
    return 0.0 if runs_down else 1.0 if line.confidence is None else line.confidence


def middle_of(row: Sequence[Line]) -> float:
    """Its height on the page, in pixels from the top."""
    return sum(box[1] + box[3] for box in map(box_of, row)) / (2 * len(row))


def print_height(rows: Rows) -> float:
    """The usual height of print, in pixels."""
    return float(max(1, median(map(min, _sizes(rows)))))


def upright(rows: Rows) -> Rows:
    """The rows, on the page as it would be upright or upside down where they run down it."""
    if not _is_turned(rows):
        return rows
    return [[replace(line, box=_turned(box_of(line))) for line in row] for row in rows]


def _is_turned(rows: Rows) -> bool:
    """Whether most longer lines run up or down the page."""
    long = [high > wide for wide, high in _sizes(rows) if max(wide, high) > 2 * min(wide, high)]
    return 2 * sum(long) > len(long)


def _sizes(rows: Rows) -> list[tuple[int, int]]:
    boxes = [box_of(line) for row in rows for line in row]
    return [(right - left, bottom - top) for left, top, right, bottom in boxes]


def _turned(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def box_of(line: Line) -> Box:
    return line.box or NOWHERE
