"""What a provider returns: lines on pages, the receipt's fields, and how they become JSON.

Nothing here does any I/O. docs: the object that `ocrData` holds, the same for every provider.
"""

import json
import unicodedata
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Literal

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright page


@dataclass(frozen=True)
class Line:
    """A recognised piece of text; a printed row is one or more of them."""

    text: str
    confidence: float | None = None  # 0 to 1; None where the engine gives none
    box: Box | None = None  # None only while text without geometry goes through the rules


@dataclass(frozen=True)
class Page:
    """One page of a file; width and height in pixels, None where the vendor read the PDF itself."""

    width: int | None
    height: int | None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Item:
    description: str
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None  # negative for a discount, a void or a refund


@dataclass(frozen=True)
class Tax:
    rate: Decimal | None  # per cent
    amount: Decimal | None


@dataclass(frozen=True)
class Receipt:
    """The fields of a receipt as printed; None means not found, never 0 or ""."""

    source: Literal["engine", "model", "rules"]
    merchant: str | None = None
    merchant_address: str | None = None
    merchant_phone: str | None = None
    merchant_tax_id: str | None = None
    receipt_number: str | None = None
    date: str | None = None  # 2026-03-14, the local date as printed
    time: str | None = None  # 09:41
    currency: str | None = None  # ISO 4217
    items: tuple[Item, ...] = ()
    subtotal: Decimal | None = None
    discount: Decimal | None = None  # as printed, negative
    taxes: tuple[Tax, ...] = ()
    tax: Decimal | None = None
    tip: Decimal | None = None
    total: Decimal | None = None
    payment_method: str | None = None
    card_last4: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class OcrResult:
    """What every provider returns: the text in reading order, one printed row per line."""

    markdown: str
    text: str
    pages: tuple[Page, ...]
    receipt: Receipt
    model: str
    raw: object = None  # the remote vendor's own answer, without any echoed image


class ProviderError(Exception):
    """The file could not be read. Code and message are shown to the user."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def ocr_data(result: OcrResult) -> str:
    """The JSON text stored for an execution."""
    text = json.dumps(_camel(asdict(result)), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be stored


def _camel(value: object, inside_raw: bool = False) -> object:
    """Names as the API writes them; the vendor's own answer under `raw` stays as it came."""
    if isinstance(value, dict) and not inside_raw:
        return {_camel_name(name): _camel(v, name == "raw") for name, v in value.items()}
    if isinstance(value, list | tuple) and not inside_raw:
        return [_camel(v) for v in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _camel_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def receipt_key(ocr_data: str) -> str | None:
    """The same for two photos of one receipt; None where merchant, date or total is missing.

    Of the merchant's name only letters and digits count, without case: engines differ in the rest.
    """
    receipt = json.loads(ocr_data).get("receipt") or {}
    name = unicodedata.normalize("NFKC", receipt.get("merchant") or "").casefold()
    merchant = "".join(character for character in name if character.isalnum())
    date, total = receipt.get("date"), receipt.get("total")
    return f"{merchant} {date} {total}" if merchant and date and total is not None else None
