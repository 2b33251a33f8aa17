"""How does OpenAI, or any server that speaks its chat completions, read a receipt?

OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL. api.openai.com reads PDF itself; other servers get
page after page. Contract: OpenAI's OpenAPI document and Python SDK 3.54.0 (read 2026-11-23).
"""

from pathlib import Path
from typing import Any

from engines.images import PDF
from providers.http import (
    Answer,
    Failure,
    Vendor,
    dig,
    failure,
    http_failure,
    not_its_api,
    retry_after,
)
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

OPENAI = Vendor(
    name="OpenAI",
    key_variable="OPENAI_API_KEY",
    url_variable="OPENAI_BASE_URL",
    model_variable="OPENAI_MODEL",
)
unavailable, model, sends_to = OPENAI.unavailable, OPENAI.model, OPENAI.host

BAD_IMAGE = (
    *("invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url"),
    *("image_parse_error", "image_too_large", "image_too_small", "unsupported_image_media_type"),
)


def ocr(image: Path, settings: Settings) -> OcrResult:
    return ask(
        OPENAI,
        image,
        settings,
        url=f"{OPENAI.url(settings)}/chat/completions",
        headers={"Authorization": f"Bearer {OPENAI.key(settings)}"},
        request=lambda document: _request(document, settings),
        judge=lambda answer: _judge(answer, settings),
        content=lambda body: read_chat(OPENAI, settings, body),
        pdf=_is_openai(settings),
    )


def _is_openai(settings: Settings) -> bool:
    return OPENAI.host(settings) == "api.openai.com"


def _request(document: Document, settings: Settings) -> dict[str, Any]:
    # Only OpenAI itself knows these two: vLLM, LM Studio and their like refuse or ignore them.
    own = {"store": False, "reasoning_effort": "low"} if _is_openai(settings) else {}
    return {
        "model": OPENAI.model(settings),
        **own,
        "max_completion_tokens": MAX_TOKENS,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "text", "text": PROMPT}, _part(document)]},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": SCHEMA},
        },
    }


def _part(document: Document) -> dict[str, Any]:
    if document.media_type == PDF:
        return {
            "type": "file",
            "file": {"filename": "receipt.pdf", "file_data": document.data_url},
        }
    return {"type": "image_url", "image_url": {"url": document.data_url, "detail": "high"}}


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    error = dig(answer.body, "error")
    code, said = dig(error, "code"), dig(error, "message")
    if code == "insufficient_quota":
        return failure(OPENAI, settings, "quota", "has no credit left for this key; add some", said)
    if code in BAD_IMAGE:
        return failure(OPENAI, settings, "bad_image", "cannot read the image; send another", said)
    if answer.status == 409:  # a lock on OpenAI's side; its own SDK tries again
        advice = "was busy with another request; try again later"
        delay = retry_after(answer.headers)
        return failure(OPENAI, settings, "server_error", advice, said, retry=True, delay=delay)
    return http_failure(OPENAI, answer, settings, said)


def read_chat(vendor: Vendor, settings: Settings, body: object) -> object:
    """The content of the first choice. Raises ProviderError for a refusal or a cut answer."""
    choice = dig(body, "choices", 0)
    reason, refusal = dig(choice, "finish_reason"), dig(choice, "message", "refusal")
    if refusal or reason == "content_filter":
        raise refused(vendor, settings, refusal)
    if reason == "length":
        raise truncated(vendor)
    if choice is None:
        raise not_its_api(vendor)
    return dig(choice, "message", "content")
