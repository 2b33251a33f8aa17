"""Measures large uploads: seconds and peak memory of an engine for each, and after many.

python -m bench.large
"""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL import Image

from bench.receipts import drawn, receipts
from engines import process
from providers import PROVIDERS
from settings import read_settings

MANY = 100


@dataclass(frozen=True)
class Cost:
    provider: str
    what: str
    seconds: float
    peak_mib: float  # resident, of the engine's process since it started


def main() -> None:
    for cost in measure():
        print(cost)


def measure(many: int = MANY, dataset: Path | None = None) -> Iterator[Cost]:
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch:
        files = _files(Path(scratch))
        for provider in ("paddle-ocr-local", "tesseract"):
            for what, file in files.items():
                yield _cost(provider, what, [file])
                process.stop()  # a new process for each, since its peak never goes back
            few = receipts(Path(scratch, "receipts"), 20, dataset)
            yield _cost(provider, "the first 20 receipts", few)
            yield _cost(provider, f"{many} more", [few[n % 20] for n in range(many)])
            process.stop()


def _files(scratch: Path) -> dict[str, Path]:
    """A receipt a metre long has some 230 rows; a phone takes it at 1000 x 12000 pixels."""
    pages = [drawn(rows=24, seed=number) for number in range(10)]
    pages[0].save(scratch / "10.pdf", save_all=True, append_images=pages[1:], resolution=200)
    drawn(rows=230, width=1000, line=52).save(scratch / "1m.jpg", quality=80)
    small = drawn(rows=40, width=1370, line=42)
    small.resize((5480, 7300), Image.Resampling.BICUBIC).save(scratch / "40mp.jpg", quality=80)
    return {
        "10-page PDF": scratch / "10.pdf",
        "40-megapixel photo": scratch / "40mp.jpg",
        "receipt of 1 m": scratch / "1m.jpg",
    }


def _cost(provider: str, what: str, files: list[Path]) -> Cost:
    started = time.perf_counter()
    for file in files:
        PROVIDERS[provider].ocr(file, read_settings(os.environ))
    seconds = (time.perf_counter() - started) / len(files)
    children = psutil.Process().children()
    return Cost(provider, what, seconds, max(_peak_mib(child.pid) for child in children))


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
