"""Reads a file page by page, with what an engine knows to do with one. Runs in a child process."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from engines import images
from engines.codes import find_codes
from engines.invoices import find_invoice
from engines.rows import with_boxes
from engines.textlayer import Knows, ReadPage, read_text_page
from result import Box, Page, PageReading, Reading, Receipt, Rows
from settings import Limits


def read_pages(path: Path, limits: Limits, read_page: ReadPage, knows: Knows) -> Reading:
    """The pages, rows and codes of a file. A PDF's page whose text is real is not recognised.

    `read_page` gives the printed rows of an upright page, and may close it to free its memory.
    `knows` tells of a row whether it has a word, a date or an amount as receipts have them.
    """
    count = images.count_pages(path, limits)
    invoice, texts = _of_pdf(path, count, read_page, knows) if images.is_pdf(path) else (None, {})
    pages = [texts.get(n) or _recognised(path, n, limits, read_page) for n in range(count)]
    return Reading(pages, invoice)


def read_texts(path: Path, limits: Limits, knows: Knows) -> dict[int, Rows]:
    """The printed rows of a PDF's pages whose text is real, by number; `knows` as in read_pages.

    No engine is at hand: a page with a font that only one could vouch for is not among them.
    """
    _, texts = _of_pdf(path, images.count_pages(path, limits), lambda _: [], knows)
    return {number: found.rows for number, found in texts.items()}


def read_parts(
    path: Path, limits: Limits, read_page: ReadPage, places: Sequence[tuple[int, Box]]
) -> list[Rows]:
    """The printed rows of parts of pages, each read as if it were a page; boxes are on the page."""
    found = []
    for number, box in places:
        page = images.decode(path, number, limits)
        left, top = max(0, box[0]), max(0, box[1])
        part = page.crop((left, top, min(page.width, box[2]), min(page.height, box[3])))
        found.append(with_boxes(read_page(part), partial(_moved, x=left, y=top)))
    return found


def _moved(box: Box, x: int, y: int) -> Box:
    left, top, right, bottom = box
    return left + x, top + y, right + x, bottom + y


def _recognised(path: Path, number: int, limits: Limits, read_page: ReadPage) -> PageReading:
    picture = images.decode(path, number, limits)
    page, codes = Page(*picture.size), find_codes(picture, number)
    return PageReading(page, read_page(picture), codes)


def _of_pdf(
    path: Path, count: int, read_page: ReadPage, knows: Knows
) -> tuple[Receipt | None, Mapping[int, PageReading]]:
    """The data of an e-invoice inside a PDF, and the pages whose text is real, by number."""
    from pypdfium2 import PdfiumError

    texts, trusted = {}, set[str]()
    with images.open_pdf(path) as pdf:
        invoice = find_invoice(pdf)
        for number in range(count):
            with suppress(PdfiumError):  # a damaged page is an error where it is decoded
                found = read_text_page(pdf, number, knows, read_page, trusted)
                if found:
                    texts[number] = found
    return invoice, texts
