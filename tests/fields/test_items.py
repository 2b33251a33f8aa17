"""Which rows of a receipt are items, and how many pieces of each."""

from dataclasses import astuple

import pytest

from fields.receipt import read_receipt
from fields.text import rows_from_text
from result import Line


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
        (
            ["KENYER 1 290", "SAJT", "0,320 KG X 3 990 FT/KG 1 277", "OSSZESEN: 2 567 Ft"],
            [("KENYER", 1290), ("SAJT", 1277, 0.32, 3990)],
        ),
        (["CAFFE 2,40", "n.2 * 1,20", "TOTALE 2,40"], [("CAFFE", 2.4, 2, 1.2)]),
        (["Bananai", "0,934 kg x 1,29 Eur/kg 1,20 A"], [("Bananai", 1.2, 0.934, 1.29)]),
        (["Croissant 6,50 $", "@ 3,25 $", "TOTAL 6,50 $"], [("Croissant", 6.5, 2, 3.25)]),
        (["2 SALBE 13,90", "PZN 01578675 á 6,95"], [("SALBE", 13.9, 2, 6.95)]),
        (["2x Entree", "€ 17,50 € 35,00", "Totaal € 35,00"], [("Entree", 35, 2, 17.5)]),
        (["2,000 x 890,50 (21,00)", "LECHE 1781,00"], [("LECHE", 1781, 2, 890.5)]),
        (
            ["2 ELECTROLIT COCO", "625ML 29.00 58.00", "1 JABON 5.00 5.00", "TOTAL 63.00"],
            [("ELECTROLIT COCO 625ML", 58, 2, 29), ("JABON", 5, 1, 5)],
        ),
        (["3 TUBO 20MM X 3M 1,45 4,35", "TOTAL 4,35"], [("TUBO 20MM X 3M", 4.35, 3, 1.45)]),
        (
            ["001 0012 PAO 0,520 KG X 18,90 9,83", "002 0104 CAFE 2 UN X 6,50 13,00"],
            [("PAO", 9.83, 0.52, 18.9), ("CAFE", 13, 2, 6.5)],
        ),
        (["011-1880-4 CABLE 34.99", "TOTAL 34.99"], [("CABLE", 34.99)]),
        (["TEA 2 x 5.00 (10.00)", "CAKE 20.00"], [("TEA", -10, 2, 5), ("CAKE", 20)]),
        (["CR-VANILLA 0.72 0 5 0 -5 -3.60", "TEA 5.00"], [("CR-VANILLA", -3.6), ("TEA", 5)]),
        (["1 CURTAIN 2.00 14.99 29.98", "TOTAL 29.98"], [("CURTAIN", 29.98, 2, 14.99)]),
        (
            ["2120 DUNAKESZI 84.", "KENYER 1 290", "TEJ 1 590", "OSSZESEN: 2 880 Ft"],
            [("KENYER", 1290), ("TEJ", 1590)],
        ),
        (["COLA 1.25L 2.50", "FLOUR 1.25KG 3.50"], [("COLA 1.25L", 2.5), ("FLOUR 1.25KG", 3.5)]),
        (["CAKE 2,00", "COFFEE", "à 3,25", "TOTAL 5,25"], [("CAKE", 2), ("COFFEE", 3.25)]),
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


@pytest.mark.parametrize(
    ("rows", "items"),
    [
        # names
        (["2 TUESDAY $5 BURGER $10.00", "TOTAL 10.00"], [("TUESDAY $5 BURGER", 10, 2, 5)]),
        (
            ["$5 OFF ANY $15 ORDER -5.00", "PIE 9.00", "TOTAL 4.00"],
            [("$5 OFF ANY $15 ORDER", -5), ("PIE", 9)],
        ),
        (["EE 461070 CAFE STEAMER 8.89", "TOTAL 8.89"], [("CAFE STEAMER", 8.89)]),
        (["PULSE TACTICAL", "22803434", "p37.48 A", "TOTAL 37.48"], [("PULSE TACTICAL", 37.48)]),
        (["SCREWS 4X40 6.98", "TOTAL 6.98"], [("SCREWS 4X40", 6.98)]),
        (["EAU 6X1,5L 1,32", "PAIN 2,00", "TOTAL 3,32"], [("EAU 6X1,5L", 1.32), ("PAIN", 2)]),
        (["A PAIN 1,45", "B SAVON 2,50", "TOTAL 3,95"], [("PAIN", 1.45), ("SAVON", 2.5)]),
        (["CAFFE 10% 1,10", "ACQUA 22% 1,00", "TOTALE 2,10"], [("CAFFE", 1.1), ("ACQUA", 1)]),
        (["CB x 2 15.70", "TOTAL 15.70"], [("CB", 15.7, 2)]),
        # quantities
        (["3 x Pils 0,5l à 3,90 11,70", "SUMME 11,70"], [("Pils 0,5l", 11.7, 3, 3.9)]),
        (["サンドイッチ", "@298 x 2個 ¥596", "合計 ¥596"], [("サンドイッチ", 596, 2, 298)]),
        (
            ["BANANAS 000000004011KF", "2.10 lb @ 1 lb /0.58 1.22 N", "TOTAL 1.22"],
            [("BANANAS", 1.22, 2.1, 0.58)],
        ),
        (["3 2.30 SUGAR 6.90", "TOTAL 6.90"], [("SUGAR", 6.9, 3, 2.3)]),
        (["6.90 2.30 3 SUGAR", "TOTAL 6.90"], [("SUGAR", 6.9, 3, 2.3)]),
        (["Dinner Buffet 2 157 314.00", "TOTAL 314.00"], [("Dinner Buffet", 314, 2, 157)]),
        # rows
        (
            ["MILK", "3.00", "BREAD", "2.00", "THANK YOU", "TOTAL 5.00"],
            [("MILK", 3), ("BREAD", 2)],
        ),
        (
            ["12.03.2021 Room 120.00", "13.03.2021 Breakfast 18.00", "TOTAL 138.00"],
            [("Room", 120), ("Breakfast", 18)],
        ),
        (
            ["REGULAR", "10.234 G @ 3.499", "FUEL TOTAL 35.81", "TOTAL 35.81"],
            [("REGULAR", 35.81, 10.234, 3.499)],
        ),
        # what is free
        (
            ["1 BURGER 5.19", "LETTUCE 0.00", "MAYO 0.00", "1 WATER 0.00", "TOTAL 5.19"],
            [("BURGER", 5.19, 1), ("WATER", 0, 1)],
        ),
        (["COURSE 0.00", "1 SOUP 5.19", "TOTAL 5.19"], [("COURSE", 0), ("SOUP", 5.19, 1)]),
        (["BURGER 5.19", "MAYO 0.00", "TOTAL 5.19"], [("BURGER", 5.19), ("MAYO", 0)]),
        # what makes a sum
        (
            [*BOUGHT, "1 DELIVERY FEE 5.00", "TOTAL 16.50"],
            [("BURGER", 9), ("COKE", 2.5), ("DELIVERY FEE", 5, 1)],
        ),
        (
            ["BURGER 9.00", "10% (10.00%) -0.90", "TOTAL 8.10"],
            [("BURGER", 9), ("10% (10.00%)", -0.9)],
        ),
        (["BURGER -9.00", "COKE 2.50", *SUMS], [("BURGER", 9), ("COKE", 2.5)]),
        (["2.50 Dsc -0.50", *BOUGHT, *SUMS], [("BURGER", 9), ("COKE", 2.5)]),
        (
            ["TEA 2.00", "SOUP 2.50", "ROLL 4.50", "TOTAL 9.00"],
            [("TEA", 2), ("SOUP", 2.5), ("ROLL", 4.5)],
        ),
        (
            ["TOTAL FLAKES 3.54", *BOUGHT, "SUBTOTAL 15.04", "TOTAL 15.04"],
            [("TOTAL FLAKES", 3.54), ("BURGER", 9), ("COKE", 2.5)],
        ),
        (["No. LRP40011376361", *BOUGHT, *SUMS], [("BURGER", 9), ("COKE", 2.5)]),
    ],
)
def test_unusual_rows_are_items_as_their_arithmetic_says(rows, items):
    assert items_of(*rows) == items


def test_a_code_between_a_name_and_its_amount_is_no_name():
    rows = ["SPONGE MAGIC 4S *S", "BQ21-31/2 - 12/144", "6926292505723 1 X 5.50 5.50"]
    assert items_of("MR. D.I.Y.", *rows, "TOTAL 5.50") == [("SPONGE MAGIC 4S *S", 5.5, 1, 5.5)]


def test_an_at_that_was_read_as_a_figure_is_one_where_the_amount_proves_it():
    assert items_of("SHOP", "COFFEE (28$1.95) 3.90", "TOTAL 3.90") == [("COFFEE", 3.9, 2, 1.95)]
    assert items_of("SHOP", "FREYIN (4 8130.00) 520.00", "TOTAL 520.00") == [
        ("FREYIN", 520, 4, 130)
    ]


def test_a_minus_before_the_letter_of_a_tax_takes_the_thing_back():
    rows = ["DRESS 33.99-A", "SHIRT 10.00-A", "SUBTOTAL 43.99-", "TOTAL 43.99-"]
    assert items_of("SHOP", *rows) == [("DRESS", -33.99), ("SHIRT", -10)]


@pytest.mark.parametrize(
    "rows",
    [
        ["Pump 01", "UNLEADED", "Gallons 13.240", "Price/g $3.939", "Total $52.15"],
        ["UNLEADED $3.939", "GALLONS FUEL TOTAL", "13.240 $52.15"],
    ],
)
def test_fuel_is_one_item_measured_in_thousandths_where_dollars_are_paid(rows):
    found = items_of("SHELL", "1 Main Street", "Kailua, HI 96734", *rows)
    assert found == [("UNLEADED", 52.15, 13.24, 3.939)]


def test_fuel_is_named_behind_a_label_and_measured_where_the_price_has_no_cents():
    rows = ["Nama Produk : PERTAMAX", "Harga/Liter : Rp. 12.500", "Volume : (L) 7,60"]
    assert items_of(*rows, "Total Harga : Rp. 95.000") == [("PERTAMAX", 95000, 7.6, 12500)]


def test_two_whole_numbers_that_make_the_total_are_no_measure():
    assert items_of("Tisch 2", "Zimmer 5", "SUMME EUR 10,00") == []


def test_a_unit_alone_is_no_name_of_what_was_weighed():
    rows = ["ORANGES AUST", "1.385kg 0 $2.98/kg 4.13", "TOTAL 4.13"]
    assert items_of("SHOP", *rows) == [("ORANGES AUST", 4.13, 1.385, 2.98)]


def test_a_number_of_pieces_that_the_amount_does_not_prove_is_none():
    assert items_of("SHOP", "COCA COLA 3L X2 5.98", "TOTAL 5.98") == [("COCA COLA 3L X2", 5.98)]
    rows = ["1x 000004497295 5.90SR", "WET TISSUE 150S", "1x 000005914876 9.90SR", "MILO NUGGETS"]
    wanted = [("WET TISSUE 150S", 5.9), ("MILO NUGGETS", 9.9)]
    assert items_of("AEON", *rows, "Sub-total 15.80", "TOTAL 15.80") == wanted


def test_names_below_their_prices_stay_so_beside_a_discount():
    rows = ["1x 00001 5.90SR", "WET TISSUE", "DISC 10% -0.59", "1x 00002 9.90SR", "MILO NUGGETS"]
    found = items_of("AEON", *rows, "Sub-total 15.21", "TOTAL 15.21")
    assert [name for name, *_ in found] == ["WET TISSUE", "DISC 10%", "MILO NUGGETS"]


def test_where_amounts_have_points_a_blank_sets_no_thousands_apart():
    rows = ["Anna Salai, Chennai", "GSTIN: 33AAACH1234K1Z5", "Dosa 2 110.00 220.00"]
    assert items_of("HOTEL", *rows, "Total Rs 220.00") == [("Dosa", 220, 2, 110)]


def test_whole_amounts_without_a_sign_are_those_that_make_the_total():
    rows = ["東京都新宿区新宿3-1-1", "おにぎり鮭 *162", "ホットコーヒー *185", "合計 ¥347"]
    assert items_of("セブン-イレブン", *rows) == [("おにぎり鮭", 162), ("ホットコーヒー", 185)]


def test_an_address_with_figures_like_an_amount_is_no_item():
    assert items_of("ŻABKA", "ul. Długa 8, 31-147 Kraków", "BATON 2,49", "SUMA PLN 2,49") == [
        ("BATON", 2.49)
    ]


def test_a_unit_behind_a_price_makes_no_address_of_an_item():
    rows = ["4011 Bananas 1.50 each", "4012 Oranges 2.00 each"]
    assert [amount for _, amount, *_ in items_of("FARM", *rows, "TOTAL 3.50")] == [1.5, 2.0]


def test_a_name_with_few_letters_is_no_code():
    assert items_of("SHOP", "DRINKS", "V8 330ml 2.00", "TOTAL 2.00") == [("V8 330ml", 2.0)]
    assert items_of("SHOP", "WINDOWS 10SR 99.00", "TOTAL 99.00") == [("WINDOWS 10SR", 99.0)]


def test_a_weight_may_be_rounded_to_five_rappen():
    rows = ["BANANEN", "0.455 kg x 3.90 1.75", "TOTAL CHF 1.75"]
    assert items_of("MIGROS", "8001 Zürich", *rows) == [("BANANEN", 1.75, 0.455, 3.9)]


def test_a_code_beside_a_price_yields_to_the_name_above_or_below_it():
    above = ["350ML CALPIS", "SR-9556404118038 2.49 2.49", "500ML COKE", "SR-9555589200 2.20 2.20"]
    wanted = [("350ML CALPIS", 2.49), ("500ML COKE", 2.2)]
    assert items_of("MART", *above, "TOTAL 4.69") == wanted
    below = ["FG-A00019 3.00 SR", "Green Tea", "FG-H00027 3.80 SR", "Miso Soup"]
    assert items_of("CAFE", *below, "TOTAL 6.80") == [("Green Tea", 3.0), ("Miso Soup", 3.8)]
    alone = items_of("SHOP", "MILK 2.00", "FG-A00019 3.00", "TOTAL 5.00")
    assert alone == [("MILK", 2.0), ("FG-A00019", 3.0)]


def test_short_names_and_those_with_a_currency_in_a_word_are_names():
    assert items_of("BURGER", "C-B 2.60", "Fr 1.70", "TOTAL 4.30") == [("C-B", 2.6), ("Fr", 1.7)]
    assert items_of("BP", "EURO95 53.78", "TOTAL 53.78") == [("EURO95", 53.78)]


def test_the_time_beside_a_table_is_no_price():
    found = items_of("CAFE", "Table 51/1 9.38 PM", "OLIVE 12.50", "BREAD 3.00", "TOTAL 16.00")
    assert [name for name, *_ in found] == ["OLIVE", "BREAD"]


def test_names_are_below_where_most_prices_have_one_there():
    rows = ["VALUED CUSTOMER: 1170086176", "1x 000000811101 2.50SR", "TAMAGO (S)"]
    found = items_of("AEON", *rows, "DISC 30% @1.75 -0.75", "Sub-total 1.75", "TOTAL 1.75")
    assert found[0] == ("TAMAGO (S)", 2.5)
    rows = ["PLAIN RICE", "922 2 1.59 3.18", "TEA", "823 1 3.18 3.18"]
    found = items_of("WOK", *rows, "Gross Amt : 6 36", "Net Amt 6.36")
    assert [name for name, *_ in found] == ["PLAIN RICE", "TEA"]


def test_an_amount_that_ends_before_the_column_of_prices_is_part_of_a_name():
    def line(text, left, right, top):
        return Line(text, 0.99, (left, top, right, top + 18))

    rows = [[line("AEON", 100, 200, 0)]]
    things = [("JAMBU AIR", "4.33ZR"), ("CUT FRUITS 1.99", "2.50ZR"), ("BLUEBERRY", "3.90SR")]
    for n, (name, price) in enumerate(things):
        top = 60 + 40 * n
        rows.append([line("1x 00000038109", 0, 150, top), line(price, 300, 360, top)])
        rows.append([line(name, 40, 200, top + 20)])
    rows.append([line("TOTAL", 0, 60, 200), line("10.73", 300, 350, 200)])
    found = [(item.description, float(item.amount)) for item in read_receipt(rows).items]
    assert found == [("JAMBU AIR", 4.33), ("CUT FRUITS", 2.5), ("BLUEBERRY", 3.9)]


def test_a_point_behind_a_sign_is_that_of_cents_and_behind_an_abbreviation_its_own():
    assert items_of("SHOP", "MINT $.50", "GUM $1.25", "TOTAL $1.75") == [
        ("MINT", 0.5),
        ("GUM", 1.25),
    ]
    assert items_of("DHABA", "Dosa Rs.50", "Chai Rs.20", "Total Rs.70") == [
        ("Dosa", 50),
        ("Chai", 20),
    ]


def test_a_colon_behind_a_sign_is_a_point_that_was_misread():
    assert items_of("BAR", "TEA $2:50", "CAKE $8.00", "TOTAL $10.50") == [("TEA", 2.5), ("CAKE", 8)]


def test_the_only_item_has_what_was_measured_above_it():
    rows = ["REGULAR", "GALLONS 10.512", "PRICE/GAL $3.299", "FUEL SALE $34.68", "TOTAL $34.68"]
    assert items_of("SHELL", "Miami, FL 33139", *rows) == [("FUEL SALE", 34.68, 10.512, 3.299)]


def test_a_tax_code_alone_is_no_name():
    rows = ["17007 65.00 15.50 1,007.50 ZRL", "UDANG KERING", "TOTAL RM 1,007.50"]
    assert items_of("KEDAI", *rows) == [("UDANG KERING", 1007.5, 65, 15.5)]
    rows = ["NONA YARN", "10.00 PKTS X 13.00 130.00 SR", "TOTAL RM 130.00"]
    assert items_of("KEDAI", *rows) == [("NONA YARN", 130, 10, 13)]


def test_the_end_of_a_word_is_no_currency_and_a_town_no_item():
    rows = ["Brent Park, London NW10 0TL", "Chicken Parm 20.49", "E 96716 ORG SPINACH 2.00"]
    wanted = [("Chicken Parm", 20.49), ("ORG SPINACH", 2.0)]
    assert items_of("PUB", *rows, "TOTAL 22.49") == wanted


@pytest.mark.parametrize("codes", [["0102 ", "0205 "], ["D28 ", "N22 "], ["03/12 ", "03/13 "]])
def test_codes_and_days_before_most_names_are_no_part_of_them(codes):
    rows = [f"{code}{name}" for code, name in zip(codes, BOUGHT, strict=True)]
    assert items_of(*rows, *SUMS) == [("BURGER", 9), ("COKE", 2.5)]


def test_a_number_in_brackets_or_behind_a_code_is_a_quantity_where_the_heading_says_so():
    head = "[CANT] DESCRIPCION P.U. TOTAL"
    rows = ["[10] BURGER 0.90 9.00", "[1] COKE 2.50 2.50"]
    bought = [("BURGER", 9, 10, 0.9), ("COKE", 2.5, 1, 2.5)]
    assert items_of(head, *rows, *SUMS) == bought
    counted = ["48271 10 BURGER 9.00", "11920 1 COKE 2.50"]
    assert items_of("Code Qty Description Total", *counted, *SUMS) == [
        ("BURGER", 9, 10),
        ("COKE", 2.5, 1),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        ["101756 5 16.50 17.49 87.45", "SIMEN", "J0139 1 60.00 63.60 63.60", "PASIR"],
        ["SIMEN @17.49", "WAAN34 5 17.49 87.45", "PASIR @63.60", "ST00014 1 63.60 63.60"],
        ["SIMEN 5.00 17.49 87.45", "PASIR 1.00 63.60 63.60"],
        ["101756 5.00 SET 16.50 17.49 87.45", "SIMEN", "J0139 1.00 SET 60.00 63.60 63.60", "PASIR"],
    ],
)
def test_the_count_makes_the_amount_with_one_of_the_prices(rows):
    found = items_of("Item Qty S/Price S/Price Amount", *rows, "TOTAL 151.05")
    assert found == [("SIMEN", 87.45, 5, 17.49), ("PASIR", 63.6, 1, 63.6)]


def test_one_piece_at_a_whole_price_is_not_as_many_at_1():
    assert items_of("SHOT 500 1 500", "TEA 4,500 2 9,000", "TOTAL 9,500") == [
        ("SHOT", 500, 1, 500),
        ("TEA", 9000, 2, 4500),
    ]
