"""How is a data directory copied, and put back, while the server runs?

A backup is a directory with the database and the files it names. It appears when it is whole. A
restore makes the data directory what the backup is, in one transaction: files are checked, staged
and renamed in before it commits, and those that nothing names any more are removed after. Ids that
were given since the backup are not given again.
"""

import hashlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
from flask import current_app
from flask.cli import with_appcontext

import db
import worker
from storage import Storage, sync

DATABASE = "receipts.db"
STAYS = {"search_deletion"}  # it tells of this database's own index


class ArchiveError(Exception):
    """The backup or the restore cannot be done; nothing was changed."""


class Counts(NamedTuple):
    jobs: int
    files: int


def write_backup(storage: Storage, target: Path) -> Counts:
    """Copy the database of a moment and the files it names. Raises ArchiveError or OSError."""
    if target.exists():
        raise ArchiveError(f"{target} exists already; name a directory that does not")
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        counts = _fill(storage, partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial)
        raise
    sync(target.parent)
    return counts


def _fill(storage: Storage, target: Path) -> Counts:
    (target / "uploads").mkdir(mode=0o700)
    with closing(db.connect(storage.root / DATABASE)) as live:
        live.execute("VACUUM INTO ?", (str(target / DATABASE),))
        (target / DATABASE).chmod(0o600)
        with closing(db.connect(target / DATABASE)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            with copy:
                db.release(copy)
                for file in list(_files(copy)):
                    try:
                        _copy_file(storage.path(file["storage_key"]), target / file["storage_key"])
                    except FileNotFoundError:
                        _drop_if_deleted(file, copy, live)
            counts = _counts(copy)
    _sync_all(target)
    return counts


def _drop_if_deleted(file: sqlite3.Row, copy: sqlite3.Connection, live: sqlite3.Connection) -> None:
    """What was deleted while we copied is deleted in the copy too; bytes lost before stay lost."""
    if not db.key_exists(live, file["storage_key"]):
        db.delete_file(copy, file["job_id"], file["id"])
    if not db.job_exists(live, file["job_id"]):
        db.delete_job(copy, file["job_id"])


def restore_backup(storage: Storage, source: Path) -> Counts:
    """Make the data directory what the backup in `source` is. Raises ArchiveError or OSError."""
    if not (source / DATABASE).is_file():
        raise ArchiveError(f"{source} is no backup: it holds no {DATABASE}")
    with storage.restoring() as staged:
        (staged / "uploads").mkdir(mode=0o700)
        _copy_file(source / DATABASE, staged / DATABASE)
        with closing(_checked(staged / DATABASE)) as copy:
            for file in _files(copy):
                _stage(file, source, staged)
            counts = _counts(copy)
        _sync_all(staged)
        with closing(db.connect(storage.root / DATABASE)) as live:
            live.execute("ATTACH ? AS backup", (str(staged / DATABASE),))
            _replace(live, storage, staged)
            live.execute("DETACH backup")
            storage.remove_unnamed(lambda key: db.key_exists(live, key), db.next_job_id(live))
            db.purge_search(live)
            db.forget_deleted(live)
    return counts


def _checked(database: Path) -> sqlite3.Connection:
    """The backup's database, brought up to date. Raises ArchiveError when it is damaged."""
    try:
        db.create(database)
        copy = db.connect(database)
        problem = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if problem != "ok" or copy.execute("PRAGMA foreign_key_check").fetchone():
            raise ArchiveError(f"the backup's database is damaged: {problem}")
        copy.execute("PRAGMA journal_mode = DELETE")
        with copy:
            db.release(copy)
    except SystemExit as error:
        raise ArchiveError(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise ArchiveError(f"the backup's database cannot be read: {error}") from None
    return copy


def _stage(file: sqlite3.Row, source: Path, staged: Path) -> None:
    """The file, checked, beside its place; nothing when it had no bytes at the backup either."""
    key = file["storage_key"]
    if not re.fullmatch(rf"uploads/{file['job_id']}/[^/]*[^./][^/]*", key):
        raise ArchiveError(f"the backup names a file outside its job's directory: {key!r}")
    if not (source / key).exists():
        return
    sha256 = _copy_file(source / key, staged / key)
    if sha256 != file["sha256"]:
        raise ArchiveError(f"the backup's file {key} is not what was uploaded; it is damaged")


def _replace(live: sqlite3.Connection, storage: Storage, staged: Path) -> None:
    with live:
        live.execute("BEGIN IMMEDIATE")
        other = live.execute(
            """
            SELECT storage_key FROM main.file AS ours JOIN backup.file AS theirs USING (storage_key)
            WHERE ours.sha256 <> theirs.sha256
            """
        ).fetchone()
        if other:
            raise ArchiveError(
                f"the backup is of another data directory: its {other['storage_key']} is not ours;"
                " restore it with DATA_DIR set to an empty one"
            )
        _replace_rows(live)
        with storage.placed(staged):
            live.commit()  # in here, so that a failed commit takes the files back


def _replace_rows(live: sqlite3.Connection) -> None:
    """Every table as it is in the backup; the highest id ever given stays so."""
    query = "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'"
    triggers = live.execute(query).fetchall()
    live.execute("PRAGMA defer_foreign_keys = ON")  # until the commit
    for trigger in triggers:  # what they do to other tables is in the backup already
        live.execute(f"DROP TRIGGER main.{trigger['name']}")
    for table, columns in _tables(live):
        live.execute(f"DELETE FROM main.{table}")
        live.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table}")
    for trigger in triggers:
        live.execute(trigger["sql"])
    live.execute("UPDATE search_deletion SET deleted = deleted + 1")
    for row in live.execute("SELECT name, seq FROM backup.sqlite_sequence").fetchall():
        _raise_sequence(live, row["name"], row["seq"])


def _tables(live: sqlite3.Connection) -> list[tuple[str, str]]:
    """(name, columns) of each; those inside an index of names are filled through it."""
    tables = live.execute(
        """
        SELECT name, type FROM pragma_table_list
        WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'
        """
    ).fetchall()
    return [
        (table["name"], _columns(live, table["name"], table["type"] == "virtual"))
        for table in tables
        if table["name"] not in STAYS
    ]


def _columns(live: sqlite3.Connection, table: str, virtual: bool) -> str:
    found = live.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,)).fetchall()
    return ", ".join([*(["rowid"] if virtual else []), *(column["name"] for column in found)])


def _raise_sequence(live: sqlite3.Connection, table: str, number: int) -> None:
    raised = live.execute(
        "UPDATE main.sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, table)
    )
    if not raised.rowcount:
        live.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))


def _files(connection: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    yield from connection.execute("SELECT id, job_id, storage_key, sha256 FROM file ORDER BY id")


def _counts(connection: sqlite3.Connection) -> Counts:
    query = "SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM file)"
    return Counts(*connection.execute(query).fetchone())


def _copy_file(source: Path, target: Path) -> str:
    """The SHA-256 of what was copied; only its owner can read the copy."""
    with source.open("rb") as original:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())
    with target.open("rb") as copied:
        return hashlib.file_digest(copied, "sha256").hexdigest()


def _sync_all(directory: Path) -> None:
    for path in [directory, *directory.rglob("*")]:
        if path.is_dir():
            sync(path)


# The commands

UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def age(text: str) -> timedelta:
    """`90d`, `12h` or `2w`. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,5})([dhw])", text.strip())
    if not match:
        raise ValueError(f"an age is a number with d, h or w, as in 90d, not {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


class Age(click.ParamType):
    name = "age"

    def convert(self, value: Any, param: Any, context: Any) -> timedelta:
        try:
            return age(value)
        except ValueError as error:
            self.fail(str(error), param, context)


@click.command()
@click.option("--older-than", type=Age(), required=True, help="as in 90d, 12h or 2w")
@click.option("--dry-run", is_flag=True, help="only say which")
@with_appcontext
def purge(older_than: timedelta, dry_run: bool) -> None:
    """Delete the finished jobs that were last changed longer ago."""
    at = _opened()
    with closing(db.connect(at.database)) as connection:
        if dry_run:
            ids = worker.older_than(connection, older_than)
        else:
            ids = worker.purge(connection, at.storage, older_than)
    verb = "Would delete" if dry_run else "Deleted"
    click.echo(f"{verb} {len(ids)} jobs" + (f": {', '.join(map(str, ids))}" if ids else ""))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@with_appcontext
def backup(directory: Path) -> None:
    """Copy the database and all files to DIRECTORY, which must not exist."""
    _tell("Backed up", lambda storage: write_backup(storage, directory.absolute()))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.confirmation_option(
    "--yes", prompt="Jobs that are not in the backup will be deleted. Go on?", help="do not ask"
)
@with_appcontext
def restore(directory: Path) -> None:
    """Make the data what the backup in DIRECTORY is."""
    _tell("Restored", lambda storage: restore_backup(storage, directory.absolute()))


def _opened() -> Any:
    """The application's Service, with its data there and up to date."""
    at = current_app.extensions["receipts"]
    at.storage.create()
    db.create(at.database)
    return at


def _tell(done: str, archived: Any) -> None:
    try:
        counts = archived(_opened().storage)
    except (ArchiveError, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{done} {counts.jobs} jobs with {counts.files} files")
