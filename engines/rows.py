"""Groups recognised lines by their boxes into printed rows. Pure."""

from collections.abc import Iterable

from result import Line


def group_rows(lines: Iterable[Line], slope: float = 0.0) -> list[list[Line]]:
    """Lines grouped into printed rows, top to bottom, each left to right.

    `slope` is how far a printed row falls per pixel to the right. A line joins the row whose
    nearest line it overlaps by half the lower height: so rows that bend are followed.
    """
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: _middle(line, slope)):
        row = _row_of(line, rows[-6:], slope)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    rows.sort(key=lambda row: sum(_middle(line, slope) for line in row) / len(row))
    return [sorted(row, key=lambda line: line.box[0] if line.box else 0) for row in rows]


def _middle(line: Line, slope: float) -> float:
    """Where the line's row crosses the left edge of the page."""
    left, top, right, bottom = line.box or (0, 0, 0, 0)
    return (top + bottom) / 2 - slope * (left + right) / 2


def _height(line: Line, slope: float) -> float:
    """The height of the print: that of the box without what its slope adds."""
    left, top, right, bottom = line.box or (0, 0, 0, 0)
    return max((bottom - top) - abs(slope) * (right - left), 0.4 * (bottom - top), 1)


def _row_of(line: Line, rows: list[list[Line]], slope: float) -> list[Line] | None:
    best, best_overlap = None, 0.5
    for row in rows:
        near = min(row, key=lambda other: _distance(line, other))
        height, other = _height(line, slope), _height(near, slope)
        apart = abs(_middle(line, slope) - _middle(near, slope))
        overlap = ((height + other) / 2 - apart) / min(height, other)
        if overlap >= best_overlap and not _same_column(line, near):
            best, best_overlap = row, overlap
    return best


def _distance(line: Line, other: Line) -> int:
    """Pixels between two boxes from left to right; negative where they overlap."""
    a, b = line.box or (0, 0, 0, 0), other.box or (0, 0, 0, 0)
    return max(a[0] - b[2], b[0] - a[2])


def _same_column(line: Line, other: Line) -> bool:
    a, b = line.box or (0, 0, 0, 0), other.box or (0, 0, 0, 0)
    return -_distance(line, other) >= 0.5 * min(a[2] - a[0], b[2] - b[0])
