"""All providers by name. A new one needs a module, a line here, a test file and a README row."""

from engines import paddle_models
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

PROVIDERS: dict[str, Provider] = {  # in the order of the API reference
    "paddle-ocr-local": Provider(
        paddle.ocr,
        paddle.unavailable,
        "local",
        paddle.model,
        runs_on=paddle_models.runs_on,
        warm=paddle.warm,
    ),
    "tesseract": Provider(tesseract.ocr, tesseract.unavailable, "local", tesseract.model),
    "llama-cpp": Provider(llama.ocr, llama.unavailable, "local", llama.model, llama.sends_to, True),
    "gemini": Provider(
        gemini.ocr, gemini.unavailable, "remote", gemini.model, gemini.sends_to, True
    ),
    "openai": Provider(
        openai.ocr,
        openai.unavailable,
        "remote",
        openai.model,
        openai.sends_to,
        True,
        openai.ends_on,
    ),
    "mistral": Provider(
        mistral.ocr, mistral.unavailable, "remote", mistral.model, mistral.sends_to, True
    ),
    "xai-grok": Provider(xai.ocr, xai.unavailable, "remote", xai.model, xai.sends_to, True),
    "tab-scanner": Provider(
        tabscanner.ocr,
        tabscanner.unavailable,
        "remote",
        tabscanner.model,
        tabscanner.sends_to,
        True,
    ),
    "aws-textract": Provider(
        textract.ocr, textract.unavailable, "remote", textract.model, textract.sends_to, True
    ),
    "paddle-ocr-api": Provider(
        paddle_api.ocr,
        paddle_api.unavailable,
        "remote",
        paddle_api.model,
        paddle_api.sends_to,
        True,
    ),
}
