"""Runs the executions: threads take ids from a queue, the database is the record.

Local and remote providers have a queue and threads each, so that neither waits for the other. A
keeper thread does, every minute, what no request waits for.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

import db
from engines import process, running
from engines.running import Running
from providers.base import Provider, read
from providers.redact import redacted
from result import ErrorCode, ProviderError, ocr_data
from settings import Settings
from storage import Storage, ended_orderly, note_end
from worker import readings, upkeep

log = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_S = 5.0  # what running executions get to finish in at an orderly end
KEEPER_S = 1.0
SWEEP_S = 60.0
UNUSED_S = 600.0  # after which an engine that reads nothing gives its memory back
OLD_FILES = 50  # whose receipts are filled in at once: some 50 ms, in which nothing else is written
OLD_PAUSE_S = 0.01  # after that, or no other writer would get the lock
UPLOAD_KEYS_KEPT = timedelta(days=1)
MAX_RETENTION_DAYS = 100_000  # back to the year 1752; datetime ends with the year 1
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


class Worker:
    """The threads of one server; `execute` is one step and can be called without them.

    `ended` is called for each execution in the thread that ran it, so it must be quick.
    """

    def __init__(
        self,
        database: Path,
        storage: Storage,
        providers: Mapping[str, Provider],
        settings: Settings,
        ended: Callable[[Ended], None] = lambda execution: None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._providers = providers
        self._settings = settings
        self._ended = ended
        self._sizes = {
            "local": settings.ocr_workers or os.cpu_count() or 1,
            "remote": settings.remote_workers,
        }
        self._queues: dict[str, queue.Queue[int | None]] = {k: queue.Queue() for k in self._sizes}
        self._threads: dict[threading.Thread, str] = {}
        self._running: dict[threading.Thread, Running] = {}
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._closed = False  # to work that has not begun
        self._stopping = threading.Event()
        self._search_is_stale = threading.Event()
        self._search_is_stale.set()  # a crash may have come before the last merge
        self._has_old = True  # files of an older release, until there are none
        self._lock: IO[bytes] | None = None
        self._opened: db.Opened | None = None

    def start(self, lock: IO[bytes], crashes_count: bool = True) -> None:
        """Finish what a crash cut off, and run all that is unfinished.

        `lock` holds the data directory for this process; it is closed at the end. Unless
        `crashes_count`, the end of this process is an orderly one, however it comes.
        """
        with closing(db.connect(self._database)) as connection:
            if ended_orderly(lock):
                with connection:
                    db.release(connection)
            self._recover(connection)
            note_end(lock, orderly=not crashes_count)
            self._lock, self._opened = lock, db.Opened(self._database)
            upkeep.settle(connection, self._storage)
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
        is_running = self._threads and not self._stopping.is_set()
        return [] if is_running else ["the worker is not running"]

    def forget_words(self, connection: sqlite3.Connection) -> None:
        """Remove deleted words from the search's index, from a large one in the next sweep."""
        if upkeep.merge_step(connection, -upkeep.MERGED_PAGES):
            self._search_is_stale.set()

    def close(self) -> None:
        """Begin no more executions; those that run go on. Takes no lock: signal handlers call it.

        From now on no end of this process counts as a crash of what it runs.
        """
        self._closed = True
        if self._lock and not self._lock.closed:
            note_end(self._lock, orderly=True)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Stop the threads; the next start runs again what is still running after `grace_s`."""
        if self._stopping.is_set() or not self._threads:
            return
        self.close()
        self._stopping.set()
        for kind in self._threads.values():
            self._queues[kind].put(None)
        if count := len(self._running):
            log.info("%d executions get %.0f s to end; Ctrl-C ends at once", count, grace_s)
        end = time.monotonic() + grace_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        opened, self._opened = self._opened, None
        if opened:
            opened.close()
        if self._lock:
            self._lock.close()

    def check_database(self) -> None:
        """Raise db.Unusable when the database's files are not those opened at the start."""
        if opened := self._opened:
            opened.check()

    def delete(
        self, connection: sqlite3.Connection, job_id: int, file_id: int | None = None
    ) -> bool:
        """Delete a job or one of its files and cancel its executions. Returns whether it was there.

        Raises PermissionError, and Billed where a vendor may have been paid for what runs.
        """
        self._storage.check_writable()
        with db.transaction(connection):  # nothing of it is claimed meanwhile
            self._cancel(db.list_running(connection, job_id, file_id))
            if file_id is None:
                gone = db.delete_job(connection, job_id)
            else:
                gone = db.delete_file(connection, job_id, file_id)
                readings.join_files(connection, job_id)
        upkeep.collect_garbage(connection, self._storage)
        return gone

    def delete_files(
        self, connection: sqlite3.Connection, files: Collection[tuple[int, int]]
    ) -> list[int]:
        """Delete files, (job id, file id) each, and jobs left without any. Returns the jobs' ids.

        Raises Billed as delete does. The caller has begun a transaction and collects the garbage.
        """
        self._cancel([i for file in files for i in db.list_running(connection, *file)])
        file_ids = [file_id for _, file_id in files]
        duplicates = db.forget_originals(connection, file_ids)
        db.delete_files(connection, file_ids)
        db.find_originals(connection, duplicates)
        jobs = sorted({job_id for job_id, _ in files})
        db.delete_empty_jobs(connection, jobs)
        for job_id in jobs:
            db.add_to_search(connection, job_id)
            readings.join_files(connection, job_id)
        return jobs

    def _cancel(self, execution_ids: Collection[int]) -> None:
        """End those of these that run. Raises Billed, and ends none, if one may have cost money."""
        runs = [run for run in list(self._running.values()) if run.execution_id in execution_ids]
        running.cancel(runs)

    def cancel(
        self, connection: sqlite3.Connection, job_id: int, file_id: int, execution_id: int
    ) -> bool:
        """End a pending or running execution as failed. Returns whether there was one.

        Raises Billed where a vendor may have been paid for it.
        """
        with db.transaction(connection):
            provider = db.cancel(connection, job_id, file_id, execution_id)
            self._cancel([execution_id] if provider else [])  # what it answers now is dropped
            readings.join_files(connection, job_id)
        if provider is not None:
            self._ended(Ended(job_id, provider, None, "cancelled"))
        return provider is not None

    def execute(self, connection: sqlite3.Connection, execution_id: int) -> None:
        """Claim an execution, run it and record its outcome; nothing if it is not pending."""
        run = self._running[threading.current_thread()] = Running(execution_id)
        running.current.set(run)
        claimed = self._persist(connection, db.claim, execution_id)
        if claimed is not None:
            self._execute_claimed(connection, execution_id, claimed)
        self._running.pop(threading.current_thread(), None)

    def _execute_claimed(
        self, connection: sqlite3.Connection, execution_id: int, claimed: Mapping[str, Any]
    ) -> None:
        started, provider = time.monotonic(), claimed["provider"]
        code, text = self._attempt(execution_id, provider, claimed["storage_key"])
        is_recorded, code = self._record(connection, execution_id, claimed["claim"], code, text)
        seconds = time.monotonic() - started
        if is_recorded:
            outcome = f"failed: {code}" if code else "completed"
            log.info("execution %d: %s %s in %.1f s", execution_id, provider, outcome, seconds)
            self._ended(Ended(claimed["job_id"], provider, seconds, code))
        else:
            why = "the server stops" if self._stopping.is_set() else "it was deleted or cancelled"
            dropped = "execution %d: its outcome after %.1f s is dropped, since %s"
            log.info(dropped, execution_id, seconds, why)

    def _attempt(
        self, execution_id: int, provider_name: str, storage_key: str
    ) -> tuple[ErrorCode | None, str]:
        """Read a file. Returns None and the ocrData, or an error's code and its message."""
        try:
            return None, self._read(provider_name, storage_key)
        except ProviderError as error:
            message = redacted(error.message, self._settings.secrets)
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
    ) -> tuple[bool, ErrorCode | None]:
        """Record a result or an error. Returns whether that was done, and the error's code if any.

        It is not done when the execution was deleted meanwhile, or when the server stops. What
        cannot be recorded, as 1 GB of text or fields of wrong types, becomes an internal error.
        """
        try:
            recorded = self._persist(connection, readings.record, execution_id, claim, code, text)
        except Exception:
            if code:
                raise
            log.exception("execution %d", execution_id)
            return self._record(connection, execution_id, claim, *INTERNAL_ERROR)
        return bool(recorded), code

    def _read(self, provider_name: str, storage_key: str) -> str:
        path = self._storage.path(storage_key)
        if not path.is_file():
            raise ProviderError("file_missing", "the uploaded file is gone from the data directory")
        provider = self._providers.get(provider_name)
        reason = provider.unavailable(self._settings) if provider else "no provider has that name"
        if provider is None or reason:
            message = f"Provider {provider_name!r} is not available: {reason}"
            raise ProviderError("not_configured", message)
        return ocr_data(read(provider, path, self._settings))

    def _persist(
        self, connection: sqlite3.Connection, query: Callable[..., T], execution_id: int, *args: Any
    ) -> T | None:
        """Run the query in a transaction, again each second while the database refuses it.

        None when the server stops meanwhile: the execution runs again at the next start.
        """
        while True:
            try:
                self.check_database()
                with connection:
                    return query(connection, execution_id, *args)
            except sqlite3.DatabaseError as error:
                if not db.is_unusable(error):
                    raise
                log.error("execution %d: cannot be recorded yet: %s", execution_id, error)
                if self._stopping.wait(1.0):
                    return None

    def _run(self, kind: str) -> None:
        """Execute what is queued, until the server stops; a bug of ours does not end the thread."""
        while not self._closed:
            try:
                return self._execute_queued(kind)
            except BaseException:  # also SystemExit
                log.exception("worker thread %s goes on", threading.current_thread().name)
                self._survived(self._take_back)
                self._stopping.wait(KEEPER_S)

    def _execute_queued(self, kind: str) -> None:
        with closing(db.connect(self._database)) as connection:
            for execution_id in iter(self._queues[kind].get, None):
                if self._closed:
                    break
                self.execute(connection, execution_id)

    def _take_back(self) -> None:
        """Queue the execution that this thread was running once more, as after a crash."""
        with closing(db.connect(self._database)) as connection:
            if run := self._running.pop(threading.current_thread(), None):
                self._recover(connection, run.execution_id)
            self._submit_pending(connection)

    def _start_thread(self, kind: str) -> None:
        name = f"{kind}-{len(self._threads)}"
        thread = threading.Thread(target=self._run, args=(kind,), name=name, daemon=True)
        self._threads[thread] = kind
        thread.start()

    def _keep(self) -> None:
        """Fill in what an older release left and sweep every minute, until the server stops."""
        self._survived(self._warn_of_orphans)
        self._survived(self._report_old)
        next_sweep, pause_s = time.monotonic() + SWEEP_S, 0.0
        while not self._stopping.wait(pause_s) and not self._closed:
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_S
                self._survived(self._sweep)
            pause_s = OLD_PAUSE_S if self._survived(self._read_old) else KEEPER_S

    def _survived(self, step: Callable[[], T]) -> T | None:
        """Run a step and log its error, which must not end the thread. Returns None after one."""
        try:
            return step()
        except Exception as error:
            log_failure(threading.current_thread().name, error)
            return None

    def _report_old(self) -> None:
        with closing(db.connect(self._database)) as connection:
            if left := db.count_unfilled(connection):
                log.info("receipts of %d files of an older release are still to be filled in", left)

    def _read_old(self) -> bool:
        """Fill in the receipts of some files of an older release. Returns whether any were left."""
        if self._has_old:
            with closing(db.connect(self._database)) as connection, connection:
                self._has_old = readings.read_old(connection, OLD_FILES)
        return self._has_old

    def _submit_pending(self, connection: sqlite3.Connection) -> None:
        """Queue all pending executions, when their files are where their keys say."""
        pending = db.list_pending(connection)  # first: an upload may commit at any moment
        upkeep.finish_arrivals(connection, self._storage)
        self.submit(pending)

    def _recover(self, connection: sqlite3.Connection, execution_id: int | None = None) -> None:
        """Requeue what a crash left running, and report the executions that are failed by it."""
        with connection:
            failed = db.recover(connection, execution_id)
            for job_id in {job_id for job_id, _ in failed}:
                readings.join_files(connection, job_id)
        for job_id, provider in failed:
            self._ended(Ended(job_id, provider, None, "crashed"))

    def _warn_of_orphans(self) -> None:
        with closing(db.connect(self._database)) as connection:
            if orphans := upkeep.list_orphans(connection, self._storage):
                log.warning(
                    "%d directories under %s/uploads belong to no job: was the database lost?"
                    " They are kept; restore a backup, or remove them: flask purge --orphans",
                    len(orphans),
                    self._storage.root,
                )

    def _sweep(self) -> None:
        """Do what no request waits for: move and remove files, delete old jobs and upload keys."""
        self.check_database()  # or files would be removed that another database names
        process.end_unused(UNUSED_S)
        self._report_old()
        with closing(db.connect(self._database)) as connection:
            if all(waiting.empty() for waiting in self._queues.values()):
                self._submit_pending(connection)  # of another process, or of an upload cut off
            else:
                upkeep.finish_arrivals(connection, self._storage)
            with connection:
                kept_since = datetime.now(UTC) - UPLOAD_KEYS_KEPT
                db.delete_upload_keys_before(connection, db.timestamp(kept_since))
            if days := self._settings.job_retention_days:
                limit = timedelta(days=min(days, MAX_RETENTION_DAYS))
                for job_id in upkeep.purge(connection, self._storage, limit):
                    log.info("job %d: deleted after %d days", job_id, limit.days)
            upkeep.collect_garbage(connection, self._storage)
            if self._search_is_stale.is_set():
                self._search_is_stale.clear()
                upkeep.merge_search(connection)
            db.forget_deleted(connection)

    def _kind(self, provider_name: str) -> str:
        """The queue of this provider: that of the remote ones for a llama-server too."""
        provider = self._providers.get(provider_name)
        remote = provider and (provider.kind == "remote" or provider.sends_to(self._settings))
        return "remote" if remote else "local"


def log_failure(who: str, error: Exception) -> None:
    """Log what a thread survives: a sentence for a fault of the disk, a traceback for a bug."""
    of_the_disk = isinstance(error, OSError) or (
        isinstance(error, sqlite3.DatabaseError) and db.is_unusable(error)
    )
    log.error("%s: %s", who, error, exc_info=None if of_the_disk else error)
