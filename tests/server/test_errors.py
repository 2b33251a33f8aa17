"""A full disk, a locked database, a read-only directory or a bug in a thread costs nothing.

The server runs in a process of its own, and the faults are real: a small tmpfs, a file-size
limit, another process's lock, modes that forbid writing, signals.
"""

import ctypes
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
import requests

import db as database
from tests.conftest import FLASK
from tests.fakes import drawn, fake, only_execution, png, until, upload, wait
from tests.server.test_lifecycle import WAITRESS

KIB = 1024


def picture(size):
    """A PNG of this many bytes; what follows its end is kept like the rest."""
    return png() + os.urandom(size - len(png()))


def try_upload(server, content):
    return requests.post(
        f"{server.url}/ocr-jobs/upload",
        files={"file": ("receipt.png", content)},
        data={"ocrProvider_0": "mistral"},
        timeout=30,
    )


def refused(response, status):
    """Whether it is this error in the API's form."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"statusCode", "message", "details"}
    return response.json()["statusCode"] == status


def rows(data, query):
    with closing(sqlite3.connect(data / "receipts.db", timeout=20)) as connection:
        return connection.execute(query).fetchall()


def nothing_half_done(data, accepted):
    """Whether exactly the accepted jobs are there, {id: content}, and nothing else."""
    assert [row[0] for row in rows(data, "SELECT id FROM job ORDER BY id")] == sorted(accepted)
    keys = {row[0]: row[1] for row in rows(data, "SELECT storage_key, job_id FROM file")}
    on_disk = {str(p.relative_to(data)) for p in data.glob("*/**/*") if p.is_file()}
    assert on_disk == set(keys)
    assert {job: (data / key).read_bytes() for key, job in keys.items()} == accepted
    assert rows(data, "PRAGMA integrity_check") == [("ok",)]
    return True


# The disk


@contextmanager
def mounted(disk, options):
    """A disk in memory, at this directory."""
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A directory that holds twelve mebibytes; SQLite's log alone grows to four."""
    with mounted(tmp_path / "disk", "size=12m"):
        yield tmp_path / "disk"


def leave(disk, free):
    """Have this many bytes free."""
    (disk / "filler").unlink(missing_ok=True)
    room = shutil.disk_usage(disk).free - free
    if room > 0:
        (disk / "filler").write_bytes(bytes(room))


@pytest.mark.slow
def test_a_full_disk_refuses_an_upload_wherever_it_strikes_and_room_is_all_it_takes(
    serve, small_disk
):
    server, content, accepted, answers = serve(data=small_disk / "data"), picture(60_000), {}, []
    for free in (0, 8, 32, 56, 60, 64, 68, 72, 80, 96, 128, 160, 200, 260, 330, 800):
        leave(small_disk, free * KIB)
        response = try_upload(server, content)
        answers.append(response.status_code)
        if response.ok:
            accepted[response.json()["id"]] = content
        else:
            assert refused(response, 507)
            assert "free some space" in response.json()["details"]
        listing = requests.get(f"{server.url}/ocr-jobs", timeout=10)
        assert listing.ok or (free < 32 and refused(listing, 507))
    assert answers[0] == 507 and answers[-1] == 200
    leave(small_disk, 6000 * KIB)
    response = try_upload(server, content)
    accepted[response.json()["id"]] = content
    for job_id in accepted:  # also those whose outcome found no room at first
        assert server.wait(job_id)["status"] == "completed"
    assert nothing_half_done(server.data, accepted)


@pytest.mark.slow
def test_a_delete_on_a_full_disk_is_whole_or_refused(serve, small_disk):
    server, content = serve(data=small_disk / "data"), picture(20_000)
    accepted = {try_upload(server, content).json()["id"]: content for _ in range(6)}
    for job_id in accepted:
        server.wait(job_id)
    for job_id, free in zip(list(accepted), (0, 4, 16, 64, 256, 800), strict=True):
        leave(small_disk, free * KIB)
        response = requests.delete(f"{server.url}/ocr-jobs/{job_id}", timeout=20)
        if response.ok:
            del accepted[job_id]
        else:
            assert refused(response, 507)
    leave(small_disk, 6000 * KIB)
    assert nothing_half_done(server.data, accepted)


@pytest.mark.slow
def test_ready_reports_a_nearly_full_disk_and_health_stays_ok(serve, small_disk):
    server = serve(data=small_disk / "data")
    response = requests.get(f"{server.url}/ready", timeout=10)
    assert refused(response, 503) and "The disk is nearly full" in response.json()["details"]
    assert int(response.headers["Retry-After"]) > 0
    health = requests.get(f"{server.url}/health", timeout=10)
    assert health.status_code == 200 and set(health.json()) == {"status", "timestamp"}


@pytest.mark.slow
def test_a_limit_on_files_refuses_an_upload_and_lifting_it_is_all_it_takes(serve):
    server = serve()
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100_000, -1))
    large, small = picture(150_000), picture(1_000)
    assert refused(try_upload(server, large), 507)
    accepted = {}
    response = try_upload(server, small)
    while response.ok:  # until the write-ahead log meets the limit
        accepted[response.json()["id"]] = small
        response = try_upload(server, small)
    assert response.status_code in (503, 507), response.text
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
    accepted[try_upload(server, large).json()["id"]] = large
    for job_id in accepted:
        assert server.wait(job_id)["status"] == "completed"
    assert nothing_half_done(server.data, accepted)


# The database, the directory


@pytest.mark.slow
def test_while_another_process_holds_the_database_reads_go_on_and_writes_say_when_to_retry(serve):
    server = serve()
    job_id = server.upload(png(), "mistral")
    server.wait(job_id)
    job = f"{server.url}/ocr-jobs/{job_id}"
    with closing(sqlite3.connect(server.data / "receipts.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writes = {
            "upload": lambda: try_upload(server, png()),
            "a second upload": lambda: try_upload(server, png()),
            "a third upload": lambda: try_upload(server, png()),
            "delete": lambda: requests.delete(job, timeout=20),
            "delete a file": lambda: requests.delete(f"{job}/files/1", timeout=20),
            "again": lambda: requests.post(
                f"{job}/files/1/executions", {"ocrProvider": "mistral"}, timeout=20
            ),
            "ready": lambda: requests.get(f"{server.url}/ready", timeout=20),
        }
        with ThreadPoolExecutor() as pool:
            answers = {name: pool.submit(write) for name, write in writes.items()}
            for url in (job, f"{job}/files/1", f"{server.url}/ocr-jobs", f"{server.url}/health"):
                started = time.monotonic()
                assert requests.get(url, timeout=10).ok
                assert time.monotonic() - started < database.LOCK_TIMEOUT_S
        for name, answer in answers.items():
            assert refused(answer.result(), 503), name
            assert int(answer.result().headers["Retry-After"]) > 0, name
            assert "locked" in answer.result().json()["details"], name
        other.execute("ROLLBACK")
    assert requests.get(f"{server.url}/ready", timeout=10).json()["status"] in ("ok", 503)
    assert requests.delete(job, timeout=20).ok
    assert nothing_half_done(server.data, {})


@pytest.mark.slow
def test_an_outcome_waits_for_a_locked_database(serve):
    server = serve()
    job_id = server.upload(png(), "slow")
    until(lambda: server.job(job_id)["status"] == "running")
    with closing(sqlite3.connect(server.data / "receipts.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (server.data / "go").touch()
        time.sleep(0.5)
        assert server.job(job_id)["status"] == "running"
        other.execute("ROLLBACK")
    assert server.wait(job_id)["status"] == "completed"


def bound_by_modes(*command):
    """The command, for root without the powers to pass over the modes of files."""
    powers = "--bounding-set=-dac_override,-dac_read_search,-fowner"
    return ["setpriv", powers, *command] if os.geteuid() == 0 else [*command]


@contextmanager
def read_only(data):
    """The data directory and all in it, for everyone who has not root's powers."""
    paths = [data, *data.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    yield
    for path in paths:
        path.chmod(0o700 if path.is_dir() else 0o600)


@pytest.mark.slow
def test_a_data_directory_that_is_read_only_for_a_while_costs_nothing(serve):
    server = serve(*bound_by_modes(*FLASK, "run"))
    first = server.upload(png(), "mistral")
    server.wait(first)
    job = f"{server.url}/ocr-jobs/{first}"
    with read_only(server.data):
        assert refused(try_upload(server, png()), 503)
        assert "cannot be written" in try_upload(server, png()).json()["details"]
        assert refused(requests.delete(job, timeout=10), 503)
        assert refused(requests.delete(f"{job}/files/1", timeout=10), 503)
        ready = requests.get(f"{server.url}/ready", timeout=10)
        assert refused(ready, 503) and "cannot be written" in ready.json()["details"]
        assert requests.get(job, timeout=10).json()["id"] == first
        assert requests.get(f"{job}/files/1", timeout=10).content == png()
    second = server.upload(png(), "mistral")
    assert server.wait(second)["status"] == "completed"
    assert nothing_half_done(server.data, {first: png(), second: png()})


# The orderly end


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), WAITRESS], ids=["flask run", "waitress"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_at_an_orderly_end_what_ends_in_time_is_kept_and_the_rest_waits_and_does_not_count(
    serve, command, how
):
    server = serve(*command, OCR_WORKERS="1")
    first = server.upload(png(), "slow")
    second = server.upload(png((9, 9)), "slow")
    until(lambda: server.job(first)["status"] == "running")
    server.process.send_signal(how)
    until(lambda: "executions get 5 s to end" in server.log.read_text())
    (server.data / "go").touch()  # within the seconds it is given
    server.process.wait(60)
    query = "SELECT status, crashes FROM execution ORDER BY id"
    assert rows(server.data, query) == [("completed", 0), ("pending", 0)]
    assert serve().wait(second)["status"] == "completed"


# The worker and its engines


def kill_thread(thread):
    """SystemExit in that thread, wherever it is, as by a bug of our own."""
    exception = ctypes.py_object(SystemExit)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), exception) == 1


def worker_threads():
    return {t for t in threading.enumerate() if t.name.startswith(("local-", "remote-"))}


@pytest.mark.slow
def test_what_would_end_a_worker_thread_ends_neither_it_nor_its_work(make_app, caplog):
    before = worker_threads()
    app = make_app(env={"OCR_WORKERS": "1", "REMOTE_WORKERS": "1"})
    client = app.test_client()
    (thread,) = [t for t in worker_threads() - before if t.name.startswith("local-")]
    kill_thread(thread)
    job_id = upload(client, "fake")  # wakes the thread, which meets the SystemExit over it
    assert wait(client, job_id)["status"] == "completed"
    assert f"worker thread {thread.name} goes on" in caplog.text
    assert thread.is_alive() and client.get("/ready").status_code == 200


@pytest.mark.slow
def test_an_execution_that_cannot_be_recorded_for_a_bug_is_run_again(client, db):
    db.execute(
        """
        CREATE TRIGGER bug BEFORE UPDATE ON execution
        WHEN new.status IN ('completed', 'failed') AND old.crashes = 0
        BEGIN SELECT raise(ABORT, 'a bug'); END
        """
    )
    assert wait(client, upload(client, "fake"))["status"] == "completed"


@pytest.mark.slow
def test_what_a_thread_left_pending_is_queued_whatever_else_waits(make_app, gate):
    before = worker_threads()
    providers = {"gated": gate.provider, "fake": fake(), "far": fake(kind="remote")}
    app = make_app(providers, {"OCR_WORKERS": "1", "REMOTE_WORKERS": "1"})
    client = app.test_client()
    upload(client, "gated")
    gate.wait_for_start()
    upload(client, "fake")  # waits for the only local thread
    with closing(database.connect(app.extensions["receipts"].database)) as connection, connection:
        database.add_execution(connection, 1, "fake")  # pending and in no queue
    (thread,) = [t for t in worker_threads() - before if t.name.startswith("remote-")]
    kill_thread(thread)
    wait(client, upload(client, "far"))
    gate.open()
    assert wait(client, 1)["status"] == "completed"


def test_ready_says_so_when_the_worker_is_not_running(make_app):
    app = make_app()
    assert app.test_client().get("/ready").json.keys() == {"status", "timestamp"}
    app.extensions["receipts"].worker.stop()
    response = app.test_client().get("/ready")
    assert (response.status_code, response.json["message"]) == (503, "Service Unavailable")
    assert response.json["details"] == "the worker is not running"
    assert app.test_client().get("/health").status_code == 200


def test_a_result_the_database_refuses_is_a_failure_and_not_running_for_ever(client, db):
    db.execute(
        """
        CREATE TRIGGER too_much BEFORE UPDATE ON execution WHEN new.status = 'completed'
        BEGIN SELECT raise(ABORT, 'too much'); END
        """
    )
    execution = only_execution(wait(client, upload(client, "fake")))
    assert (execution["status"], execution["error"]["code"]) == ("failed", "internal_error")


def test_a_thread_that_is_late_writes_nothing_over_what_came_after(client, gate, db):
    job_id = upload(client, "gated")
    gate.wait_for_start()
    db.execute("UPDATE execution SET status = 'pending'")  # as a restore or a restart does
    path = Path(db.execute("PRAGMA database_list").fetchone()["file"])
    with closing(database.connect(path)) as other:
        with other:
            claim = database.claim(other, 1)["claim"]  # another runs it now
        gate.open()
        time.sleep(0.3)  # the first one is done and has tried to write
        assert only_execution(client.get(f"/ocr-jobs/{job_id}").json)["status"] == "running"
        with other:
            database.end(other, 1, claim, None, '{"text": "of the second"}')
    assert only_execution(client.get(f"/ocr-jobs/{job_id}").json)["ocrData"] == {
        "text": "of the second"
    }


def children(pid):
    """The processes under this one, all generations, as {id: command line}."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(path.parent.name))
        except (OSError, ValueError):
            continue
    below, todo = {}, [pid]
    while todo:
        for child in found.get(todo.pop(), []):
            todo.append(child)
            with suppress(OSError):  # it has ended since
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                below[child] = command.replace(b"\0", b" ").decode()
    return below


@pytest.fixture
def large_receipt():
    """One that keeps Tesseract busy for a second or more."""
    buffer = BytesIO()
    drawn([f"ITEM {n:04} PIECES 3 AT 1.20 = 3.60" for n in range(30)], (900, 1900)).save(
        buffer, "JPEG"
    )
    return buffer.getvalue()


def process_of_the_engine(server, name):
    """The id of the process whose command line holds `name`, once Tesseract is at work.

    That of the child which started it names the same temporary directory.
    """

    def found():
        lines = children(server.process.pid)
        page = next((line for line in lines.values() if "page.ppm" in line), "")
        scratch = re.search(r"receipt-ocr-\w+", page)
        own = {pid: line for pid, line in lines.items() if scratch and scratch[0] in line}
        return next((pid for pid, line in own.items() if name in line), None)

    return until(found)


@pytest.mark.slow
def test_an_engine_that_is_killed_fails_its_execution_alone_and_an_idle_one_none(
    serve, large_receipt
):
    server, small = serve(FLASK_APP="app", OCR_WORKERS="1"), BytesIO()
    drawn().save(small, "PNG")
    for victim in ("page.ppm", "engines import process"):  # Tesseract, and the one that started it
        job_id = server.upload(large_receipt, "tesseract")
        os.kill(process_of_the_engine(server, victim), signal.SIGKILL)
        execution = only_execution(server.wait(job_id))
        assert execution["status"] == "failed", execution
        assert execution["error"]["code"] == "engine_crashed", execution
        again = only_execution(server.wait(server.upload(small.getvalue(), "tesseract")))
        assert "CORNER CAFE" in again["ocrData"]["text"]
    for pid in children(server.process.pid):  # idle now
        os.kill(pid, signal.SIGKILL)
    again = only_execution(server.wait(server.upload(small.getvalue(), "tesseract")))
    assert again["status"] == "completed", again
