"""What no request waits for: unfinished moves and removals of files, old jobs, deleted words."""

import logging
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import db
from storage import Storage

log = logging.getLogger(__name__)

MERGED_PAGES = 250  # of 4 kB, in one step of merging the search's index


def settle(connection: sqlite3.Connection, storage: Storage) -> None:
    """Finish what a crash cut off, before the first upload."""
    finish_arrivals(connection, storage)
    storage.clear_incoming()
    collect_garbage(connection, storage)


def finish_arrivals(connection: sqlite3.Connection, storage: Storage) -> None:
    """Forget the arrivals whose files have been moved, and move those that could not be so far."""
    if arrivals := db.list_arrivals(connection):
        storage.adopt_all(arrivals)
        with connection:
            db.delete_arrivals(connection, arrivals)


def collect_garbage(connection: sqlite3.Connection, storage: Storage) -> None:
    """Remove the files whose deletion is committed; the next sweep retries what fails."""
    try:
        if keys := db.list_garbage(connection):
            storage.remove(keys)
            with connection:
                db.delete_garbage(connection, keys)
    except (OSError, sqlite3.DatabaseError) as error:
        log.error("deleted files are still on the disk; the next sweep tries again: %s", error)


def merge_search(connection: sqlite3.Connection) -> None:
    """Rid the search's index of all deleted names, in transactions of some 20 ms each."""
    pages = -MERGED_PAGES
    while merge_step(connection, pages):
        pages = MERGED_PAGES
        time.sleep(0.005)  # or no other writer would get the lock


def merge_step(connection: sqlite3.Connection, pages: int) -> bool:
    with connection:
        return db.merge_search(connection, pages)


def purge(
    connection: sqlite3.Connection, storage: Storage, limit: timedelta, dry_run: bool = False
) -> list[int]:
    """Delete finished jobs that were unchanged for longer than `limit`. Returns their ids."""
    moment = db.timestamp(datetime.now(UTC) - limit)
    ids = db.list_finished_before(connection, moment)
    if dry_run:
        return ids
    gone = []
    for job_id in ids:
        with connection:  # a transaction for each, or uploads would wait for all
            if db.delete_job(connection, job_id, moment):
                gone.append(job_id)
    collect_garbage(connection, storage)
    if gone:
        merge_search(connection)
        db.forget_deleted(connection)
    return gone


def list_orphans(connection: sqlite3.Connection, storage: Storage) -> list[int]:
    """The ids of directories under uploads/ that no row knows, as after the loss of a database."""
    found = storage.job_ids()  # first, since a new job has its row before its directory
    return sorted(found - db.list_ids(connection))


def purge_orphans(connection: sqlite3.Connection, storage: Storage, dry_run: bool) -> list[int]:
    """Remove the directories that list_orphans finds, unless `dry_run`. Returns their ids."""
    ids = list_orphans(connection, storage)
    for job_id in [] if dry_run else ids:
        storage.remove_job(job_id)
    return ids
