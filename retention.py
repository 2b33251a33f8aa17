"""How long are jobs kept? Finished ones until purged, by command or by JOB_RETENTION_DAYS."""

import re
import sqlite3
from datetime import UTC, datetime, timedelta

import db
from storage import Storage

UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def age(text: str) -> timedelta:
    """`90d`, `12h` or `2w`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})([dhw])", text.strip())
    if not match:
        raise ValueError(f"an age is a number with d, h or w, as in 90d, not {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def older_than(connection: sqlite3.Connection, limit: timedelta) -> list[int]:
    """The ids of finished jobs last changed longer ago than that, oldest first."""
    return db.list_finished_before(connection, db.timestamp(datetime.now(UTC) - limit))


def delete(connection: sqlite3.Connection, storage: Storage, job_id: int) -> bool:
    """Whether the job went, row, files and bytes; not if it is missing or running."""
    with connection:
        if not db.delete_job(connection, job_id):
            return False
        with storage.discarded_job(job_id):
            connection.commit()  # in here, so that a failed commit brings the files back
    return True
