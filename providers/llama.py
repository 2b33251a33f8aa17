"""How does a vision model of your own read a receipt, through llama.cpp?

Either a llama-server answers at LLAMA_CPP_BASE_URL (with or without /v1; LLAMA_CPP_API_KEY and
LLAMA_CPP_MODEL where it wants them), or llama-cpp-python runs LLAMA_CPP_MODEL_PATH with
LLAMA_CPP_MMPROJ_PATH here, on LLAMA_CPP_THREADS (1) threads, one receipt at a time. Contract:
llama.cpp's tools/server/README.md and server-common.cpp, llama-cpp-python 0.3.36 (2026-11-23).
"""

import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines import process
from providers.http import Answer, Failure, Vendor, dig, failure, http_failure
from providers.openai import read_chat
from providers.pages import join_pages
from providers.vision import (
    MAX_TOKENS,
    PROMPT,
    SCHEMA,
    SYSTEM,
    Document,
    ask,
    documents,
    read_answer,
    truncated,
)
from result import OcrResult, ProviderError
from settings import Settings, deadline

SERVER = Vendor(
    name="llama-server",
    key_variable="LLAMA_CPP_API_KEY",
    url_variable="LLAMA_CPP_BASE_URL",
    model_variable="LLAMA_CPP_MODEL",
    key_optional=True,
)
HERE = Vendor("llama.cpp", "", "", model_variable="LLAMA_CPP_MODEL_PATH")
FILES = ("LLAMA_CPP_MODEL_PATH", "LLAMA_CPP_MMPROJ_PATH")
LOADING_PAUSE_S = 1.0


def unavailable(settings: Settings) -> str | None:
    if SERVER.url(settings):
        return SERVER.unavailable(settings)
    if not any(settings[variable] for variable in FILES):
        return f"LLAMA_CPP_BASE_URL is not set, nor are {FILES[0]} and {FILES[1]}"
    for variable in FILES:
        if not (path := settings[variable]):
            return f"{variable} is not set"
        if not Path(path).is_file():
            return f"{variable} names no file: {path}"
    if find_spec("llama_cpp") is None:
        return (
            "llama-cpp-python is not installed; `pip install -r requirements-llama.txt` builds it "
            "(it needs a C++ compiler and cmake)"
        )
    return None


def model(settings: Settings) -> str | None:
    if SERVER.url(settings):
        return SERVER.model(settings)
    path = settings.llama_cpp_model_path
    return Path(path).stem if path else None


def sends_to(settings: Settings) -> str | None:
    return SERVER.host(settings)


def ocr(image: Path, settings: Settings) -> OcrResult:
    return _ask_server(image, settings) if SERVER.url(settings) else _ask_here(image, settings)


# A llama-server


def _ask_server(image: Path, settings: Settings) -> OcrResult:
    base = SERVER.url(settings).removesuffix("/v1")
    key = SERVER.key(settings)
    return ask(
        SERVER,
        image,
        settings,
        url=f"{base}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        request=lambda document: _request(document, settings),
        judge=lambda answer: _judge(answer, settings),
        content=lambda body: read_chat(SERVER, settings, body),
        read_timeout_s=float("inf"),  # minutes of silence are normal: up to the deadline
    )


def _request(document: Document, settings: Settings) -> dict[str, Any]:
    return {
        "model": SERVER.model(settings) or "local",
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
        "cache_prompt": False,
        "messages": _messages(document.data_url),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": SCHEMA},
        },
        "chat_template_kwargs": {"enable_thinking": False},
    }


def _messages(data_url: str) -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": data_url}}
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}, image]},
    ]


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    said, kind = dig(answer.body, "error", "message"), dig(answer.body, "error", "type")
    if answer.status == 503 and kind == "unavailable_error":
        advice = "is still loading its model; try again later"
        wait = {"retry": True, "delay": LOADING_PAUSE_S, "tries": 3600}
        return failure(SERVER, settings, "server_error", advice, **wait)
    if kind == "exceed_context_size_error":
        advice = "has no room for this image; start it with a larger --ctx-size"
        return failure(SERVER, settings, "too_large", advice, said)
    if answer.status == 500 and "image input is not supported" in str(said):
        advice = "cannot see images; start it with --mmproj and the file of its model"
        return failure(SERVER, settings, "not_configured", advice, said)
    return http_failure(SERVER, answer, settings, said)


# llama-cpp-python


_one_at_a_time = threading.Lock()  # a second model in memory would be one too many


def _ask_here(image: Path, settings: Settings) -> OcrResult:
    ends = deadline(settings)
    if not _one_at_a_time.acquire(
        timeout=min(max(0.0, ends - time.monotonic()), threading.TIMEOUT_MAX)
    ):
        raise ProviderError(
            "timeout", "other receipts were before this one until OCR_TIMEOUT_S; try again later"
        )
    try:
        return join_pages(
            [_read(document, settings, ends) for document in documents(image, settings, pdf=False)]
        )
    finally:
        _one_at_a_time.release()


def _read(document: Document, settings: Settings, ends: float) -> OcrResult:
    paths = [settings[variable] for variable in FILES]
    content, reason = process.run(
        "engines.llama",
        "generate",
        _messages(document.data_url),
        SCHEMA,
        MAX_TOKENS,
        *paths,
        settings.llama_cpp_threads,
        deadline=ends,
    )
    if reason == "length":
        raise truncated(HERE)
    return read_answer(HERE, content, document, model=Path(paths[0]).stem, raw=None)
