import pytest

from providers import gemini
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM
from settings import Settings
from tests.providers.conftest import Reply
from tests.providers.contract import GEMINI, KEY, Waits, generated, google_error, picture


def test_the_request_is_the_one_of_the_contract(http_stub, receipt):
    http_stub.reply(GEMINI.good())
    gemini.ocr(receipt, GEMINI.settings(http_stub.url))
    request = http_stub.request
    body = request.json
    file = body["contents"][0]["parts"][0]["inlineData"]
    assert picture(file.pop("data")).size == (480, 360)
    assert request.path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert (request.method, request.headers["x-goog-api-key"]) == ("POST", KEY)
    assert request.headers["Authorization"] is None
    assert body == {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "image/jpeg"}}, {"text": PROMPT}],
            }
        ],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
            "maxOutputTokens": MAX_TOKENS,
            "thinkingConfig": {"thinkingLevel": "LOW"},
        },
    }


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-flash-latest", "/v1beta/models/gemini-flash-latest:generateContent"),
        ("../a?b", "/v1beta/models/..%2Fa%3Fb:generateContent"),
    ],
)
def test_the_model_is_part_of_the_path(http_stub, receipt, model, path):
    http_stub.reply(GEMINI.good())
    gemini.ocr(receipt, GEMINI.settings(f"{http_stub.url}/v1beta", GEMINI_MODEL=model))
    assert http_stub.request.path == path


def test_older_models_know_no_thinking_level(http_stub, receipt):
    http_stub.reply(GEMINI.good())
    gemini.ocr(receipt, GEMINI.settings(http_stub.url, GEMINI_MODEL="gemini-2.5-flash"))
    assert "thinkingConfig" not in http_stub.request.json["generationConfig"]


def test_the_parts_of_an_answer_are_joined_without_its_thoughts(http_stub, receipt):
    http_stub.reply(Reply(body=generated('{"rows": ["CORNER', ' CAFE"]}')))
    assert gemini.ocr(receipt, GEMINI.settings(http_stub.url)).text == "CORNER CAFE"


def test_an_answer_without_a_word_is_asked_for_once_more(http_stub, receipt):
    mute = Reply(body={"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]})
    http_stub.reply(mute, GEMINI.good())
    gemini.ocr(receipt, GEMINI.settings(http_stub.url), Waits())
    assert len(http_stub.requests) == 2


@pytest.mark.parametrize("wrap", [dict, lambda body: [body]], ids=["bare", "listed"])
def test_the_wait_in_the_body_is_kept(http_stub, receipt, wrap):
    details = [{}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.5s"}]
    (busy,) = google_error(429, "RESOURCE_EXHAUSTED", "Quota.", "", details, wrap).replies
    http_stub.reply(busy, GEMINI.good())
    waits = Waits()
    gemini.ocr(receipt, GEMINI.settings(http_stub.url), waits)
    assert waits == [36.5]


def test_it_is_unavailable_without_a_key():
    assert gemini.unavailable(Settings()) == "GEMINI_API_KEY is not set"
    assert gemini.unavailable(Settings(gemini_api_key="k")) is None
    assert gemini.model(Settings()) == "gemini-3.8-flash"
    assert gemini.sends_to(Settings()) == "generativelanguage.googleapis.com"
