"""The columns of a list of things: which of a row's pieces are names, codes, numbers of pieces.

The heading says it: `Part # | Description | Qty | Price`. Pure: rows in.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from fields.contacts import count_headings
from fields.item_rows import MAX_QUANTITY, WORD
from fields.labels import Piece, Row
from fields.lexicon import rule

_KINDS = {
    "quantity": rule(r"\b<items.quantity>\b"),
    "code": rule(r"\b<items.codes>\b"),
    "name": rule(r"\b<items.things>\b"),
}
_WORD = re.compile(r"\S+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)? ?[^\W\d_]{0,3}\.?")  # 2, 2,00 st
_COUNT = rule(r"^\W*(?:[x\u00d7] ?\d{1,3}|\d{1,3} ?(?:[x\u00d7]|<items.pieces+units>))\W*$")


class Column(NamedTuple):
    """A column: what its heading calls it, and the heading's left and right end in pixels."""

    kind: str  # "name", "code", "quantity" or "" for another
    left: float
    right: float


def columns_below(heading: Row) -> list[Column]:
    """The columns that a row names; none where it has no boxes or no word for names of things."""
    found = [
        Column(_kind(heading.text[start:end]), *ends)
        for piece in heading.pieces
        for start, end in _words(heading, piece)
        if (ends := _ends(piece, start, end))
    ]
    return found if any(column.kind == "name" for column in found) else []


def _kind(text: str) -> str:
    return next((kind for kind, words in _KINDS.items() if words.search(text)), "")


def _words(heading: Row, piece: Piece) -> list[tuple[int, int]]:
    """The piece whole, or word by word where the engine took several headings for one line."""
    text = heading.text[piece.start : piece.end]
    if count_headings(text) < 2:
        return [(piece.start, piece.end)]
    return [(piece.start + m.start(), piece.start + m.end()) for m in _WORD.finditer(text)]


def _ends(piece: Piece, start: int, end: int) -> tuple[float, float] | None:
    """Where a part of the piece begins and ends, in pixels, as if its letters were alike wide."""
    if not piece.box:
        return None
    left, _, right, _ = piece.box
    letter = (right - left) / max(1, piece.end - piece.start)
    return left + (start - piece.start) * letter, left + (end - piece.start) * letter


def names_alone(row: Row, columns: Sequence[Column]) -> Row:
    """The row with blanks for what stands beside the name, as a batch number or who served."""
    kinds = [_kind_of(row, piece, columns) for piece in row.pieces]
    named = list(zip(row.pieces, kinds, strict=True))
    if not any(kind == "name" and WORD.search(_text(row, piece)) for piece, kind in named):
        return row
    for piece in [piece for piece, kind in named if _is_aside(row, piece, kind)]:
        row = _without(row, piece)
    return row


def _text(row: Row, piece: Piece) -> str:
    return row.text[piece.start : piece.end]


def _is_aside(row: Row, piece: Piece, kind: str | None) -> bool:
    """Whether the piece is no part of the thing: a code, or a word or a day in another column."""
    if any(piece.start <= amount.start < piece.end for amount in row.amounts):
        return False
    text = _text(row, piece)
    is_word = re.search(r"[^\W\d_]|\d/\d", text) and not _COUNT.search(text)
    is_other = kind == "" and is_word and row.is_apart(piece.start)
    return kind == "code" or bool(is_other)


def _without(row: Row, piece: Piece) -> Row:
    blanks = " " * (piece.end - piece.start)
    text = row.text[: piece.start] + blanks + row.text[piece.end :]
    numbers = tuple(n for n in row.numbers if not piece.start <= n.start < piece.end)
    return row._replace(text=text, numbers=numbers)


def _kind_of(row: Row, piece: Piece, columns: Sequence[Column]) -> str | None:
    """What the column is that the piece stands in; None without columns or a box."""
    return _nearest(_ends(piece, piece.start, piece.end), columns)


def _nearest(ends: tuple[float, float] | None, columns: Sequence[Column]) -> str | None:
    """The kind of the column that most of it is in, else of the one that is nearest."""
    if not (ends and columns):
        return None
    return max(columns, key=lambda each: min(ends[1], each.right) - max(ends[0], each.left)).kind


def quantity_in(row: Row, columns: Sequence[Column]) -> Decimal | None:
    """The number in the column of numbers of pieces; None where there is none, or several."""
    found = [
        number.value
        for piece in row.pieces
        for number in row.numbers
        if number.start == piece.start
        and _NUMBER.fullmatch(_text(row, piece))
        and 0 < number.value <= MAX_QUANTITY
        and number not in row.amounts[-1:]
        and _kind_of(row, piece, columns) == "quantity"
    ]
    return found[0] if len(found) == 1 else None
