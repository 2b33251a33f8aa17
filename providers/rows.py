"""Which words stand on one printed row? Boxes in, rows, text and Markdown out. Pure."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from providers.base import Line, Receipt
from providers.money import find_amounts

COLUMN_GAP = "   "
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~]|&(?=#?\w+;))")
_BLOCK = re.compile(r"^(\d*)([#+\-=.)])(?=\s|$|[#=\-])")


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
    """Pixels between two boxes from left to right; negative when one stands above the other."""
    a, b = line.box or (0, 0, 0, 0), other.box or (0, 0, 0, 0)
    return max(a[0] - b[2], b[0] - a[2])


def _same_column(line: Line, other: Line) -> bool:
    a, b = line.box or (0, 0, 0, 0), other.box or (0, 0, 0, 0)
    return -_distance(line, other) >= 0.5 * min(a[2] - a[0], b[2] - b[0])


def rows_from_text(text: str) -> list[list[Line]]:
    """Text without geometry, one printed row per line, as rows of one line each."""
    return [[Line(row.strip())] for row in text.splitlines() if row.strip()]


def text_from_rows(rows: Sequence[Sequence[Line]]) -> str:
    """One printed row per line; its columns stand three spaces apart."""
    return "\n".join(_row_text(row) for row in rows)


def _row_text(row: Sequence[Line]) -> str:
    text = row[0].text if row else ""
    for left, right in pairwise(row):
        text += (COLUMN_GAP if _is_column(left, right) else " ") + right.text
    return text


def _is_column(left: Line, right: Line) -> bool:
    """The gap between them is wider than two of their letters."""
    if not (left.box and right.box):
        return False
    letters = max(1, len(left.text) + len(right.text))
    letter = (left.box[2] - left.box[0] + right.box[2] - right.box[0]) / letters
    return right.box[0] - left.box[2] > 2 * letter


def markdown_from_rows(rows: Sequence[Sequence[Line]], receipt: Receipt) -> str:
    """The merchant as heading, the items as tables, every other row as a line of its own."""
    blocks = [f"# {escape(receipt.merchant)}"] if receipt.merchant else []
    items = [item.description for item in receipt.items]
    lines: list[str] = []
    cells: list[list[str]] = []
    for text in map(_row_text, rows):
        if not text or text == receipt.merchant:
            continue
        if items and items[0] in " ".join(text.split()) and _cells(text)[1:]:
            items.pop(0)
            blocks, lines = _with_lines(blocks, lines), []
            cells.append(_cells(text))
        else:
            blocks, cells = _with_table(blocks, cells), []
            lines.append(escape(text))
    return "\n\n".join(_with_table(_with_lines(blocks, lines), cells))


def _cells(text: str) -> list[str]:
    """The row as a table's: what stands before its amounts, then each of them."""
    amounts = [amount for amount in find_amounts(text) if amount.is_money]
    if not amounts:
        return [text]
    starts = [amount.start for amount in amounts]
    return [text[a:b].strip() for a, b in pairwise([0, *starts, len(text)])]


def _with_lines(blocks: list[str], lines: list[str]) -> list[str]:
    return [*blocks, "  \n".join(lines)] if lines else blocks


def _with_table(blocks: list[str], rows: list[list[str]]) -> list[str]:
    """The blocks with a table whose amounts stand in its last columns."""
    if not rows:
        return blocks
    width = max(map(len, rows))
    table = ["| " * width + "|", "|" + "---|" * width]
    for name, *amounts in rows:
        cells = [name, *[""] * (width - 1 - len(amounts)), *amounts]
        table.append("| " + " | ".join(map(escape, cells)) + " |")
    return [*blocks, "\n".join(table)]


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _BLOCK.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))
