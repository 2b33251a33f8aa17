"""Both local engines read drawn receipts exactly: a floor under the rules and the engines.

The figures on real receipts are those of bench/accuracy.py in the README.
"""

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from providers import PROVIDERS
from settings import Settings

pytestmark = pytest.mark.slow

GROCER = (
    "GREEN VALLEY MARKET LTD",
    "12 HIGH STREET, LONDON",
    "17/08/2022  14:03",
    "2 x ORANGE JUICE   2.90",
    "BROWN BREAD   1.10",
    "CHEDDAR CHEESE   4.25",
    "SUBTOTAL   8.25",
    "VAT 20%   1.65",
    "TOTAL GBP   9.90",
    "CASH   20.00",
    "CHANGE   10.10",
)
DINER = (
    "OCEAN DINER INC",
    "1200 MAIN STREET",
    "AUSTIN, TX 78701",
    "DATE: 03/04/2021",
    "CHEESEBURGER   11.95",
    "CAESAR SALAD   9.50",
    "SUBTOTAL   21.45",
    "SALES TAX   1.77",
    "TOTAL   23.22",
    "VISA   23.22",
)
EXPECTED = {
    GROCER: ("GREEN VALLEY MARKET LTD", "2022-08-17", "9.90", "1.65", ["2.90", "1.10", "4.25"]),
    DINER: ("OCEAN DINER INC", "2021-03-04", "23.22", "1.77", ["11.95", "9.50"]),
}


def drawn(rows, degrees=0.0):
    """A till receipt: names to the left, amounts to the right, print a little soft."""
    font = ImageFont.load_default(size=30)
    image = Image.new("L", (760, 80 + 62 * len(rows)), 250)
    draw = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        name, _, amount = row.partition("   ")
        y = 40 + 62 * number
        draw.text((50, y), name, 25, font)
        draw.text((710 - draw.textlength(amount, font), y), amount, 25, font)
    soft = image.filter(ImageFilter.GaussianBlur(0.7))
    return soft.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=250)


@pytest.fixture(params=["paddle-ocr-local", "tesseract"])
def read(request, tmp_path):
    def read(image):
        path = tmp_path / "receipt.png"
        image.save(path)
        return PROVIDERS[request.param].ocr(path, Settings())

    return read


def values(receipt):
    money = [f"{value:.2f}" for value in (receipt.total, receipt.tax)]
    return receipt.merchant, receipt.date, *money, [f"{item.amount:.2f}" for item in receipt.items]


@pytest.mark.parametrize("rows", EXPECTED, ids=["grocer", "diner"])
def test_a_drawn_receipt_is_read_exactly(read, rows):
    result = read(drawn(rows))
    assert values(result.receipt) == EXPECTED[rows]
    assert result.receipt.warnings == ()
    assert len(result.text.splitlines()) == len(rows)


@pytest.mark.parametrize("degrees", [3, 90, 180, 270])
def test_paddle_reads_a_receipt_that_lies_turned(tmp_path, degrees):
    """Three degrees move a price to the next row's height; nothing in the file tells the others."""
    path = tmp_path / "receipt.png"
    image = drawn(GROCER, degrees)
    image.save(path)
    result = PROVIDERS["paddle-ocr-local"].ocr(path, Settings())
    assert values(result.receipt) == EXPECTED[GROCER]
    (page,) = result.pages
    assert (page.width, page.height) == image.size
    for line in page.lines:
        left, top, right, bottom = line.box
        assert 0 <= left < right <= page.width and 0 <= top < bottom <= page.height
