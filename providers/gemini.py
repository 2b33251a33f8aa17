"""Reads receipts with Google's Gemini, which takes PDF as it is.

GEMINI_BASE_URL is without the version. Contract: Google's descriptors and google-genai 3.4.0 (read
2026-11-23).
"""

import re
from typing import Any
from urllib.parse import quote

from providers import vision
from providers.http import Answer, Client, Failure, Vendor
from providers.json_answer import dig, dig_list
from settings import Settings

GEMINI = Vendor("Gemini", "GEMINI_API_KEY", "GEMINI_BASE_URL", "GEMINI_MODEL")
unavailable, model, sends_to = GEMINI.unavailable, GEMINI.model, GEMINI.host


def _model(settings: Settings) -> str:
    return settings.gemini_model.removeprefix("models/")


def _url(settings: Settings) -> str:
    base = GEMINI.url(settings).removesuffix("/v1beta")  # v1 lacks the gemini-*-latest names
    return f"{base}/v1beta/models/{quote(_model(settings), safe='')}:generateContent"


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    file = {"mimeType": document.media_type, "data": document.base64}
    config = {
        "responseMimeType": "application/json",
        "responseJsonSchema": vision.SCHEMA,
        "maxOutputTokens": vision.MAX_TOKENS,
    }
    if not _model(settings).startswith(("gemini-1", "gemini-2")):  # those know only thinkingBudget
        config["thinkingConfig"] = {"thinkingLevel": "LOW"}
    return {
        "systemInstruction": {"parts": [{"text": vision.SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"inlineData": file}, {"text": document.prompt}]}],
        "generationConfig": config,
    }


def _classify(answer: Answer, client: Client) -> Failure | None:
    body = dig(answer.body, 0) if isinstance(answer.body, list) else answer.body
    vendor_message = dig(body, "error", "message")
    details = dig_list(body, "error", "details")
    if any(dig(detail, "reason") == "API_KEY_INVALID" for detail in details):  # with HTTP 400
        advice = "does not accept the key; check GEMINI_API_KEY"
        return client.failure("bad_key", advice, vendor_message)
    if answer.status == 400 and "input image" in str(vendor_message):  # nothing else tells
        return vision.bad_image(client, vendor_message)
    quotas = [dig(part, "quotaId") for d in details for part in dig_list(d, "violations")]
    if answer.status == 429 and any("PerDay" in str(quota) for quota in quotas):
        advice = "reports that the quota of the day is used up; try again tomorrow"
        return client.failure("quota", advice, vendor_message)
    if answer.status == 200 and _is_empty(body):
        advice = "answered nothing; try again, or set GEMINI_MODEL to another model"
        return client.failure("bad_answer", advice, retry=True, billed=True)
    return client.status_failure(answer, vendor_message, delay=_delay(details))


def _is_empty(body: object) -> bool:
    """Whether it stopped regularly without a word, which happens now and then."""
    finished = dig(body, "candidates", 0, "finishReason") == "STOP"
    return finished and not _text(body).strip()


def _delay(details: list[Any]) -> float | None:
    """Seconds to wait, which Gemini sends as "36s" in the body; None where it does not."""
    for detail in details:
        delay = dig(detail, "retryDelay")
        if isinstance(delay, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?s", delay, re.ASCII):
            return float(delay[:-1])
    return None


def _text(body: object) -> str:
    parts = dig_list(body, "candidates", 0, "content", "parts")
    texts = [dig(part, "text") for part in parts if not dig(part, "thought")]
    return "".join(text for text in texts if isinstance(text, str))


def _content(body: object, client: Client) -> str:
    """The text of the first candidate. Raises ProviderError for a refusal or a cut answer."""
    candidate = dig(body, "candidates", 0)
    blocked = dig(body, "promptFeedback", "blockReason")
    if candidate is None and not blocked:
        raise client.not_its_api()
    reason = dig(candidate, "finishReason")
    if reason in ("MAX_TOKENS", "CONTINUATION"):
        raise vision.truncated(GEMINI)
    if candidate is None or reason not in (None, "STOP", "FINISH_REASON_UNSPECIFIED"):
        raise vision.refused(client, f"reason {blocked or reason}")
    return _text(body)


ocr = vision.ChatApi(
    GEMINI,
    url=_url,
    headers=lambda settings: {"x-goog-api-key": GEMINI.key(settings)},  # ?key= would be logged
    request=_request,
    classify=_classify,
    content=_content,
    reads_pdf=lambda _: True,
).ocr
