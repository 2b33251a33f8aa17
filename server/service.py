"""What the routes of one application share."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.exceptions import ServiceUnavailable

import db
from providers.base import Provider
from server.answers import Waiting
from server.metrics import Metrics
from server.webhook import Webhook
from settings import Settings
from storage import Storage
from worker import Worker


@dataclass(frozen=True)
class Service:
    """The parts of one application; `current_app.extensions["receipts"]` holds it."""

    database: Path
    storage: Storage
    providers: Mapping[str, Provider]
    settings: Settings
    worker: Worker
    waiting: Waiting
    webhook: Webhook
    metrics: Metrics
    write_lock: threading.Lock = field(default_factory=threading.Lock)

    def changed(self, job_id: int) -> None:
        """Wake the requests and the webhook that wait for the job's end."""
        self.waiting.wake(job_id)
        self.webhook.wake()

    def deleted(self, connection: sqlite3.Connection, job_id: int) -> None:
        """Wake who waits for the job, and leave nothing readable of what was deleted."""
        self.changed(job_id)
        self.worker.merge_search_later()
        db.forget_deleted(connection)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One upload or deletion at a time; SQLite takes one writer and would make the rest poll.

        Raises ServiceUnavailable when the others take longer than SQLite waits for a lock.
        """
        if not self.write_lock.acquire(timeout=db.LOCK_TIMEOUT_S):
            raise ServiceUnavailable("The database is locked; try again", retry_after=1)
        try:
            yield
        finally:
            self.write_lock.release()
