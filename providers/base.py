"""A provider: how to run it, and why it cannot run here.

Every provider module offers `ocr(image, settings)` and `unavailable(settings)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from result import OcrResult
from settings import Settings


@dataclass(frozen=True)
class Provider:
    """An OCR engine: how to run it, and why it cannot run here (None when it can)."""

    ocr: Callable[[Path, Settings], OcrResult]
    unavailable: Callable[[Settings], str | None]
    kind: Literal["local", "remote"] = "local"
    model: Callable[[Settings], str | None] = lambda _: None
    sends_to: Callable[[Settings], str | None] = lambda _: None  # host; None: stays on this machine
