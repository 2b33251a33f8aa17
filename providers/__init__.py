"""All providers by name. A new one needs a module, a line here, a test file and a README row."""

from dataclasses import replace
from types import ModuleType

from engines import runtimes
from providers import (
    gemini,
    llama,
    mistral,
    openai,
    paddle,
    paddle_api,
    tabscanner,
    tesseract,
    textract,
    xai,
)
from providers.base import Provider


def _remote(module: ModuleType) -> Provider:
    """A provider whose module has these four functions, and which reads no codes itself."""
    return Provider(
        module.ocr, module.unavailable, "remote", module.model, module.sends_to, wants_codes=True
    )


PROVIDERS: dict[str, Provider] = {  # in the order of the API reference
    "paddle-ocr-local": Provider(
        paddle.ocr,
        paddle.unavailable,
        model=paddle.model,
        runs_on=runtimes.runs_on,
        warm=paddle.warm,
    ),
    "tesseract": Provider(tesseract.ocr, tesseract.unavailable, model=tesseract.model),
    "llama-cpp": replace(_remote(llama), kind="local"),
    "gemini": _remote(gemini),
    "openai": replace(_remote(openai), ends_on=openai.ends_on),
    "mistral": _remote(mistral),
    "xai-grok": _remote(xai),
    "tab-scanner": _remote(tabscanner),
    "aws-textract": _remote(textract),
    "paddle-ocr-api": _remote(paddle_api),
}
