"""How many receipts a second does the service read, and how many its engine in a bare loop?

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

from bench.receipts import receipts
from bench.server import Server, serving
from providers import PROVIDERS, engine, tesseract

CORES = os.cpu_count() or 1
ROUNDS = 3
SHARES = {"paddle-ocr-local": 8, "tesseract": 24}  # receipts a round


@dataclass(frozen=True)
class Throughput:
    provider: str
    service: float  # receipts a second
    bare: float
    server_share: float  # of the CPU time of server and engines, what the server itself used
    xargs: float | None
    noise: float  # the slowest bare round by the fastest


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
            engine.stop()


def _compare(
    provider: str, files: list[Path], server: Server, pool: ThreadPoolExecutor
) -> Throughput:
    ways: dict[str, Callable[[], object]] = {"service": lambda: _service(provider, files, server)}
    ways["bare"] = lambda: list(pool.map(lambda f: PROVIDERS[provider].ocr(f, os.environ), files))
    if provider == "tesseract":
        ways["xargs"] = lambda: _xargs(files)
    for way in ways.values():  # engines are loaded, files cached
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    used = _cpu_seconds(server)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    rate = {name: len(files) / statistics.median(taken) for name, taken in seconds.items()}
    own, engines = (now - before for now, before in zip(_cpu_seconds(server), used, strict=True))
    noise = max(seconds["bare"]) / min(seconds["bare"])
    return Throughput(
        provider,
        rate["service"],
        rate["bare"],
        own / (own + engines),
        rate.get("xargs"),
        noise,
    )


def _cpu_seconds(server: Server) -> tuple[float, float]:
    """Of the server itself, and of its engines with what these have started."""
    own = server.process.cpu_times()
    engines = [child.cpu_times() for child in server.process.children()]
    return own.user + own.system, sum(
        t.user + t.system + t.children_user + t.children_system for t in engines
    )


def _service(provider: str, files: list[Path], server: Server) -> None:
    """Upload all, and return when the last is read."""
    jobs = [server.upload(file.read_bytes(), provider) for file in files]
    for job in jobs:
        while (found := server.get(f"/ocr-jobs/{job}?wait=60"))["status"] != "completed":
            assert found["status"] != "failed", found
        assert found["failedFiles"] == 0, found


def _xargs(files: list[Path]) -> None:
    program, *data = tesseract._command(os.environ) or ("tesseract",)
    command = shlex.join([program, "{}", "-", *data, *shlex.split(tesseract.OPTIONS), "tsv"])
    subprocess.run(
        ["sh", "-c", f"xargs -P {CORES} -I {{}} {command} >/dev/null 2>&1"],
        input="\n".join(str(file.resolve()) for file in files),
        text=True,
        check=True,
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
    )


if __name__ == "__main__":
    main()
