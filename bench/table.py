"""Measures every figure of the README's table and prints it as Markdown.

    python -m bench.table [--dataset DIR] [--jobs 1000000] [--parts archive,upload,...]

DIR holds images/; without it receipts are drawn. Figures are taken side by side with the bare
engine, disk or small archive, in turn, so that their ratios hold on a busy machine too.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from bench import archive, large, pages, start, throughput, upload

PARTS = ("start", "upload", "throughput", "large", "pages", "archive")


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and size, as a table in Markdown")
    parser.add_argument("--dataset", type=Path, help="a folder with images/")
    parser.add_argument("--jobs", type=int, default=archive.MANY, help="in the full archive")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    arguments = parser.parse_args()
    rows: dict[str, Callable[[], Iterator[tuple[str, str, str]]]] = {
        "start": _start,
        "upload": _upload,
        "throughput": lambda: _throughput(arguments.dataset),
        "large": lambda: _large(arguments.dataset),
        "pages": _pages,
        "archive": lambda: _archive(arguments.jobs),
    }
    print(f"{_machine()}, {time.strftime('%Y-%m-%d')}\n\n| what | figure | beside |\n|---|---|---|")
    for part in arguments.parts.split(","):
        for row in rows[part]():
            print("| " + " | ".join(row) + " |", flush=True)


def _start() -> Iterator[tuple[str, str, str]]:
    found = start.measure()
    yield "start to `/health`", f"{found.health_s:.2f} s", f"{found.health_cpu_s:.2f} s of CPU"
    for provider, seconds in found.first_s.items():
        yield f"first receipt after that, `{provider}`", f"{seconds:.1f} s", ""
    yield "memory before the first receipt", f"{found.idle_mib:.0f} MiB", ""


def _upload() -> Iterator[tuple[str, str, str]]:
    found = upload.measure()
    yield (
        "upload of 300 kB, p50",
        f"{found.upload_ms:.1f} ms",
        f"{found.bare_ms:.1f} ms for write and fsync: + {found.upload_ms - found.bare_ms:.1f} ms",
    )
    yield (
        "uploads with 16 clients",
        f"{found.per_second:.0f} /s",
        f"{found.bare_per_second:.0f} /s bare, one thread; {found.cpu_ms:.1f} ms of CPU each",
    )


def _throughput(dataset: Path | None) -> Iterator[tuple[str, str, str]]:
    for found in throughput.measure(dataset):
        for name, other in (("a bare loop", found.bare), ("xargs", found.xargs)):
            if other:
                yield (
                    f"`{found.provider}` by {name}, all cores busy",
                    f"{found.service.per_second / other.per_second:.2f} in receipts/s,"
                    f" {other.cpu_s / found.service.cpu_s:.2f} in CPU time",
                    f"{found.service.per_second:.2f} by {other.per_second:.2f} receipts/s"
                    f" (noise {other.noise:.2f}), {found.service.cpu_s:.2f} by {other.cpu_s:.2f} s"
                    f" of CPU; {found.server_share:.1%} of it in the server",
                )


def _large(dataset: Path | None) -> Iterator[tuple[str, str, str]]:
    for found in large.measure(dataset=dataset):
        what = f"{found.what}, `{found.provider}`"
        yield what, f"{found.seconds:.1f} s each", f"peak {found.peak_mib:.0f} MiB a worker"


def _pages() -> Iterator[tuple[str, str, str]]:
    for what, milliseconds in pages.measure():
        yield what, f"{milliseconds:.0f} ms of CPU", ""


def _archive(jobs: int) -> Iterator[tuple[str, str, str]]:
    for what, few, many in archive.measure(jobs):
        yield (
            f"{what}, at {jobs:,} jobs, p99",
            f"{many:.1f} ms",
            f"{few:.1f} ms at {archive.FEW:,}: {many / few:.1f} x",
        )


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB,"
        f" Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
