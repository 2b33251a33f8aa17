"""Old jobs are purged, a backup is whole, and a restore is all or nothing."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

import db as database
from commands import data as archive
from storage import Storage
from tests.fakes import fake, png, until, upload, wait

FLASK = (sys.executable, "-m", "flask")
MARK = "Zebrafinch"  # in names, texts and bytes that shall be gone


@pytest.fixture
def run(app):
    """`run("purge", "--older-than", "1d")`: what the command prints, and its exit status."""
    return lambda *words, **options: app.test_cli_runner().invoke(args=words, **options)


def ago(**age):
    return (datetime.now(UTC) - timedelta(**age)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ids(client):
    return sorted(job["id"] for job in client.get("/ocr-jobs?limit=100").json["data"])


def tree(data):
    """The uploaded files, by key."""
    return {str(p.relative_to(data)): p.read_bytes() for p in data.glob("uploads/*/*")}


@pytest.fixture
def aged(client, gate, db):
    """Jobs last changed 100 days ago, a day ago, and one that is old and still running."""
    for _ in range(2):
        wait(client, upload(client, "fake"))
    upload(client, "gated")
    gate.wait_for_start()
    db.execute("UPDATE job SET updated_at = ? WHERE id IN (1, 3)", (ago(days=100),))
    db.execute("UPDATE job SET updated_at = ? WHERE id = 2", (ago(days=1),))
    return client


# Retention


def receipts_and_words(db):
    """The ids of the receipts, and of those that a search looks through."""
    queries = ("SELECT id FROM receipt", "SELECT rowid FROM receipt_search")
    return tuple([row[0] for row in db.execute(f"{query} ORDER BY 1")] for query in queries)


def test_purge_deletes_finished_jobs_that_are_old_enough(aged, run, tmp_path, db):
    result = run("purge", "--older-than", "90d")
    assert (result.exit_code, result.output) == (0, "Deleted 1 jobs: 1\n")
    assert ids(aged) == [2, 3]
    assert sorted(tree(tmp_path / "data")) == ["uploads/2/0.png", "uploads/3/0.png"]
    assert receipts_and_words(db) == ([2, 3], [2, 3])
    assert run("purge", "--older-than", "12h").output == "Deleted 1 jobs: 2\n"
    assert run("purge", "--older-than", "0d").output == "Deleted 0 jobs\n"
    assert ids(aged) == [3]


def test_a_dry_run_deletes_nothing(aged, run):
    assert run("purge", "--older-than", "2h", "--dry-run").output == "Would delete 2 jobs: 1, 2\n"
    assert ids(aged) == [1, 2, 3]


@pytest.mark.parametrize("age", ["", "90", "d", "-1d", "1.5d", "90 days", "1e3d", "9999999d"])
def test_an_age_that_makes_no_sense_is_refused(run, age):
    result = run("purge", "--older-than", age)
    assert result.exit_code == 2 and "as in 90d" in result.output


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("36h", 1.5), ("2w", 14), (" 1d ", 1), ("99999w", 699993)]
)
def test_an_age_is_a_number_and_a_unit(text, days):
    assert archive.age(text) == timedelta(days=days)
    assert database.timestamp(datetime.now(UTC) - archive.age(text)) < database.now()


def test_a_job_that_is_run_again_meanwhile_is_not_purged(client, db):
    wait(client, upload(client, "fake"))
    moment = ago(days=1)
    assert not database.delete_job(db, 1, moment)  # changed since
    db.execute("UPDATE job SET updated_at = ?", (ago(days=9),))
    db.execute("UPDATE job SET status = 'pending'")
    assert not database.delete_job(db, 1, moment)
    db.execute("UPDATE job SET status = 'completed'")
    assert database.delete_job(db, 1, moment)


def test_it_must_be_said_what_to_purge(client, run):
    for words in ([], ["--orphans", "--older-than", "1d"]):
        result = run("purge", *words)
        assert result.exit_code == 2 and "--older-than 90d, or --orphans" in result.output


def test_after_the_loss_of_the_database_its_files_stay_until_they_are_purged(
    make_app, tmp_path, caplog
):
    data = tmp_path / "data"
    app = make_app()
    for _ in range(3):
        wait(app.test_client(), upload(app.test_client(), "fake"))
    app.extensions["receipts"].stop()
    lost = tree(data)
    for path in data.glob("receipts.db*"):
        path.unlink()
    with caplog.at_level("WARNING"):
        again = make_app()
        until(lambda: f"3 directories under {data}/uploads belong to no job" in caplog.text)
    assert upload(again.test_client(), "fake") == 4  # its directory is nobody else's
    assert tree(data).items() >= lost.items()
    run = again.test_cli_runner()
    assert "3 directories of uploads/ belong to no job" in run.invoke(args=["doctor"]).output
    dry = run.invoke(args=["purge", "--orphans", "--dry-run"])
    assert dry.output == "Would delete 3 directories: 1, 2, 3\n"
    assert tree(data).items() >= lost.items()
    assert run.invoke(args=["purge", "--orphans"]).output == "Deleted 3 directories: 1, 2, 3\n"
    assert tree(data) == {"uploads/4/0.png": png()}
    assert run.invoke(args=["purge", "--orphans"]).output == "Deleted 0 directories\n"


@pytest.mark.slow
def test_jobs_are_kept_for_ever_unless_a_number_of_days_is_set(make_app, tmp_path):
    for days, kept in ((None, True), ("0", True), ("2", False), ("9" * 18, True)):
        data = tmp_path / f"kept-{days}"
        app = make_app(env={} if days is None else {"JOB_RETENTION_DAYS": days}, data=data)
        job_id = upload(app.test_client(), "fake")
        wait(app.test_client(), job_id)
        with closing(sqlite3.connect(data / "receipts.db", isolation_level=None)) as connection:
            connection.execute("UPDATE job SET updated_at = ?", (ago(days=3),))
        app.extensions["receipts"].worker._sweep()  # as the keeper does every minute
        assert (ids(app.test_client()) == [job_id]) == kept, days
        app.extensions["receipts"].stop()


@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
def test_a_number_of_days_that_makes_no_sense_is_told_at_the_start(make_app, value):
    with pytest.raises((SystemExit, ValueError), match="JOB_RETENTION_DAYS"):
        make_app(env={"JOB_RETENTION_DAYS": value})


# After a delete


def traces(data):
    """Where the mark is still to be read."""
    found = []
    for path in data.rglob("*"):
        name = str(path.relative_to(data)).lower()
        content = path.read_bytes().lower() if path.is_file() else b""
        if MARK.lower() in name or MARK.lower().encode() in content:
            found.append(name)
    return found


def marked(number):
    return [(png() + MARK.encode() * 1000, f"{MARK}-{number}.png")]


@pytest.mark.slow
def test_after_a_delete_neither_row_nor_name_nor_text_nor_bytes_remain(make_app, tmp_path):
    text = f"{MARK} " * 3000  # an overflow page and more
    client = make_app({"fake": fake(text), "small": fake(MARK)}).test_client()
    for number in range(12):
        provider = "small" if number % 2 else "fake"
        job_id = upload(client, provider, files=marked(number), jobName=f"{MARK} {number}")
        wait(client, job_id)
        client.get("/ocr-jobs?search=zebrafinch")
    assert traces(tmp_path / "data")
    for job_id in (3, 1, 12, 7, 8, 2, 11, 4, 10):
        assert client.delete(f"/ocr-jobs/{job_id}").status_code == 200
    for job_id in (5, 6, 9):
        files = client.get(f"/ocr-jobs/{job_id}").json["files"]
        assert client.delete(f"/ocr-jobs/{job_id}/files/{files[0]['id']}").status_code == 200
        assert client.delete(f"/ocr-jobs/{job_id}").status_code == 200
    assert traces(tmp_path / "data") == []


@pytest.mark.slow
def test_killed_while_deleting_nothing_remains_after_the_next_start(serve, tmp_path):
    data = tmp_path / "data"
    server = serve()
    for number in range(20):
        server.upload(png() + MARK.encode(), "mistral", f"{MARK}-{number}.png")
    for number in range(1, 21):
        server.wait(number)
    deleted = []

    def delete_all():
        for job_id in range(1, 21):
            try:
                if requests.delete(f"{server.url}/ocr-jobs/{job_id}", timeout=10).ok:
                    deleted.append(job_id)
            except requests.RequestException:  # no connection, or an answer that was cut off
                return

    thread = threading.Thread(target=delete_all)
    thread.start()
    until(lambda: len(deleted) >= 5)
    server.end(signal.SIGKILL)
    thread.join(20)
    again = serve()
    left = requests.get(f"{again.url}/ocr-jobs?limit=100", timeout=10).json()["data"]
    assert not {job["id"] for job in left} & set(deleted)
    for job in left:
        assert requests.get(f"{again.url}/ocr-jobs/{job['id']}/files/{job['id']}", timeout=9).ok
        assert requests.delete(f"{again.url}/ocr-jobs/{job['id']}", timeout=10).ok
    until(lambda: traces(data) == [])


# Backup and restore


@pytest.fixture
def backed_up(client, run, tmp_path):
    """Three jobs and a backup of them; the client, the data and the backup."""
    for number in range(3):
        files = [(png((8, 8 + number)), f"{number}.png"), (png(), "same.png")]
        wait(client, upload(client, "fake", "fake", files=files, jobName=f"job {number}"))
    result = run("backup", str(tmp_path / "backup"))
    assert (result.exit_code, result.output) == (0, "Backed up 3 jobs with 6 files\n")
    return client


def everything(client):
    """All the API tells, and the bytes of every file."""
    jobs = [client.get(f"/ocr-jobs/{job_id}").json for job_id in ids(client)]
    for job in jobs:
        for file in job["files"]:
            with client.get(f"/ocr-jobs/{job['id']}/files/{file['id']}") as response:
                file["bytes"] = response.data
    return jobs, client.get("/ocr-jobs?search=job 1").json, client.get("/ocr-jobs").json


@pytest.fixture
def restored(app, run, make_app, tmp_path):
    """`restored()`: a client of the server after it was stopped and the backup restored."""

    def restore():
        app.extensions["receipts"].stop()
        result = run("restore", str(tmp_path / "backup"), "--yes")
        assert (result.exit_code, result.output) == (0, "Restored 3 jobs with 6 files\n")
        return make_app(data=tmp_path / "data").test_client()

    return restore


def test_a_backup_is_a_data_directory_for_its_owner_only(backed_up, tmp_path, make_app):
    backup = tmp_path / "backup"
    assert tree(backup) == tree(tmp_path / "data")
    assert sorted(p.name for p in backup.iterdir()) == ["receipts.db", "uploads"]
    assert not any(p.stat().st_mode & 0o077 for p in [backup, *backup.rglob("*")])
    before = everything(backed_up)
    shutil.copytree(backup, tmp_path / "elsewhere")
    assert everything(make_app(data=tmp_path / "elsewhere").test_client()) == before


def test_a_backup_does_not_write_over_anything(backed_up, run, tmp_path):
    result = run("backup", str(tmp_path / "backup"))
    assert result.exit_code == 1 and "exists already" in result.output


def test_a_backup_where_nothing_can_be_written_says_why(backed_up, run, tmp_path):
    occupied = tmp_path / "file"
    occupied.touch()
    result = run("backup", str(occupied / "backup"))
    assert result.output == f"Error: Cannot read or write {occupied}: File exists\n"


def test_a_backup_makes_the_directories_it_is_to_stand_in(backed_up, run, tmp_path):
    result = run("backup", str(tmp_path / "nightly/2026/backup"))
    assert result.output == "Backed up 3 jobs with 6 files\n"
    missing = tmp_path / "nowhere"
    refused = run("restore", str(missing), "--yes")
    assert refused.output == f"Error: {missing} is no backup: there is no such directory\n"


@pytest.mark.slow
def test_what_is_deleted_and_added_since_is_undone_by_a_restore(backed_up, restored, tmp_path):
    before = everything(backed_up)
    backed_up.delete("/ocr-jobs/1")
    backed_up.delete("/ocr-jobs/2/files/3")
    backed_up.post("/ocr-jobs/3/files/5/executions", data={"ocrProvider": "fake"})
    wait(backed_up, 3)
    wait(backed_up, upload(backed_up, "fake", files=[(png(), "new.png")]))
    client = restored()
    assert everything(client) == before
    assert tree(tmp_path / "data") == tree(tmp_path / "backup")
    assert list((tmp_path / "data/incoming").iterdir()) == []
    assert client.get("/ready").status_code == 200


def test_ids_given_since_the_backup_are_not_given_again(backed_up, restored):
    newest = upload(backed_up, "fake")
    last = wait(backed_up, newest)["files"][0]
    client = restored()
    assert client.get(f"/ocr-jobs/{newest}").status_code == 404
    job = wait(client, upload(client, "fake"))
    assert job["id"] == newest + 1
    assert job["files"][0]["id"] == last["id"] + 1
    assert job["files"][0]["executions"][0]["id"] == last["executions"][0]["id"] + 1


def test_counts_and_search_are_those_of_the_backup(backed_up, restored, tmp_path):
    def counts():
        with closing(sqlite3.connect(tmp_path / "data/receipts.db")) as connection:
            return connection.execute("SELECT * FROM job_count").fetchall()

    before = counts()
    wait(backed_up, upload(backed_up, "fake", jobName=MARK))
    client = restored()
    assert counts() == before
    assert client.get(f"/ocr-jobs?search={MARK}").json["pagination"]["total"] == 0
    assert traces(tmp_path / "data") == []


def test_after_the_loss_of_the_database_a_restore_finds_the_files_that_are_there(
    backed_up, restored, tmp_path
):
    before = everything(backed_up)
    for path in (tmp_path / "data").glob("receipts.db*"):
        path.unlink()
    shutil.rmtree(tmp_path / "data/uploads/2")
    client = restored()
    assert everything(client) == before


def restored_elsewhere(make_app, tmp_path, providers=None):
    """A client of a server whose data directory was empty before the restore."""
    app = make_app(providers, data=tmp_path / "other")
    app.extensions["receipts"].stop()
    result = app.test_cli_runner().invoke(args=["restore", str(tmp_path / "backup"), "--yes"])
    assert result.exit_code == 0, result.output
    return make_app(providers, data=tmp_path / "other").test_client()


@pytest.mark.slow
def test_a_restore_into_an_empty_directory_brings_all_back(backed_up, tmp_path, make_app):
    before = everything(backed_up)
    client = restored_elsewhere(make_app, tmp_path)
    assert everything(client) == before
    assert upload(client, "fake") == 4


def test_what_waited_and_ran_at_the_backup_runs_after_the_restore(make_app, gate, tmp_path):
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    client, run = app.test_client(), app.test_cli_runner()
    upload(client, "gated", "gated")
    gate.wait_for_start()
    assert run.invoke(args=["backup", str(tmp_path / "backup")]).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "backup/receipts.db")) as copy:
        assert copy.execute("SELECT status FROM execution").fetchall() == [("pending",)] * 2
    client = restored_elsewhere(make_app, tmp_path, {"gated": fake("READ")})
    assert wait(client, 1)["status"] == "completed"


def test_a_restore_is_refused_while_a_server_runs(backed_up, run, tmp_path):
    backed_up.delete("/ocr-jobs/1")
    result = run("restore", str(tmp_path / "backup"), "--yes")
    assert isinstance(result.exception, SystemExit)
    assert "Another server is using" in str(result.exception) and "stop it" in str(result.exception)
    assert ids(backed_up) == [2, 3]


def change(path, query):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("folded", 1, database.folded)
        connection.execute(query)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda b: (b / "receipts.db").unlink(), "is no backup"),
        (lambda b: (b / "receipts.db").write_bytes(b"no database" * 1000), "cannot be read"),
        (
            lambda b: [
                (b.parent / "data/uploads/1/0.png").unlink(),
                (b / "uploads/1/0.png").write_bytes(b"other"),
            ],
            "damaged",
        ),
        (lambda b: change(b / "receipts.db", "PRAGMA user_version = 99"), "newer release"),
        (
            lambda b: change(
                b / "receipts.db", "UPDATE file SET storage_key = '../x' WHERE id = 1"
            ),
            "outside",
        ),
        (
            lambda b: change(
                b / "receipts.db", "UPDATE file SET storage_key = 'uploads/2/x' WHERE id = 1"
            ),
            "outside",
        ),
        (
            lambda b: change(b / "receipts.db", "UPDATE file SET job_id = 77 WHERE id = 1"),
            "damaged",
        ),
        (
            lambda b: [
                change(b / "receipts.db", f"UPDATE file SET sha256 = '{OTHER_SHA}' WHERE id = 1"),
                (b / "uploads/1/0.png").write_bytes(b"other"),
            ],
            "another data directory",
        ),
    ],
)
def test_a_backup_that_is_spoilt_is_refused_and_changes_nothing(
    backed_up, app, run, tmp_path, spoil, words
):
    upload(backed_up, "fake")
    wait(backed_up, 4)
    app.extensions["receipts"].stop()
    spoil(tmp_path / "backup")
    before, files = everything(backed_up), tree(tmp_path / "data")
    result = run("restore", str(tmp_path / "backup"), "--yes")
    assert result.exit_code == 1 and words in result.output, result.output
    assert (everything(backed_up), tree(tmp_path / "data")) == (before, files)
    assert list((tmp_path / "data/incoming").iterdir()) == []


OTHER_SHA = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"  # of b"other"


def test_a_restore_asks_first(backed_up, run, tmp_path):
    upload(backed_up, "fake")
    result = run("restore", str(tmp_path / "backup"), input="n\n")
    assert result.exit_code == 1 and "will be deleted" in result.output
    assert ids(backed_up) == [1, 2, 3, 4]


def test_a_backup_of_an_older_release_is_brought_up_to_date(make_app, tmp_path):
    backup = tmp_path / "backup"
    for job_id in (1, 2):
        (backup / f"uploads/{job_id}").mkdir(parents=True)
        for name in ("r0.jpg", "r1.jpg"):
            shutil.copy("samples/receipt.jpg", backup / f"uploads/{job_id}/{name}")
    shutil.copy("tests/data/release-1.db", backup / "receipts.db")
    change(backup / "receipts.db", f"UPDATE file SET sha256 = '{sample_sha()}'")
    client = restored_elsewhere(make_app, tmp_path)
    assert client.get("/ocr-jobs?search=weekly").json["data"][0]["name"] == "Weekly Groceries"
    with client.get("/ocr-jobs/1/files/1") as response:
        assert hashlib.sha256(response.data).hexdigest() == sample_sha()


def sample_sha():
    return hashlib.sha256(Path("samples/receipt.jpg").read_bytes()).hexdigest()


def test_a_file_deleted_during_a_backup_loses_its_row_in_it(backed_up, tmp_path):
    data, target = Storage(tmp_path / "data"), tmp_path / "partial"
    (target / "uploads").mkdir(parents=True)
    (tmp_path / "data/uploads/1/0.png").unlink()  # lost: its row stays
    with closing(database.connect(data.root / "receipts.db")) as live:
        database.copy_to(live, target / "receipts.db")
        backed_up.delete("/ocr-jobs/2/files/3")
        backed_up.delete("/ocr-jobs/3")
        with closing(database.connect(target / "receipts.db")) as copy:
            for file in database.list_all_files(copy):
                archive._copy_or_drop(file, copy, live, data, target)
            assert [file["id"] for file in database.list_all_files(copy)] == [1, 2, 4]
            assert database.list_ids(copy) == {1, 2}
    assert sorted(tree(target)) == ["uploads/1/same.png", "uploads/2/same.png"]


@pytest.mark.slow
def test_a_backup_beside_a_busy_server_is_consistent(serve, tmp_path):
    server, stop, contents = serve(), threading.Event(), {}

    def busy():
        for number in range(10_000):
            if stop.is_set():
                return
            content = png() + str(number).encode()
            job_id = server.upload(content, "mistral")
            contents[job_id] = content
            if number % 3 == 0:
                server.wait(job_id)
                requests.delete(f"{server.url}/ocr-jobs/{job_id}", timeout=10)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    environ = os.environ | {"DATA_DIR": str(server.data), "FLASK_APP": "tests.fakes"}
    for number in range(2):
        until(lambda number=number: len(contents) > 10 * number)
        command = [*FLASK, "backup", str(tmp_path / f"backup-{number}")]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    stop.set()
    for thread in threads:
        thread.join(30)
    for number in range(2):
        backup = tmp_path / f"backup-{number}"
        with closing(sqlite3.connect(backup / "receipts.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            files = dict(copy.execute("SELECT storage_key, job_id FROM file").fetchall())
        assert {key: contents[job_id] for key, job_id in files.items()} == tree(backup)


RESTORE_AND_DIE = """
import os, signal, sys
from pathlib import Path
import storage
from commands import data

at, source, when = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
count = 0

def trace(frame, event, argument):
    global count
    count += 1
    if count == int(when):
        os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
data.restore_backup(storage.Storage(at), source)
sys.settrace(None)
print(count)
"""


@pytest.mark.slow
def test_a_restore_that_is_killed_anywhere_happened_wholly_or_not_at_all(
    backed_up, make_app, tmp_path, app
):
    """Killed at lines around the commit: what the next start finds is one or the other."""
    app.extensions["receipts"].stop()
    wait_for = make_app(data=tmp_path / "data")
    client = wait_for.test_client()
    old = everything(client)
    client.delete("/ocr-jobs/1")
    wait(client, upload(client, "fake"))
    new = everything(client)
    wait_for.extensions["receipts"].stop()

    def killed(when, data):
        shutil.copytree(tmp_path / "data", data)
        command = [sys.executable, "-c", RESTORE_AND_DIE, str(data), str(tmp_path / "backup")]
        return subprocess.run([*command, str(when)], capture_output=True, text=True, timeout=60)

    total = int(killed(0, tmp_path / "whole").stdout)
    outcomes = []
    for number in range(12):
        data = tmp_path / f"killed-{number}"
        when = int(total * (0.75 + number / 48))  # the commit and around it
        assert killed(when, data).returncode == -signal.SIGKILL
        other = make_app(data=data)
        found = everything(other.test_client())
        assert json.dumps(found, default=str) in (
            json.dumps(old, default=str),
            json.dumps(new, default=str),
        )
        names = {f["storageKey"] for job in found[0] for f in job["files"]}
        assert set(tree(data)) == names
        outcomes.append(found == old)
        other.extensions["receipts"].stop()
    assert {True, False} == set(outcomes)
