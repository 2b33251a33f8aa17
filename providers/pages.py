"""Makes results of text without boxes, and joins those of pages that were read one by one. No I/O.

The clock is read to warn of a date in the future.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

from fields.checks import check, is_sure, reviewed
from fields.receipt import read_receipt
from fields.receipt_signs import has_total
from fields.stacked import goes_on, may_begin
from fields.text import markdown_from_rows, rows_from_text
from result import (
    EVIDENCED,
    PRINTED,
    Evidence,
    FieldEvidence,
    FileReceipt,
    OcrResult,
    Page,
    Receipt,
    ReceiptWarning,
    Rows,
    listed,
    unplaced,
)

# On paper the items are printed between the fields of the head and those of the foot.
_NAMES = [field.name for field in PRINTED]
HEAD, FOOT = _NAMES[: _NAMES.index("items")], _NAMES[_NAMES.index("items") + 1 :]
IF_ON_ALL_PAGES = {"no_text", "not_a_receipt"}  # warnings of the document if each page has them
OF_SUMS = {"total_mismatch", "items_mismatch"}  # checked again on the joined receipt
OF_DATES = {"date_ambiguous", "date_in_future"}  # those of the page the date is from


class Found(NamedTuple):
    """A receipt on a page, the rows of the page, and whether it is the only one there."""

    number: int  # of the page
    read: Callable[[], FileReceipt]  # its fields
    rows: Rows
    is_whole_page: bool


class Group(NamedTuple):
    """The pages of a receipt; `is_unclear` where they may be several."""

    pages: list[Found]
    is_unclear: bool

    @property
    def receipts(self) -> list[FileReceipt]:
        return [page.read() for page in self.pages]


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
    """The result of a document of one or more pages that were read one by one.

    Texts are joined; `raw` is a list. Pages that go on are one receipt: its items stay in order,
    its head is that of the first page that has one, its totals are those of the last.
    """
    if len(results) == 1:
        return results[0]
    starts = [0, *accumulate(len(result.pages) for result in results[:-1])]
    found = [f for r, page in zip(results, starts, strict=True) for f in _found(r, page)]
    receipts = [with_doubt(join_receipts(group.receipts), group) for group in grouped(found)]
    return OcrResult(
        markdown="\n\n".join(result.markdown for result in results if result.markdown),
        text="\n".join(result.text for result in results if result.text),
        pages=tuple(page for result in results for page in result.pages),
        receipt=unplaced(receipts[0]),
        model=results[0].model,
        raw=None if all(result.raw is None for result in results) else [r.raw for r in results],
        receipts=tuple(receipts),
    )


def _found(result: OcrResult, page: int) -> list[Found]:
    """The receipts of a result whose first page is this one of the document."""
    rows = rows_from_text(result.text)
    receipts = listed(result)
    return [
        Found(page + receipt.page, partial(on_page, receipt, page), rows, len(receipts) == 1)
        for receipt in receipts
    ]


def grouped(found: Sequence[Found]) -> list[Group]:
    """The receipts of a document, each with its pages."""
    groups: list[Group] = []
    for one in found:
        last = groups[-1] if groups else None
        goes = last and last.pages[-1].is_whole_page and one.is_whole_page and _goes_on(last, one)
        if last is None or goes is False:
            groups.append(Group([one], False))
        else:
            groups[-1] = Group([*last.pages, one], last.is_unclear or goes is None)
    return groups


def _goes_on(group: Group, one: Found) -> bool | None:
    """Whether the page goes on with the receipt of the group; None where it is unclear.

    Reading a page on its own takes 25 ms, so only the first page of the group is read, and those
    with a total.
    """
    if not may_begin(one.rows, len(group.pages) + 1):
        return True
    first, *others = group.pages
    known = [first, *(page for page in others if has_total(page.rows))]
    return goes_on(join_receipts([page.read() for page in known]), one.read())


def with_doubt(receipt: FileReceipt, group: Group) -> FileReceipt:
    """The receipt, with a warning where it may be several."""
    if not group.is_unclear:
        return receipt
    warnings: tuple[ReceiptWarning, ...] = (*receipt.warnings, "several_receipts")
    return reviewed(replace(receipt, warnings=tuple(dict.fromkeys(warnings))))


def join_receipts(receipts: Sequence[FileReceipt]) -> FileReceipt:
    if len(receipts) == 1:
        return receipts[0]
    order = dict.fromkeys(HEAD, receipts) | dict.fromkeys(FOOT, receipts[::-1])
    printed = {name: _first(some, name) for name, some in order.items()}
    evidence = {name: _first([r.evidence for r in order[name]], name) for name in EVIDENCED}
    items = tuple(item for receipt in receipts for item in receipt.items)
    joined = replace(receipts[0], **printed, items=items, evidence=FieldEvidence(**evidence))
    kept = (w for w in _join_warnings(receipts) if w != "low_confidence" or not is_sure(joined))
    return reviewed(replace(joined, warnings=(*check(joined), *kept)))


def on_page(receipt: FileReceipt, page: int) -> FileReceipt:
    """The receipt of pages read on their own, the first of which is this one of the document."""

    def moved(found: Evidence) -> Evidence:
        return replace(found, page=None if found.page is None else found.page + page)

    return replace(with_evidence(receipt, moved), page=receipt.page + page)


def with_evidence(receipt: FileReceipt, change: Callable[[Evidence], Evidence]) -> FileReceipt:
    """The receipt with a change to the evidence of each field and item."""
    of_fields = {n: e and change(e) for n, e in vars(receipt.evidence).items()}
    items = (replace(i, evidence=i.evidence and change(i.evidence)) for i in receipt.items)
    return replace(receipt, evidence=FieldEvidence(**of_fields), items=tuple(items))


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
