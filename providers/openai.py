"""Reads receipts with OpenAI, or with any server that speaks its chat completions.

api.openai.com takes PDF as it is; other servers get page after page.
Contract: OpenAI's OpenAPI document and Python SDK 3.54.0 (read 2026-11-23), and
https://developers.openai.com/api/reference/resources/models/methods/retrieve (read 2026-11-26).
"""

import re
from typing import Any
from urllib.parse import quote

from engines.decoder import PDF
from providers import vision
from providers.http import Answer, Client, Failure, Vendor, retry_after
from providers.json_answer import dig
from settings import Settings, deadline

OPENAI = Vendor("OpenAI", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL")
unavailable, model, sends_to = OPENAI.unavailable, OPENAI.model, OPENAI.host

BAD_IMAGE = (
    *("invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url"),
    *("image_parse_error", "image_too_large", "image_too_small", "unsupported_image_media_type"),
)
NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")

# As quoted on 2026-11-26; docs/providers.md says which were read second-hand.
SHUTDOWNS = {
    **dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-5-nano"), "2026-12-11"),
    **dict.fromkeys(("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"), "2027-01-14"),
    "gpt-5.1": "2027-04-01",
}


def _is_openai(settings: Settings) -> bool:
    return OPENAI.host(settings) == "api.openai.com"


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    # Only OpenAI itself knows these two: vLLM, LM Studio and their like refuse or ignore them.
    own = {"store": False, "reasoning_effort": "low"} if _is_openai(settings) else {}
    return {
        "model": OPENAI.model(settings),
        **own,
        "max_completion_tokens": vision.MAX_TOKENS,
        "messages": messages(document, _part(document)),
        "response_format": RESPONSE_FORMAT,
    }


RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "receipt", "strict": True, "schema": vision.SCHEMA},
}


def messages(document: vision.Document, part: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation that asks for a receipt; `part` is its image or PDF."""
    return [
        {"role": "system", "content": vision.SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": document.prompt}, part]},
    ]


def _part(document: vision.Document) -> dict[str, Any]:
    if document.media_type == PDF:
        file = {"filename": "receipt.pdf", "file_data": document.data_url}
        return {"type": "file", "file": file}
    return {"type": "image_url", "image_url": {"url": document.data_url, "detail": "high"}}


def _classify(answer: Answer, client: Client) -> Failure | None:
    error = dig(answer.body, "error")
    code, vendor_message = dig(error, "code"), dig(error, "message")
    if code in NO_CREDIT:
        advice = "reports that the account has no credit; add some"
        return client.failure("quota", advice, vendor_message)
    if code in BAD_IMAGE:
        return vision.bad_image(client, vendor_message)
    if answer.status == 409:  # a lock at OpenAI; its own SDK tries again
        advice = "was busy with another request; try again later"
        delay = retry_after(answer.headers)
        return client.failure("server_error", advice, vendor_message, retry=True, delay=delay)
    return client.status_failure(answer, vendor_message)


def read_chat(body: object, client: Client) -> object:
    """The content of the first choice. Raises ProviderError for a refusal or a cut answer."""
    choice = dig(body, "choices", 0)
    reason, refusal = dig(choice, "finish_reason"), dig(choice, "message", "refusal")
    if refusal or reason == "content_filter":
        raise vision.refused(client, refusal)
    if reason == "length":
        raise vision.truncated(client.vendor)
    if choice is None:
        raise client.not_its_api()
    content = dig(choice, "message", "content")
    if isinstance(content, str) and content.strip():
        return content
    # Builds of llama-server put all of a thinking model's words there
    # (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, reasoning-format).
    return dig(choice, "message", "reasoning_content")


ocr = vision.ChatApi(
    OPENAI,
    url=lambda settings: f"{OPENAI.url(settings)}/chat/completions",
    headers=OPENAI.bearer,
    request=_request,
    classify=_classify,
    content=read_chat,
    reads_pdf=_is_openai,
).ocr


def ends_on(settings: Settings, ask: bool) -> str | None:
    """The day on which the model is shut down, as YYYY-MM-DD; None where none is announced.

    It is looked up in SHUTDOWNS, or with `ask` at OpenAI, which is free. Raises ProviderError.
    """
    if not ask:
        return SHUTDOWNS.get(settings.openai_model) if _is_openai(settings) else None
    client = Client(
        OPENAI, settings, _classify, deadline(settings), headers=OPENAI.bearer(settings)
    )
    name = quote(settings.openai_model, safe="")
    day = dig(client.call("GET", f"{OPENAI.url(settings)}/models/{name}").body, "shutdown_date")
    return day if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII) else None
