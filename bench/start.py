"""Measures the start: until a server answers, until the first receipt is read, and the memory.

python -m bench.start
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.receipts import receipts
from bench.server import Server, serving

STARTS = 5


@dataclass(frozen=True)
class Start:
    health_s: float  # from the command to the first answer of /health; the median
    health_cpu_s: (
        float  # what of that the server itself computed: the wait of a machine that is free
    )
    idle_mib: float  # before the first receipt: the private memory of server and children
    first_s: dict[str, float]  # from the upload of the first receipt to its text, by provider


def main() -> None:
    print(measure())


def measure() -> Start:
    seconds, computed, idle = [], [], []
    first: dict[str, list[float]] = {"paddle-ocr-local": [], "tesseract": []}
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch:
        (file,) = receipts(Path(scratch, "receipts"), 1)
        for number in range(STARTS):
            provider = list(first)[number % 2]
            with serving(Path(scratch, str(number))) as server:
                times = server.process.cpu_times()
                seconds.append(server.seconds)
                computed.append(times.user + times.system)
                idle.append(memory_mib(server))
                started = time.perf_counter()
                job = server.upload(file.read_bytes(), provider)
                assert server.get(f"/ocr-jobs/{job}?wait=60")["status"] == "completed"
                first[provider].append(time.perf_counter() - started)
    return Start(
        statistics.median(seconds),
        statistics.median(computed),
        statistics.median(idle),
        {provider: statistics.median(taken) for provider, taken in first.items()},
    )


def memory_mib(server: Server) -> float:
    """What the server and its children use and share with no others (Linux: proportional set)."""
    return sum(process.memory_full_info().pss for process in server.family()) / 2**20


if __name__ == "__main__":
    main()
