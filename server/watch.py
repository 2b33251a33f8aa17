"""Makes a job of each file that comes to rest in WATCH_DIR, and moves it to done/ or failed/ there.

A file is at rest when its size and time have not changed for WATCH_REST_S seconds, which can be
seen on network shares too. It is stored as an upload is, with an Idempotency-Key of its name and
content, and only then moved: a server that is killed between the two makes no second job of it.
Nothing is stored while nothing can be moved.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from werkzeug.exceptions import ServiceUnavailable

from providers.base import available_here
from result import ProviderError
from server.service import Service
from server.upload import stored_file
from worker import log_failure

log = logging.getLogger(__name__)

LOOK_S = 1.0
# What browsers, copying programs and scanners call a file that is not whole yet.
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp")
MAX_NAME_BYTES = 240  # leaves room for a number and .txt in the 255 of most file systems


class Found(NamedTuple):
    """A file's size and time, and since when they are unchanged, by time.monotonic()."""

    size: int
    changed_ns: int
    since: float


def start(service: Service) -> None:
    """Begin to watch. Raises SystemExit, a sentence, where WATCH_DIR cannot be watched."""
    directory = Path(service.settings.watch_dir).absolute()
    if not directory.is_dir():
        raise SystemExit(
            f"WATCH_DIR {directory} is not a directory; make it, or mount its disk first"
        )
    if directory.resolve().is_relative_to(service.storage.root):
        raise SystemExit(f"WATCH_DIR {directory} must not be inside DATA_DIR")
    if (name := service.settings.watch_provider) and name not in service.providers:
        raise SystemExit(f"WATCH_PROVIDER {name!r} is not one of: {', '.join(service.providers)}")
    service.watching.append(threading.Thread(target=_watch, args=(service, directory), daemon=True))
    service.watching[0].start()


def _watch(service: Service, directory: Path) -> None:
    rest_s, logged = service.settings.watch_rest_s, ""
    found, settled = dict[Path, Found](), dict[Path, tuple[Found, str]]()
    while not service.stopping.wait(min(LOOK_S, rest_s / 2)):
        faults = []
        try:
            found = look(directory, found, time.monotonic())
            faults = [
                fault
                for path, file in found.items()
                if time.monotonic() - file.since >= rest_s
                and (fault := _take(service, path, file, settled))
            ]
        except OSError as error:
            faults = [f"WATCH_DIR cannot be read: {error.strerror}"]
        except Exception as error:  # a bug in one look must not end the thread
            log_failure("watch", error)
        if faults and faults[0] != logged:
            log.warning("what is in WATCH_DIR has to wait: %s", faults[0])
        logged = faults[0] if faults else ""


def look(directory: Path, before: Mapping[Path, Found], now: float) -> dict[Path, Found]:
    """The files directly in a directory that hold something and are not hidden or UNFINISHED."""
    found = {}
    for entry in os.scandir(directory):
        if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
            continue
        with suppress(FileNotFoundError):  # it was taken away since it was listed
            state = entry.stat(follow_symlinks=False)
            if state.st_size and entry.is_file(follow_symlinks=False):
                file = Found(state.st_size, state.st_mtime_ns, now)
                known = before.get(path := Path(entry.path))
                found[path] = known if known and known[:2] == file[:2] else file
    return found


def _take(
    service: Service, path: Path, file: Found, settled: dict[Path, tuple[Found, str]]
) -> str | None:
    """Store a file and move it. Returns why that has to wait, or None.

    `settled` has the files that are stored or refused but not moved yet, each with the reason why
    it became no job, or "".
    """
    if service.stopping.is_set():
        return None
    try:
        _check_writable(path.parent)
        if path not in settled or settled[path][0] != file:
            settled[path] = (file, _store(service, path))
        _move(path, file, settled[path][1])
    except FileNotFoundError:  # it was taken away meanwhile
        pass
    except ServiceUnavailable as error:
        return str(error.description)
    except (OSError, sqlite3.Error) as error:
        return getattr(error, "strerror", None) or str(error)
    settled.pop(path, None)
    return None


def _check_writable(directory: Path) -> None:
    """Make done/ and failed/. Raises ServiceUnavailable where nothing can be moved there."""
    try:
        for home in ("done", "failed"):
            (directory / home).mkdir(exist_ok=True)
    except OSError as error:
        message = f"{home}/ cannot be made in WATCH_DIR: {error.strerror}"
        raise ServiceUnavailable(message) from None
    if not all(os.access(directory / home, os.W_OK) for home in (".", "done", "failed")):
        raise ServiceUnavailable("nothing can be moved within WATCH_DIR: it cannot be written")


def _store(service: Service, path: Path) -> str:
    """Make a job of a file. Returns why that is impossible, "" if it was done."""
    try:
        log.info("job %d: from WATCH_DIR", stored_file(service, path, _provider(service)))
    except ProviderError as error:
        return error.message
    return ""


def _provider(service: Service) -> str:
    """The name of the provider that reads the files. Raises ServiceUnavailable if it cannot run."""
    settings, providers = service.settings, service.providers
    name = settings.watch_provider or available_here(providers, settings)
    reason = providers[name].unavailable(settings) if name else "none reads on this machine alone"
    if name is None or reason:
        raise ServiceUnavailable(f"WATCH_PROVIDER {name or ''} is not available: {reason}")
    return name


def _move(path: Path, file: Found, reason: str) -> None:
    """Move a file that is still as it was to done/, or with its reason to failed/."""
    state = path.stat()
    if (state.st_size, state.st_mtime_ns) != file[:2]:
        return
    target = _free_name(path, "failed" if reason else "done", reason)
    if reason:  # first: a server that is killed in between writes it again
        _note(target).write_text(f"{reason}\n", "utf-8")
    path.rename(target)


def _free_name(path: Path, home: str, reason: str) -> Path:
    """Where the file goes in the directory `home`: its name, with a number where that is taken."""
    stem, number = path.stem, 0
    while len(stem) > 1 and len(os.fsencode(stem + path.suffix)) > MAX_NAME_BYTES:
        stem = stem[:-1]
    target = path.parent / home / f"{stem}{path.suffix}"
    while target.exists() or (reason and _is_anothers(_note(target), reason)):
        number += 1
        target = target.with_name(f"{stem}-{number}{path.suffix}")
    return target


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.txt")


def _is_anothers(note: Path, reason: str) -> bool:
    """Whether the note exists and holds another reason; a kill may have cut this one short."""
    return note.exists() and not f"{reason}\n".encode().startswith(note.read_bytes())
