"""Turns the JSON of PaddleOCR's server into an OcrResult.

/ocr answers with lines and boxes, /layout-parsing with Markdown; neither with a receipt's fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from engines.decoder import Jpeg
from engines.rows import group_rows, with_boxes
from fields.text import text_from_markdown, without_pictures
from providers.json_answer import dig_number
from providers.local import result_from_reading
from providers.pages import join_pages, receipt_from_text
from result import Box, Line, OcrResult, Page, PageReading, Reading, Rows, printable


def read_results(
    results: Sequence[Mapping[str, Any]], page: Jpeg, *, model: str, raw: object
) -> OcrResult:
    """The result for one page, which the server may have answered in parts.

    Raises LookupError, TypeError and the like for what is not the shape of an InferResult.
    """
    parts = [part for result in results for part in _parts(result, page, model)]
    return replace(join_pages(parts or [_from_rows([], page, model)]), raw=raw)


def _parts(result: Mapping[str, Any], page: Jpeg, model: str) -> Iterator[OcrResult]:
    if "layoutParsingResults" in result:
        for part in result["layoutParsingResults"]:
            yield _from_markdown(part["markdown"]["text"], page, model)
        return
    for part in result["ocrResults"]:
        yield _from_lines(part["prunedResult"], page, model)


def _from_markdown(written: str, page: Jpeg, model: str) -> OcrResult:
    markdown = without_pictures(written).strip()
    text = text_from_markdown(markdown)
    pages = (Page(page.width, page.height),)
    return OcrResult(markdown, text, pages, receipt_from_text(text), model)


def _from_lines(pruned: Mapping[str, Any], page: Jpeg, model: str) -> OcrResult:
    """The result for lines. Rows are found on the turned page, boxes are on the page as it is."""
    angle = pruned.get("doc_preprocessor_res", {}).get("angle", 0)
    rows = group_rows(list(_lines(pruned, page.width / page.size[0])))
    rows = with_boxes(rows, partial(_turned_back, angle=angle, page=page))
    return _from_rows(rows, page, model)


def _from_rows(rows: Rows, page: Jpeg, model: str) -> OcrResult:
    found = PageReading(Page(page.width, page.height), rows, [])
    return result_from_reading(Reading([found]), model=model)


def _lines(pruned: Mapping[str, Any], scale: float) -> Iterator[Line]:
    """The lines; `scale` is the pixels of the page per pixel of the JPEG."""
    read = zip(pruned["rec_texts"], pruned["rec_scores"], pruned["rec_boxes"], strict=True)
    for text, score, (left, top, right, bottom) in read:
        box = round(left * scale), round(top * scale), round(right * scale), round(bottom * scale)
        if text := printable(text).strip():
            yield Line(text, round(dig_number(score) or 0, 4), box)


def _turned_back(box: Box, angle: int, page: Jpeg) -> Box:
    """The box before the server turned the page counterclockwise by `angle` degrees."""
    left, top, right, bottom = box
    match angle:
        case 90:
            return page.width - bottom, left, page.width - top, right
        case 180:
            return page.width - right, page.height - bottom, page.width - left, page.height - top
        case 270:
            return top, page.height - right, bottom, page.height - left
    return box
