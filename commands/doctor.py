"""`flask doctor`: tries every provider, the data, the queue and the access, and changes nothing."""

import json
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import click
from flask.cli import with_appcontext

import db
from providers.base import Provider
from result import ProviderError, ocr_data
from server import access, docs
from server.service import Service, get_service
from settings import Settings
from storage import MIN_FREE_BYTES, Storage
from worker import upkeep

RECEIPT = db.HERE / "samples" / "receipt.jpg"
TOTAL = 13.2  # printed on it
LONG_S = 3600


class Finding(NamedTuple):
    """A line of the answer: `ok` works, `--` need not work, `!!` should work and does not."""

    mark: Literal["ok", "--", "!!"]
    about: str
    text: str


@click.command()
@click.option("--remote", is_flag=True, help="also try the providers that cost money")
@with_appcontext
def doctor(remote: bool) -> None:
    """Show what works: every provider, the data, the queue and who is let in."""
    service = get_service()
    problems = 0
    for finding in _findings(service, remote):
        problems += finding.mark == "!!"
        click.echo(f"{finding.mark} {finding.about}: {finding.text}")
    sys.exit(1 if problems else 0)


def _findings(service: Service, remote: bool) -> Iterator[Finding]:
    yield Finding("ok", "version", docs.version())
    if all(provider.unavailable(service.settings) for provider in service.providers.values()):
        yield Finding("!!", "providers", "none is available")
    for name, provider in service.providers.items():
        yield _provider(name, provider, service.settings, remote)
        if not provider.unavailable(service.settings):
            yield from _retirement(name, provider, service.settings, remote)
    yield from _directory(service.storage.root)
    if service.database.exists():
        yield from _database(service.database, service.storage)
    let_in = access.who_is_let_in(service.settings)
    yield Finding("!!" if let_in == "everyone" else "ok", "access", access.LET_IN[let_in])
    yield from (Finding("--", "settings", text) for text in service.settings.near_misses)


def _provider(name: str, provider: Provider, settings: Settings, remote: bool) -> Finding:
    if reason := provider.unavailable(settings):
        return Finding("--", name, f"not available: {reason}")
    if provider.kind == "remote" and not remote:
        return Finding(
            "--", name, f"set up, not tried: --remote would ask {provider.sends_to(settings)}"
        )
    started = time.monotonic()
    try:
        total = json.loads(ocr_data(provider.ocr(RECEIPT, settings)))["receipt"]["total"]
    except ProviderError as error:
        return Finding("!!", name, f"does not work: {error.code}: {error.message}")
    except Exception as error:  # whatever an engine's installation can raise
        return Finding("!!", name, f"does not work: {type(error).__name__}: {error}")
    seconds = time.monotonic() - started
    if total != TOTAL:
        return Finding("!!", name, f"runs, but reads the total as {total}; it is {TOTAL}")
    runs_on = f"; {found}" if (found := provider.runs_on()) else ""
    return Finding("ok", name, f"works, {seconds:.1f} s for a small receipt{runs_on}")


def _retirement(
    name: str, provider: Provider, settings: Settings, remote: bool
) -> Iterator[Finding]:
    with suppress(ProviderError):  # what does not work is in a line already
        if day := provider.ends_on(settings, remote):
            text = f"{provider.model(settings)} is shut down on {day}; set another model by then"
            yield Finding("--", name, text)


def _directory(root: Path) -> Iterator[Finding]:
    if not root.exists():
        yield Finding("--", "data", f"{root} does not exist yet; the first start makes it")
        return
    try:
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        yield Finding("!!", "data", f"{root} cannot be written: {error.strerror}")
        return
    for path in (root, *root.glob("receipts.db*")):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding("!!", "data", f"other users can read {path}; run chmod go= on it")
            break
    free = shutil.disk_usage(root).free
    mark: Literal["ok", "!!"] = "ok" if free >= MIN_FREE_BYTES else "!!"
    yield Finding(mark, "data", f"{root} can be written, {free // 2**20:,} MiB are free")


def _database(path: Path, storage: Storage) -> Iterator[Finding]:
    try:
        with db.explained(path):
            db.check(path)
            with closing(db.connect(path)) as connection:
                found = db.version(connection)
                later = "" if found == db.VERSION else f", the next start makes it {db.VERSION}"
                yield Finding("ok", "database", f"schema {found}{later}")
                result = db.integrity(connection)
                yield Finding("ok" if result == "ok" else "!!", "database", f"integrity: {result}")
                if orphans := upkeep.list_orphans(connection, storage):
                    advice = "restore a backup, or remove them with flask purge --orphans"
                    text = f"{len(orphans)} directories of uploads/ belong to no job; {advice}"
                    yield Finding("!!", "database", text)
                yield _queue(connection)
    except SystemExit as error:
        yield Finding("!!", "database", str(error))


def _queue(connection: sqlite3.Connection) -> Finding:
    count, waiting_s = db.count_executions(connection, "pending"), db.waiting_s(connection)
    text = f"{count} executions wait, the oldest for {waiting_s:.0f} s"
    if waiting_s > LONG_S:
        return Finding("!!", "queue", f"{text}; is a server running?")
    return Finding("ok", "queue", text if count else "nothing waits")
