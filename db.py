"""Everything that is recorded: connections, and every query as a function of its own.

Functions take the connection first and never commit: callers write `with connection:` around a unit
of work. Rows come back as dicts with the API's names, so a row is the response.
"""

import hashlib
import json
import os
import re
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from result import receipt_key

HERE = Path(__file__).parent
VERSION = 8  # of schema.sql, kept as PRAGMA user_version; migrations/<n>.sql leads from n - 1 to n
MAGIC = b"SQLite format 3\0"  # what a database's file begins with
APPLICATION_ID = 0x52435054  # "RCPT", for the program file(1)
BUG = sqlite3.SQLITE_ERROR  # as "no such table"
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
LOCK_TIMEOUT_S = 5
BLANKS = {0: " ", 10: " "}  # NUL and line feed
CRASHED = "the server died twice while reading this file; try another provider or a smaller image"
STATUSES = ("pending", "running", "completed", "failed")
FINAL = ("completed", "failed")  # of a job: nothing more happens to it by itself
SORTS = {
    "id": "id",
    "name": "name",
    "status": "status",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}
MIN_INDEXED_LENGTH = 3  # characters of a search; FTS5's trigrams know nothing shorter
HOLDS_TEXT = "(instr(job_search.name, :text) OR instr(job_search.files, :text))"
RECEIPT_SORTS = {
    "addedAt": "id",  # an id is never given twice, and each is higher than all before
    "date": "date",
    "total": "total",
    "merchant": "merchant",
}
LISTED = "(SELECT value FROM json_each(?))"
RECEIPT_GROUPS = {
    "month": "substr(date, 1, 7)",
    "merchant": "merchant COLLATE NOCASE",
    "currency": "currency",
}
MAX_GROUPS = 1000  # rows of sums
COMMON = 0.56  # of all receipts: from there on it costs less to subtract the others
NEARLY_ALL = 0.95  # of all receipts: the others are so few that sorting them costs little
MAX_WORDS = 64  # of a search; a letter of Chinese, Japanese or Thai is one
MAX_LONGER = 16  # words that begin with one of a search and are looked for by themselves
PREFIX_LENGTHS = (2, 3)  # characters; receipt_search has an index of these beginnings
GATHERED = re.compile(r'[^"]{4}"\*')  # in FTS5's query: a beginning that is in no index
ID_BITS = 40  # of a receipt's place in receipt_search, the lower ones
MAX_ID = (1 << ID_BITS) - 1
EVERY = "\u2200"  # among the words of each receipt, and no word of a search
FOUND = f"(SELECT rowid & {MAX_ID} AS value FROM receipt_search WHERE receipt_search MATCH :words)"
LACKING = FOUND.replace(":words", ":lacking")
# total() adds up as sum() does up to 2**53, and beyond to 15 digits, where sum() may overflow
SUMS = """
    sum(n) AS count, sum(n * duplicate) AS duplicates, total(total) AS total, total(tax) AS tax
"""
ITEMS = (  # of a receipt; readings of older releases have only one
    "json_extract(corrections, '$.items')",
    "json_extract(joined, '$.receipts[0].items')",
    "json_extract(ocr_data, '$.receipts[' || position || '].items')",
    "json_extract(ocr_data, '$.receipt.items')",
)
RECEIPT_STATES = ("reading", "review", "ok", "confirmed", "failed", "duplicate")
UNITS = 10_000  # of a stored amount in one of the currency's unit
MAX_AMOUNT = 10**10  # larger ones are misread numbers, and a million of these would not add up
AMOUNTS = ("total", "subtotal", "tax", "tip")
MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u3099\u309a]"
)  # above and below letters; the letters of PLAIN cannot be taken apart
PLAIN = str.maketrans({"\u0131": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
# A word, or one letter of Thai, Chinese or Japanese, which put no blanks between words.
UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
# The row of a receipt with the API's names; error is that of its file's latest execution.
RECEIPT = """
    SELECT receipt.id, job_id AS jobId, receipt.file_id AS fileId, position,
        original_name AS fileName, job.name AS jobName, state, merchant, date, time, total,
        currency, tax, item_count AS itemCount, payment_method AS paymentMethod, review, warnings,
        corrections AS corrected, duplicate_of AS duplicateOf, confirmed_at AS confirmedAt,
        latest.error_code AS errorCode, latest.error_message AS errorMessage, NULL AS error,
        coalesce(reading.provider, latest.provider) AS provider, added_at AS addedAt,
        receipt.updated_at AS updatedAt
    FROM receipt JOIN file ON file.id = receipt.file_id JOIN job ON job.id = job_id
    LEFT JOIN execution AS reading ON reading.id = receipt.execution_id
    LEFT JOIN execution AS latest ON receipt.execution_id IS NULL AND latest.id = (
        SELECT max(id) FROM execution WHERE execution.file_id = file.id
    )
"""


# Connections and the schema


class Damaged(SystemExit):
    """The database's file cannot be read as one. Nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"{path} is damaged: {reason}. Nothing was changed. Bring a backup back with"
            " flask restore DIRECTORY, or move the file away to begin with an empty database"
        )


class Unusable(sqlite3.OperationalError):
    """The database's files are not what the server opened; its text is a sentence for users."""


def connect(path: Path, mode: Literal["rw", "ro"] = "rw") -> sqlite3.Connection:
    """A connection for one thread at a time; waits LOCK_TIMEOUT_S for another's lock.

    Raises sqlite3.OperationalError where there is no file: only `create` makes one.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT_S, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")  # per connection, not stored in the file
    connection.execute("PRAGMA secure_delete = ON")
    connection.create_function("folded", 1, folded, deterministic=True)  # lower() is ASCII only
    connection.create_function("words_of", 1, words_of, deterministic=True)
    connection.create_function("receipt_key", 1, receipt_key, deterministic=True)
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises SystemExit, a sentence, in the place of errors that are the file's or the disk's."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if (code := error_code(error)) in DAMAGED:
            raise Damaged(path, str(error)) from None
        if not isinstance(error, (sqlite3.OperationalError, OSError)) or code == BUG:
            raise
        raise SystemExit(
            f"{path} cannot be used ({error}); DATA_DIR must be writable, and on a disk with file"
            " locks, which many network shares lack"
        ) from None


def create(path: Path) -> None:
    """Make the database, or bring an older one up to date; only its owner can read it.

    Raises Damaged, with nothing changed, or another SystemExit: for a database of a newer release
    or of another program, and for a disk that SQLite cannot use.
    """
    with explained(path):
        if _is_there(path):
            check(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # -wal and -shm get the same mode
        with closing(connect(path)) as connection:
            _use_wal(connection)
            with transaction(connection):
                _migrate(connection)


def _is_there(path: Path) -> bool:
    """Whether there is a database; an empty file is none where a first start was cut off."""
    return path.exists() and (path.stat().st_size > 0 or any(path.parent.glob("uploads/*")))


def check(path: Path) -> None:
    """Raises SystemExit for a database that this release cannot use; changes nothing.

    The header is looked at first: of a file without one SQLite removes the write-ahead log.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise Damaged(path, "it does not begin as a database does")
    with closing(connect(path, "ro")) as connection, snapshot(connection):  # another may make it
        if (found := version(connection)) > VERSION:
            raise SystemExit(
                f"{path} was made by a newer release (schema {found}, this one knows {VERSION});"
                " run that release, or restore a backup from before it"
            )
        if found:
            read_newest(connection)
        elif connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise SystemExit(f"{path} is a database of another program; move it away")


class Opened:
    """The files of a database as a server opened them.

    SQLite does not notice when they are deleted, replaced or overwritten: it goes on in the old
    ones or from its cache, and what is committed there is lost.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        read_newest(self._connection)  # from now on there is a log, and the same one
        # Never closed while SQLite has locks on the file: they are the process's, and would go too.
        self._descriptor = os.open(path, os.O_RDONLY)
        log = path.with_name(f"{path.name}-wal")  # where commits are until SQLite moves them
        self._found = {file: file.stat() for file in (path, log)}
        self._path = path
        self._size = 0

    def check(self) -> None:
        """Raises Unusable when they are not usable any more. Takes some microseconds."""
        name, restore = self._path.name, "or stop the server and restore a backup: flask restore"
        least = self._size  # asked first: another thread may see the file grow meanwhile
        try:
            for path, found in self._found.items():
                if not os.path.samestat(path.stat(), found):
                    raise Unusable(f"{name} is not the file that was opened; restart the server")
            size, head = self._path.stat().st_size, os.pread(self._descriptor, len(MAGIC), 0)
        except OSError as error:
            raise Unusable(
                f"{name} cannot be reached ({error.strerror}); bring it or its disk back, {restore}"
            ) from None
        if head != MAGIC or size < least:
            raise Unusable(f"{name} was overwritten or cut short; put it right, {restore}")
        self._size = size

    def close(self) -> None:
        self._connection.close()
        os.close(self._descriptor)
        self._descriptor = -1


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which is stored in the file.

    SQLite refuses the switch at once while another process opens the file, so it is tried again.
    """
    last = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > last:
                raise
            time.sleep(0.01)


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date. The caller holds the lock: the version may be new by now."""
    found = version(db)
    if found == VERSION:
        return
    steps = range(found + 1, VERSION + 1)
    for name in [f"migrations/{number}.sql" for number in steps] if found else ["schema.sql"]:
        statement = ""
        for line in (HERE / name).read_text("utf-8").splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):  # executescript() would commit at once
                db.execute(statement)
                statement = ""
    db.execute(f"PRAGMA user_version = {VERSION}")


def version(db: sqlite3.Connection) -> int:
    """The number of the schema that the database has; 0 for an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def integrity(db: sqlite3.Connection) -> str:
    """The first thing that is wrong with the database's pages or references; "ok" for nothing."""
    (problem,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    dangling = db.execute("PRAGMA foreign_key_check").fetchone()
    return "a row refers to one that is missing" if problem == "ok" and dangling else str(problem)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """As `with db:`, but take SQLite's write lock now and not before the first change."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield


def read_newest(db: sqlite3.Connection) -> None:
    """Read the end of each large table; sqlite3.DatabaseError when that is impossible."""
    db.execute(
        """
        SELECT (SELECT max(id) FROM job), (SELECT max(id) FROM file),
               (SELECT max(id) FROM execution)
        """
    ).fetchone()


def is_unusable(error: sqlite3.Error) -> bool:
    """Whether it may be the database that is at fault: its disk, its locks or its file."""
    return isinstance(error, sqlite3.OperationalError) or error_code(error) in DAMAGED


def error_code(error: Exception) -> int:
    """SQLite's primary code, as sqlite3.SQLITE_FULL; 0 for an error that is not SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def write_nothing(db: sqlite3.Connection) -> None:
    """Write without changing anything; sqlite3.OperationalError when that is impossible."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def forget_deleted(db: sqlite3.Connection) -> None:
    """Empty the write-ahead log, where deleted rows would stay readable; later if it is in use."""
    db.execute("PRAGMA busy_timeout = 200")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_S * 1000}")


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Read everything in the body from one state of the database."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()


@contextmanager
def snapshots(
    first: sqlite3.Connection, second: sqlite3.Connection
) -> Iterator[sqlite3.Connection | None]:
    """Read everything in the body from one state of the database, with either connection.

    Yields the second, or None where another one committed before both had begun: what they read
    may differ then.
    """
    seen = _commits(second)
    with snapshot(first), snapshot(second):
        read_newest(first)  # a transaction begins with its first read
        yield second if _commits(second) == seen else None


def _commits(db: sqlite3.Connection) -> int:
    """A number that is another one when other connections have committed since it was asked."""
    (number,) = db.execute("PRAGMA data_version").fetchone()
    return int(number)


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# Jobs and files


def add_job(db: sqlite3.Connection, name: str | None) -> int:
    return db.execute(
        "INSERT INTO job (name, created_at, updated_at) VALUES (:name, :now, :now) RETURNING id",
        {"name": name, "now": now()},
    ).fetchone()["id"]


def add_file(db: sqlite3.Connection, job_id: int, **columns: str | int) -> int:
    """The id of a new file; the columns are the ones of schema.sql."""
    return db.execute(
        """
        INSERT INTO file (job_id, original_name, storage_key, media_type, size, sha256)
        VALUES (:job_id, :original_name, :storage_key, :media_type, :size, :sha256) RETURNING id
        """,
        {"job_id": job_id, **columns},
    ).fetchone()["id"]


def add_upload_key(db: sqlite3.Connection, key: str, fingerprint: str, job_id: int) -> None:
    db.execute(
        "INSERT INTO upload_key (key, fingerprint, job_id, created_at) VALUES (?, ?, ?, ?)",
        (key, fingerprint, job_id, now()),
    )


def get_upload_key(db: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    row = db.execute("SELECT fingerprint, job_id FROM upload_key WHERE key = ?", (key,)).fetchone()
    return dict(row) if row else None


def delete_upload_keys_before(db: sqlite3.Connection, moment: str) -> None:
    db.execute("DELETE FROM upload_key WHERE created_at < ?", (moment,))


def get_job(db: sqlite3.Connection, job_id: int) -> dict[str, Any] | None:
    """The job with its files and their executions, or None."""
    job = db.execute(
        """
        SELECT id, name, status, created_at AS createdAt, updated_at AS updatedAt,
               failed_files AS failedFiles
        FROM job WHERE id = ?
        """,
        (job_id,),
    ).fetchone()
    return {**job, "files": list_files(db, job_id)} if job else None


def list_files(db: sqlite3.Connection, job_id: int) -> list[dict[str, Any]]:
    rows = db.execute(
        """
        SELECT id, original_name AS originalName, storage_key AS storageKey
        FROM file WHERE job_id = ? ORDER BY id
        """,
        (job_id,),
    ).fetchall()
    return [
        {
            **row,
            "executions": list_executions(db, row["id"]),
            "duplicateOf": earliest(db, row["id"]),
        }
        for row in rows
    ]


def get_file(db: sqlite3.Connection, job_id: int, file_id: int) -> dict[str, Any] | None:
    row = db.execute("SELECT * FROM file WHERE id = ? AND job_id = ?", (file_id, job_id)).fetchone()
    return dict(row) if row else None


def job_of(db: sqlite3.Connection, file_id: int) -> int:
    """The id of the job of a file that is there."""
    return db.execute("SELECT job_id FROM file WHERE id = ?", (file_id,)).fetchone()["job_id"]


def count_by_status(db: sqlite3.Connection) -> dict[str, int]:
    """How many jobs have each status."""
    return {row["status"]: row["n"] for row in db.execute("SELECT status, n FROM job_count")}


def get_status(db: sqlite3.Connection, job_id: int) -> str | None:
    row = db.execute("SELECT status FROM job WHERE id = ?", (job_id,)).fetchone()
    return row and str(row["status"])


def key_exists(db: sqlite3.Connection, storage_key: str) -> bool:
    row = db.execute("SELECT 1 FROM file WHERE storage_key = ?", (storage_key,)).fetchone()
    return row is not None


def next_job_id(db: sqlite3.Connection) -> int:
    """The id the next job gets: AUTOINCREMENT never goes back."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'").fetchone()
    return int(row["seq"]) + 1 if row else 1


def list_finished_before(db: sqlite3.Connection, moment: str) -> list[int]:
    rows = db.execute(
        """
        SELECT id FROM job WHERE updated_at < ? AND status IN ('completed', 'failed') ORDER BY id
        """,
        (moment,),
    )
    return [row["id"] for row in rows]


def delete_job(db: sqlite3.Connection, job_id: int, finished_before: str | None = None) -> bool:
    """Delete a job, with `finished_before` only one that is finished and unchanged since then.

    Returns whether it was deleted.
    """
    deleted = db.execute(
        """
        DELETE FROM job WHERE id = :id
        AND (:moment IS NULL OR (updated_at < :moment AND status IN ('completed', 'failed')))
        """,
        {"id": job_id, "moment": finished_before},
    )
    return deleted.rowcount == 1


def delete_file(db: sqlite3.Connection, job_id: int, file_id: int) -> bool:
    """Delete a file of a job. Returns whether it was there."""
    deleted = db.execute("DELETE FROM file WHERE id = ? AND job_id = ?", (file_id, job_id))
    add_to_search(db, job_id)
    return deleted.rowcount == 1


def delete_files(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Delete files, but not their names from the search of jobs.

    In one statement: FTS5 writes what it has gathered, a millisecond of work, before each.
    """
    db.execute(f"DELETE FROM file WHERE id IN {LISTED}", (json.dumps(list(ids)),))


# Executions


def list_running(db: sqlite3.Connection, job_id: int, file_id: int | None = None) -> list[int]:
    """The ids of a job's running executions, or of one of its files."""
    rows = db.execute(
        """
        SELECT execution.id FROM file JOIN execution ON execution.file_id = file.id
        WHERE file.job_id = ? AND file.id = coalesce(?, file.id) AND execution.status = 'running'
        """,
        (job_id, file_id),
    )
    return [row["id"] for row in rows]


def add_execution(db: sqlite3.Connection, file_id: int, provider: str) -> int:
    return db.execute(
        """
        INSERT INTO execution (file_id, provider, created_at, updated_at)
        VALUES (:file_id, :provider, :now, :now) RETURNING id
        """,
        {"file_id": file_id, "provider": provider, "now": now()},
    ).fetchone()["id"]


def add_rerun(db: sqlite3.Connection, file_id: int, provider: str) -> int | None:
    """Add an execution unless the provider's last is unfinished. Returns its id, or None."""
    row = db.execute(
        """
        INSERT INTO execution (file_id, provider, created_at, updated_at)
        SELECT id, :provider, :now, :now FROM file WHERE id = :file_id AND NOT EXISTS (
            SELECT 1 FROM execution WHERE file_id = :file_id AND provider = :provider
            AND status IN ('pending', 'running')
        )
        RETURNING id
        """,
        {"file_id": file_id, "provider": provider, "now": now()},
    ).fetchone()
    return int(row["id"]) if row else None


def list_executions(db: sqlite3.Connection, file_id: int) -> list[dict[str, Any]]:
    rows = db.execute(
        """
        SELECT id, status, provider AS ocrProvider, ocr_data AS ocrData, error_code, error_message,
               created_at AS createdAt, updated_at AS updatedAt
        FROM execution WHERE file_id = ? ORDER BY id
        """,
        (file_id,),
    )
    return [_with_error(dict(row)) for row in rows]


def _with_error(execution: dict[str, Any]) -> dict[str, Any]:
    code, message = execution.pop("error_code"), execution.pop("error_message")
    return {**execution, "error": {"code": code, "message": message} if code else None}


def claim(db: sqlite3.Connection, execution_id: int) -> dict[str, Any] | None:
    """Mark a pending execution as running; None if it is no longer there to run."""
    row = db.execute(
        """
        UPDATE execution
        SET status = 'running', claim = lower(hex(randomblob(8))), updated_at = :now
        WHERE id = :id AND status = 'pending'
        RETURNING claim, provider,
            (SELECT job_id FROM file WHERE file.id = file_id) AS job_id,
            (SELECT storage_key FROM file WHERE file.id = file_id) AS storage_key
        """,
        {"id": execution_id, "now": now()},
    ).fetchone()
    return dict(row) if row else None


def end(
    db: sqlite3.Connection, execution_id: int, claim: str, code: str | None, text: str
) -> int | None:
    """Record how an execution ended: `text` is its ocrData, or with a `code` the error's message.

    Returns its file's id, None if it was deleted or another thread has claimed it since.
    """
    row = db.execute(
        """
        UPDATE execution
        SET status = :status, ocr_data = :ocr_data, receipt_key = :receipt_key,
            error_code = :code, error_message = :message, updated_at = :now
        WHERE id = :id AND claim = :claim AND status = 'running'
        RETURNING file_id
        """,
        {
            "id": execution_id,
            "claim": claim,
            "status": "failed" if code else "completed",
            "ocr_data": None if code else text,
            "receipt_key": None if code else receipt_key(text),
            "code": code,
            "message": text if code else None,
            "now": now(),
        },
    ).fetchone()
    return int(row["file_id"]) if row else None


def cancel(db: sqlite3.Connection, job_id: int, file_id: int, execution_id: int) -> str | None:
    """Fail an execution that is pending or running. Returns its provider, None for any other."""
    row = db.execute(
        """
        UPDATE execution SET status = 'failed', error_code = 'cancelled',
            error_message = 'the reading was cancelled; read the file again', updated_at = :now
        WHERE id = :id AND status IN ('pending', 'running')
            AND file_id = (SELECT id FROM file WHERE id = :file_id AND job_id = :job_id)
        RETURNING provider
        """,
        {"id": execution_id, "file_id": file_id, "job_id": job_id, "now": now()},
    ).fetchone()
    return str(row["provider"]) if row else None


def release(db: sqlite3.Connection) -> None:
    """Put running executions back to pending, without counting a crash: the server is stopped."""
    db.execute(
        "UPDATE execution SET status = 'pending', updated_at = ? WHERE status = 'running'", (now(),)
    )


def recover(db: sqlite3.Connection, execution_id: int | None = None) -> list[tuple[int, str]]:
    """Requeue executions that a crash left running; on their second crash fail them as `crashed`.

    With `execution_id`, only that one. Returns (job id, provider) of the failed ones.
    """
    rows = db.execute(
        """
        UPDATE execution SET
            crashes = crashes + 1,
            status = CASE WHEN crashes = 0 THEN 'pending' ELSE 'failed' END,
            error_code = CASE WHEN crashes = 0 THEN NULL ELSE 'crashed' END,
            error_message = CASE WHEN crashes = 0 THEN NULL ELSE :message END,
            updated_at = :now
        WHERE status = 'running' AND id = coalesce(:id, id)
        RETURNING (SELECT job_id FROM file WHERE file.id = file_id) AS job_id, provider, status
        """,
        {"message": CRASHED, "now": now(), "id": execution_id},
    ).fetchall()
    return [(row["job_id"], row["provider"]) for row in rows if row["status"] == "failed"]


def list_pending(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """(id, provider) of all pending executions, oldest first."""
    rows = db.execute("SELECT id, provider FROM execution WHERE status = 'pending' ORDER BY id")
    return [tuple(row) for row in rows]


def count_executions(db: sqlite3.Connection, status: Literal["pending", "running"]) -> int:
    query = f"SELECT count(*) AS n FROM execution WHERE status = '{status}'"  # each has its index
    return int(db.execute(query).fetchone()["n"])


def waiting_s(db: sqlite3.Connection) -> float:
    """For how long the execution that runs next has been pending, in seconds; 0 for none."""
    row = db.execute(
        "SELECT created_at FROM execution WHERE status = 'pending' ORDER BY id LIMIT 1"
    ).fetchone()
    if row is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(row[0])).total_seconds())


# The list, its search, exports and duplicates


@dataclass(frozen=True)
class Listing:
    """What both lists have: a page, an order, a search, and one job to which they are limited."""

    page: int = 1
    limit: int = 20
    sort: str = "id"  # ties go by id in the same direction
    direction: Literal["asc", "desc"] = "desc"
    search: str | None = None
    job: int | None = None  # the list of jobs heeds it only when it is exported

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


@dataclass(frozen=True)
class JobListing(Listing):
    """Which jobs are asked for."""

    sort: str = "createdAt"  # a key of SORTS
    status: str | None = None


def count_jobs(db: sqlite3.Connection, listing: JobListing) -> int:
    """How many jobs have the listing's status and hold its text."""
    if listing.search is None:
        query = "SELECT sum(n) AS n FROM job_count WHERE status = coalesce(:status, status)"
    elif listing.status is None:
        query = f"SELECT count(*) AS n FROM job_search WHERE {_found(listing.search)}"
    else:
        query = f"""
            SELECT count(*) AS n FROM job_search CROSS JOIN job ON job.id = job_search.rowid
            WHERE {_found(listing.search)} AND status = :status
            """
    return db.execute(query, _job_terms(listing)).fetchone()["n"]


def list_jobs(db: sqlite3.Connection, listing: JobListing, total: int) -> list[dict[str, Any]]:
    """A page of the `total` jobs that count_jobs found in the same snapshot."""
    query = "SELECT id, name, status, created_at AS createdAt FROM job"
    rows = _page(db, listing, total, _jobs_where, query, _job_terms(listing))
    return [dict(row) for row in rows]


def list_job_ids(db: sqlite3.Connection, listing: JobListing) -> Iterator[int]:
    """The ids of all jobs that are asked for, in the order of list_jobs."""
    rows = db.execute(f"SELECT id FROM job {_jobs_where(db, listing, 1, 1)}", _job_terms(listing))
    return (row["id"] for row in rows)


def _page(
    db: sqlite3.Connection,
    listing: Listing,
    total: int,
    where: Callable[..., str],
    query: str,
    terms: dict[str, Any],
) -> list[sqlite3.Row]:
    """The rows of a page, looked for from the nearer end of all the `total` rows.

    `where` is _jobs_where or _receipts_where; the rows that it finds near may be too few.
    """
    count = min(listing.limit, total - listing.offset)
    if count <= 0:
        return []
    from_end = total - listing.offset - count
    skipped, backwards = min(listing.offset, from_end), from_end < listing.offset
    for is_near in (True, False):
        found = where(db, listing, total, skipped + count, backwards, is_near)
        rows = db.execute(f"{query} {found} LIMIT {count} OFFSET {skipped}", terms).fetchall()
        if len(rows) == count:
            break
    return rows[::-1] if backwards else rows


def _jobs_where(
    db: sqlite3.Connection,
    listing: JobListing,
    total: int,
    reach: int,
    backwards: bool = False,
    is_near: bool = False,
) -> str:
    """The condition and the order that find the first `reach` of `total` jobs at the lowest cost.

    What is found rarely is taken from the search's index and sorted. For what is frequent the index
    of the order is walked, and each job is looked for in what the search found. Where the page is
    near, the text is looked for in the names of the first jobs of that order: these may have too
    few; then ask without `is_near`.
    """
    direction = "DESC" if (listing.direction == "desc") != backwards else "ASC"
    order = f"{SORTS[listing.sort]} {direction}, id {direction}"
    status = "TRUE" if listing.status is None else "status = :status"
    if listing.search is None:
        return f"WHERE {status} ORDER BY {order}"
    among = count_jobs(db, replace(listing, search=None))
    way = _way(listing, total, reach, among, is_near)
    if way == "near":
        steps = _steps(total, reach, among)
        near = f"SELECT id FROM job WHERE {status} ORDER BY {order} LIMIT {steps}"
        holds = f"EXISTS (SELECT 1 FROM job_search WHERE rowid = job.id AND {HOLDS_TEXT})"
        return f"WHERE id IN ({near}) AND {holds} ORDER BY +{order}"
    found = f"(SELECT rowid FROM job_search WHERE {_found(listing.search)})"
    if way == "walk":
        return f"WHERE {status} AND +id IN {found} ORDER BY {order}"
    return f"WHERE +{status} AND id IN {found} ORDER BY +{order}"


def _way(
    listing: Listing, total: int, reach: int, among: int, is_near: bool
) -> Literal["near", "walk", "sort"]:
    """How the first `reach` of `total` rows, of all that are stored, are found at the lowest cost.

    "near": among the first _steps rows, if these have enough; without an index words cost most.
    "walk": along the whole index of the order. "sort": from what the other indexes find.
    """
    if not is_near:
        return "sort"
    is_short = 4 * total > among and total * total > 2 * reach * among  # the walk, at its worst too
    if listing.search is None and (total == among or is_short):
        return "walk"
    if (2 if listing.search is None else 4) * _steps(total, reach, among) < total:
        return "near"
    return "walk" if listing.search and 4 * total * total > reach * among else "sort"


def _steps(total: int, reach: int, among: int) -> int:
    """Twice as many rows as are likely to have `reach` of `total` that are found, and some more."""
    return (2 * reach + 50) * among // total


def _found(search: str) -> str:
    """The condition that a row of job_search holds the text; by its index if long enough."""
    return "job_search MATCH :phrase" if len(folded(search)) >= MIN_INDEXED_LENGTH else HOLDS_TEXT


def _job_terms(listing: JobListing) -> dict[str, str | None]:
    """The status; the text as :text, and as :phrase, quoted so that FTS5 sees no operator in it."""
    text = folded(listing.search or "")
    phrase = '"' + text.replace('"', '""') + '"'
    return {"status": listing.status, "text": text, "phrase": phrase}


def add_to_search(db: sqlite3.Connection, job_id: int) -> None:
    """Index the names that the job and its files have now."""
    db.execute(
        """
        INSERT OR REPLACE INTO job_search (rowid, name, files)
        SELECT id, folded(name), (
            SELECT group_concat(folded(original_name), char(10)) FROM file WHERE job_id = job.id
        )
        FROM job WHERE id = ?
        """,
        (job_id,),
    )


def folded(text: str | None) -> str:
    """The text as the search compares it: without case, composed (macOS writes names decomposed).

    Line feeds and NULs become blanks: a line feed separates the names of a job's files in the
    index, and FTS5 stops at a NUL.
    """
    return unicodedata.normalize("NFC", (text or "").casefold()).translate(BLANKS)


def merge_search(db: sqlite3.Connection, pages: int) -> bool:
    """Remove what was deleted from a part of both searches' indexes. Returns whether any was left.

    FTS5 marks them as deleted and keeps them until its parts are merged
    (https://sqlite.org/fts5.html, section 6.8). A negative number of `pages`, of 4 kB each, begins
    with all parts; steps with the positive number go on, some 20 ms each for 250. FTS5's own
    secure-delete is no help: SQLite has it from 3.42 on, and older ones cannot read its files.
    """
    before = db.total_changes
    db.execute("INSERT INTO job_search (job_search, rank) VALUES ('merge', ?)", (pages,))
    db.execute("INSERT INTO receipt_search (receipt_search, rank) VALUES ('merge', ?)", (pages,))
    return db.total_changes - before >= 3  # each statement alone counts as one


def list_readings(db: sqlite3.Connection, job_ids: list[int]) -> list[sqlite3.Row]:
    """The files of these jobs in this order, each with the receipts that were read from it last.

    A photo that goes on with the receipt of another is left out.
    `unread` is the error code or the status of the latest execution.
    """
    return db.execute(
        """
        SELECT file.job_id AS job, original_name AS file, reading.provider,
            coalesce(  -- release 1.0.0 stored only one
                json_extract(receipt.joined, '$.receipts'),
                json_extract(reading.ocr_data, '$.receipts'),
                json_array(json_extract(reading.ocr_data, '$.receipt'))
            ) AS receipts,
            coalesce(latest.error_code, latest.status) AS unread
        FROM json_each(?) AS wanted JOIN file ON file.job_id = wanted.value
        JOIN receipt ON receipt.file_id = file.id AND position = 0
        LEFT JOIN execution AS reading ON reading.id = (
            SELECT max(id) FROM execution WHERE file_id = file.id AND status = 'completed'
        )
        LEFT JOIN execution AS latest ON latest.id = (
            SELECT max(id) FROM execution WHERE file_id = file.id
        )
        ORDER BY wanted.key, file.id
        """,
        (json.dumps(job_ids),),
    ).fetchall()


def earliest(db: sqlite3.Connection, file_id: int) -> dict[str, Any] | None:
    """The first file before this one with the same bytes or one of the same receipts.

    The first receipt of each file is compared as it was read last, further ones as they count.
    """
    row = db.execute(
        """
        SELECT job_id AS jobId, id AS fileId FROM file WHERE id = (
            SELECT min(earlier) FROM (
                SELECT min(id) AS earlier FROM file
                WHERE sha256 = (SELECT sha256 FROM file WHERE id = :id) AND id < :id
                UNION ALL
                SELECT min(file_id) FROM execution AS reading
                WHERE receipt_key = (
                    SELECT receipt_key FROM execution
                    WHERE file_id = :id AND status = 'completed' ORDER BY id DESC LIMIT 1
                )
                AND file_id < :id
                AND NOT EXISTS (
                    SELECT 1 FROM execution
                    WHERE file_id = reading.file_id AND status = 'completed' AND id > reading.id
                )
                UNION ALL
                SELECT min(original.file_id) FROM receipt
                JOIN receipt AS original ON original.id = receipt.duplicate_of
                WHERE receipt.file_id = :id AND original.file_id < :id
                    AND (receipt.position > 0 OR original.position > 0)
            )
        )
        """,
        {"id": file_id},
    ).fetchone()
    return dict(row) if row else None


# Receipts


@dataclass(frozen=True)
class ReceiptListing(Listing):
    """Which receipts are asked for."""

    sort: str = "addedAt"  # a key of RECEIPT_SORTS
    first_date: str | None = None  # YYYY-MM-DD, and both dates are included
    last_date: str | None = None
    least: int | None = None  # the total in ten-thousandths, as `most`
    most: int | None = None
    currency: str | None = None
    merchant: str | None = None  # without regard to the case of ASCII letters
    states: tuple[str, ...] = ()  # any of these; () for all
    ids: tuple[int, ...] | None = None  # only these


def change_receipt(
    db: sqlite3.Connection, receipt_id: int, seen: str | None, **columns: Any
) -> bool:
    """Change a receipt. Returns False where `seen` is given and is not its updated_at.

    Takes all columns of schema.sql from execution_id to key, amounts in the currency's unit.
    """
    changed = db.execute(
        """
        UPDATE receipt SET
            execution_id = :execution_id, chosen = :chosen, state = :state, merchant = :merchant,
            date = :date, time = :time, total = :total, subtotal = :subtotal, tax = :tax,
            tip = :tip, currency = iif(:currency GLOB '[A-Z][A-Z][A-Z]', :currency, NULL),
            item_count = :item_count,
            payment_method = :payment_method, review = :review, warnings = :warnings,
            learned = :learned, joined = :joined, corrections = :corrections,
            changed = :changed, confirmed_at = :confirmed_at, key = :key
        WHERE id = :id AND updated_at = coalesce(:seen, updated_at)
        """,
        {"id": receipt_id, "seen": seen, **columns} | {n: units(columns[n]) for n in AMOUNTS},
    )
    return changed.rowcount == 1


def add_receipt(db: sqlite3.Connection, file_id: int, position: int = 0) -> int:
    """The id of a new receipt of a file, of which nothing is read yet."""
    return db.execute(
        """
        INSERT INTO receipt (file_id, position, added_at, updated_at)
        VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) RETURNING id
        """,
        (file_id, position, now()),
    ).fetchone()["id"]


# A row of `learned` for a receipt of the same shop: where both have a number it is the same.
SAME_SHOP = """
    (tax_id = :tax_id OR (
        (phone = :phone OR (head = :head AND coalesce(phone = :phone, TRUE)))
        AND coalesce(tax_id = :tax_id, TRUE)
    ))
"""


def get_learned(db: sqlite3.Connection, keys: Mapping[str, str | None]) -> str | None:
    """The merchant's name that a correction taught for receipts with one of these keys.

    They are those of fields/shops.py, by the names of the columns.
    """
    row = db.execute(
        f"""
        SELECT merchant FROM learned WHERE {SAME_SHOP}
        ORDER BY coalesce(tax_id = :tax_id, FALSE) DESC, coalesce(phone = :phone, FALSE) DESC,
            id DESC
        LIMIT 1
        """,
        keys,
    ).fetchone()
    return row and str(row["merchant"])


def add_learned(db: sqlite3.Connection, merchant: str, keys: Mapping[str, str | None]) -> None:
    db.execute(
        """
        INSERT INTO learned (merchant, tax_id, phone, head)
        VALUES (:merchant, :tax_id, :phone, :head)
        """,
        {"merchant": merchant, **keys},
    )


def forget_learned(db: sqlite3.Connection, keys: Mapping[str, str | None]) -> list[str]:
    """Forget the names that get_learned may give for these keys. Returns them."""
    rows = db.execute(f"DELETE FROM learned WHERE {SAME_SHOP} RETURNING merchant", keys)
    return [row["merchant"] for row in rows.fetchall()]


def list_named(db: sqlite3.Connection, names: list[str]) -> list[dict[str, Any]]:
    """The rows of untouched receipts that have one of these names because it was learned."""
    rows = db.execute(
        f"""
        SELECT * FROM receipt
        WHERE merchant IN {LISTED} AND learned = merchant AND corrections = '{{}}'
            AND confirmed_at IS NULL
        """,
        (json.dumps(names),),
    )
    return [dict(row) for row in rows]


def get_reading(db: sqlite3.Connection, execution_id: int) -> str | None:
    """The ocrData of an execution; None if it is not there or not completed."""
    row = db.execute("SELECT ocr_data FROM execution WHERE id = ?", (execution_id,)).fetchone()
    return row and row["ocr_data"]


def set_words(db: sqlite3.Connection, receipt_id: int, text: str) -> None:
    """Let a search find the receipt by the words of this text and of its file's and job's names."""
    db.execute(
        """
        INSERT OR REPLACE INTO receipt_search (rowid, words)
        SELECT place, words_of(:text || ' ' || original_name || ' ' || coalesce(job.name, ''))
            || :every || ' '
        FROM receipt JOIN file ON file.id = file_id JOIN job ON job.id = job_id
        WHERE receipt.id = :id
        """,
        {"id": receipt_id, "text": text, "every": EVERY},
    )


def words_of(text: str) -> str:
    """The words of a text, each once, as the search of receipts compares them, between blanks.

    Without case and accents. Letters of scripts that put no blanks between words are words.
    """
    plain = MARKS.sub("", unicodedata.normalize("NFKD", text.casefold())).translate(PLAIN)
    return f" {' '.join(dict.fromkeys(WORD.findall(plain)))} "


def list_receipts_of(db: sqlite3.Connection, file_id: int) -> list[dict[str, Any]]:
    """The rows of a file's receipts in their order, with the names of their columns."""
    rows = db.execute("SELECT * FROM receipt WHERE file_id = ? ORDER BY position", (file_id,))
    return [dict(row) for row in rows]


def list_joinable(db: sqlite3.Connection, job_id: int) -> list[dict[str, Any]]:
    """A job's files in their order (`part`), each with the columns of its first receipt.

    These are null where the file goes on with the receipt of another. None is listed while
    something of the job is to be read, nor those of confirmed receipts.
    """
    rows = db.execute(
        """
        SELECT file.id AS part, receipt.* FROM job JOIN file ON file.job_id = job.id
        LEFT JOIN receipt ON receipt.file_id = file.id AND position = 0
        WHERE job.id = :id AND job.status IN ('completed', 'failed')
            AND confirmed_at IS NULL AND file.id NOT IN (
                SELECT part.value FROM file JOIN receipt ON receipt.file_id = file.id
                JOIN json_each(joined, '$.files') AS part
                WHERE file.job_id = :id AND confirmed_at IS NOT NULL
            )
        ORDER BY file.id
        """,
        {"id": job_id},
    )
    return [dict(row) for row in rows]


def delete_receipts_from(db: sqlite3.Connection, file_id: int, position: int) -> None:
    """Delete the receipts of the file that a reading with fewer of them does not have."""
    db.execute("DELETE FROM receipt WHERE file_id = ? AND position >= ?", (file_id, position))


def list_unfilled(db: sqlite3.Connection, most: int) -> list[int]:
    """The ids of files of an older release whose receipts are not filled in, the newest first."""
    rows = db.execute(
        "SELECT id FROM file WHERE id < (SELECT below FROM unfilled) ORDER BY id DESC LIMIT ?",
        (most,),
    )
    return [row["id"] for row in rows]


def set_unfilled(db: sqlite3.Connection, below: int) -> None:
    """Record that only the receipts of files with a lower id are still to be filled in."""
    db.execute("UPDATE unfilled SET below = ?", (below,))


def set_receipt_keys(db: sqlite3.Connection, file_id: int) -> None:
    """Record the keys of a file's readings, which those of the first release lack."""
    db.execute(
        """
        UPDATE execution SET receipt_key = receipt_key(ocr_data)
        WHERE file_id = ? AND status = 'completed'
        """,
        (file_id,),
    )


def count_unfilled(db: sqlite3.Connection) -> int:
    """How many files have receipts that are still to be filled in, at most: by their ids."""
    row = db.execute(
        "SELECT max(below - (SELECT min(id) FROM file), 0) AS n FROM unfilled"
    ).fetchone()
    return int(row["n"] or 0) if row else 0


def fail_receipts(db: sqlite3.Connection, file_id: int) -> None:
    """Mark a file's receipts as failed if nothing was read of them and nothing is pending."""
    db.execute(
        """
        UPDATE receipt SET state = 'failed'
        WHERE file_id = :id AND +state = 'reading' AND NOT EXISTS (  -- +: found by its file
            SELECT 1 FROM execution WHERE file_id = :id AND status IN ('pending', 'running')
        )
        """,
        {"id": file_id},
    )


def list_completed(db: sqlite3.Connection, file_id: int) -> Iterator[tuple[int, str]]:
    """(execution id, ocrData) of the file's readings, the first that was completed first."""
    rows = db.execute(
        """
        SELECT id, ocr_data FROM execution
        WHERE file_id = ? AND status = 'completed' AND ocr_data IS NOT NULL
        ORDER BY updated_at, id
        """,
        (file_id,),
    )
    return ((row["id"], row["ocr_data"]) for row in rows)


def narrowed(db: sqlite3.Connection, listing: ReceiptListing) -> ReceiptListing:
    """The listing, with ids in place of its search where only few receipts are of its dates.

    So the words are looked up once for the sums and the page. The caller has begun a snapshot.
    """
    if not _are_dates_rarer(db, listing):
        return listing
    ids = f"SELECT id FROM receipt WHERE {_all(_receipt_conditions(listing))}"
    rows = db.execute(
        f"SELECT value AS id FROM {FOUND} WHERE value IN ({ids})", _receipt_terms(db, listing)
    )
    return replace(listing, search=None, ids=tuple(row["id"] for row in rows))


def _are_dates_rarer(db: sqlite3.Connection, listing: ReceiptListing) -> bool:
    """Whether the receipts of the dates are so few that reading each costs less than the search."""
    if not (listing.search and (listing.first_date or listing.last_date)):
        return False
    dates = ReceiptListing(first_date=listing.first_date, last_date=listing.last_date)
    most = 3 * sum(row["count"] for row in sum_receipts(db, dates))
    (found,) = db.execute(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM receipt_search WHERE receipt_search MATCH :words LIMIT :most
        )
        """,
        _receipt_terms(db, listing) | {"most": most},
    ).fetchone()
    return bool(found == most)


def list_receipts(
    db: sqlite3.Connection, listing: ReceiptListing, total: int
) -> list[dict[str, Any]]:
    """A page of the `total` receipts that sum_receipts found in the same snapshot."""
    query, terms = "SELECT id FROM receipt", _receipt_terms(db, listing)
    rows = _page(db, listing, total, _receipts_where, query, terms)
    return list_receipts_by_id(db, [row["id"] for row in rows])


def list_receipt_ids(db: sqlite3.Connection, listing: ReceiptListing) -> Iterator[int]:
    """The ids of all receipts that are asked for, in the order of list_receipts."""
    rows = db.execute(
        f"SELECT id FROM receipt {_receipts_where(db, listing, 0, 1)}", _receipt_terms(db, listing)
    )
    return (row["id"] for row in rows)


def list_receipts_by_id(db: sqlite3.Connection, ids: list[int]) -> list[dict[str, Any]]:
    """These receipts in this order; those that are not there are left out."""
    rows = db.execute(
        f"{RECEIPT} JOIN json_each(?) AS wanted ON wanted.value = receipt.id ORDER BY wanted.key",
        (json.dumps(ids),),
    )
    return [_as_receipt(row) for row in rows]


def sum_receipts(
    db: sqlite3.Connection,
    listing: ReceiptListing,
    by: Sequence[str] = ("currency",),
    second: sqlite3.Connection | None = None,
) -> list[dict[str, Any]]:
    """How many receipts are asked for, how many of them are duplicates, and their sums.

    `by` are keys of RECEIPT_GROUPS; there is a row for each of their combinations that occurs, at
    most MAX_GROUPS: the latest months, or those with the most receipts, first. With a `second`
    connection, as `snapshots` yields it, another thread adds up half of what a search finds.
    """
    terms = _receipt_terms(db, listing)
    share = _share(db, listing, by, terms)
    is_common = share > COMMON
    if by == ("currency",) and share < NEARLY_ALL and _are_in_places(listing, terms):
        return _sums_by_place(db, second, listing, terms, is_common)
    groups = ", ".join(f"{RECEIPT_GROUPS[name]} AS {name}" for name in by)
    places = ", ".join(str(number) for number in range(1, len(by) + 1))
    rows = db.execute(
        f"""
        SELECT {groups}, {SUMS} FROM {_summed(listing, by, is_common)}
        GROUP BY {places} HAVING sum(n) > 0
        ORDER BY {"month DESC, " if "month" in by else ""}sum(n) DESC, {places} LIMIT {MAX_GROUPS}
        """,
        terms,
    )
    return [_as_sums(row) for row in rows]


def _as_sums(row: sqlite3.Row | dict[str, Any]) -> dict[str, Any]:
    return {**row, "total": amount(row["total"]), "tax": amount(row["tax"])}


def _share(
    db: sqlite3.Connection, listing: ReceiptListing, by: Sequence[str], terms: dict[str, Any]
) -> float:
    """The share of all receipts that has the words, or the total, of a listing that asks for one.

    Where most have it, those that lack it are fewer to subtract from sums that are kept than others
    to add up. 0 where no sums are kept, and where nothing is gained.
    """
    has_amount = listing.least is not None or listing.most is not None
    if (listing.search is None) != has_amount or not _are_kept(_any_of(listing), by):
        return 0
    if has_amount and by == ("currency",):
        return 0  # receipt_number is read from end to end either way
    query = "SELECT count(*) FROM receipt_search WHERE receipt_search MATCH :words"
    if has_amount:
        amounts = ReceiptListing(least=listing.least, most=listing.most)
        query = f"SELECT count(*) FROM receipt WHERE {_all(_receipt_conditions(amounts))}"
    (found,) = db.execute(query, terms).fetchone()
    return found / (sum(count_receipts(db).values()) or 1)


def _any_of(listing: ReceiptListing) -> ReceiptListing:
    """The listing without its words and the limits of its total."""
    return replace(listing, search=None, least=None, most=None)


def _are_kept(listing: ReceiptListing, by: Sequence[str]) -> bool:
    """Whether receipt_sum has all it takes to add these up."""
    is_dated = listing.first_date or listing.last_date or "month" in by
    is_named = listing.merchant or "merchant" in by
    others = (listing.search, listing.least, listing.most, listing.job, listing.ids)
    return not (is_dated and is_named) and all(value is None for value in others)


def _summed(listing: ReceiptListing, by: Sequence[str], is_common: bool) -> str:
    """The table whose rows are added up: sums that are kept, or the receipts one by one."""
    if _are_kept(listing, by):
        return _kept(listing, by)
    merchant = "nullif(merchant, '') AS merchant" if "merchant" in by else "NULL AS merchant"
    numbers = f"""
        SELECT date, currency, {merchant}, 1 AS n, duplicate_of IS NOT NULL AS duplicate, total, tax
        FROM {_found_receipts(listing, by, is_common)}
        """
    if not is_common:
        return f"({numbers})"
    return f"""(
        SELECT * FROM {_kept(_any_of(listing), by)}
        UNION ALL SELECT date, currency, merchant, -n, duplicate, -total, -tax FROM ({numbers})
    )"""


def _kept(listing: ReceiptListing, by: Sequence[str]) -> str:
    """The sums that receipt_sum keeps for a listing.

    A million receipts of ten years have 35,000 rows of dates there, and few that are of all.
    """
    part = "part = '*'"
    if listing.first_date or listing.last_date or "month" in by:
        part = "part < '=' AND part <> '*'"
    elif listing.merchant or "merchant" in by:
        part = "part = '=' || :merchant" if listing.merchant else "part >= '='"
    return f"""(
        SELECT nullif(date, '') AS date, nullif(currency, '') AS currency,
            nullif(merchant, '') AS merchant, n, duplicate, total, tax
        FROM (SELECT *, part AS date, substr(part, 2) COLLATE NOCASE AS merchant FROM receipt_sum)
        WHERE {_all([part, *_receipt_conditions(listing, "duplicate")])}
    )"""


def _found_receipts(
    listing: ReceiptListing, by: Sequence[str] = (), is_lacking: bool = False
) -> str:
    """The FROM and WHERE of a query for the receipts that are asked for, one by one.

    With `is_lacking` those that lack the words or the total that is asked for, and nothing else.
    """
    conditions = _receipt_conditions(_any_of(listing) if is_lacking else listing)
    if listing.search is None:
        if is_lacking:
            conditions.append("(+total < :least OR +total > :most OR +total IS NULL)")
        return f"{_table(listing, by)} WHERE {_all(conditions)}"
    numbers = (
        f"receipt ON receipt.id = receipt_search.rowid & {MAX_ID}"
        if _needs_row(listing, by)
        else "receipt_number ON receipt_number.place = receipt_search.rowid"
    )
    return f"""
        receipt_search CROSS JOIN {numbers}
        WHERE receipt_search MATCH {":lacking" if is_lacking else ":words"} AND {_all(conditions)}
        """


def _needs_row(listing: ReceiptListing, by: Sequence[str]) -> bool:
    return bool(listing.merchant or listing.job or "merchant" in by)


def _table(listing: ReceiptListing, by: Sequence[str]) -> str:
    """Where receipts are added up without a search: with indexes, or on fewer pages."""
    are_few = bool(listing.states) and not {"ok", "confirmed"}.intersection(listing.states)
    is_short = listing.first_date or listing.last_date or listing.ids is not None
    return "receipt" if are_few or is_short or _needs_row(listing, by) else "receipt_number"


def _are_in_places(listing: ReceiptListing, terms: dict[str, Any]) -> bool:
    """Whether what is found is best added up currency by currency, as _sums_by_place does."""
    if listing.search is None:
        return not _are_kept(listing, ("currency",)) and _table(listing, ()) == "receipt_number"
    return not GATHERED.search(terms["words"])


def _has_words(search: str) -> str:
    """The condition that a receipt has all words of the search, without the index of words."""
    words = " AND ".join(f"instr(words, :word{n})" for n in range(len(_words(search))))
    has_words = f"rowid = receipt.place AND {words or 'FALSE'}"
    return f"EXISTS (SELECT 1 FROM receipt_search WHERE {has_words})"


def _sums_by_place(
    db: sqlite3.Connection,
    second: sqlite3.Connection | None,
    listing: ReceiptListing,
    terms: dict[str, Any],
    is_common: bool,
) -> list[dict[str, Any]]:
    """sum_receipts by currency where the receipts of each are in a row: by their places.

    To ask for each currency by itself spares sorting all that is found. But where a word has many
    longer ones FTS5 would gather their receipts each time; and where nearly none lacks the words,
    it would look for one beyond the end of each currency.
    """
    found = _found_receipts(replace(listing, currency=None), is_lacking=is_common)
    query = f"""
        SELECT :own AS currency, :sign * count(*) AS count,
            :sign * count(duplicate_of) AS duplicates, :sign * total(total) AS total,
            :sign * total(tax) AS tax
        FROM {found} AND {"receipt_search.rowid" if listing.search else "place"}
            BETWEEN :first AND :last
        """
    rows = _in_halves(db, second, query, terms | {"sign": -1 if is_common else 1})
    if is_common:
        kept = _kept(_any_of(listing), ("currency",))
        rows += db.execute(f"SELECT currency, {SUMS} FROM {kept} GROUP BY currency", terms)
    return sorted(
        (_as_sums(row) for row in _by_currency(rows) if row["count"]),
        key=lambda row: (-row["count"], row["currency"] or ""),
    )


def _in_halves(
    db: sqlite3.Connection, second: sqlite3.Connection | None, query: str, terms: dict[str, Any]
) -> list[sqlite3.Row]:
    """What the query finds in each currency, the later half of the ids with the second connection.

    SQLite lets other threads run meanwhile, so two processors take half the time.
    """
    currencies = db.execute(
        """
        SELECT DISTINCT currency FROM receipt_sum
        WHERE part = '*' AND currency = coalesce(:currency, currency)
        """,
        terms,
    ).fetchall()

    def found(connection: sqlite3.Connection, least: int, most: int) -> list[sqlite3.Row]:
        every = (terms | _places(row["currency"], least, most) for row in currencies)
        return [connection.execute(query, places).fetchone() for places in every]

    if second is None:
        return found(db, 0, MAX_ID)
    (middle,) = db.execute("SELECT ifnull(max(id), 0) / 2 FROM receipt").fetchone()
    with ThreadPoolExecutor(1) as other:
        later = other.submit(found, second, middle + 1, MAX_ID)
        return found(db, 0, middle) + later.result()


def _by_currency(rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    """The rows of each currency as one."""
    sums: dict[str | None, dict[str, Any]] = {}
    for row in rows:
        own = sums.setdefault(row["currency"], {"currency": row["currency"]})
        for name in ("count", "duplicates", "total", "tax"):
            own[name] = own.get(name, 0) + row[name]
    return list(sums.values())


def _places(currency: str, least: int, most: int) -> dict[str, Any]:
    """The places of this currency's receipts, "" for none, with ids from `least` to `most`."""
    place = sum(ord(letter) << 7 * (2 - n) for n, letter in enumerate(currency)) << ID_BITS
    return {"own": currency or None, "first": place + least, "last": place + most}


def get_receipt(db: sqlite3.Connection, receipt_id: int) -> dict[str, Any] | None:
    return next(iter(list_receipts_by_id(db, [receipt_id])), None)


def get_receipt_row(db: sqlite3.Connection, receipt_id: int) -> dict[str, Any] | None:
    """The row of a receipt, with the names of its columns."""
    row = db.execute("SELECT * FROM receipt WHERE id = ?", (receipt_id,)).fetchone()
    return dict(row) if row else None


def list_there(db: sqlite3.Connection, ids: Collection[int]) -> set[int]:
    """Those of the ids that are of receipts."""
    rows = db.execute(f"SELECT id FROM receipt WHERE id IN {LISTED}", (json.dumps(list(ids)),))
    return {row["id"] for row in rows}


def list_unread(db: sqlite3.Connection, ids: Collection[int]) -> list[int]:
    """Those of the receipts of which nothing was read or filled in."""
    rows = db.execute(
        f"""
        SELECT id FROM receipt
        WHERE id IN {LISTED} AND execution_id IS NULL AND corrections = '{{}}'
        """,
        (json.dumps(list(ids)),),
    )
    return [row["id"] for row in rows]


def confirm_receipts(db: sqlite3.Connection, ids: Collection[int]) -> None:
    db.execute(
        f"""
        UPDATE receipt SET state = 'confirmed', confirmed_at = ?, review = '[]',
            changed = json_set(changed, '$.confirmed', updated_at)
        WHERE id IN {LISTED} AND confirmed_at IS NULL
        """,
        (now(), json.dumps(list(ids))),
    )


def list_beside(db: sqlite3.Connection, ids: Collection[int]) -> list[int]:
    """The other receipts of the files that have these."""
    wanted = json.dumps(list(ids))
    rows = db.execute(
        f"""
        SELECT id FROM receipt WHERE id NOT IN {LISTED}
            AND file_id IN (SELECT file_id FROM receipt WHERE id IN {LISTED})
        """,
        (wanted, wanted),
    )
    return [row["id"] for row in rows]


def forget_originals(db: sqlite3.Connection, file_ids: Collection[int]) -> list[int]:
    """Unlink the duplicates of these files' receipts, and return the ids of those duplicates.

    Else the deletion of each file would link all of them anew, to the next copy there is.
    """
    rows = db.execute(
        f"""
        UPDATE receipt SET duplicate_of = NULL
        WHERE duplicate_of IN (SELECT id FROM receipt WHERE file_id IN {LISTED}) RETURNING id
        """,
        (json.dumps(list(file_ids)),),
    )
    return [row["id"] for row in rows.fetchall()]


def find_originals(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Link each of these receipts to the first one like it, as its duplicate, if there is one."""
    db.execute(
        f"""
        UPDATE receipt SET
            duplicate_of = (SELECT original FROM receipt_original WHERE id = receipt.id)
        WHERE id IN {LISTED}
        """,
        (json.dumps(list(ids)),),
    )


def list_files_of(db: sqlite3.Connection, ids: Collection[int]) -> list[tuple[int, int]]:
    """(job id, file id) of the files that have these receipts, or a part of one."""
    wanted = json.dumps(list(ids))
    rows = db.execute(
        f"""
        SELECT job_id, id FROM file WHERE id IN (
            SELECT file_id FROM receipt WHERE id IN {LISTED}
            UNION
            SELECT part.value FROM receipt, json_each(joined, '$.files') AS part
            WHERE receipt.id IN {LISTED}
        )
        """,
        (wanted, wanted),
    )
    return [(row["job_id"], row["id"]) for row in rows]


def delete_empty_jobs(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Delete those of the jobs that have no file."""
    db.execute(
        f"DELETE FROM job WHERE id IN {LISTED} AND id NOT IN (SELECT job_id FROM file)",
        (json.dumps(list(ids)),),
    )


def count_receipts(db: sqlite3.Connection) -> dict[str, int]:
    """How many receipts are in each state."""
    rows = db.execute("SELECT state, sum(n) FROM receipt_sum WHERE part = '*' GROUP BY state")
    return dict.fromkeys(RECEIPT_STATES[:-1], 0) | dict(rows.fetchall())


def list_exported(db: sqlite3.Connection, ids: list[int], with_items: bool) -> list[dict[str, Any]]:
    """These receipts in this order as they are exported, with their items if these are wanted."""
    items = f"coalesce({', '.join(ITEMS)})" if with_items else "NULL"
    rows = db.execute(
        f"""
        SELECT receipt.id, job_id AS job, original_name AS file, merchant, date, time, currency,
            subtotal, tax, tip, total, payment_method AS paymentMethod, item_count AS itemCount,
            state, provider, review, warnings, corrections AS corrected,
            duplicate_of AS duplicateOf, {items} AS items
        FROM json_each(?) AS wanted JOIN receipt ON receipt.id = wanted.value
        JOIN file ON file.id = receipt.file_id
        LEFT JOIN execution ON execution.id = execution_id
        ORDER BY wanted.key
        """,
        (json.dumps(ids),),
    )
    return [
        {
            **row,
            **{name: amount(row[name]) for name in ("subtotal", "tax", "tip", "total")},
            **{name: json.loads(row[name]) for name in ("review", "warnings")},
            "corrected": list(json.loads(row["corrected"])),
            "items": json.loads(row["items"] or "[]"),
        }
        for row in rows
    ]


def _as_receipt(row: sqlite3.Row) -> dict[str, Any]:
    """A row of RECEIPT as the API shows it."""
    receipt = dict(row)
    code, message = receipt.pop("errorCode"), receipt.pop("errorMessage")
    return receipt | {
        "total": amount(row["total"]),
        "tax": amount(row["tax"]),
        "review": json.loads(row["review"]),
        "warnings": json.loads(row["warnings"]),
        "corrected": list(json.loads(row["corrected"])),
        "error": {"code": code, "message": message} if row["state"] == "failed" else None,
    }


def units(number: float | None) -> int | None:
    """An amount as it is stored, in ten-thousandths; None for one that cannot be an amount."""
    if number is None or not abs(number) < MAX_AMOUNT:
        return None
    return round(Decimal(str(number)) * UNITS)


def amount(units: float | None) -> float | None:
    """Ten-thousandths, as they are stored, as a number of the currency's unit."""
    if units is None:
        return None
    return int(units) // UNITS if units % UNITS == 0 else units / UNITS


def _receipts_where(
    db: sqlite3.Connection,
    listing: ReceiptListing,
    total: int,
    reach: int,
    backwards: bool = False,
    is_near: bool = False,
) -> str:
    """The condition and the order that find the first `reach` of `total` at the lowest cost.

    As for jobs: rare receipts are taken from an index of what is asked for and sorted, frequent
    ones by walking the index of the order. "+" keeps SQLite from using a column's index. The first
    rows of that order may have too few: a shop or a month of long ago has its receipts at the end.
    """
    direction = "DESC" if (listing.direction == "desc") != backwards else "ASC"
    if listing.states and {"reading", "failed"}.issuperset(listing.states):
        listing = replace(listing, sort="addedAt")  # these have no fields, so ids are their order
    nulls = "FIRST" if backwards else "LAST"
    order = f"{RECEIPT_SORTS[listing.sort]} {direction} NULLS {nulls}, id {direction}"
    among = sum(count_receipts(db).values())
    way = _way(listing, total, reach, among, is_near)
    conditions = _receipt_conditions(listing, walked=way == "walk")
    if way == "near":
        steps = _steps(total, reach, among)
        conditions.append(f"id IN (SELECT id FROM receipt ORDER BY {order} LIMIT {steps})")
    if listing.search is not None and way == "near":
        conditions.append(_has_words(listing.search))
    elif listing.search is not None and way == "walk":
        conditions.append(f"+id NOT IN {LACKING}" if 2 * total > among else f"+id IN {FOUND}")
    elif listing.search is not None:
        conditions.append(f"id IN {FOUND}")
    return f"WHERE {_all(conditions)} ORDER BY {'' if way == 'walk' else '+'}{order}"


def _receipt_conditions(
    listing: ReceiptListing, duplicate: str = "duplicate_of IS NOT NULL", walked: bool = False
) -> list[str]:
    """The conditions of a listing without its search, on the values that _receipt_terms gives."""

    def column(name: str) -> str:
        return name if not walked or name == RECEIPT_SORTS[listing.sort] else f"+{name}"

    are_dates_rarer = listing.first_date and listing.last_date  # than those of a state
    state = "+state" if are_dates_rarer else column("state")
    states = f"{state} IN (SELECT value FROM json_each(:states))"
    conditions = {
        f"{column('date')} BETWEEN ifnull(:first_date, '0') AND ifnull(:last_date, '9')": (
            listing.first_date or listing.last_date
        ),
        f"{column('total')} >= :least": listing.least is not None,
        f"{column('total')} <= :most": listing.most is not None,
        f"{column('currency')} = :currency": listing.currency,
        f"{column('merchant')} = :merchant": listing.merchant,
        f"({states} OR {duplicate})" if "duplicate" in listing.states else states: listing.states,
        "file_id IN (SELECT id FROM file WHERE job_id = :job)": listing.job,
        "id IN (SELECT value FROM json_each(:ids))": listing.ids is not None,
    }
    return [condition for condition, is_asked in conditions.items() if is_asked]


def _receipt_terms(db: sqlite3.Connection, listing: ReceiptListing) -> dict[str, Any]:
    words = _words(listing.search or "")
    found = " AND ".join(_matching(db, word) for word in words) or '""'
    return {
        "first_date": listing.first_date,
        "last_date": listing.last_date,
        "least": listing.least,
        "most": listing.most,
        "currency": listing.currency,
        "merchant": listing.merchant,
        "states": json.dumps(listing.states),
        "job": listing.job,
        "ids": json.dumps(listing.ids),
        "words": found,
        "lacking": f'"{EVERY}" NOT ({found})',
        **{f"word{n}": f" {w}" if len(w) > 1 else f" {w} " for n, w in enumerate(words)},
    }


def _matching(db: sqlite3.Connection, word: str) -> str:
    """The query for receipts with this word, or longer ones that begin so, in FTS5's syntax.

    Few longer ones are named: FTS5 takes four times as long to gather the receipts of a beginning,
    if it has no index of it.
    """
    if len(word) == 1:
        return f'"{word}"'
    longer = [] if len(word) in PREFIX_LENGTHS else _longer_words(db, word)
    if 0 < len(longer) <= MAX_LONGER:
        return "(" + " OR ".join(f'"{one}"' for one in longer) + ")"
    return f'"{word}"*'


def _longer_words(db: sqlite3.Connection, word: str) -> list[str]:
    """The words of receipts that begin with this one, itself included; at most MAX_LONGER + 1."""
    rows = db.execute(
        """
        WITH RECURSIVE longer (term) AS (
            SELECT (SELECT term FROM receipt_word WHERE term >= :word LIMIT 1)
            UNION ALL
            SELECT (SELECT term FROM receipt_word WHERE term >= longer.term || char(1) LIMIT 1)
            FROM longer WHERE substr(longer.term, 1, length(:word)) = :word
        )
        SELECT term FROM longer WHERE substr(term, 1, length(:word)) = :word LIMIT :most
        """,
        {"word": word, "most": MAX_LONGER + 1},
    )
    return [row["term"] for row in rows]


def _words(search: str) -> list[str]:
    """The words of a search; a receipt that is found has these, or longer ones that begin so."""
    return words_of(search).split()


def _all(conditions: list[str]) -> str:
    return " AND ".join(conditions) or "TRUE"


# Files to move and to remove


def add_arrival(db: sqlite3.Connection, directory: str, job_id: int) -> None:
    """Record in which directory of incoming/ the job's files are until they are moved."""
    db.execute("INSERT INTO arrival (directory, job_id) VALUES (?, ?)", (directory, job_id))


def list_arrivals(db: sqlite3.Connection) -> dict[str, int]:
    """The ids of jobs whose files may still be under incoming/, by directory."""
    return {row["directory"]: row["job_id"] for row in db.execute("SELECT * FROM arrival")}


def delete_arrivals(db: sqlite3.Connection, directories: Iterable[str]) -> None:
    """Forget arrivals whose files have been moved."""
    db.execute(f"DELETE FROM arrival WHERE directory IN {LISTED}", (json.dumps(list(directories)),))


def list_garbage(db: sqlite3.Connection) -> list[str]:
    """The storage keys of deleted files whose bytes may still be there."""
    rows = db.execute("SELECT key FROM garbage WHERE key NOT IN (SELECT storage_key FROM file)")
    return [row["key"] for row in rows]


def add_garbage(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Record that these files, which no row of this database names, are to be removed."""
    db.execute(
        "INSERT OR IGNORE INTO garbage (key) SELECT value FROM json_each(?)",
        (json.dumps(list(keys)),),
    )


def delete_garbage(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Forget files whose bytes have been removed."""
    db.execute(f"DELETE FROM garbage WHERE key IN {LISTED}", (json.dumps(list(keys)),))


def list_ids(db: sqlite3.Connection) -> set[int]:
    """The ids of all jobs."""
    return {row["id"] for row in db.execute("SELECT id FROM job")}


# Backups


def copy_to(db: sqlite3.Connection, path: Path) -> None:
    """Write the database of this moment to a new file."""
    db.execute("VACUUM INTO ?", (str(path),))


def leave_wal(db: sqlite3.Connection) -> None:
    """Keep all in one file, without a log beside it; raises OperationalError while it is in use."""
    db.execute("PRAGMA journal_mode = DELETE")


def list_all_files(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute("SELECT id, job_id, storage_key, sha256 FROM file ORDER BY id")
    return [dict(row) for row in rows]


def count_all(db: sqlite3.Connection) -> tuple[int, int]:
    """How many jobs and how many files there are."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM job) AS jobs, (SELECT count(*) FROM file) AS files"
    ).fetchone()
    return int(row["jobs"]), int(row["files"])


def list_sequences(db: sqlite3.Connection) -> dict[str, int]:
    """The highest id ever given, by table."""
    return {row["name"]: row["seq"] for row in db.execute("SELECT name, seq FROM sqlite_sequence")}


def raise_sequence(db: sqlite3.Connection, table: str, highest: int) -> None:
    """Make the next ids of this table higher than `highest`."""
    raised = db.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (highest, table)
    )
    if not raised.rowcount:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, highest))


# Deliveries to the webhook


def set_webhook(db: sqlite3.Connection, url: str) -> None:
    """Store whether there is a webhook; another URL than before counts as a new one.

    Only the URL's SHA-256 is stored, since the URL may hold a secret. "" means there is none.
    """
    digest = hashlib.sha256(url.encode()).hexdigest()
    db.execute("DELETE FROM webhook WHERE url_sha256 <> ?", (digest,))
    if not url:
        db.execute("DELETE FROM delivery")
    elif not db.execute("SELECT 1 FROM webhook").fetchone():
        db.execute("INSERT INTO webhook (url_sha256) VALUES (?)", (digest,))


def end_webhook(db: sqlite3.Connection) -> None:
    """Deliver nothing more to the present URL, and drop what waits for it."""
    db.execute("UPDATE webhook SET gone = 1")
    db.execute("DELETE FROM delivery")


def next_delivery(db: sqlite3.Connection) -> dict[str, Any] | None:
    """The delivery that is due first, with its job's name."""
    row = db.execute(
        """
        SELECT delivery.*, job.name FROM delivery JOIN job ON job.id = job_id
        ORDER BY next_at, delivery.rowid LIMIT 1
        """
    ).fetchone()
    return dict(row) if row else None


def bring_forward(db: sqlite3.Connection, latest: Sequence[str]) -> None:
    """Make each delivery due by `latest`, which has a time for each number of tries."""
    db.execute(
        """
        UPDATE delivery SET next_at = value FROM json_each(?)
        WHERE key = tries AND next_at > value
        """,
        (json.dumps(latest),),
    )


def put_off_delivery(db: sqlite3.Connection, delivery_id: str, next_at: str) -> None:
    """Count one more try that failed, and say when the next is due."""
    db.execute(
        "UPDATE delivery SET tries = tries + 1, next_at = ? WHERE id = ?", (next_at, delivery_id)
    )


def delete_delivery(db: sqlite3.Connection, delivery_id: str) -> None:
    db.execute("DELETE FROM delivery WHERE id = ?", (delivery_id,))
