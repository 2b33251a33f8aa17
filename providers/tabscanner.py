"""tab-scanner: Tabscanner reads receipts only. An image is submitted, its result polled for.

TAB_SCANNER_API_KEY, TAB_SCANNER_BASE_URL. The HTTP status is 200 even for a wrong key: `success`
and `code` in the body tell. https://docs.tabscanner.com (read 2026-11-23)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from providers.base import Env, OcrResult, Page, Receipt, deadline
from providers.http import Answer, Failure, Vendor, call, dig, failure, http_failure, not_its_api
from providers.images import Jpeg, jpegs
from providers.polling import poll
from providers.reading import join_pages
from providers.rows import COLUMN_GAP, markdown_from_rows, rows_from_text
from providers.vision import MAX_TEXT_LENGTH, receipt_from_fields, with_warnings

TABSCANNER = Vendor(
    name="Tabscanner",
    key_variable="TAB_SCANNER_API_KEY",
    url_variable="TAB_SCANNER_BASE_URL",
    default_url="https://api.tabscanner.com",
)
unavailable, sends_to = TABSCANNER.unavailable, TABSCANNER.host

MODEL = "Tabscanner api/2"
LONG_SIDE = 2500
MIN_SIDE = 720  # recommended: 720 x 1280 pixels
WAITS_S = (5.0, 1.0)  # before the first poll and between the others, as its documentation asks
SURE = 0.5  # below it the total is more likely wrong than right

PENDING = 301
FAULT = ("server_error", "has a fault of its own; try again later")
AGAIN = {408, 500, 510, 520, 521}
MEANING = {
    400: ("bad_key", "does not know the key; check TAB_SCANNER_API_KEY"),
    401: ("quota", "has no credit left for this key; buy some"),
    402: ("server_error", "has lost the image; send the file again"),
    403: ("bad_image", "found no image; send the file again"),
    404: ("bad_image", "found more than one image; send the file again"),
    405: ("bad_image", "does not take this type of image; send a JPEG"),
    406: ("bad_image", "could not take the upload apart; send the file again"),
    407: ("bad_image", "does not take this type of image; send a JPEG"),
    408: FAULT,
    500: ("server_error", "could not read the image; send another photo, or try again later"),
    510: FAULT,
    520: FAULT,
    521: FAULT,
}


def model(env: Env) -> str:
    return MODEL


def ocr(image: Path, env: Env, waits_s: tuple[float, float] = WAITS_S) -> OcrResult:
    ends = deadline(env)
    pages = jpegs(image, env, long_side=LONG_SIDE, short_side=MIN_SIDE)
    return join_pages([_read(page, env, waits_s, ends) for page in pages])


# The calls


def _read(page: Jpeg, env: Env, waits_s: tuple[float, float], ends: float) -> OcrResult:
    token = _submit(page.data, env, ends)
    first, then = waits_s
    waits = chain([first], repeat(then))
    answer = poll(lambda: _result(token, env, ends), waits, ends, TABSCANNER.name)
    return read_answer(answer, page.width, page.height)


def _submit(jpeg: bytes, env: Env, ends: float) -> str:
    """The token to ask for the result with."""
    answer = call(
        TABSCANNER,
        "POST",
        f"{TABSCANNER.url(env)}/api/2/process",
        deadline=ends,
        judge=lambda answer: _judge(answer, env),
        read_timeout_s=60,
        headers={"apikey": TABSCANNER.key(env)},
        files={"file": ("receipt.jpg", jpeg, "image/jpeg")},
        data={"documentType": "receipt", "defaultDateParsing": "d/m"},
    )
    token = dig(answer.body, "token")
    if not isinstance(token, str) or not re.fullmatch(r"[\w-]+", token, re.ASCII):
        raise not_its_api(TABSCANNER)
    return token


def _result(token: str, env: Env, ends: float) -> dict[str, Any] | None:
    """The answer with the result; None while there is none yet."""
    body: Any = call(
        TABSCANNER,
        "GET",
        f"{TABSCANNER.url(env)}/api/result/{token}",
        deadline=ends,
        judge=lambda answer: _judge(answer, env),
        read_timeout_s=20,
        headers={"apikey": TABSCANNER.key(env)},
    ).body
    if dig(body, "code") == PENDING or dig(body, "status") == "pending":
        return None
    if not isinstance(dig(body, "result"), dict):
        raise not_its_api(TABSCANNER)
    return dict(body)


def _judge(answer: Answer, env: Env) -> Failure | None:
    """A fault may come after the credit was taken: a submit that met one is repeated once."""
    success, code = dig(answer.body, "success"), dig(answer.body, "code")
    said = dig(answer.body, "message")
    if success is True:
        return None
    if success is False and isinstance(code, int) and code in MEANING:
        retry = code in AGAIN
        return failure(TABSCANNER, env, *MEANING[code], said, retry=retry, billed=retry)
    fault = http_failure(TABSCANNER, answer, env, said) or not_its_api(TABSCANNER)
    fault.billed = answer.status >= 500
    return fault


# What the answer means


def read_answer(answer: Mapping[str, Any], width: int, height: int) -> OcrResult:
    """The result for a page of so many pixels. There is no text in the answer: rows are made."""
    result = answer["result"]
    receipt = _receipt(result)
    text = "\n".join(_rows(result, receipt))
    receipt = with_warnings(receipt, text)
    return OcrResult(
        markdown=markdown_from_rows(rows_from_text(text), receipt),
        text=text,
        pages=(Page(width, height),),
        receipt=replace(receipt, warnings=(*receipt.warnings, *_doubts(result, receipt))),
        model=MODEL,
        raw=answer,
    )


def _receipt(result: Mapping[str, Any]) -> Receipt:
    """Its fields; 0 stands for what is not printed."""
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
        "items": [_item(item) for item in _objects(result.get("lineItems"))],
        "subtotal": _printed(result, "subTotal", "SubTotal"),
        "discount": _money(result.get("discount"))
        or sum(_numbers(result.get("discounts")))
        or None,
        "taxes": _taxes(result),
        "tax": _money(result.get("tax")) or sum(_numbers(result.get("taxes"))) or None,
        "tip": _money(result.get("tip")),
        "total": _printed(result, "total", "Total"),
        "payment_method": result.get("paymentMethod") or dig(custom, "PaymentMethod"),
        "card_last4": dig(custom, "CardLast4Digits"),
    }
    return replace(receipt_from_fields(fields), source="engine")


def _doubts(result: Mapping[str, Any], receipt: Receipt) -> Iterator[str]:
    """A day that may be a month was taken for the day, as we ask; in the USA it is the month."""
    _, month, day = (receipt.date or "0000-00-00").split("-")
    if month != day <= "12" and receipt.currency in (None, "USD"):
        yield "date_ambiguous"
    if receipt.total is not None and (_money(result.get("totalConfidence")) or SURE) < SURE:
        yield "low_confidence"


def _item(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        "description": item.get("descClean") or item.get("desc"),
        "quantity": _money(item.get("qty")),
        "unit_price": _money(item.get("price")),
        "amount": _number(item.get("lineTotal")),
    }


def _taxes(result: Mapping[str, Any]) -> list[dict[str, object]]:
    """The taxes, each with the rate printed on the row of its amount."""
    rates = {
        _number(row.get("lineTotal")): re.search(
            r"(\d{1,2}(?:[.,]\d{1,3})?) ?%", str(row.get("desc"))
        )
        for row in _objects(result.get("summaryItems"))
        if row.get("lineType") == "Tax"
    }
    return [
        {"amount": amount, "rate": Decimal(rate[1].replace(",", ".")) if rate else None}
        for amount in _numbers(result.get("taxes"))
        for rate in [rates.get(amount)]
    ]


def _printed(result: Mapping[str, Any], name: str, line_type: str) -> Decimal | None:
    """The amount, a 0 only where Tabscanner is confident of it; else that of its row."""
    amount = _number(result.get(name))
    if amount or _money(result.get(f"{name}Confidence")):
        return amount
    rows = _objects(result.get("summaryItems"))
    printed = (_money(row.get("lineTotal")) for row in rows if row.get("lineType") == line_type)
    return next(filter(None, printed), None)


def _numbers(value: object) -> list[Decimal]:
    return [n for n in map(_money, value) if n] if isinstance(value, list) else []


def _money(value: object) -> Decimal | None:
    """The number; None for a 0, which stands for "not printed"."""
    return _number(value) or None


def _number(value: object) -> Decimal | None:
    """Numbers come as 8.99 or as "8.990"."""
    written = "" if isinstance(value, bool) else str(value)
    return Decimal(written) if re.fullmatch(r"-?\d{1,12}(\.\d{1,9})?", written, re.ASCII) else None


def _rows(result: Mapping[str, Any], receipt: Receipt) -> Iterator[str]:
    """The printed rows, as far as the fields tell them."""
    when = " ".join(filter(None, [receipt.date, receipt.time]))
    head = [receipt.merchant, receipt.merchant_address, receipt.merchant_phone, when]
    sums = [
        {"desc": name.upper(), "lineTotal": getattr(receipt, name)}
        for name in ("subtotal", "tax", "tip", "total")
        if getattr(receipt, name) is not None
    ]
    items = _objects(result.get("lineItems"))
    yield from filter(None, head)
    yield from filter(None, map(_row, [*items, *(_objects(result.get("summaryItems")) or sums)]))


def _row(item: Mapping[str, Any]) -> str:
    """Its quantity, description, price and amount, as far as they are printed."""
    description = " ".join(str(item.get("desc") or item.get("descClean") or "").split())
    quantity = _money(item.get("qty"))
    amounts = [_money(item.get("price")), _money(item.get("lineTotal"))]
    columns = [f"{quantity.normalize():f}" if quantity else "", description[:MAX_TEXT_LENGTH]]
    columns += [f"{amount:.2f}" for amount in amounts if amount]
    return COLUMN_GAP.join(filter(None, columns))


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
