"""`flask ocr FILE...`: reads receipts without a server, and stores nothing."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from engines import decoder
from providers.base import Provider, available, available_here, read
from result import ProviderError, ocr_data
from server.service import get_service
from settings import Settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--provider",
    "name",
    help="a name from GET /providers; by default the best that reads on this machine",
)
@click.option(
    "--json", "as_json", is_flag=True, help="print a JSON object for each file instead of its text"
)
@with_appcontext
def ocr(files: tuple[Path, ...], name: str | None, as_json: bool) -> None:
    """Read receipts and print their text; the exit status is 1 if one could not be read."""
    service = get_service()
    provider = _chosen(name, service.providers, service.settings)
    failures = []
    is_hidden = len(files) == 1 or sys.stdout.isatty() or not sys.stderr.isatty()
    with click.progressbar(files, file=sys.stderr, show_pos=True, hidden=is_hidden) as paths:
        for path in paths:
            try:
                reading = _read(path, provider, service.settings)
            except ProviderError as error:
                failures.append(f"{path}: {error.code}: {error.message}")
                reading = {"error": {"code": error.code, "message": error.message}}
            _print_reading(path, reading, as_json, len(files) > 1)
    for failure in failures:
        click.echo(failure, err=True)
    sys.exit(1 if failures else 0)


def _chosen(name: str | None, providers: Mapping[str, Provider], settings: Settings) -> Provider:
    """The provider of this name; without one the first local one, which is the most accurate."""
    if name is None:
        name = available_here(providers, settings)
    if name is None:
        raise click.UsageError("No provider works on this machine alone; choose one: --provider")
    if name not in providers:
        able = ", ".join(available(providers, settings))
        raise click.UsageError(f"There is no provider {name!r}; use one of: {able}")
    if reason := providers[name].unavailable(settings):
        raise click.ClickException(f"Provider {name!r} is not available: {reason}")
    return providers[name]


def _read(path: Path, provider: Provider, settings: Settings) -> dict[str, Any]:
    """The ocrData of a file. Raises ProviderError if it is missing or cannot be read."""
    if not path.is_file():
        what = "it is a directory; name its files" if path.is_dir() else "there is no such file"
        raise ProviderError("file_missing", what)
    decoder.check(path, settings)
    return dict(json.loads(ocr_data(read(provider, path, settings))))


def _print_reading(path: Path, reading: dict[str, Any], as_json: bool, several: bool) -> None:
    """Print JSON for each file, or the text of each file that could be read."""
    if as_json:
        click.echo(json.dumps({"file": str(path), **reading}, ensure_ascii=False))
    elif "text" in reading:
        click.echo(f"==> {path} <==" if several else "", nl=several)
        click.echo(reading["text"])
