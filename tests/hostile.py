"""Makes small files that take much memory or time to decode."""

import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image

SIDE = 9990  # pixels: just below MAX_IMAGE_PIXELS


def webp(side=SIDE):
    """38 bytes: a VP8L stream whose five prefix codes have one symbol each, so it has no pixels."""
    fields = [(side - 1, 14), (side - 1, 14), (0, 4), (0, 3), *[(1, 4)] * 5]
    bits = shift = 0
    for value, width in fields:
        bits, shift = bits | value << shift, shift + width
    stream = b"/" + bits.to_bytes(17, "little")
    return (
        b"RIFF"
        + (12 + len(stream)).to_bytes(4, "little")
        + b"WEBPVP8L"
        + (len(stream).to_bytes(4, "little") + stream)
    )


def png(side=SIDE):
    """1.3 MB: 8 bits of red, green and blue, all of them zero."""
    packer = zlib.compressobj(1)
    row = b"\0" * (1 + 3 * side)
    data = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    header = side.to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in chunks
    )


def blank(format, side=SIDE, **options):
    """A picture without anything on it."""
    buffer = BytesIO()
    Image.new("L", (side, side)).save(buffer, format, **options)
    return buffer.getvalue()


def stored(name):
    """A picture of SIDE that takes long to make: by Pillow, without anything on it."""
    return (Path(__file__).parent / "data" / name).read_bytes()


PICTURES = {
    "webp": webp,
    "png": png,
    "tiff": lambda: blank("TIFF", compression="tiff_adobe_deflate"),
    "gif": lambda: blank("GIF"),
    "avif": lambda: stored("unfolds.avif"),
    "heic": lambda: stored("unfolds.heic"),
}


def pdf(*objects, page="", content="/F Do", trailer=""):
    """A PDF of one A4 page; `objects` are numbered from 5, dictionaries or (dictionary, stream)."""
    first = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R {page} >>",
        ("", content),
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, made in enumerate([*first, *objects], 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n" % number + _object(made) + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    count = len(offsets) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    return data + end.encode() + b"startxref\n%d\n%%%%EOF" % len(data)


def _object(made):
    if isinstance(made, str):
        return made.encode()
    dictionary, stream = made
    stream = stream.encode() if isinstance(stream, str) else stream
    return f"<< {dictionary} /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"


def forms(depth=12, each=10):
    """Form XObjects, each of which draws the next `each` times."""
    head = "/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    nested = [
        (f"{head} /Resources << /XObject << /F {n} 0 R >> >>", "/F Do " * each)
        for n in range(6, 5 + depth)
    ]
    return pdf(*nested, (head, "0 0 1 1 re f"), page="/Resources << /XObject << /F 5 0 R >> >>")


def tiles(depth=4):
    """Tiling patterns of tiny steps, each filled with the next."""
    head = "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 500 500]"
    fill = "/Pattern cs /P scn 0 0 500 500 re f"
    nested = [
        (f"{head} /XStep .1 /YStep .1 /Resources << /Pattern << /P {n} 0 R >> >>", fill)
        for n in range(6, 5 + depth)
    ]
    last = (f"{head} /XStep .01 /YStep .01 /Resources << >>", "1 0 0 rg 0 0 400 400 re f")
    return pdf(
        *nested,
        last,
        page="/Resources << /Pattern << /P 5 0 R >> >>",
        content="/Pattern cs /P scn 0 0 595 842 re f",
    )


def fonts(depth=9, each=10):
    """Type 3 fonts, each of whose glyphs writes ten letters of the next."""
    objects = []
    for n in range(depth):
        font, glyph = 5 + 2 * n, 6 + 2 * n
        inner = f"/Resources << /Font << /F {font + 2} 0 R >> >>" if n < depth - 1 else ""
        objects += [
            f"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0]"
            f" /CharProcs << /a {glyph} 0 R >> /Encoding << /Differences [97 /a] >>"
            f" /FirstChar 97 /LastChar 97 /Widths [9] {inner} >>",
            ("", f"9 0 d0 BT /F 1 Tf ({'a' * each}) Tj ET" if inner else "9 0 d0 0 0 1 1 re f"),
        ]
    return pdf(
        *objects,
        page="/Resources << /Font << /F 5 0 R >> >>",
        content="BT /F 1 Tf (aaaaaaaaaa) Tj ET",
    )


def image(filter, stream, side, more=""):
    head = f"/Type /XObject /Subtype /Image /Width {side} /Height {side} /Filter /{filter} {more}"
    return pdf(
        (head, stream),
        page="/Resources << /XObject << /F 5 0 R >> >>",
        content="595 0 0 842 0 0 cm /F Do",
    )


def huge_image(side=40_000):
    """An image of 4.8 GB, packed twice: equal blocks of zeros, so that none has to be packed."""
    head = zlib.compress(b"", 9)[:2]
    blocks = zlib.compressobj(9, wbits=-15)
    block = blocks.compress(bytes(2**20)) + blocks.flush(zlib.Z_FULL_FLUSH)
    once = head + block * (3 * side * side // 2**20 + 1) + b"\x03\0"
    filters = "FlateDecode /FlateDecode"
    made = image(
        filters, zlib.compress(once, 9), side, "/ColorSpace /DeviceRGB /BitsPerComponent 8"
    )
    return made.replace(f"/Filter /{filters}".encode(), f"/Filter [/{filters}]".encode())


def jbig2(side=60_000):
    """A JBIG2 stream of a page and no more."""
    page = side.to_bytes(4) * 2 + bytes(8) + b"\0\0\0"
    segment = b"\0\0\0\0\x30\0\1" + len(page).to_bytes(4) + page
    return image("JBIG2Decode", segment, side, "/ColorSpace /DeviceGray /BitsPerComponent 1")


def jpx():
    """A JPEG 2000 stream."""
    return image("JPXDecode", stored("unfolds.jp2"), SIDE)


def looped():
    """A tree of pages whose branch is the root, with a million pages by its own account."""
    data = pdf()
    return data.replace(b"/Kids [3 0 R] /Count 1 ", b"/Kids [2 0 R 2 0 R] /Count 1000000 ")


PDFS = {f.__name__: f for f in (forms, tiles, fonts, huge_image, jbig2, jpx, looped)}
