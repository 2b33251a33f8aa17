"""Starts a server for a benchmark: the production command on a free port."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
from flask import Flask

import app
from providers import PROVIDERS
from providers.base import Provider
from result import OcrResult, ProviderError
from settings import Settings

ROOT = Path(__file__).resolve().parent.parent
BOUNDARY = "receipt-bench"


def create_app() -> Flask:
    """The application with one more provider, which is never done: its executions only wait."""
    return app.create_app(providers=PROVIDERS | {"none": Provider(_wait, lambda _: None, "remote")})


def _wait(path: Path, settings: Settings) -> OcrResult:
    time.sleep(3600)
    raise ProviderError("timeout", "nothing is read with this provider")


@dataclass
class Server:
    port: int
    process: psutil.Popen
    started: float  # time.perf_counter()
    seconds: float = 0.0  # from the start to the first answer

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=600)

    def get(self, path: str, connection: HTTPConnection | None = None) -> Any:
        return self._ask(connection, "GET", path)

    def upload(
        self, content: bytes, provider: str, connection: HTTPConnection | None = None
    ) -> int:
        """The id of the new job."""
        body, headers = multipart(content, provider)
        return int(self._ask(connection, "POST", "/ocr-jobs/upload", body, headers)["id"])

    def _ask(self, kept: HTTPConnection | None, *request: Any) -> Any:
        """The answer's JSON, over a connection that is kept or one of its own."""
        with nullcontext(kept) if kept else closing(self.connect()) as connection:
            connection.request(*request)
            response = connection.getresponse()
            body = response.read()
        assert response.status == 200, body
        return json.loads(body)

    def family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def multipart(content: bytes, provider: str) -> tuple[bytes, dict[str, str]]:
    """The body and headers of an upload."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="ocrProvider_0"\r\n\r\n'
        f"{provider}\r\n--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="receipt.jpg"\r\n\r\n'
    )
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@contextmanager
def serving(data: Path, **env: str) -> Iterator[Server]:
    """A server that answers; its log goes to `data`/server.log."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server", "--host=127.0.0.1", f"--port={port}"]
    with (data / "server.log").open("ab") as log:
        started = time.perf_counter()
        process = psutil.Popen(
            [*command, "--threads=16", "--app=bench.server:create_app"],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": str(data)} | env,
            stdout=log,
            stderr=log,
        )
    server = Server(port, process, started)
    try:
        _wait_until_up(server)
        server.seconds = time.perf_counter() - started
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_until_up(server: Server) -> None:
    while True:
        try:
            server.get("/health")
            return
        except ConnectionError:
            if server.process.poll() is not None or time.perf_counter() - server.started > 60:
                raise
            time.sleep(0.005)
