"""Every execution is run once, recorded whatever happens, and never lost."""

import json
import logging
import os
import re
import threading
import time
from contextlib import closing

import pytest

import db
from providers.base import Provider
from result import OcrResult, ProviderError, Receipt
from settings import Settings
from storage import Storage
from tests.fakes import Gate, fake, only_execution, until, upload, wait
from worker import Worker


class Bench:
    """A worker without threads over a database with `count` executions, for one step at a time."""

    def __init__(self, root, provider, count=1):
        self.root, self.database, self.storage = root, root / "receipts.db", Storage(root)
        self.storage.create()
        db.create(self.database)
        self.connection = db.connect(self.database)
        self.worker = Worker(self.database, self.storage, {"fake": provider}, Settings())
        with self.connection:
            job_id = db.add_job(self.connection, None)
            for number in range(count):
                key = f"uploads/1/{number}.png"
                columns = {"media_type": "image/png", "size": 1, "sha256": ""}
                file_id = db.add_file(
                    self.connection, job_id, original_name="x", storage_key=key, **columns
                )
                db.add_execution(self.connection, file_id, "fake")
        (root / "uploads/1").mkdir()
        for number in range(count):
            (root / f"uploads/1/{number}.png").write_bytes(b"x")

    def step(self, execution_id=1):
        self.worker.execute(self.connection, execution_id)
        return self.execution(execution_id)

    def execution(self, execution_id=1):
        files = db.get_job(self.connection, 1)["files"]
        return next(e for f in files for e in f["executions"] if e["id"] == execution_id)

    def set(self, **columns):
        for name, value in columns.items():
            self.connection.execute(f"UPDATE execution SET {name} = ?", (value,))
        self.connection.commit()

    def recover(self):
        with self.connection:
            db.recover(self.connection)
        return self.execution()


@pytest.fixture
def bench(tmp_path):
    """`bench(provider, count)`: one for this test."""
    made = []

    def make(provider, count=1):
        made.append(Bench(tmp_path / "bench", provider, count))
        return made[-1]

    yield make
    for one in made:
        one.worker.stop()
        one.connection.close()


# One step


def test_a_step_claims_runs_and_records(bench):
    seen = []

    def ocr(path, settings):
        seen.append((path.read_bytes(), settings.tesseract_language, one.execution()["status"]))
        return fake("MILK 1.20").ocr(path, settings)

    one = bench(fake(ocr=ocr))
    execution = one.step()
    assert seen == [(b"x", "eng", "running")]
    assert (execution["status"], execution["error"]) == ("completed", None)
    assert json.loads(execution["ocrData"])["text"] == "MILK 1.20"


def test_an_execution_is_claimed_once(bench):
    calls = []
    one = bench(fake(ocr=lambda path, settings: calls.append(path) or fake().ocr(path, settings)))
    one.step()
    for status in ("completed", "failed", "running"):
        one.set(status=status)
        assert one.step()["status"] == status
    assert len(calls) == 1


def test_many_threads_that_want_one_execution_run_it_once(bench):
    calls, barrier = [], threading.Barrier(8)
    one = bench(fake(ocr=lambda path, settings: calls.append(path) or fake().ocr(path, settings)))

    def want():
        with closing(db.connect(one.database)) as connection:
            barrier.wait()
            one.worker.execute(connection, 1)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_an_execution_that_was_deleted_meanwhile_is_passed_over(bench):
    one = bench(fake(ocr=lambda path, settings: pytest.fail("it ran")))
    one.worker.execute(one.connection, 99)
    one.connection.execute("DELETE FROM job")
    one.worker.execute(one.connection, 1)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ProviderError("bad_image", "the image is cut short"), "bad_image", "the image is cut"),
        (ValueError("with /secret/path"), "internal_error", "the server's log"),
        (SystemExit(3), "internal_error", "the server's log"),
        (KeyboardInterrupt(), "internal_error", "the server's log"),
        (MemoryError(), "internal_error", "the server's log"),
        (RecursionError(), "internal_error", "the server's log"),
    ],
)
def test_whatever_a_provider_raises_is_recorded(bench, caplog, error, code, words):
    def ocr(path, settings):
        raise error

    execution = bench(fake(ocr=ocr)).step()
    assert (execution["status"], execution["ocrData"]) == ("failed", None)
    assert execution["error"]["code"] == code
    assert words in execution["error"]["message"]
    assert "secret" not in execution["error"]["message"]
    if code == "internal_error":  # its traceback is for whoever runs the server
        assert any(record.exc_info for record in caplog.records)


ODD = Receipt("rules", merchant=5)  # type: ignore[arg-type]  # of which no key can be made


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        OcrResult("", "", (), Receipt("rules"), "x", raw={"n": float("nan")}),
        OcrResult("", "", (), ODD, "x"),
    ],
)
def test_a_result_that_is_none_is_a_failure(bench, result):
    execution = bench(fake(ocr=lambda path, settings: result)).step()
    assert (execution["status"], execution["error"]["code"]) == ("failed", "internal_error")


def test_text_that_cannot_be_stored_is_stored_as_well_as_can_be(bench):
    execution = bench(fake("half a pair \ud83e and a NUL \0")).step()
    assert json.loads(execution["ocrData"])["text"] == "half a pair ? and a NUL \0"


def test_an_error_message_that_cannot_be_stored_is_stored_too(bench):
    def ocr(path, settings):
        raise ProviderError("vendor_error", "half a pair \ud83e")

    assert bench(fake(ocr=ocr)).step()["error"]["message"] == "half a pair ?"


def test_a_file_that_is_gone_and_a_provider_that_went_away_fail_with_the_reason(bench):
    one = bench(fake(unavailable=lambda settings: "KEY is not set"), count=3)
    error = one.step()["error"]
    assert error["code"] == "not_configured"
    assert error["message"] == "Provider 'fake' is not available: KEY is not set"
    one.set(provider="gone")
    assert "Provider 'gone' is not available" in one.step(2)["error"]["message"]
    (one.root / "uploads/1/2.png").unlink()
    assert one.step(3)["error"]["code"] == "file_missing"


@pytest.mark.slow
def test_an_outcome_is_recorded_however_long_the_database_cannot_be_written(bench):
    gate = Gate()
    one = bench(gate.provider)

    def execute():
        with closing(db.connect(one.database)) as connection:
            connection.execute("PRAGMA busy_timeout = 50")
            one.worker.execute(connection, 1)

    thread = threading.Thread(target=execute, daemon=True)
    thread.start()
    gate.wait_for_start()
    with one.connection:
        one.connection.execute("BEGIN IMMEDIATE")  # another program holds the write lock
        gate.open()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert one.execution()["status"] == "completed"


def test_an_execution_that_cannot_be_claimed_yet_is_not_forgotten(client, db, app):
    db.execute("ALTER TABLE execution RENAME TO elsewhere")  # as when the disk has gone
    app.extensions["receipts"].worker.submit([(1, "fake")])
    time.sleep(0.05)
    db.execute("ALTER TABLE elsewhere RENAME TO execution")
    assert wait(client, upload(client, "fake", "fake"))["status"] == "completed"


# After an unclean end


def test_what_was_running_at_an_unclean_end_is_tried_once_more(bench):
    one = bench(fake(), count=2)
    one.set(status="running")
    assert one.recover()["status"] == "pending"
    assert one.step()["status"] == "completed"


def test_what_was_running_at_two_unclean_ends_is_failed_with_the_reason(bench):
    one = bench(fake())
    for expected in ("pending", "failed"):
        one.set(status="running")
        assert one.recover()["status"] == expected
    error = one.execution()["error"]
    assert error["code"] == "crashed"
    assert "twice" in error["message"] and "another provider" in error["message"]
    assert one.step()["status"] == "failed"
    job = db.get_job(one.connection, 1)
    assert (job["status"], job["failedFiles"]) == ("completed", 1)


def test_waiting_through_unclean_ends_does_not_count(bench):
    one = bench(fake())
    for _ in range(5):
        assert one.recover()["status"] == "pending"
    assert one.step()["status"] == "completed"


def test_all_that_is_unfinished_runs_at_the_start_oldest_first(make_app, tmp_path):
    one, order = Bench(tmp_path / "data", fake(), count=6), []
    one.connection.execute("UPDATE execution SET status = 'running' WHERE id = 4")
    one.connection.execute("UPDATE execution SET status = 'completed' WHERE id = 2")
    one.connection.commit()

    def ocr(path, settings):
        order.append(path.name)
        return fake().ocr(path, settings)

    app = make_app({"fake": fake(ocr=ocr)}, {"OCR_WORKERS": "1"})
    assert wait(app.test_client(), 1)["status"] == "completed"
    assert order == ["0.png", "2.png", "3.png", "4.png", "5.png"]
    one.connection.close()


# The threads


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_provider_that_raises_ends_no_thread(make_app, error):
    def ocr(path, settings):
        raise error

    client = make_app({"bad": fake(ocr=ocr), "fake": fake()}, {"OCR_WORKERS": "1"}).test_client()
    for _ in range(3):
        upload(client, "bad")
    assert wait(client, upload(client, "fake"))["status"] == "completed"


def test_a_bug_in_one_execution_ends_no_thread(client, db, caplog):
    db.execute(
        """
        CREATE TRIGGER bug BEFORE UPDATE ON execution
        WHEN new.id = 1 AND new.status = 'completed' BEGIN SELECT raise(ABORT, 'a bug'); END
        """
    )
    upload(client, "fake")
    until(lambda: "a bug" in caplog.text)
    assert wait(client, upload(client, "fake"))["status"] == "completed"


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_local_executions_run_at_once_as_ocr_workers(make_app, gate, workers):
    client = make_app({"gated": gate.provider}, {"OCR_WORKERS": str(workers)}).test_client()
    job_id = upload(client, *["gated"] * (workers + 2))
    for _ in range(workers):
        gate.wait_for_start()
    time.sleep(0.05)
    files = client.get(f"/ocr-jobs/{job_id}").json["files"]
    statuses = [file["executions"][0]["status"] for file in files]
    assert sorted(statuses) == ["pending"] * 2 + ["running"] * workers
    gate.open()
    assert wait(client, job_id)["status"] == "completed"


def test_as_many_local_executions_run_at_once_as_there_are_cores(make_app, gate):
    client = make_app({"gated": gate.provider}).test_client()
    upload(client, *["gated"] * (os.cpu_count() + 1))
    for _ in range(os.cpu_count()):
        gate.wait_for_start()
    time.sleep(0.05)
    assert len(client.get("/ocr-jobs?status=running").json["data"]) == 1
    statuses = [f["executions"][0]["status"] for f in client.get("/ocr-jobs/1").json["files"]]
    assert statuses.count("running") == os.cpu_count()


@pytest.mark.parametrize(("held", "free"), [("remote", "local"), ("local", "remote")])
def test_neither_kind_waits_for_the_other(make_app, gate, held, free):
    slow = Gate(kind=held)
    providers = {"held": slow.provider, "free": fake(kind=free)}
    client = make_app(providers, {"OCR_WORKERS": "2"}).test_client()
    upload(client, *["held"] * 20)
    slow.wait_for_start()
    assert wait(client, upload(client, "free"))["status"] == "completed"
    slow.open()
    wait(client, 1)


def test_a_local_engine_that_asks_a_server_waits_with_the_remote_ones(make_app):
    slow = Gate(sends_to=lambda settings: "127.0.0.1")
    client = make_app({"llama": slow.provider, "fake": fake()}, {"OCR_WORKERS": "1"}).test_client()
    upload(client, "llama")
    slow.wait_for_start()
    assert wait(client, upload(client, "fake"))["status"] == "completed"
    slow.open()
    wait(client, 1)


# The orderly end


def test_what_waits_and_runs_at_a_stop_runs_at_the_next_start_and_does_not_count(
    make_app, tmp_path
):
    gate = Gate()  # stays shut: stopping gives up on it
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    upload(app.test_client(), "gated", "gated")
    gate.wait_for_start()
    app.extensions["receipts"].worker.stop(grace_s=0.1)
    again = make_app({"gated": fake("AGAIN")}).test_client()
    job = wait(again, 1)
    gate.open()  # the first reading comes too late
    with closing(db.connect(tmp_path / "data/receipts.db")) as connection:
        rows = connection.execute("SELECT status, crashes FROM execution").fetchall()
    assert [tuple(row) for row in rows] == [("completed", 0), ("completed", 0)]
    texts = [json.loads(f["executions"][0]["ocrData"])["text"] for f in job["files"]]
    assert texts == ["AGAIN", "AGAIN"]


def test_an_execution_that_ends_within_the_grace_time_is_kept(make_app):
    gate = Gate()
    app = make_app({"gated": gate.provider})
    job_id = upload(app.test_client(), "gated")
    gate.wait_for_start()
    stopping = threading.Thread(target=app.extensions["receipts"].worker.stop)
    stopping.start()
    gate.open()
    stopping.join(10)
    assert app.test_client().get(f"/ocr-jobs/{job_id}").json["status"] == "completed"


def test_the_log_follows_an_execution_to_its_end(client, caplog):
    caplog.set_level(logging.INFO)
    wait(client, upload(client, "fake"))
    until(lambda: re.search(r"execution 1: fake completed in \d+\.\d s", caplog.text))


def test_the_log_says_why_an_outcome_is_dropped(client, gate, caplog):
    caplog.set_level(logging.INFO)
    job_id = upload(client, "gated")
    gate.wait_for_start()
    assert client.delete(f"/ocr-jobs/{job_id}").status_code == 200
    gate.open()
    until(lambda: "is dropped, since it was deleted or cancelled" in caplog.text)


def test_a_provider_is_what_the_reference_of_providers_says():
    provider = Provider(ocr=lambda path, settings: None, unavailable=lambda settings: None)
    assert (provider.kind, provider.model({}), provider.sends_to({})) == ("local", None, None)


def test_a_running_execution_reads_as_running_and_then_as_its_text(client, gate):
    job_id = upload(client, "gated")
    gate.wait_for_start()
    job = client.get(f"/ocr-jobs/{job_id}").json
    assert (job["status"], only_execution(job)["status"]) == ("running", "running")
    gate.open()
    assert only_execution(wait(client, job_id))["ocrData"]["text"] == "READ"
