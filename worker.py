"""Who runs the executions? Threads that take ids from a queue; the database is the record.

Engines of this machine and engines across the network have a queue and threads each, so that
neither waits for the other. One process per data directory: a lock on a file refuses a second.
"""

import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import db
from providers.base import Env, Provider, ProviderError, ocr_data, setting
from storage import Storage

log = logging.getLogger(__name__)

GRACE_S = 5.0  # what running executions get to finish in at an orderly end


class Worker:
    """The threads of one server; `execute` is one step and can be called without them."""

    def __init__(
        self, database: Path, storage: Storage, providers: Mapping[str, Provider], env: Env
    ) -> None:
        self._database = database
        self._storage = storage
        self._providers = providers
        self._env = env
        self._sizes = {
            "local": setting(env, "OCR_WORKERS", os.cpu_count() or 1),
            "remote": setting(env, "REMOTE_WORKERS", 8),
        }
        self._queues: dict[str, queue.Queue[int | None]] = {k: queue.Queue() for k in self._sizes}
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._lock: IO[bytes] | None = None

    def start(self) -> None:
        """Take the data directory, settle what a crash left, and run all that is unfinished.

        Raises SystemExit when another server has the directory.
        """
        self._lock = _lock(self._storage.root / "lock")
        connection = db.connect(self._database)
        with connection:
            unfinished = db.recover(connection)
        self._storage.settle(
            lambda job_id: db.job_exists(connection, job_id),
            lambda key: db.key_exists(connection, key),
            db.next_job_id(connection),
        )
        connection.close()
        for kind, size in self._sizes.items():
            for number in range(size):
                thread = threading.Thread(
                    target=self._run, args=(kind,), name=f"{kind}-{number}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
        self.submit(unfinished)

    def submit(self, executions: Iterable[tuple[int, str]]) -> None:
        """Queue (id, provider) pairs whose rows are committed; an id twice does no harm."""
        for execution_id, provider in executions:
            self._queues[self._kind(provider)].put(execution_id)

    def stop(self) -> None:
        """Take no more work, give what runs a few seconds, and put the rest back to pending."""
        self._stopping.set()
        for kind, size in self._sizes.items():
            for _ in range(size):
                self._queues[kind].put(None)
        end = time.monotonic() + GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._lock:
            connection = db.connect(self._database)
            with connection:
                db.release(connection)
            connection.close()
            self._lock.close()
            self._lock = None

    def execute(self, connection: sqlite3.Connection, execution_id: int) -> None:
        """Claim, run, record; nothing when the execution is no longer pending."""
        with connection:
            claimed = db.claim(connection, execution_id)
        if claimed is None:
            return
        started = time.monotonic()
        try:
            data = self._read(claimed["provider"], claimed["storage_key"])
        except ProviderError as error:
            outcome = f"failed: {error.code}"
            self._record(connection, db.fail, execution_id, error.code, error.message)
        except BaseException:  # also SystemExit: a provider must not end the thread
            log.exception("execution %d", execution_id)
            outcome = "failed: internal_error"
            message = "the provider failed unexpectedly; the server's log says how"
            self._record(connection, db.fail, execution_id, "internal_error", message)
        else:
            outcome = "completed"
            self._record(connection, db.complete, execution_id, data)
        seconds = time.monotonic() - started
        log.info(
            "execution %d: %s %s in %.1f s", execution_id, claimed["provider"], outcome, seconds
        )

    def _read(self, provider_name: str, storage_key: str) -> str:
        path = self._storage.path(storage_key)
        if not path.is_file():
            raise ProviderError("file_missing", "the uploaded file is gone from the data directory")
        provider = self._providers.get(provider_name)
        reason = provider.unavailable(self._env) if provider else "there is none of that name"
        if provider is None or reason:
            raise ProviderError(
                "not_configured", f"Provider {provider_name!r} is not available: {reason}"
            )
        return ocr_data(provider.ocr(path, self._env))

    def _record(
        self, connection: sqlite3.Connection, query: Callable[..., None], *args: Any
    ) -> None:
        """Write the outcome, however long the database is locked or the disk is full."""
        while True:
            try:
                with connection:
                    return query(connection, *args)
            except sqlite3.OperationalError as error:
                log.error("execution %d: cannot record it yet: %s", args[0], error)
                if self._stopping.wait(1.0):
                    return None

    def _run(self, kind: str) -> None:
        connection = db.connect(self._database)
        for execution_id in iter(self._queues[kind].get, None):
            if self._stopping.is_set():
                break
            try:
                self.execute(connection, execution_id)
            except Exception:  # a bug in one execution must not end the thread
                log.exception("execution %d", execution_id)
        connection.close()

    def _kind(self, provider_name: str) -> str:
        """A llama-server is local by name, but waits on the network."""
        provider = self._providers.get(provider_name)
        remote = provider and (provider.kind == "remote" or provider.sends_to(self._env))
        return "remote" if remote else "local"


def _lock(path: Path) -> IO[bytes]:
    """The data directory's lock file, held until closed. Raises SystemExit when it is taken."""
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SystemExit(
            f"Another server is using {path.parent}; stop it, or give this one its own DATA_DIR"
        ) from None
    return file
