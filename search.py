"""Which jobs are on a page of the list, and how many are there in all? Quick among a million.

Counts are kept by triggers, every order has an index, and a page is read from whichever end of the
list is nearer. What is searched for is looked up in job_search, by its groups of three characters.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import db

SHORTEST_INDEXED = 3  # characters; FTS5's trigrams know nothing shorter
MERGED_PAGES = 250  # of 4 kB, at a time
HOLDS_TEXT = "(instr(job_search.name, :text) OR instr(job_search.files, :text))"


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read in the body is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def count_jobs(connection: sqlite3.Connection, *, status: str | None, search: str | None) -> int:
    if search is None:
        query = "SELECT sum(n) AS n FROM job_count WHERE status = coalesce(:status, status)"
    elif status is None:
        query = f"SELECT count(*) AS n FROM job_search WHERE {_found(search)}"
    else:
        query = f"""
            SELECT count(*) AS n FROM job_search JOIN job ON job.id = job_search.rowid
            WHERE {_found(search)} AND status = :status
            """
    row = connection.execute(query, {"status": status, **_terms(search)}).fetchone()
    return int(row["n"])


def list_jobs(
    connection: sqlite3.Connection,
    *,
    sort: str,
    direction: str,
    limit: int,
    offset: int,
    status: str | None,
    search: str | None,
    total: int,
) -> list[dict[str, Any]]:
    """A page of the `total` jobs that count_jobs found; in one snapshot with it.

    `sort` is a key of db.SORTS, `direction` asc or desc, ties go by id.
    """
    count = min(limit, total - offset)
    if count <= 0:
        return []
    from_end = total - offset - count
    backwards = from_end < offset
    column = db.SORTS[sort]
    order = "DESC" if (direction == "desc") != backwards else "ASC"
    skipped = min(offset, from_end)
    rows = connection.execute(
        f"""
        SELECT id, name, status, created_at AS createdAt FROM job
        {_where(connection, status, search, total, skipped + count)}
        ORDER BY {column} {order}, id {order} LIMIT :limit OFFSET :offset
        """,
        {"limit": count, "offset": skipped, "status": status, **_terms(search)},
    ).fetchall()
    return [dict(row) for row in (rows[::-1] if backwards else rows)]


def list_ids(
    connection: sqlite3.Connection,
    *,
    sort: str,
    direction: str,
    status: str | None,
    search: str | None,
) -> Iterator[int]:
    """The ids of all jobs that are asked for, in the order of list_jobs."""
    order = {"asc": "ASC", "desc": "DESC"}[direction]
    condition = _where(connection, status, search, 1, 1)
    rows = connection.execute(
        f"SELECT id FROM job {condition} ORDER BY {db.SORTS[sort]} {order}, id {order}",
        {"status": status, **_terms(search)},
    )
    return (row["id"] for row in rows)


def _where(
    connection: sqlite3.Connection, status: str | None, search: str | None, total: int, reach: int
) -> str:
    """The condition that finds the first `reach` of `total` jobs with the fewest rows looked at.

    Few are best found by the index and then sorted; of many, the next one is never far in an order
    that has an index of its own, so each job there is asked whether it is one of them.
    """
    conditions = [] if status is None else ["status = :status"]
    if search is not None:
        among = count_jobs(connection, status=status, search=None)
        if total * total > 2 * reach * among:
            conditions.append(
                f"EXISTS (SELECT 1 FROM job_search WHERE rowid = job.id AND {HOLDS_TEXT})"
            )
        else:
            conditions.append(f"id IN (SELECT rowid FROM job_search WHERE {_found(search)})")
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _found(search: str) -> str:
    """Whether a row of job_search holds the text, by its index if the text is long enough."""
    return "job_search MATCH :phrase" if len(db.folded(search)) >= SHORTEST_INDEXED else HOLDS_TEXT


def _terms(search: str | None) -> dict[str, str]:
    """The text as :text, and as :phrase with all that FTS5 would read as an operator quoted."""
    text = db.folded(search or "")
    return {"text": text, "phrase": '"' + text.replace('"', '""') + '"'}


def purge(connection: sqlite3.Connection) -> None:
    """Rid the index of what deleted names were made of, in transactions of some 20 ms each.

    FTS5 marks them as deleted and keeps them until its parts are merged. Its own secure-delete is
    no help: SQLite has it from 3.42 on, and older ones cannot read a file written with it.
    """
    row = connection.execute("SELECT deleted FROM search_deletion WHERE deleted > gone").fetchone()
    if row is None:
        return
    pages = -MERGED_PAGES  # negative: of all parts, which the following steps go on with
    while _merge(connection, pages):
        pages = MERGED_PAGES
        time.sleep(0.005)  # or no other writer would get the lock
    with connection:
        connection.execute("UPDATE search_deletion SET gone = ?", (row["deleted"],))


def _merge(connection: sqlite3.Connection, pages: int) -> bool:
    """Whether there was anything left to merge (https://sqlite.org/fts5.html, section 6.8)."""
    before = connection.total_changes
    with connection:
        connection.execute(
            "INSERT INTO job_search (job_search, rank) VALUES ('merge', ?)", (pages,)
        )
    return connection.total_changes - before >= 2
