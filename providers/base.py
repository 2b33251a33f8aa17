"""What a provider is; each provider module offers these functions of the settings."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from engines import decoder
from fields.exact import owned, with_codes
from result import Code, OcrResult, ProviderError, listed, with_receipts
from settings import Settings


@dataclass(frozen=True)
class Provider:
    """A way to read receipts. `unavailable` gives the reason why it cannot run, None if it can."""

    ocr: Callable[[Path, Settings], OcrResult]
    unavailable: Callable[[Settings], str | None]
    kind: Literal["local", "remote"] = "local"
    model: Callable[[Settings], str | None] = lambda _: None
    sends_to: Callable[[Settings], str | None] = lambda _: None  # host; None: stays on this machine
    wants_codes: bool = False  # it reads no bar codes and QR codes itself
    # The model's last day; if the second is true the vendor is asked, else it is what was known.
    ends_on: Callable[[Settings, bool], str | None] = lambda *_: None
    runs_on: Callable[[], str | None] = lambda: None  # the library that runs its models here
    warm: Callable[[Settings], None] = lambda _: None  # begins to load its engine; returns at once


def available(providers: Mapping[str, Provider], settings: Settings) -> list[str]:
    """The names of those that can run here."""
    return [name for name, provider in providers.items() if not provider.unavailable(settings)]


def available_here(providers: Mapping[str, Provider], settings: Settings) -> str | None:
    """The first that can run and sends nothing away: the most accurate of these, or None."""
    names = available(providers, settings)
    return next((name for name in names if not providers[name].sends_to(settings)), None)


def read(provider: Provider, path: Path, settings: Settings) -> OcrResult:
    """What the provider reads from a file, with what is added for every provider.

    That is what the file's codes say, and the warning `cut_short` where its end is missing.
    """
    result = provider.ocr(path, settings)
    with suppress(ProviderError):  # what was read, and perhaps paid for, is not lost over this
        if provider.wants_codes:
            result = _with_codes(result, decoder.codes(path, settings))
    with suppress(ProviderError):
        if decoder.is_cut_short(path, settings):
            receipts = listed(result)
            cut = (replace(r, warnings=(*r.warnings, "cut_short")) for r in receipts)
            return with_receipts(result, cut)
    return result


def _with_codes(result: OcrResult, codes: Sequence[Code]) -> OcrResult:
    receipts, today = listed(result), date.today()
    owners = zip(receipts, owned(receipts, codes), strict=True)
    exact = (with_codes(receipt, own, today) for receipt, own in owners)
    return replace(with_receipts(result, exact), codes=tuple(codes))
