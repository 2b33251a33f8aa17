import re

import pytest

from providers import openai
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM, Document
from settings import Settings, read_settings
from tests.conftest import ROOT
from tests.providers.conftest import Reply
from tests.providers.contract import KEY, OPENAI, Waits, picture


def test_the_request_is_the_one_of_the_contract(http_stub, receipt):
    http_stub.reply(OPENAI.good())
    openai.ocr(receipt, OPENAI.settings(f"{http_stub.url}/v1/"))
    request = http_stub.request
    body = request.json
    image = body["messages"][1]["content"][1]["image_url"].pop("url")
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert picture(image).size == (480, 360)
    assert body == {
        "model": "gpt-6-luna",
        "max_completion_tokens": MAX_TOKENS,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": PROMPT},
                    {"type": "image_url", "image_url": {"detail": "high"}},
                ],
            },
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": SCHEMA},
        },
    }


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("", {"store": False, "reasoning_effort": "low"}),
        ("https://api.openai.com/v1", {"store": False, "reasoning_effort": "low"}),
        ("https://api.openai.com.example/v1", {}),
        ("http://localhost:11434/v1", {}),
    ],
)
def test_store_and_reasoning_effort_go_to_openai_only(url, own):
    document = Document("image/jpeg", "AAAA", ())
    body = openai._request(document, read_settings({"OPENAI_BASE_URL": url}))
    assert {name: body[name] for name in ("store", "reasoning_effort") if name in body} == own


def test_a_pdf_is_a_file_part():
    assert openai._part(Document("application/pdf", "JVBERi0=", ())) == {
        "type": "file",
        "file": {"filename": "receipt.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    }


def test_the_model_can_be_chosen(http_stub, receipt):
    http_stub.reply(OPENAI.good())
    openai.ocr(receipt, OPENAI.settings(http_stub.url, OPENAI_MODEL="gpt-6.1-terra"))
    assert http_stub.request.json["model"] == "gpt-6.1-terra"


def test_a_lock_is_tried_again(http_stub, receipt):
    http_stub.reply(Reply(409, {"error": {}}, {"retry-after-ms": "10"}), OPENAI.good())
    waits = Waits()
    openai.ocr(receipt, OPENAI.settings(http_stub.url), waits)
    assert waits == [0.01]


def test_it_is_unavailable_without_a_key():
    assert openai.unavailable(Settings()) == "OPENAI_API_KEY is not set"
    assert openai.unavailable(Settings(openai_api_key="k")) is None
    assert (openai.model(Settings()), openai.sends_to(Settings())) == (
        "gpt-6-luna",
        "api.openai.com",
    )


def model_object(**more):
    names = {"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "openai"}
    return Reply(body=names | more)


@pytest.mark.parametrize(
    ("answer", "day"),
    [
        (model_object(shutdown_date="2027-01-14"), "2027-01-14"),
        (model_object(shutdown_date=None), None),
        (model_object(), None),
        (model_object(shutdown_date="soon"), None),
    ],
)
def test_it_tells_the_day_on_which_its_model_is_shut_down(http_stub, answer, day):
    http_stub.reply(answer)
    settings = OPENAI.settings(f"{http_stub.url}/v1", OPENAI_MODEL="ft:gpt-4o/x")
    assert openai.ends_on(settings, True) == day
    assert openai.ends_on(settings, False) is None  # not OpenAI's own server
    request = http_stub.request
    assert (request.method, request.path) == ("GET", "/v1/models/ft%3Agpt-4o%2Fx")
    assert request.headers["Authorization"] == f"Bearer {KEY}"


def test_the_days_that_are_known_without_asking_are_those_of_the_docs():
    text = (ROOT / "docs/providers.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| (`gpt.*?) \| (\d{4}-\d\d-\d\d)", text)
    shown = {name: day for names, day in rows for name in re.findall(r"`(\S+?)`", names)}
    assert shown == openai.SHUTDOWNS
    settings = Settings(openai_api_key="k", openai_model="gpt-4o")
    assert openai.ends_on(settings, False) == "2027-01-14"
    assert openai.ends_on(Settings(), False) is None
