"""Which of a row's columns has the name of a thing, and which the number of pieces."""

import re

import pytest

from fields.receipt import read_receipt
from result import Line


def printed(*rows):
    """Rows with a line for each column; three blanks part two, a letter is 12 pixels wide."""
    return [
        [
            Line(match[0], 0.99, (12 * match.start(), 40 * top, 12 * match.end(), 40 * top + 24))
            for match in re.finditer(r"\S+(?: {1,2}\S+)*", row)
        ]
        for top, row in enumerate(rows)
    ]


def items_of(*rows):
    found = read_receipt(printed("GREEN FIELD LTD", "5/26/2016", *rows)).items
    return [(i.description, i.quantity and float(i.quantity), float(i.amount)) for i in found]


@pytest.mark.parametrize(
    ("rows", "items"),
    [
        (  # an apothecary's batch and day
            [
                "Qty   Product            Batch      Exp        Amount",
                " 2    DOLO 650 TAB       DOB4417    08/26       61.80",
                " 1    PAN 40 TAB 15S     24PN118    11/26      155.00",
                "Total                                          216.80",
            ],
            [("DOLO 650 TAB", 2, 61.8), ("PAN 40 TAB 15S", 1, 155)],
        ),
        (  # who did it
            [
                "Description            Staff        Quantity       Total",
                "Nail Trim              Jess T.          1.00       22.00",
                "Heartgard Plus                          6.00       58.50",
                "Total                                              80.50",
            ],
            [("Nail Trim", 1, 22), ("Heartgard Plus", 6, 58.5)],
        ),
        (  # codes, of letters too
            [
                "Code      Description              Qty     Price     Total",
                "65210     DECORATORS CAULK           4      1.89      7.56",
                "7789P     DEWALT TAPE MEASURE 5M     1     11.99     11.99",
                "LABOR     FITTING                 1.80     20.00     36.00",
                "TOTAL                                                55.55",
            ],
            [
                ("DECORATORS CAULK", 4, 7.56),
                ("DEWALT TAPE MEASURE 5M", 1, 11.99),
                ("FITTING", 1.8, 36),
            ],
        ),
        (  # the unit beside the number, the price before it
            [
                "Beskrivning        Artikelnummer      Pris      Mängd       Summa",
                "Mellanmjölk        7310865004703     18,95    2,00 st       37,90",
                "Bananer                     4011     26,95    0,87 kg       23,45",
                "Totalt SEK                                                  61,35",
            ],
            [("Mellanmjölk", 2, 37.9), ("Bananer", 0.87, 23.45)],
        ),
        (  # nothing but the heading says what the 2 is
            [
                "Producto              Cant       Total",
                "Ajiaco                 2         58.00",
                "Postre                 1         12.00",
                "Total                            70.00",
            ],
            [("Ajiaco", 2, 58), ("Postre", 1, 12)],
        ),
    ],
)
def test_a_heading_tells_names_from_codes_and_counts(rows, items):
    assert items_of(*rows) == items


def test_a_code_below_qty_is_no_count_and_a_count_below_a_name_is_one():
    rows = ["Description      Qty           Amount", "MILK      0078742135      4.62"]
    assert items_of(*rows, "TOTAL      4.62") == [("MILK", None, 4.62)]
    rows = ["Item              Price", "TEA       x2       4.00", "TOTAL     4.00"]
    assert items_of(*rows) == [("TEA", 2, 4)]


def test_the_only_amount_below_qty_is_no_count():
    rows = ["Item              Qty", "Coffee            1.90", "TOTAL             1.90"]
    assert items_of(*rows) == [("Coffee", None, 1.9)]


def test_a_name_of_two_lines_close_together_is_one():
    rows = printed(
        "GREEN FIELD LTD",
        "Item              Kind              Price",
        "PHILIPS 18W LONG  BULB WHITE        12.00",
        "TOTAL                               12.00",
    )
    name, rest = rows[2][0].text.split("  ")
    box = rows[2][0].box
    middle = box[0] + 12 * len(name)
    rows[2][:1] = [
        Line(name, 0.99, (box[0], box[1], middle, box[3])),
        Line(rest, 0.99, (middle + 12, box[1], box[2], box[3])),
    ]
    assert [item.description for item in read_receipt(rows).items] == [f"{name} {rest}"]


def test_a_row_with_a_number_is_no_heading():
    rows = ["Item no 3       Unit 1       Price", "TEA             GREEN        3.00"]
    assert items_of(*rows, "TOTAL           3.00") == [("TEA GREEN", None, 3)]


def test_without_a_heading_no_column_is_left_out():
    rows = ["JESS T.      NAIL TRIM      22.00", "TOTAL      22.00"]
    assert items_of(*rows) == [("JESS T. NAIL TRIM", None, 22)]


def test_a_number_that_no_gap_parts_from_the_name_is_part_of_it():
    egg = "EGG 12 PACK      1      4.00"
    assert items_of(egg, "TEA      5.00", "TOTAL      9.00")[0][0] == "EGG 12 PACK"
    rows = ["EGGS 18      0078742135      4.62", "TEA      2      235      470.00"]
    assert items_of(*rows, "TOTAL      474.62") == [("EGGS 18", None, 4.62), ("TEA", 2, 470)]


def test_a_size_below_1_is_part_of_the_name_and_a_price_is_not():
    rows = ["PFAND 0,25      0,25", "CUT FRUITS 1,99      2,50", "SUMME      2,75"]
    assert items_of(*rows) == [("PFAND 0,25", None, 0.25), ("CUT FRUITS", None, 2.5)]
