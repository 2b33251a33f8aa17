"""An upload is stored exactly as sent, or refused as a whole with a message that helps."""

import contextlib
import hashlib
import re
import sqlite3
import sys
import threading
from io import BytesIO
from urllib.parse import unquote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from db import connect
from tests.fakes import fake, png, wait

PROVIDER = ("ocrProvider_0", "fake")


def part(name, content, filename=None, quoted='"{}"'):
    """A part as browsers and curl write it."""
    disposition = f'form-data; name="{name}"' if name is not None else "form-data"
    if filename is not None:
        for character, escape in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
            filename = filename.replace(character, escape)
        disposition += f"; filename={quoted.format(filename)}"
    content = content if isinstance(content, bytes) else content.encode()
    return f"Content-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


def file(filename="receipt.jpg", content=None, name="file"):
    return part(name, png() if content is None else content, filename)


def body(*parts):
    """The parts in their order; a pair is a field."""
    parts = [part(*p) if isinstance(p, tuple) else p for p in parts]
    return b"".join(b"--bound\r\n" + p for p in parts) + b"--bound--\r\n"


def post(client, *parts, data=None, content_type="multipart/form-data; boundary=bound"):
    return client.post("/ocr-jobs/upload", data=data or body(*parts), content_type=content_type)


@pytest.fixture(scope="module")
def client(share_app):
    return share_app({"fake": fake(), "gated": fake()}).test_client()


@pytest.fixture
def nothing_stored(client):
    """Checks at the end that neither a row nor a file came to stay."""
    before = all_stored(client)
    yield
    assert all_stored(client) == before


def all_stored(client):
    """How many rows there are, and which files and directories."""
    data = home(client)
    with contextlib.closing(connect(data / "receipts.db")) as db:
        tables = ("job", "file", "execution")
        rows = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    return rows, {p for folder in ("incoming", "uploads") for p in (data / folder).iterdir()}


def home(client):
    return client.application.extensions["receipts"].storage.root


def refused(response, *words, status=400):
    """Whether it is this error in the API's form, with these words in its details."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    assert set(response.json) == {"statusCode", "message", "details"}
    assert response.json["statusCode"] == status
    missing = [word for word in words if word not in response.json["details"]]
    assert not missing, response.json["details"]
    return True


# Which provider reads which file


def read_by(client, job_id):
    files = client.get(f"/ocr-jobs/{job_id}").json["files"]
    return [(f["originalName"], [e["ocrProvider"] for e in f["executions"]]) for f in files]


@pytest.mark.parametrize(
    "parts",
    [
        [file("a.jpg"), ("ocrProvider_0", "fake"), file("b.jpg"), ("ocrProvider_1", "gated")],
        [("ocrProvider_0", "fake"), ("ocrProvider_1", "gated"), file("a.jpg"), file("b.jpg")],
        [file("a.jpg"), file("b.jpg"), ("ocrProvider_1", "gated"), ("ocrProvider_0", "fake")],
        [
            *[("jobName", "x"), file("a.jpg"), (None, "y"), ("ocrProvider_1", "gated")],
            *[("note", "z"), file("b.jpg"), ("ocrProvider_0", "fake"), ("ocrprovider", "w")],
        ],
    ],
)
def test_the_index_counts_the_file_parts_whatever_stands_between_them(client, parts):
    job_id = post(client, *parts).json["id"]
    assert read_by(client, job_id) == [("a.jpg", ["fake"]), ("b.jpg", ["gated"])]


def test_eleven_files_are_numbered_not_sorted(client):
    numbers = range(11)
    fields = [(f"ocrProvider_{n}", "gated" if n == 2 else "fake") for n in numbers][::-1]
    job_id = post(client, *(file(f"{n}.jpg") for n in numbers), *fields).json["id"]
    expected = [(f"{n}.jpg", ["gated" if n == 2 else "fake"]) for n in numbers]
    assert read_by(client, job_id) == expected


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("ocrProvider_0", "fake")], ["ocrProvider_1 is missing", "'b.jpg'", "fake"]),
        ([("ocrProvider_1", "fake")], ["ocrProvider_0 is missing", "'a.jpg'", "fake"]),
        ([], ["ocrProvider_0 is missing", "'a.jpg'"]),
        (
            [("ocrProvider_0", "fake"), ("ocrProvider_7", "fake")],
            ["ocrProvider_7", "ocrProvider_1"],
        ),
        (
            [("ocrProvider_0", "fake"), ("ocrProvider_2", "fake")],
            ["ocrProvider_2", "ocrProvider_1"],
        ),
        ([("ocrProvider_00", "fake"), ("ocrProvider_1", "fake")], ["'ocrProvider_00'"]),
        ([("ocrProvider_x", "fake")], ["'ocrProvider_x'"]),
        ([("ocrProvider_", "fake")], ["'ocrProvider_'"]),
        ([("ocrProvider_-1", "fake")], ["'ocrProvider_-1'"]),
        ([("ocrProvider_1 ", "fake")], ["'ocrProvider_1 '"]),
        ([("ocrProvider_\u0661", "fake")], ["ocrProvider_"]),  # an Arabic 1
        ([("ocrProvider_" + "9" * 5000, "fake")], ["ocrProvider_"]),
        ([("ocrProvider_0", "fake"), ("ocrProvider_0", "fake")], ["ocrProvider_0", "twice"]),
        ([("ocrProvider_0", "nosuch")], ["Provider 'nosuch' is not available", "'a.jpg'"]),
        ([("ocrProvider_0", "")], ["Provider '' is not available", "ocrProvider_0"]),
    ],
)
def test_a_missing_surplus_or_malformed_provider_is_named(client, fields, words):
    assert refused(post(client, file("a.jpg"), file("b.jpg"), *fields), *words)


def test_an_unavailable_provider_is_refused_with_its_reason(make_app):
    reason = "the tesseract program is not installed; apt-get install tesseract-ocr"
    client = make_app({"tesseract": fake(unavailable=lambda settings: reason)}).test_client()
    response = post(client, file("a.jpg"), ("ocrProvider_0", "tesseract"))
    assert refused(response, "ocrProvider_0", "'a.jpg'")
    assert response.json["details"].startswith(f"Provider 'tesseract' is not available: {reason}")


@pytest.mark.parametrize("fields", [[("ocrProvider_0", "nosuch")], []])
def test_whoever_must_choose_is_told_the_providers_that_work_here(make_app, fields):
    off = fake(unavailable=lambda settings: "its key is not set")
    response = post(make_app({"off": off, "on": fake()}).test_client(), file("a.jpg"), *fields)
    assert response.json["details"].endswith(" one of: on")


@pytest.mark.usefixtures("nothing_stored")
def test_a_malformed_body_is_told_in_the_users_words(client):
    details = post(client, data=body(file())[:-30]).json["details"]
    assert details == "The multipart body is malformed or was cut short; send it again"


# Bodies that are no upload


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", b'{"file": "x"}'),
        ("application/x-www-form-urlencoded", b"file=x&ocrProvider_0=fake"),
        ("image/jpeg", png()),
        ("multipart/mixed; boundary=bound", body(file(), PROVIDER)),
        ("", body(file(), PROVIDER)),
    ],
)
def test_what_is_not_multipart_is_refused(client, content_type, data):
    assert refused(post(client, data=data, content_type=content_type), "multipart")


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=other", "; boundary=\xfc"])
def test_a_program_that_sets_the_wrong_boundary_is_told_to_leave_it_out(client, boundary):
    response = post(client, file(), PROVIDER, content_type=f"multipart/form-data{boundary}")
    assert refused(response, "let your program set Content-Type itself")


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], ["'file' is missing"]),
        ([PROVIDER], ["'file' is missing", "-F file=@"]),
        ([("file", "receipt.jpg"), PROVIDER], ["'file'", "-F file=@"]),
        ([file(name="image"), PROVIDER], ["'image'", "'file'"]),
        ([file(name="files"), file(), PROVIDER], ["'files'", "'file'"]),
        ([file(name=None), PROVIDER], ["'file'"]),
        ([file(), PROVIDER, file(name="jobName")], ["'jobName'", "'file'"]),
        ([file(content=b""), PROVIDER], ["'file'", "'receipt.jpg'", "empty"]),
        ([b"Content-Type: text/plain\r\n\r\nx\r\n"], ["multipart"]),
        ([b'Content-Disposition: form-data; name="\xff"\r\n\r\nx\r\n'], ["'file' is missing"]),
    ],
)
def test_parts_that_make_no_upload_are_refused_and_named(client, parts, words):
    assert refused(post(client, *parts), *words)


@pytest.mark.usefixtures("nothing_stored")
def test_a_body_cut_anywhere_stores_nothing(client):
    whole = body(file("a.jpg"), ("ocrProvider_0", "fake"), ("jobName", "x"))
    for end in range(0, len(whole) - 4, 7):
        assert post(client, data=whole[:end] or b" ").status_code == 400, whole[:end]


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_stored")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=6))
def test_no_bytes_make_a_500(client, chunks):
    data = b"".join(b"--bound\r\n" * marked + chunk for chunk, marked in chunks) or b" "
    assert post(client, data=data).status_code in (400, 413)


# All or nothing


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ["not a picture", "JPEG"]),
        (b"<?xml version='1.0'?><Invoice><ID>1</ID></Invoice>", ["not a picture", "JPEG"]),
        (b"<!doctype html><script>alert(1)</script>", ["not a picture", "JPEG"]),
        (b"MILK 1.20", ["not a picture", "JPEG"]),
        (png()[:45], ["damaged"]),
    ],
    ids=["svg", "e-invoice", "html", "text", "cut"],
)
def test_one_bad_file_among_good_ones_stores_nothing(client, content, words):
    fields = [(f"ocrProvider_{n}", "fake") for n in range(3)]
    response = post(client, file("a.jpg"), file("b.jpg", content), file("c.jpg"), *fields)
    assert refused(response, "'file'", "1", "'b.jpg'", *words)


def test_a_job_after_a_refused_one_has_the_next_id(client):
    earlier = post(client, file(), PROVIDER).json["id"]
    assert post(client, file(content=b"x"), PROVIDER).status_code == 400
    assert post(client, file(), PROVIDER).json == {"id": earlier + 1}


# Limits


@pytest.fixture
def small(make_app):
    env = {"MAX_FILE_SIZE_BYTES": "1000", "MAX_FILES_PER_JOB": "2"}
    return make_app(env=env).test_client()


def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(small):
    full = png().ljust(1000, b"\0")
    assert post(small, file(content=full), PROVIDER).status_code == 200
    response = post(small, file("a.jpg", full + b"\0"), PROVIDER)
    assert refused(response, "'a.jpg'", "1000 bytes", "MAX_FILE_SIZE_BYTES", status=413)
    assert response.json["message"] == "Request Entity Too Large"


def test_as_many_files_as_the_limit_are_taken_and_one_more_is_not(small):
    fields = [(f"ocrProvider_{n}", "fake") for n in range(3)]
    assert post(small, file(), file(), *fields[:2]).status_code == 200
    response = post(small, file(), file(), file(), *fields)
    assert refused(response, "2 files", "MAX_FILES_PER_JOB", status=413)


def test_a_body_over_what_the_limits_allow_is_refused_unread(small, tmp_path):
    response = post(small, file(), PROVIDER, ("note", "x" * 1_100_000))
    assert refused(response, f"more than {1024 * 1024 + 2000} bytes", status=413)
    assert list((tmp_path / "data/incoming").iterdir()) == []


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize(
    ("parts", "words", "status"),
    [
        ([("x", "")] * 1000, ["more than 700 fields"], 413),
        ([("jobName", "x" * 600_000)], ["'jobName'", "131072 bytes", "'file'"], 413),
        ([("data", png().ljust(200_000, b"\0"))], ["'data'", "131072 bytes", "'file'"], 413),
        ([b"X: " + b"x" * 600_000 + b"\r\n" + file()], ["131072 bytes"], 400),
    ],
    ids=["many", "long", "picture", "header"],
)
def test_too_many_or_too_long_fields_are_refused(client, parts, words, status):
    assert refused(post(client, file(), PROVIDER, *parts), *words, status=status)


@pytest.mark.slow
def test_twenty_mebibytes_and_fifty_files_are_taken_by_default(client):
    files = [file(f"{n}.png") for n in range(49)]
    large = file("large.png", png().ljust(20 * 1024 * 1024, b"\0"))
    fields = [(f"ocrProvider_{n}", "fake") for n in range(50)]
    assert post(client, *files, large, *fields).status_code == 200
    assert refused(post(client, *files, file(), file(), *fields), "50 files", status=413)
    larger = file("large.png", png().ljust(20 * 1024 * 1024 + 1, b"\0"))
    assert refused(post(client, larger, PROVIDER), "20971520", status=413)


# File names

NAMES = (
    "receipt.jpg",
    "../../etc/passwd",
    "..",
    ".",
    "/etc/passwd",
    "C:\\Users\\me\\Bon (1).jpg",
    "C:\\new\\table.jpg",
    "-l.jpg",
    "$(touch x).jpg",
    "`id`; rm -rf ~.jpg",
    'a "quoted" name.jpg',
    "'single'.jpg",
    "semi;colon=x; name=y.jpg",
    "100% & more?.jpg",
    "trailing dot.",
    "  spaces  .jpg",
    "🧾🛒.jpg",
    "収據.jpg",
    "قسيمة.jpg",
    "\u202egpj.exe",
    "Quittung Café ß.JPG",
    "e\u0301.jpg",
    ".jpg",
    "a.tar.gz",
    "CON.jpg",
    "x" * 251 + ".jpg",
    "🧾" * 62 + ".jpeg",
    "",
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:20]))
def test_a_file_name_comes_back_exactly_as_sent_and_is_stored_safely(client, name):
    job_id = post(client, file(name), PROVIDER).json["id"]
    stored = client.get(f"/ocr-jobs/{job_id}").json["files"][0]
    assert stored["originalName"] == name
    assert re.fullmatch(rf"uploads/{job_id}/[A-Za-z0-9][A-Za-z0-9._-]*", stored["storageKey"])
    (path,) = (home(client) / "uploads" / str(job_id)).iterdir()
    assert path == home(client) / stored["storageKey"]
    assert path.read_bytes() == png()
    with client.get(f"/ocr-jobs/{job_id}/files/{stored['id']}") as response:
        disposition = response.headers["Content-Disposition"]
        assert unquote(disposition.partition("UTF-8''")[2]) == name
        assert disposition.isascii() and disposition.startswith("inline; filename=")


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("character", ["\0", "\t", "\r", "\n", "\x1b", "\x7f", "\x85"])
def test_a_name_with_control_characters_is_refused(client, character):
    assert refused(post(client, file(f"a{character}b.jpg"), PROVIDER), "control characters")


def test_a_name_that_a_client_wrote_in_its_own_way_comes_back_too(client):
    raw = part("file", png(), 'x\\"y.jpg').replace(b"x\\%22y", rb"x\"y")  # curl before 7.81
    job_id = post(client, raw, PROVIDER).json["id"]
    assert client.get(f"/ocr-jobs/{job_id}").json["files"][0]["originalName"] == 'x"y.jpg'
    bare = part("file", png(), "bare.jpg", quoted="{}")
    assert read_by(client, post(client, bare, PROVIDER).json["id"]) == [("bare.jpg", ["fake"])]
    coded = part("file", png(), "UTF-8''%E2%82%AC.jpg", quoted="{}").replace(
        b"name=UTF", b"name*=UTF"
    )
    assert read_by(client, post(client, coded, PROVIDER).json["id"]) == [("€.jpg", ["fake"])]


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("name", ["x" * 256, "🧾" * 64, "%41" * 300, "x" * 60_000])
def test_a_name_of_more_than_255_bytes_is_refused(client, name):
    response = post(client, file("a.jpg"), file(name), PROVIDER, ("ocrProvider_1", "fake"))
    assert refused(response, "file 1", f"{len(name.encode().replace(b'%41', b'A'))} bytes", "255")


def test_a_file_that_an_older_release_took_with_a_longer_name_can_be_fetched(app, db):
    client = app.test_client()
    post(client, file(), PROVIDER)
    db.execute("UPDATE file SET original_name = ?", ["x" * 60_000 + ".jpg"])
    with client.get("/ocr-jobs/1/files/1") as response:
        assert response.headers["Content-Disposition"].endswith("x.jpg")
        assert len(response.headers["Content-Disposition"]) < 1000


# A Content-Disposition's end, and the name that is meant
WRITTEN = {
    b"; filename=\"=?utf-8?B?w6cuanBn?=\"; filename*=utf-8''%C3%A7.jpg": "ç.jpg",  # .NET
    b"; filename*=utf-8''%C3%A7.jpg; filename=\"c.jpg\"": "ç.jpg",
    b"; filename*=utf-8''a%2520b.jpg; filename=\"c.jpg\"": "a%20b.jpg",
    b"; filename=c.jpg; filename*=UTF-8''%E2%82%AC.jpg": "€.jpg",  # PowerShell
    b"; filename*0*=utf-8''%C3%A7; filename*1=x.jpg": "çx.jpg",
    b'; filename="=?utf-8?B?w6cuanBn?="': "ç.jpg",
    b'; filename="=?iso-8859-1?Q?=E7=20x.jpg?="': "ç x.jpg",
    b'; filename="=?nonsense?B?w6cuanBn?="': "=?nonsense?B?w6cuanBn?=",
    b'; filename="=?utf-8?B?w?="': "=?utf-8?B?w?=",
    b'; filename="%C3%A7%20x.jpg"': "ç x.jpg",  # aiohttp
    b'; filename="%E7.jpg"': "%E7.jpg",
    b'; filename="100%.jpg"': "100%.jpg",
    b'; filename="50%25 %C3%A7 100%.jpg"': "50%25 %C3%A7 100%.jpg",
    b'; filename="a\\"': "a\\",
    '; filename="Café \u2013 5 €.jpg"'.encode("cp1252"): "Café \u2013 5 €.jpg",  # curl.exe
    '; filename="Größe.jpg"'.encode("cp1252"): "Größe.jpg",
    '; filename="Кассовый чек.jpg"'.encode("cp1251"): "Кассовый чек.jpg",
    '; filename="чек.jpg"'.encode("cp1251"): "чек.jpg",
    '; filename="发票 2026.jpg"'.encode("gbk"): "发票 2026.jpg",
    '; filename="レシート.jpg"'.encode("cp932"): "レシート.jpg",
    b'; filename="\x81\x8d.jpg"': "\x81\x8d.jpg",
}


@pytest.mark.parametrize(("written", "name"), WRITTEN.items(), ids=range(len(WRITTEN)))
def test_a_name_is_read_in_whatever_way_a_program_writes_it(client, written, name):
    raw = b'Content-Disposition: form-data; name="file"' + written + b"\r\n\r\n" + png() + b"\r\n"
    response = post(client, raw, PROVIDER)
    if name.isprintable():
        assert read_by(client, response.json["id"]) == [(name, ["fake"])]
    else:
        assert refused(response, "control characters")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_job_name_keeps_its_letters_in_either_encoding(client, encoding):
    name = ("jobName", "Café Größe 5 €".encode(encoding))
    job_id = post(client, file(), PROVIDER, name).json["id"]
    assert client.get(f"/ocr-jobs/{job_id}").json["name"] == "Café Größe 5 €"


@pytest.mark.parametrize(("size", "suffix"), [(0, "png"), (300_000, "png"), (0, "pdf")])
def test_a_picture_or_pdf_that_came_without_a_file_name_is_a_file(client, size, suffix):
    picture = BytesIO()
    Image.new("L", (8, 8)).save(picture, suffix)
    content = picture.getvalue().ljust(size, b"\0")
    answer = post(client, file("a.jpg"), ("file", content), PROVIDER, ("ocrProvider_1", "fake"))
    job = client.get(f"/ocr-jobs/{answer.json['id']}").json
    assert read_by(client, job["id"])[1] == (f"upload.{suffix}", ["fake"])
    with client.get(f"/ocr-jobs/{job['id']}/files/{job['files'][1]['id']}") as response:
        assert response.data == content


@pytest.mark.usefixtures("nothing_stored")
@pytest.mark.parametrize("content", ["", "receipt.jpg", "x" * 300_000])
def test_text_in_the_place_of_a_file_is_refused_with_a_hint(client, content):
    assert refused(post(client, ("file", content), PROVIDER), "'file'", "-F file=@receipt.jpg")


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="%"), max_size=40))
def test_any_name_without_control_characters_comes_back(client, name):
    job_id = post(client, file(name), PROVIDER).json["id"]
    assert client.get(f"/ocr-jobs/{job_id}").json["files"][0]["originalName"] == name


def test_files_of_equal_names_in_one_job_are_stored_apart(client):
    contents = [png((n, n)) for n in (1, 2, 3)]
    fields = [(f"ocrProvider_{n}", "fake") for n in range(3)]
    names = ("receipt.jpg", "receipt.jpg", "Receipt.JPG")
    files = [file(name, content) for name, content in zip(names, contents, strict=True)]
    job = wait(client, post(client, *files, *fields).json["id"])
    assert [f["originalName"] for f in job["files"]] == list(names)
    assert len({f["storageKey"].lower() for f in job["files"]}) == 3
    for stored, content in zip(job["files"], contents, strict=True):
        with client.get(f"/ocr-jobs/{job['id']}/files/{stored['id']}") as response:
            assert response.data == content


def test_the_stored_file_is_the_original_byte_for_byte(app, db, receipt):
    client = app.test_client()
    content = receipt.read_bytes() + b"\r\n--boun\r\n--bound trailing \xff\r\n"
    post(client, file(content=content), PROVIDER)
    row = db.execute("SELECT * FROM file").fetchone()
    assert (row["size"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    with client.get("/ocr-jobs/1/files/1") as response:
        assert response.data == content


# Over a real socket


@pytest.mark.slow
def test_an_upload_in_chunks_and_one_too_large_are_answered_over_a_socket(serve):
    server = serve(MAX_FILE_SIZE_BYTES="100000", MAX_FILES_PER_JOB="5")
    url, headers = (
        f"{server.url}/ocr-jobs/upload",
        {"Content-Type": "multipart/form-data; boundary=bound"},
    )
    parts = [file(), ("ocrProvider_0", "mistral")]
    chunked = requests.post(url, iter([body(*parts)]), headers=headers, timeout=20)
    assert chunked.json() == {"id": 1}
    for size in (200_000, 5_000_000):  # over the file's limit; over the body's
        large = body(file(content=png().ljust(size, b"\0")), ("ocrProvider_0", "mistral"))
        response = requests.post(url, large, headers=headers, timeout=20)
        assert (response.status_code, response.json()["statusCode"]) == (413, 413)
    endless = (b"--bound\r\n" + file(content=b"\0" * 50_000)[:-2] for _ in range(200))
    response = requests.post(url, endless, headers=headers, timeout=20)
    assert response.status_code in (400, 413)


def test_the_bytes_are_on_the_disk_before_the_rows_that_name_them(app):
    """The order of the calls to the system, as a profiler sees them."""
    client, calls = app.test_client(), []

    def note(frame, event, function):
        if event != "c_call":
            return
        if function.__name__ in ("fsync", "rename"):
            calls.append(function.__name__)
        elif isinstance(function.__self__, sqlite3.Connection) and function.__name__ == "__exit__":
            calls.append("commit")

    for module in (sys, threading):
        module.setprofile(note)
    try:
        response = post(client, file("a.jpg"), file("b.jpg"), PROVIDER, ("ocrProvider_1", "fake"))
    finally:
        for module in (sys, threading):
            module.setprofile(None)
    assert response.status_code == 200
    # The new directory's name; two files and the directory; the rows; the directory's move.
    assert calls[:6] == ["fsync", "fsync", "fsync", "fsync", "commit", "rename"]
