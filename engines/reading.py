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
from result import Box, Code, Line, Page, Reading, Receipt, Rows
from settings import Limits

Found = tuple[Page, Rows, list[Code]]


def read_pages(path: Path, limits: Limits, read_page: ReadPage, knows: Knows) -> Reading:
    """The pages, rows and codes of a file. A PDF's page whose text is real is not recognised.

    `read_page` gives the printed rows of an upright page, and may close it to free its memory.
    `knows` tells of a row whether it has a word, a date or an amount as receipts have them.
    """
    count = images.count_pages(path, limits)
    invoice, texts = _of_pdf(path, count, read_page, knows) if images.is_pdf(path) else (None, {})
    reading = Reading([], [], [], invoice)
    for number in range(count):
        page, rows, codes = texts.get(number) or _recognised(path, number, limits, read_page)
        reading.pages.append(page)
        reading.rows.extend(rows)
        reading.codes.extend(codes)
    return reading


def read_texts(path: Path, limits: Limits, knows: Knows) -> dict[int, Rows]:
    """The printed rows of a PDF's pages whose text is real, by number; `knows` as in read_pages.

    No engine is at hand: a page with a font that only one could vouch for is not among them.
    """
    _, texts = _of_pdf(path, images.count_pages(path, limits), lambda _: [], knows)
    return {number: rows for number, (_, rows, _) in texts.items()}


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


def _recognised(path: Path, number: int, limits: Limits, read_page: ReadPage) -> Found:
    picture = images.decode(path, number, limits)
    width, height = picture.size
    codes = find_codes(picture, number)
    rows = read_page(picture)
    return Page(width, height, _lines(rows)), rows, codes


def _of_pdf(
    path: Path, count: int, read_page: ReadPage, knows: Knows
) -> tuple[Receipt | None, Mapping[int, Found]]:
    """The data of an e-invoice inside a PDF, and the pages whose text is real, by number."""
    from pypdfium2 import PdfiumError

    texts, trusted = {}, set[str]()
    with images.open_pdf(path) as pdf:
        invoice = find_invoice(pdf)
        for number in range(count):
            with suppress(PdfiumError):  # a damaged page is an error where it is decoded
                found = read_text_page(pdf, number, knows, read_page, trusted)
                if found:
                    page = Page(*found.size, _lines(found.rows), "text")
                    texts[number] = page, found.rows, found.codes
    return invoice, texts


def _lines(rows: Rows) -> tuple[Line, ...]:
    return tuple(line for row in rows for line in row)
