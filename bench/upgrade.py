"""Measures how long an old archive takes to become one of this release.

    python -m bench.upgrade [JOBS]

The jobs are those of the first release, each with a receipt that was read. The server answers once
the schema is new, and fills the receipts in while it runs; here it does so without its pauses.
"""

import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import db
from worker import OLD_FILES
from worker.readings import read_old

OLD = Path("tests/data/release-1.db")
MANY, ROWS = 1_000_000, 40


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch:
        path = Path(scratch, "receipts.db")
        shutil.copy(OLD, path)
        with closing(sqlite3.connect(path)) as connection, connection:
            _insert(connection, jobs)
        started, cpu_s = time.perf_counter(), time.process_time()
        db.create(path)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        print(f"{jobs} jobs have the new schema in {seconds:.1f} s, {cpu_s:.1f} s of CPU")
        started, cpu_s = time.perf_counter(), time.process_time()
        while _filled_in(path):
            pass
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        print(f"receipts filled in in {seconds:.0f} s, {1000 * cpu_s / jobs:.2f} ms of CPU each")


def _insert(connection: sqlite3.Connection, jobs: int) -> None:
    """Jobs with a file and a completed execution each, of other days and totals."""
    numbers = range(10, 10 + jobs)
    connection.executemany(
        "INSERT INTO job (id, created_at, updated_at) VALUES (?1, ?2, ?2)",
        ((n, "2026-01-01T00:00:00Z") for n in numbers),
    )
    connection.executemany(
        """
        INSERT INTO file (id, job_id, original_name, storage_key, media_type, size, sha256)
        VALUES (?1, ?1, 'a.jpg', ?1, 'image/jpeg', 1, ?1)
        """,
        ((n,) for n in numbers),
    )
    text = "\n".join(f"ARTICLE {row} {row}.50" for row in range(ROWS))
    connection.executemany(
        """
        INSERT INTO execution (file_id, provider, status, ocr_data, created_at, updated_at)
        SELECT ?1, 'fake', 'completed', json_set(
            ocr_data, '$.text', ?2, '$.receipt.total', ?1,
            '$.receipt.date', date('2015-01-01', (?1 % 3650) || ' days')
        ), created_at, updated_at
        FROM execution WHERE id = 1
        """,
        ((n, text) for n in numbers),
    )


def _filled_in(path: Path) -> bool:
    """Fill in the receipts of some files, as the server does; whether there were any."""
    with closing(db.connect(path)) as connection, connection:
        return read_old(connection, OLD_FILES)


if __name__ == "__main__":
    main()
