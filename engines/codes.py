"""Finds the bar codes and QR codes of a page, with zxing-cpp. Runs in a child process.

An address that a code holds is text like any other: nothing here or elsewhere fetches it.
"""

import math
from typing import Any

from PIL import Image

from result import Code

FORMATS = "QRCode,Aztec,DataMatrix,PDF417,Code128,ITF,EAN13,EAN8"
MAX_PIXELS = 3_000_000  # none of 32 codes on 481 photos is lost by this; at 2,000,000 two are
SLACK = 0.2  # of a factor: a page stays whole up to 1.2, and is halved up to 2.2
MAX_CODES = 20  # of a page, the first from the top


def find_codes(page: Image.Image, number: int) -> list[Code]:
    """The codes of a page, from the top down. 12 megapixels take 50 ms, half of it to reduce them.

    A code of bars is found upright or upside down, and on its side where the page lies on its side,
    since looking for those costs twice the time. A QR code is found however it lies.
    """
    import zxingcpp

    factor = max(1, math.ceil((page.width * page.height / MAX_PIXELS) ** 0.5 - SLACK))
    found = zxingcpp.read_barcodes(
        page.convert("L").reduce(factor),
        formats=zxingcpp.barcode_formats_from_str(FORMATS),
        try_rotate=page.width > page.height,
        try_invert=False,  # nobody prints white bars on black paper; a tenth of the time
        text_mode=zxingcpp.TextMode.Plain,
    )
    codes = [_code(barcode, number, factor) for barcode in found]
    return sorted(codes, key=lambda code: (code.box[1], code.box[0]))[:MAX_CODES]


def _code(barcode: Any, number: int, factor: int) -> Code:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    across, down = ([getattr(corner, axis) * factor for corner in corners] for axis in "xy")
    box = (min(across), min(down), max(across), max(down))
    return Code(barcode.format.name, barcode.text, number, box)
