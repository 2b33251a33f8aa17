"""How does Google's Gemini read a receipt?

GEMINI_API_KEY, GEMINI_BASE_URL (without the version), GEMINI_MODEL. It reads PDF itself. Contract:
Google's descriptors and google-genai 3.4.0 (read 2026-11-23).
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from providers.http import (
    Answer,
    Failure,
    Vendor,
    dig,
    dig_list,
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

GEMINI = Vendor(
    name="Gemini",
    key_variable="GEMINI_API_KEY",
    url_variable="GEMINI_BASE_URL",
    model_variable="GEMINI_MODEL",
)
unavailable, model, sends_to = GEMINI.unavailable, GEMINI.model, GEMINI.host


def ocr(image: Path, settings: Settings) -> OcrResult:
    return ask(
        GEMINI,
        image,
        settings,
        url=_url(settings),
        headers={"x-goog-api-key": GEMINI.key(settings)},  # never ?key=: URLs end up in logs
        request=lambda document: _request(document, settings),
        judge=lambda answer: _judge(answer, settings),
        content=lambda body: _content(body, settings),
        pdf=True,
    )


def _model(settings: Settings) -> str:
    return (GEMINI.model(settings) or "").removeprefix("models/")


def _url(settings: Settings) -> str:
    base = GEMINI.url(settings).removesuffix("/v1beta")  # v1 lacks the gemini-*-latest names
    return f"{base}/v1beta/models/{quote(_model(settings), safe='')}:generateContent"


def _request(document: Document, settings: Settings) -> dict[str, Any]:
    file = {"mimeType": document.media_type, "data": document.base64}
    config = {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
        "maxOutputTokens": MAX_TOKENS,
    }
    if not _model(settings).startswith(("gemini-1", "gemini-2")):  # those know only thinkingBudget
        config["thinkingConfig"] = {"thinkingLevel": "LOW"}
    return {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"inlineData": file}, {"text": PROMPT}]}],
        "generationConfig": config,
    }


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    body = dig(answer.body, 0) if isinstance(answer.body, list) else answer.body
    error = dig(body, "error")
    said, details = dig(error, "message"), dig_list(error, "details")
    if any(dig(detail, "reason") == "API_KEY_INVALID" for detail in details):  # a 400
        advice = "does not accept the key; check GEMINI_API_KEY"
        return failure(GEMINI, settings, "bad_key", advice, said)
    if answer.status == 400 and "input image" in str(said):  # nothing else tells it from other 400s
        return failure(GEMINI, settings, "bad_image", "cannot read the image; send another", said)
    if answer.status == 200 and _is_empty(body):
        advice = "answered nothing; try again, or set GEMINI_MODEL to another model"
        return failure(GEMINI, settings, "bad_answer", advice, retry=True, billed=True)
    return http_failure(GEMINI, answer, settings, said, delay=_delay(details, answer))


def _is_empty(body: object) -> bool:
    """It stopped of its own accord without a word, which it now and then does."""
    finished = dig(body, "candidates", 0, "finishReason") == "STOP"
    return finished and not _text(body).strip()


def _delay(details: list[Any], answer: Answer) -> float | None:
    """Seconds to wait: Gemini says "36s" in the body where others send a header."""
    for detail in details:
        delay = dig(detail, "retryDelay")
        if isinstance(delay, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?s", delay, re.ASCII):
            return float(delay[:-1])
    return retry_after(answer.headers)


def _text(body: object) -> str:
    parts = dig_list(body, "candidates", 0, "content", "parts")
    texts = [dig(part, "text") for part in parts if not dig(part, "thought")]
    return "".join(text for text in texts if isinstance(text, str))


def _content(body: object, settings: Settings) -> str:
    """The text of the first candidate. Raises ProviderError for a refusal or a cut answer."""
    candidate = dig(body, "candidates", 0)
    blocked = dig(body, "promptFeedback", "blockReason")
    if candidate is None and not blocked:
        raise not_its_api(GEMINI)
    reason = dig(candidate, "finishReason")
    if reason in ("MAX_TOKENS", "CONTINUATION"):
        raise truncated(GEMINI)
    if candidate is None or reason not in (None, "STOP", "FINISH_REASON_UNSPECIFIED"):
        raise refused(GEMINI, settings, f"reason {blocked or reason}")
    return _text(body)
