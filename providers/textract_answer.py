"""Turns an answer of AnalyzeExpense, its fields and blocks, into an OcrResult. No I/O.

Values are text as printed ("14/03/2026", "1.234,56 EUR"), boxes are fractions of the page.
https://docs.aws.amazon.com/textract/latest/dg/invoices-receipts.html (read 2026-11-23)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from engines.rows import group_rows
from fields.checks import check, reviewed
from fields.dates import find_dates
from fields.labels import around
from fields.money import parse_money, parse_rate
from fields.receipt import read_receipt
from fields.text import markdown_from_rows, text_from_rows
from providers.json_answer import dig_number
from result import (
    Box,
    FieldEvidence,
    FileReceipt,
    Item,
    Line,
    OcrResult,
    Page,
    Receipt,
    ReceiptWarning,
    Tax,
    placed,
    unplaced,
)

MODEL = "AnalyzeExpense"
MIN_TOTAL_CONFIDENCE_PERCENT = 50  # below it the total is more likely wrong than right
TAX_IDS = (
    *("VENDOR_VAT_NUMBER", "VENDOR_GST_NUMBER", "VENDOR_ABN_NUMBER", "VENDOR_PAN_NUMBER"),
    "TAX_PAYER_ID",
)
TOTALS = ("TOTAL", "AMOUNT_PAID", "AMOUNT_DUE")


class Field(NamedTuple):
    """An ExpenseField: a type such as TOTAL, its printed label and its value as printed."""

    type: str
    label: str
    text: str
    confidence: float  # per cent
    currency: str | None  # ISO 4217; amounts only, and not always
    groups: frozenset[str]  # whose it is: VENDOR, RECEIVER_BILL_TO, ...


def read_answer(answer: Mapping[str, Any], page: tuple[int, int]) -> OcrResult:
    """The result for one page of so many pixels."""
    documents = answer["ExpenseDocuments"]
    lines = _lines(documents, page)
    whole = [one for one in documents if _best(_summary(one), *TOTALS, "SUBTOTAL")]
    found = [_of_document(document, lines, page) for document in whole] if len(whole) > 1 else []
    receipts = found or [placed(_of_documents(documents, lines))]
    rows = group_rows(lines)
    return OcrResult(
        markdown=markdown_from_rows(rows, receipts[0]),
        text=text_from_rows(rows),
        pages=(Page(*page, lines),),
        receipt=unplaced(receipts[0]),
        model=MODEL,
        raw=answer,
        receipts=tuple(receipts),
    )


def _summary(document: Mapping[str, Any]) -> list[Field]:
    return list(map(_field, document.get("SummaryFields", ())))


def _of_document(
    document: Mapping[str, Any], lines: Sequence[Line], page: tuple[int, int]
) -> FileReceipt:
    """One of several receipts of a page; its lines are those between its fields."""
    box = around(_boxes(document, page))
    own = [line for line in lines if box and line.box and _is_inside(line.box, box)]
    return placed(_of_documents([document], own), 0, box)


def _of_documents(documents: Sequence[Mapping[str, Any]], lines: Sequence[Line]) -> Receipt:
    fields = [field for document in documents for field in _summary(document)]
    items = [list(map(_field, item)) for one in documents for item in _line_items(one)]
    return _receipt(fields, items, read_receipt(group_rows(lines)))


def _boxes(document: Mapping[str, Any], page: tuple[int, int]) -> Iterator[Box]:
    """Where the fields of a document are."""
    of_items = chain.from_iterable(_line_items(document))
    for field in (*document.get("SummaryFields", ()), *of_items):
        value = field.get("ValueDetection", {})
        if "Geometry" in value:
            yield _box(value, page)


def _is_inside(box: Box, other: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] <= x <= other[2] and other[1] <= y <= other[3]


def _lines(documents: Sequence[Mapping[str, Any]], page: tuple[int, int]) -> tuple[Line, ...]:
    """The lines of text, once each: two receipts on one page may both have all of its lines."""
    blocks = [block for document in documents for block in document.get("Blocks", ())]
    lines = {
        block.get("Id", number): Line(
            block.get("Text", ""), (dig_number(block, "Confidence") or 0) / 100, _box(block, page)
        )
        for number, block in enumerate(blocks)
        if block.get("BlockType") == "LINE"
    }
    return tuple(lines.values())


def _box(block: Mapping[str, Any], page: tuple[int, int]) -> Box:
    """The box in pixels; Textract gives fractions of the page."""
    box = block["Geometry"]["BoundingBox"]
    left, top = box["Left"] * page[0], box["Top"] * page[1]
    right, bottom = left + box["Width"] * page[0], top + box["Height"] * page[1]
    return round(left), round(top), round(right), round(bottom)


def _line_items(document: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The fields of each item, as they came."""
    for group in document.get("LineItemGroups", ()):
        for item in group.get("LineItems", ()):
            yield item.get("LineItemExpenseFields", ())


def _field(field: Mapping[str, Any]) -> Field:
    value = field.get("ValueDetection", {})
    groups = field.get("GroupProperties", ())
    return Field(
        type=field.get("Type", {}).get("Text", "OTHER"),
        label=field.get("LabelDetection", {}).get("Text", ""),
        text=" ".join(value.get("Text", "").split()),
        confidence=dig_number(value, "Confidence") or 0,
        currency=field.get("Currency", {}).get("Code"),
        groups=frozenset(name for group in groups for name in group.get("Types", ())),
    )


def _receipt(
    fields: Sequence[Field], items: Sequence[Sequence[Field]], printed: Receipt
) -> Receipt:
    """Textract's fields, and those it has no type for from `printed`, our reading of its text."""
    vendor = [field for field in fields if "VENDOR" in field.groups]
    day, ambiguous = _date(_best(fields, "INVOICE_RECEIPT_DATE", "ORDER_DATE"), printed)
    taxes, tax = _taxes(fields)
    receipt = replace(
        printed,
        source="engine",
        merchant=_text(fields, "VENDOR_NAME") or _text(vendor, "NAME"),
        merchant_address=_text(fields, "VENDOR_ADDRESS") or _text(vendor, "ADDRESS"),
        merchant_phone=_text(fields, "VENDOR_PHONE"),
        merchant_tax_id=_text(fields, *TAX_IDS),
        receipt_number=_text(fields, "INVOICE_RECEIPT_ID"),
        date=day,
        currency=_currency(fields, items) or printed.currency,
        items=tuple(_item(item) for item in items),
        subtotal=_amount(fields, "SUBTOTAL"),
        discount=_discount(fields),
        taxes=taxes,
        tax=tax,
        tip=_amount(fields, "GRATUITY"),
        total=_amount(fields, *TOTALS),
        evidence=FieldEvidence(),
    )
    warnings = [*check(receipt, date.today()), *_own_warnings(fields, items, printed)]
    if ambiguous:
        warnings.append("date_ambiguous")
    return reviewed(replace(receipt, warnings=tuple(warnings)))


def _own_warnings(
    fields: Sequence[Field], items: Sequence[Sequence[Field]], printed: Receipt
) -> Iterator[ReceiptWarning]:
    if not items and all(field.type == "OTHER" for field in fields):
        yield "no_text" if "no_text" in printed.warnings else "not_a_receipt"
    total = _best(fields, *TOTALS)
    if total and total.confidence < MIN_TOTAL_CONFIDENCE_PERCENT:
        yield "low_confidence"


def _date(field: Field | None, printed: Receipt) -> tuple[str | None, bool]:
    """The date, and whether it is ambiguous; the whole text decides between 03/04 and 04/03."""
    found = next(find_dates(field.text), None) if field else None
    readings = [day for day in (found.day_first, found.month_first) if day] if found else []
    if not readings or printed.date in readings:
        return printed.date, "date_ambiguous" in printed.warnings
    return readings[0], len(set(readings)) > 1


def _taxes(fields: Sequence[Field]) -> tuple[tuple[Tax, ...], Decimal | None]:
    """The taxes and their sum, which may be printed among them."""
    taxes = [
        Tax(parse_rate(f"{field.label} {field.text}"), amount)
        for field in fields
        if field.type == "TAX" and (amount := parse_money(field.text)) is not None
    ]
    total, parts = split_off_total([tax.amount or Decimal(0) for tax in taxes])
    return tuple(taxes[number] for number in parts), total


def _discount(fields: Sequence[Field]) -> Decimal | None:
    amounts = (parse_money(field.text) for field in fields if field.type == "DISCOUNT")
    return split_off_total([-abs(amount) for amount in amounts if amount is not None])[0]


def split_off_total(amounts: Sequence[Decimal]) -> tuple[Decimal | None, list[int]]:
    """The total, which may be one of the amounts, and the indices of its parts."""
    everything = sum(amounts, Decimal(0))
    parts = list(range(len(amounts)))
    for number in parts[::-1] if len(amounts) > 1 else ():
        if amounts[number] * 2 == everything:
            return amounts[number], [part for part in parts if part != number]
    return everything if amounts else None, parts


def _item(fields: Sequence[Field]) -> Item:
    return Item(
        description=_text(fields, "ITEM", "EXPENSE_ROW", "PRODUCT_CODE") or "",
        quantity=_amount(fields, "QUANTITY"),
        unit_price=_amount(fields, "UNIT_PRICE"),
        amount=_amount(fields, "PRICE"),
    )


def _currency(fields: Sequence[Field], items: Sequence[Sequence[Field]]) -> str | None:
    """The total's currency, else that of any amount."""
    total = _best(fields, *TOTALS)
    everything = [*fields, *(field for item in items for field in item)]
    codes = [field.currency for field in ([total] if total else []) + everything]
    return next((code for code in codes if code and re.fullmatch("[A-Z]{3}", code)), None)


def _amount(fields: Sequence[Field], *types: str) -> Decimal | None:
    field = _best(fields, *types)
    return parse_money(field.text) if field else None


def _text(fields: Sequence[Field], *types: str) -> str | None:
    field = _best(fields, *types)
    return field.text if field else None


def _best(fields: Sequence[Field], *types: str) -> Field | None:
    """The field with the highest confidence, of the first type that has one with a value."""
    for type_ in types:
        found = [field for field in fields if field.type == type_ and field.text]
        if found:
            return max(found, key=lambda field: field.confidence)
    return None
