"""What a provider returns: lines on pages, the receipt's fields, and how they become JSON.

The classes are the contract of `ocrData`: their types and descriptions make the schemas in
openapi.json and the form that vision models fill in. Nothing here does any I/O.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright page
Pixels = Annotated[int | None, "pixels; null where a vendor read the PDF itself and gave no boxes"]
Json = dict[str, Any]
MAX_TEXT_LENGTH = 300  # characters of a field

ErrorCode = Literal[
    "bad_answer",
    "bad_image",
    "bad_key",
    "cancelled",
    "crashed",
    "engine_crashed",
    "file_missing",
    "forbidden",
    "internal_error",
    "not_configured",
    "quota",
    "rate_limited",
    "refused",
    "server_error",
    "timeout",
    "too_large",
    "truncated",
    "unknown_model",
    "unreachable",
]
ERRORS: dict[ErrorCode, str] = {
    "bad_answer": "The provider's answer is not in the form that its API promises.",
    "bad_image": "The file is damaged, or the provider cannot read it as a picture.",
    "bad_key": "The provider does not accept the key.",
    "cancelled": "A person cancelled the reading.",
    "crashed": "The server stopped twice while it read this file.",
    "engine_crashed": "The local engine's process died while it read this file.",
    "file_missing": "The uploaded file is no longer in the data directory.",
    "forbidden": "The provider accepts the key, but not for this call.",
    "internal_error": "The provider failed in an unexpected way; the server's log says how.",
    "not_configured": "The provider lacks a setting, a program or a model on this server.",
    "quota": "The provider's account has no credit left, or has used up its quota.",
    "rate_limited": "The provider received too many calls; later tries did not help.",
    "refused": "The provider refused the request or declined to read this picture.",
    "server_error": "The provider reported an internal error; later tries did not help.",
    "timeout": "The execution was not finished within OCR_TIMEOUT_S.",
    "too_large": "The file needs more memory than OCR_MEMORY_MB, or exceeds the provider's limit.",
    "truncated": "The model stopped before the end of the receipt.",
    "unknown_model": "The provider has no such model, or nothing at this address.",
    "unreachable": "The provider's host cannot be reached, or the connection broke.",
}

ReceiptWarning = Literal[
    "total_mismatch",
    "items_mismatch",
    "date_ambiguous",
    "date_in_future",
    "low_confidence",
    "no_text",
    "not_a_receipt",
    "cut_short",
    "several_receipts",
]
WARNINGS: dict[ReceiptWarning, str] = {
    "total_mismatch": "Subtotal, discount, tax and tip do not add up to the total.",
    "items_mismatch": "The items do not add up to the subtotal or the total.",
    "date_ambiguous": "Day and month of the date may be swapped.",
    "date_in_future": "The date is more than a day later than that on which the receipt was read.",
    "low_confidence": "The merchant, the date or the total was hard to read.",
    "no_text": "No text was found.",
    "not_a_receipt": "This does not look like a receipt.",
    "cut_short": "The file ends early: more than 5 % of the picture is missing.",
    "several_receipts": "There may be more than one receipt here, which could not be told apart.",
}

Reviewed = Literal["merchant", "date", "total", "subtotal", "tax", "tip", "items"]


@dataclass(frozen=True)
class Line:
    """A recognised piece of text; a printed row is one or more of them."""

    text: str
    confidence: Annotated[float | None, "0 to 1; null where the engine gives none"] = None
    # None only while text without geometry goes through the rules
    box: Annotated[Box | None, "left, top, right, bottom in pixels of the upright page"] = None
    unsure: Annotated[
        tuple[int, ...], "places in the text, the first is 0, of figures that may be others"
    ] = ()


@dataclass(frozen=True)
class Page:
    """One page of a file."""

    width: Pixels
    height: Pixels
    lines: Annotated[tuple[Line, ...], "empty for engines that give no boxes"] = ()
    source: Annotated[
        Literal["ocr", "text"], "the text was recognised in a picture, or is the PDF's own"
    ] = "ocr"


@dataclass(frozen=True)
class Code:
    """A bar code or QR code. What its text says is not checked, and no address in it is fetched."""

    format: Annotated[str, "QRCode, Aztec, DataMatrix, PDF417, Code128, ITF, EAN13 or EAN8"]
    text: Annotated[str, "what it holds"]
    page: Annotated[int, "the first is 0"]
    box: Annotated[Box, "left, top, right, bottom in pixels of the upright page"]


@dataclass(frozen=True)
class Evidence:
    """Where a field comes from, and how probable it is."""

    probability: Annotated[float | None, "that it is right, 0 to 1; null where not known"] = None
    source: Annotated[
        Literal["ocr", "text", "code", "data", "model", "engine", "learned", "corrected"],
        "what read it: the recogniser, a PDF's text, a bar code, an e-invoice, a vision model, the "
        "provider's receipt engine, what was learned of the shop, or the person who corrected it",
    ] = "ocr"
    page: Annotated[int | None, "the first is 0; null where not known"] = None
    box: Annotated[Box | None, "left, top, right, bottom in pixels of the upright page"] = None


@dataclass(frozen=True)
class Item:
    """A line of what was bought; a discount, a void or a refund has a negative amount."""

    description: Annotated[str, "the article as printed"]
    quantity: Annotated[Decimal | None, "how many, or the weight"] = None
    unit_price: Annotated[Decimal | None, "price of one"] = None
    amount: Annotated[Decimal | None, "price of the line; negative for a discount or a refund"] = (
        None
    )
    evidence: Annotated[Evidence | None, "where it was read"] = None


@dataclass(frozen=True)
class Tax:
    """A tax that is printed with its rate, its amount or both."""

    rate: Annotated[Decimal | None, "per cent"] = None
    amount: Annotated[Decimal | None, "tax of that rate"] = None


@dataclass(frozen=True)
class FieldEvidence:
    """Where the fields come from; null for a field that was not found, or of unknown origin."""

    merchant: Evidence | None = None
    date: Evidence | None = None
    total: Evidence | None = None
    subtotal: Evidence | None = None
    tax: Evidence | None = None
    tip: Evidence | None = None
    payment_method: Evidence | None = None


EVIDENCED = tuple(field.name for field in fields(FieldEvidence))


@dataclass(frozen=True)
class Receipt:
    """The fields of a receipt as printed; null means not found, never 0 or "".

    They are in the order of the paper. Of several pages read one by one, the fields before `items`
    come from the first page that has them, those after `items` from the last one. Descriptions are
    part of what vision models are asked.
    """

    source: Annotated[
        Literal["engine", "model", "rules", "data"],
        "who filled in the fields: the provider's receipt engine, a vision model, this server's "
        "rules from the text, or the e-invoice inside the PDF",
    ]
    merchant: Annotated[str | None, "name of the shop"] = None
    merchant_address: Annotated[str | None, "its address, on one line"] = None
    merchant_phone: Annotated[str | None, "its telephone number"] = None
    merchant_tax_id: Annotated[str | None, "its VAT, GST or other tax number"] = None
    receipt_number: Annotated[str | None, "number of the receipt or invoice"] = None
    date: Annotated[str | None, "date of the purchase as YYYY-MM-DD"] = None
    time: Annotated[str | None, "time of the purchase as HH:MM, 24 hours"] = None
    currency: Annotated[str | None, "ISO 4217 code; null if the paper does not tell"] = None
    items: Annotated[
        tuple[Item, ...],
        "what was bought, in order, with discounts and refunds on a line of their own",
    ] = ()
    subtotal: Annotated[Decimal | None, "sum before tax and tip, if printed"] = None
    discount: Annotated[Decimal | None, "discount on the whole receipt, negative, if printed"] = (
        None
    )
    taxes: Annotated[tuple[Tax, ...], "each tax printed"] = ()
    tax: Annotated[Decimal | None, "all taxes together, if printed"] = None
    tip: Annotated[Decimal | None, "tip or gratuity"] = None
    total: Annotated[Decimal | None, "the amount to pay"] = None
    payment_method: Annotated[str | None, "cash, card or the name printed"] = None
    card_last4: Annotated[str | None, "last four digits of the card"] = None
    warnings: Annotated[tuple[ReceiptWarning, ...], "what to check before relying on it"] = ()
    review: Annotated[tuple[Reviewed, ...], "fields a person should look at; empty when none"] = ()
    evidence: Annotated[FieldEvidence, "where the fields come from"] = FieldEvidence()


@dataclass(frozen=True)
class FileReceipt(Receipt):
    """A receipt of a file, and where it is there."""

    page: Annotated[int, "that it begins on; the first is 0"] = 0
    box: Annotated[
        Box | None, "left, top, right, bottom in pixels of the upright page; null for all of it"
    ] = None


def one_line(text: str) -> str:
    """The text as a field holds it: without line breaks and what cannot be printed."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """The text with a blank for each line break and each other character that cannot be printed."""
    return "".join(character if character.isprintable() else " " for character in text)


def placed(receipt: Receipt, page: int = 0, box: Box | None = None) -> FileReceipt:
    """The receipt as one of a file."""
    return FileReceipt(**vars(receipt) | {"page": page, "box": box})


def unplaced(receipt: FileReceipt) -> Receipt:
    """The receipt without its place in the file."""
    return Receipt(**{field.name: getattr(receipt, field.name) for field in fields(Receipt)})


_ABOUT_FIELDS = ("source", "warnings", "review", "evidence")  # not on the paper
PRINTED = tuple(field for field in fields(Receipt) if field.name not in _ABOUT_FIELDS)
PRINTED_OF_ITEM = tuple(field for field in fields(Item) if field.name not in _ABOUT_FIELDS)


@dataclass(frozen=True)
class OcrResult:
    """What every provider returns, in the same form."""

    markdown: Annotated[str, "the provider's Markdown, or Markdown made of the printed rows"]
    text: Annotated[str, "the text in reading order, one printed row per line"]
    pages: Annotated[tuple[Page, ...], "one for each page of the file"]
    receipt: Receipt
    model: Annotated[str, "the engine or model that read the file"]
    raw: Annotated[
        object, "the vendor's own answer without the picture; null for local engines"
    ] = None
    receipts: Annotated[
        tuple[FileReceipt, ...], "every receipt of the file, each whole; `receipt` is the first"
    ] = ()  # only `receipt`, which is all of the file
    codes: Annotated[
        tuple[Code, ...], "bar codes and QR codes; empty where the provider looks for none"
    ] = ()


def listed(result: OcrResult) -> tuple[FileReceipt, ...]:
    """Every receipt of the file."""
    return result.receipts or (placed(result.receipt),)


def with_receipts(result: OcrResult, receipts: Iterable[FileReceipt]) -> OcrResult:
    """The result with these receipts in place of its own."""
    first, *others = receipts
    return replace(result, receipt=unplaced(first), receipts=(first, *others))


Rows = list[list[Line]]  # printed rows, each from left to right


class PageReading(NamedTuple):
    """What a local engine found on a page."""

    page: Page  # without its lines, which are in the rows
    rows: Rows
    codes: list[Code]


class Reading(NamedTuple):
    """What a local engine found in a file."""

    pages: list[PageReading]
    invoice: Receipt | None = None  # the data of an e-invoice inside a PDF


class ProviderError(Exception):
    """The file could not be read. Code and message are shown to the user."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message


# As JSON


def ocr_data(result: OcrResult) -> str:
    """The JSON text stored for an execution."""
    data = _camel(replace(result, receipts=listed(result)))
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be stored


def _camel(value: object, inside_raw: bool = False) -> object:
    """The value with names as the API writes them; what is in `raw` is left as it is."""
    if value is None or isinstance(value, str | int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        names = _names(type(value))
        return {camel: _camel(getattr(value, name), name == "raw") for name, camel, _ in names}
    if isinstance(value, list | tuple) and not inside_raw:
        return [_camel(v) for v in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


@cache
def _names(kind: type) -> list[tuple[str, str, Any]]:
    """The fields of a dataclass, each with its name in the API and its type."""
    return [(field.name, camel_name(field.name), field.type) for field in fields(kind)]


def as_json(receipt: Receipt) -> Json:
    """The receipt as it stands in ocrData."""
    return dict(json.loads(json.dumps(_camel(receipt))))


def from_json(receipt: Json) -> Receipt:
    """The receipt that stands in ocrData, also in that of an older release, which had less."""
    found: Receipt = _reader(Receipt)({"source": "rules"} | receipt)
    return found


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """A function that reads a value of this type from JSON; missing or null parts get defaults."""
    parts = get_args(kind)
    if get_origin(kind) in (Annotated, UnionType):  # X | None
        return _reader(parts[0])
    if get_origin(kind) is tuple:
        read = _reader(parts[0])
        return lambda values: tuple(map(read, values))
    if kind is Decimal:
        return lambda value: Decimal(str(value))
    if not isinstance(kind, type) or not is_dataclass(kind):
        return lambda value: value
    readers = [(name, camel, _reader(type_)) for name, camel, type_ in _names(kind)]

    def read_object(value: Json) -> Any:
        there = [part for part in readers if value.get(part[1]) is not None]
        return kind(**{name: read(value[camel]) for name, camel, read in there})

    return read_object


@cache
def camel_name(name: str) -> str:
    """`card_last4` as the API writes it: `cardLast4`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def json_schema(kind: Any, named: Mapping[Any, Json]) -> Json:
    """The JSON Schema of a field's type; `named` holds those of the classes inside it."""
    if kind in named:
        return named[kind]
    if kind == Box:
        return {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return json_schema(parts[0], named) | {"description": parts[1]}
    if origin is UnionType:  # X | None
        schema = json_schema(parts[0], named)
        if "$ref" in schema:
            return {"anyOf": [schema, {"type": "null"}]}
        return schema | {"type": [schema["type"], "null"]}
    if origin is tuple:
        return {"type": "array", "items": json_schema(parts[0], named)}
    if origin is Literal:
        return {"type": "string", "enum": list(parts)}
    return {"type": _JSON_TYPES[kind]} if kind in _JSON_TYPES else {}  # {}: anything, as for raw


_JSON_TYPES = {str: "string", int: "integer", float: "number", Decimal: "number"}


def receipt_key(ocr_data: str) -> str | None:
    """key_of the receipt in a stored reading."""
    return key_of(json.loads(ocr_data).get("receipt") or {})


def key_of(receipt: Json) -> str | None:
    """A text that is equal for two photos of one receipt; None without merchant, date or total.

    Of the merchant's name only letters and digits count, without case: engines differ in the rest.
    """
    name = unicodedata.normalize("NFKC", receipt.get("merchant") or "").casefold()
    merchant = "".join(character for character in name if character.isalnum())
    date, total = receipt.get("date"), receipt.get("total")
    return f"{merchant} {date} {total}" if merchant and date and total is not None else None
