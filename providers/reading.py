"""How do an engine's lines become a result? Shared by every engine that returns boxes.

Lines on pages in, the whole OcrResult out: printed rows, text, Markdown and the receipt's fields. Pure.
"""

from collections.abc import Sequence

from providers.base import Line, OcrResult, Page, Receipt
from providers.receipt import read_receipt
from providers.rows import group_rows, markdown_from_rows, rows_from_text, text_from_rows


def result_from_pages(
    pages: Sequence[Page],
    *,
    model: str,
    raw: object = None,
    receipt: Receipt | None = None,
    markdown: str | None = None,
) -> OcrResult:
    """The result for pages of lines; `receipt` and `markdown` where the engine gave its own."""
    rows = [row for page in pages for row in group_rows(page.lines)]
    receipt = receipt or read_receipt(rows)
    return OcrResult(
        markdown=markdown or markdown_from_rows(rows, receipt),
        text=text_from_rows(rows),
        pages=tuple(pages),
        receipt=receipt,
        model=model,
        raw=raw,
    )


def receipt_from_text(text: str) -> Receipt:
    """The fields found by our rules in text without geometry, one printed row per line."""
    rows: list[list[Line]] = rows_from_text(text)
    return read_receipt(rows)
