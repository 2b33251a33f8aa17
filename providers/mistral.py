"""How does Mistral's OCR read a receipt?

MISTRAL_API_KEY, MISTRAL_BASE_URL, MISTRAL_MODEL. It reads PDF itself and returns Markdown, and the
fields beside it as a JSON text that may be missing or cut. Contract: Mistral's OpenAPI document and
mistralai 3.7.0 (read 2026-11-23).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.images import PDF
from fields.text import text_from_markdown, without_pictures
from providers.http import (
    Answer,
    Failure,
    Vendor,
    call,
    dig,
    dig_list,
    failure,
    http_failure,
    not_its_api,
    without_images,
)
from providers.pages import join_pages, receipt_from_text
from providers.vision import (
    FIELDS_SCHEMA,
    PROMPT,
    SYSTEM,
    Document,
    documents,
    printed_rows,
    read_fields,
    receipt_from_fields,
    with_warnings,
)
from result import OcrResult, Receipt
from settings import Settings, deadline

MISTRAL = Vendor(
    name="Mistral",
    key_variable="MISTRAL_API_KEY",
    url_variable="MISTRAL_BASE_URL",
    model_variable="MISTRAL_MODEL",
)
unavailable, model, sends_to = MISTRAL.unavailable, MISTRAL.model, MISTRAL.host


def ocr(image: Path, settings: Settings) -> OcrResult:
    ends = deadline(settings)
    return join_pages(
        [_read(document, settings, ends) for document in documents(image, settings, pdf=True)]
    )


def _read(document: Document, settings: Settings, ends: float) -> OcrResult:
    answer = call(
        MISTRAL,
        "POST",
        f"{MISTRAL.url(settings)}/ocr",
        deadline=ends,
        judge=lambda answer: _judge(answer, settings),
        headers={"Authorization": f"Bearer {MISTRAL.key(settings)}"},
        json=_request(document, settings),
    )
    return _result(answer.body, document, settings)


def _request(document: Document, settings: Settings) -> dict[str, Any]:
    """An unknown key at any level is a 422."""
    return {
        "model": MISTRAL.model(settings),
        "document": _document(document),
        "include_image_base64": False,
        "include_blocks": False,
        "document_annotation_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": FIELDS_SCHEMA},
        },
        "document_annotation_prompt": f"{SYSTEM} {PROMPT}",
    }


def _document(document: Document) -> dict[str, str]:
    if document.media_type == PDF:
        return {
            "type": "document_url",
            "document_url": document.data_url,
            "document_name": "receipt.pdf",
        }
    return {"type": "image_url", "image_url": document.data_url}


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    detail = dig_list(answer.body, "detail")
    said = dig(answer.body, "message") or dig(answer.body, "detail")
    if answer.status == 401:
        advice = "does not accept the key, or its quota is used up; check MISTRAL_API_KEY"
        return failure(MISTRAL, settings, "bad_key", advice, said)
    if answer.status == 422:  # its `input` is our image: only `msg` may be repeated
        said = dig(detail, 0, "msg") or said
        if "document" in dig_list(detail, 0, "loc"):
            advice = "cannot read the image; send another"
            return failure(MISTRAL, settings, "bad_image", advice, said)
    return http_failure(MISTRAL, answer, settings, said)


def _result(body: object, document: Document, settings: Settings) -> OcrResult:
    if not isinstance(dig(body, "pages"), list):
        raise not_its_api(MISTRAL)
    markdown = "\n\n".join(_markdown(body))
    text = "\n".join(printed_rows([text_from_markdown(markdown)]))
    return OcrResult(
        markdown=markdown,
        text=text,
        pages=document.pages,
        receipt=_receipt(dig(body, "document_annotation"), text),
        model=str(dig(body, "model") or MISTRAL.model(settings))[:100],
        raw=without_images(body),
    )


def _markdown(body: object) -> Iterator[str]:
    for page in dig_list(body, "pages"):
        markdown = dig(page, "markdown")
        if isinstance(markdown, str) and (markdown := without_pictures(markdown).strip()):
            yield markdown


def _receipt(annotation: object, text: str) -> Receipt:
    """The annotated fields; those of our rules where the annotation is missing or cut."""
    fields = read_fields(annotation) if isinstance(annotation, str) else None
    return with_warnings(receipt_from_fields(fields), text) if fields else receipt_from_text(text)
