"""Bulk deletion and uploads at the same time, over HTTP to the production server."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import requests

import db
from bench.archive import fill
from tests.conftest import PRODUCTION
from tests.fakes import png

pytestmark = pytest.mark.slow

STORED, AT_ONCE = 5000, 1000


class Uploads(threading.Thread):
    """Uploads one file after another until it is told to end."""

    def __init__(self, server):
        super().__init__()
        self._server, self._is_over = server, threading.Event()
        self.jobs, self.seconds, self.errors = [], [], []

    def run(self):
        while not self._is_over.is_set():
            started = time.monotonic()
            try:
                self.jobs.append(self._server.upload(png(), "slow", f"{len(self.jobs)}.png"))
            except Exception as error:
                self.errors.append(error)
            self.seconds.append(time.monotonic() - started)

    def end(self):
        self._is_over.set()
        self.join()


def delete(server, ids):
    return requests.post(f"{server.url}/receipts/delete", json={"ids": ids}, timeout=60)


def test_uploads_succeed_while_thousands_of_receipts_are_deleted(tmp_path, serve):
    fill(tmp_path / "data", STORED)
    (tmp_path / "data" / "go").touch()  # the provider does not wait
    server = serve(*PRODUCTION)
    uploads = [Uploads(server) for _ in range(3)]
    for upload in uploads:
        upload.start()
    answers = [
        delete(server, [*range(first, first + AT_ONCE)]) for first in range(1, STORED, AT_ONCE)
    ]
    for upload in uploads:
        upload.end()
    assert [answer.json() for answer in answers] == [{"deleted": AT_ONCE}] * len(answers)
    assert [upload.errors for upload in uploads] == [[], [], []]
    jobs = sorted(job for upload in uploads for job in upload.jobs)
    assert jobs == [*range(STORED + 1, STORED + 1 + len(jobs))]
    # A request waits for at most one deletion, and gives up after db.LOCK_TIMEOUT_S.
    assert max(second for upload in uploads for second in upload.seconds) < db.LOCK_TIMEOUT_S
    for job in jobs:
        assert server.wait(job)["status"] == "completed"
    listed = requests.get(f"{server.url}/receipts", timeout=20).json()
    assert listed["pagination"]["total"] == len(jobs)
    with closing(db.connect(tmp_path / "data" / "receipts.db", "ro")) as connection:
        assert db.integrity(connection) == "ok"
        kept = {Path(file["storage_key"]).parent.name for file in db.list_all_files(connection)}
    assert kept == {str(job) for job in jobs}
