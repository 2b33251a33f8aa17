"""Reads a multipart body: fields as text, files to disk, from whatever program sends it.

Text that is not UTF-8 is read in the likeliest older encoding. A file's name may be written as
browsers do, as in RFC 5987 (`filename*`) or RFC 2047 (.NET), or percent-encoded (aiohttp). The form
parser of werkzeug 3.1 loses such names, or the file with them, and takes a body cut short as whole.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from itertools import chain
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)
from werkzeug.wrappers import Request

from settings import Settings
from storage import IncomingFile, TooLarge, storage_name

CHUNK_BYTES = 64 * 1024
MAX_FIELD_BYTES = 128 * 1024  # of a field, or of the headers of a part
MAX_NAME_BYTES = 255  # of a file, in UTF-8: as much as file systems take
MAX_BOUNDARY_LENGTH = 200  # RFC 2046 allows 70

_OPENING = re.compile(r';\s*filename="', re.IGNORECASE)
_CLOSING = re.compile(r'"\s*(?:;|$)')
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# The older encodings, each with what its bytes look like (shown as Latin-1): three Russian letters
# in a row, two Chinese characters, Japanese kana; single letters with accents are Western Europe's.
# curl.exe sends names in the encoding that its Windows is set to.
_ENCODINGS = (
    ("utf-8", re.compile("")),
    ("cp1251", re.compile("(?<![\x80-\xff])[\xa8\xb8\xc0-\xff]{3,}(?![\x80-\xff])")),
    ("gbk", re.compile("[\xa1-\xf7][\xa1-\xfe][\xa1-\xf7][\xa1-\xfe]")),
    ("cp932", re.compile("[\x82\x83][\x40-\xf1]")),
    ("cp1252", re.compile("")),
)


class ReceivedField:
    """A field of the form while it arrives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > MAX_FIELD_BYTES:
            raise RequestEntityTooLarge(
                f"The field {self.name!r} has more than {MAX_FIELD_BYTES} bytes;"
                " a picture goes into a field named 'file'"
            )

    @property
    def text(self) -> str:
        return decoded(bytes(self._data))


class Body:
    """The fields and files of one request, in their order."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.fields: list[ReceivedField] = []
        self.files: list[IncomingFile] = []
        self._directory = directory
        self._max_bytes = settings.max_file_size_bytes
        self._max_files = settings.max_files_per_job

    def read(self, request: Request) -> None:
        """Read all of it. Raises BadRequest or RequestEntityTooLarge."""
        target: ReceivedField | IncomingFile | None = None
        try:
            for event in _events(_Decoder(_boundary(request), MAX_FIELD_BYTES), request.stream):
                if isinstance(event, Field | File):
                    target = self._begin(event)
                elif isinstance(event, Data) and target:
                    target.write(event.data)
        except TooLarge:
            raise RequestEntityTooLarge(
                f"File {len(self.files) - 1} ({self.files[-1].name or ''!r}) is larger than"
                f" {self._max_bytes} bytes; send a smaller picture or raise MAX_FILE_SIZE_BYTES"
            ) from None
        finally:
            self._close_last()

    def _begin(self, part: Field | File) -> ReceivedField | IncomingFile:
        """Begin a part. Returns what takes its content: a file on disk, or a field."""
        self._close_last()
        name = _file_name(part.headers.get("Content-Disposition", ""))
        if name is not None and part.name != "file":
            raise BadRequest(
                f"A file came in the field {part.name!r}; files go into fields named 'file',"
                " in the order of ocrProvider_0, ocrProvider_1 and so on"
            )
        if part.name == "file":
            return self._begin_file(name)
        most = 100 + 12 * self._max_files  # its providers, and some to spare
        if len(self.fields) == most:
            raise RequestEntityTooLarge(f"The form has more than {most} fields; leave some out")
        self.fields.append(ReceivedField(part.name or ""))
        return self.fields[-1]

    def _begin_file(self, name: str | None) -> IncomingFile:
        number = len(self.files)
        if number == self._max_files:
            raise RequestEntityTooLarge(
                f"A job takes at most {number} files; send several jobs or raise MAX_FILES_PER_JOB"
            )
        if name:
            _check_name(number, name)
        taken = {file.path.name.lower() for file in self.files}
        path = self._directory / storage_name(name or "", taken)
        self.files.append(IncomingFile(path, self._max_bytes, name))
        return self.files[-1]

    def _close_last(self) -> None:
        if self.files:
            self.files[-1].close()


def _check_name(number: int, name: str) -> None:
    size = len(name.encode(errors="replace"))
    if size > MAX_NAME_BYTES:
        raise BadRequest(
            f"The name of file {number} ({name[:20]!r}...) has {size} bytes; rename it to at most"
            f" {MAX_NAME_BYTES}"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BadRequest(
            f"The name of file {number} ({name!r}) holds control characters; rename it"
        )


# The parts


class _Decoder(MultipartDecoder):
    """A decoder that takes older encodings than UTF-8 in the headers of a part too."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(decoded(bytes(data)).encode())


def _boundary(request: Request) -> bytes:
    boundary = request.mimetype_params.get("boundary", "")
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH:
        raise BadRequest(
            f"Content-Type has no boundary of 1 to {MAX_BOUNDARY_LENGTH} characters; let your"
            " program set Content-Type itself, it then adds the boundary of the body"
        )
    return boundary.encode("latin-1", "replace")


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    """The events of the body until its end. Raises BadRequest."""
    for data in chain(iter(lambda: stream.read(CHUNK_BYTES), b""), [None]):
        try:
            decoder.receive_data(data)
        except RequestEntityTooLarge:
            raise BadRequest(
                f"The headers of a part have more than {MAX_FIELD_BYTES} bytes"
            ) from None
        try:
            while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
                yield event
        except ValueError as error:
            raise BadRequest(_fault(decoder.state)) from error


def _fault(state: State) -> str:
    if state is State.PREAMBLE:
        return (
            "The boundary that Content-Type names is not in the multipart body; let your program"
            " set Content-Type itself"
        )
    return "The multipart body is malformed or was cut short; send it again"


# Text


def decoded(data: bytes) -> str:
    """The text in UTF-8, else in the likeliest of the older encodings."""
    as_latin = data.decode("latin-1")
    for encoding, looks in _ENCODINGS:
        if looks.search(as_latin):
            with suppress(UnicodeDecodeError):
                return data.decode(encoding)
    return as_latin


def _file_name(disposition: str) -> str | None:
    """The file name in a Content-Disposition, that of `filename*` first; None without one.

    werkzeug's reading takes backslashes for escapes, but browsers send C:\\new.jpg as it is.
    """
    opening = _OPENING.search(disposition)
    closing = _CLOSING.search(disposition, opening.end()) if opening else None
    if opening is None or closing is None:
        return parse_options_header(disposition)[1].get("filename")
    others = disposition[: opening.start()] + disposition[closing.start() + 1 :]
    marked = parse_options_header(others)[1].get("filename")
    return marked or _as_meant(disposition[opening.end() : closing.start()])


def _as_meant(name: str) -> str:
    """The name with the characters that programs replaced in it.

    Browsers, curl and requests write ", CR and LF as %22, %0D and %0A and nothing else
    (https://html.spec.whatwg.org/#multipart-form-data).
    """
    name = name.replace('\\"', '"')
    with suppress(MessageError, LookupError, ValueError):
        if name.startswith("=?") and name.endswith("?=") and len(name) < 4 * MAX_NAME_BYTES:
            return str(make_header(decode_header(name)))
        if not _LONE_PERCENT.search(name):
            return unquote(name, errors="strict")
    for escape, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(escape, character)
    return name
