"""Measures what a page costs that no engine reads: a PDF's own text, and a preview for a person.

python -m bench.pages
"""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.exact import PAGES, ROWS, read, text_pdf, timed
from bench.receipts import drawn, receipts
from engines import images
from settings import read_settings

ROUNDS, WIDTH = 5, 800


def main() -> None:
    for what, milliseconds in measure():
        print(f"{what}: {milliseconds:.0f} ms of CPU")


def measure() -> Iterator[tuple[str, float]]:
    """What was measured, and its CPU time in milliseconds: of previews the median."""
    limits = read_settings(os.environ).limits
    with tempfile.TemporaryDirectory() as scratch:
        text, photo = text_pdf(Path(scratch)), Path(scratch, "photo.jpg")
        drawn(rows=47, width=2448, line=66).save(photo, quality=90)
        read(receipts(Path(scratch), 1)[0])  # loads what it needs; what is read twice is cached
        yield f"a PDF's page of {ROWS} rows of text", 1000 * timed(partial(read, text))[1] / PAGES
        for what, path in (("photo of 8 megapixels", photo), ("PDF's page", text)):
            preview = partial(images.preview, path, 0, WIDTH, limits)
            yield f"preview, {WIDTH} pixels wide, of a {what}", _ms(preview)


def _ms(work: Callable[[], object]) -> float:
    return 1000 * statistics.median(timed(work)[1] for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
