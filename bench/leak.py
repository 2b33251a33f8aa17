"""Measures whether an engine grows: its memory after every tenth receipt, in MiB.

    python -m bench.leak [PROVIDER [COUNT]]

Receipts of ever other sizes, drawn, read by one warm engine process. Not part of the table: 2,000
take a quarter of an hour with paddle-ocr-local.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.receipts import drawn
from engines import process
from providers import PROVIDERS
from settings import read_settings

COUNT, KINDS = 2000, 40


def main(provider: str = "paddle-ocr-local", count: str = str(COUNT)) -> None:
    for read, mib in measure(provider, int(count)):
        print(f"{provider}: {mib:.0f} MiB after {read} receipts", flush=True)


def measure(provider: str, count: int) -> Iterator[tuple[int, float]]:
    """How many were read, and what the engine's process then holds."""
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch:
        files = [Path(scratch, f"{number}.jpg") for number in range(KINDS)]
        for number, file in enumerate(files):
            drawn(rows=3 + number % 11, seed=number, width=520 + 17 * number).save(file)
        for number in range(1, count + 1):
            PROVIDERS[provider].ocr(files[number % KINDS], read_settings(os.environ))
            if number % (count // 10) == 0:
                (child,) = psutil.Process().children()
                yield number, child.memory_info().rss / 2**20
        process.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
