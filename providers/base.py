"""What a provider is; each provider module offers these functions of the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from result import OcrResult
from settings import Settings


@dataclass(frozen=True)
class Provider:
    """A way to read receipts. `unavailable` gives the reason why it cannot run, None if it can."""

    ocr: Callable[[Path, Settings], OcrResult]
    unavailable: Callable[[Settings], str | None]
    kind: Literal["local", "remote"] = "local"
    model: Callable[[Settings], str | None] = lambda _: None
    sends_to: Callable[[Settings], str | None] = lambda _: None  # host; None: stays on this machine
