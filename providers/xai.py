"""How does xAI's Grok read a receipt?

XAI_API_KEY, XAI_BASE_URL, XAI_MODEL. It takes JPEG and PNG, no PDF. Contract:
https://docs.x.ai/developers/model-capabilities/images/understanding (read 2026-11-23).
"""

from pathlib import Path
from typing import Any

from providers.http import (
    Answer,
    Failure,
    Vendor,
    dig,
    dig_list,
    failure,
    http_failure,
    not_its_api,
)
from providers.openai import BAD_IMAGE
from providers.vision import (
    MAX_TOKENS,
    PROMPT,
    SCHEMA,
    SYSTEM,
    Document,
    ask,
    refused,
    truncated,
)
from result import OcrResult
from settings import Settings

XAI = Vendor(
    name="xAI",
    key_variable="XAI_API_KEY",
    url_variable="XAI_BASE_URL",
    model_variable="XAI_MODEL",
)
unavailable, model, sends_to = XAI.unavailable, XAI.model, XAI.host


def ocr(image: Path, settings: Settings) -> OcrResult:
    return ask(
        XAI,
        image,
        settings,
        url=f"{XAI.url(settings)}/responses",
        headers={"Authorization": f"Bearer {XAI.key(settings)}"},
        request=lambda document: _request(document, settings),
        judge=lambda answer: _judge(answer, settings),
        content=lambda body: _content(body, settings),
    )


def _request(document: Document, settings: Settings) -> dict[str, Any]:
    image = {"type": "input_image", "image_url": document.data_url, "detail": "high"}
    return {
        "model": XAI.model(settings),
        "store": False,  # else it is kept for 30 days, and with images "the request may fail"
        "max_output_tokens": MAX_TOKENS,
        "input": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [image, {"type": "input_text", "text": PROMPT}]},
        ],
        "text": {
            "format": {"type": "json_schema", "name": "receipt", "strict": True, "schema": SCHEMA}
        },
    }


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    error = dig(answer.body, "error")
    said = error if isinstance(error, str) else dig(error, "message")
    if answer.status == 400 and isinstance(said, str) and "api key" in said.lower():
        # a wrong key is a 400 whose only mark is this sentence
        return failure(XAI, settings, "bad_key", "does not accept the key; check XAI_API_KEY", said)
    if dig(error, "code") in BAD_IMAGE:
        return failure(XAI, settings, "bad_image", "cannot read the image; send another", said)
    if answer.status == 200 and dig(answer.body, "status") == "failed":
        advice = "could not finish its answer; try again later"
        return failure(XAI, settings, "server_error", advice, said, retry=True)
    return http_failure(XAI, answer, settings, said)


def _content(body: object, settings: Settings) -> str:
    """The text of all messages. Raises ProviderError for a refusal or a cut answer."""
    if not isinstance(dig(body, "output"), list):
        raise not_its_api(XAI)
    if dig(body, "status") == "incomplete":
        filtered = dig(body, "incomplete_details", "reason") == "content_filter"
        raise refused(XAI, settings) if filtered else truncated(XAI)
    messages = [item for item in dig_list(body, "output") if dig(item, "type") == "message"]
    parts = [part for message in messages for part in dig_list(message, "content")]
    for part in parts:
        if dig(part, "type") == "refusal":
            raise refused(XAI, settings, dig(part, "refusal"))
    texts = [dig(part, "text") for part in parts if dig(part, "type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))
