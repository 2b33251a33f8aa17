"""How long are jobs kept? Finished ones until purged, by command or by JOB_RETENTION_DAYS."""

import re
import sqlite3
from datetime import UTC, datetime, timedelta

import db
from storage import Storage

UNITS = {"d": "days", "h": "hours", "w": "weeks"}
MOST_DAYS = 100_000  # the year 1752; datetime ends with the year 1


def age(text: str) -> timedelta:
    """`90d`, `12h` or `2w`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,5})([dhw])", text.strip())
    if not match:
        raise ValueError(f"an age is a number with d, h or w, as in 90d, not {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def older_than(connection: sqlite3.Connection, limit: timedelta) -> list[int]:
    """The ids of finished jobs last changed longer ago than that, oldest first."""
    return db.list_finished_before(connection, _ago(limit))


def purge(connection: sqlite3.Connection, storage: Storage, limit: timedelta) -> list[int]:
    """Delete those; the ids of the ones that went: one may be run again at this very moment."""
    moment = _ago(limit)
    ids = db.list_finished_before(connection, moment)
    gone = [job_id for job_id in ids if delete(connection, storage, job_id, moment)]
    db.forget_deleted(connection)
    return gone


def delete(
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
