"""Makes results of what engines and vendors return: lines on pages, or text. No I/O.

The clock is read to warn of a date in the future.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import accumulate
from typing import Any

from engines.rows import group_rows
from fields.checks import check, reviewed
from fields.exact import amounts_in, with_codes, with_invoice
from fields.receipt import read_receipt
from fields.text import markdown_from_rows, rows_from_text, text_from_rows
from result import (
    EVIDENCED,
    PRINTED,
    Evidence,
    FieldEvidence,
    Line,
    OcrResult,
    Page,
    Reading,
    Receipt,
    ReceiptWarning,
)

# On paper the items are printed between the fields of the head and those of the foot.
_NAMES = [field.name for field in PRINTED]
HEAD, FOOT = _NAMES[: _NAMES.index("items")], _NAMES[_NAMES.index("items") + 1 :]
IF_ON_ALL_PAGES = {"no_text", "not_a_receipt"}  # warnings of the document if each page has them
OF_SUMS = {"total_mismatch", "items_mismatch"}  # checked again on the joined receipt
OF_DATES = {"date_ambiguous", "date_in_future"}  # those of the page the date is from


def result_from_pages(
    pages: Sequence[Page],
    *,
    model: str,
    raw: object = None,
    rows: Sequence[Sequence[Line]] | None = None,
    receipt: Receipt | None = None,
) -> OcrResult:
    """The result for pages of lines; `receipt` where the engine found the fields itself.

    `rows` are the printed rows where the engine knows them better than upright boxes tell.
    """
    if rows is None:
        rows = [row for page in pages for row in group_rows(page.lines)]
    receipt = receipt or read_receipt(rows, date.today(), _page_numbers(pages, rows))
    markdown, text = markdown_from_rows(rows, receipt), text_from_rows(rows)
    return OcrResult(markdown, text, tuple(pages), receipt, model, raw)


def result_from_reading(reading: Reading, *, model: str) -> OcrResult:
    """The result for what a local engine read, with what codes and an e-invoice say exactly."""
    today = date.today()
    receipt = read_receipt(reading.rows, today, _page_numbers(reading.pages, reading.rows))
    receipt = with_codes(_of_text(receipt, reading.pages), reading.codes, today)
    if reading.invoice:
        receipt = with_invoice(receipt, reading.invoice, amounts_in(reading.rows), today)
    sources = {page.source for page in reading.pages}
    used = {"ocr": model, "text": "PDF text"}
    model = " + ".join(name for source, name in used.items() if source in sources)
    result = result_from_pages(reading.pages, model=model, rows=reading.rows, receipt=receipt)
    return replace(result, codes=tuple(reading.codes))


def _of_text(receipt: Receipt, pages: Sequence[Page]) -> Receipt:
    """The receipt with `text` as the source of what is on pages that were not recognised."""

    def known(found: Evidence | None) -> Evidence | None:
        is_text = found and found.page is not None and pages[found.page].source == "text"
        return replace(found, source="text") if found and is_text else found

    evidence = {name: known(getattr(receipt.evidence, name)) for name in EVIDENCED}
    items = tuple(replace(item, evidence=known(item.evidence)) for item in receipt.items)
    return replace(receipt, evidence=FieldEvidence(**evidence), items=items)


def _page_numbers(pages: Sequence[Page], rows: Sequence[Sequence[Line]]) -> list[int]:
    """The page that each row is on, the first is 0; their lines are the same objects.

    Equal lines need not be on one page: each page may have the same head.
    """
    page_of = {id(line): number for number, page in enumerate(pages) for line in page.lines}
    return [page_of.get(id(row[0]), 0) for row in rows]


def result_from_text(
    text: str, receipt: Receipt, pages: tuple[Page, ...], *, model: str, raw: object
) -> OcrResult:
    """The result for text without boxes, one printed row per line, and the fields found in it."""
    markdown = markdown_from_rows(rows_from_text(text), receipt)
    return OcrResult(markdown, text, pages, receipt, model, raw)


def receipt_from_text(text: str) -> Receipt:
    """The fields found by our rules in text without geometry, one printed row per line."""
    return read_receipt(rows_from_text(text), date.today())


def join_pages(results: Sequence[OcrResult]) -> OcrResult:
    """The result of a document of one or more pages that were read one by one: one receipt.

    Texts are joined, items stay in order, the head is that of the first page that has one, the
    totals those of the last; `raw` is a list.
    """
    if len(results) == 1:
        return results[0]
    starts = [0, *accumulate(len(result.pages) for result in results[:-1])]
    receipts = [_on_page(r.receipt, page) for r, page in zip(results, starts, strict=True)]
    return OcrResult(
        markdown="\n\n".join(result.markdown for result in results if result.markdown),
        text="\n".join(result.text for result in results if result.text),
        pages=tuple(page for result in results for page in result.pages),
        receipt=_join_receipts(receipts),
        model=results[0].model,
        raw=None if all(result.raw is None for result in results) else [r.raw for r in results],
    )


def _join_receipts(receipts: Sequence[Receipt]) -> Receipt:
    head = {name: _first(receipts, name) for name in HEAD}
    foot = {name: _first(receipts[::-1], name) for name in FOOT}
    items = tuple(item for receipt in receipts for item in receipt.items)
    evidence = [receipt.evidence for receipt in receipts]
    of_head = {name: _first(evidence, name) for name in ("merchant", "date")}
    of_foot = {name: _first(evidence[::-1], name) for name in ("subtotal", "tax", "tip", "total")}
    joined = replace(receipts[0], **head, **foot, items=items)
    joined = replace(joined, evidence=FieldEvidence(**of_head, **of_foot))
    return reviewed(replace(joined, warnings=(*check(joined), *_join_warnings(receipts))))


def _on_page(receipt: Receipt, page: int) -> Receipt:
    """The receipt with its evidence on this page of the document, where it was the first alone."""

    def moved(found: Evidence | None) -> Evidence | None:
        return found and replace(found, page=None if found.page is None else found.page + page)

    evidence = {name: moved(getattr(receipt.evidence, name)) for name in EVIDENCED}
    items = tuple(replace(item, evidence=moved(item.evidence)) for item in receipt.items)
    return replace(receipt, evidence=FieldEvidence(**evidence), items=items)


def _first(receipts: Sequence[Any], name: str) -> Any:
    """The field of the first that has it, else the empty value of the first."""
    values = [getattr(receipt, name) for receipt in receipts]
    return next((value for value in values if value not in (None, ())), values[0])


def _join_warnings(receipts: Sequence[Receipt]) -> tuple[ReceiptWarning, ...]:
    dated = next((receipt for receipt in receipts if receipt.date), receipts[0])
    return tuple(
        warning
        for warning in dict.fromkeys(w for receipt in receipts for w in receipt.warnings)
        if warning not in OF_SUMS
        and (warning not in IF_ON_ALL_PAGES or all(warning in r.warnings for r in receipts))
        and (warning not in OF_DATES or warning in dated.warnings)
    )
