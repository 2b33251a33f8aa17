from itertools import pairwise

import pytest
from PIL import Image

from providers import gemini
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM
from settings import Settings
from tests.providers.conftest import Reply
from tests.providers.llm import CASE, KEY, failure_of, generated, picture

GEMINI = CASE["gemini"]


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


def test_a_pdf_is_sent_whole(http_stub, tmp_path):
    path = tmp_path / "a.pdf"
    Image.new("RGB", (300, 200), "white").save(path)
    http_stub.reply(GEMINI.good())
    gemini.ocr(path, GEMINI.settings(http_stub.url))
    file = http_stub.request.json["contents"][0]["parts"][0]["inlineData"]
    assert file["mimeType"] == "application/pdf"
    assert file["data"].startswith("JVBERi0")


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


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "refused"),
        ({"candidates": [{"finishReason": "SAFETY", "index": 0}]}, "refused"),
        (generated("{", finishReason="RECITATION"), "refused"),
        ({"candidates": [{"finishReason": "MAX_TOKENS", "content": {}}]}, "truncated"),
        (generated('{"rows": ["A', finishReason="MAX_TOKENS"), "truncated"),
        (generated("{", finishReason="CONTINUATION"), "truncated"),
        ({"candidates": []}, "bad_answer"),
    ],
)
def test_an_answer_that_is_none_has_its_code(http_stub, receipt, body, code):
    http_stub.reply(Reply(body=body))
    assert failure_of(gemini.ocr, receipt, GEMINI.settings(http_stub.url))[0] == code
    assert len(http_stub.requests) == 1


def test_an_answer_without_a_word_is_asked_for_once_more(http_stub, receipt):
    mute = Reply(body={"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]})
    http_stub.reply(mute, GEMINI.good())
    gemini.ocr(receipt, GEMINI.settings(http_stub.url))
    http_stub.reply(mute)
    assert failure_of(gemini.ocr, receipt, GEMINI.settings(http_stub.url))[0] == "bad_answer"
    assert len(http_stub.requests) == 4


def error(code, status, message, *details):
    return {"error": {"code": code, "status": status, "message": message, "details": [*details]}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (error(400, "INVALID_ARGUMENT", "Unable to process input image."), "bad_image"),
        (error(400, "INVALID_ARGUMENT", 'Unknown name "x": Cannot find field.'), "refused"),
        ([error(403, "PERMISSION_DENIED", "No key was sent.")], "forbidden"),
        (error(404, "NOT_FOUND", "models/x is not found."), "unknown_model"),
        (error(413, "INVALID_ARGUMENT", "Too big."), "too_large"),
    ],
)
def test_final_errors_have_their_code(http_stub, receipt, body, code):
    inner = (body[0] if isinstance(body, list) else body)["error"]
    http_stub.reply(Reply(inner["code"], body))
    found, message = failure_of(gemini.ocr, receipt, GEMINI.settings(http_stub.url))
    assert (found, len(http_stub.requests)) == (code, 1)
    assert inner["message"] in message


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: [body]], ids=["bare", "listed"])
def test_the_wait_in_the_body_is_kept(http_stub, receipt, wrap):
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}
    http_stub.reply(
        Reply(429, wrap(error(429, "RESOURCE_EXHAUSTED", "Quota.", {}, info))), GEMINI.good()
    )
    gemini.ocr(receipt, GEMINI.settings(http_stub.url))
    (gap,) = (b.at - a.at for a, b in pairwise(http_stub.requests))
    assert 0.3 <= gap < 0.5


def test_a_wait_beyond_the_time_limit_is_not_begun(http_stub, receipt):
    info = {"retryDelay": "36s"}
    http_stub.reply(Reply(429, error(429, "RESOURCE_EXHAUSTED", "Quota.", info)))
    code, message = failure_of(gemini.ocr, receipt, GEMINI.settings(http_stub.url))
    assert (code, len(http_stub.requests)) == ("rate_limited", 1)
    assert "Quota." in message


def test_it_is_unavailable_without_a_key():
    assert gemini.unavailable(Settings()) == "GEMINI_API_KEY is not set"
    assert gemini.unavailable(Settings(gemini_api_key="k")) is None
    assert gemini.model(Settings()) == "gemini-3.8-flash"
    assert gemini.sends_to(Settings()) == "generativelanguage.googleapis.com"
