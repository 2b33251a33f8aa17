"""What the routes of one application share."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app
from werkzeug.exceptions import ServiceUnavailable

import db
from providers.base import Provider
from server import errors
from server.access import WrongKeys
from server.answers import Waiting
from server.metrics import Metrics
from server.previews import Previews
from server.webhook import Webhook
from settings import Settings
from storage import Storage
from worker import Worker

MAX_ANSWERED = 2  # GET requests at once; hundreds would starve the thread that accepts others
STOP_S = 5.0  # for the file that is being taken from WATCH_DIR
MAX_IDLE = 16  # connections; opening one each time costs an upload 3 of 15 ms of CPU


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
    previews: Previews
    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_ANSWERED))
    export_turn: threading.Lock = field(default_factory=threading.Lock)
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)
    write_lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)
    watching: list[threading.Thread] = field(default_factory=list)  # the one of server/watch.py
    idle: list[sqlite3.Connection] = field(default_factory=list)

    def take_connection(self) -> sqlite3.Connection:
        """A connection for one request: an idle one, or a new one. Raises db.Unusable."""
        self.worker.check_database()
        try:
            return self.idle.pop()
        except IndexError:
            return db.connect(self.database)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep the connection for another request, with SQLite's cache of pages."""
        connection.rollback()
        if len(self.idle) < MAX_IDLE:
            self.idle.append(connection)
        else:
            connection.close()

    @contextmanager
    def borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection for the body, given back at its end."""
        connection = self.take_connection()
        try:
            yield connection
        finally:
            self.give_back(connection)

    def faults(self) -> list[str]:
        """Why uploads cannot be stored or will not be read, in sentences; empty when they can."""
        faults = self.worker.faults()
        try:
            self.worker.check_database()
            with closing(db.connect(self.database)) as connection:  # one that has nothing cached
                db.read_newest(connection)
                db.write_nothing(connection)
            faults += self.storage.faults()
        except (sqlite3.DatabaseError, OSError) as error:
            reason = errors.from_disk(error, self.storage.root)
            faults.append(str(reason.description if reason else error))
        return faults

    def stop(self) -> None:
        """Stop the threads and close the connections."""
        self.stopping.set()
        for thread in self.watching:
            thread.join(STOP_S)
        self.webhook.stop()
        self.worker.stop()
        while self.idle:
            self.idle.pop().close()

    def changed(self, job_id: int) -> None:
        """Wake the requests and the webhook that wait for the job's end."""
        self.waiting.wake(job_id)
        self.webhook.wake()

    def deleted(self, connection: sqlite3.Connection, *job_ids: int) -> None:
        """Wake the requests that wait for the jobs, and erase what is deleted from the database."""
        for job_id in job_ids:
            self.changed(job_id)
        self.worker.forget_words(connection)
        db.forget_deleted(connection)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Allow one upload or deletion at a time: SQLite takes one writer, and others would poll.

        Raises ServiceUnavailable when the others take longer than SQLite waits for a lock.
        """
        if not self.write_lock.acquire(timeout=db.LOCK_TIMEOUT_S):
            raise ServiceUnavailable("The database is locked; try again", retry_after=1)
        try:
            yield
        finally:
            self.write_lock.release()


def get_service() -> Service:
    """The parts of the application whose request or command runs in this thread."""
    return current_app.extensions["receipts"]
