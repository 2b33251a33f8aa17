"""Files that come to rest in WATCH_DIR become jobs, once each, and are moved with their reason."""

import os
import signal
import tempfile

import pytest
import requests

from server.watch import look
from tests.conftest import PRODUCTION
from tests.fakes import fake, png, until, wait

REST = {"WATCH_REST_S": "1", "WATCH_PROVIDER": "mistral"}


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def files(inbox):
    """All that is in the directory, by its path from there."""
    return {str(p.relative_to(inbox)): p.read_bytes() for p in inbox.rglob("*") if p.is_file()}


def put(inbox, name, content):
    """As programs do that do not want it to be seen before it is whole."""
    (inbox / f".{name}").write_bytes(content)
    (inbox / f".{name}").rename(inbox / name)


def jobs(server):
    return requests.get(f"{server.url}/ocr-jobs?sort=createdAt:asc", timeout=20).json()["data"]


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), PRODUCTION], ids=["flask run", "production"])
def test_a_picture_becomes_a_job_and_what_is_none_is_told_why(serve, inbox, command):
    large = png().ljust(20_000, b"\0")
    for name, content in {"a b.png": png(), "note.pdf": b"no PDF", "large.png": large}.items():
        put(inbox, name, content)
    (inbox / "folder").mkdir()
    (inbox / "link.png").symlink_to(inbox / "a b.png")
    server = serve(*command, WATCH_DIR=str(inbox), MAX_FILE_SIZE_BYTES="10000", **REST)
    until(lambda: len(files(inbox)) >= 5 and "done/a b.png" in files(inbox))
    found = until(lambda: files(inbox), lambda found: "failed/note.pdf" in found)
    (job,) = jobs(server)
    job = server.wait(job["id"])
    (file,) = job["files"]
    assert (file["originalName"], file["executions"][0]["ocrProvider"]) == ("a b.png", "mistral")
    assert found["done/a b.png"] == png()
    assert b"not a picture" in found["failed/note.pdf.txt"]
    assert b"more than 10000 bytes; see MAX_FILE_SIZE_BYTES" in found["failed/large.png.txt"]
    assert (inbox / "link.png").is_symlink()
    assert "a b.png" not in server.log.read_text()


@pytest.mark.slow
def test_what_was_stored_but_not_moved_when_the_server_was_killed_is_no_second_job(serve, inbox):
    put(inbox, "a.png", png())
    server = serve(WATCH_DIR=str(inbox), **REST)
    until(lambda: "done/a.png" in files(inbox))
    server.end(signal.SIGKILL)
    (inbox / "done/a.png").rename(inbox / "a.png")
    server = serve(WATCH_DIR=str(inbox), **REST)
    put(inbox, "b.png", png())  # the same under another name is another
    until(lambda: {"done/a.png", "done/b.png"} <= set(files(inbox)))
    assert len(jobs(server)) == 2
    put(inbox, "a.png", png((9, 9)))
    until(lambda: files(inbox).get("done/a-1.png") == png((9, 9)))
    assert len(jobs(server)) == 3


def test_a_file_is_at_rest_since_its_last_change_and_hidden_or_empty_ones_are_left(inbox):
    (inbox / "a.png").write_bytes(b"1")
    (inbox / ".hidden").write_bytes(b"1")
    (inbox / "empty").touch()
    first = look(inbox, {}, 10.0)
    assert {path.name: file.since for path, file in first.items()} == {"a.png": 10.0}
    assert look(inbox, first, 11.0) == first
    (inbox / "a.png").write_bytes(b"12")
    grown = look(inbox, first, 12.0)
    assert grown[inbox / "a.png"].since == 12.0
    os.utime(inbox / "a.png", ns=(1, 1))
    assert look(inbox, grown, 13.0)[inbox / "a.png"].since == 13.0


@pytest.mark.slow
def test_files_wait_for_a_provider_that_is_not_set_up_and_for_the_directory(
    make_app, inbox, caplog
):
    reason = ["its key is not set"]
    off = fake(unavailable=lambda settings: reason[0])
    env = {"WATCH_DIR": str(inbox), "WATCH_PROVIDER": "off", "WATCH_REST_S": "1"}
    client = make_app({"off": off}, env).test_client()
    put(inbox, "a.png", png())
    until(lambda: "has to wait: WATCH_PROVIDER off is not available: its key" in caplog.text)
    assert files(inbox) == {"a.png": png()}
    inbox.rename(inbox.with_name("away"))
    until(lambda: "WATCH_DIR cannot be read: No such file" in caplog.text)
    reason[0] = None
    inbox.with_name("away").rename(inbox)
    until(lambda: "done/a.png" in files(inbox))
    assert wait(client, 1)["status"] == "completed"


@pytest.mark.slow
def test_a_file_that_cannot_be_moved_holds_up_no_other_and_is_one_job(make_app, inbox, caplog):
    client = make_app(env={"WATCH_DIR": str(inbox), "WATCH_REST_S": "1"}).test_client()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other_disk:
        (inbox / "done").symlink_to(other_disk)
        for name in ("a.png", "b.png"):
            put(inbox, name, png())
        until(lambda: client.get("/ocr-jobs").json["pagination"]["total"] == 2)
        until(lambda: "has to wait: Invalid cross-device link" in caplog.text)
        (inbox / "done").unlink()
    until(lambda: {"done/a.png", "done/b.png"} <= set(files(inbox)))
    assert client.get("/ocr-jobs").json["pagination"]["total"] == 2


@pytest.mark.slow
def test_without_a_provider_the_best_of_this_machine_reads(make_app, inbox):
    away = fake(sends_to=lambda settings: "api.example")
    app = make_app({"away": away, "here": fake()}, {"WATCH_DIR": str(inbox), "WATCH_REST_S": "1"})
    put(inbox, "a.png", png())
    until(lambda: "done/a.png" in files(inbox))
    (file,) = wait(app.test_client(), 1)["files"]
    assert file["executions"][0]["ocrProvider"] == "here"


def test_what_is_unfinished_or_vanishes_while_it_is_listed_is_left_alone(inbox):
    for name in ("a.pdf.part", "b.PDF.TMP", "c.crdownload", "gone.png", "d.png"):
        (inbox / name).write_bytes(b"1")
    (inbox / "folder.png").mkdir()
    assert {path.name for path in look(inbox, {}, 1.0)} == {"gone.png", "d.png"}
    (inbox / "gone.png").unlink()
    assert {path.name for path in look(inbox, {}, 1.0)} == {"d.png"}


@pytest.mark.slow
def test_nothing_is_stored_while_nothing_can_be_moved(make_app, inbox, caplog):
    (inbox / "done").touch()
    app = make_app(env={"WATCH_DIR": str(inbox), "WATCH_REST_S": "1"})
    put(inbox, "a.png", png())
    until(lambda: "done/ cannot be made in WATCH_DIR: File exists" in caplog.text)
    assert app.test_client().get("/ocr-jobs").json["data"] == []
    (inbox / "done").unlink()
    until(lambda: files(inbox) == {"done/a.png": png()})
    assert len(app.test_client().get("/ocr-jobs").json["data"]) == 1


@pytest.mark.slow
def test_names_that_are_long_taken_or_no_text_lose_nothing(make_app, inbox):
    (inbox / "failed").mkdir()
    (inbox / "failed/scan.doc.txt").write_bytes(b"a note of mine")
    (inbox / "failed/cut.doc.txt").write_bytes(b"The file is")  # by a kill
    long, odd = "\u20ac" * 83 + ".png", os.fsdecode(b"\xff" * 250 + b".png")
    for name, content in {"scan.doc": b"none", long: png(), odd: png((9, 9))}.items():
        put(inbox.parent, "whole", content)
        (inbox.parent / "whole").rename(inbox / name)
    client = make_app(env={"WATCH_DIR": str(inbox), "WATCH_REST_S": "1"}).test_client()
    found = until(lambda: files(inbox), lambda found: len(found) == 6 and not on_top(found))
    assert found["failed/scan.doc.txt"] == b"a note of mine"
    assert b"not a picture" in found["failed/scan-1.doc.txt"]
    assert {png(), png((9, 9))} <= set(found.values())
    assert len(client.get("/ocr-jobs").json["data"]) == 2


def on_top(found):
    return [name for name in found if "/" not in name]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"WATCH_DIR": "{root}/nowhere"}, "is not a directory; make it, or mount its disk first"),
        ({"WATCH_DIR": "{root}/data/uploads"}, "must not be inside DATA_DIR"),
        ({"WATCH_DIR": "{root}", "WATCH_PROVIDER": "x"}, "WATCH_PROVIDER 'x' is not one of: fake"),
    ],
)
def test_a_directory_that_cannot_be_watched_stops_the_start(make_app, tmp_path, env, words):
    with pytest.raises(SystemExit, match=words):
        make_app(env={name: text.format(root=tmp_path) for name, text in env.items()})
