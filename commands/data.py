"""The commands for the data: purge, backup and restore.

A backup is a directory with the database and the files it names. It appears when it is whole, and
can be made while the server runs. A restore needs the server stopped: files are checked and staged
as an upload's are, then one rename puts the backup's database in place, and what a crash cuts off
after that is finished by the next start. Ids that were given since the backup are not given again.
"""

import hashlib
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

import db
from server.service import Service, get_service
from storage import IncomingFile, Storage, sync, sync_all
from worker import readings, upkeep

DATABASE = "receipts.db"


class ArchiveError(Exception):
    """The backup or the restore cannot be done; nothing was changed."""


def write_backup(storage: Storage, target: Path) -> None:
    """Copy the database of a moment and the files it names. Raises ArchiveError or OSError."""
    if target.exists():
        raise ArchiveError(f"{target} exists already; name a directory that does not")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _fill(storage, partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial)
        raise
    sync(target.parent)


def _fill(storage: Storage, target: Path) -> None:
    (target / "uploads").mkdir(mode=0o700)
    with closing(db.connect(storage.root / DATABASE)) as live:
        db.copy_to(live, target / DATABASE)
        upkeep.finish_arrivals(live, storage)  # or the files of the latest upload might be missed
        (target / DATABASE).chmod(0o600)
        with closing(db.connect(target / DATABASE)) as copy:
            _put_to_rest(copy)
            with copy:
                for file in db.list_all_files(copy):
                    _copy_or_drop(file, copy, live, storage, target)
    sync_all(target)


def _put_to_rest(copy: sqlite3.Connection) -> None:
    """Make the database of a backup one file, in which nothing runs and nothing is being moved."""
    db.leave_wal(copy)
    with copy:
        db.release(copy)
        db.delete_arrivals(copy, db.list_arrivals(copy))


def _copy_or_drop(
    file: dict[str, Any],
    copy: sqlite3.Connection,
    live: sqlite3.Connection,
    storage: Storage,
    target: Path,
) -> None:
    """Copy a file; what was deleted meanwhile loses its row too; bytes lost before stay lost."""
    try:
        _copy_file(storage.path(file["storage_key"]), target / file["storage_key"])
    except FileNotFoundError:
        if not db.key_exists(live, file["storage_key"]):
            db.delete_file(copy, file["job_id"], file["id"])
            readings.join_files(copy, file["job_id"])
        if db.get_status(live, file["job_id"]) is None:
            db.delete_job(copy, file["job_id"])


def restore_backup(storage: Storage, source: Path) -> None:
    """Make the data directory what the backup in `source` is.

    Raises ArchiveError or OSError with nothing changed, SystemExit while a server runs. What is
    damaged here is kept under another name.
    """
    if not source.is_dir():
        raise ArchiveError(f"{source} is no backup: there is no such directory")
    if not (source / DATABASE).is_file():
        raise ArchiveError(f"{source} is no backup: it holds no {DATABASE}")
    storage.create()
    with closing(storage.lock()), tempfile.TemporaryDirectory() as spare:
        database = _readable(storage.root / DATABASE, Path(spare) / DATABASE)
        with closing(db.connect(database)) as live:
            _restore(live, storage, source, is_damaged=database.parent != storage.root)
        with closing(db.connect(storage.root / DATABASE)) as restored:
            upkeep.settle(restored, storage)


def _readable(database: Path, spare: Path) -> Path:
    """The database here, up to date; where it is damaged an empty one in its stead."""
    try:
        db.create(database)
        return database
    except db.Damaged:
        db.create(spare)
        return spare


def _restore(live: sqlite3.Connection, storage: Storage, source: Path, is_damaged: bool) -> None:
    upkeep.settle(live, storage)
    with storage.incoming() as staged:
        _copy_file(source / DATABASE, staged.directory / DATABASE)
        with closing(_checked(staged.directory / DATABASE)) as copy:
            _stage_all(copy, storage, source, staged.directory)
            _carry_over(live, copy)
        db.leave_wal(live)
        if is_damaged:
            _keep_damaged(storage.root)
        (staged.directory / DATABASE).rename(storage.root / DATABASE)
        staged.is_named = True
        sync(storage.root)


def _keep_damaged(root: Path) -> None:
    """Rename a damaged database, its log first: SQLite would play that back into the next one."""
    for path in sorted(root.glob(f"{DATABASE}*"), reverse=True):
        path.rename(root / f"damaged-{path.name}")


def _checked(database: Path) -> sqlite3.Connection:
    """The backup's database, brought up to date. Raises ArchiveError when it is damaged."""
    try:
        db.create(database)
        copy = db.connect(database)
        if (problem := db.integrity(copy)) != "ok":
            raise ArchiveError(f"the backup's database is damaged: {problem}")
        _put_to_rest(copy)
    except db.Damaged as error:
        raise ArchiveError(f"the backup's database cannot be read: {error.reason}") from None
    except SystemExit as error:
        raise ArchiveError(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise ArchiveError(f"the backup's database cannot be read: {error}") from None
    return copy


def _stage_all(copy: sqlite3.Connection, storage: Storage, source: Path, staged: Path) -> None:
    """Copy the files that are missing here to directories that the rows name, a job each."""
    for job_id, files in groupby(db.list_all_files(copy), key=itemgetter("job_id")):
        for file in files:
            if _is_missing(file, storage, source):
                _stage(file, source, staged / str(job_id))
        if (staged / str(job_id)).exists():
            with copy:
                db.add_arrival(copy, f"{staged.name}/{job_id}", job_id)
    sync_all(staged)


def _is_missing(file: dict[str, Any], storage: Storage, source: Path) -> bool:
    """Whether the backup has a file that is not here. Raises ArchiveError if another is."""
    key = file["storage_key"]
    name = key.removeprefix(f"uploads/{file['job_id']}/")
    if name == key or "/" in name or not name.strip("."):
        raise ArchiveError(f"the backup names a file outside its job's directory: {key!r}")
    if not storage.path(key).exists():
        return (source / key).exists()  # else it had no bytes at the backup either
    if _sha256(storage.path(key)) != file["sha256"]:
        raise ArchiveError(
            f"the backup is of another data directory: its {key} is not the one here;"
            " restore it with DATA_DIR set to an empty one"
        )
    return False


def _stage(file: dict[str, Any], source: Path, directory: Path) -> None:
    copied = directory / Path(file["storage_key"]).name
    if _copy_file(source / file["storage_key"], copied) != file["sha256"]:
        raise ArchiveError(
            f"the backup's file {file['storage_key']} is not what was uploaded; it is damaged"
        )


def _carry_over(live: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Give no id again that was given here, and have the files removed that only this names."""
    ours, theirs = (
        {file["storage_key"] for file in db.list_all_files(one)} for one in (live, copy)
    )
    with copy:
        db.add_garbage(copy, ours - theirs)
        for table, highest in db.list_sequences(live).items():
            db.raise_sequence(copy, table, highest)


def _copy_file(source: Path, target: Path) -> str:
    """Copy; only its owner can read the copy. Returns its SHA-256 in hex."""
    with source.open("rb") as original:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with closing(IncomingFile(target, sys.maxsize)) as copy:
            shutil.copyfileobj(original, copy)
    return copy.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The commands

UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def age(text: str) -> timedelta:
    """`90d`, `12h` or `2w`. Raises BadParameter for anything else."""
    match = re.fullmatch(r"([0-9]{1,5})([dhw])", text.strip())
    if not match:
        raise click.BadParameter(f"an age is a number with d, h or w, as in 90d, not {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


@click.command()
@click.option("--older-than", type=age, help="finished jobs last changed longer ago: 90d, 12h, 2w")
@click.option("--orphans", is_flag=True, help="directories under uploads/ that no job knows")
@click.option("--dry-run", is_flag=True, help="only say which")
@with_appcontext
def purge(older_than: timedelta | None, orphans: bool, dry_run: bool) -> None:
    """Delete old jobs, or what a lost database left under uploads/."""
    if orphans == (older_than is not None):
        raise click.UsageError("Say what to delete: --older-than 90d, or --orphans")
    service = _opened()
    with closing(db.connect(service.database)) as connection:
        if older_than is None:
            ids = upkeep.purge_orphans(connection, service.storage, dry_run)
        else:
            ids = upkeep.purge(connection, service.storage, older_than, dry_run)
    what = "directories" if orphans else "jobs"
    verb = "Would delete" if dry_run else "Deleted"
    click.echo(f"{verb} {len(ids)} {what}" + (f": {', '.join(map(str, ids))}" if ids else ""))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@with_appcontext
def backup(directory: Path) -> None:
    """Copy the database and all files to DIRECTORY, which must not exist."""
    target = directory.absolute()
    _run(lambda: write_backup(_opened().storage, target), "Backed up", target)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.confirmation_option(
    "--yes", prompt="Jobs that are not in the backup will be deleted. Go on?", help="do not ask"
)
@with_appcontext
def restore(directory: Path) -> None:
    """Make the data what the backup in DIRECTORY is; the server must be stopped."""
    storage = get_service().storage
    _run(lambda: restore_backup(storage, directory.absolute()), "Restored", storage.root)


def _opened() -> Service:
    """The application's service, with its data there and up to date."""
    service = get_service()
    service.storage.create()
    db.create(service.database)
    return service


def _run(archive: Callable[[], None], verb: str, result: Path) -> None:
    """Back up or restore, and print what the directory `result` then has."""
    try:
        archive()
        with closing(db.connect(result / DATABASE, "ro")) as connection:
            jobs, files = db.count_all(connection)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        text = f"Cannot read or write{where}: {error.strerror or error}"
        raise click.ClickException(text) from None
    except (ArchiveError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{verb} {jobs} jobs with {files} files")
