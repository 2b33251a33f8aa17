"""Reads receipts with a vision model that one runs oneself, through llama.cpp.

Either a llama-server answers at LLAMA_CPP_BASE_URL (with or without /v1; LLAMA_CPP_API_KEY and
LLAMA_CPP_MODEL if it wants them), or llama-cpp-python runs LLAMA_CPP_MODEL_PATH with
LLAMA_CPP_MMPROJ_PATH on this machine, on LLAMA_CPP_THREADS threads, one receipt at a time. A model
that only transcribes, by its name, gets the prompt it was trained on, and no schema.
Contract: llama.cpp's tools/server/README.md and server-common.cpp, llama-cpp-python 0.3.36 (read
2026-11-26).
"""

import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines import process
from providers import vision
from providers.http import Answer, Client, Clock, Failure, Vendor
from providers.json_answer import dig
from providers.openai import RESPONSE_FORMAT, messages, read_chat
from providers.pages import join_pages
from result import OcrResult, ProviderError
from settings import Settings, deadline

SERVER = Vendor(
    "llama-server",
    "LLAMA_CPP_API_KEY",
    "LLAMA_CPP_BASE_URL",
    "LLAMA_CPP_MODEL",
    key_optional=True,
    is_free=True,
)
IN_PROCESS = Vendor("llama.cpp", "", "", "LLAMA_CPP_MODEL_PATH")
FILES = ("LLAMA_CPP_MODEL_PATH", "LLAMA_CPP_MMPROJ_PATH")
# What models that only transcribe are asked, by a part of their name: the prompts of glmocr 0.1.5's
# config.yaml and of paddlex 3.7.2's pipelines/paddleocr_vl/pipeline.py.
TRANSCRIBERS = {"glm-ocr": "Text Recognition:", "paddleocr-vl": "OCR:"}
LOADING_PAUSE_S = 1.0
MAX_LOADING_TRIES = 3600
sends_to = SERVER.host


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
    return Path(settings.llama_cpp_model_path).stem or None


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    if SERVER.url(settings):
        return SERVER_API.ocr(image, settings, clock)
    return _read_in_process(image, settings, deadline(settings))


def _transcriber_prompt(settings: Settings) -> str | None:
    """The prompt of a model that only transcribes; None for a model that fills in fields."""
    name = (model(settings) or "").lower()
    return next((prompt for part, prompt in TRANSCRIBERS.items() if part in name), None)


def _messages(document: vision.Document, settings: Settings) -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": document.data_url}}
    if prompt := _transcriber_prompt(settings):
        return [{"role": "user", "content": [image, {"type": "text", "text": prompt}]}]
    return messages(document, image)


def _reader(settings: Settings) -> Callable[..., OcrResult]:
    return vision.read_transcript if _transcriber_prompt(settings) else vision.read_answer


# A llama-server


def _url(settings: Settings) -> str:
    return f"{SERVER.url(settings).removesuffix('/v1')}/v1/chat/completions"


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    form = {} if _transcriber_prompt(settings) else {"response_format": RESPONSE_FORMAT}
    return {
        "model": SERVER.model(settings) or "local",
        "max_tokens": vision.MAX_TOKENS,
        "temperature": 0,
        "cache_prompt": False,
        "messages": _messages(document, settings),
        **form,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def _classify(answer: Answer, client: Client) -> Failure | None:
    error = dig(answer.body, "error")
    vendor_message, kind = dig(error, "message"), dig(error, "type")
    if answer.status == 503 and kind == "unavailable_error":
        advice = "is still loading its model; try again later"
        wait = {"retry": True, "delay": LOADING_PAUSE_S, "tries": MAX_LOADING_TRIES}
        return client.failure("server_error", advice, **wait)
    if kind == "exceed_context_size_error":
        advice = "has no room for this image; start it with a larger --ctx-size"
        return client.failure("too_large", advice, vendor_message)
    if answer.status == 500 and "image input is not supported" in str(vendor_message):
        advice = "cannot see images; start it with --mmproj and the file of its model"
        return client.failure("not_configured", advice, vendor_message)
    return client.status_failure(answer, vendor_message)


SERVER_API = vision.ChatApi(
    SERVER,
    url=_url,
    headers=SERVER.bearer,
    request=_request,
    classify=_classify,
    content=read_chat,
    reader=_reader,
    read_timeout_s=float("inf"),  # minutes of silence are normal: up to the deadline
)


# llama-cpp-python


_one_at_a_time = threading.Lock()  # a second model in memory would be one too many


def _read_in_process(image: Path, settings: Settings, deadline: float) -> OcrResult:
    left_s = max(0.0, deadline - time.monotonic())
    if not _one_at_a_time.acquire(timeout=min(left_s, threading.TIMEOUT_MAX)):
        message = "other receipts kept the model busy until OCR_TIMEOUT_S; try again later"
        raise ProviderError("timeout", message)
    try:
        pages = vision.documents(image, settings, deadline, pdf=False)
        return join_pages([_read(document, settings, deadline) for document in pages])
    finally:
        _one_at_a_time.release()


def _read(document: vision.Document, settings: Settings, deadline: float) -> OcrResult:
    paths = [settings[variable] for variable in FILES]
    content, reason = process.run(
        "engines.llama",
        "generate",
        _messages(document, settings),
        None if _transcriber_prompt(settings) else vision.SCHEMA,
        vision.MAX_TOKENS,
        *paths,
        settings.llama_cpp_threads,
        deadline=deadline,
    )
    if reason == "length":
        raise vision.truncated(IN_PROCESS)
    read = _reader(settings)
    return read(IN_PROCESS, content, document, model=Path(paths[0]).stem, raw=None)
