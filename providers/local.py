"""Makes the result of what a local engine read: the receipts of a file, each on its own.

The clock is read to warn of a date in the future.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import cache, partial
from typing import NamedTuple

from engines import process
from fields import beside
from fields.exact import amounts_in, owned, with_codes, with_invoice
from fields.known import is_known
from fields.labels import around
from fields.receipt import read_receipt
from fields.receipt_signs import is_receipt, may_be_receipt
from fields.stacked import may_be_several, stacked
from fields.text import markdown_from_rows, text_from_rows
from providers.pages import Found, Group, grouped, with_doubt, with_evidence
from result import (
    Box,
    Code,
    Evidence,
    FileReceipt,
    OcrResult,
    Page,
    PageReading,
    Reading,
    Rows,
    placed,
    unplaced,
)
from settings import Settings, deadline

Place = tuple[int, Box]  # a page and a part of it
Look = Callable[[list[Place]], list[Rows]]  # reads parts of pages on their own


class Part(NamedTuple):
    """Rows of a page that may be a receipt; their box is None where they are all of the page."""

    page: int
    rows: Rows
    box: Box | None


def ocr(engine: str, args: Sequence[object], settings: Settings, model: str) -> OcrResult:
    """What the engine's process reads; `args` are those of its functions `read` and `look`."""
    run = partial(
        process.run, engine, deadline=deadline(settings), memory_mb=settings.ocr_memory_mb
    )
    reading = run("read", *args, is_known)
    return result_from_reading(reading, partial(run, "look", *args), model=model)


def result_from_reading(reading: Reading, look: Look | None = None, *, model: str) -> OcrResult:
    """The result for what a local engine read, with what codes and an e-invoice say exactly.

    `look` reads parts of pages again: of receipts side by side, each has rows of its own.
    """
    pages = [_page_parts(number, reading, look) for number in range(len(reading.pages))]
    receipts = _receipts(pages, reading)
    rows = [row for parts in pages for part in parts for row in part.rows]
    sources = {found.page.source for found in reading.pages}
    used = {"ocr": model, "text": "PDF text"}
    return OcrResult(
        markdown_from_rows(rows, receipts[0]),
        text_from_rows(rows),
        tuple(map(_with_lines, reading.pages, pages)),
        unplaced(receipts[0]),
        " + ".join(name for source, name in used.items() if source in sources),
        receipts=tuple(receipts),
        codes=tuple(_codes(reading)),
    )


def _codes(reading: Reading) -> list[Code]:
    return [code for found in reading.pages for code in found.codes]


def _with_lines(found: PageReading, parts: Sequence[Part]) -> Page:
    lines = tuple(line for part in parts for row in part.rows for line in row)
    return replace(found.page, lines=lines)


# The parts of a page


def _page_parts(number: int, reading: Reading, look: Look | None) -> list[Part]:
    page, rows, _ = reading.pages[number]
    if reading.invoice or not rows:
        return [Part(number, rows, None)]
    parts = beside.parts(rows)
    again = look and len(parts) > 1 and page.source == "ocr"
    found = _read_again(number, parts, look) if look and again else [part.rows for part in parts]
    if any(p.is_unreadable and not is_receipt(r) for p, r in zip(parts, found, strict=True)):
        # That part is a background, or the back of a receipt.
        return [Part(number, rows, None)]
    one_below_other = [some for part in found for some in stacked(part)]
    if len(one_below_other) == 1:
        return [Part(number, rows, None)]
    return [
        Part(number, some, around(line.box for row in some for line in row))
        for some in one_below_other
    ]


def _read_again(number: int, parts: Sequence[beside.Part], look: Look) -> list[Rows]:
    """The rows of each part, read on its own, without its neighbours' words in them."""
    found = look([(number, part.box) for part in parts])
    own = (
        [kept for row in rows if (kept := list(filter(part.has, row)))]
        for part, rows in zip(parts, found, strict=True)
    )
    return [rows or part.rows for part, rows in zip(parts, own, strict=True)]


# The receipts of a file


def _receipts(pages: Sequence[Sequence[Part]], reading: Reading) -> list[FileReceipt]:
    """Each receipt, a part of a page or some pages that go on, with what is said exactly."""
    today = date.today()
    found = [_found(part, today) for parts in pages for part in _worthy(parts)]
    groups = [Group(found, False)] if reading.invoice else grouped(found)
    receipts = [with_doubt(_joined(group, today), _doubted(group)) for group in groups]
    own = owned(receipts, _codes(reading))
    return [_exact(r, codes, reading, today) for r, codes in zip(receipts, own, strict=True)]


def _worthy(parts: Sequence[Part]) -> Sequence[Part]:
    """The parts of a page that may be receipts; all of them where none may be."""
    return [part for part in parts if len(parts) == 1 or may_be_receipt(part.rows)] or parts


def _found(part: Part, today: date) -> Found:
    return Found(part.page, cache(partial(_draft, part, today)), part.rows, part.box is None)


def _draft(part: Part, today: date) -> FileReceipt:
    receipt = read_receipt(part.rows, today, [part.page] * len(part.rows))
    return placed(receipt, part.page, part.box)


def _doubted(group: Group) -> Group:
    """The group, unclear too where one of its pages may hold several receipts that were not cut."""
    seem_several = any(may_be_several(page.rows) for page in group.pages)
    return group._replace(is_unclear=group.is_unclear or seem_several)


def _joined(group: Group, today: date) -> FileReceipt:
    """The fields of a receipt; those of several pages are read from the rows of all."""
    if len(group.pages) == 1:
        return group.pages[0].read()
    numbers = [page.number for page in group.pages for _ in page.rows]
    rows = [row for page in group.pages for row in page.rows]
    return placed(read_receipt(rows, today, numbers), group.pages[0].number)


def _exact(
    receipt: FileReceipt, codes: Sequence[Code], reading: Reading, today: date
) -> FileReceipt:
    """The receipt with what its codes and an e-invoice say."""
    exact = with_codes(_of_text(receipt, reading), codes, today)
    if reading.invoice:
        rows = [row for found in reading.pages for row in found.rows]
        exact = with_invoice(exact, reading.invoice, amounts_in(rows), today)
    return exact


def _of_text(receipt: FileReceipt, reading: Reading) -> FileReceipt:
    """The receipt with `text` as the source of what is on pages that were not recognised."""

    def known(found: Evidence) -> Evidence:
        is_text = found.page is not None and reading.pages[found.page].page.source == "text"
        return replace(found, source="text") if is_text else found

    return with_evidence(receipt, known)
