"""Which commands does `flask` get? Those for the data, here, work while the server runs."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

import archive
import db
import retention
from doctor import doctor
from ocr import ocr


def add_commands(app: Flask) -> None:
    for command in (purge, backup, restore, ocr, doctor):
        app.cli.add_command(command)


class Age(click.ParamType):
    name = "age"

    def convert(self, value: Any, param: Any, context: Any) -> timedelta:
        try:
            return retention.age(value)
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
            ids = retention.older_than(connection, older_than)
        else:
            ids = retention.purge(connection, at.storage, older_than)
    verb = "Would delete" if dry_run else "Deleted"
    click.echo(f"{verb} {len(ids)} jobs" + (f": {', '.join(map(str, ids))}" if ids else ""))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@with_appcontext
def backup(directory: Path) -> None:
    """Copy the database and all files to DIRECTORY, which must not exist."""
    _tell("Backed up", lambda storage: archive.backup(storage, directory.absolute()))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.confirmation_option(
    "--yes", prompt="Jobs that are not in the backup will be deleted. Go on?", help="do not ask"
)
@with_appcontext
def restore(directory: Path) -> None:
    """Make the data what the backup in DIRECTORY is."""
    _tell("Restored", lambda storage: archive.restore(storage, directory.absolute()))


def _opened() -> Any:
    """The application's Service, with its data there and up to date."""
    at = current_app.extensions["receipts"]
    at.storage.create()
    db.create(at.database)
    return at


def _tell(done: str, archived: Any) -> None:
    try:
        counts = archived(_opened().storage)
    except (archive.ArchiveError, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{done} {counts.jobs} jobs with {counts.files} files")
