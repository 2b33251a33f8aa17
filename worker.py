"""Who runs the executions? Threads that take ids from a queue; the database is the record.

Engines of this machine and engines across the network have a queue and threads each, so that
neither waits for the other. A keeper thread replaces workers that died and sweeps up the rest.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import db
from providers.base import Provider
from providers.redact import redacted, secrets
from result import ErrorCode, ProviderError, ocr_data
from settings import Env, setting
from storage import Storage

log = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_S = 5.0  # what running executions get to finish in at an orderly end
KEEPER_S = 1.0
SWEEP_S = 60.0
UPLOAD_KEYS_KEPT = timedelta(days=1)
INTERNAL_ERROR: tuple[ErrorCode, str] = (
    "internal_error",
    "the provider failed unexpectedly; the server's log says how",
)


@dataclass(frozen=True)
class Ended:
    """An execution that has run to its end and is recorded."""

    job_id: int
    provider: str
    seconds: float | None  # None: unknown, since its thread or process died over it
    error_code: ErrorCode | None  # None: completed


MOST_DAYS = 100_000  # the year 1752; datetime ends with the year 1


class Worker:
    """The threads of one server; `execute` is one step and can be called without them.

    `ended` is told of each execution in the thread that ran it, so it must be quick.
    """

    def __init__(
        self,
        database: Path,
        storage: Storage,
        providers: Mapping[str, Provider],
        env: Env,
        ended: Callable[[Ended], None] = lambda execution: None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._providers = providers
        self._env = env
        self._ended = ended
        self._sizes = {
            "local": setting(env, "OCR_WORKERS", os.cpu_count() or 1),
            "remote": setting(env, "REMOTE_WORKERS", 8),
        }
        self._retention_days = setting(env, "JOB_RETENTION_DAYS", 0, least=0)
        self._queues: dict[str, queue.Queue[int | None]] = {k: queue.Queue() for k in self._sizes}
        self._threads: dict[threading.Thread, str] = {}
        self._running: dict[threading.Thread, int] = {}  # the execution each has claimed
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._closed = False  # to work that has not begun
        self._stopping = threading.Event()
        self._lock: IO[bytes] | None = None

    def start(self, lock: IO[bytes]) -> None:
        """Settle what a crash left, and run all that is unfinished.

        `lock` holds the data directory for this process; it is closed at the end.
        """
        self._lock = lock
        with closing(db.connect(self._database)) as connection:
            self._recover(connection)
            self._storage.settle(
                partial(db.job_exists, connection),
                partial(db.key_exists, connection),
                db.next_job_id(connection),
            )
            db.forget_deleted(connection)
            for kind, size in self._sizes.items():
                for _ in range(size):
                    self._start_thread(kind)
            self.submit(db.list_pending(connection))
        self._keeper.start()

    def submit(self, executions: Iterable[tuple[int, str]]) -> None:
        """Queue (id, provider) pairs whose rows are committed; an id twice does no harm."""
        for execution_id, provider in executions:
            self._queues[self._kind(provider)].put(execution_id)

    def faults(self) -> list[str]:
        """Why executions are not being run; empty when they are."""
        if not self._threads or self._stopping.is_set():
            return ["the worker is not running"]
        threads = [*self._threads, self._keeper]
        return [f"the worker thread {t.name} is dead" for t in threads if not t.is_alive()]

    def close(self) -> None:
        """Begin no more executions; those that run go on. Takes no lock: for a signal handler."""
        self._closed = True

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Take no more work, give what runs a few seconds, and put the rest back to pending."""
        if self._stopping.is_set() or not self._threads:
            return
        self.close()
        self._stopping.set()
        for kind in self._threads.values():
            self._queues[kind].put(None)
        end = time.monotonic() + grace_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        try:
            with closing(db.connect(self._database)) as connection, connection:
                db.release(connection)
        except sqlite3.OperationalError as error:
            log.error("what was running is run again, but counts as having crashed: %s", error)
        if self._lock:
            self._lock.close()

    def execute(self, connection: sqlite3.Connection, execution_id: int) -> None:
        """Claim, run, record; nothing when the execution is no longer pending."""
        claimed = self._persist(connection, db.claim, execution_id)
        if claimed is None:
            return
        self._running[threading.current_thread()] = execution_id
        started = time.monotonic()
        attempted = self._attempt(execution_id, claimed["provider"], claimed["storage_key"])
        code = self._record(connection, execution_id, claimed["claim"], *attempted)
        self._running.pop(threading.current_thread(), None)
        seconds, outcome = time.monotonic() - started, f"failed: {code}" if code else "completed"
        log.info(
            "execution %d: %s %s in %.1f s", execution_id, claimed["provider"], outcome, seconds
        )
        self._ended(Ended(claimed["job_id"], claimed["provider"], seconds, code))

    def _attempt(
        self, execution_id: int, provider_name: str, storage_key: str
    ) -> tuple[ErrorCode | None, str]:
        """None and the ocrData, or an error's code and message."""
        try:
            return None, self._read(provider_name, storage_key)
        except ProviderError as error:
            message = redacted(error.message, secrets(self._env))
            return error.code, message.encode("utf-8", "replace").decode()
        except BaseException:  # also SystemExit: a provider must not end the thread
            log.exception("execution %d", execution_id)
            return INTERNAL_ERROR

    def _record(
        self,
        connection: sqlite3.Connection,
        execution_id: int,
        claim: str,
        code: ErrorCode | None,
        text: str,
    ) -> ErrorCode | None:
        """The code recorded; what the database will not take, as 1 GB of text, is a failure."""
        try:
            if code is None:
                self._persist(connection, db.complete, execution_id, claim, text)
            else:
                self._persist(connection, db.fail, execution_id, claim, code, text)
            return code
        except sqlite3.Error:
            log.exception("execution %d", execution_id)
            self._persist(connection, db.fail, execution_id, claim, *INTERNAL_ERROR)
            return INTERNAL_ERROR[0]

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

    def _persist(
        self, connection: sqlite3.Connection, query: Callable[..., T], execution_id: int, *args: Any
    ) -> T | None:
        """The query in a transaction, however long the database is locked or the disk full.

        None when the server is stopped meanwhile: the execution runs again at the next start.
        """
        while True:
            try:
                with connection:
                    return query(connection, execution_id, *args)
            except sqlite3.OperationalError as error:
                log.error("execution %d: cannot be recorded yet: %s", execution_id, error)
                if self._stopping.wait(1.0):
                    return None

    def _run(self, kind: str) -> None:
        with closing(db.connect(self._database)) as connection:
            for execution_id in iter(self._queues[kind].get, None):
                if self._closed:
                    break
                try:
                    self.execute(connection, execution_id)
                except Exception:  # a bug in one execution must not end the thread
                    log.exception("execution %d", execution_id)

    def _start_thread(self, kind: str) -> None:
        name = f"{kind}-{len(self._threads)}"
        thread = threading.Thread(target=self._run, args=(kind,), name=name, daemon=True)
        self._threads[thread] = kind
        thread.start()

    def _keep(self) -> None:
        """Until the end: replace dead threads every second, sweep every minute."""
        next_sweep = time.monotonic() + SWEEP_S
        while not self._stopping.wait(KEEPER_S) and not self._closed:
            try:
                for thread in [t for t in self._threads if not t.is_alive()]:
                    self._replace(thread)
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + SWEEP_S
                    self._sweep()
            except Exception:  # the keeper itself must not die
                log.exception("keeper")

    def _replace(self, thread: threading.Thread) -> None:
        """Another thread for a dead one, and another try for the execution it died over."""
        log.error("worker thread %s died; it is replaced", thread.name)
        with closing(db.connect(self._database)) as connection:
            if execution_id := self._running.get(thread):
                self._recover(connection, execution_id)
            self._running.pop(thread, None)
            self._start_thread(self._threads.pop(thread))
            self.submit(db.list_pending(connection))

    def _recover(self, connection: sqlite3.Connection, execution_id: int | None = None) -> None:
        """As db.recover, and tell of those that are failed by it."""
        with connection:
            failed = db.recover(connection, execution_id)
        for job_id, provider in failed:
            self._ended(Ended(job_id, provider, None, "crashed"))

    def _sweep(self) -> None:
        """What no request waits for: work another process queued, old jobs, old upload keys."""
        with closing(db.connect(self._database)) as connection:
            if all(waiting.empty() for waiting in self._queues.values()):
                self.submit(db.list_pending(connection))
            with connection:
                kept_since = datetime.now(UTC) - UPLOAD_KEYS_KEPT
                db.delete_upload_keys_before(connection, db.timestamp(kept_since))
            if self._retention_days:
                limit = timedelta(days=min(self._retention_days, MOST_DAYS))
                for job_id in purge(connection, self._storage, limit):
                    log.info("job %d: deleted after %d days", job_id, limit.days)
            self._storage.tidy(
                partial(db.job_exists, connection),
                partial(db.key_exists, connection),
                db.next_job_id(connection),
            )
            db.purge_search(connection)
            db.forget_deleted(connection)

    def _kind(self, provider_name: str) -> str:
        """A llama-server is local by name, but waits on the network."""
        provider = self._providers.get(provider_name)
        remote = provider and (provider.kind == "remote" or provider.sends_to(self._env))
        return "remote" if remote else "local"


# Deleting


def older_than(connection: sqlite3.Connection, limit: timedelta) -> list[int]:
    """The ids of finished jobs last changed longer ago than that, oldest first."""
    return db.list_finished_before(connection, _ago(limit))


def purge(connection: sqlite3.Connection, storage: Storage, limit: timedelta) -> list[int]:
    """Delete those; the ids of the ones that went: one may be run again at this very moment."""
    moment = _ago(limit)
    ids = db.list_finished_before(connection, moment)
    gone = [job_id for job_id in ids if delete_job_and_files(connection, storage, job_id, moment)]
    db.forget_deleted(connection)
    return gone


def delete_job_and_files(
    connection: sqlite3.Connection,
    storage: Storage,
    job_id: int,
    finished_before: str | None = None,
) -> bool:
    """Whether the job went, row, files and bytes; not if it is missing, running or not that old."""
    with connection:
        if not db.delete_job(connection, job_id, finished_before):
            return False
        with storage.discarded_job(job_id):
            connection.commit()  # in here, so that a failed commit brings the files back
    return True


def _ago(limit: timedelta) -> str:
    return db.timestamp(datetime.now(UTC) - limit)
