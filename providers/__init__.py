"""Which providers are there? A new one: a module, a line here, a test file, a README row."""

from providers import paddle, tesseract
from providers.base import Provider

PROVIDERS: dict[str, Provider] = {
    "paddle-ocr-local": Provider(paddle.ocr, paddle.unavailable, "local", paddle.model),
    "tesseract": Provider(tesseract.ocr, tesseract.unavailable, "local", tesseract.model),
}
