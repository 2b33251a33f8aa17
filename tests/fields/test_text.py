"""Boxes become the printed rows, and rows text and Markdown."""

from decimal import Decimal

import pytest

from engines.rows import group_rows
from fields.text import escape, markdown_from_rows, rows_from_text, text_from_rows
from result import Item, Line, Receipt


def texts(rows):
    return [[line.text for line in row] for row in rows]


def at(text, left, top, right, bottom):
    return Line(text, 0.9, (left, top, right, bottom))


def test_a_name_and_its_price_stand_on_one_row_however_far_apart():
    lines = [
        at("2.50", 400, 52, 450, 72),
        at("BREAD", 20, 50, 90, 70),
        at("MILK", 20, 20, 80, 40),
        at("1.20", 400, 22, 450, 42),
    ]
    assert texts(group_rows(lines)) == [["MILK", "1.20"], ["BREAD", "2.50"]]


def test_rows_that_fall_to_the_right_are_followed():
    """At 4 degrees a price 500 pixels away stands 35 lower than its name: on the next row."""
    slope = 0.07

    def skewed(text, x, y):
        fall = round(slope * x)
        return at(text, x, y + fall, x + 60, y + fall + 20)

    lines = [
        skewed(text, x, y)
        for y, row in ((10, ("TEA", "1.10")), (45, ("PIE", "2.20")), (80, ("JAM", "3.30")))
        for text, x in zip(row, (10, 510), strict=True)
    ]
    assert texts(group_rows(lines, [slope] * 6)) == [
        ["TEA", "1.10"],
        ["PIE", "2.20"],
        ["JAM", "3.30"],
    ]


def test_a_bent_row_is_followed_from_neighbour_to_neighbour():
    lines = [
        at(text, 10 + 100 * n, 10 + 8 * n, 90 + 100 * n, 30 + 8 * n)
        for n, text in enumerate("ABCD")
    ]
    assert texts(group_rows(lines)) == [["A", "B", "C", "D"]]


def test_lines_above_each_other_are_never_one_row():
    lines = [at("SHOP", 10, 10, 200, 50), at("12 High St", 10, 35, 200, 60)]
    assert texts(group_rows(lines)) == [["SHOP"], ["12 High St"]]


def test_columns_stand_three_spaces_apart_and_words_one():
    row = [at("FLAT", 10, 0, 50, 20), at("WHITE", 60, 0, 110, 20), at("3.90", 300, 0, 340, 20)]
    assert text_from_rows([row]) == "FLAT WHITE   3.90"


def test_text_without_geometry_keeps_its_rows():
    rows = rows_from_text("SHOP\n\n  TOTAL 1.00 \n")
    assert texts(rows) == [["SHOP"], ["TOTAL 1.00"]]
    assert text_from_rows(rows) == "SHOP\nTOTAL 1.00"


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("a_b *c* `d`", r"a\_b \*c\* \`d\`"),
        ("[x] <b> a|b ~c", r"\[x\] \<b\> a\|b \~c"),
        ("# 4 TABLE", r"\# 4 TABLE"),
        ("1. TEA", r"1\. TEA"),
        ("- LESS", r"\- LESS"),
        ("-5.59", "-5.59"),
        ("FISH & CHIPS &lt;", r"FISH & CHIPS \&lt;"),
    ],
)
def test_what_markdown_would_take_for_markup_is_escaped(printed, written):
    assert escape(printed) == written


def test_markdown_has_the_merchant_as_heading_and_the_items_as_a_table():
    rows = rows_from_text(
        "CORNER CAFE\n12 High Street\n2 x Flat White 3.90 7.80\nCake 4.20\nTOTAL 12.00"
    )
    items = (
        Item("Flat White", Decimal(2), Decimal("3.90"), Decimal("7.80")),
        Item("Cake", amount=Decimal("4.20")),
    )
    receipt = Receipt("rules", merchant="CORNER CAFE", items=items)
    assert markdown_from_rows(rows, receipt) == (
        "# CORNER CAFE\n"
        "\n"
        "12 High Street\n"
        "\n"
        "| | | |\n"
        "|---|---|---|\n"
        "| 2 x Flat White | 3.90 | 7.80 |\n"
        "| Cake |  | 4.20 |\n"
        "\n"
        "TOTAL 12.00"
    )


def test_markdown_of_nothing_is_nothing():
    assert markdown_from_rows([], Receipt("rules")) == ""
