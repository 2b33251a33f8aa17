"""Upright JPEGs of pages for people, made when they are asked for and kept in previews/.

At most PREVIEW_CACHE_MB are kept; those not asked for longest go. They are in no backup, and go
with their file.
"""

import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from werkzeug.exceptions import ServiceUnavailable, UnprocessableEntity

from engines import decoder
from result import ProviderError
from settings import Settings
from storage import Storage

WIDTHS = (200, 400, 800, 1600, 2400)  # pixels; others are rounded up, so that few are kept
MAX_REQUESTS = 16  # at once; more would take the threads that uploads need
MAX_FAILURES = 1000  # remembered, or a list with a hostile file would decode it at every look
REFUSED_S = 600  # after a failure, which may have been one of a busy machine
END_OF_IMAGE = b"\xff\xd9"  # a JPEG without it was cut off by a failure of power
KEPT_SHARE = 0.9  # of the limit, once it is passed


class Page(NamedTuple):
    """A page of a stored file, the first is 0, as a picture of one of WIDTHS."""

    storage_key: str
    sha256: str
    number: int
    width: int

    @property
    def tag(self) -> str:
        """A text that only equal pictures share; ids would not do: a new database reuses them."""
        return f"{self.sha256[:32]}-{self.number}-{self.width}"


def page_of(file: dict[str, Any], number: int, width: int) -> Page:
    """The page of a file's row, at least this many pixels wide where WIDTHS go so far."""
    step = next((each for each in WIDTHS if each >= width), WIDTHS[-1])
    return Page(file["storage_key"], file["sha256"], number, step)


class Previews:
    """The previews of one server."""

    def __init__(self, storage: Storage, settings: Settings, refused_s: float = REFUSED_S) -> None:
        self._storage, self._settings, self._refused_s = storage, settings, refused_s
        self._most_bytes = settings.preview_cache_mb * 2**20
        self._bytes = self._most_bytes  # at most: the first that is kept counts them
        self._failures: dict[tuple[str, int], tuple[float, str]] = {}  # until when, and why
        self._turns = threading.BoundedSemaphore(MAX_REQUESTS)
        self._lock = threading.Lock()

    def kept(self, page: Page) -> bytes | None:
        """The JPEG if it is kept; the time of this request is noted in its file."""
        with suppress(OSError):
            data = self._path(page).read_bytes()
            now = time.time_ns()  # the kernel's own "now" may be some ms old
            os.utime(self._path(page), ns=(now, now))
            return data if data.endswith(END_OF_IMAGE) else None
        return None

    def made(self, page: Page) -> bytes | None:
        """The JPEG, made now, which may take 20 s; None where the file has no such page.

        Raises FileNotFoundError where the file's bytes are gone, UnprocessableEntity where they
        give no picture, ServiceUnavailable while MAX_REQUESTS others are being made.
        """
        original = self._storage.path(page.storage_key)
        original.stat()
        if not self._turns.acquire(blocking=False):
            raise ServiceUnavailable("Too many previews are being made; try again", retry_after=2)
        try:
            data = self._decoded(original, page)
        finally:
            self._turns.release()
        if data and self._most_bytes:
            with suppress(OSError):  # a full disk, say, or the file is being deleted
                self._keep(page, data)
        return data

    def _decoded(self, original: Path, page: Page) -> bytes | None:
        refused_until, failure = self._failures.get((page.sha256, page.number), (0.0, ""))
        if time.monotonic() >= refused_until:
            try:
                return decoder.preview(original, page.number, page.width, self._settings)
            except ProviderError as error:
                is_slow = error.code in ("timeout", "engine_crashed")
                slow = f"it cannot be decoded within {decoder.CHECK_S} s"
                reason = slow if is_slow else error.message
                failure = f"No picture can be made of page {page.number}: {reason}"
            if len(self._failures) >= MAX_FAILURES:
                self._failures.clear()
            refused_until = time.monotonic() + self._refused_s
            self._failures[page.sha256, page.number] = refused_until, failure
        raise UnprocessableEntity(failure)

    def _path(self, page: Page) -> Path:
        return self._storage.previews_of(page.storage_key) / f"{page.tag}.jpg"

    def _keep(self, page: Page, data: bytes) -> None:
        if self._storage.faults():
            return
        path = self._path(page)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).rename(path)
        if not self._storage.path(page.storage_key).exists():  # it was deleted meanwhile
            path.unlink(missing_ok=True)
        with self._lock:
            self._bytes += len(data)
            if self._bytes > self._most_bytes:
                self._bytes = self._make_room()

    def _make_room(self) -> int:
        """Remove the oldest while all together are too large. Returns the bytes that are left."""
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        goal = KEPT_SHARE * self._most_bytes if total > self._most_bytes else total
        for _, size, path in found:
            if total <= goal:
                break
            path.unlink(missing_ok=True)
            total -= size
            with suppress(OSError):  # other previews are in them
                path.parent.rmdir()
                path.parent.parent.rmdir()
        return total

    def _files(self) -> list[tuple[int, int, Path]]:
        """Each preview's time of the last request in nanoseconds, its size and its path."""
        found = []
        for path in self._storage.previews.rglob("*"):
            with suppress(FileNotFoundError):
                if S_ISREG((stat := path.stat()).st_mode):
                    found.append((stat.st_mtime_ns, stat.st_size, path))
        return found
