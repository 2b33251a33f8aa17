import pytest

from providers import openai
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM, Document
from settings import Settings, read_settings
from tests.providers.conftest import Reply
from tests.providers.llm import CASE, KEY, chat, failure_of, picture

OPENAI = CASE["openai"]


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


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (chat(None, refusal="I'm sorry, I can't help with that."), "refused"),
        (chat("", finish_reason="content_filter"), "refused"),
        (chat('{"rows": ["CORNER', finish_reason="length"), "truncated"),
        (chat(None, finish_reason="length"), "truncated"),
        (chat(None), "bad_answer"),
        ({"choices": []}, "bad_answer"),
    ],
)
def test_an_answer_that_is_none_has_its_code(http_stub, receipt, body, code):
    http_stub.reply(Reply(body=body))
    assert failure_of(openai.ocr, receipt, OPENAI.settings(http_stub.url))[0] == code
    assert len(http_stub.requests) == 1


def test_a_refusal_is_quoted(http_stub, receipt):
    http_stub.reply(Reply(body=chat(None, refusal="I'm sorry, I can't help with that.")))
    _, message = failure_of(openai.ocr, receipt, OPENAI.settings(http_stub.url))
    assert message.endswith("(OpenAI: I'm sorry, I can't help with that.)")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your quota."}, "quota"),
        (400, {"code": "invalid_image_format", "message": "Unsupported image."}, "bad_image"),
        (400, {"code": None, "param": "response_format", "message": "Invalid schema"}, "refused"),
        (404, {"code": "model_not_found", "message": "No such model."}, "unknown_model"),
        (403, {"code": "unsupported_country_region_territory", "message": "No."}, "forbidden"),
    ],
)
def test_final_errors_have_their_code(http_stub, receipt, status, error, code):
    http_stub.reply(Reply(status, {"error": error}))
    found, message = failure_of(openai.ocr, receipt, OPENAI.settings(http_stub.url))
    assert (found, len(http_stub.requests)) == (code, 1)
    assert error["message"] in message


def test_a_lock_is_tried_again(http_stub, receipt):
    http_stub.reply(Reply(409, {"error": {}}, {"retry-after-ms": "10"}), OPENAI.good())
    openai.ocr(receipt, OPENAI.settings(http_stub.url))
    assert len(http_stub.requests) == 2


def test_it_is_unavailable_without_a_key():
    assert openai.unavailable(Settings()) == "OPENAI_API_KEY is not set"
    assert openai.unavailable(Settings(openai_api_key="k")) is None
    assert (openai.model(Settings()), openai.sends_to(Settings())) == (
        "gpt-6-luna",
        "api.openai.com",
    )
