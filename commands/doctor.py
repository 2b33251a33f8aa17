"""What works here and what does not? `flask doctor` tries it, and leaves nothing behind."""

import json
import shutil
import socket
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
from flask import current_app
from flask.cli import with_appcontext

import db
from providers.base import Provider
from result import ProviderError, ocr_data
from server import access
from settings import Env
from storage import MIN_FREE_BYTES

RECEIPT = Path(__file__).parent / "samples" / "receipt.jpg"
TOTAL = 13.2  # printed on it
LONG_S = 3600


class Finding(NamedTuple):
    """`--` is for what need not work, `!!` for what should."""

    mark: Literal["ok", "--", "!!"]
    about: str
    text: str


@click.command()
@click.option("--remote", is_flag=True, help="try the providers that cost something too")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    envvar="FLASK_RUN_PORT",
    show_default=True,
    show_envvar=True,
    help="the server's, to try whether the network reaches it",
)
@with_appcontext
def doctor(remote: bool, port: int) -> None:
    """Say what works: every provider, the data, the queue and who can reach the server."""
    at = current_app.extensions["receipts"]
    problems = 0
    for finding in _findings(at, remote, port):
        problems += finding.mark == "!!"
        click.echo(f"{finding.mark} {finding.about}: {finding.text}")
    sys.exit(1 if problems else 0)


def _findings(at: Any, remote: bool, port: int) -> Iterator[Finding]:
    if all(provider.unavailable(at.env) for provider in at.providers.values()):
        yield Finding("!!", "providers", "none is available")
    for name, provider in at.providers.items():
        yield _provider(name, provider, at.env, remote)
    yield from _directory(at.storage.root)
    if at.database.exists():
        yield from _database(at.database)
    yield _binding(at.env, port)


def _provider(name: str, provider: Provider, env: Env, remote: bool) -> Finding:
    if reason := provider.unavailable(env):
        return Finding("--", name, f"not available: {reason}")
    if provider.kind == "remote" and not remote:
        return Finding(
            "--", name, f"set up, not tried: --remote would ask {provider.sends_to(env)}"
        )
    started = time.monotonic()
    try:
        total = json.loads(ocr_data(provider.ocr(RECEIPT, env)))["receipt"]["total"]
    except ProviderError as error:
        return Finding("!!", name, f"does not work: {error.code}: {error.message}")
    except Exception as error:  # whatever an engine's installation can raise
        return Finding("!!", name, f"does not work: {type(error).__name__}: {error}")
    seconds = time.monotonic() - started
    if total != TOTAL:
        return Finding("!!", name, f"runs, but reads a total of {total} for {TOTAL}")
    return Finding("ok", name, f"works, {seconds:.1f} s for a small receipt")


def _directory(root: Path) -> Iterator[Finding]:
    if not root.exists():
        yield Finding("--", "data", f"{root} is not there yet; the first start makes it")
        return
    try:
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        yield Finding("!!", "data", f"{root} cannot be written: {error.strerror}")
        return
    open_to_others = [path for path in (root, *root.glob("receipts.db*")) if _others_can_read(path)]
    if open_to_others:
        yield Finding("!!", "data", f"others can read {open_to_others[0]}; chmod go= it")
    free = shutil.disk_usage(root).free
    mark: Literal["ok", "!!"] = "ok" if free >= MIN_FREE_BYTES else "!!"
    yield Finding(mark, "data", f"{root} can be written, {free // 2**20:,} MiB are free")


def _others_can_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _database(path: Path) -> Iterator[Finding]:
    try:
        with closing(db.connect(path)) as connection:
            yield _version(db.version(connection))
            result = db.integrity(connection)
            yield Finding("ok" if result == "ok" else "!!", "database", f"integrity: {result}")
            yield _queue(connection)
    except sqlite3.DatabaseError as error:
        yield Finding("!!", "database", f"cannot be read: {error}")


def _version(found: int) -> Finding:
    if found > db.VERSION:
        text = f"schema {found} of a newer release; this one knows {db.VERSION}"
        return Finding("!!", "database", text)
    later = "" if found == db.VERSION else f", the next start makes it {db.VERSION}"
    return Finding("ok", "database", f"schema {found}{later}")


def _queue(connection: sqlite3.Connection) -> Finding:
    oldest = db.oldest_pending(connection)
    if oldest is None:
        return Finding("ok", "queue", "nothing waits")
    waiting = (datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds()
    text = f"{db.count_pending(connection)} executions wait, the oldest for {waiting:.0f} s"
    if waiting > LONG_S:
        return Finding("!!", "queue", f"{text}; is a server running?")
    return Finding("ok", "queue", text)


def _binding(env: Env, port: int) -> Finding:
    """Whether the network reaches the port, tried at this machine's own outward address."""
    host = env.get("FLASK_RUN_HOST", "127.0.0.1")
    address = _outward_address()
    reached = address is not None and _answers(address, port)
    if not reached and host in access.LOCAL:
        return Finding("ok", "binding", f"port {port} is not reached from the network")
    if env.get("API_KEY"):
        return Finding("ok", "binding", f"port {port} is open to the network, with an API_KEY")
    text = f"port {port} is open to the network and no API_KEY is set: anyone can read the receipts"
    return Finding("!!", "binding", text)


def _outward_address() -> str | None:
    """Of the interface that leads away from here; no packet is sent. None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation, RFC 5737
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
