"""Has pictures and PDFs checked and decoded in child processes, by engines/images.py.

A file of 38 bytes may unfold to a gigabyte, and one of 3 kB keep a decoder busy for ever. So the
server decodes nothing itself; how many children do at once is limited.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from engines import process
from result import Code, ProviderError, Rows
from settings import Settings

PDF = "application/pdf"
FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "GIF", "BMP", "AVIF", "HEIC", "PDF")  # of uploads
CHECK_S = 20
CUT_SHORT_SHARE = 0.05  # of its rows
BUSY = "other files kept the decoders busy until OCR_TIMEOUT_S; try again later"

_checks = threading.BoundedSemaphore(2)
_previews = threading.BoundedSemaphore(2)  # its own, so that previews keep no upload waiting
_decodings: dict[int, threading.BoundedSemaphore] = {}  # by how many may decode at once


class Sizes(NamedTuple):
    """What a vendor takes at most. A long receipt may exceed `long_side`; see images.jpeg."""

    long_side: int = 2048  # pixels
    short_side: int = 720
    hard_side: int = 65_000
    max_bytes: int = 7_000_000


class Jpeg(NamedTuple):
    """A page as remote engines get it."""

    data: bytes
    size: tuple[int, int]  # width and height of the JPEG in pixels
    width: int  # of the page in pixels, which the JPEG itself may have fewer of
    height: int


def check(path: Path, settings: Settings) -> str:
    """The media type of a file that can be read. Raises ProviderError bad_image or too_large."""
    try:
        return str(_at_once("check", path, settings.limits, settings=settings))
    except ProviderError as error:
        if error.code not in ("timeout", "engine_crashed"):
            raise
        raise ProviderError(
            "bad_image", f"it cannot be opened within {CHECK_S} s; print it to a new PDF or JPEG"
        ) from error


def is_cut_short(path: Path, settings: Settings) -> bool:
    """Whether a picture lacks its end, and with it more than a twentieth of its rows."""
    return bool(_at_once("missing_share", path, settings=settings) > CUT_SHORT_SHARE)


def codes(path: Path, settings: Settings) -> list[Code]:
    """The bar codes and QR codes of a file. Raises ProviderError where it cannot be decoded."""
    return list(_at_once("codes", path, settings.limits, settings=settings))


def preview(
    path: Path, number: int, width: int, settings: Settings, seconds: float = CHECK_S
) -> bytes | None:
    """A page as an upright JPEG, at most `width` pixels wide; None where there is no such page.

    Raises ProviderError where it is damaged, takes more memory than OCR_MEMORY_MB or more seconds.
    """
    page = partial(_at_once, "preview", path, number, width, settings.limits)
    jpeg: bytes | None = page(settings=settings, seconds=seconds, turns=_previews)
    return jpeg


def _at_once(
    function: str,
    *args: Any,
    settings: Settings,
    seconds: float = CHECK_S,
    turns: threading.BoundedSemaphore = _checks,
) -> Any:
    """A call at the server's own priority, since a person waits for it."""
    with turns:
        return process.run(
            "engines.images",
            function,
            *args,
            deadline=time.monotonic() + seconds,
            memory_mb=settings.ocr_memory_mb,
            niceness=0,
        )


def count_pdf_pages(path: Path, settings: Settings, deadline: float) -> int | None:
    """How many pages a PDF has, None for a picture."""
    count: int | None = _decoded(
        "count_pdf_pages", path, settings.limits, settings=settings, deadline=deadline
    )
    return count


def jpegs(path: Path, settings: Settings, deadline: float, **sizes: int) -> Iterator[Jpeg]:
    """Each page as a JPEG, decoded when its turn comes; `sizes` are the fields of Sizes."""
    decoded = partial(_decoded, settings=settings, deadline=deadline)
    for number in range(decoded("count_pages", path, settings.limits)):
        yield decoded("jpeg", path, number, Sizes(**sizes), settings.limits)


def text_rows(
    path: Path, knows: Callable[[str], bool], settings: Settings, deadline: float
) -> dict[int, Rows]:
    """The printed rows of a PDF's pages whose text is what they show, by number; see read_texts.

    Raises ProviderError after CHECK_S: a vendor may yet draw the page that takes so long here.
    """
    rows: dict[int, Rows] = _decoded(
        "read_texts",
        *(path, settings.limits, knows),
        settings=settings,
        deadline=min(deadline, time.monotonic() + CHECK_S),
        module="engines.reading",
    )
    return rows


def _decoded(
    function: str, *args: Any, settings: Settings, deadline: float, module: str = "engines.images"
) -> Any:
    """A call on behalf of an execution, of which as many decode at once as local ones read."""
    at_once = settings.ocr_workers or os.cpu_count() or 1
    turns = _decodings.setdefault(at_once, threading.BoundedSemaphore(at_once))
    if not turns.acquire(timeout=min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)):
        raise ProviderError("timeout", BUSY)
    try:
        return process.run(
            module, function, *args, deadline=deadline, memory_mb=settings.ocr_memory_mb
        )
    finally:
        turns.release()
