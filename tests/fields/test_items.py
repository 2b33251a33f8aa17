"""Which rows of a receipt are items, and how many pieces of each."""

from dataclasses import astuple

import pytest

from fields.receipt import read_receipt
from fields.text import rows_from_text


def read(*rows):
    return read_receipt(rows_from_text("\n".join(("GREEN FIELD", "5/26/2016", *rows))))


def items_of(*rows):
    """The name and the amount of each item, with its quantity and its price of one if it has."""
    found = (astuple(item)[:4] for item in read(*rows).items)
    return [
        (name, float(amount), *(float(n) for n in (quantity, price) if n is not None))
        for name, quantity, price, amount in found
    ]


BOUGHT = ["BURGER 9.00", "COKE 2.50"]
SUMS = ["SUBTOTAL 11.50", "TAX 0.50", "TOTAL 12.00"]


@pytest.mark.parametrize(
    "rows",
    [
        ["Table 51/1 9.38", *BOUGHT],
        [*BOUGHT, "Combo, Onion ($0.75)"],
        [*BOUGHT, "Fodd 11.50", "Grats 1.00"],
        ["Counter 11.50", *BOUGHT],
    ],
)
def test_what_makes_the_items_more_than_their_sum_is_none(rows):
    receipt = read(*rows, *SUMS)
    assert [item.description for item in receipt.items] == ["BURGER", "COKE"]
    assert "items" not in receipt.review


def test_items_that_make_no_sum_are_kept_and_reviewed():
    receipt = read("TEA 4.00", *BOUGHT, "CAKE 3.00", *SUMS)
    assert len(receipt.items) == 4 and "items" in receipt.review


@pytest.mark.parametrize(
    "head", ["Tbl 12/1 Chk 7740 Gst 6", "Policy: ALL INCLUSIVE", "TOTAL 03 001600027484 F 3.54"]
)
def test_items_end_at_the_subtotal_not_at_a_row_that_has_a_word_of_sums(head):
    assert [name for name, *_ in items_of(head, *BOUGHT, *SUMS)] == ["BURGER", "COKE"]


@pytest.mark.parametrize(
    ("rows", "items"),
    [
        (["2 ENCHILADA 25.98", "1 OPEN FOOD 3.19", "TEA 2.99", "PIE 2.00", "COKE 3.00"], [2, 1]),
        (["1 9PC LT 9.99"], [1]),
        (["2 1/2 CHICKEN 9.99", "1 1/4 CHICKEN 5.00"], [2, 1]),
        (["7 UP 2.50", "SOUP 5.00", "CAKE 4.00"], []),
        (["1 SOUP 5.00", "2 CAKE 4.00", "3 TEA 3.00"], []),  # the numbers of the lines
        (["1 x SOUP", "5.00", "CAKE 4.00"], [1]),  # its name is on the row above
    ],
)
def test_a_1_before_a_name_tells_that_the_others_have_quantities_too(rows, items):
    found = read(*rows, "TOTAL 99.00").items
    assert [item.quantity for item in found if item.quantity] == items
    assert not any(item.description[:2] in ("1 ", "2 ", "3 ") for item in found)


def test_a_number_is_taken_off_a_name_once():
    assert items_of("1 x TEA 2.00", "2 10 NUGGETS 9.00", "TOTAL 11.00")[1] == ("10 NUGGETS", 9, 2)


@pytest.mark.parametrize(
    ("rows", "items"),
    [
        (["1,99 MELK", "2,49 BROOD", "4,48 TOTAAL"], [("MELK", 1.99), ("BROOD", 2.49)]),
        (["YAOURT NATURE X4 2,55", "TOTAL 2,55"], [("YAOURT NATURE X4", 2.55)]),  # of a pack
        (["MAK.SPAGETTI 408 *2,95", "TOPLAM *2,95"], [("MAK.SPAGETTI", 2.95)]),
        (["Meal Deal £3.40 -£2.40", "TOTAL £-2.40"], [("Meal Deal", -2.4)]),
        (
            ["KLEENEX 11.98", "2 @ 5.99 EA", "TOTAL 11.98"],
            [("KLEENEX", 11.98, 2, 5.99)],
        ),
        (["Super E10 62,46", "36,98 l x 1,689 EUR/l"], [("Super E10", 62.46, 36.98, 1.689)]),
        (
            ["PANTTI 0,40", "2 KPL 0,20 €/KPL", "YHTEENSÄ 0,40"],
            [("PANTTI", 0.4, 2, 0.2)],
        ),
        (
            ["001 7891000100103 LEITE 2 UN X 4,99 9,98", "TOTAL R$ 9,98"],
            [("LEITE", 9.98, 2, 4.99)],
        ),
        (
            ["1 1 ASPIRIN 20 3,95 3,95", "2 2 SPRAY 4,50 9,00", "3 1 SALBE 5,00 5,00"],
            [("ASPIRIN 20", 3.95, 1, 3.95), ("SPRAY", 9, 2, 4.5), ("SALBE", 5, 1, 5)],
        ),
        (
            [
                "TEJ 1L 389 C00",
                "KENYER",
                "2 DB X 499 998 C00",
                "RESZOSSZESEN 1387 Ft",
                "OSSZESEN 1387 Ft",
            ],
            [("TEJ 1L", 389), ("KENYER", 998, 2, 499)],
        ),
    ],
)
def test_items_are_read_as_other_countries_print_them(rows, items):
    assert items_of(*rows) == items


def test_names_stand_below_their_amounts_where_the_last_row_is_a_name():
    rows = ["SALESPERSON AMY", "9551234 4.00 2 8.00", "CABLE TIES", "9551235 3.00", "PADLOCK"]
    assert items_of(*rows, "TOTAL 11.00") == [("CABLE TIES", 8, 2, 4), ("PADLOCK", 3)]
    above = ["CABLE TIES", "4.00 2 8.00", "PADLOCK", "3.00", "Item(s): 2 Qty(s): 3"]
    assert items_of(*above, "TOTAL 11.00") == [("CABLE TIES", 8, 2, 4), ("PADLOCK", 3)]


def test_the_last_number_of_a_name_whose_quantity_is_known_is_part_of_it():
    assert items_of("1 HUEVOS L 12 2,35", "2 EDAM 15 8,00", "TOTAL 10,35") == [
        ("HUEVOS L 12", 2.35, 1),
        ("EDAM 15", 8, 2),
    ]
