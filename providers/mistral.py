"""Reads receipts with Mistral's OCR, which takes PDF as it is and returns Markdown.

The fields come beside it as a JSON text that may be missing or cut.
Contract: Mistral's OpenAPI document, mistralai 3.7.0 and
https://docs.mistral.ai/capabilities/document_ai/basic_ocr/ (read 2026-11-26).
"""

import time
from collections.abc import Iterator
from itertools import islice, pairwise, starmap, zip_longest
from pathlib import Path
from typing import Any

from engines.decoder import PDF
from fields.text import MAX_ROWS, text_from_markdown, without_pictures
from providers import vision
from providers.http import Answer, Client, Clock, Failure, Vendor
from providers.json_answer import dig, dig_list, dig_number, dig_objects, without_images
from providers.pages import join_pages, receipt_from_text
from result import Box, FileReceipt, Line, OcrResult, Page, placed, unplaced
from settings import Settings, deadline

MISTRAL = Vendor("Mistral", "MISTRAL_API_KEY", "MISTRAL_BASE_URL", "MISTRAL_MODEL")
unavailable, model, sends_to = MISTRAL.unavailable, MISTRAL.model, MISTRAL.host
CORNERS = ("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y")  # of a block
MAX_SIDE = 100_000  # pixels


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    headers = MISTRAL.bearer(settings)
    client = Client(MISTRAL, settings, _classify, deadline(settings), clock, headers)
    pages = vision.documents(image, settings, client.deadline, pdf=True, text=False)
    return join_pages([_read(document, client) for document in pages])


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    """The JSON to send; Mistral answers 422 to an unknown key at any level."""
    schema = {"name": "receipt", "strict": True, "schema": vision.FIELDS_SCHEMA}
    return {
        "model": MISTRAL.model(settings),
        "document": _document(document),
        "include_image_base64": False,
        "include_blocks": True,
        "confidence_scores_granularity": "block",
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
    pages = dig_list(body, "pages")[: len(document.pages)]
    markdown = "\n\n".join(_markdown(body))
    text = text_from_markdown(markdown)
    receipts = _receipts(dig(body, "document_annotation"), text, len(document.pages))
    return OcrResult(
        markdown=markdown,
        text=text,
        pages=tuple(starmap(_with_lines, zip_longest(document.pages, pages))),
        receipt=unplaced(receipts[0]),
        model=str(dig(body, "model") or MISTRAL.model(client.settings))[:100],
        raw=without_images(body),
        receipts=tuple(receipts),
    )


def _markdown(body: object) -> Iterator[str]:
    for page in dig_list(body, "pages"):
        markdown = dig(page, "markdown")
        if isinstance(markdown, str) and (markdown := without_pictures(markdown).strip()):
            yield markdown


def _with_lines(page: Page, answer: object) -> Page:
    """The page with the lines of its blocks; as it was sent where none has a box."""
    size = [dig_number(answer, "dimensions", side) or 0 for side in ("width", "height")]
    if not all(1 <= side <= MAX_SIDE for side in size):
        return page
    width, height = page.width or round(size[0]), page.height or round(size[1])
    scale = (width / size[0], height / size[1])
    blocks = dig_objects(answer, "blocks")
    lines = (line for block in blocks for line in _lines(block, scale, (width, height)))
    found = tuple(islice(lines, MAX_ROWS))
    return Page(width, height, found) if found else page


def _lines(
    block: dict[str, Any], scale: tuple[float, float], size: tuple[int, int]
) -> Iterator[Line]:
    """A line for each printed row of a block, which is a paragraph or a table.

    Only the block has a box: its rows share the height evenly, and all have its confidence.
    """
    rows = text_from_markdown(str(block.get("content") or "")).splitlines()
    box = _box(block, scale, size)
    if rows and box:
        left, top, right, bottom = box
        edges = [top + round(n * (bottom - top) / len(rows)) for n in range(len(rows) + 1)]
        for row, (upper, lower) in zip(rows, pairwise(edges), strict=True):
            yield Line(row, _confidence(block), (left, upper, right, lower))


def _box(block: dict[str, Any], scale: tuple[float, float], size: tuple[int, int]) -> Box | None:
    """The part of the box that is on the page; None where the answer has no box."""
    corners = [corner for name in CORNERS if (corner := dig_number(block, name)) is not None]
    if len(corners) < len(CORNERS):
        return None
    left, top, right, bottom = (
        round(min(max(corner * scale[axis % 2], 0), size[axis % 2]))
        for axis, corner in enumerate(corners)
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def _confidence(block: dict[str, Any]) -> float | None:
    score = dig_number(block, "confidence_scores", "average_content_confidence_score")
    return None if score is None else round(min(max(score, 0), 1), 4)


def _receipts(annotation: object, text: str, pages: int) -> list[FileReceipt]:
    """The receipts in the annotation, or by our rules where that is missing or cut."""
    fields = vision.read_fields(annotation) if isinstance(annotation, str) else None
    if fields is None:
        return [placed(receipt_from_text(text))]
    receipts = vision.receipts_from_fields(fields, pages)
    return [vision.with_warnings(one, text) for one in receipts]
