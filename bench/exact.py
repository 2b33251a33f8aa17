"""Measures what exactness costs: the text of a PDF of 10 pages, and the search for codes.

    python -m bench.exact [DATASET]

All in CPU seconds of this process, with the rules that find the fields; the engine is
paddle-ocr-local. Without a DATASET the receipts are drawn.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.receipts import receipts
from engines import images, paddle
from engines.codes import find_codes
from fields.known import is_known
from providers.local import result_from_reading
from settings import read_settings
from tests.pdfs import pdf, text

PAGES, ROWS, RECEIPTS = 10, 60, 20


def main() -> None:
    dataset = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as scratch:
        path = text_pdf(Path(scratch))
        read(receipts(Path(scratch), 1)[0])  # loads the engine and the words
        result, seconds = timed(lambda: read(path))
        sources = {page.source for page in result.pages}
        print(f"{PAGES} pages of {ROWS} rows, {sources}: {seconds:.2f} s")
        files = receipts(Path(scratch), RECEIPTS, dataset)
        whole = sum(timed(partial(read, path))[1] for path in files)
        codes = sum(_codes_s(path) for path in files)
        print(f"codes: {codes / RECEIPTS * 1000:.0f} of {whole / RECEIPTS * 1000:.0f} ms a receipt")
        print(f"that is {codes / whole:.1%}")


def text_pdf(directory: Path) -> Path:
    """A PDF of PAGES pages with ROWS rows of text each."""
    path = directory / "text.pdf"
    path.write_bytes(pdf(*map(_page, range(PAGES)), size=(595, 842)))
    return path


def _page(number: int) -> str:
    """The head is on each page, the total on the last alone."""
    last = "TOTAL EUR 109.00" if number == PAGES - 1 else "continued on the next page"
    rows = [f"Article {number} {row}   {row}.{number:02}" for row in range(ROWS - 3)]
    rows = ["CORNER CAFE", "14/03/2026 09:41", *rows, last]
    return text([(40, 810 - 13 * row, line) for row, line in enumerate(rows)])


def read(path: Path) -> Any:
    """What paddle-ocr-local makes of a file."""
    limits = read_settings(os.environ).limits
    return result_from_reading(paddle.read(path, "", "", limits, is_known), model="bench")


def _codes_s(path: Path) -> float:
    page = images.decode(path, 0, read_settings(os.environ).limits)
    return timed(lambda: find_codes(page, 0))[1]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and the CPU seconds it took."""
    started = time.process_time()
    return work(), time.process_time() - started


if __name__ == "__main__":
    main()
