"""The database keeps what is recorded, and derives the rest itself."""

import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

import db


@pytest.fixture
def connection(tmp_path):
    path = tmp_path / "receipts.db"
    db.create(path)
    with closing(db.connect(path)) as connection:
        yield connection


def add(connection, *statuses, name=None):
    """The id of a job with an execution for each status, each of a file of its own."""
    with connection:
        job_id = db.add_job(connection, name)
        for number, status in enumerate(statuses):
            file_id = db.add_file(
                connection,
                job_id,
                original_name=f"{number}.jpg",
                storage_key=f"uploads/{job_id}/{number}.jpg",
                media_type="image/jpeg",
                size=1,
                sha256="",
            )
            bring_to(connection, db.add_execution(connection, file_id, "fake"), status)
    return job_id


def bring_to(connection, execution_id, status):
    claim = db.claim(connection, execution_id)["claim"] if status != "pending" else ""
    if status == "completed":
        db.end(connection, execution_id, claim, None, "{}")
    elif status != "pending" and status != "running":
        db.end(connection, execution_id, claim, status, "it failed")


def job(connection, job_id):
    found = db.get_job(connection, job_id)
    return found["status"], found["failedFiles"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], ("pending", 0)),  # never seen: an upload has a file at least
        (["pending"], ("pending", 0)),
        (["pending", "pending"], ("pending", 0)),
        (["running"], ("running", 0)),
        (["running", "pending"], ("running", 0)),
        (["completed", "pending"], ("running", 0)),
        (["timeout", "pending"], ("running", 1)),
        (["completed", "running"], ("running", 0)),
        (["completed"], ("completed", 0)),
        (["completed", "timeout"], ("completed", 1)),
        (["timeout", "bad_image"], ("completed", 2)),
        (["crashed"], ("completed", 1)),
        (["file_missing"], ("failed", 1)),
        (["file_missing", "file_missing"], ("failed", 2)),
        (["file_missing", "completed"], ("completed", 1)),
        (["file_missing", "timeout"], ("completed", 2)),
    ],
)
def test_a_job_is_what_its_executions_are(connection, statuses, expected):
    assert job(connection, add(connection, *statuses)) == expected


def test_a_file_counts_as_failed_by_its_latest_execution(connection):
    job_id = add(connection, "timeout", "completed")
    with connection:
        bring_to(connection, db.add_execution(connection, 1, "other"), "completed")
    assert job(connection, job_id) == ("completed", 0)
    with connection:
        bring_to(connection, db.add_execution(connection, 2, "other"), "timeout")
    assert job(connection, job_id) == ("completed", 1)


def test_a_job_follows_when_files_go(connection):
    job_id = add(connection, "completed", "timeout", "pending")
    with connection:
        assert db.delete_file(connection, job_id, 3)
    assert job(connection, job_id) == ("completed", 1)
    with connection:
        assert db.delete_file(connection, job_id, 2)
    assert job(connection, job_id) == ("completed", 0)
    with connection:
        assert db.delete_file(connection, job_id, 1)
    assert db.get_job(connection, job_id)["files"] == []
    assert job(connection, job_id) == ("completed", 0)


def test_a_change_of_an_execution_is_a_change_of_its_job_and_of_no_other(connection):
    first, second = add(connection, "pending"), add(connection, "pending")
    connection.execute("UPDATE job SET updated_at = '2024-01-01T00:00:00Z'")
    with connection:
        db.claim(connection, 1)
    changed = [db.get_job(connection, n)["updatedAt"] for n in (first, second)]
    assert changed[0] > "2025" and changed[1] == "2024-01-01T00:00:00Z"


def test_deleting_cascades_from_job_to_execution(connection):
    add(connection, "completed", "timeout")
    kept = add(connection, "completed")
    with connection:
        assert db.delete_job(connection, 1)
    rows = {
        t: connection.execute(f"SELECT id FROM {t}").fetchall()
        for t in ("job", "file", "execution")
    }
    assert {t: [row["id"] for row in found] for t, found in rows.items()} == {
        "job": [kept],
        "file": [3],
        "execution": [3],
    }


def test_what_is_running_is_listed_by_job_and_by_file(connection):
    job_id, other = add(connection, "running", "completed", "running"), add(connection, "running")
    assert db.list_running(connection, job_id) == [1, 3]
    assert db.list_running(connection, job_id, 3) == [3]
    assert db.list_running(connection, job_id, 2) == db.list_running(connection, other, 1) == []


def test_what_is_missing_was_not_deleted(connection):
    job_id = add(connection, "completed")
    assert not db.delete_file(connection, job_id, 99)
    assert not db.delete_file(connection, 99, 1)
    assert not db.delete_job(connection, 99)


def test_outcomes_are_recorded_only_for_what_is_running(connection):
    add(connection, "completed", "pending")
    claim = connection.execute("SELECT claim FROM execution WHERE id = 1").fetchone()[0]
    assert db.end(connection, 1, claim, "timeout", "late") is None
    assert db.end(connection, 2, claim, None, "{}") is None
    statuses = [f["executions"][0]["status"] for f in db.get_job(connection, 1)["files"]]
    assert statuses == ["completed", "pending"]


def test_functions_leave_the_commit_to_their_caller(tmp_path, connection):
    db.add_job(connection, "x")
    with closing(db.connect(tmp_path / "receipts.db")) as other:
        assert db.get_job(other, 1) is None
        connection.commit()
        assert db.get_job(other, 1)["name"] == "x"


def test_a_database_is_wal_with_foreign_keys_and_a_busy_timeout(connection):
    pragmas = ("journal_mode", "foreign_keys", "busy_timeout", "secure_delete", "synchronous")
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 1, 5000, 1, 2]
    with pytest.raises(sqlite3.IntegrityError):
        db.add_execution(connection, 99, "fake")


def test_a_writer_waits_for_another(tmp_path, connection):
    written = threading.Event()

    def write():
        with closing(db.connect(tmp_path / "receipts.db")) as second, second:
            db.add_job(second, "waited")
        written.set()

    connection.execute("BEGIN IMMEDIATE")
    thread = threading.Thread(target=write)
    thread.start()
    assert not written.wait(0.2)
    connection.rollback()
    thread.join(5)
    assert db.get_job(connection, 1)["name"] == "waited"


@pytest.fixture
def many_switches():
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_a_database_that_grows_is_not_cut_short_for_threads_that_look(
    tmp_path, connection, many_switches
):
    opened = db.Opened(tmp_path / "receipts.db")

    def look(_):
        for _ in range(5000):
            opened.check()

    with closing(opened), ThreadPoolExecutor(4) as threads:
        looks = threads.map(look, range(4))
        for _ in range(150):
            with connection:
                db.add_job(connection, "A" * 50_000)
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        list(looks)  # raises what they raised


def test_creating_again_changes_nothing(tmp_path, connection):
    job_id = add(connection, "completed", name="kept")
    db.create(tmp_path / "receipts.db")
    assert db.get_job(connection, job_id)["name"] == "kept"
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_only_its_owner_can_read_the_database(tmp_path, connection):
    add(connection, "pending")
    for path in tmp_path.glob("receipts.db*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_status_that_does_not_exist_is_refused(connection):
    add(connection, "pending")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE execution SET status = 'done'")


def test_what_is_unfinished_is_found_by_an_index(connection):
    for condition, index in (("pending", "execution_pending"), ("running", "execution_running")):
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT id FROM execution WHERE status = '{condition}'"
        ).fetchall()
        assert index in plan[0]["detail"]


def test_a_page_of_jobs_needs_no_sorting(connection):
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM job ORDER BY created_at DESC, id DESC LIMIT 20"
    ).fetchall()
    assert [("job_created" in row["detail"], "TEMP" in row["detail"]) for row in plan] == [
        (True, False)
    ]
