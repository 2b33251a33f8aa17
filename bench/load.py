"""Loads the production server while both cores read.  python bench/load.py --seconds 60

Starts the command of `make serve` on an empty data directory. Each client uploads the sample
receipt, polls its job twice a second until it has ended, and begins again. Printed: answers of 500
and more, jobs lost, and how long uploads and polls took. The clients run on the same cores.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = (ROOT / "samples" / "receipt.jpg").read_bytes()
BOUNDARY = "receipt"
POLL_S = 0.5
EXPECTED = "TOTAL"  # is read from the sample by every engine


class Client(threading.Thread):
    """One that uploads and polls until the time is over, and then waits for its last job."""

    def __init__(self, port: int, provider: str, end: float) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._provider, self._end = provider, end
        self.seconds: dict[str, list[float]] = {"upload": [], "poll": []}
        self.statuses: Counter[int] = Counter()
        self.jobs: list[int] = []
        self.read: set[int] = set()

    def run(self) -> None:
        while time.monotonic() < self._end:
            status, answer = self._timed("upload", "POST", "/ocr-jobs/upload", self._body())
            if status == 200:
                self.jobs.append(json.loads(answer)["id"])
                self._poll(self.jobs[-1])
        self._connection.close()

    def _body(self) -> bytes:
        file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="r.jpg"'
        field = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="ocrProvider_0"'
        end = f"{field}\r\n\r\n{self._provider}\r\n--{BOUNDARY}--\r\n"
        return f"{file}\r\n\r\n".encode() + SAMPLE + end.encode()

    def _poll(self, job_id: int) -> None:
        give_up = self._end + 300
        while time.monotonic() < give_up:
            _, answer = self._timed("poll", "GET", f"/ocr-jobs/{job_id}")
            job = json.loads(answer)
            if job.get("status") in ("completed", "failed"):
                data = job["files"][0]["executions"][0]["ocrData"] or ""
                if EXPECTED in data:
                    self.read.add(job_id)
                return
            time.sleep(POLL_S)

    def _timed(self, kind: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if body else {}
        started = time.monotonic()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        self.seconds[kind].append(time.monotonic() - started)
        self.statuses[response.status] += 1
        return response.status, answer


@contextmanager
def serving(directory: str) -> Iterator[int]:
    """The port of a server started as `make serve` does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    command = [sys.executable, "-m", "server", "--port", port]
    environ = os.environ | {"DATA_DIR": directory}
    with (
        Path(directory, "server.log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log) as server,
    ):
        try:
            _wait_until_up(int(port))
            yield int(port)
        finally:
            server.send_signal(signal.SIGTERM)


def _wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def quantile(values: list[float], share: float) -> str:
    """In milliseconds."""
    return f"{sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000:.0f} ms"


def report(clients: list[Client], seconds: float) -> bool:
    """Print the figures; whether nothing was lost and nothing failed but with 503."""
    statuses: Counter[int] = sum((client.statuses for client in clients), Counter())
    jobs = sum(len(client.jobs) for client in clients)
    read = sum(len(client.read) for client in clients)
    failed = {status: n for status, n in statuses.items() if status >= 500 and status != 503}
    print(f"{len(clients)} clients, {seconds:.0f} s: {jobs} jobs, {read / seconds:.1f} a second")
    print(f"answers {dict(sorted(statuses.items()))}, of 5xx but 503: {sum(failed.values())}")
    print(f"jobs lost or unread: {jobs - read}")
    for kind, what in (("poll", "GET /ocr-jobs/:id"), ("upload", "POST /ocr-jobs/upload")):
        values = [value for client in clients for value in client.seconds[kind]]
        shares = ", ".join(f"p{int(s * 100)} {quantile(values, s)}" for s in (0.5, 0.95, 0.99))
        print(f"{what}: {len(values)} answers, {shares}, longest {max(values) * 1000:.0f} ms")
    return jobs == read and not failed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--provider", default="tesseract")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as directory, serving(directory) as port:
        started = time.monotonic()
        end = started + arguments.seconds
        clients = [Client(port, arguments.provider, end) for _ in range(arguments.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        fine = report(clients, time.monotonic() - started)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
