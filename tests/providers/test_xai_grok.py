import pytest

from providers import xai
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM
from settings import Settings
from tests.providers.conftest import Reply
from tests.providers.contract import KEY, XAI, Waits, picture, response


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
        "reasoning": {"effort": "none"},
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


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("grok-4.3-latest", {"effort": "none"}),
        ("grok-4.5", {"effort": "low"}),
        ("grok-4.6", {"effort": "low"}),
        ("grok-4.20-non-reasoning", None),
        ("grok-latest", None),
    ],
)
def test_a_model_is_asked_to_reason_as_little_as_it_can(http_stub, receipt, model, reasoning):
    http_stub.reply(XAI.good())
    xai.ocr(receipt, XAI.settings(http_stub.url, XAI_MODEL=model))
    assert http_stub.request.json.get("reasoning") == reasoning


def test_an_answer_that_failed_on_their_side_is_asked_for_again(http_stub, receipt):
    failed = response(status="failed", error={"code": "server_error", "message": "?"}, output=[])
    http_stub.reply(Reply(body=failed), XAI.good())
    xai.ocr(receipt, XAI.settings(http_stub.url), Waits())
    assert len(http_stub.requests) == 2


def test_it_is_unavailable_without_a_key():
    assert xai.unavailable(Settings()) == "XAI_API_KEY is not set"
    assert xai.unavailable(Settings(xai_api_key="k")) is None
    assert (xai.model(Settings()), xai.sends_to(Settings())) == (
        "grok-4.3",
        "api.x.ai",
    )
