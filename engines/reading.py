"""Reads a file page by page, with what an engine knows to do with one. Runs in a child process."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from engines import images
from engines.codes import find_codes
from engines.invoices import find_invoice
from result import Page, Reading, Rows
from settings import Limits


def read_pages(path: Path, limits: Limits, read_page: Callable[[Image.Image], Rows]) -> Reading:
    """The pages, rows and codes of a file; `read_page` gives the printed rows of an upright page.

    It may close the page, to free its memory.
    """
    invoice = find_invoice(path) if images.is_pdf(path) else None
    reading = Reading([], [], [], invoice)
    for number, page in enumerate(images.pages(path, limits)):
        width, height = page.size
        reading.codes.extend(find_codes(page, number))
        rows = read_page(page)
        reading.rows.extend(rows)
        reading.pages.append(Page(width, height, tuple(line for row in rows for line in row)))
    return reading
