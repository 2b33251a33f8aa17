"""Checks pictures and PDFs, and decodes them into pages. Runs in child processes only.

The content decides what a file is, never its name. Sizes are read from the header and checked
before anything is decoded. What lacks its end is decoded as far as it goes. Pages are upright and
RGB; boxes refer to those.
"""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFile, ImageOps

from engines.codes import find_codes
from engines.decoder import FORMATS, PDF, Jpeg, Sizes
from result import Code, ProviderError
from settings import Limits

with suppress(ImportError):  # may be left out, for its wheel has x265 (GPL-2.0): docs/licences.md
    import pillow_heif

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
HAS_HEIC = "HEIF" in Image.OPEN
OPENERS = [name for name in MEDIA_TYPES if name != "MPO" and (HAS_HEIC or name != "HEIF")]
HEIC = re.compile(rb".{4}ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", re.DOTALL)  # ISO 23008-12
NO_HEIC = "it is a HEIC, and pillow-heif is not installed; send a JPEG, or pip install pillow-heif"
START_OF_SCAN, END_OF_IMAGE = 0xDA, b"\xff\xd9"  # JPEG's markers (ITU-T T.81, table B.1)
JPEG = ("JPEG", "MPO")
ALL_OR_NOTHING = ("WEBP", "AVIF", "HEIF")  # their decoders give no part of a picture
NEW_SUBFILE_TYPE, REDUCED = 254, 1  # TIFF 6.0, section 8
DNG_VERSION = 50706  # a tag of Adobe's DNG 1.7
MAX_FRAMES = 1000  # of a TIFF, reduced ones included
RAW_PHOTO = "it is a raw photo, of which only the preview could be read; export a JPEG from it"
BEGINNINGS = {
    **{b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"RIFF": "WebP"},
    **{b"II*\0": "TIFF", b"MM\0*": "TIFF"},
}
ACCEPTED = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
PDF_DPI = 200
PDF_NARROW_DPI = 300  # at least, on pages under 4 inches wide: a till roll's print is small
PDF_PAGE_PIXELS = 20_000_000  # a 14,400-point page must not become a gigabyte
PDF_JUNK_BYTES = 1024  # may stand before %PDF- (Adobe's PDF Reference 1.7, appendix H, note 13)
LONGEST_PREVIEW = 30_000  # pixels; browsers draw no picture of 65,536
MIN_SCAN_SHARE = 0.1  # of the page's area, for an image to set the page's resolution


def check(path: Path, limits: Limits) -> str:
    """The media type of a file that can be read. Raises ProviderError bad_image."""
    if path.stat().st_size == 0:
        raise ProviderError("bad_image", "the file is empty; send it again")
    if is_pdf(path):
        count_pages(path, limits)
        return PDF
    with _open(path) as image:
        format = image.format or ""
        _check_page_count(len(_frames(image, limits)), limits.pages)
    with _decoding():  # the picture is closed: a WebP takes its memory when it is opened
        data = path.read_bytes()
        if format in JPEG and _has_end(data, format):
            _check_jpeg(data)
        elif _missing_share(path, format) == 1:
            raise OSError("not one row can be decoded")
    return MEDIA_TYPES[format]


def _check_jpeg(data: bytes) -> None:
    """Raises when a JPEG's tables are damaged.

    Decoding all of it finds hardly more, since libjpeg continues over damaged data: of 3,000 files
    cut or damaged at random, 19 were judged differently. This takes 5 ms instead of 100 at 40
    megapixels, 0.4 instead of 3.4 at 1.6. All is decoded where the beginning fails: it may end
    within a table of a progressive JPEG's next scan.
    """
    try:
        _load_small(data[: _scan(data) + 8192] + END_OF_IMAGE)  # libjpeg fills in grey
    except OSError:
        _load_small(data)


def _load_small(jpeg: bytes) -> None:
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()


def _scan(data: bytes) -> int:
    """Where the picture itself begins in a JPEG, behind its tables and thumbnail."""
    marker = data.index(b"\xff", 2)
    while data[marker + 1] != START_OF_SCAN:
        is_padding = data[marker + 1] == 0xFF
        size = -1 if is_padding else int.from_bytes(data[marker + 2 : marker + 4])
        marker = data.index(b"\xff", marker + 2 + size)
    return marker


def missing_share(path: Path) -> float:
    """The share of a picture's rows that are not in its file; 0 for a PDF."""
    if is_pdf(path):
        return 0.0
    with _open(path) as image:
        format = image.format or ""
    with _decoding():
        is_whole = format in ALL_OR_NOTHING or _has_end(path.read_bytes(), format)
        return 0.0 if is_whole else _missing_share(path, format)


def _has_end(data: bytes, format: str) -> bool:
    """Whether a JPEG or PNG has the mark of its end; False for other formats."""
    if format in JPEG:
        return data.rfind(END_OF_IMAGE, _scan(data)) >= 0  # from behind: it is there
    return format == "PNG" and b"IEND" in data


def _missing_share(path: Path, format: str) -> float:
    """As missing_share, found by decoding: decoders leave what they lack black, JPEG's grey."""
    if format not in JPEG and _is_whole(path):
        return 0.0
    with _open(path) as image, _as_far_as_it_goes():
        is_interlaced = _is_interlaced(image)
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()
        grey = Image.new(image.mode, image.size, (128,) * len(image.getbands()))
        found = ImageChops.difference(image, grey) if format in JPEG else image
        if is_interlaced:
            return _blank_share(found)
        _, top, _, bottom = found.getbbox(alpha_only=False) or (0, 0, 0, 0)
        return 1 - (bottom - top) / image.height


def _is_interlaced(image: Any) -> bool:
    """Whether a GIF or PNG that is not decoded yet has its rows in several passes."""
    is_gif = image.format == "GIF" and image.tile and image.tile[0].args[1]
    return bool(is_gif or image.info.get("interlace"))


def _blank_share(image: Image.Image) -> float:
    """The share of rows without anything: those of the passes that are missing."""
    rows = (image.crop((0, y, image.width, y + 1)) for y in range(image.height))
    return sum(not row.getbbox(alpha_only=False) for row in rows) / image.height


def _is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end."""
    with suppress(OSError, SyntaxError, ValueError, EOFError), _open(path) as image:
        image.load()
        return True
    return False


@contextmanager
def _as_far_as_it_goes() -> Iterator[None]:
    """Pillow decodes cut and damaged files as far as it can, instead of raising."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(PDF_JUNK_BYTES + 5).find(b"%PDF-")
    return start == 0 or (start > 0 and not _is_picture(path))


def _is_picture(path: Path) -> bool:
    with suppress(ProviderError), _open(path):
        return True
    return False


def count_pages(path: Path, limits: Limits) -> int:
    """How many pages a file has. Raises ProviderError if it is locked, damaged or too large."""
    if is_pdf(path):
        with open_pdf(path) as pdf:
            count = len(pdf)
    else:
        with _open(path) as image:
            count = len(_frames(image, limits))
    _check_page_count(count, limits.pages)
    return count


def count_pdf_pages(path: Path, limits: Limits) -> int | None:
    """As count_pages; None for a picture."""
    return count_pages(path, limits) if is_pdf(path) else None


def decode(path: Path, number: int, limits: Limits) -> Image.Image:
    """A page, upright, in RGB. Raises ProviderError for a damaged one."""
    page = _page(path, number, limits)
    if page is None:
        raise LookupError(f"there is no page {number}")
    return page


def _page(path: Path, number: int, limits: Limits, width: int = 0) -> Image.Image | None:
    """As decode, with a `width` perhaps smaller but no narrower; None where there is no such page.

    Nothing is drawn or decoded larger than it has to be.
    """
    if is_pdf(path):
        with open_pdf(path) as pdf, _decoding():
            return _drawn(pdf[number], width) if number < len(pdf) else None
    with _open(path) as image, _decoding(), _as_far_as_it_goes():
        frames = _frames(image, limits)
        if number >= len(frames):
            return None
        image.seek(frames[number])
        if width and image.format in JPEG:
            image.draft(None, (width, width))  # no side gets shorter: either may be the width
        image.load()
        return _upright(image)


def codes(path: Path, limits: Limits) -> list[Code]:
    """The bar codes and QR codes of all pages."""
    pages = range(count_pages(path, limits))
    return [code for n in pages for code in find_codes(decode(path, n, limits), n)]


def jpeg(path: Path, number: int, sizes: Sizes, limits: Limits) -> Jpeg:
    """A page as a JPEG without metadata, its long side at most `long_side` pixels.

    Print must stay readable: a metre-long receipt keeps `short_side` pixels of width (or its own,
    if less) and may be longer than `long_side`, but never than the vendor's `hard_side`.
    """
    page = decode(path, number, limits)
    long, short = max(page.size), min(page.size)
    scale = min(1.0, max(sizes.long_side / long, sizes.short_side / short), sizes.hard_side / long)
    size = (max(1, round(page.width * scale)), max(1, round(page.height * scale)))
    smaller = page.resize(size, Image.Resampling.LANCZOS) if scale < 1 else page
    return Jpeg(_jpeg_within(sizes.max_bytes, smaller), size, *page.size)


def preview(path: Path, number: int, width: int, limits: Limits) -> bytes | None:
    """A page as a JPEG for a person, at most `width` pixels wide; None where there is no such page.

    Raises ProviderError for a damaged one. What is not needed for this width is not decoded: of a
    photo of 8 megapixels one of 800 pixels takes 80 ms, instead of 250.
    """
    page = _page(path, number, limits, width)
    if page is None:
        return None
    page.thumbnail((width, LONGEST_PREVIEW))
    return _jpeg(page, 82)


def _jpeg_within(max_bytes: int, page: Image.Image) -> bytes:
    for quality in (88, 75, 60, 40):
        data = _jpeg(page, quality)
        if len(data) <= max_bytes:
            return data
    raise ProviderError(
        "too_large",
        f"the page stays above this provider's limit of {max_bytes} bytes; send a smaller photo",
    )


def _jpeg(page: Image.Image, quality: int) -> bytes:
    """The page without metadata: Pillow writes a picture's comment, and its EXIF only if asked."""
    buffer = BytesIO()
    page.save(buffer, "JPEG", quality=quality, comment=b"")
    return buffer.getvalue()


@contextmanager
def _decoding() -> Iterator[None]:
    """Decoders raise anything on hostile bytes: OSError, SyntaxError, struct.error, EOFError."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        message = f"the image is damaged or cut short ({error}); send the original file again"
        raise ProviderError("bad_image", message) from error


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    _check_webp(path)
    try:
        image = Image.open(path, formats=OPENERS)
    except Exception as error:
        if not HAS_HEIC and HEIC.match(path.read_bytes()):
            raise ProviderError("bad_image", NO_HEIC) from error
        raise ProviderError("bad_image", _why_not(path)) from error
    with image:
        yield image


def _why_not(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    for beginning, name in BEGINNINGS.items():
        if head.startswith(beginning):
            return (
                f"it begins as a {name}, but is damaged or cut short; send the original file again"
            )
    return f"its content is not a picture we can read; send {ACCEPTED}"


def _check_webp(path: Path) -> None:
    """Raises MemoryError for a WebP that is too large for this process.

    Pillow takes 16 bytes a pixel (two canvases, a frame, its picture), and calls a lack of memory
    damage. Sizes in the header: RFC 9649, sections 2.5 to 2.7.
    """
    with path.open("rb") as file:
        head = file.read(30)
    at, bits, less = {b"VP8 ": (26, 16, 0), b"VP8L": (21, 14, 1), b"VP8X": (24, 24, 1)}.get(
        head[12:16], (0, 0, 0)
    )
    if head[:4] + head[8:12] == b"RIFFWEBP" and at:
        sides = int.from_bytes(head[at:], "little")
        width, height = (sides >> shift & 0x3FFF for shift in (0, bits))
        most = resource.getrlimit(resource.RLIMIT_DATA)[0]
        if 16 * (width + less) * (height + less) > most > 0:
            raise MemoryError


def _frames(image: Image.Image, limits: Limits) -> list[int]:
    """The numbers of a TIFF's pages, else [0]: animations show their first picture.

    Raises ProviderError for a raw photo, and for a page that is too large or damaged.
    """
    tags, numbers = getattr(image, "tag_v2", {}), []
    try:
        for number in range(MAX_FRAMES if image.format == "TIFF" else 1):
            image.seek(number)
            if not tags.get(NEW_SUBFILE_TYPE, 0) & REDUCED:
                _check_pixels(image.size, limits.pixels)
                numbers.append(number)
            if len(numbers) > limits.pages:
                break
    except EOFError:
        pass
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError("bad_image", f"page {number + 1} is damaged ({error})") from error
    if not numbers or DNG_VERSION in tags:
        raise ProviderError("bad_image", RAW_PHOTO)
    return numbers


def _check_pixels(size: tuple[int, int], limit: int) -> None:
    if size[0] * size[1] > limit:
        raise ProviderError(
            "bad_image",
            f"it has {size[0]} x {size[1]} pixels, at most {limit} are read; send a smaller one",
        )


def _check_page_count(count: int, limit: int) -> None:
    if count > limit:
        found = f"more than {limit}" if count == limit + 1 else str(count)
        message = f"it has {found} pages, at most {limit} are read; split it into several files"
        raise ProviderError("bad_image", message)
    if count == 0:
        raise ProviderError("bad_image", "it has no pages; send a file with at least one")


def _upright(image: Image.Image) -> Image.Image:
    """The image in RGB as a person sees it: turned by EXIF, transparency on white paper.

    It may be the image itself: a copy of 40 megapixels takes 160 MB.
    """
    with suppress(Exception):  # a broken EXIF block is no reason to refuse the picture
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.convert("I").point(lambda value: value / 256).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@contextmanager
def open_pdf(path: Path) -> Iterator[Any]:
    import pypdfium2  # 4 MiB

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        what = "needs a password" if "assword" in str(error) else "is damaged or cut short"
        message = f"the PDF {what}; send an unlocked, complete PDF"
        raise ProviderError("bad_image", message) from error
    with pdf:
        with suppress(pypdfium2.PdfiumError):  # damaged fields are not drawn
            pdf.init_forms()  # else none is
        yield pdf


def _drawn(page: Any, width: int) -> Image.Image:
    """A page of a PDF as it is read, or only as large as it takes for `width` pixels if not 0."""
    scale = pdf_scale(page.get_size(), max(PDF_DPI, _scan_dpi(page)))
    if width:
        scale = min(scale, width / max(1.0, page.get_width()))
    return page.render(scale=scale).to_pil().convert("RGB")


def pdf_scale(size: tuple[float, float], dpi: float) -> float:
    """How many pixels a point becomes on a page of this size in points, at `dpi` pixels an inch.

    It is more on a page as narrow as a till roll, and less on one as large as a poster.
    """
    width, height = size
    least = PDF_NARROW_DPI if width < 4 * 72 else 0
    return min(max(dpi, least) / 72, (PDF_PAGE_PIXELS / max(1.0, width * height)) ** 0.5)


def _scan_dpi(page: Any) -> float:
    """The resolution of the largest image that is drawn on a page itself; 0 without a large one."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    width, height = page.get_size()
    areas = {0.0: 0.0}  # in square points: pixels
    for image in page.get_objects([FPDF_PAGEOBJ_IMAGE], max_depth=1):
        left, bottom, right, top = image.get_bounds()
        pixel_width, pixel_height = image.get_px_size()
        areas[(right - left) * (top - bottom)] = pixel_width * pixel_height
    area = max(areas)
    return 72 * (areas[area] / area) ** 0.5 if area > MIN_SCAN_SHARE * width * height else 0.0
