import json

import pytest
from PIL import Image

from fields.text import text_from_markdown
from providers import mistral
from providers.vision import FIELDS_SCHEMA, PROMPT, SYSTEM
from result import Line, Page
from settings import Settings
from tests.providers.conftest import Reply
from tests.providers.contract import FIELDS, KEY, MARKDOWN, MISTRAL, ROWS, picture, read


def test_the_request_is_the_one_of_the_contract(http_stub, receipt):
    http_stub.reply(MISTRAL.good(FIELDS))
    mistral.ocr(receipt, MISTRAL.settings(f"{http_stub.url}/v1"))
    request = http_stub.request
    body = request.json
    assert picture(body["document"].pop("image_url")).size == (480, 360)
    assert (request.method, request.path) == ("POST", "/v1/ocr")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "mistral-ocr-latest",
        "document": {"type": "image_url"},
        "include_image_base64": False,
        "include_blocks": True,
        "confidence_scores_granularity": "block",
        "document_annotation_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": FIELDS_SCHEMA},
        },
        "document_annotation_prompt": f"{SYSTEM} {PROMPT}",
    }


def test_a_pdf_is_sent_whole(http_stub, tmp_path):
    path = tmp_path / "a.pdf"
    Image.new("RGB", (300, 200), "white").save(path)
    http_stub.reply(Reply(body=read(json.dumps(FIELDS), "PAGE 1", "PAGE 2")))
    result = mistral.ocr(path, MISTRAL.settings(http_stub.url))
    document = http_stub.request.json["document"]
    assert document.pop("document_url").startswith("data:application/pdf;base64,JVBERi0")
    assert document == {"type": "document_url", "document_name": "receipt.pdf"}
    assert result.text == "PAGE 1\nPAGE 2"
    assert result.markdown == "PAGE 1\n\nPAGE 2"


def test_its_markdown_is_kept_without_the_pictures(http_stub, receipt):
    http_stub.reply(MISTRAL.good(FIELDS))
    result = mistral.ocr(receipt, MISTRAL.settings(http_stub.url))
    assert "| MILK | 1.20" in result.markdown.replace("  ", " ")
    assert "img-0" not in result.markdown
    assert result.text.splitlines() == ROWS


# Lines of blocks


def block(content, *corners, score=0.9876543, **more):
    names = ("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y")
    scores = {"average_content_confidence_score": score}
    corners = dict(zip(names, corners, strict=False))
    return {"type": "text", "content": content, "confidence_scores": scores} | corners | more


def pages_of(http_stub, path, *blocks, width=240, height=180, pages=1):
    body = read(json.dumps(FIELDS), *["A"] * pages)
    for page in body["pages"]:
        page |= {"dimensions": {"dpi": 200, "width": width, "height": height}}
    body["pages"][-1]["blocks"] = list(blocks)
    http_stub.reply(Reply(body=body))
    return mistral.ocr(path, MISTRAL.settings(http_stub.url)).pages


def test_each_row_of_a_block_is_a_line_with_its_share_of_the_box(http_stub, receipt):
    """The picture has 480 x 360 pixels, and the vendor saw half as many."""
    table = "| MILK | 1.20 |\n| --- | --- |\n| BREAD | 2.50 |"
    (page,) = pages_of(
        *(http_stub, receipt),
        block("# CORNER CAFE", 10, 20, 110, 40),
        block("![img-0.jpeg](img-0.jpeg)", 0, 0, 240, 20, type="image"),
        block(table, 10, 60, 210, 100, score=None, type="table"),
    )
    assert page == Page(
        480,
        360,
        (
            Line("CORNER CAFE", 0.9877, (20, 40, 220, 80)),
            Line("MILK   1.20", None, (20, 120, 420, 160)),
            Line("BREAD   2.50", None, (20, 160, 420, 200)),
        ),
    )


def test_the_pages_of_a_pdf_have_the_size_that_their_boxes_are_of(http_stub, tmp_path):
    path = tmp_path / "a.pdf"
    pages = [Image.new("RGB", (300, 200), "white")] * 2
    pages[0].save(path, save_all=True, append_images=pages[1:])
    line = Line("A", 0.9877, (10, 20, 110, 40))
    assert pages_of(http_stub, path, block("A", 10, 20, 110, 40), pages=2) == (
        Page(None, None),
        Page(240, 180, (line,)),
    )


@pytest.mark.parametrize(
    ("bad", "sizes"),
    [
        (block("A", 10, 20, 5, 40), {}),
        (block("A", 10, 20, 110), {}),
        (block(None, 10, 20, 110, 40), {}),
        ("no block", {}),
        (block("A", 10, 20, 110, 40), {"width": 0}),
        (block("A", 10, 20, 110, 40), {"width": 10**9}),
        (block("A", 10, 20, 110, 40), {"height": None}),
    ],
)
def test_a_block_without_a_box_is_no_line(http_stub, receipt, bad, sizes):
    assert pages_of(http_stub, receipt, bad, **sizes) == (Page(480, 360),)


def test_a_box_ends_where_the_page_does_and_a_confidence_at_1(http_stub, receipt):
    (page,) = pages_of(http_stub, receipt, block("A", -9, 20, 10**9, 40, score=7))
    assert page.lines == (Line("A", 1, (0, 40, 480, 80)),)


# Fields and text


@pytest.mark.parametrize(
    "annotation",
    [None, "", json.dumps(FIELDS)[:90], "null", "[]", '{"other": 1}', 7],
    ids=["none", "empty", "cut", "null", "list", "other", "number"],
)
def test_without_fields_the_rules_read_the_markdown(http_stub, receipt, annotation):
    http_stub.reply(Reply(body=read(annotation)))
    result = mistral.ocr(receipt, MISTRAL.settings(http_stub.url))
    assert result.receipt.source == "rules"
    assert result.text.splitlines() == ROWS


def test_a_blank_sheet_completes_without_text(http_stub, receipt):
    http_stub.reply(Reply(body=read(None, "![img-0.jpeg](img-0.jpeg)")))
    result = mistral.ocr(receipt, MISTRAL.settings(http_stub.url))
    assert (result.text, result.markdown) == ("", "")
    assert "no_text" in result.receipt.warnings


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        (MARKDOWN, "\n".join(ROWS)),
        ("**TOTAL** 3.70 *EUR*", "TOTAL 3.70 EUR"),
        ("2 \\* MILK \\$1.20", "2 * MILK $1.20"),
        ("2 * 1.20 * 3", "2 * 1.20 * 3"),
        ("- MILK 1.20\n- 2.50\n> quoted", "MILK 1.20\n- 2.50\nquoted"),
        ("a\n\n---\n\n***\nb", "a\nb"),
        ("|a|b\\|c|\n|:-|-:|\n||d|", "a   b|c\nd"),
        ("<table><tr><td>A</td><td>1</td></tr><tr><td>B</td></tr></table>", "A   1\nB"),
        ("A &amp; B<br>C", "A & B\nC"),
        ("[tbl-0.html](tbl-0.html)", "tbl-0.html"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("A\x1b[31m\t1.20\u202e", "A [31m   1.20"),
        ("", ""),
    ],
)
def test_markdown_is_read_row_by_row(markdown, text):
    assert text_from_markdown(markdown) == text


def test_it_is_unavailable_without_a_key():
    assert mistral.unavailable(Settings()) == "MISTRAL_API_KEY is not set"
    assert mistral.unavailable(Settings(mistral_api_key="k")) is None
    assert (mistral.model(Settings()), mistral.sends_to(Settings())) == (
        "mistral-ocr-latest",
        "api.mistral.ai",
    )
