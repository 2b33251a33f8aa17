"""Every kind of picture is read upright, and every hostile one refused before it costs much."""

import os
import resource
import struct
import subprocess
import sys
import time
import zlib
from io import BytesIO

import pillow_heif
import pypdfium2
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from engines import images
from engines.decoder import Sizes
from result import ProviderError
from settings import Settings
from tests.conftest import ROOT
from tests.fakes import drawn, png

LIMITS = Settings().limits
TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "MPO": "image/jpeg",
    "PDF": "application/pdf",
}
PICTURES = tuple(TYPES)[:8]
ORIENTATION = 0x0112
TURNED = {  # what a camera that wrote this orientation did to the upright scene
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(image, format, **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read(path, **limits):
    limit = LIMITS._replace(**limits)
    return [images.decode(path, number, limit) for number in range(images.count_pages(path, limit))]


def jpegs(path, **sizes):
    """The pages as vendors get them."""
    count = images.count_pages(path, LIMITS)
    return [images.jpeg(path, number, Sizes(**sizes), LIMITS) for number in range(count)]


def refusal(path, **limits):
    """The message of a file that check refuses."""
    with pytest.raises(ProviderError) as found:
        images.check(path, LIMITS._replace(**limits))
    assert found.value.code == "bad_image"
    return found.value.message


def corners(page):
    """The colours of the four quarters' centres, as letters, row by row."""
    names = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255,) * 3}

    def name(pixel):
        return min(
            names, key=lambda n: sum(abs(a - b) for a, b in zip(names[n], pixel, strict=True))
        )

    w, h = page.size
    points = [
        (w // 4, h // 4),
        (3 * w // 4, h // 4),
        (w // 4, 3 * h // 4),
        (3 * w // 4, 3 * h // 4),
    ]
    return [name(page.getpixel(point)) for point in points]


def scene():
    """Wider than high, red top left, green top right, blue bottom left."""
    image = Image.new("RGB", (96, 64), "white")
    for color, corner in (("red", (0, 0)), ("green", (48, 0)), ("blue", (0, 32))):
        image.paste(color, (*corner, corner[0] + 48, corner[1] + 32))
    return image


def pdf(*sizes, encrypted=False):
    """A PDF with empty pages of these sizes in points."""
    document = pypdfium2.PdfDocument.new()
    for size in sizes:
        document.new_page(*size).close()
    buffer = BytesIO()
    document.save(buffer)
    document.close()
    return buffer.getvalue()


def raw_pdf(*objects, trailer=""):
    """A PDF of these objects, numbered from 1, the first being the catalog."""
    data, offsets = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n"
    end += f"startxref\n{len(data)}\n%%EOF"
    return data + end.encode()


def of_format(format, image=None):
    image = image or scene()
    if format == "PDF":
        return encoded(image, "PDF", resolution=72)
    if format == "MPO":
        return encoded(image, "MPO", save_all=True, append_images=[image.resize((8, 8))])
    options = {
        "JPEG": {"quality": 95},
        "WEBP": {"lossless": True},
        "HEIF": {"enc_params": {"preset": "ultrafast"}},
        "AVIF": {"speed": 10},
    }
    return encoded(image, format, **options.get(format, {}))


def preview(path, number=0, width=48):
    """The JPEG that a person gets, None where there is no such page."""
    data = images.preview(path, number, width, LIMITS)
    return data and Image.open(BytesIO(data))


# Every kind of picture


@pytest.mark.parametrize("format", TYPES)
def test_every_format_is_told_by_its_content_and_read_in_its_colours(stored, format):
    path = stored(of_format(format))
    assert images.check(path, LIMITS) == TYPES[format]
    (page,) = read(path)
    assert page.mode == "RGB"
    assert corners(page) == corners(preview(path)) == ["red", "green", "blue", "white"]
    assert preview(path).size == (48, 32)
    assert preview(path, 1) is None


@pytest.mark.parametrize("format", [*TYPES, "HEIC"])
def test_every_format_is_taken_by_the_api_under_any_name(client, format):
    content = of_format({"HEIC": "HEIF"}.get(format, format))
    for name in ("x.txt", "x.png", "x.heic"):
        data = {"file": (BytesIO(content), name, "text/plain"), "ocrProvider_0": "fake"}
        assert client.post("/ocr-jobs/upload", data=data).status_code == 200


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "MPO"])
def test_a_turned_photo_is_turned_upright(stored, format, orientation):
    turn = TURNED[orientation]
    image = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    # As bytes pillow-heif reads the orientation and writes HEIC's own boxes, as phones do.
    options = {"exif": exif.tobytes(), **({"save_all": True} if format == "MPO" else {})}
    content = encoded(image, format, **options)
    if format == "HEIF" and turn is not None:
        assert b"irot" in content or b"imir" in content
    path = stored(content)
    (page,) = read(path)
    assert page.size == (96, 64)
    assert corners(page) == ["red", "green", "blue", "white"]
    (jpeg,) = jpegs(path)
    with Image.open(BytesIO(jpeg.data)) as sent:
        assert (sent.size, sent.getexif().get(ORIENTATION)) == ((96, 64), None)
    assert preview(path).size == (48, 32)
    assert corners(preview(path)) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_ignored(stored, value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    (page,) = read(stored(encoded(scene(), "JPEG", exif=exif)))
    assert corners(page) == ["red", "green", "blue", "white"]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_no_reason_to_refuse_a_picture(stored):
    path = stored(encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken"))
    assert images.check(path, LIMITS) == "image/jpeg"
    assert corners(*read(path)) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF"])
def test_transparency_is_white_paper(stored, format):
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 32, 32))
    (page,) = read(stored(encoded(image, format)))
    assert corners(page) == ["red", "white", "white", "white"]


@pytest.mark.parametrize("mode", ["LA", "P", "L", "1", "RGB"])
def test_transparency_of_every_kind_of_png_is_white_paper(stored, mode):
    if mode == "LA":
        content = encoded(Image.new("LA", (8, 8), (0, 0)), "PNG")
    else:
        content = encoded(
            Image.new(mode, (8, 8), 0), "PNG", transparency=(0,) * 3 if mode == "RGB" else 0
        )
    (page,) = read(stored(content))
    assert page.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "format"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I", "TIFF")])
def test_sixteen_bits_keep_their_greys(stored, mode, format):
    image = Image.new(mode, (16, 16), 200 * 256 + 7)
    path = stored(encoded(image, format))
    assert images.check(path, LIMITS) == TYPES[format]
    assert read(path)[0].getpixel((5, 5)) == (200, 200, 200)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_seen_in_its_colours(stored, format):
    path = stored(encoded(scene().convert("CMYK"), format))
    assert corners(*read(path)) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {})]
)
def test_one_bit_is_black_on_white(stored, format, options):
    image = Image.new("1", (16, 16), 1)
    image.paste(0, (0, 0, 8, 16))
    (page,) = read(stored(encoded(image, format, **options)))
    assert [page.getpixel((x, 4)) for x in (2, 12)] == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("mode", ["L", "P", "LA", "F", "YCbCr", "LAB"])
def test_every_mode_of_tiff_becomes_rgb(stored, mode):
    image = scene().convert("L") if mode == "LA" else scene()
    try:
        path = stored(encoded(image.convert(mode), "TIFF"))
    except ValueError:  # RGB cannot become LAB without a profile
        path = stored(encoded(Image.new(mode, (8, 8)), "TIFF"))
    images.check(path, LIMITS)
    assert [page.mode for page in read(path)] == ["RGB"]


def test_an_animation_shows_its_first_picture(stored):
    frames = [scene(), Image.new("RGB", (96, 64)), Image.new("RGB", (96, 64))]
    for format in ("GIF", "WEBP", "PNG", "AVIF"):
        path = stored(encoded(frames[0], format, save_all=True, append_images=frames[1:]))
        (page,) = read(path)
        assert corners(page)[3] == "white", format


def test_a_heic_of_several_pictures_shows_the_one_it_says(stored):
    heif = pillow_heif.HeifFile()
    for image in (scene(), Image.new("RGB", (64, 64))):
        heif.add_from_pillow(image)
    buffer = BytesIO()
    heif.save(buffer, primary_index=0)
    (page,) = read(stored(buffer.getvalue()))
    assert corners(page)[3] == "white"


# Several pages


def test_every_page_of_a_tiff_is_read_at_its_own_size(stored):
    pages = [Image.new("RGB", (10 + n, 20), (n * 40, 0, 0)) for n in range(5)]
    path = stored(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    images.check(path, LIMITS)
    found = [(page.size, page.getpixel((1, 1))) for page in read(path)]
    assert found == [((10 + n, 20), (n * 40, 0, 0)) for n in range(5)]


def test_every_page_of_a_pdf_is_rendered_at_a_density_that_can_be_read(stored):
    path = stored(pdf((595, 842), (227, 600)))  # A4; an 80 mm till roll
    assert images.check(path, LIMITS) == "application/pdf"
    sizes = [page.size for page in read(path)]
    assert sizes == [(1653, 2339), (946, 2500)]


def tiff(*pages, **tags):
    """A TIFF of (picture, NewSubfileType); `tags` are those of the first page, by number."""
    buffer = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        for image, kind in pages:
            info = TiffImagePlugin.ImageFileDirectory_v2()
            info[254] = kind
            info.update({int(number.strip("_")): value for number, value in tags.items()})
            image.save(writer, "TIFF", tiffinfo=info)
            writer.newFrame()
    return buffer.getvalue()


def test_the_reduced_images_of_a_tiff_are_no_pages(stored):
    large, small = Image.new("L", (40, 60)), Image.new("L", (20, 30))
    path = stored(tiff((small, 1), (large, 0), (small, 1), (large, 2)))
    assert images.check(path, LIMITS) == "image/tiff"
    assert [page.size for page in read(path)] == [(40, 60)] * 2
    assert images.count_pages(path, LIMITS._replace(pages=2)) == 2


@pytest.mark.parametrize("tags", [{}, {"_50706": b"\1\4\0\0"}])
def test_a_raw_photo_is_refused_and_its_preview_not_read(stored, tags):
    preview = Image.new("RGB", (40, 60))
    assert "export a JPEG" in refusal(stored(tiff((preview, 1), **tags)))
    if tags:
        assert "export a JPEG" in refusal(stored(tiff((preview, 0), **tags)))


@pytest.mark.parametrize("junk", [b"\xef\xbb\xbf\r\n", b"x" * 1024])
def test_a_pdf_may_have_a_kilobyte_before_its_beginning(stored, junk):
    path = stored(junk + pdf((72, 72)))
    assert images.check(path, LIMITS) == "application/pdf"
    assert [page.size for page in read(path)] == [(300, 300)]
    assert refusal(stored(b"x" * 1025 + pdf((72, 72))))


def test_a_picture_that_mentions_a_pdf_is_a_picture(stored):
    content = encoded(scene(), "JPEG", comment=b"%PDF-1.7")
    assert images.check(stored(content), LIMITS) == "image/jpeg"


def test_what_is_typed_into_the_fields_of_a_pdf_is_drawn(stored):
    box = "<< /Type /XObject /Subtype /Form /BBox [0 0 72 72] /Length 20 >>"
    path = stored(
        raw_pdf(
            "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 144 144] /Annots [4 0 R] >>",
            "<< /Type /Annot /Subtype /Widget /FT /Tx /T (total) /V (13.20) /F 4"
            " /Rect [0 0 72 72] /AP << /N 5 0 R >> >>",
            f"{box}\nstream\n0 1 0 rg 0 0 72 72 re f\nendstream".replace("20 >>", "26 >>"),
        )
    )
    (page,) = read(path)
    assert page.getpixel((page.width // 4, page.height * 3 // 4)) != (255, 255, 255)
    assert page.getpixel((page.width * 3 // 4, page.height // 4)) == (255, 255, 255)


@pytest.mark.parametrize(("dpi", "drawn_dpi"), [(300, 300), (100, 200), (1000, 756)])
def test_a_scan_in_a_pdf_is_drawn_at_its_own_resolution_within_the_limits(stored, dpi, drawn_dpi):
    scan = Image.new("1", (5 * dpi, 7 * dpi))
    (page,) = read(stored(encoded(scan, "PDF", resolution=dpi)))
    assert abs(page.width / 5 - drawn_dpi) <= 1


def test_pages_are_capped_and_the_cap_can_be_set(stored):
    frame = Image.new("1", (4, 4))
    for count, content in (
        (21, encoded(frame, "TIFF", save_all=True, append_images=[frame] * 20)),
        (21, pdf(*[(72, 72)] * 21)),
    ):
        path = stored(content)
        assert "at most 20" in refusal(path)
        assert "split" in refusal(path, pages=20)
        images.check(path, LIMITS._replace(pages=count))
        with pytest.raises(ProviderError, match="at most 3"):
            read(path, pages=3)


def test_a_pdf_with_a_password_or_without_pages_is_refused(stored):
    locked = raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
        f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'12' * 32}> /U <{'34' * 32}> >>",
        trailer=f"/Encrypt 4 0 R /ID [<{'00' * 16}> <{'00' * 16}>]",
    )
    assert "password" in refusal(stored(locked))
    assert "the PDF" in refusal(stored(pdf()))
    broken = refusal(stored(b"%PDF-1.4\n" + bytes(3000)))
    assert broken == "the PDF is damaged or cut short; send an unlocked, complete PDF"


# Hostile files


def claims(format, width, height):
    """A tiny file whose header claims this size."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    if format == "PNG":
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = (
            chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
        )
        return b"\x89PNG\r\n\x1a\n" + data
    content = bytearray(of_format(format, Image.new("RGB", (16, 16))))
    if format == "GIF":
        content[6:10] = struct.pack("<HH", width, height)
    elif format == "BMP":
        content[18:26] = struct.pack("<ii", width, height)
    elif format == "JPEG":
        start = content.index(b"\xff\xc0") + 5
        content[start : start + 4] = struct.pack(">HH", height, width)
    elif format == "TIFF":
        for tag, value in ((b"\0\1", width), (b"\1\1", height)):
            start = content.index(tag + b"\4\0" if tag + b"\4\0" in content else tag + b"\3\0")
            content[start + 2 : start + 12] = struct.pack("<HII", 4, 1, value)
    elif format == "WEBP":
        extended = (
            struct.pack("<B3x", 0)
            + struct.pack("<I", width - 1)[:3]
            + struct.pack("<I", height - 1)[:3]
        )
        content[12:12] = b"VP8X" + struct.pack("<I", 10) + extended
        content[4:8] = struct.pack("<I", len(content) - 8)
    elif format in ("AVIF", "HEIF"):
        start = content.index(b"ispe") + 8
        content[start : start + 8] = struct.pack(">II", width, height)
    return bytes(content)


@pytest.mark.parametrize(
    ("format", "side"),
    [
        *[("PNG", 50_000), ("JPEG", 60_000), ("GIF", 60_000), ("BMP", 50_000)],
        *[("TIFF", 50_000), ("WEBP", 16_000), ("AVIF", 50_000), ("HEIF", 50_000)],
    ],
)
def test_a_tiny_file_that_claims_a_huge_picture_is_refused_at_once(client, format, side):
    content = claims(format, side, side)
    data = {"file": (BytesIO(content), "bomb.png"), "ocrProvider_0": "fake"}
    peak, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    response = client.post("/ocr-jobs/upload", data=data)
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # KiB
    assert response.status_code == 400, response.text
    assert "'bomb.png'" in response.json["details"]


def test_the_number_of_pixels_can_be_set_and_holds_for_every_page(stored):
    path = stored(png((100, 100)))
    images.check(path, LIMITS._replace(pixels=10000))
    assert "100 x 100" in refusal(path, pixels=9999)
    small, large = Image.new("1", (4, 4)), Image.new("1", (100, 100))
    path = stored(encoded(small, "TIFF", save_all=True, append_images=[large]))
    assert "100 x 100" in refusal(path, pixels=9999)


@pytest.mark.slow
def test_a_thousand_frames_and_ten_thousand_pages_are_refused_at_once(stored):
    frame = Image.new("1", (4, 4))
    tiff = encoded(frame, "TIFF", save_all=True, append_images=[frame] * 999)
    kids = "3 0 R " * 10_000
    many = raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count 10000 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>",
    )
    start = time.process_time()
    assert "more than 20 pages" in refusal(stored(tiff))
    assert "at most 20" in refusal(stored(many))
    assert time.process_time() - start < 2


@pytest.mark.parametrize("size", [(14_400, 14_400), (14_400, 1), (1, 14_400), (0.1, 0.1)])
def test_a_page_of_any_size_is_rendered_within_bounds(stored, size):
    (page,) = read(stored(pdf(size)))
    assert page.width * page.height <= 20_100_000
    assert min(page.size) >= 1


def test_a_tiff_whose_frames_go_round_in_circles_ends(stored):
    frame = Image.new("1", (4, 4))
    content = bytearray(encoded(frame, "TIFF", save_all=True, append_images=[frame]))
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    (second,) = struct.unpack_from("<I", content, first + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", content, second)
    struct.pack_into("<I", content, second + 2 + 12 * count, first)
    path = stored(bytes(content))
    try:
        images.check(path, LIMITS)
        assert len(read(path)) <= 20
    except ProviderError as error:
        assert "page" in error.message


def test_a_progressive_jpeg_is_accepted_wherever_its_scans_begin(stored):
    """The check of its beginning ended within a table of the second: 2 of 52 phone photos."""
    jpeg = encoded(drawn(), "JPEG", progressive=True)
    second = jpeg.index(b"\xff\xc4", jpeg.index(b"\xff\xda"))  # its first table
    fill = bytes([0xFF]) * (jpeg.index(b"\xff\xda") + 8192 - second - 4)  # allowed before a marker
    assert images.check(stored(jpeg[:second] + fill + jpeg[second:]), LIMITS) == "image/jpeg"


@pytest.mark.parametrize("format", TYPES)
def test_a_cut_or_damaged_file_is_refused_or_read_but_never_a_bug(stored, format):
    whole = of_format(format, drawn())
    middle = len(whole) // 2
    for content in (
        *(whole[:n] for n in (1, 4, 12, 40, len(whole) * 9 // 10)),
        *(whole[:n] + os.urandom(200) + whole[n + 200 :] for n in (10, 100, 300, middle)),
    ):
        path = stored(content)
        try:
            images.check(path, LIMITS)
            read(path)
        except ProviderError as error:
            assert error.code == "bad_image"
            assert error.message


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP", "MPO"])
def test_a_picture_without_its_end_is_decoded_as_far_as_it_goes(stored, format):
    whole = of_format(format, drawn())
    path = stored(whole[: len(whole) // 2])
    assert images.check(path, LIMITS) == TYPES[format]
    assert 0.4 < images.missing_share(path) < 0.6
    (page,) = read(path)
    (complete,) = read(stored(whole))
    present = (0, 190, 480, 360) if format == "BMP" else (0, 0, 480, 120)  # a BMP begins below
    assert page.size == complete.size
    assert page.crop(present).getcolors() == complete.crop(present).getcolors()


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_picture_that_lacks_only_its_last_bytes_is_whole(stored, format):
    path = stored(of_format(format, drawn())[:-2])
    assert images.check(path, LIMITS) == TYPES[format]
    assert images.missing_share(path) < 0.05


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_of_a_gif_in_passes_the_rows_of_those_that_are_missing_are(stored, share):
    target = BytesIO()
    drawn().convert("P").save(target, "GIF", interlace=1)
    whole = target.getvalue()
    path = stored(whole[: int(share * len(whole))])
    assert images.check(path, LIMITS) == "image/gif"
    assert 0.05 < images.missing_share(path) < 1 - share / 2
    assert images.missing_share(stored(whole)) == 0


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "HEIF", "PDF"])
def test_what_cannot_be_decoded_in_part_is_refused_without_its_end(stored, format):
    whole = of_format(format, drawn())
    assert refusal(stored(whole[: len(whole) // 2]))


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_picture_that_ends_before_its_first_row_is_refused(stored, format):
    whole = of_format(format, drawn())
    start = whole.index(b"\xff\xda") + 14 if format == "JPEG" else whole.index(b"IDAT") + 4
    assert "not one row" in refusal(stored(whole[:start]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<!doctype html><img src=x>",
        b"TOTAL 3.70",
        b"PK\x03\x04" + b"\0" * 100,
        b"\0\0\1\0\1\0" + b"\0" * 100,  # an icon
        b"P6 2 2 255 " + b"\0" * 12,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<html>" + b" " * 2000 + b"%PDF-1.4",
    ],
)
def test_what_is_no_picture_is_refused(stored, content):
    assert any(word in refusal(stored(content)) for word in ("not a picture", "empty"))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "WEBP"])
def test_a_picture_with_a_damaged_header_is_not_called_another_thing(stored, format):
    whole = of_format(format, drawn())
    told = refusal(stored(whole[:4] + bytes(20)))
    name = {"WEBP": "WebP"}.get(format, format)
    assert told.startswith(f"it begins as a {name}, but is damaged or cut short")


def test_a_webp_that_lacks_its_end_is_called_cut_short(stored):
    told = refusal(stored(of_format("WEBP", drawn())[:-9]))
    assert told.startswith("it begins as a WebP, but is damaged or cut short")


def test_a_jpeg_that_is_also_html_is_a_jpeg_and_a_page_that_is_also_a_jpeg_is_not(stored, client):
    jpeg = encoded(scene(), "JPEG", comment=b"--><script>alert(1)</script><!--")
    assert images.check(stored(jpeg + b"<html><script>"), LIMITS) == "image/jpeg"
    assert "not a picture" in refusal(stored(b"<html><!--" + jpeg))
    client.post(
        "/ocr-jobs/upload", data={"file": (BytesIO(jpeg), "x.html"), "ocrProvider_0": "fake"}
    )
    with client.get("/ocr-jobs/1/files/1") as response:
        assert response.mimetype == "image/jpeg"


# What goes to remote engines


def test_jpegs_carry_no_metadata(stored):
    exif = Image.Exif()
    exif[0x010F] = "SECRET camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 22.0)})
    secrets = {
        "JPEG": {
            "exif": exif,
            "comment": b"SECRET",
            "xmp": b"<x>SECRET</x>",
            "icc_profile": b"SECRET",
        },
        "PNG": {"exif": exif, "pnginfo": PngImagePlugin.PngInfo(), "icc_profile": b"SECRET"},
        "WEBP": {"exif": exif, "xmp": b"<x>SECRET</x>", "icc_profile": b"SECRET"},
        "TIFF": {"exif": exif, "icc_profile": b"SECRET"},
        "GIF": {"comment": b"SECRET"},
        "HEIF": {"exif": exif, "xmp": b"<x>SECRET</x>"},
        "AVIF": {"exif": exif, "xmp": b"<x>SECRET</x>"},
    }
    secrets["PNG"]["pnginfo"].add_text("Comment", "SECRET")
    for format, options in secrets.items():
        content = encoded(scene(), format, **options)
        assert b"SECRET" in content or format == "PNG", format
        (jpeg,) = jpegs(stored(content))
        assert b"SECRET" not in jpeg.data, format
        with Image.open(BytesIO(jpeg.data)) as sent:
            assert set(sent.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}, (
                format
            )
            assert dict(sent.getexif()) == {}, format


def sent(path, **options):
    (jpeg,) = jpegs(path, **options)
    with Image.open(BytesIO(jpeg.data)) as image:
        return image.size, (jpeg.width, jpeg.height)


@pytest.mark.slow
def test_a_preview_is_never_wider_than_its_page_and_never_too_long_for_browsers(stored):
    assert preview(stored(png((30, 20))), width=200).size == (30, 20)
    assert preview(stored(png((100, 90_000))), width=200).size == (33, 30_000)
    assert preview(stored(pdf((14_400, 1))), width=2400).size == (2400, 1)


def test_every_page_has_a_preview_of_its_own(stored):
    pages = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    for format in ("TIFF", "PDF"):
        path = stored(encoded(pages[0], format, save_all=True, append_images=pages[1:]))
        assert [corners(preview(path, number))[0] for number in (0, 1)] == ["red", "blue"]
        assert preview(path, 2) is None


def test_a_photo_is_made_smaller_and_told_at_its_own_size(stored):
    path = stored(png((3000, 1500)))
    assert sent(path) == ((2048, 1024), (3000, 1500))
    assert sent(path, long_side=1000) == ((1440, 720), (3000, 1500))
    assert sent(path, long_side=1000, short_side=100) == ((1000, 500), (3000, 1500))


@pytest.mark.slow
def test_a_long_receipt_keeps_720_pixels_of_width_or_its_own_if_less(stored):
    assert sent(stored(png((900, 5000)))) == ((720, 4000), (900, 5000))
    assert sent(stored(png((500, 5000)))) == ((500, 5000), (500, 5000))
    assert sent(stored(png((900, 5000))), hard_side=3000)[0] == (540, 3000)
    assert sent(stored(png((100, 100))))[0] == (100, 100)


def test_a_page_is_pressed_under_the_byte_limit_or_refused(stored):
    noise = Image.frombytes("RGB", (300, 300), os.urandom(270_000))
    path = stored(encoded(noise, "PNG"))
    (best,) = jpegs(path)
    limit = len(best.data) * 2 // 3
    assert len(jpegs(path, max_bytes=limit)[0].data) <= limit
    with pytest.raises(ProviderError) as found:
        jpegs(path, max_bytes=1000)
    assert found.value.code == "too_large"


WITHOUT_HEIF = """
import sys
sys.modules["pillow_heif"] = None  # to import it raises ImportError, as where it is not installed
from pathlib import Path
from engines import images
from result import ProviderError
from settings import Settings
for name in sys.argv[1:]:
    try:
        print(images.check(Path(name), Settings().limits))
    except ProviderError as error:
        print(error.message)
"""


@pytest.mark.slow
def test_without_pillow_heif_a_heic_is_refused_in_words_and_all_else_is_read(tmp_path):
    for name, format in (("a", "HEIF"), ("b", "JPEG"), ("c", "AVIF")):
        (tmp_path / name).write_bytes(encoded(scene(), format))
    (tmp_path / "d").write_text("no picture")
    command = [sys.executable, "-c", WITHOUT_HEIF, *(str(tmp_path / name) for name in "abcd")]
    said = subprocess.check_output(command, cwd=ROOT, text=True, timeout=60).splitlines()
    assert said[0].startswith("it is a HEIC, and pillow-heif is not installed; send a JPEG")
    assert said[1:3] == ["image/jpeg", "image/avif"]
    assert said[3].startswith("its content is not a picture")
