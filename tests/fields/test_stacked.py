"""The receipts of a file are told apart by their rows, and one receipt stays one."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from fields.beside import parts
from fields.stacked import goes_on, may_be_several, may_begin, stacked
from result import Item, Line, Receipt

CAFE = (
    *("CORNER CAFE LTD", "12 Harbour Street", "14/03/2026 09:41"),
    *("Coffee|3.90", "Almond Croissant|3.20", "TOTAL EUR|7.10", "VISA|7.10"),
)
BAKERY = (
    *("Bäckerei Sommer", "Hauptstr. 14, 50667 Köln", "Tel. 0221 555123", "Roggenbrot|4,20"),
    *("Brötchen|0,45", "SUMME EUR|4,65", "BAR|5,00", "Rückgeld|0,35", "15.03.2026 08:12"),
)
SHOP = (
    *("LAKESIDE HARDWARE", "77 Lake Avenue", "15/03/2026 17:20", "Hammer|16.50"),
    *("Paint White|22.40", "TOTAL EUR|38.90", "CASH|40.00", "CHANGE|1.10"),
)
SLIP = ("CORNER CAFE LTD", "12 Harbour Street", "VISA **** 4821", "TOTAL|7.10", "14/03/2026 09:42")


def printed(texts, left=0, top=0, width=400, step=40):
    """The rows of a receipt, a column of names and one of amounts."""
    rows = []
    for number, text in enumerate(texts):
        y = top + step * number
        name, _, amount = text.partition("|")
        row = [Line(name, 0.99, (left, y, left + 12 * len(name), y + 24))]
        if amount:
            start = left + width - 12 * len(amount)
            row.append(Line(amount, 0.99, (start, y, left + width, y + 24)))
        rows.append(row)
    return rows


def mixed(*receipts):
    """Rows as an engine finds them, which takes what stands side by side for one row."""
    lines = [line for rows in receipts for row in rows for line in row]
    rows = {}
    for line in sorted(lines, key=lambda line: line.box):
        rows.setdefault(line.box[1] // 40, []).append(line)
    return [rows[height] for height in sorted(rows)]


def turned(rows):
    """The rows of a page that lies on its side."""
    return [
        [replace(line, box=(line.box[1], line.box[0], line.box[3], line.box[2])) for line in row]
        for row in rows
    ]


def texts(rows):
    return [" ".join(line.text for line in row) for row in rows]


def plain(receipt):
    return [text.replace("|", " ") for text in receipt]


@pytest.mark.parametrize("lay", [lambda rows: rows, turned])
def test_receipts_side_by_side_are_parted_though_their_rows_are_level(lay):
    page = lay(mixed(printed(CAFE), printed(BAKERY, left=450)))
    one, other = parts(page)
    assert (texts(one.rows), texts(other.rows)) == (plain(CAFE), plain(BAKERY))
    assert [one.has(line) for row in page for line in row].count(True) == 11


def test_the_cut_may_be_oblique():
    def tilted(rows):
        return [
            [
                replace(line, box=(line.box[0] - y // 7, y, line.box[2] - y // 7, y + 24))
                for line in row
                for y in (line.box[1],)
            ]
            for row in rows
        ]

    page = mixed(tilted(printed(CAFE, left=100)), tilted(printed(BAKERY, left=530)))
    assert [texts(part.rows)[0] for part in parts(page)] == [CAFE[0], BAKERY[0]]


def test_one_that_is_cut_off_is_parted_from_its_neighbour_by_its_head():
    head = BAKERY[:4]  # and an article: no total, no date
    page = mixed(printed(CAFE), printed(head, left=450))
    assert [texts(part.rows) for part in parts(page)] == [plain(CAFE), plain(head)]


def test_one_of_full_width_above_two_side_by_side_is_parted_too():
    wide = printed(("Letter of the finance department to all employees who travel for us",))
    page = [*wide, *mixed(printed(CAFE, top=80), printed(BAKERY, top=80, left=450))]
    assert len(parts(page)) == 3


def badly_read(rows):
    return [[replace(line, confidence=0.7, text=line.text[::-1]) for line in row] for row in rows]


def test_what_cannot_be_read_beside_a_receipt_is_a_part_to_be_read_again():
    page = mixed(printed(CAFE), badly_read(printed(BAKERY, 480)))
    assert [part.is_unreadable for part in parts(page)] == [False, True]
    few = mixed(printed(CAFE), badly_read(printed(BAKERY[:3], 480)))
    assert len(parts(few)) == 1


def test_a_receipt_whose_prices_are_far_away_is_not_torn_apart():
    page = mixed(printed(CAFE), printed(BAKERY, 480, width=900), printed(SHOP, 1460))
    assert [texts(part.rows) for part in parts(page)] == [*map(plain, (CAFE, BAKERY, SHOP))]


def test_the_prices_of_a_receipt_are_no_receipt():
    for one in (CAFE, BAKERY):
        assert len(parts(printed(one, width=1200))) == 1


def test_a_receipt_below_another_is_parted_from_it():
    page = [*printed(CAFE), *printed(BAKERY, top=400)]
    assert [texts(rows) for rows in stacked(page)] == [plain(CAFE), plain(BAKERY)]


def below(receipt, above=CAFE):
    """A page with a receipt above this one."""
    return [*printed(above), *printed(receipt, top=40 * len(above) + 60)]


def test_a_receipt_without_a_head_is_parted_from_the_one_above_by_its_moment():
    assert len(stacked(below(BAKERY[3:]))) == 2
    assert len(stacked(below(BAKERY[3:-1]))) == 1
    assert len(stacked(below((*BAKERY[3:-1], "14.03.2026 09:41")))) == 1


def test_a_receipt_with_an_equal_total_is_parted_if_its_day_and_time_are_others():
    again = ("CORNER CAFE LTD", "12 Harbour Street", "{}", "Lunch|7.10", "TOTAL EUR|7.10")
    assert len(stacked(below([row.format("15/03/2026 12:30") for row in again]))) == 2
    assert len(stacked(below([row.format("14/03/2026 09:41") for row in again]))) == 1


@pytest.mark.parametrize(
    ("above", "lower"),
    [(CAFE, SHOP[:4]), (CAFE[:5], BAKERY), (CAFE[3:], BAKERY)],
    ids=["head below all", "all on the foot", "all below foot"],
)
def test_one_that_is_cut_off_is_parted_by_the_other_shop_day_and_time_below_it(above, lower):
    assert [texts(rows) for rows in stacked(below(lower, above))] == [plain(above), plain(lower)]


def test_the_customer_or_a_partner_below_the_total_is_no_other_receipt():
    offer = ("Blue Door Books", "77 Lake Ave, Austin, TX 78701", "{}", "Notebook now|2.00")
    for row in ("Open Mo-Sa", "Valid until 04/14/2026", "Delivered 14/03/2026 19:30"):
        assert len(stacked(below([text.format(row) for text in offer]))) == 1


def test_a_card_slip_belongs_to_its_receipt():
    assert len(stacked([*printed(CAFE), *printed(SLIP, top=400)])) == 1


@pytest.mark.slow
def test_thousands_of_rows_cost_little():
    long = [*printed(CAFE[:3]), *printed(["Coffee|3.90"] * 4000, top=200), *printed(CAFE[-2:])]
    started = time.process_time()
    assert len(parts(long)) == 1 and len(stacked(long)) == 1
    assert time.process_time() - started < 2


# Pages

PURCHASE = Receipt(
    "rules",
    merchant="CORNER CAFE",
    receipt_number="4217",
    date="2026-03-14",
    time="09:41",
    total=Decimal("7.10"),
    items=(Item("Coffee", amount=Decimal("7.10")),),
)
HEAD = printed(("CORNER CAFE LTD", "12 Harbour Street", "Coffee|3.90"))


def test_a_page_without_an_address_may_begin_another_receipt_by_its_date_and_total():
    assert may_begin(printed(("CORNER CAFE", "14/03/2026", "Coffee|3.90", "TOTAL|3.90")), 2)


@pytest.mark.parametrize(
    "other",
    [
        {"merchant": "Bäckerei Sommer", "total": Decimal("4.65")},
        {"date": "2026-03-15"},
        {"time": "12:30", "total": Decimal("3.90")},
        {"receipt_number": "4218"},
    ],
)
def test_a_page_of_another_purchase_begins_another_receipt(other):
    assert may_begin(HEAD, 2) and goes_on(PURCHASE, replace(PURCHASE, **other)) is False


@pytest.mark.parametrize(
    "rows",
    [printed(("Coffee|3.90", "TOTAL|11.00")), [*HEAD, *printed(("Page 2 of 3",))]],
    ids=["no head", "its number is printed"],
)
def test_a_page_without_a_head_or_with_a_number_goes_on(rows):
    assert not may_begin(rows, 2)


@pytest.mark.parametrize("other", [{}, {"total": None, "merchant": "12 Harbour Street"}])
def test_a_page_of_the_same_purchase_goes_on(other):
    assert goes_on(PURCHASE, replace(PURCHASE, **other)) is True


def test_a_page_that_differs_in_its_total_alone_is_unclear():
    assert goes_on(PURCHASE, replace(PURCHASE, total=Decimal(9))) is None


def test_a_long_receipt_of_another_shop_begins_below_a_total():
    paid = replace(PURCHASE, merchant_address="12 Harbour Street")
    start = Receipt("rules", merchant="LAKESIDE HARDWARE", merchant_address="77 Lake Avenue")
    assert goes_on(paid, start) is False
    assert goes_on(replace(paid, total=None), start) is True
    assert goes_on(paid, replace(start, merchant="CORNER CAFE")) is True


def test_times_of_two_days_are_a_doubt_and_other_dates_are_none():
    assert may_be_several(printed([*CAFE, *BAKERY]))
    best_before = ("Milk, best before 20/03/2026|1.10", "TOTAL EUR|1.10")
    assert not may_be_several(printed([*CAFE[:3], *best_before, "Return by 14/04/2026"]))
    assert not may_be_several(printed([*CAFE, *SLIP]))
    assert not may_be_several(printed([*CAFE, "19/03/2026 09:41"]))  # one of them is misread
    assert not may_be_several(printed([*CAFE[:2], "1.04.20 09:51", *CAFE[3:], "11.04.20 09:51"]))


@pytest.mark.parametrize(
    ("above", "below"),
    [(CAFE, BAKERY[:5]), (CAFE[:5], BAKERY[:-1]), (CAFE[3:], BAKERY[:-1])],
    ids=["head below all", "all on the foot", "all below foot"],
)
def test_one_that_is_cut_off_above_or_below_another_is_a_doubt(above, below):
    page = [*printed(above), *printed(below, top=40 * len(above) + 60)]
    assert len(stacked(page)) == 1 and may_be_several(page)
    assert not may_be_several(printed(above)) and not may_be_several(printed(below))


def test_what_follows_the_total_of_one_receipt_is_no_doubt():
    tables = ("A 19 % VAT|1.13", "Net|5.97", "Sum|7.10")
    for more in (SLIP, tables, ("12 Harbour Street", "Tel. 01 555 0142", "www.corner.example")):
        assert not may_be_several([*printed(CAFE), *printed(more, top=400)])
