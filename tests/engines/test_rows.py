"""Labels keep their own amounts on slanted and bent paper, drawn here by its corners alone."""

import numpy as np
import pytest

from engines.rows import group_rows
from engines.slopes import row_slopes
from result import Line

RECEIPT = [["SHOP"], ["12 HIGH STREET"]] + [
    [label, amount]
    for label, amount in (
        ("2 FLAT WHITE", "7.80"),
        ("1 TOAST", "4.20"),
        ("Subtotal", "12.00"),
        ("Sales tax", "1.26"),
        ("Total", "13.26"),
        ("Card", "13.26"),
    )
]
WIDTH, ROW, LETTER = 600, 26, 12  # pixels


def slanted(x, y):
    """Photographed from the side: the top row falls by 1 pixel in 100, the bottom row by 9."""
    return x, (y - 140) * (1 + 0.0005 * x) + 0.05 * x


def bent(x, y):
    """On a roll that stands on the table: the middle of each row hangs 20 pixels lower."""
    return x, y + 20 * (1 - (2 * x / WIDTH - 1) ** 2)


def photographed(rows, warp):
    """The pieces of text as a detector gives them: lines with boxes, and their corners."""
    lines, quads = [], []
    for number, row in enumerate(rows):
        for text, left in zip(row, (20, WIDTH - 20 - LETTER * len(row[-1])), strict=False):
            right, top = left + LETTER * len(text), 20 + ROW * number
            corners = [(left, top), (right, top), (right, top + 20), (left, top + 20)]
            quads.append([warp(*corner) for corner in corners])
            (x0, y0), (x1, y1) = np.min(quads[-1], axis=0), np.max(quads[-1], axis=0)
            lines.append(Line(text, 0.9, (int(x0), int(y0), int(x1), int(y1))))
    return lines, np.array(quads)


@pytest.mark.parametrize("warp", [slanted, bent])
@pytest.mark.parametrize("turn", [-0.06, 0, 0.06])
def test_each_label_keeps_its_amount_on_warped_paper(warp, turn):
    def turned(x, y):
        x, y = warp(x, y)
        return x, y + turn * x

    lines, quads = photographed(RECEIPT, turned)
    rows = group_rows(lines, row_slopes(quads))
    assert [[line.text for line in row] for row in rows] == RECEIPT


def test_two_rows_at_one_height_stay_two():
    """The amounts are printed half a row higher: each goes to the label it meets best, once."""
    label, amount = [[20, 0, 120, 20], [20, 22, 120, 42]], [[400, -9, 460, 11], [400, 13, 460, 33]]
    texts = ("Subtotal", "Tax", "6.76", "0.50")
    lines = [Line(t, 0.9, tuple(box)) for t, box in zip(texts, label + amount, strict=True)]
    rows = group_rows(lines)
    assert [[line.text for line in row] for row in rows] == [["Subtotal", "6.76"], ["Tax", "0.50"]]


def test_a_page_of_short_pieces_is_level():
    assert row_slopes(np.array([[[0, 0], [30, 5], [30, 25], [0, 20]]])) == [0.0]
