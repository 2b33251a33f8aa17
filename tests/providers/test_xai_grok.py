import pytest

from providers import xai
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM
from settings import Settings
from tests.providers.conftest import Reply
from tests.providers.llm import CASE, KEY, failure_of, output_text, picture, response

XAI = CASE["xai-grok"]


def test_the_request_is_the_one_of_the_contract(http_stub, receipt):
    http_stub.reply(XAI.good())
    xai.ocr(receipt, XAI.settings(f"{http_stub.url}/v1"))
    request = http_stub.request
    body = request.json
    assert picture(body["input"][1]["content"][0].pop("image_url")).size == (480, 360)
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "grok-4.3",
        "store": False,
        "max_output_tokens": MAX_TOKENS,
        "input": [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": [
                    {"type": "input_image", "detail": "high"},
                    {"type": "input_text", "text": PROMPT},
                ],
            },
        ],
        "text": {
            "format": {"type": "json_schema", "name": "receipt", "strict": True, "schema": SCHEMA}
        },
    }


CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (response({"type": "refusal", "refusal": "No."}), "refused"),
        (response(output_text('{"rows": ["A'), **CUT), "truncated"),
        (response(**FILTERED), "refused"),
        (response(), "bad_answer"),
        (response(output=[]), "bad_answer"),
        (response(output=[{"type": "message", "content": "?"}]), "bad_answer"),
        (response(status="failed", error={"code": "invalid_image"}, output=[]), "bad_image"),
    ],
)
def test_an_answer_that_is_none_has_its_code(http_stub, receipt, body, code):
    http_stub.reply(Reply(body=body))
    assert failure_of(xai.ocr, receipt, XAI.settings(http_stub.url))[0] == code
    assert len(http_stub.requests) == 1


def test_an_answer_that_failed_on_their_side_is_asked_for_again(http_stub, receipt):
    failed = response(status="failed", error={"code": "server_error", "message": "?"}, output=[])
    http_stub.reply(Reply(body=failed), XAI.good())
    xai.ocr(receipt, XAI.settings(http_stub.url))
    assert len(http_stub.requests) == 2


@pytest.mark.parametrize(
    ("status", "body", "code", "quoted"),
    [
        (400, {"code": "Bad", "error": "Image too blurry."}, "refused", "Image too blurry."),
        (400, {"error": {"message": "Invalid API key."}}, "bad_key", "Invalid API key."),
        (401, {"code": "Unauthenticated", "error": "No header."}, "bad_key", "No header."),
        (403, {"code": "Denied", "error": "Team is out of credits."}, "forbidden", "credits"),
        (404, {"code": "Not found", "error": "No model grok-1."}, "unknown_model", "grok-1"),
        (422, "Failed to deserialize the JSON body", "refused", "HTTP 422"),
    ],
)
def test_final_errors_have_their_code(http_stub, receipt, status, body, code, quoted):
    http_stub.reply(Reply(status, body))
    found, message = failure_of(xai.ocr, receipt, XAI.settings(http_stub.url))
    assert (found, len(http_stub.requests)) == (code, 1)
    assert quoted in message


def test_it_is_unavailable_without_a_key():
    assert xai.unavailable(Settings()) == "XAI_API_KEY is not set"
    assert xai.unavailable(Settings(xai_api_key="k")) is None
    assert (xai.model(Settings()), xai.sends_to(Settings())) == (
        "grok-4.3",
        "api.x.ai",
    )
