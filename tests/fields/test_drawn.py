"""Receipts of several languages, drawn with a font of the system, are read by both engines."""

import json
import os
from decimal import Decimal

import pytest
from PIL import Image, ImageDraw, ImageFont

from providers import PROVIDERS
from settings import read_settings
from tests.conftest import ROOT

RECEIPTS = ROOT / "tests/fields/receipts"
FONT = "DejaVuSansMono.ttf"
SIZE, LINE, MARGIN = 30, 50, 60


def draw(name, folder):
    """The receipt's text as a picture."""
    rows = (RECEIPTS / f"{name}.txt").read_text("utf-8").splitlines()
    paper = Image.new("RGB", (1000, 2 * MARGIN + LINE * len(rows)), "white")
    for number, row in enumerate(rows):
        at = (MARGIN, MARGIN + LINE * number)
        ImageDraw.Draw(paper).text(at, row, "black", ImageFont.truetype(FONT, SIZE))
    paper.save(folder / f"{name}.png")
    return folder / f"{name}.png"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "name"),
    [
        *(("paddle-ocr-local", name) for name in ("pl", "hu", "tr", "lt", "el")),
        # Tesseract has only the English letters here: words without accents, figures, signs
        *(("tesseract", name) for name in ("es", "nl", "da", "hr")),
    ],
)
def test_a_drawn_receipt_is_read(engine, name, tmp_path):
    found = PROVIDERS[engine].ocr(draw(name, tmp_path), read_settings(os.environ)).receipt
    wanted = json.loads((RECEIPTS / f"{name}.json").read_text("utf-8"))
    assert (found.total, found.date) == (Decimal(str(wanted["total"])), wanted["date"])
    assert found.currency == wanted["currency"]
