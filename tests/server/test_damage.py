"""A database that is lost, damaged or another costs no upload, and a data directory is explained.

The damage is done to real files, under a running server and before a start.
"""

import ctypes
import errno
import fcntl
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

import db
from app import create_app
from tests.conftest import FLASK
from tests.fakes import fake, png, until, upload, wait
from tests.server.test_errors import bound_by_modes, mounted, try_upload
from tests.server.test_lifecycle import WAITRESS, go, started

NOISE = random.Random(5).randbytes


def tree(data):
    """All that is kept, by key; not the lock and what SQLite makes beside the database."""
    passing = ("lock", "receipts.db-shm")
    files = (path for path in data.rglob("*") if path.is_file() and path.name not in passing)
    contents = {str(path.relative_to(data)): path.read_bytes() for path in files}
    return {key: content for key, content in contents.items() if content}


# Under a running server


@contextmanager
def moved(path, other=None):
    """The path is not there for a while; instead there is the other one, or nothing."""
    away = path.with_name(f"away-{path.name}")
    path.rename(away)
    if other:
        shutil.copytree(other, path) if other.is_dir() else shutil.copy(other, path)
    yield
    if other:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    away.rename(path)


@contextmanager
def overwritten(path, change):
    """The file holds something else for a while; it stays the same file."""
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(changed := change(content))
        file.truncate(len(changed))
    yield
    path.write_bytes(content)


def other_database(data):
    path = data.with_name("other.db")
    db.create(path)
    return path


DAMAGE = {
    "deleted": (lambda data: moved(data / "receipts.db"), "receipts.db cannot be reached"),
    "replaced": (
        lambda data: moved(data / "receipts.db", other_database(data)),
        "receipts.db is not the file that was opened; restart the server",
    ),
    "without its log": (
        lambda data: moved(data / "receipts.db-wal"),
        "receipts.db cannot be reached (No such file or directory)",
    ),
    "noise": (
        lambda data: overwritten(data / "receipts.db", lambda content: NOISE(len(content))),
        "receipts.db was overwritten or cut short",
    ),
    "empty": (lambda data: overwritten(data / "receipts.db", lambda content: b""), "cut short"),
    "half": (
        lambda data: overwritten(data / "receipts.db", lambda c: c[: len(c) // 8192 * 4096]),
        "cut short",
    ),
    "unmounted": (lambda data: moved(data), "bring it or its disk back"),
    "an empty disk": (lambda data: moved(data, data.parent / "empty"), "its disk back"),
    "another disk": (lambda data: moved(data, data.parent / "another"), "restart the server"),
    "without uploads": (lambda data: moved(data / "uploads"), "cannot be written"),
}


@pytest.mark.slow
def test_ready_says_what_has_become_of_the_database_and_uploads_wait_until_it_is_back(
    serve, tmp_path, make_app
):
    (tmp_path / "empty").mkdir()
    make_app(data=tmp_path / "another").extensions["receipts"].stop()
    server, accepted = serve(*WAITRESS), []
    for name, (damage, words) in DAMAGE.items():
        accepted.append(try_upload(server, png()).json()["id"])
        server.wait(accepted[-1])
        with damage(server.data):
            ready = requests.get(f"{server.url}/ready", timeout=10)
            assert ready.status_code == 503, name
            assert words in ready.json()["details"], name
            refused = try_upload(server, png())
            assert refused.status_code == 503, name
            assert refused.json()["details"] in ready.json()["details"] or name == "without uploads"
            for path in ("ocr-jobs", "ocr-jobs/export.csv", "ocr-jobs/1"):
                answer = requests.get(f"{server.url}/{path}", timeout=10)
                assert answer.status_code == 503 or name == "without uploads", (name, path)
            assert requests.get(f"{server.url}/health", timeout=10).ok
        assert requests.get(f"{server.url}/ready", timeout=10).ok, name
    for job_id in accepted:
        assert server.job(job_id)["status"] == "completed"
    listing = requests.get(f"{server.url}/ocr-jobs?limit=50", timeout=10).json()
    assert [job["id"] for job in listing["data"]] == accepted[::-1]
    assert not any(path.is_file() for path in (server.data / "incoming").rglob("*"))
    assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_what_is_read_while_the_data_is_away_is_recorded_when_it_is_back(serve):
    server = serve(OCR_WORKERS="1")
    job_id = server.upload(png(), "slow")
    until(lambda: started(server.data))
    elsewhere = server.data.with_name("elsewhere")
    elsewhere.mkdir()
    go(elsewhere)
    with moved(server.data, elsewhere):
        until(lambda: "cannot be recorded yet: receipts.db" in server.log.read_text())
    assert server.wait(job_id)["status"] == "completed"
    assert len(started(server.data)) == 1


@pytest.mark.slow
def test_a_disk_without_inodes_is_not_ready_and_refuses_uploads(serve, tmp_path):
    with mounted(tmp_path / "disk", "size=300m,nr_inodes=60"):
        server = serve(data=tmp_path / "disk/data")
        ready = requests.get(f"{server.url}/ready", timeout=10)
        assert ready.status_code == 503 and "no inodes left" in ready.json()["details"]
        answers = [try_upload(server, png()) for _ in range(60)]
        assert {answer.status_code for answer in answers} == {200, 507}
        for answer in answers:
            if answer.ok:
                assert server.wait(answer.json()["id"])["status"] == "completed"
        assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_a_disk_that_becomes_read_only_is_told_and_what_was_accepted_is_kept(serve, tmp_path):
    with mounted(tmp_path / "disk", "size=300m"):
        server = serve(data=tmp_path / "disk/data")
        kept = try_upload(server, png()).json()["id"]
        server.wait(kept)
        with read_only(server.data):
            ready = requests.get(f"{server.url}/ready", timeout=10)
            assert ready.status_code == 503
            refused = try_upload(server, png())
            assert refused.status_code in (503, 507), refused.text
            for answer in (ready, refused):
                assert "cannot be written" in answer.json()["details"]
            assert requests.delete(f"{server.url}/ocr-jobs/{kept}", timeout=10).status_code == 503
            assert requests.get(f"{server.url}/health", timeout=10).ok
        assert requests.get(f"{server.url}/ready", timeout=10).ok
        assert server.wait(try_upload(server, png()).json()["id"])["status"] == "completed"
        assert server.job(kept)["status"] == "completed"
        assert "Traceback" not in server.log.read_text()


@contextmanager
def read_only(directory):
    """The directory is its own, but nothing in it can be written for a while."""
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("command", [(*FLASK, "run"), WAITRESS], ids=["flask run", "waitress"])
def test_a_full_tmp_costs_no_upload(serve, tmp_path, command):
    """/tmp itself, in a namespace of its own: TMPDIR would show only what asks tempfile."""
    mount = "mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs /tmp"
    script = f"{mount} && exec {' '.join(command)}"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        data = Path(home, "data")
        server = serve("unshare", "--mount", "bash", "-c", script, data=data)
        for size in (1_000, 600_000, 5_000_000):
            job_id = try_upload(server, png() + bytes(size)).json()["id"]
            assert server.wait(job_id)["status"] == "completed"
        export = requests.get(f"{server.url}/ocr-jobs/export.csv", timeout=10)
        assert len(export.text.splitlines()) == 4
        assert requests.get(f"{server.url}/ready", timeout=10).ok
        server.end(signal.SIGTERM)


# Before a start


@pytest.fixture
def used(make_app, tmp_path):
    """A data directory with three jobs, its server stopped."""
    app = make_app()
    for _ in range(3):
        wait(app.test_client(), upload(app.test_client(), "fake"))
    app.extensions["receipts"].stop()
    return tmp_path / "data"


def foreign(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmark (url)")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(NOISE(200_000)), "is damaged: it does not begin"),
        (lambda path: path.write_bytes(b""), "is damaged: it does not begin"),
        (lambda path: path.write_bytes(path.read_bytes()[:40_960]), "is damaged: database disk"),
        (lambda path: path.write_bytes(path.read_bytes()[:100] + NOISE(200_000)), "is damaged: "),
        (foreign, "is a database of another program"),
    ],
    ids=["noise", "empty", "half", "noise after the header", "another program's"],
)
def test_a_start_on_a_damaged_database_says_what_to_do_and_touches_nothing(
    used, damage, words, make_app
):
    database = used / "receipts.db"
    damage(database)
    (used / "incoming/upload").mkdir()
    (used / "incoming/upload/a.png").write_bytes(png())
    before = tree(used)
    with pytest.raises(SystemExit) as exit:
        create_app(used, {"fake": fake()}, {}, serve=True)
    assert str(exit.value).startswith(f"{database} ")
    assert words in str(exit.value) and "\n" not in str(exit.value)
    assert "flask restore" in str(exit.value) or "another program" in words
    assert tree(used) == before


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), WAITRESS], ids=["flask run", "waitress"])
def test_a_start_on_noise_prints_one_sentence(serve, used, command):
    (used / "receipts.db").write_bytes(NOISE(200_000))
    server = serve(*command, up=False)
    assert server.process.wait(60) == 1
    (line,) = server.log.read_text().splitlines()
    assert line.startswith(f"{used}/receipts.db is damaged") and "flask restore DIRECTORY" in line


def test_a_restore_puts_a_damaged_database_aside(used, make_app, tmp_path):
    app = make_app()
    run = app.test_cli_runner()
    assert run.invoke(args=["backup", str(tmp_path / "backup")]).exit_code == 0
    late = upload(app.test_client(), "fake")
    wait(app.test_client(), late)
    app.extensions["receipts"].stop()
    database = used / "receipts.db"
    for leftover in (database, used / "receipts.db-wal"):
        leftover.write_bytes(noise := NOISE(100_000))
    result = run.invoke(args=["restore", "--yes", str(tmp_path / "backup")])
    assert result.output == "Restored 3 jobs with 3 files\n"
    assert (used / "damaged-receipts.db").read_bytes()[:16] != b"SQLite format 3\0"
    assert (used / "damaged-receipts.db-wal").read_bytes() == noise
    client = make_app().test_client()
    assert [job["id"] for job in client.get("/ocr-jobs").json["data"]] == [3, 2, 1]
    assert (used / f"uploads/{late}/0.png").exists()  # no job knows it: it is kept
    assert upload(client, "fake") == late + 1


# Lost, older, another's: no upload is deleted


def lose_the_log(data, tmp_path):
    (data / "receipts.db-wal").unlink()


def lose_all(data, tmp_path):
    for path in data.glob("receipts.db*"):
        path.unlink()


def take_an_older_one(data, tmp_path):
    lose_all(data, tmp_path)
    shutil.copy(tmp_path / "older.db", data / "receipts.db")


def take_anothers(data, tmp_path):
    lose_all(data, tmp_path)
    shutil.copy(tmp_path / "another/receipts.db", data / "receipts.db")


LOSSES = {lose_the_log: 5, lose_all: 5, take_an_older_one: 4, take_anothers: 4}


@pytest.fixture
def killed(serve, tmp_path, make_app):
    """The data of five jobs after a kill -9, beside an older copy of the database and another's."""
    other = make_app(data=tmp_path / "another")
    wait(other.test_client(), upload(other.test_client(), "fake"))
    other.extensions["receipts"].stop()
    server = serve()
    for number in range(1, 6):
        server.wait(server.upload(png((8, number)), "mistral"))
    with closing(sqlite3.connect(server.data / "receipts.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(tmp_path / "older.db")])
    with closing(sqlite3.connect(tmp_path / "older.db")) as older:
        older.create_function("folded", 1, db.folded)
        older.executescript("PRAGMA foreign_keys = 1; DELETE FROM job WHERE id > 1;")
        older.executescript("DELETE FROM garbage; UPDATE sqlite_sequence SET seq = 1")
    server.end(signal.SIGKILL)
    return server.data


@pytest.mark.slow
def test_a_lost_database_costs_no_original(serve, tmp_path, killed):
    for lose, orphans in LOSSES.items():
        data = tmp_path / lose.__name__
        shutil.copytree(killed, data)
        originals = {path: path.read_bytes() for path in (data / "uploads").rglob("*.*")}
        assert len(originals) == 5
        lose(data, tmp_path)
        server = serve(data=data)
        told = f"{orphans} directories under {data}/uploads belong to no job"
        until(lambda told=told, log=server.log: told in log.read_text())
        assert server.upload(png(), "mistral") == 6  # its directory is nobody else's
        assert {path: path.read_bytes() for path in originals} == originals
        run = create_app(data, {"fake": fake()}, {}, serve=False).test_cli_runner()
        doctor = run.invoke(args=["doctor"]).output
        assert f"!! database: {orphans} directories of uploads/ belong to no job" in doctor
        names = ", ".join(map(str, range(6 - orphans, 6)))
        dry = run.invoke(args=["purge", "--orphans", "--dry-run"]).output
        assert dry == f"Would delete {orphans} directories: {names}\n"
        assert all(path.exists() for path in originals)
        purged = run.invoke(args=["purge", "--orphans"]).output
        assert purged == f"Deleted {orphans} directories: {names}\n"
        assert sum(path.exists() for path in originals) == 5 - orphans
        assert (data / "uploads/6/receipt.jpg").exists()


# A data directory that cannot be used

FLASK_RUN = (*FLASK, "run")
COMMANDS = {
    "flask run": FLASK_RUN,
    "waitress": [word.format(port=0) for word in WAITRESS],
    "flask purge": (*FLASK, "purge", "--older-than", "1d"),
}


def refusal(command, data, refused_calls=()):
    """The only line that a command prints, which ends with it."""
    done = subprocess.run(
        command,
        env=os.environ | {"FLASK_APP": "tests.fakes", "DATA_DIR": str(data), "FLASK_RUN_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=(lambda: refuse(refused_calls)) if refused_calls else None,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_data_directory_that_is_a_file_is_told_in_one_sentence(tmp_path, name):
    (tmp_path / "data").write_text("a file")
    said = refusal(COMMANDS[name], tmp_path / "data")
    assert said.startswith(f"{tmp_path}/data cannot hold the data (it is a file): check its owner")
    assert "DATA_DIR" in said


@pytest.mark.slow
def test_a_data_directory_below_a_file_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("a file")
    said = refusal(FLASK_RUN, tmp_path / "file/data")
    assert said.startswith(f"{tmp_path}/file/data cannot hold the data (Not a directory)")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["data/lock", "data/receipts.db"])
def test_a_data_directory_that_cannot_be_written_is_told_in_one_sentence(used, place):
    path = used.parent / place
    path.chmod(0o500 if path.is_dir() else 0o400)
    before = tree(used)
    said = refusal(bound_by_modes(*FLASK_RUN), used)
    path.chmod(0o700)
    assert said.startswith(str(used)) and " cannot " in said and "DATA_DIR" in said, said
    assert tree(used) == before


@pytest.mark.slow
def test_a_disk_that_is_read_only_is_told_in_one_sentence(tmp_path):
    disk = tmp_path / "disk"
    with mounted(disk, "ro"):
        said = refusal(FLASK_RUN, disk / "data")
    assert said.startswith(f"{disk}/data cannot hold the data (Read-only file system)")


CALLS = {"x86_64": {"fcntl": 72, "flock": 73}, "aarch64": {"fcntl": 25, "flock": 32}}
LIBC = ctypes.CDLL(None)


def refuse(calls):
    """Have the kernel refuse these calls of this process, by seccomp, as a share without locks."""
    load, equals, end, allow, refused = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
    lines = [(load, 0, 0, 0)]  # the call's number
    if "flock" in calls:
        lines += [(equals, 0, 1, CALLS[os.uname().machine]["flock"])]
        lines += [(end, 0, 0, refused | errno.ENOLCK)]
    if "fcntl" in calls:  # only those that lock
        lines += [(equals, 0, 3, CALLS[os.uname().machine]["fcntl"]), (load, 0, 0, 24)]
        lines += [(equals, 0, 1, fcntl.F_SETLK), (end, 0, 0, refused | errno.EOPNOTSUPP)]
    lines += [(end, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code))
    assert LIBC.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert LIBC.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("flock", "(No locks available): its disk has no file locks"),
        ("fcntl", "receipts.db cannot be used (disk I/O error); DATA_DIR must be"),
    ],
)
def test_a_share_without_locks_is_told_in_one_sentence(tmp_path, call, words):
    said = refusal(FLASK_RUN, tmp_path / "data", [call])
    assert said.startswith(f"{tmp_path}/data") and words in said
