"""Checks uploaded pictures and PDFs, and decodes them into pages.

The content decides what a file is, never its name. Sizes are read from the header and checked
before anything is decoded. Pages are upright and RGB; boxes refer to those.
"""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pillow_heif
from PIL import Image, ImageOps

from engines import process
from result import ProviderError
from settings import Limits

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # our own check, from the header, comes before any decoding

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a phone's JPEG with a second picture behind it
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
OPENERS = [name for name in MEDIA_TYPES if name != "MPO"]  # Pillow opens it as a JPEG
START_OF_SCAN, END_OF_IMAGE = 0xDA, b"\xff\xd9"  # JPEG's markers (ITU-T T.81, table B.1)
LARGE_PIXELS = 25_000_000
PDF = "application/pdf"
ACCEPTED = "JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF, HEIC or PDF"
PDF_DPI = 200
PDF_NARROW_DPI = 300  # pages under 4 inches wide: a till roll's print is small
PDF_OPEN_S = 20
PDF_OPEN_BYTES = 1024**3
PDF_PAGE_PIXELS = 20_000_000  # a 14,400-point page must not become a gigabyte

_decoders = threading.BoundedSemaphore(2)
_large = threading.Lock()  # at MAX_IMAGE_PIXELS a PNG takes 400 MB, a WebP 1.5 GB
_pdfium = threading.Lock()  # PDFium is not thread-safe (pypdfium2's README, "Thread safety")


class Jpeg(NamedTuple):
    """A page as remote engines get it."""

    data: bytes
    width: int  # of the page in pixels, which the JPEG itself may have fewer of
    height: int


def check(path: Path, limits: Limits) -> str:
    """The media type of a file that can be read. Raises ProviderError bad_image."""
    if path.stat().st_size == 0:
        raise ProviderError("bad_image", "the file is empty; send it again")
    if is_pdf(path):
        _check_pdf(path, limits)
        return PDF
    with _open(path) as image:
        _check_frames(image, limits)
        large = image.width * image.height > LARGE_PIXELS
        with _large if large else nullcontext(), _decoders, _decoding():
            if image.format in ("JPEG", "MPO"):
                _check_jpeg(path.read_bytes())
            else:
                image.load()
                image.close()  # its pixels are freed before the next picture is decoded
        return MEDIA_TYPES[image.format or ""]


def _check_pdf(path: Path, limits: Limits) -> None:
    """Opened in a child that can be ended: 4 MB of PDF have been seen to unpack to 5 GB."""
    deadline = time.monotonic() + PDF_OPEN_S
    try:
        with _decoders:
            process.run("engines.images", "open_pdf", path, limits, deadline=deadline)
    except ProviderError as error:
        if error.code not in ("timeout", "engine_crashed"):
            raise
        raise ProviderError(
            "bad_image", "the PDF takes too much time or memory to open; print it to a new PDF"
        ) from error


def open_pdf(path: Path, limits: Limits) -> None:
    """Raises ProviderError as count_pages. Only in a child: its memory is limited from now on."""
    with suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (PDF_OPEN_BYTES, resource.RLIM_INFINITY))
    count_pages(path, limits)


def _check_jpeg(data: bytes) -> None:
    """Raises when a JPEG's tables are damaged or its end is missing.

    Decoding all of it finds hardly more, since libjpeg continues over damaged data: of 3,000 files
    cut or damaged at random, 19 were judged differently. This takes 5 ms instead of 100 at 40
    megapixels, 0.4 instead of 3.4 at 1.6.
    """
    marker = data.index(b"\xff", 2)
    while data[marker + 1] != START_OF_SCAN:
        is_padding = data[marker + 1] == 0xFF
        size = -1 if is_padding else int.from_bytes(data[marker + 2 : marker + 4])
        marker = data.index(b"\xff", marker + 2 + size)
    if data.rfind(END_OF_IMAGE, marker) < 0:
        raise OSError("its end is missing")
    beginning = BytesIO(data[: marker + 8192] + END_OF_IMAGE)  # libjpeg fills the rest with grey
    with Image.open(beginning, formats=["JPEG"]) as image:
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()


def is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n\0").startswith(b"%PDF-")


def count_pages(path: Path, limits: Limits) -> int:
    """How many pages a PDF has. Raises ProviderError if it is locked, damaged or too long."""
    with _pdf(path) as pdf:
        count = len(pdf)
    _check_page_count(count, limits.pages)
    return count


def pages(path: Path, limits: Limits) -> Iterator[Image.Image]:
    """The pages, upright, in RGB, one at a time. Raises ProviderError for damaged ones."""
    if is_pdf(path):
        yield from _pdf_pages(path, limits)
        return
    with _open(path) as image:
        count = _check_frames(image, limits)
        for number in range(count):
            with _decoding():
                image.seek(number)
                image.load()
                page = _upright(image if count == 1 else image.copy())
            yield page


def jpegs(
    path: Path,
    limits: Limits,
    *,
    long_side: int = 2048,
    short_side: int = 720,
    hard_side: int = 65_000,
    max_bytes: int = 7_000_000,
) -> Iterator[Jpeg]:
    """Each page as a JPEG without metadata, its long side at most `long_side` pixels.

    Print must stay readable: a metre-long receipt keeps `short_side` pixels of width (or its own,
    if less) and may be longer than `long_side`, but never than the vendor's `hard_side`.
    """
    for page in pages(path, limits):
        long, short = max(page.size), min(page.size)
        scale = min(1.0, max(long_side / long, short_side / short), hard_side / long)
        size = (max(1, round(page.width * scale)), max(1, round(page.height * scale)))
        smaller = page.resize(size, Image.Resampling.LANCZOS) if scale < 1 else page
        yield Jpeg(_jpeg(smaller, max_bytes), *page.size)


def _jpeg(page: Image.Image, max_bytes: int) -> bytes:
    for quality in (88, 75, 60, 40):
        buffer = BytesIO()
        # No exif=, so no GPS goes out; a comment would, of itself.
        page.save(buffer, "JPEG", quality=quality, comment=b"")
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise ProviderError(
        "too_large",
        f"the page stays above this provider's limit of {max_bytes} bytes; send a smaller photo",
    )


@contextmanager
def _decoding() -> Iterator[None]:
    """Decoders raise anything on hostile bytes: OSError, SyntaxError, struct.error, EOFError."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError(
            "bad_image",
            f"the image is damaged or cut short ({error}); send the original file again",
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    try:
        image = Image.open(path, formats=OPENERS)
    except Exception as error:
        raise ProviderError(
            "bad_image", f"its content is not a picture we can read; send {ACCEPTED}"
        ) from error
    with image:
        yield image


def _check_frames(image: Image.Image, limits: Limits) -> int:
    """How many pages the image has: the frames of a TIFF, else 1 (animations show their first)."""
    count = 0
    try:
        for count in range(1, limits.pages + 2 if image.format == "TIFF" else 2):
            image.seek(count - 1)
            _check_pixels(image.size, limits.pixels)
    except EOFError:
        count -= 1
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError("bad_image", f"page {count} is damaged ({error})") from error
    _check_page_count(count, limits.pages)
    image.seek(0)
    return count


def _check_pixels(size: tuple[int, int], limit: int) -> None:
    if size[0] * size[1] > limit:
        raise ProviderError(
            "bad_image",
            f"it has {size[0]} x {size[1]} pixels, at most {limit} are read; send a smaller one",
        )


def _check_page_count(count: int, limit: int) -> None:
    if count > limit:
        found = f"more than {limit}" if count == limit + 1 else str(count)
        raise ProviderError(
            "bad_image",
            f"it has {found} pages, at most {limit} are read; split it into several files",
        )
    if count == 0:
        raise ProviderError("bad_image", "it has no pages; send a file with at least one")


def _upright(image: Image.Image) -> Image.Image:
    """The image in RGB as a person sees it: turned by EXIF, transparency on white paper.

    It may be the image itself: a copy of 40 megapixels takes 160 MB.
    """
    upright = _turned(image)
    if upright.mode.startswith("I;16") or upright.mode == "I":
        return upright.convert("I").point(lambda value: value / 256).convert("RGB")
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        paper = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(paper, upright.convert("RGBA")).convert("RGB")
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _turned(image: Image.Image) -> Image.Image:
    with suppress(Exception):  # a broken EXIF block is no reason to refuse the picture
        ImageOps.exif_transpose(image, in_place=True)
    return image


@contextmanager
def _pdf(path: Path) -> Iterator[Any]:
    import pypdfium2  # 4 MiB

    with _pdfium:
        try:
            pdf = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            what = "needs a password" if "assword" in str(error) else f"cannot be opened ({error})"
            raise ProviderError(
                "bad_image", f"the PDF {what}; send an unlocked, complete PDF"
            ) from error
        try:
            yield pdf
        finally:
            pdf.close()


def _pdf_pages(path: Path, limits: Limits) -> Iterator[Image.Image]:
    for number in range(count_pages(path, limits)):
        with _pdf(path) as pdf, _decoding():  # the lock is not held while an engine reads the page
            page = pdf[number]
            width, height = page.get_size()
            dpi = PDF_NARROW_DPI if width < 4 * 72 else PDF_DPI
            scale = min(dpi / 72, (PDF_PAGE_PIXELS / max(1.0, width * height)) ** 0.5)
            picture = page.render(scale=scale).to_pil().convert("RGB")
            page.close()
        yield picture
