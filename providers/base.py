"""A provider: how to run it, and why it cannot run here.

Every provider module offers `ocr(image, env) -> OcrResult` and `unavailable(env) -> str | None`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from result import OcrResult
from settings import Env


@dataclass(frozen=True)
class Provider:
    """An OCR engine: how to run it, and why it cannot run here (None when it can)."""

    ocr: Callable[[Path, Env], OcrResult]
    unavailable: Callable[[Env], str | None]
    kind: Literal["local", "remote"] = "local"
    model: Callable[[Env], str | None] = lambda env: None
    sends_to: Callable[[Env], str | None] = lambda env: None  # host; None: stays on this machine
