"""The uploaded bytes: files under the data directory, written so that a crash loses none.

An upload is written and fsynced under `incoming/`, named by rows that are committed, and only then
moved to `uploads/<job>/`. A deletion commits the keys of its files to the table `garbage`, and only
then removes them. After a crash the next start finishes both. It deletes from `incoming/` what no
row names, and from `uploads/` only files that are listed in `garbage`.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp"),
    *(".avif", ".heic", ".heif", ".pdf"),
}
MIN_FREE_BYTES = 200 * 1024 * 1024  # under this the disk is nearly full
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
MIN_FREE_FILES = 200  # inodes; an upload may take 51


class TooLarge(Exception):
    """A file passed the limit while it was being written."""


class IncomingFile:
    """A file being received: counted, hashed and limited while it is written."""

    def __init__(self, path: Path, max_bytes: int, name: str | None = None) -> None:
        self.path = path
        self.name = name  # that it came with
        self.size = 0
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> int:
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLarge
        self._sha256.update(data)
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


@dataclass
class Arrival:
    """An upload while it is received."""

    directory: Path  # under incoming/
    is_named: bool = False  # by committed rows: from then on it is moved and never removed


class Storage:
    """The directories under `root`; keys are relative to it, as `uploads/123/receipt.jpg`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming, self._uploads = root / "incoming", root / "uploads"
        self.previews = root / "previews"

    def create(self) -> None:
        """Make the directories; only their owner can look into them.

        Raises SystemExit, a sentence, where that is impossible.
        """
        with _explained(self.root):
            for directory in (self.root, self._incoming, self._uploads, self.previews):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _keep_private(directory)
            for database in self.root.glob("receipts.db*"):
                with suppress(FileNotFoundError):  # the log goes with its last connection
                    _keep_private(database)

    def lock(self) -> IO[bytes]:
        """Keep the directory for this process, until the file that is returned is closed.

        Raises SystemExit, a sentence, when another process has it or there are no locks.
        """
        with _explained(self.root), ExitStack() as opened:
            descriptor = os.open(self.root / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            file = opened.enter_context(os.fdopen(descriptor, "wb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opened.pop_all()
        return file

    def path(self, key: str) -> Path:
        """Where `key` lives. Raises ValueError for a key that points outside the root."""
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"the storage key {key!r} points outside the data directory")
        return path

    def previews_of(self, key: str) -> Path:
        """The directory of a file's previews, which may not be there."""
        return self.path(f"previews/{key.removeprefix('uploads/')}")

    @contextmanager
    def incoming(self) -> Iterator[Arrival]:
        """A new directory for one upload; removed at the end unless rows name it by then.

        Raises PermissionError where its files could not be moved on.
        """
        self.check_writable()
        arrival = Arrival(Path(tempfile.mkdtemp(dir=self._incoming)))
        sync(self._incoming)
        try:
            yield arrival
        finally:
            if not arrival.is_named:
                shutil.rmtree(arrival.directory, ignore_errors=True)

    def adopt(self, directory: str, job_id: int) -> None:
        """Move incoming/<directory> to the job whose committed rows name its files.

        Does nothing if it was moved already, by another thread or before a crash.
        """
        home, source = self._uploads / str(job_id), self._incoming / directory
        try:
            source.rename(home)
        except FileNotFoundError:
            if source.exists():  # so it is uploads/ that is not there
                raise
        except OSError:
            if not home.is_dir():
                raise
            _merge(source, home)

    def adopt_all(self, arrivals: Mapping[str, int]) -> None:
        """Move all of these, durably."""
        for directory, job_id in arrivals.items():
            self.adopt(directory, job_id)
        sync(self._uploads)

    def clear_incoming(self) -> None:
        """Remove what is under incoming/; before the first upload, when no row names any of it."""
        for path in self._incoming.iterdir():
            _remove(path)

    def faults(self) -> list[str]:
        """Why nothing more can be stored, in sentences. Raises OSError where the disk is gone."""
        disk, faults = os.statvfs(self.root), []
        if (free := disk.f_bavail * disk.f_frsize) < MIN_FREE_BYTES:
            faults.append(f"The disk is nearly full: {free // 2**20} MiB are free")
        if disk.f_files and disk.f_favail < MIN_FREE_FILES:  # f_files 0: it has no such limit
            faults.append(f"The disk takes only {disk.f_favail} more files: it has no inodes left")
        if not all(os.access(place, os.W_OK) for place in (self._incoming, self._uploads)):
            faults.append("The data directory's incoming/ or uploads/ cannot be written")
        return faults

    def check_writable(self) -> None:
        """Raise PermissionError where no file can be added or removed, even if SQLite can write."""
        if not os.access(self._uploads, os.W_OK):
            raise PermissionError(errno.EACCES, "cannot be written", str(self._uploads))

    def remove(self, keys: Collection[str]) -> None:
        """Remove these files, durably, their previews, and the directories of jobs left empty."""
        homes = {path.parent for key in keys for path in (self.path(key), self.previews_of(key))}
        for key in keys:
            self.path(key).unlink(missing_ok=True)
            _remove(self.previews_of(key))
        for home in homes:
            with suppress(OSError):  # not empty, or gone
                home.rmdir()
            if home.is_dir():
                sync(home)
        sync(self._uploads)

    def take_temporary_files(self) -> None:
        """Let this process make its temporary files here, since /tmp may be tiny."""
        tempfile.tempdir = str(self._incoming)

    def scratch(self) -> IO[bytes]:
        """A file without a name, which is gone when it is closed."""
        return tempfile.TemporaryFile(dir=self._incoming)

    # Directories of jobs

    def job_ids(self) -> set[int]:
        """The ids in the names of the directories under uploads/, whatever the rows say."""
        return {int(home.name) for home in self._uploads.iterdir() if home.name.isdecimal()}

    def has_job(self, job_id: int) -> bool:
        return (self._uploads / str(job_id)).exists()

    def remove_job(self, job_id: int) -> None:
        """Remove a job's whole directory, whatever is in it, and its previews."""
        _remove(self._uploads / str(job_id))
        _remove(self.previews / str(job_id))


# What the file of the lock says; of one length, so that one fits over the other on a full disk.
SERVING, ENDED = b"serving\n", b"ended  \n"


def ended_orderly(lock: IO[bytes]) -> bool:
    """Whether the server that had the lock before ended by a signal or an exit, not by a crash."""
    return os.pread(lock.fileno(), len(ENDED), 0) == ENDED


def note_end(lock: IO[bytes], orderly: bool) -> None:
    """Note for the next start how this server ends, in advance, since SIGKILL leaves no time."""
    with suppress(OSError):  # a full disk that writes nothing in place
        os.pwrite(lock.fileno(), ENDED if orderly else SERVING, 0)


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn an OSError into a SystemExit that says what is wrong with the data directory."""
    try:
        yield
    except BlockingIOError:
        raise SystemExit(
            f"Another server is using {root}; stop it, or give this one its own DATA_DIR"
        ) from None
    except OSError as error:
        advice = "check its owner, its mode and its disk, or set DATA_DIR to another directory"
        if error.errno in NO_LOCKS:
            advice = (
                "its disk has no file locks, like many network shares; set DATA_DIR to a local one"
            )
        reason = "it is a file" if root.is_file() else os.strerror(error.errno or 0)
        raise SystemExit(f"{root} cannot hold the data ({reason}): {advice}") from None


def storage_name(original: str, taken: Collection[str]) -> str:
    """A safe name near the original one, none of `taken`: `receipt.jpg`, else `receipt-1.jpg`.

    The suffix is looked at apart from the rest, or 収據.jpg would lose it with its letters.
    """
    stem, dot, suffix = original.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")
    suffix = dot + suffix
    if suffix.lower() not in SUFFIXES:
        stem, suffix = stem + suffix, ""
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_stem).strip("._-")[:100] or "upload"
    name, number = stem + suffix, 0
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name


def _merge(source: Path, home: Path) -> None:
    """Move the files of one directory to another, durably."""
    for file in source.iterdir():
        file.rename(home / file.name)
    sync(home)
    source.rmdir()


def _remove(path: Path) -> None:
    """Remove a file or a directory, which another thread may be removing too."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        if path.exists():
            _remove(path)


def _keep_private(path: Path) -> None:
    """Take all rights of other users from a file or directory, which may have come with some."""
    mode = path.stat().st_mode
    if mode & 0o077:
        with suppress(PermissionError):  # another's, as a container's volume may be
            path.chmod(mode & 0o700)


@contextmanager
def synced(directory: Path) -> Iterator[None]:
    """Write the files in a directory to the disk while the body runs; both end together."""
    with ThreadPoolExecutor(1, "sync") as beside:
        try:
            wait = beside.submit(sync_all, directory).result
        except RuntimeError:  # at its end the interpreter starts no thread
            wait = partial(sync_all, directory)
        yield
        wait()


def sync_all(directory: Path) -> None:
    """Make a directory durable with all that is below it."""
    for path in (directory, *directory.rglob("*")):
        sync(path)


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
