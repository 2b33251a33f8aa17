"""Compares a full archive with an empty one: the list, a job and a search, over HTTP.

    python -m bench.archive [JOBS]

The same requests go to a server with 1,000 jobs and to one with 1,000,000 (or JOBS), in turn.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import db
from bench.server import Server, serving

FEW, MANY = 1_000, 1_000_000
ROUNDS, AT_ONCE = 20, 10
BUDGET_S = 6.0  # for each question: the slow ones are asked less often
SUBJECTS = ("weekly", "groceries", "lunch", "taxi", "hotel", "team", "office", "travel", "client")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a full archive with an empty one.")
    parser.add_argument("jobs", nargs="?", type=int, default=MANY)
    for name, few, many in measure(parser.parse_args().jobs):
        print(f"{name:27} p99 {few:6.2f} ms {many:6.2f} ms  {many / few:.2f} x")


def measure(jobs: int = MANY) -> Iterator[tuple[str, float, float]]:
    """What was asked for, and its p99 in milliseconds with few jobs and with many."""
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch, ExitStack() as servers:
        sizes = (FEW, jobs)
        for size in sizes:
            fill(Path(scratch, str(size)), size)
        running = [servers.enter_context(serving(Path(scratch, str(size)))) for size in sizes]
        for name, paths in questions(FEW, jobs).items():
            times: tuple[list[float], list[float]] = ([], [])
            until = time.perf_counter() + BUDGET_S
            for _ in range(ROUNDS):
                if time.perf_counter() > until:
                    break
                for server, path, taken in zip(running, paths, times, strict=True):
                    taken += _times(server, path)
            yield name, _p99(times[0]), _p99(times[1])


def questions(*sizes: int) -> dict[str, list[str]]:
    """What is asked for: the path at each size of the archive."""
    middle = [f"{size // 2:07}" for size in sizes]
    return {
        "GET /ocr-jobs/:id": [f"/ocr-jobs/{size // 2}" for size in sizes],
        "list, page 1": ["/ocr-jobs" for _ in sizes],
        "list, last page": [f"/ocr-jobs?page={size // 20}" for size in sizes],
        "list, middle page": [f"/ocr-jobs?page={size // 40}" for size in sizes],
        "filter by status": ["/ocr-jobs?status=failed" for _ in sizes],
        "filter, last page": [
            f"/ocr-jobs?status=completed&page={size * 97 // 2000}" for size in sizes
        ],
        "search, found once": [f"/ocr-jobs?search={number}" for number in middle],
        "search, found in 1 of 9": ["/ocr-jobs?search=grocer" for _ in sizes],
        "search, found in all": ["/ocr-jobs?search=receipt.jpg" for _ in sizes],
        "search, 2 characters": ["/ocr-jobs?search=gr" for _ in sizes],
        "receipts, page 1": ["/receipts" for _ in sizes],
        "receipts of a month": ["/receipts?from=2015-02-01&to=2015-02-28" for _ in sizes],
        "receipts, word on 1 of 5": ["/receipts?search=grocer" for _ in sizes],
        "receipts, word, late page": [
            f"/receipts?search=grocer&page={size // 200 or 1}" for size in sizes
        ],
        "receipts, word in a month": [
            "/receipts?search=grocer&from=2015-02-01&to=2015-02-28" for _ in sizes
        ],
        "receipts, word on half": ["/receipts?search=odd" for _ in sizes],
        "receipts, word on 3 of 4": ["/receipts?search=unpaired" for _ in sizes],
        "receipts, word on all": ["/receipts?search=receipt" for _ in sizes],
        "receipts, on all, by total": ["/receipts?search=receipt&sort=total:desc" for _ in sizes],
        "receipts, on all, last page": [
            f"/receipts?search=receipt&page={size // 20}" for size in sizes
        ],
        "receipts, min alone": ["/receipts?min=20" for _ in sizes],
        "receipts, min, by merchant": ["/receipts/summary?by=merchant&min=20" for _ in sizes],
        "receipts by merchant": ["/receipts/summary?by=merchant" for _ in sizes],
    }


def fill(data: Path, jobs: int) -> None:
    """A data directory with so many finished jobs of one file each, a few of them failed."""
    data.mkdir(parents=True)
    db.create(data / "receipts.db")
    with closing(db.connect(data / "receipts.db")) as connection:
        later = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for trigger in later:  # a million firings would take minutes
            connection.execute(f"DROP TRIGGER {trigger['name']}")
        _insert(connection, jobs)
        for trigger in later:
            connection.execute(trigger["sql"])
        connection.commit()
        db.forget_deleted(connection)


def _insert(connection: sqlite3.Connection, jobs: int) -> None:
    numbers = range(1, jobs + 1)
    now = time.time()
    times = [
        db.timestamp(db.datetime.fromtimestamp(now - 30 * (jobs - n), db.UTC)) for n in numbers
    ]
    statuses = ["failed" if n % 33 == 0 else "completed" for n in numbers]
    connection.executemany(
        "INSERT INTO job (id, name, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        (
            (n, f"{SUBJECTS[n % 9]} {SUBJECTS[n // 9 % 9]} {n:07}", statuses[n - 1], t, t)
            for n, t in zip(numbers, times, strict=True)
        ),
    )
    connection.executemany(
        """
        INSERT INTO file (id, job_id, original_name, storage_key, media_type, size, sha256)
        VALUES (?1, ?1, 'receipt.jpg', 'uploads/' || ?1 || '/receipt.jpg', 'image/jpeg', 1, ?1)
        """,
        ((n,) for n in numbers),
    )
    connection.executemany(
        """
        INSERT INTO execution (file_id, provider, status, ocr_data, created_at, updated_at)
        VALUES (?1, 'tesseract', 'completed', '{"markdown": "", "text": ""}', ?2, ?2)
        """,
        zip(numbers, times, strict=True),
    )
    connection.executemany(
        "INSERT INTO job_search (rowid, name, files) VALUES (?, ?, 'receipt.jpg')",
        ((n, f"{SUBJECTS[n % 9]} {SUBJECTS[n // 9 % 9]} {n:07}") for n in numbers),
    )
    _insert_receipts(connection)
    connection.execute(
        "UPDATE job_count SET n = (SELECT count(*) FROM job WHERE job.status = job_count.status)"
    )


def _insert_receipts(connection: sqlite3.Connection) -> None:
    """A receipt of each file: of ten years in order, 2,000 merchants, some failed or duplicates."""
    connection.execute(
        """
        INSERT INTO receipt (
            id, file_id, execution_id, state, merchant, date, total, tax, currency, duplicate_of,
            added_at, updated_at
        )
        SELECT
            id, id, iif(failed, NULL, id),
            CASE WHEN failed THEN 'failed' WHEN id % 7 = 0 THEN 'review'
                WHEN id % 3 = 0 THEN 'confirmed' ELSE 'ok' END,
            iif(failed, NULL, 'Shop ' || (id * 7919 % 2000)),
            iif(failed, NULL, date('2015-01-01', (id * 3650 / jobs) || ' days')),
            iif(failed, NULL, id * 7919 % 2000000),
            iif(failed, NULL, id * 7919 % 2000000 / 6),
            iif(failed, NULL, iif(id % 11, 'EUR', iif(id % 2, 'CHF', 'USD'))),
            iif(id % 25 = 1 AND NOT failed AND id > 100, id - 50, NULL),
            created_at, updated_at
        FROM (SELECT *, status = 'failed' AS failed, max(id) OVER () AS jobs FROM job)
        """
    )
    connection.execute(
        """
        INSERT INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
        SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt ORDER BY place
        """
    )
    connection.execute(
        """
        INSERT INTO receipt_search (rowid, words)
        SELECT place, words_of(name || ' receipt.jpg ' || ifnull(merchant, '')
            || iif(id % 2, ' odd', '') || iif(id % 4, ' unpaired', '')) || '∀ '
        FROM job JOIN receipt USING (id) ORDER BY place
        """
    )
    connection.execute(
        """
        INSERT INTO receipt_sum (part, currency, state, duplicate, n, total, tax)
        SELECT CASE column1 WHEN 0 THEN '*' WHEN 1 THEN ifnull(date, '')
                ELSE '=' || ifnull(merchant, '') END,
            ifnull(currency, ''), state, duplicate_of IS NOT NULL, count(*),
            ifnull(sum(total), 0), ifnull(sum(tax), 0)
        FROM (VALUES (0), (1), (2)) JOIN receipt GROUP BY 1, 2, 3, 4
        """
    )


def _times(server: Server, path: str) -> list[float]:
    """Milliseconds of some requests one after another."""
    taken = []
    with closing(server.connect()) as connection:
        for _ in range(AT_ONCE):
            started = time.perf_counter()
            server.get(path, connection)
            taken.append(1000 * (time.perf_counter() - started))
    return taken


def _p99(times: list[float]) -> float:
    return sorted(times)[int(0.99 * len(times))]


if __name__ == "__main__":
    main()
