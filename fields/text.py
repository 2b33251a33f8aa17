"""Rows, text and Markdown made from each other. Pure."""

import html
import re
from collections.abc import Sequence
from itertools import pairwise

from fields.money import find_amounts
from result import Line, Receipt, printable

COLUMN_GAP = "   "
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~]|&(?=#?\w+;))")
_BLOCK = re.compile(r"^(\d*)([#+\-=.)])(?=\s|$|[#=\-])")


def rows_from_text(text: str) -> list[list[Line]]:
    """Text without geometry, one printed row per line, as rows of one line each."""
    return [[Line(row.strip())] for row in text.splitlines() if row.strip()]


def text_from_rows(rows: Sequence[Sequence[Line]]) -> str:
    """One printed row per line; its columns stand three spaces apart."""
    return "\n".join(_row_text(row) for row in rows)


def _row_text(row: Sequence[Line]) -> str:
    text = row[0].text if row else ""
    for left, right in pairwise(row):
        text += (COLUMN_GAP if is_column(left, right) else " ") + right.text
    return text


def is_column(left: Line, right: Line) -> bool:
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


# A vendor's Markdown as text

MAX_ROWS = 2_000
MAX_ROW_LENGTH = 300

# A match never runs past the sign it begins with: the cost stays linear, whatever the text.
_PICTURE = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)|<img\b[^<>]*>", re.I)
_TAGS = (
    (re.compile(r"</t[dh]>\s*(?=<t[dh]\b)", re.I), COLUMN_GAP),
    (re.compile(r"<br\s*/?>|</(?:tr|p|div|li|h\d)>", re.I), "\n"),
    (re.compile(r"</?[a-z][^<>]*>", re.I), ""),
)
_MARKS = (
    (re.compile(r"^(?:#{1,6}|>|[-*+](?=\s+[^\d\s]))\s+"), ""),  # heading, quotation, list
    (re.compile(r"^(?:```\w*|\*[*\s]+|_[_\s]+)$"), ""),  # fence, ruler
    (re.compile(r"\[([^\[\]]*)\]\([^()]*\)"), r"\1"),
    (re.compile(r"\*\*(?=\S)([^*]+)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"__(?=\S)([^_]+)(?<=\S)__"), r"\1"),
    (re.compile(r"(?<![\\*\w])\*(?=[^\s*])([^*]+)(?<=[^\s*])\*(?![*\w])"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|$~<>])"), r"\1"),
)


def text_from_markdown(markdown: str) -> str:
    """The text alone: a table's row is one line, its columns stay apart; pictures are gone.

    Characters that cannot be printed are blanks, a tab as many as between columns.
    """
    text = without_pictures(markdown)
    for pattern, replacement in _TAGS:
        text = pattern.sub(replacement, text)
    lines = [line for line in html.unescape(text).splitlines() if line.strip()][:MAX_ROWS]
    rows = (_plain_row(line.strip()[:MAX_ROW_LENGTH]) for line in lines)
    return "\n".join(printable(row.replace("\t", COLUMN_GAP)).strip() for row in rows if row)


def without_pictures(markdown: str) -> str:
    """The Markdown less its `![img-0.jpeg](img-0.jpeg)`, whose pictures we do not keep."""
    return _PICTURE.sub("", markdown)


def _plain_row(line: str) -> str:
    if "-" in line and not line.strip("-|: \t"):  # a table's |---|:-:|
        return ""
    if line.startswith("|"):
        cells = re.split(r"(?<!\\)\|", line)
        line = COLUMN_GAP.join(cell.strip() for cell in cells if cell.strip())
    for pattern, replacement in _MARKS:
        line = pattern.sub(replacement, line)
    return line.strip()
