"""A small writer of PDF files: pages of drawing operators, fonts, and files inside."""

from collections.abc import Mapping, Sequence

HELVETICA = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def pdf(
    *contents: str | bytes,
    size: tuple[int, int] = (300, 400),
    page: str = "",
    images: Mapping[str, str] = {},
    fonts: Mapping[str, str] = {"F1": HELVETICA},
    attached: Mapping[str, bytes] = {},
    objects: Sequence[str | bytes] = (),
) -> bytes:
    """A PDF with a page for each content. `page` is added to each page's dictionary; `objects` are
    numbered from 1, for the references of `page`, `fonts` and `images`."""
    bodies = [_bytes(body) for body in objects]

    def add(body: str | bytes) -> int:
        bodies.append(_bytes(body))
        return len(bodies)

    files = [(name, add(stream(data, "/Type /EmbeddedFile"))) for name, data in attached.items()]
    specs = [
        (name, add(f"<< /Type /Filespec /F ({name}) /UF ({name}) /EF << /F {number} 0 R >> >>"))
        for name, number in files
    ]
    named = " ".join(f"({name}) {number} 0 R" for name, number in sorted(specs))
    streams = [add(stream(content)) for content in contents]
    parent = len(bodies) + len(contents) + 1
    used = " ".join(f"/{name} {font}" for name, font in fonts.items())
    drawn = " ".join(f"/{name} {image}" for name, image in images.items())
    kids = [
        add(
            f"<< /Type /Page /Parent {parent} 0 R /MediaBox [0 0 {size[0]} {size[1]}] {page} "
            f"/Contents {number} 0 R /Resources << /Font << {used} >> /XObject << {drawn} >> >> >>"
        )
        for number in streams
    ]
    refs = " ".join(f"{number} 0 R" for number in kids)
    add(f"<< /Type /Pages /Kids [{refs}] /Count {len(kids)} >>")
    names = f"/Names << /EmbeddedFiles << /Names [{named}] >> >>" if named else ""
    root = add(f"<< /Type /Catalog /Pages {parent} 0 R {names} >>")
    return _file(bodies, root)


def stream(data: str | bytes, dictionary: str = "") -> bytes:
    data = _bytes(data)
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (dictionary.encode(), len(data), data)


def text(rows: Sequence[tuple[float, float, str]], points: float = 10, font: str = "F1") -> str:
    """The operators that print each text at its place, in points from the bottom left."""
    parts = (f"/{font} {points} Tf 1 0 0 1 {x} {y} Tm ({_escaped(t)}) Tj" for x, y, t in rows)
    return "BT " + "\n".join(parts) + " ET"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _bytes(value: str | bytes) -> bytes:
    return value.encode("cp1252") if isinstance(value, str) else value


def _file(bodies: Sequence[bytes], root: int) -> bytes:
    data, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(bodies) + 1,
        root,
        start,
    )
    return bytes(data)
