"""The providers of the page's tests: real Tesseract, and some whose answers are known.

An application for `flask run`: FLASK_APP=tests.page.readers. `gated` waits for $DATA_DIR/go.
"""

import os
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from PIL import Image

import app
from providers import PROVIDERS
from result import (
    Evidence,
    FieldEvidence,
    FileReceipt,
    Item,
    Line,
    OcrResult,
    Page,
    ProviderError,
    Receipt,
    Tax,
)
from tests.fakes import fake, until
from tests.server.test_long_receipts import read as part

CAREFUL = ("CORNER CAFE", "2026-03-14 09:41", "MILK 1.20", "BREAD 2.50", "TOTAL EUR 3.70")
HASTY = ("CORNER CAFE", "2026-03-14 09:41", "MTLK 1.20", "TOTAL EUR 3.70", "THANK YOU")
HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "TOTAL 1.00")
REASON = "ABSENT_API_KEY is not set"
FAILURE = "the engine's process died; try another provider"


def read(rows, pages=1, **fields):
    """A box for each row, where `tests.fakes.drawn` prints it; the last is doubtful."""
    lines = tuple(
        Line(
            row,
            0.4 if row == rows[-1] else 0.98,
            (30, 30 + 60 * n, 30 + 16 * len(row), 62 + 60 * n),
        )
        for n, row in enumerate(rows)
    )
    receipt = Receipt("rules", **fields)
    text = "\n".join(rows * pages)
    return OcrResult(f"# {text}", text, (Page(480, 360, lines),) * pages, receipt, "fake 1")


careful = read(
    CAREFUL,
    merchant="CORNER CAFE",
    date="2026-03-14",
    time="09:41",
    currency="EUR",
    items=(Item("MILK", amount=Decimal("1.20")), Item("BREAD", amount=Decimal("2.50"))),
    taxes=(Tax(Decimal(10), Decimal("0.34")),),
    tax=Decimal("0.34"),
    total=Decimal("3.70"),
    warnings=("date_ambiguous",),
)
hasty = read(
    HASTY,
    merchant="CORNER CAFE",
    currency="EUR",
    total=Decimal("3.70"),
    evidence=FieldEvidence(total=Evidence(1.0, "code", 0, (30, 30, 90, 90))),
)
long = read(
    CAREFUL,
    merchant="Gesellschaft für Lebensmittel und " + "ausnehmend" * 6 + " lange Namen mbH & Co. KG",
    date="2026-03-14",
    currency="EUR",
    total=Decimal("1234567.89"),
)
hostile = read(HOSTILE, merchant=HOSTILE[0], currency="EUR", total=Decimal("1.00"))


def doubtful(merchant="CORNER CAFE", date="2026-03-14", total="8.70", **fields):
    """A reading of CAREFUL with a wrong total, which is doubted."""
    evidence = FieldEvidence(
        merchant=Evidence(0.99, "ocr", 0, (30, 30, 206, 62)),
        date=Evidence(0.9, "ocr", 0, (30, 90, 190, 122)),
        total=Evidence(0.4, "ocr", 0, (190, 270, 254, 302)),
    )
    read_ = {"merchant": merchant, "date": date, "total": Decimal(total), "currency": "EUR"}
    return read(CAREFUL, **read_, review=("total",), evidence=evidence, **fields)


def pile(path, settings):
    """One of many receipts, as tall as its number says; the total of every fifth is wrong."""
    number = Image.open(path).height - 360
    total, shop = f"{number + 1}.{9 if number % 5 == 4 else 5}0", "FUEL" if number == 7 else "SHOP"
    return doubtful(f"{shop} {number}", str(date(2026, 3, 1) + timedelta(number)), total)


def double(path, settings):
    """Two receipts beside each other on one page."""
    names, boxes = ("CORNER CAFE", "BAKERY"), ((0, 0, 240, 360), (240, 0, 480, 360))
    receipts = [
        FileReceipt("rules", merchant, page=0, box=box)
        for merchant, box in zip(names, boxes, strict=True)
    ]
    return replace(careful, receipts=tuple(receipts))


def broken(path, settings):
    raise ProviderError("engine_crashed", FAILURE)


def gated(path, settings):
    go = Path(os.environ["DATA_DIR"]) / "go"
    until(go.exists, seconds=60)
    return careful


def answers(result):
    return fake(ocr=lambda path, settings: result, model=lambda settings: "fake 1")


def create_app():
    away = {"kind": "remote", "sends_to": lambda settings: "api.example.org"}
    return app.create_app(
        providers={
            "tesseract": PROVIDERS["tesseract"],
            "careful": answers(careful),
            "hasty": answers(hasty),
            "hostile": answers(hostile),
            "long": answers(long),
            "paged": answers(read(CAREFUL, pages=2)),
            "doubtful": answers(doubtful(warnings=("total_mismatch",))),
            "pile": fake(ocr=pile),
            "double": fake(ocr=double),
            "part": fake(ocr=part),
            "ten": answers(read(CAREFUL, pages=10)),
            "broken": fake(ocr=broken),
            "gated": fake(ocr=gated),
            "elsewhere": fake(ocr=lambda path, settings: careful, **away),
            "absent": fake(unavailable=lambda settings: REASON, **away),
        }
    )
