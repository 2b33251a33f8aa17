"""Turns Tabscanner's JSON into an OcrResult. No I/O.

Amounts come as 8.99 or as "8.990", and 0 stands for what is not printed.
https://docs.tabscanner.com (read 2026-11-23)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fields.checks import reviewed
from fields.money import parse_rate
from fields.text import COLUMN_GAP
from providers.json_answer import dig, dig_objects
from providers.pages import result_from_text
from providers.vision import receipt_from_fields, with_warnings
from result import MAX_TEXT_LENGTH, OcrResult, Page, Receipt, ReceiptWarning

MODEL = "Tabscanner api/2"
MIN_TOTAL_CONFIDENCE = 0.5  # below it the total is more likely wrong than right


def read_answer(answer: Mapping[str, Any], width: int, height: int) -> OcrResult:
    """The result for a page of so many pixels; its text is made of the fields."""
    result = answer["result"]
    receipt = _receipt(result)
    text = "\n".join(_rows(result, receipt))
    receipt = with_warnings(receipt, text)
    warnings = (*receipt.warnings, *_warnings(result, receipt))
    receipt = reviewed(replace(receipt, warnings=warnings))
    return result_from_text(text, receipt, (Page(width, height),), model=MODEL, raw=answer)


def _receipt(result: Mapping[str, Any]) -> Receipt:
    day = result.get("dateISO") or result.get("date") or ""
    custom = result.get("customFields")
    fields = {
        "merchant": result.get("establishment"),
        "merchant_address": result.get("address"),
        "merchant_phone": result.get("phoneNumber"),
        "merchant_tax_id": dig(custom, "VATNumber"),
        "date": day,
        "time": None if "00:00:00" in str(day) else day,  # midnight: a date without a time
        "currency": result.get("currency") or dig(custom, "Currency"),
        "items": [_item(item) for item in dig_objects(result.get("lineItems"))],
        "subtotal": _printed(result, "subTotal", "SubTotal"),
        "discount": _sum(result, "discount", "discounts"),
        "taxes": _taxes(result),
        "tax": _sum(result, "tax", "taxes"),
        "tip": _money(result.get("tip")),
        "total": _printed(result, "total", "Total"),
        "payment_method": result.get("paymentMethod") or dig(custom, "PaymentMethod"),
        "card_last4": dig(custom, "CardLast4Digits"),
    }
    return replace(receipt_from_fields(fields), source="engine")


def _warnings(result: Mapping[str, Any], receipt: Receipt) -> Iterator[ReceiptWarning]:
    """The warnings: a date read day first, as requested, may begin with the month as in the USA."""
    _, month, day = (receipt.date or "0000-00-00").split("-")
    if month != day <= "12" and receipt.currency in (None, "USD"):
        yield "date_ambiguous"
    confidence = _number(result.get("totalConfidence"))
    if receipt.total is not None and confidence is not None and confidence < MIN_TOTAL_CONFIDENCE:
        yield "low_confidence"


def _item(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        "description": item.get("descClean") or item.get("desc"),
        "quantity": _money(item.get("qty")),
        "unit_price": _money(item.get("price")),
        "amount": _number(item.get("lineTotal")),
    }


def _taxes(result: Mapping[str, Any]) -> list[dict[str, object]]:
    rates = _rates(result)
    amounts = _numbers(result.get("taxes"))
    return [{"amount": amount, "rate": rates.get(amount)} for amount in amounts]


def _rates(result: Mapping[str, Any]) -> dict[Decimal | None, Decimal]:
    """The rate printed on the row of a tax, by that tax's amount."""
    rows = [row for row in dig_objects(result.get("summaryItems")) if row.get("lineType") == "Tax"]
    return {
        _number(row.get("lineTotal")): rate
        for row in rows
        if (rate := parse_rate(str(row.get("desc")))) is not None
    }


def _printed(result: Mapping[str, Any], name: str, line_type: str) -> Decimal | None:
    """The amount, 0 only if Tabscanner is confident of it; else the amount of its row."""
    amount = _number(result.get(name))
    if amount or _money(result.get(f"{name}Confidence")):
        return amount
    rows = dig_objects(result.get("summaryItems"))
    printed = (_money(row.get("lineTotal")) for row in rows if row.get("lineType") == line_type)
    return next(filter(None, printed), None)


def _sum(result: Mapping[str, Any], one: str, several: str) -> Decimal | None:
    """The amount, else the sum of a list of amounts."""
    return _money(result.get(one)) or sum(_numbers(result.get(several)), Decimal(0)) or None


def _numbers(value: object) -> list[Decimal]:
    return [n for n in map(_money, value) if n] if isinstance(value, list) else []


def _money(value: object) -> Decimal | None:
    """The number; None for a 0, which stands for "not printed"."""
    return _number(value) or None


def _number(value: object) -> Decimal | None:
    """The number, which comes as 8.99 or as "8.990"."""
    written = f"{value:.9f}" if isinstance(value, float) else str(value)
    return Decimal(written) if re.fullmatch(r"-?\d{1,12}(\.\d{1,9})?", written, re.ASCII) else None


def _rows(result: Mapping[str, Any], receipt: Receipt) -> Iterator[str]:
    """Rows of text made of the fields, in the order of a receipt."""
    when = " ".join(filter(None, [receipt.date, receipt.time]))
    head = [receipt.merchant, receipt.merchant_address, receipt.merchant_phone, when]
    sums = [
        {"desc": name.upper(), "lineTotal": getattr(receipt, name)}
        for name in ("subtotal", "tax", "tip", "total")
        if getattr(receipt, name) is not None
    ]
    items = dig_objects(result.get("lineItems"))
    yield from filter(None, head)
    yield from filter(None, map(_row, [*items, *(dig_objects(result.get("summaryItems")) or sums)]))


def _row(item: Mapping[str, Any]) -> str:
    """The quantity, description, price and amount that are printed."""
    description = " ".join(str(item.get("desc") or item.get("descClean") or "").split())
    quantity = _money(item.get("qty"))
    amounts = [_money(item.get("price")), _money(item.get("lineTotal"))]
    columns = [f"{quantity.normalize():f}" if quantity else "", description[:MAX_TEXT_LENGTH]]
    columns += [f"{amount:.2f}" for amount in amounts if amount]
    return COLUMN_GAP.join(filter(None, columns))
