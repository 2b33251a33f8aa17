import json

import pytest
from PIL import Image

from fields.text import text_from_markdown
from providers import mistral
from providers.vision import FIELDS_SCHEMA, PROMPT, SYSTEM
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
        "include_blocks": False,
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
