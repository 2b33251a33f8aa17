"""Makes a job of each file that comes to rest in WATCH_DIR, and moves it to done/ or failed/ there.

A file is at rest when its size and time have not changed for WATCH_REST_S seconds, which can be
seen on network shares too. It is stored as an upload is, with an Idempotency-Key of its name and
content, and only then moved: who is killed between the two makes no second job of it.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
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


class Found(NamedTuple):
    """A file, and since when it is as it is, on the clock of time.monotonic()."""

    size: int
    changed_ns: int
    since: float


def start(service: Service) -> None:
    """Begin to watch. Raises SystemExit, a sentence, where WATCH_DIR cannot be watched."""
    directory = Path(service.settings.watch_dir).absolute()
    if not directory.is_dir():
        raise SystemExit(f"WATCH_DIR {directory} is no directory; make it, or mount its disk first")
    if directory.resolve().is_relative_to(service.storage.root):
        raise SystemExit(f"WATCH_DIR {directory} must not be inside of DATA_DIR")
    if (name := service.settings.watch_provider) and name not in service.providers:
        raise SystemExit(f"WATCH_PROVIDER {name!r} is none of: {', '.join(service.providers)}")
    service.watching.append(threading.Thread(target=_watch, args=(service, directory), daemon=True))
    service.watching[0].start()


def _watch(service: Service, directory: Path) -> None:
    rest_s, found, told = service.settings.watch_rest_s, dict[Path, Found](), ""
    while not service.stopping.wait(min(LOOK_S, rest_s / 2)):
        faults = []
        try:
            found = look(directory, found, time.monotonic())
            faults = [
                fault
                for path, file in found.items()
                if time.monotonic() - file.since >= rest_s and (fault := _take(service, path, file))
            ]
        except OSError as error:
            faults = [f"WATCH_DIR cannot be read: {error.strerror}"]
        except Exception as error:  # a bug in one look must not end the thread
            log_failure("watch", error)
        if faults and faults[0] != told:
            log.warning("what is in WATCH_DIR has to wait: %s", faults[0])
        told = faults[0] if faults else ""


def look(directory: Path, before: Mapping[Path, Found], now: float) -> dict[Path, Found]:
    """The files directly in a directory that hold something and are not hidden."""
    found = {}
    for entry in os.scandir(directory):
        state = entry.stat(follow_symlinks=False)
        if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
            continue
        file = Found(state.st_size, state.st_mtime_ns, now)
        known = before.get(path := Path(entry.path))
        if file.size:
            found[path] = known if known and known[:2] == file[:2] else file
    return found


def _take(service: Service, path: Path, file: Found) -> str | None:
    """Store a file and move it; why that has to wait, None if it has not."""
    if service.stopping.is_set():
        return None
    try:
        home, reason = _stored(service, path)
    except ServiceUnavailable as error:
        return str(error.description)
    except (OSError, sqlite3.Error) as error:
        return getattr(error, "strerror", None) or str(error)
    try:
        _move(path, file, home, reason)
    except OSError as error:
        return f"a file cannot be moved to {home}/: {error.strerror}"
    return None


def _stored(service: Service, path: Path) -> tuple[str, str]:
    """Where the file goes now, and why it cannot be read, "" if it can."""
    try:
        job_id = stored_file(service, path, _provider(service))
    except ProviderError as error:
        return "failed", error.message
    log.info("job %d: from WATCH_DIR", job_id)
    return "done", ""


def _provider(service: Service) -> str:
    """Raises ServiceUnavailable where it cannot run."""
    settings, providers = service.settings, service.providers
    name = settings.watch_provider or available_here(providers, settings)
    reason = providers[name].unavailable(settings) if name else "none reads on this machine alone"
    if name is None or reason:
        raise ServiceUnavailable(f"WATCH_PROVIDER {name or ''} is not available: {reason}")
    return name


def _move(path: Path, file: Found, home: str, reason: str) -> None:
    """Move a file that is still as it was to a directory beside it, under a name that is free."""
    state = path.stat()
    if (state.st_size, state.st_mtime_ns) != file[:2]:
        return
    (path.parent / home).mkdir(exist_ok=True)
    target, number = path.parent / home / path.name, 0
    while target.exists():
        number += 1
        target = target.with_name(f"{path.stem}-{number}{path.suffix}")
    if reason:  # first: who is killed in between writes it again
        target.with_name(f"{target.name}.txt").write_text(f"{reason}\n", "utf-8")
    path.rename(target)
