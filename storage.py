"""Where are the uploaded bytes? Files under the data directory, written so that a crash loses none.

An upload is written and fsynced under `incoming/` and renamed to `uploads/<job>/` inside the
transaction that names it; a deletion renames to `trash/` inside its transaction. What a crash
leaves in either, and under the next job ids, which may have been renamed but not committed, is
settled at the next start.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp"),
    *(".avif", ".heic", ".heif", ".pdf"),
}


MIN_FREE_BYTES = 200 * 1024 * 1024  # under this the disk is nearly full
UNCOMMITTED = 1000  # more than there are uploads in one commit
RESTORE = "restore-"  # how a restore's directory under incoming/ begins


class TooLarge(Exception):
    """A file passed the limit while it was being written."""


class IncomingFile:
    """A file being received: counted, hashed and limited while it is written."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
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

    def seek(self, _position: int) -> int:
        """The parser rewinds a part when it is whole."""
        self._file.close()
        return 0

    def close(self) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


class Storage:
    """The directories under `root`; keys are relative to it, as `uploads/123/receipt.jpg`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming, self._uploads, self._trash = (
            root / name for name in ("incoming", "uploads", "trash")
        )

    def create(self) -> None:
        """Make the directories; only their owner can look into them."""
        for directory in (self.root, self._incoming, self._uploads, self._trash):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _keep_private(directory)
        for database in self.root.glob("receipts.db*"):
            _keep_private(database)

    def lock(self) -> IO[bytes]:
        """The whole directory for this process, until the file returned is closed.

        Raises SystemExit when another process has it.
        """
        file = os.fdopen(os.open(self.root / "lock", os.O_CREAT | os.O_RDWR, 0o600), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SystemExit(
                f"Another server is using {self.root}; stop it, or give this one its own DATA_DIR"
            ) from None
        return file

    def path(self, key: str) -> Path:
        """Where `key` lives. Raises ValueError for a key that points outside the root."""
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"key outside the data directory: {key!r}")
        return path

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A directory for one upload, gone at the end unless it was adopted."""
        directory = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def adopted(self, directory: Path, job_id: int) -> Iterator[None]:
        """The directory as that job's, durable; removed if the body fails.

        The body's transaction is open: what is there already is the rest of one that failed.
        """
        home = self._uploads / str(job_id)
        _remove(home)
        try:
            directory.rename(home)
            sync(self._uploads)
            yield
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise

    @contextmanager
    def discarded_job(self, job_id: int) -> Iterator[None]:
        """The job's files out of the way while the body commits; back if it fails, else gone."""
        with self._discarded(self._uploads / str(job_id), f"job-{job_id}"):
            yield

    @contextmanager
    def discarded_file(self, key: str) -> Iterator[None]:
        """The same for one file."""
        path = self.path(key)
        with self._discarded(path, f"file-{path.parent.name}-{path.name}"):
            yield

    @contextmanager
    def _discarded(self, path: Path, name: str) -> Iterator[None]:
        trash = self._trash / name
        try:
            if path.exists():
                path.rename(trash)
                sync(path.parent)
                sync(self._trash)
            yield
        except BaseException:
            if trash.exists():
                trash.rename(path)
            raise
        _remove(trash)

    def settle(
        self,
        job_exists: Callable[[int], bool],
        key_exists: Callable[[str], bool],
        next_job_id: int,
    ) -> None:
        """Finish or undo what a crash left half done. Only before uploads are accepted."""
        for directory in self._incoming.iterdir():
            if not directory.name.startswith(RESTORE):
                _remove(directory)
        for job_id in range(next_job_id, next_job_id + UNCOMMITTED):
            _remove(self._uploads / str(job_id))
        self.tidy(job_exists, key_exists, next_job_id)
        for trash in self._trash.iterdir():
            trash.rename(self.path(_key(trash)))

    def tidy(
        self,
        job_exists: Callable[[int], bool],
        key_exists: Callable[[str], bool],
        next_job_id: int,
    ) -> None:
        """What can be put right while the server runs."""
        self.empty_trash(job_exists, key_exists)
        if any(self._incoming.glob(f"{RESTORE}*")):
            with suppress(BlockingIOError), self._only_restore():  # else it is still under way
                self.remove_unnamed(key_exists, next_job_id)
                for directory in self._incoming.glob(f"{RESTORE}*"):
                    _remove(directory)

    @contextmanager
    def restoring(self) -> Iterator[Path]:
        """A directory to stage a restore in. If it is still there after a crash, so may be files
        that nothing names. Raises SystemExit while another restore is under way.
        """
        with ExitStack() as until_end:
            try:
                until_end.enter_context(self._only_restore())
            except BlockingIOError:
                raise SystemExit("Another restore is under way; wait for its end") from None
            directory = Path(tempfile.mkdtemp(prefix=RESTORE, dir=self._incoming))
            until_end.callback(_remove, directory)
            yield directory

    @contextmanager
    def _only_restore(self) -> Iterator[None]:
        """Raises BlockingIOError while another process is in here."""
        descriptor = os.open(self.root / "restore.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def placed(self, staged: Path) -> Iterator[None]:
        """The staged files where their keys say, durable before the body commits; else gone again.

        What is there already under such a key is the same file.
        """
        new: list[Path] = []
        try:
            for file in staged.glob("uploads/*/*"):
                home = self.root / file.relative_to(staged)
                home.parent.mkdir(mode=0o700, exist_ok=True)
                if not home.exists():
                    new.append(home)
                    file.rename(home)
            for directory in {self._uploads, *(home.parent for home in new)}:
                sync(directory)
            yield
        except BaseException:
            for home in new:
                home.unlink(missing_ok=True)
            raise

    def remove_unnamed(self, key_exists: Callable[[str], bool], next_job_id: int) -> None:
        """Remove the files of jobs before `next_job_id` that no row names; later ones are new."""
        for job_id, home in self._homes():
            if job_id < next_job_id:
                for file in home.iterdir():
                    if not key_exists(str(file.relative_to(self.root))):
                        _remove(file)
                with suppress(OSError):
                    home.rmdir()  # when it is empty

    def empty_trash(
        self, job_exists: Callable[[int], bool], key_exists: Callable[[str], bool]
    ) -> None:
        """Remove what could not be removed when it was deleted, and leave what is being deleted."""
        for trash in self._trash.iterdir():
            key = _key(trash)
            if not (key_exists(key) if trash.name.startswith("file") else job_exists(_job_id(key))):
                _remove(trash)

    def _homes(self) -> Iterator[tuple[int, Path]]:
        for home in self._uploads.iterdir():
            if home.name.isdecimal():  # not so .DS_Store
                yield int(home.name), home


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


def _key(trash: Path) -> str:
    """Where it was: `uploads/1` for `job-1`, `uploads/1/a.jpg` for `file-1-a.jpg`."""
    return "/".join(["uploads", *trash.name.split("-", 2)[1:]])


def _job_id(key: str) -> int:
    return int(key.split("/")[1])


def _remove(path: Path) -> None:
    """Have it gone; another thread may be at it too."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        if path.exists():
            _remove(path)


def _keep_private(path: Path) -> None:
    """Take what others may do with a file or directory that was made elsewhere."""
    mode = path.stat().st_mode
    if mode & 0o077:
        with suppress(PermissionError):  # another's, as a container's volume may be
            path.chmod(mode & 0o700)


@contextmanager
def synced(directory: Path) -> Iterator[None]:
    """The files in a directory durable at the end of the body, which meanwhile goes on."""
    with ThreadPoolExecutor(1, "sync") as beside:
        task = beside.submit(_sync_all, directory)
        yield
    task.result()


def _sync_all(directory: Path) -> None:
    for path in (*directory.iterdir(), directory):
        sync(path)


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
