"""Groups recognised lines by their boxes into printed rows, and changes these boxes. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

from result import Box, Line, Rows

MIN_OVERLAP = 0.5  # of the lower line's height, where the rows of two lines meet


def group_rows(lines: Sequence[Line], slopes: Sequence[float] = ()) -> list[list[Line]]:
    """Lines grouped into printed rows, top to bottom, each left to right.

    `slopes` tells how far the row through each line falls there per pixel to the right; without
    it rows are level. The two lines that are level best are joined first, and two of one column
    never, so that each of two rows at nearly one height keeps its own amount.
    """
    slopes = slopes or [0.0] * len(lines)
    row_of = [[number] for number in range(len(lines))]
    for _, one, other in sorted(_pairs(lines, slopes)):
        left, right = row_of[one], row_of[other]
        pairs = ((lines[upper], lines[lower]) for upper in left for lower in right)
        if left is not right and not any(_same_column(*pair) for pair in pairs):
            left += right
            for number in right:
                row_of[number] = left
    rows = [row for number, row in enumerate(row_of) if row[0] == number]
    heights = _heights(lines, slopes)
    rows.sort(key=lambda row: fmean(heights[number] for number in row))
    return [sorted((lines[n] for n in row), key=lambda line: box_of(line)[0]) for row in rows]


def _pairs(lines: Sequence[Line], slopes: Sequence[float]) -> Iterator[tuple[float, int, int]]:
    """How far apart the rows of each two lines are that may stand on one row, and their numbers.

    The distance is in heights of the lower line; a row between the two has their mean slope.
    """
    sizes = [_print_height(line, slope) for line, slope in zip(lines, slopes, strict=True)]
    middles = [_middle(line) for line in lines]
    for one, other in combinations(range(len(lines)), 2):
        (x, y), (other_x, other_y) = middles[one], middles[other]
        fall = (other_x - x) * (slopes[one] + slopes[other]) / 2
        apart, lower = abs(other_y - y - fall), min(sizes[one], sizes[other])
        overlap = (sizes[one] + sizes[other]) / 2 - apart
        if overlap >= MIN_OVERLAP * lower and not _same_column(lines[one], lines[other]):
            yield apart / lower, one, other


def _heights(lines: Sequence[Line], slopes: Sequence[float]) -> list[float]:
    """Where the row through each line crosses the middle of the text, in pixels from the top."""
    middles = [_middle(line) for line in lines]
    centre = fmean(x for x, _ in middles) if middles else 0.0
    return [y + slope * (centre - x) for (x, y), slope in zip(middles, slopes, strict=True)]


def _print_height(line: Line, slope: float) -> float:
    """The height of the print: that of the box without what its slope adds."""
    left, top, right, bottom = box_of(line)
    return max((bottom - top) - abs(slope) * (right - left), 0.4 * (bottom - top), 1)


def _middle(line: Line) -> tuple[float, float]:
    left, top, right, bottom = box_of(line)
    return (left + right) / 2, (top + bottom) / 2


def _same_column(line: Line, other: Line) -> bool:
    """Whether one stands above the other: they share half of the narrower one's width."""
    a, b = box_of(line), box_of(other)
    return min(a[2], b[2]) - max(a[0], b[0]) >= 0.5 * min(a[2] - a[0], b[2] - b[0])


def box_of(line: Line) -> Box:
    """The box of a line that an engine recognised, which always has one."""
    return line.box or (0, 0, 0, 0)


def with_boxes(rows: Rows, change: Callable[[Box], Box]) -> Rows:
    """The rows with each box replaced by what `change` makes of it."""
    return [[replace(line, box=change(box_of(line))) for line in row] for row in rows]
