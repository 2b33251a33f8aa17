"""Measures receipts a second: of the service, and of its engine in a bare loop.

    python -m bench.throughput [DATASET]

Both keep all cores busy with the same receipts, in turn; the ratio is of the medians. For Tesseract
the same files also go through the program itself under xargs.
"""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.receipts import receipts
from bench.server import Server, serving
from engines import process
from engines.tesseract import LAYOUTS
from providers import PROVIDERS, tesseract
from settings import read_settings

CORES = os.cpu_count() or 1
ROUNDS = 3
SHARES = {"paddle-ocr-local": 8, "tesseract": 24}  # receipts a round


@dataclass(frozen=True)
class Way:
    """One way to have the receipts read."""

    per_second: float  # the median of the rounds
    cpu_s: float  # a receipt; on a machine with other work the ratio of these is the one to trust
    noise: float  # the slowest round by the fastest


@dataclass(frozen=True)
class Throughput:
    provider: str
    service: Way
    server_share: float  # of the CPU time, what was spent in the server and not in its engines
    bare: Way
    xargs: Way | None


def main() -> None:
    for found in measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(found)


def measure(dataset: Path | None = None) -> Iterator[Throughput]:
    with (
        tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch,
        serving(Path(scratch, "data")) as server,
    ):
        for provider, share in SHARES.items():
            files = receipts(Path(scratch, "receipts"), share, dataset)
            with ThreadPoolExecutor(CORES) as pool:
                yield _compare(provider, files, server, pool)
            process.stop()


def _compare(
    provider: str, files: list[Path], server: Server, pool: ThreadPoolExecutor
) -> Throughput:
    ways: dict[str, Callable[[], object]] = {"service": lambda: _service(provider, files, server)}
    ways["bare"] = lambda: list(
        pool.map(lambda f: PROVIDERS[provider].ocr(f, read_settings(os.environ)), files)
    )
    if provider == "tesseract":
        ways["xargs"] = lambda: _xargs(files)
    for way in ways.values():  # engines are loaded, files cached
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    own = _own_seconds(server.process)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            used = _cpu_seconds(name, server)
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
            cpu[name].append(_cpu_seconds(name, server) - used)
    found = {
        name: Way(
            len(files) / statistics.median(taken),
            statistics.median(cpu[name]) / len(files),
            max(taken) / min(taken),
        )
        for name, taken in seconds.items()
    }
    share = (_own_seconds(server.process) - own) / sum(cpu["service"])
    return Throughput(provider, found["service"], share, found["bare"], found.get("xargs"))


def _cpu_seconds(way: str, server: Server) -> float:
    """CPU time so far of all processes that have a part in this way."""
    if way == "xargs":
        times = os.times()
        return times.children_user + times.children_system
    process = server.process if way == "service" else psutil.Process()
    engines = [child.cpu_times() for child in process.children() if child.pid != server.process.pid]
    return _own_seconds(process) + sum(
        t.user + t.system + t.children_user + t.children_system for t in engines
    )


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _service(provider: str, files: list[Path], server: Server) -> None:
    """Upload all, and return when the last is read."""
    jobs = [server.upload(file.read_bytes(), provider) for file in files]
    for job in jobs:
        while (found := server.get(f"/ocr-jobs/{job}?wait=60"))["status"] != "completed":
            assert found["status"] != "failed", found
        assert found["failedFiles"] == 0, found


def _xargs(files: list[Path]) -> None:
    program, *data = tesseract._command(None) or ("tesseract",)
    command = shlex.join([program, "{}", "-", *data, *shlex.split(LAYOUTS[-1]), "tsv"])
    subprocess.run(
        ["sh", "-c", f"xargs -P {CORES} -I {{}} {command} >/dev/null 2>&1"],
        input="\n".join(str(file.resolve()) for file in files),
        text=True,
        check=True,
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
    )


if __name__ == "__main__":
    main()
