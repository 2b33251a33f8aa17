"""Reads receipts with Mistral's OCR, which takes PDF as it is and returns Markdown.

The fields come beside it as a JSON text that may be missing or cut. MISTRAL_API_KEY,
MISTRAL_BASE_URL, MISTRAL_MODEL. Contract: Mistral's OpenAPI document and mistralai 3.7.0 (read
2026-11-23).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.decoder import PDF
from fields.text import text_from_markdown, without_pictures
from providers import vision
from providers.http import Answer, Client, Clock, Failure, Vendor
from providers.json_answer import dig, dig_list, without_images
from providers.pages import join_pages, receipt_from_text
from result import OcrResult, Receipt, placed
from settings import Settings, deadline

MISTRAL = Vendor("Mistral", "MISTRAL_API_KEY", "MISTRAL_BASE_URL", "MISTRAL_MODEL")
unavailable, model, sends_to = MISTRAL.unavailable, MISTRAL.model, MISTRAL.host


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    headers = MISTRAL.bearer(settings)
    client = Client(MISTRAL, settings, _classify, deadline(settings), clock, headers)
    pages = vision.documents(image, settings, client.deadline, pdf=True, text=False)
    return join_pages([_read(document, client) for document in pages])


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    """An unknown key at any level is a 422."""
    schema = {"name": "receipt", "strict": True, "schema": vision.FIELDS_SCHEMA}
    return {
        "model": MISTRAL.model(settings),
        "document": _document(document),
        "include_image_base64": False,
        "include_blocks": False,
        "document_annotation_format": {"type": "json_schema", "json_schema": schema},
        "document_annotation_prompt": f"{vision.SYSTEM} {vision.PROMPT}",
    }


def _document(document: vision.Document) -> dict[str, str]:
    url = document.data_url
    if document.media_type == PDF:
        return {"type": "document_url", "document_url": url, "document_name": "receipt.pdf"}
    return {"type": "image_url", "image_url": url}


def _classify(answer: Answer, client: Client) -> Failure | None:
    vendor_message = dig(answer.body, "message") or dig(answer.body, "detail")
    if answer.status == 401:
        advice = "does not accept the key, or its quota is used up; check MISTRAL_API_KEY"
        return client.failure("bad_key", advice, vendor_message)
    if answer.status == 422:  # its `input` is our image: only `msg` may be repeated
        vendor_message = dig(answer.body, "detail", 0, "msg") or vendor_message
        if "document" in dig_list(answer.body, "detail", 0, "loc"):
            return vision.bad_image(client, vendor_message)
    return client.status_failure(answer, vendor_message)


def _read(document: vision.Document, client: Client) -> OcrResult:
    request = _request(document, client.settings)
    body = client.call("POST", f"{MISTRAL.url(client.settings)}/ocr", json=request).body
    if not isinstance(dig(body, "pages"), list):
        raise client.not_its_api()
    markdown = "\n\n".join(_markdown(body))
    text = "\n".join(vision.printed_rows([text_from_markdown(markdown)]))
    receipts = _receipts(dig(body, "document_annotation"), text)
    return OcrResult(
        markdown=markdown,
        text=text,
        pages=document.pages,
        receipt=receipts[0],
        model=str(dig(body, "model") or MISTRAL.model(client.settings))[:100],
        raw=without_images(body),
        receipts=tuple(map(placed, receipts)),
    )


def _markdown(body: object) -> Iterator[str]:
    for page in dig_list(body, "pages"):
        markdown = dig(page, "markdown")
        if isinstance(markdown, str) and (markdown := without_pictures(markdown).strip()):
            yield markdown


def _receipts(annotation: object, text: str) -> list[Receipt]:
    """The annotated fields; those of our rules where the annotation is missing or cut."""
    fields = vision.read_fields(annotation) if isinstance(annotation, str) else None
    if fields is None:
        return [receipt_from_text(text)]
    return [vision.with_warnings(receipt, text) for receipt in vision.receipts_from_fields(fields)]
