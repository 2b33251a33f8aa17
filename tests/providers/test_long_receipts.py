"""Photos of one long receipt are joined only where it is proved that they are of one."""

import pytest

from providers.long_receipts import long_receipts
from providers.pages import receipt_from_text
from result import as_json

HEAD = ["CORNER CAFE", "12 Harbour Street, Dublin 2", "Tel. 01 555 0142", "14.03.2026 09:41"]
ITEMS = ["FLAT WHITE   7.80", "ALMOND CROISSANT   3.20", "ORANGE JUICE   2.20", "BAGEL   4.10"]
ITEMS += ["GREEN TEA   2.75", "CHEESECAKE   5.35", "MINERAL WATER   1.90", "ESPRESSO   2.30"]
FOOT = ["TOTAL EUR   29.60", "CARD   29.60", "THANK YOU"]


def read(rows):
    text = "\n".join(rows)
    return {"text": text, "receipts": [as_json(receipt_from_text(text))], "pages": []}


def found(*parts):
    return [
        (long.numbers, long.reading["receipts"][0]) for long in long_receipts([*map(read, parts)])
    ]


def items_of(receipt):
    return [item["amount"] for item in receipt["items"]]


def assert_is_whole(receipt):
    assert receipt["merchant"] == "CORNER CAFE"
    assert (receipt["date"], receipt["time"], receipt["total"]) == ("2026-03-14", "09:41", 29.6)
    assert items_of(receipt) == [7.8, 3.2, 2.2, 4.1, 2.75, 5.35, 1.9, 2.3]
    assert receipt["warnings"] == []


@pytest.mark.parametrize("first, next_", [(5, 3), (6, 2), (4, 1)])
def test_rows_on_both_photos_join_them_and_count_once(first, next_):
    ((numbers, receipt),) = found([*HEAD, *ITEMS[:first]], [*ITEMS[next_:], *FOOT])
    assert numbers == [0, 1]
    assert_is_whole(receipt)


def test_rows_that_an_edge_cuts_are_not_counted():
    above, below = (
        [*HEAD, *ITEMS[:5], "CHFFSECAKF   5.8"],
        ["ORANCE JUJCE   2.28", *ITEMS[3:], *FOOT],
    )
    ((_, receipt),) = found(above, below)
    assert_is_whole(receipt)


def test_items_that_add_up_to_the_total_join_photos_without_a_row_on_both():
    ((_, receipt),) = found([*HEAD, *ITEMS[:4]], [*ITEMS[4:], *FOOT])
    assert_is_whole(receipt)


def test_three_photos_are_joined_among_others():
    cafe = [*HEAD, "LATTE   4.00", "SCONE   3.00", "TOTAL EUR   7.00", "CASH   7.00"]
    parts = [*HEAD, *ITEMS[:3]], ITEMS[1:6], [*ITEMS[4:], *FOOT]
    ((numbers, receipt),) = found(cafe, *parts, cafe)
    assert numbers == [1, 2, 3]
    assert_is_whole(receipt)


PHOTOS = ([*HEAD, *ITEMS[:3]], ITEMS[1:6], [*ITEMS[4:], *FOOT])


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_photos_in_another_order_are_joined_from_the_head_to_the_foot(order):
    cafe = [*HEAD, "LATTE   4.00", "SCONE   3.00", "TOTAL EUR   7.00", "CASH   7.00"]
    ((numbers, receipt),) = found(cafe, *[PHOTOS[number] for number in order])
    assert numbers == [1 + order.index(number) for number in range(3)]
    assert_is_whole(receipt)


def test_the_foot_before_the_head_joins_them_if_the_items_add_up():
    ((numbers, receipt),) = found([*ITEMS[4:], *FOOT], [*HEAD, *ITEMS[:4]])
    assert numbers == [1, 0]
    assert_is_whole(receipt)


APART = {
    "the next has a head too": ([*HEAD, *ITEMS[:5]], [*HEAD, *ITEMS[3:], *FOOT]),
    "the first has its total": ([*HEAD, *ITEMS[:5], "TOTAL EUR   20.05"], [*ITEMS[3:], *FOOT]),
    "the next has no total": ([*HEAD, *ITEMS[:5]], ITEMS[3:]),
    "one row is on both": ([*HEAD, *ITEMS[:4]], [ITEMS[3], *ITEMS[5:], *FOOT]),
    "nothing is on both, nor adds up": ([*HEAD, *ITEMS[:4]], [*ITEMS[5:], *FOOT]),
    "the rows of both have other amounts": (
        [*HEAD, *ITEMS[:4]],
        ["ALMOND CROISSANT   9.20", "ORANGE JUICE   9.99", "BAGEL   8.10", *ITEMS[5:], *FOOT],
    ),
    "they are of two days": ([*HEAD, *ITEMS[:5]], [*ITEMS[3:], *FOOT, "15.03.2026 10:00"]),
    "one photo was taken twice": ([*HEAD, *ITEMS, *FOOT], [*HEAD, *ITEMS, *FOOT]),
    "nothing tells which comes next": ([*HEAD, *ITEMS[:3]], ITEMS[5:], ITEMS[4:], FOOT),
    "another's foot came before the head": ([*ITEMS[5:], *FOOT], [*HEAD, *ITEMS[:4]]),
}


@pytest.mark.parametrize("parts", APART.values(), ids=APART)
def test_nothing_is_joined_without_proof(parts):
    assert found(*parts) == []


def test_evidence_counts_the_pages_of_all_photos():
    readings = [read([*HEAD, *ITEMS[:5]]), read([*ITEMS[3:], *FOOT])]
    for reading in readings:
        reading["pages"] = [{"width": 8, "height": 8}]
    readings[0]["receipts"][0]["evidence"]["date"] = {"page": 0, "source": "ocr"}
    readings[1]["receipts"][0]["evidence"]["total"] = {"page": 0, "source": "ocr"}
    (long,) = long_receipts(readings)
    evidence = long.reading["receipts"][0]["evidence"]
    assert (evidence["date"]["page"], evidence["total"]["page"]) == (0, 1)
