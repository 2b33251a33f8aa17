"""Measures an upload beside a bare write with fsync, and how many fit into a second.

    python -m bench.upload

Single uploads of 300 kB take turns with bare writes of the same bytes to the same disk. Then 16
clients upload at once. Nothing is read meanwhile: the executions wait.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from bench.receipts import jpeg
from bench.server import Server, multipart, serving

SIZE, ROUNDS, AT_ONCE = 300_000, 10, 20
CLIENTS, UPLOADS = 16, 1600


@dataclass(frozen=True)
class Cost:
    bare_ms: float  # p50
    upload_ms: float  # p50
    per_second: float
    bare_per_second: float  # of a loop that writes and fsyncs with one thread
    cpu_ms: float  # the server's, an upload


def main() -> None:
    print(measure())


def measure() -> Cost:
    content = jpeg(SIZE)
    with _server() as (server, scratch):
        connection = server.connect()
        bare: list[float] = []
        uploads: list[float] = []
        for _ in range(ROUNDS):
            bare += [_seconds(lambda: _write(scratch, content)) for _ in range(AT_ONCE)]
            uploads += [
                _seconds(lambda: server.upload(content, "none", connection)) for _ in range(AT_ONCE)
            ]
        used = server.process.cpu_times()
        started = time.perf_counter()
        command = [sys.executable, "-m", "bench.upload", str(server.port)]
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
        now = server.process.cpu_times()
        cpu = now.user + now.system - used.user - used.system
        return Cost(
            1000 * statistics.median(bare),
            1000 * statistics.median(uploads),
            UPLOADS / seconds,
            1 / statistics.median(bare),
            1000 * cpu / UPLOADS,
        )


@contextmanager
def _server() -> Iterator[tuple[Server, Path]]:
    with (
        tempfile.TemporaryDirectory(dir=".", prefix="bench-") as scratch,
        serving(Path(scratch, "data"), MAX_PENDING="1000000") as server,
    ):
        yield server, Path(scratch)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _write(directory: Path, content: bytes) -> None:
    descriptor = os.open(directory / f"{time.perf_counter_ns()}.jpg", os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)


def _be_clients(port: int, uploads: int = UPLOADS) -> None:
    """Upload with all clients at once, in a process of its own: it is not the server."""
    body, headers = multipart(jpeg(SIZE), "none")
    lines = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    request = f"POST /ocr-jobs/upload HTTP/1.1\r\n{head}\r\n".encode() + body

    def upload() -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            for _ in range(uploads // CLIENTS):
                connection.sendall(request)
                answer = b""
                while not answer.endswith(b"}\n"):
                    answer += connection.recv(4096)
                assert b" 200 OK" in answer, answer

    threads = [Thread(target=upload) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _be_clients(*map(int, sys.argv[1:]))
    else:
        main()
