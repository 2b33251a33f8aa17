"""The data of earlier releases is migrated, and that of a later one left alone."""

import gzip
import json
import re
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

import db
from tests.fakes import fake, png, until, wait
from worker.readings import read_old

FIRST_RELEASE = Path("tests/data/release-1.db")
WITH_RECEIPTS = Path("tests/data/release-6.db.gz")  # of 1.1.0: corrected, confirmed, failed


@pytest.fixture
def old(tmp_path):
    """A data directory as the first release left it, with its files."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(FIRST_RELEASE, data / "receipts.db")
    for key in ("1/r0.jpg", "1/r1.jpg", "2/r0.jpg", "2/r1.jpg"):
        (data / "uploads" / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("samples/receipt.jpg", data / "uploads" / key)
    return data


@pytest.fixture
def with_receipts(tmp_path):
    """A data directory as 1.1.0 left it, without its files."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "receipts.db").write_bytes(gzip.decompress(WITH_RECEIPTS.read_bytes()))
    return data


def structure(path):
    """Everything a schema is made of, whatever way it came about."""
    with closing(db.connect(path)) as connection:
        objects = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        ).fetchall()
        tables = [row["name"] for row in objects if row["type"] == "table"]
        return {
            "objects": [(row["type"], row["name"], row["tbl_name"], *_sql(row)) for row in objects],
            "columns": {
                table: [tuple(c) for c in connection.execute(f"PRAGMA table_info({table})")]
                for table in tables
            },
            "references": {
                table: [tuple(c) for c in connection.execute(f"PRAGMA foreign_key_list({table})")]
                for table in tables
            },
            "version": connection.execute("PRAGMA user_version").fetchone()[0],
            "counts": counts(connection),
        }


def _sql(row):
    """The text of what ALTER TABLE cannot change, without its layout and comments."""
    if row["type"] == "table":
        return ()
    lines = [line.partition("--")[0] for line in (row["sql"] or "").splitlines()]
    return (" ".join(" ".join(lines).split()),)


def counts(connection):
    """The statuses a new database counts jobs of."""
    return [row["status"] for row in connection.execute("SELECT status FROM job_count")]


@pytest.mark.parametrize("release", ["old", "with_receipts"])
def test_a_migrated_schema_is_that_of_a_new_database(request, release, tmp_path):
    path = request.getfixturevalue(release) / "receipts.db"
    db.create(path)
    db.create(tmp_path / "new.db")
    assert structure(path) == structure(tmp_path / "new.db")


def test_every_version_has_its_step():
    names = sorted(int(path.stem) for path in Path("migrations").glob("*.sql"))
    assert names == list(range(2, db.VERSION + 1))


def test_a_database_of_the_first_release_is_opened_migrated_and_served(old, make_app):
    with closing(sqlite3.connect(FIRST_RELEASE)) as connection:
        query = "SELECT ocr_data FROM execution WHERE id = 1"
        (ocr_data,) = connection.execute(query).fetchone()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    client = make_app({"tesseract": fake("T"), "openai": fake("O")}).test_client()
    job = client.get("/ocr-jobs/1").json
    assert (job["name"], job["status"], job["failedFiles"]) == ("Weekly Groceries", "completed", 1)
    (read,), (failed,) = [file["executions"] for file in job["files"]]
    assert read["ocrData"] == ocr_data
    assert (failed["status"], failed["error"]["code"]) == ("failed", "bad_image")
    unfinished = wait(client, 2)  # it was pending and running when the old server died
    texts = [json.loads(f["executions"][0]["ocrData"])["text"] for f in unfinished["files"]]
    assert texts == ["O", "T"]
    with client.get("/ocr-jobs/1/files/1") as response:
        assert response.data == Path("samples/receipt.jpg").read_bytes()


def test_what_later_releases_added_works_on_an_old_database(old, make_app):
    client = make_app({"tesseract": fake("T"), "openai": fake("O")}).test_client()
    wait(client, 2)
    for query, found in (("search=weekly", [1]), ("search=r0.jpg", [2, 1]), ("", [2, 1])):
        assert [job["id"] for job in client.get(f"/ocr-jobs?{query}").json["data"]] == found
    assert client.get("/ocr-jobs?status=completed").json["pagination"]["total"] == 2
    url = "/ocr-jobs/1/files/2/executions"
    assert client.post(url, data={"ocrProvider": "openai"}).json == {"id": 5}
    assert wait(client, 1)["failedFiles"] == 0
    assert client.delete("/ocr-jobs/1").status_code == 200


def test_receipts_of_1_1_0_stay_as_they_are_and_are_found_and_added_up(with_receipts, make_app):
    client = make_app({}).test_client()
    found = {r["id"]: r for r in client.get("/receipts").json["data"]}
    assert {id: (r["merchant"], r["total"], r["state"]) for id, r in found.items()} == {
        1: ("SDN BHD", 13.2, "confirmed"),
        2: ("Złoty Kłos", 5.5, "ok"),
        3: ("sdn bild", 20, "ok"),
        4: (None, None, "failed"),
        5: ("Złoty Kłos", 5.5, "ok"),
    }
    for words, ids in (("złoty", [5, 2]), ("ZLOTY klo", [5, 2]), ("flat bhd", [3, 1])):
        answer = client.get("/receipts", query_string={"search": words}).json
        assert [receipt["id"] for receipt in answer["data"]] == ids
    most = client.get("/receipts?search=jpg").json  # added up from those that lack the word
    assert sum(row["count"] for row in most["sums"]) == len(most["data"])
    summary = client.get("/receipts/summary?by=merchant").json["data"]
    assert {(r["merchant"], r["currency"]): (r["count"], r["total"]) for r in summary} == {
        ("SDN BHD", "EUR"): (1, 13.2),
        ("sdn bild", "USD"): (1, 20),
        ("Złoty Kłos", "PLN"): (2, 11),
        (None, None): (1, 0),
    }
    update = {"updatedAt": found[2]["updatedAt"], "set": {"merchant": "Kłos", "currency": "EUR"}}
    assert client.patch("/receipts/2", json=update).status_code == 200
    sums = {r["currency"]: r["total"] for r in client.get("/receipts").json["sums"]}
    assert sums == {None: 0, "EUR": 18.7, "PLN": 5.5, "USD": 20}


def test_a_database_of_a_newer_release_is_refused_and_left_alone(old, make_app):
    with closing(sqlite3.connect(old / "receipts.db")) as connection:
        connection.execute(f"PRAGMA user_version = {db.VERSION + 1}")
    before = (old / "receipts.db").read_bytes()
    with pytest.raises(SystemExit, match="was made by a newer release") as refused:
        db.create(old / "receipts.db")
    assert str(db.VERSION + 1) in str(refused.value) and "backup" in str(refused.value)
    assert (old / "receipts.db").read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_database(old):
    with closing(sqlite3.connect(old / "receipts.db")) as connection, connection:
        connection.execute(f"CREATE TABLE job_search (in_the_way_of_release_{db.VERSION} TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        db.create(old / "receipts.db")
    with closing(sqlite3.connect(old / "receipts.db")) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "upload_key" not in names  # an earlier step's, undone with the failed one
        connection.execute("DROP TABLE job_search")
    db.create(old / "receipts.db")


def test_processes_that_start_at_once_migrate_once(old, tmp_path):
    for path in (old / "receipts.db", tmp_path / "new.db"):
        errors = []

        def create(path=path, errors=errors):
            try:
                db.create(path)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def test_what_is_being_asked_whether_it_can_be_written_keeps_its_version(tmp_path):
    db.create(tmp_path / "new.db")
    with closing(db.connect(tmp_path / "new.db")) as connection:
        connection.execute(f"PRAGMA user_version = {db.VERSION + 1}")  # a newer release migrated it
        db.write_nothing(connection)
        assert connection.execute("PRAGMA user_version").fetchone()[0] == db.VERSION + 1


def test_a_stored_reading_that_makes_no_sense_keeps_no_other_from_being_filled_in(old):
    with closing(sqlite3.connect(old / "receipts.db")) as connection, connection:
        connection.execute(
            "UPDATE execution SET status = 'completed', ocr_data = '[1' WHERE id = 4"
        )
    db.create(old / "receipts.db")
    with closing(db.connect(old / "receipts.db")) as connection, connection:
        assert read_old(connection, 50) and not read_old(connection, 50)
        states = [*map(tuple, connection.execute("SELECT state FROM receipt ORDER BY id"))]
        assert states == [("ok",), ("failed",), ("reading",), ("reading",)]
        (found,) = connection.execute(
            "SELECT count(*) FROM receipt_search WHERE receipt_search MATCH 'r0'"
        ).fetchone()
        assert found == 2


def test_receipts_of_an_older_release_are_filled_in_step_by_step(old):
    """Each step is one transaction, so that the next start goes on where a kill came."""
    db.create(old / "receipts.db")
    seen = []
    for files in (1, 2, 50, 50):
        with closing(db.connect(old / "receipts.db")) as connection, connection:
            seen.append(db.count_unfilled(connection))
            read_old(connection, files)
    assert seen == [4, 3, 1, 0]
    with closing(db.connect(old / "receipts.db")) as connection:
        rows = [dict(row) for row in connection.execute("SELECT * FROM receipt ORDER BY id")]
        for row in rows:
            completed = [id for id, _ in db.list_completed(connection, row["file_id"])]
            assert row["execution_id"] == (completed[0] if completed else None)
        assert {row["state"] for row in rows} <= {"ok", "review", "failed", "reading"}
        (total,) = connection.execute("SELECT sum(n) FROM receipt_sum").fetchone()
        assert total == 3 * len(rows) == 12


OLD_FILES = 1000


@pytest.fixture
def large(old):
    """The same with many more jobs, whose executions are completed."""
    with closing(sqlite3.connect(old / "receipts.db")) as connection, connection:
        (now,) = connection.execute("SELECT max(created_at) FROM job").fetchone()
        (ocr_data,) = connection.execute("SELECT ocr_data FROM execution WHERE id = 1").fetchone()
        numbers = range(10, 10 + OLD_FILES)
        connection.executemany(
            "INSERT INTO job (id, created_at, updated_at) VALUES (?, ?, ?)",
            [(n, now, now) for n in numbers],
        )
        connection.executemany(
            """
            INSERT INTO file (id, job_id, original_name, storage_key, media_type, size, sha256)
            VALUES (?1, ?1, 'a.jpg', ?1, 'image/jpeg', 1, ?1)
            """,
            [(n,) for n in numbers],
        )
        connection.executemany(
            """
            INSERT INTO execution (file_id, provider, status, ocr_data, created_at, updated_at)
            VALUES (?, 'fake', 'completed', ?, ?, ?)
            """,
            [(n, ocr_data, now, now) for n in numbers],
        )
    return old


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_makes_the_schema_new_changes_nothing(large, serve):
    """In that time it does not answer yet; the next start begins again, and then serves all."""

    def is_locked():
        try:
            with closing(sqlite3.connect(database, timeout=0)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False

    def stored():
        with closing(sqlite3.connect(database)) as connection:
            assert db.integrity(connection) == "ok"
            return db.version(connection), [*connection.iterdump()]

    database = large / "receipts.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            """
            WITH RECURSIVE number (n) AS (VALUES (2000) UNION ALL SELECT n + 1 FROM number)
            INSERT INTO job (id, name, created_at, updated_at)
            SELECT n, 'Job ' || n, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z' FROM number
            LIMIT 60000  -- so many that the step takes half a second on a fast machine
            """
        )
    before = stored()
    for seconds in (0, 0.02, 0.04):
        server = serve(data=large, up=False)
        until(is_locked)
        time.sleep(seconds)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.url}/health", timeout=5)
        assert server.end() == -signal.SIGKILL
        assert stored() == before
    server = serve(data=large)
    listed = requests.get(f"{server.url}/ocr-jobs?search=job", timeout=20).json()
    assert listed["pagination"]["total"] == 60000
    assert server.job(server.upload(png(), "slow"))["status"] in ("pending", "running")


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_fills_in_receipts_goes_on_at_the_next_start(large, serve):
    def left():
        with suppress(sqlite3.OperationalError), closing(db.connect(database, "ro")) as connection:
            return db.count_unfilled(connection)
        return OLD_FILES  # there is no such table yet, or the start has locked it

    database = large / "receipts.db"
    for most in (950, 800, 600):
        server = serve(data=large, up=False)
        found = until(left, lambda n, most=most: n <= most)
        assert server.end() == -signal.SIGKILL
        assert found > 0 and left() <= found
    server = serve(data=large)
    until(left, lambda n: n == 0)
    reports = re.findall(r"receipts of (\d+) files of an older release", server.log.read_text())
    assert len(reports) >= 4 and sorted(map(int, reports), reverse=True) == [*map(int, reports)]
    with closing(db.connect(database)) as connection:
        (counts,) = connection.execute(
            """
            SELECT
                (SELECT count(*) FROM receipt WHERE id >= 10 AND execution_id > 4
                    AND state IN ('ok', 'review') AND merchant = 'CORNER CAFE'),
                (SELECT count(*) FROM receipt_search WHERE receipt_search MATCH 'corner'),
                (SELECT count(*) FROM receipt), (SELECT count(*) FROM receipt_search),
                (SELECT count(*) FROM receipt_search WHERE receipt_search MATCH '∀'),
                (SELECT sum(n) FROM receipt_sum WHERE part = '*')
            """
        ).fetchall()
    everything = OLD_FILES + 4
    assert tuple(counts) == (OLD_FILES, OLD_FILES + 1, *[everything] * 4)


def test_a_server_fills_in_the_receipts_of_an_older_release(old, make_app):
    client = make_app(data=old).test_client()
    until(lambda: client.get("/receipts").json["unfilled"] == 0)
    assert client.get("/receipts").json["pagination"]["total"] == 4
    names = [row["fileName"] for row in client.get("/receipts?search=r0").json["data"]]
    assert names == ["r0.jpg", "r0.jpg"]
