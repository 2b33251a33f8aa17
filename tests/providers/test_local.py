"""The receipts of a file, as a local engine's result lists them."""

import json
import os

import pytest
from PIL import Image

from providers import PROVIDERS
from result import ocr_data
from settings import read_settings
from tests.fakes import drawn
from tests.pdfs import pdf, text

CAFE = ("CORNER CAFE LTD", "12 Harbour Street, Dublin 2", "14/03/2026 09:41", "Coffee 3.90")
CAFE_FOOT = ("Almond Croissant 3.20", "TOTAL EUR 7.10", "VISA 7.10")
SHOP = ("LAKESIDE HARDWARE LTD", "77 Lake Avenue, Dublin 4", "15/03/2026 17:20", "Hammer 16.50")
SHOP_FOOT = ("Paint White 22.40", "TOTAL EUR 38.90", "CASH 40.00", "CHANGE 1.10")


def receipts(path, engine="tesseract"):
    result = PROVIDERS[engine].ocr(path, read_settings(os.environ))
    data = json.loads(ocr_data(result))
    first = {name: data["receipts"][0][name] for name in data["receipt"]}
    assert data["receipt"] == first
    return data


def told(data):
    names = ("merchant", "date", "total", "page")
    return [tuple(receipt[name] for name in names) for receipt in data["receipts"]]


def page(*rows):
    return text([(40, 360 - 20 * number, row) for number, row in enumerate(rows)])


@pytest.fixture
def file(tmp_path):
    def write(*pages):
        path = tmp_path / "receipts.pdf"
        path.write_bytes(pdf(*pages))
        return path

    return write


def test_receipts_on_the_pages_of_a_pdf_are_several(file):
    data = receipts(file(page(*CAFE, *CAFE_FOOT), page(*SHOP, *SHOP_FOOT)))
    assert told(data) == [
        ("CORNER CAFE LTD", "2026-03-14", 7.1, 0),
        ("LAKESIDE HARDWARE LTD", "2026-03-15", 38.9, 1),
    ]
    assert [receipt["box"] for receipt in data["receipts"]] == [None, None]
    assert {item["description"] for item in data["receipts"][1]["items"]} == {
        "Hammer",
        "Paint White",
    }


def test_a_receipt_that_goes_on_over_pages_is_one(file):
    data = receipts(file(page(*CAFE), page(*CAFE_FOOT)))
    assert told(data) == [("CORNER CAFE LTD", "2026-03-14", 7.1, 0)]
    assert len(data["receipt"]["items"]) == 2 and data["receipt"]["warnings"] == []


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tesseract", "paddle-ocr-local"])
def test_receipts_side_by_side_are_read_each_on_its_own(engine, tmp_path):
    table = Image.new("RGB", (1180, 640), (90, 70, 60))
    table.paste(drawn((*CAFE, *CAFE_FOOT), (530, 480)), (30, 40))
    table.paste(drawn((*SHOP, *SHOP_FOOT), (530, 540)), (620, 70))
    table.save(tmp_path / "two.png")
    data = receipts(tmp_path / "two.png", engine)
    assert [row[1:] for row in told(data)] == [("2026-03-14", 7.1, 0), ("2026-03-15", 38.9, 0)]
    one, other = (receipt["box"] for receipt in data["receipts"])
    assert 30 < one[0] < one[2] < 560 and 620 < other[0] < other[2] < 1150
    assert data["text"].index("7.10") < data["text"].index("38.90")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle-ocr-local", "tesseract"])
def test_a_receipt_that_lies_upside_down_beside_another_is_read_too(tmp_path, engine):
    table = Image.new("RGB", (1180, 640), "white")
    table.paste(drawn((*CAFE, *CAFE_FOOT), (530, 480)), (30, 40))
    table.paste(drawn((*SHOP, *SHOP_FOOT), (530, 540)).rotate(180), (620, 70))
    table.save(tmp_path / "two.png")
    data = receipts(tmp_path / "two.png", engine)
    assert [row[1:] for row in told(data)] == [("2026-03-14", 7.1, 0), ("2026-03-15", 38.9, 0)]
    turned = data["receipts"][1]
    assert turned["box"][0] > 600
    assert turned["evidence"]["total"]["box"][1] < turned["evidence"]["date"]["box"][1]


def test_receipts_that_cannot_be_cut_are_one_with_a_warning_and_nothing_of_it_is_sure(file):
    data = receipts(file(page(*CAFE, *CAFE_FOOT, *SHOP, *SHOP_FOOT)))  # as close as rows of one
    (receipt,) = data["receipts"]
    assert "several_receipts" in receipt["warnings"]
    assert {"merchant", "date", "total"} <= {*receipt["review"]}
