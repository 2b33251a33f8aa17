"""Clients that ask for much and read nothing hold up no others.

READERS_S=60 makes them stay for a minute and not only for some seconds.
"""

import json
import os
import shutil
import socket
import time
from contextlib import ExitStack, closing, contextmanager

import pytest
import requests

import db
from app import create_app
from tests.conftest import FLASK, PRODUCTION
from tests.fakes import fake, png, upload, wait
from tests.server.test_limits import memory

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("READERS_S", "3"))
MIB = 2**20
JOBS, ITEMS = 70, 1_800  # an export of 20 MB
ITEM = {"description": "Flat White with oat milk, large", "quantity": 2, "unitPrice": 3.9}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A data directory with a file of 19 MiB, a job of 256 kB and an export of 20 MB."""
    data = tmp_path_factory.mktemp("stored") / "data"
    app = create_app(data, {"mistral": fake()}, {}, serve=True)
    client = app.test_client()
    wait(client, upload(client, "mistral", files=[(png(), "a.png")]))
    (data / "uploads/1/a.png").write_bytes(png().ljust(19 * MIB, b"\0"))
    receipt = json.dumps({"receipt": {"merchant": "CORNER CAFE", "items": [ITEM] * ITEMS}})
    with closing(db.connect(data / "receipts.db")) as connection, connection:
        for number in range(JOBS):
            add_reading(connection, receipt if number else json.dumps({"text": "x" * 2**18}))
    app.extensions["receipts"].stop()
    return data


@pytest.fixture
def paths(stored, tmp_path):
    """What is asked for, in the data of `serve`."""
    shutil.copytree(stored, tmp_path / "data")
    return ("/ocr-jobs/1/files/1", "/ocr-jobs/2", "/ocr-jobs/export.json?items=1")


def add_reading(connection, ocr_data):
    job_id = db.add_job(connection, None)
    file_id = db.add_file(
        connection,
        job_id,
        original_name="a.png",
        storage_key=f"uploads/{job_id}/a.png",
        media_type="image/png",
        size=1,
        sha256="",
    )
    execution_id = db.add_execution(connection, file_id, "mistral")
    connection.execute(
        "UPDATE execution SET status = 'completed', ocr_data = ? WHERE id = ?",
        (ocr_data, execution_id),
    )


@contextmanager
def readers(server, paths, count):
    """So many clients that have asked for these in turn, and read no more than the status."""
    connections = []
    try:
        for number in range(count):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            path = paths[number % len(paths)]
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connections.append(connection)
        for connection in connections:
            assert connection.recv(12)[9:] in (b"200", b"503")  # 503: one export at a time
        yield
    finally:
        for connection in connections:
            connection.close()


def health_s(server):
    """How long /health took to answer."""
    started = time.monotonic()
    assert requests.get(f"{server.url}/health", timeout=20).ok
    return time.monotonic() - started


@pytest.mark.parametrize("command", [PRODUCTION, (*FLASK, "run")], ids=["waitress", "flask"])
def test_clients_that_read_nothing_hold_up_neither_health_nor_uploads(serve, paths, command):
    *small, export = paths
    server = serve(*command)
    with readers(server, [*small * 15, export], 300):
        check_for(server, SECONDS)


def test_as_many_unread_exports_as_threads_leave_the_threads_free(serve, paths):
    server = serve(*PRODUCTION, "--threads=2")
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(readers(server, paths[-1:], 1))
        check_for(server, SECONDS)


def check_for(server, seconds):
    """Health answers within a second, and uploads are read, all that time; memory stays small."""
    end, jobs = time.monotonic() + seconds, []
    while time.monotonic() < end:
        assert health_s(server) < 1
        jobs.append(server.upload(png(), "mistral"))
    for job_id in jobs:
        assert server.wait(job_id)["status"] == "completed"
    assert memory(server) < 350
