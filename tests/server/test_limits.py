"""Every request is bounded: its size, its time, its share of the queue and of the server."""

import json
import re
import socket
import threading
import time
import zlib
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image

from db import connect
from tests.fakes import fake, png, until, upload, wait
from tests.server.test_lifecycle import WAITRESS

MIB = 1024 * 1024


def refused(response, status, *words):
    assert response.status_code == status, response.text
    assert set(response.json) == {"statusCode", "message", "details"}
    assert [w for w in words if w not in response.json["details"]] == [], response.json
    return True


# The queue


def test_a_full_queue_refuses_uploads_and_reruns_until_there_is_room(make_app, gate):
    env = {"MAX_PENDING": "3", "OCR_WORKERS": "1"}
    client = make_app({"gated": gate.provider, "fake": fake()}, env).test_client()
    upload(client, "gated")
    gate.wait_for_start()  # runs, and so does not wait
    upload(client, "fake", "fake", "fake")
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": "fake"}
    full = client.post("/ocr-jobs/upload", data=data)
    assert refused(full, 503, "3 executions are waiting")
    assert int(full.headers["Retry-After"]) > 0
    again = client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "fake"})
    assert refused(again, 503) and int(again.headers["Retry-After"]) > 0
    assert client.get("/ocr-jobs").json["pagination"]["total"] == 2  # reading goes on
    gate.open()
    wait(client, 2)
    upload(client, "fake")


def test_ten_thousand_may_wait_by_default(make_app, gate):
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    client = app.test_client()
    upload(client, "gated")
    gate.wait_for_start()
    query = (
        "INSERT INTO execution (file_id, provider, created_at, updated_at) VALUES (1, 'x', '', '')"
    )
    with closing(connect(app.extensions["receipts"].database)) as db, db:
        db.execute("DROP TRIGGER execution_added")  # of thousands on one file it would be slow
        db.executemany(query, [()] * 9_999)
    upload(client, "gated")
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": "gated"}
    assert client.post("/ocr-jobs/upload", data=data).status_code == 503


# The rate


def test_a_client_may_ask_as_often_as_the_rate_says(make_app):
    client = make_app(env={"RATE_LIMIT": "3/hour"}).test_client()
    answers = [client.get("/ocr-jobs"), client.get("/ocr-jobs/1"), client.delete("/ocr-jobs/1")]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    over = client.get("/providers")
    assert (
        refused(over, 429, "each client send 3 per 1 hour")
        and over.json["message"] == "Too Many Requests"
    )
    assert 0 < int(over.headers["Retry-After"]) <= 3600
    other = client.get("/ocr-jobs", environ_base={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200


def test_health_and_ready_may_be_asked_as_often_as_one_likes(make_app):
    client = make_app(env={"RATE_LIMIT": "1/hour"}).test_client()
    for url in ("/health", "/ready") * 5:
        assert client.get(url).status_code == 200
    assert client.get("/ocr-jobs").status_code == 200


@pytest.mark.slow
def test_without_a_rate_there_is_none(client):
    assert {client.get("/ocr-jobs").status_code for _ in range(200)} == {200}


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["10", "many/second", "10/parsec"])
def test_a_malformed_rate_is_refused_at_the_start(serve, rate):
    server = serve(RATE_LIMIT=rate, up=False)
    assert server.process.wait(60) != 0
    assert "RATE_LIMIT must look like 10/second;1000/day" in server.log.read_text()


# The body


def multipart(*parts):
    """A body of (head, content) parts, its boundary "b"."""
    return b"".join(b"--b\r\n" + h + b"\r\n\r\n" + c + b"\r\n" for h, c in parts) + b"--b--\r\n"


def form(name):
    return b'Content-Disposition: form-data; name="' + name + b'"'


FILE = (form(b"file") + b'; filename="a.png"', png())
READ_BY = (form(b"ocrProvider_0"), b"fake")


@pytest.mark.parametrize(
    "parts",
    [
        [FILE, READ_BY, (form(b"jobName"), b"x" * 600_000)],
        [FILE, READ_BY, *[(form(b"x"), b"")] * 1_000],
        [FILE, READ_BY, *[(form(b"jobName"), b"x" * 200_000)] * 50],
        [(form(b"x" * 600_000), b"")],
        [(form(b"file") + b'; filename="' + b"x" * 600_000 + b'"', png()), READ_BY],
        [(b"X-Header: " + b"x" * 600_000, b"")],
        [(b"\r\n".join([b"X: y"] * 200_000), b"")],
    ],
    ids=["field", "parts", "fields", "name", "filename", "header", "headers"],
)
def test_a_part_or_field_that_is_too_large_is_refused(client, parts, db):
    response = client.post(
        "/ocr-jobs/upload",
        data=multipart(*parts),
        content_type="multipart/form-data; boundary=b",
    )
    assert response.status_code in (400, 413), response.text
    assert response.json["statusCode"] == response.status_code
    assert db.execute("SELECT count(*) FROM job").fetchone()[0] == 0


# Memory and time


def memory(server, what="VmHWM"):
    """The most memory the server ever had, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) / 1024


def cpu_s(server):
    """Seconds that the server and the processes it waited for have computed."""
    return sum(psutil.Process(server.process.pid).cpu_times()[:4])


def tiff_of(frames):
    buffer, page = BytesIO(), Image.new("1", (8, 8))
    page.save(buffer, "TIFF", save_all=True, append_images=[page] * (frames - 1))
    return buffer.getvalue()


def flat(side, format, mode="RGB"):
    """A picture of one colour: few bytes for many pixels."""
    buffer = BytesIO()
    Image.new(mode, (side, side)).save(buffer, format)
    return buffer.getvalue()


def pdf(pages, side):
    """A PDF with as many square pages, `side` points long."""
    kids = b" ".join(b"%d 0 R" % (n + 3) for n in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]>>" % (side, side)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids),
    ]
    objects += [page] * pages
    body = b"%PDF-1.4\n"
    for number, content in enumerate(objects, 1):
        body += b"%d 0 obj%bendobj\n" % (number, content)
    return body + b"trailer<</Root 1 0 R/Size %d>>\n%%%%EOF" % (len(objects) + 1)


def pdf_that_unpacks_to(size):
    """A PDF whose table of contents is one byte over and over."""
    packer, block = zlib.compressobj(1), bytes(MIB)
    packed = b"".join(packer.compress(block) for _ in range(size // MIB)) + packer.flush()
    body = b"%PDF-1.5\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    table = b"3 0 obj<</Type/XRef/Size 9/W[1 2 2]/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n"
    end = b"\nendstream endobj\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + table % len(packed) + packed + end


BOMBS = {
    "png of 144 million pixels": (lambda: flat(12_000, "PNG", "1"), 400),
    "png of 49 million pixels": (lambda: flat(7_000, "PNG"), 200),
    "gif of 4 billion pixels": (
        lambda: flat(8, "GIF").replace(b"\x08\0\x08\0", b"\xff\xff\xff\xff"),
        400,
    ),
    "tiff of 1,000 frames": (lambda: tiff_of(1_000), 400),
    "pdf of 10,000 pages": (lambda: pdf(10_000, 100), 400),
    "pdf of 2 gibibytes": (lambda: pdf_that_unpacks_to(2048 * MIB), 400),
    "pdf of one huge page": (lambda: pdf(1, 14_400), 200),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_neither_time_nor_memory(serve, name):
    """Some are made by claiming a size, some are within the limits and costly as they can be."""
    make, status = BOMBS[name]
    content, server = make(), serve()
    before, computed_s, answers = memory(server), cpu_s(server), []

    def send():
        response = requests.post(
            f"{server.url}/ocr-jobs/upload",
            files={"file": ("bomb", content)},
            data={"ocrProvider_0": "mistral"},
            timeout=60,
        )
        answers.append(response.status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [status] * 4
    assert cpu_s(server) - computed_s < 40
    assert memory(server) - before < 500, f"{memory(server) - before:.0f} MiB more"


@pytest.mark.slow
def test_large_uploads_at_once_are_not_held_in_memory(serve):
    server = serve()
    content = png().ljust(19 * MIB, b"\0")
    before = memory(server)
    threads = [threading.Thread(target=server.upload, args=(content, "mistral")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert requests.get(f"{server.url}/ocr-jobs", timeout=30).json()["pagination"]["total"] == 8
    assert memory(server) - before < 100


# Slow clients


def begin_upload(port):
    """A connection on which an upload has begun that promises a megabyte."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(
        b"POST /ocr-jobs/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    return connection


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), WAITRESS], ids=["flask run", "waitress"])
def test_clients_that_send_a_byte_at_a_time_delay_no_others(serve, command):
    server = serve(*command)
    slow = [begin_upload(server.port) for _ in range(60)]
    try:
        for _ in range(3):
            for connection in slow:
                connection.send(b"x")
            started = time.monotonic()
            assert server.wait(server.upload(png(), "mistral"))["status"] == "completed"
            assert requests.get(f"{server.url}/ready", timeout=30).status_code == 200
            assert time.monotonic() - started < 30
    finally:
        for connection in slow:
            connection.close()


# What is stored before anyone is asked


def largest_open_file(server):
    """(bytes, path) of the largest file that the server has open under no name."""
    found = [(0, "")]
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            path = str(descriptor.readlink())
            if path.endswith(" (deleted)"):
                found.append((descriptor.stat().st_size, path))
    return max(found)


def half_an_upload(server, head):
    """A connection on which 8 of 16 MiB have been sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(
        b"POST /ocr-jobs/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16777216\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n" + head + b"\r\n" + b"x" * (8 * MIB)
    )
    return connection


@pytest.mark.slow
def test_the_body_of_a_stranger_is_read_and_answered_but_not_stored(serve):
    server = serve(*WAITRESS, API_KEY="sesame-sesame")
    with half_an_upload(server, b"X-API-Key: wrong\r\n") as connection:
        connection.sendall(b"x" * (8 * MIB - 1))
        assert requests.get(f"{server.url}/health", timeout=30).ok  # so that has been taken
        size, path = largest_open_file(server)
        assert size < MIB, path
        connection.sendall(b"x")
        answer = b""
        while b"Wrong API key" not in answer and (data := connection.recv(65536)):
            answer += data
    assert answer.startswith(b"HTTP/1.1 401") and b"Wrong API key" in answer


@pytest.mark.slow
def test_the_body_of_a_client_with_the_key_is_stored_in_the_data_directory(serve):
    server = serve(*WAITRESS, API_KEY="sesame-sesame")
    with half_an_upload(server, b"X-API-Key: sesame-sesame\r\n"):
        until(lambda: largest_open_file(server)[0] == 8 * MIB)
        assert largest_open_file(server)[1].startswith(str(server.data / "incoming"))


def answer_to(server, data):
    """What the server answers to these bytes, before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")


UPLOAD_HEAD = b"POST /ocr-jobs/upload HTTP/1.1\r\nHost: localhost\r\n"
# What waitress refuses before it asks the application, with the status and a part of the sentence.
REFUSED = {
    UPLOAD_HEAD + b"Content-Length: 2100000\r\n\r\n": (413, "more than 2048577 bytes; send less"),
    UPLOAD_HEAD + b"Content-Length: x\r\n\r\n": (400, "malformed: Content-Length is invalid"),
    UPLOAD_HEAD + b"Transfer-Encoding: gzip\r\n\r\n": (501, "is not supported"),
    UPLOAD_HEAD + b"X: " + b"x" * 300_000 + b"\r\n\r\n": (431, "more than 262144 bytes"),
    b"GET /ocr-jobs/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n": (400, "malformed: Bad URI"),
    b"\x16\x03\x01\r\n\r\n": (400, "malformed: Start line is invalid"),
}


@pytest.mark.slow
def test_what_the_production_server_itself_refuses_is_answered_in_the_api_s_form(serve):
    server = serve(*WAITRESS, MAX_FILES_PER_JOB="1", MAX_FILE_SIZE_BYTES="1000000")
    for data, (status, words) in REFUSED.items():
        head, _, body = answer_to(server, data)
        assert head.split()[1] == str(status).encode() and b"application/json" in head
        error = json.loads(body)
        assert (error["statusCode"], words in error["details"]) == (status, True), error
        assert set(error) == {"statusCode", "message", "details"}


def test_an_error_repeats_no_more_than_some_kilobytes_of_a_request(client):
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": "x " * 60_000}
    answers = [client.post("/ocr-jobs/upload", data=data), client.get("/" + "x" * 60_000)]
    assert [len(answer.data) < 5000 for answer in answers] == [True, True]
    assert answers[0].json["details"].startswith("Provider 'x x ")
    assert "use one of: " in answers[0].json["details"]
