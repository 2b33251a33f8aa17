"""How is a result waited for that a vendor has not made yet?"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from providers.base import ProviderError

T = TypeVar("T")


def poll(ask: Callable[[], T | None], waits_s: Iterable[float], deadline: float, name: str) -> T:
    """What `ask` answers once that is not None, asked after each of the endless `waits_s`.

    `deadline` is on the clock of time.monotonic(). Raises ProviderError timeout instead of waiting
    beyond it.
    """
    for wait in waits_s:
        if time.monotonic() + wait >= deadline:
            break
        time.sleep(wait)
        if (result := ask()) is not None:
            return result
    raise ProviderError(
        "timeout", f"{name} was still reading at OCR_TIMEOUT_S; try again later or raise it"
    )
