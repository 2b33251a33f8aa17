"""A file that unfolds ends in a limit of the child that decodes it, and the next is decoded."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engines import decoder
from result import ProviderError
from settings import Settings
from tests import hostile
from tests.fakes import drawn, png, until

SETTINGS = Settings(ocr_memory_mb=256)


def jpegs(path, timeout_s):
    return list(decoder.jpegs(path, SETTINGS, time.monotonic() + timeout_s))


def ends(path, timeout_s=20):
    """The codes of what a check and an execution of this file end with, None for a success."""
    return [_code(decoder.check, path, SETTINGS), _code(jpegs, path, timeout_s)]


def _code(read, *args):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read(*args)
        return None
    except ProviderError as error:
        assert ("OCR_MEMORY_MB allows (256)" in error.message) == (error.code == "too_large")
        return error.code
    finally:
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 20_000  # KiB


@pytest.mark.slow
@pytest.mark.parametrize("format", hostile.PICTURES)
def test_a_picture_that_unfolds_ends_in_its_limit_and_the_next_is_read(stored, format):
    path = stored(hostile.PICTURES[format]())
    whole_at_check = format in ("tiff", "gif")  # one channel: 100 MB
    assert ends(path) == [None if whole_at_check else "too_large", "too_large"]
    assert ends(stored(png())) == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("forms", [None, "too_large"]),
        ("tiles", [None, "timeout"]),
        ("fonts", [None, "timeout"]),
        ("huge_image", [None, None]),  # PDFium decodes it row by row
        ("jbig2", [None, None]),
        ("jpx", [None, "too_large"]),
        ("looped", ["bad_image", "bad_image"]),
    ],
)
def test_a_pdf_that_unfolds_ends_in_its_limit_and_the_next_is_read(stored, name, codes):
    timeout_s = 2 if "timeout" in codes else 20
    assert ends(stored(hostile.PDFS[name]()), timeout_s) == codes
    assert ends(stored(png())) == [None, None]


@pytest.mark.slow
def test_a_preview_of_a_file_that_unfolds_ends_in_its_limit_and_the_next_is_made(stored):
    def preview(content, seconds=20):
        return _code(decoder.preview, stored(content), 0, 2400, SETTINGS, seconds)

    unfolding = [make() for make in hostile.PICTURES.values()]
    # A GIF and a TIFF of one channel take 100 MB each, and need no more here.
    assert {*map(preview, unfolding)} <= {"too_large", None}
    assert preview(hostile.webp()) == preview(hostile.forms()) == "too_large"
    assert [preview(make(), 1) for make in (hostile.tiles, hostile.fonts)] == ["timeout"] * 2
    assert preview(hostile.looped()) == "bad_image"
    assert preview(png()) is None


@pytest.mark.slow
def test_as_many_files_are_decoded_for_vendors_at_once_as_there_are_workers(tmp_path):
    one = Settings(ocr_workers=1)
    slow, quick = tmp_path / "slow.pdf", tmp_path / "quick.png"
    slow.write_bytes(hostile.tiles())
    quick.write_bytes(png())

    def decode(path, timeout_s):
        try:
            return len(list(decoder.jpegs(path, one, time.monotonic() + timeout_s)))
        except ProviderError as error:
            return error.message

    with ThreadPoolExecutor(1) as other:
        other.submit(decode, slow, 3)
        until(lambda: decode(quick, 0.1), lambda found: found == decoder.BUSY, seconds=3)
    assert decode(quick, 20) == 1


def test_the_pages_of_a_file_come_one_at_a_time_as_jpegs(stored):
    pages = decoder.jpegs(stored(png((3000, 1500))), Settings(), time.monotonic() + 20)
    (jpeg,) = pages
    assert (jpeg.size, jpeg.width, jpeg.height) == ((2048, 1024), 3000, 1500)


@pytest.mark.parametrize("content", [png, hostile.forms], ids=["png", "pdf"])
def test_a_file_that_is_deleted_before_it_is_decoded_is_not_found(stored, content):
    path = stored(content())
    path.unlink()
    with pytest.raises(FileNotFoundError):
        decoder.preview(path, 0, 200, SETTINGS)


def test_a_picture_is_cut_short_when_more_than_a_twentieth_is_missing(stored):
    path = stored(b"")
    drawn().save(path, "JPEG")
    whole = path.read_bytes()
    found = [decoder.is_cut_short(stored(whole[:n]), SETTINGS) for n in (None, -2, len(whole) // 2)]
    assert found == [False, False, True]
