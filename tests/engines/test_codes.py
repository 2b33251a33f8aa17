"""Codes are found in pictures that zxing-cpp itself draws."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import zxingcpp
from PIL import Image

from engines.codes import find_codes
from providers import PROVIDERS
from providers.base import read
from result import OcrResult, Receipt, ocr_data
from settings import Settings
from tests.fakes import drawn as printed
from tests.fields.test_codes import TSE


def drawn(text, code="QRCode", scale=3):
    barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, code))
    image = zxingcpp.write_barcode_to_image(barcode, scale=scale)
    return Image.frombuffer("L", image.shape[::-1], bytes(image))


def page(*codes, size=(800, 1200)):
    """A white page with pictures at their left and top edges."""
    paper = Image.new("RGB", size, "white")
    for picture, place in codes:
        paper.paste(picture, place)
    return paper


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("QRCode", TSE),
        ("Aztec", "A ticket"),
        ("DataMatrix", "A parcel"),
        ("PDF417", "A boarding pass"),
        ("Code128", "9910701452003234008665000008000000"),
        ("ITF", "0888047120166705160123"),
        ("EAN13", "5041504179224"),
        ("EAN8", "44720209"),
    ],
)
def test_each_format_is_found_and_named(code, text):
    (found,) = find_codes(page((drawn(text, code), (40, 300))), 2)
    assert (found.format, found.text, found.page) == (code, text, 2)


@pytest.mark.parametrize("size", [(800, 1200), (3000, 4000)])
def test_a_box_is_in_the_pixels_of_the_page(size):
    picture = drawn("https://example.com", scale=8)
    (found,) = find_codes(page((picture, (400, 500)), size=size), 0)
    left, top, right, bottom = found.box
    quiet = 4 * 8  # the white margin of a QR code: four modules
    for edge, expected in (
        (left, 400 + quiet),
        (top, 500 + quiet),
        (right, 400 + picture.width - quiet),
        (bottom, 500 + picture.height - quiet),
    ):
        assert abs(edge - expected) <= 6


def test_codes_come_from_the_top_down():
    codes = (drawn("below"), (40, 700)), (drawn("right"), (400, 100)), (drawn("left"), (40, 100))
    assert [code.text for code in find_codes(page(*codes), 0)] == ["left", "right", "below"]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("code", ["QRCode", "Code128"])
def test_a_page_may_lie_on_its_side_or_upside_down(code, degrees):
    paper = page((drawn("12345678", code), (40, 300))).rotate(degrees, expand=True)
    assert [found.text for found in find_codes(paper, 0)] == ["12345678"]


def test_a_page_without_a_code_has_none():
    assert find_codes(page(), 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["paddle-ocr-local", "tesseract"])
def test_the_local_engines_return_the_codes_of_every_page(tmp_path, provider):
    path = tmp_path / "receipt.tif"
    first, second = page((drawn(TSE), (40, 300))), page((drawn("44720209", "EAN8"), (40, 600)))
    first.save(path, save_all=True, append_images=[second])
    data = json.loads(ocr_data(PROVIDERS[provider].ocr(path, Settings())))
    assert [(code["format"], code["page"]) for code in data["codes"]] == [
        ("QRCode", 0),
        ("EAN8", 1),
    ]
    assert data["codes"][0]["text"] == TSE


@pytest.mark.slow
def test_a_total_that_the_code_of_the_till_says_too_is_proved_by_it(tmp_path):
    path = tmp_path / "receipt.png"
    paper = Image.new("RGB", (480, 900), "white")
    paper.paste(printed(("CORNER CAFE", "10.07.2019 20:38", "TEA 2,55", "SUMME EUR 2,55")), (0, 0))
    paper.paste(drawn(TSE), (60, 420))
    paper.save(path)
    receipt = PROVIDERS["tesseract"].ocr(path, Settings()).receipt
    assert (receipt.date, receipt.time, str(receipt.total)) == ("2019-07-10", "20:38", "2.55")
    assert (receipt.evidence.total.source, receipt.evidence.date.source) == ("code", "code")
    left, top, *_ = receipt.evidence.total.box
    assert (left > 60, top > 420) == (True, True)


def test_codes_are_looked_for_here_for_all_but_the_engines_that_look_themselves():
    own = {name for name, provider in PROVIDERS.items() if not provider.wants_codes}
    assert own == {"paddle-ocr-local", "tesseract"}


def test_the_codes_of_two_receipts_are_a_doubt_where_the_vendor_gives_one(tmp_path):
    other = TSE.replace("2.55", "9.99").replace("2019-07-10", "2019-07-11")
    page((drawn(TSE), (40, 300)), (drawn(other), (40, 700))).save(tmp_path / "two.png")
    told = Receipt("engine", merchant="CAFE", total=Decimal("2.55"))
    vendor = replace(PROVIDERS["tab-scanner"], ocr=lambda *_: OcrResult("", "", (), told, "api/2"))
    result = read(vendor, tmp_path / "two.png", Settings())
    assert result.receipt.warnings == ("several_receipts",)


def test_what_a_vendor_reads_is_proved_by_the_codes_too(tmp_path):
    page((drawn(TSE), (40, 300))).save(tmp_path / "receipt.png")
    told = Receipt("model", merchant="CAFE", total=Decimal("2.55"))
    vendor = replace(PROVIDERS["openai"], ocr=lambda *_: OcrResult("", "", (), told, "vision-1"))
    result = read(vendor, tmp_path / "receipt.png", Settings())
    assert [code.text for code in result.codes] == [TSE]
    assert (result.receipt.merchant, result.receipt.date) == ("CAFE", "2019-07-10")
    assert result.receipts[0].evidence.total.source == "code"
    own = {name for name, provider in PROVIDERS.items() if not provider.wants_codes}
    assert own == {"paddle-ocr-local", "tesseract"}
