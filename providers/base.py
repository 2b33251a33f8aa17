"""What a provider is; each provider module offers these functions of the settings."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from engines import decoder
from result import OcrResult, ProviderError, Receipt
from settings import Settings

AnyReceipt = TypeVar("AnyReceipt", bound=Receipt)


@dataclass(frozen=True)
class Provider:
    """A way to read receipts. `unavailable` gives the reason why it cannot run, None if it can."""

    ocr: Callable[[Path, Settings], OcrResult]
    unavailable: Callable[[Settings], str | None]
    kind: Literal["local", "remote"] = "local"
    model: Callable[[Settings], str | None] = lambda _: None
    sends_to: Callable[[Settings], str | None] = lambda _: None  # host; None: stays on this machine
    warm: Callable[[Settings], None] = lambda _: None  # begins to load its engine; returns at once


def available(providers: Mapping[str, Provider], settings: Settings) -> list[str]:
    """The names of those that can run here."""
    return [name for name, provider in providers.items() if not provider.unavailable(settings)]


def available_here(providers: Mapping[str, Provider], settings: Settings) -> str | None:
    """The first that can run and sends nothing away, which is the most accurate; None: none."""
    names = available(providers, settings)
    return next((name for name in names if not providers[name].sends_to(settings)), None)


def read(provider: Provider, path: Path, settings: Settings) -> OcrResult:
    """What the provider reads from a file, with the warning `cut_short` where it lacks its end."""
    result = provider.ocr(path, settings)
    with suppress(ProviderError):  # what was read, and perhaps paid for, is not lost over this
        if decoder.is_cut_short(path, settings):
            receipts = tuple(map(_cut_short, result.receipts))
            return replace(result, receipt=_cut_short(result.receipt), receipts=receipts)
    return result


def _cut_short(receipt: AnyReceipt) -> AnyReceipt:
    return replace(receipt, warnings=(*receipt.warnings, "cut_short"))
