"""An upload that is sent again with its Idempotency-Key is paid for once."""

import json
import os
import signal
import socket
import threading
from io import BytesIO

import pytest
import requests

from tests.fakes import fake, png, until, upload, wait

KEY = {"Idempotency-Key": "b5f1e0d2-receipt"}


def post(client, content=None, name="receipt.png", key=KEY, **fields):
    data = {"file": (BytesIO(content or png()), name), "ocrProvider_0": "fake"} | fields
    return client.post("/ocr-jobs/upload", data=data, headers=key)


def count(db, table="job"):
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_the_same_upload_with_the_same_key_gets_the_same_answer_and_runs_once(client, db):
    first = post(client)
    wait(client, 1)
    for _ in range(3):
        again = post(client)
        assert (again.status_code, again.data) == (200, first.data)
    assert (count(db), count(db, "file"), count(db, "execution")) == (1, 1, 1)


def test_without_a_key_or_with_another_it_is_another_job(client):
    keys = [KEY, {}, {"Idempotency-Key": "another"}, {}, KEY]
    assert [post(client, key=key).json["id"] for key in keys] == [1, 2, 3, 4, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"content": png((9, 9))},
        {"name": "other.png"},
        {"jobName": "x"},
        {"ocrProvider_0": "other"},
        {"ocrProvider_0": ["fake", "other"]},
        {
            "file": [(BytesIO(png()), "receipt.png"), (BytesIO(png()), "2.png")],
            "ocrProvider_1": "fake",
        },
    ],
)
def test_another_upload_with_the_same_key_is_refused(make_app, other):
    client = make_app({"fake": fake(), "other": fake()}).test_client()
    assert post(client).json == {"id": 1}
    response = post(client, **other)
    assert (response.status_code, response.json["statusCode"]) == (422, 422)
    assert repr(KEY["Idempotency-Key"]) in response.json["details"]
    assert "new key" in response.json["details"]
    assert post(client).json == {"id": 1}


def test_a_refused_upload_does_not_use_up_its_key(client):
    assert post(client, b"no picture").status_code == 400
    assert post(client).json == {"id": 1}


def test_the_answer_is_kept_when_the_job_is_deleted_and_over_a_restart(make_app, tmp_path):
    app = make_app(data=tmp_path / "kept")
    post(app.test_client())
    wait(app.test_client(), 1)
    app.test_client().delete("/ocr-jobs/1")
    assert post(app.test_client()).json == {"id": 1}
    app.extensions["receipts"].stop()
    again = make_app(data=tmp_path / "kept").test_client()
    assert post(again).json == {"id": 1}
    assert post(again, key={}).json == {"id": 2}


def test_a_key_is_forgotten_after_a_day(client, app, db):
    post(client)
    wait(client, 1)
    db.execute("UPDATE upload_key SET created_at = '2026-01-01T00:00:00Z'")
    app.extensions["receipts"].worker._sweep()  # as the keeper does every minute
    assert post(client).json == {"id": 2}


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_makes_no_sense_is_refused(client, key):
    response = post(client, key={"Idempotency-Key": key})
    assert response.status_code == 400 and "1 to 255 characters" in response.json["details"]


@pytest.mark.parametrize("key", ["x" * 255, "\xe9\xff", "'; DROP TABLE upload_key; --"])
def test_any_other_key_is_taken(client, key):
    for _ in range(2):
        assert post(client, key={"Idempotency-Key": key}).json == {"id": 1}


def arrivals(server):
    """The uploads that arrive; engines have temporary directories of other names beside them."""
    return [*(server.data / "incoming").glob("tmp*")]


def begin(server, key):
    """An upload whose end is yet to come, and its last bytes."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        + png()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="ocrProvider_0"\r\n\r\n'
        + b"mistral\r\n--b--\r\n"
    )
    head = (
        f"POST /ocr-jobs/upload HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(head.encode() + body[:-10])
    until(lambda: arrivals(server))
    return connection, body[-10:]


def send_again(server, key):
    return requests.post(
        f"{server.url}/ocr-jobs/upload",
        files={"file": ("a.png", png())},
        data={"ocrProvider_0": "mistral"},
        headers={"Idempotency-Key": key},
        timeout=20,
    )


@pytest.mark.slow
def test_whichever_of_two_uploads_is_stored_first_both_get_its_job(serve):
    server = serve()
    connection, rest = begin(server, "k")
    stored = send_again(server, "k").json()
    connection.sendall(rest)
    with connection, connection.makefile("rb") as answer:
        assert json.loads(answer.read().partition(b"\r\n\r\n")[2]) == stored
    assert not arrivals(server)
    assert requests.get(f"{server.url}/ocr-jobs", timeout=10).json()["pagination"]["total"] == 1


@pytest.mark.slow
def test_an_upload_that_was_cut_off_does_not_use_up_its_key(serve):
    server = serve()
    connection, _ = begin(server, "k")
    connection.close()
    until(lambda: send_again(server, "k").status_code == 200)


@pytest.mark.slow
def test_after_a_kill_the_same_upload_is_one_job(serve):
    server = serve()
    answers = []

    def send():
        try:
            answers.append(send_again(server, "k").json())
        except requests.RequestException:  # no connection, or an answer that was cut off
            answers.append(None)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    os.kill(server.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    server.process.wait(60)
    again = serve()
    ids = {send_again(again, "k").json()["id"] for _ in range(3)}
    assert len(ids) == 1
    assert requests.get(f"{again.url}/ocr-jobs", timeout=10).json()["pagination"]["total"] == 1


@pytest.mark.slow
def test_many_at_once_with_one_key_make_one_job(serve):
    server, answers = serve(), []
    threads = [
        threading.Thread(target=lambda: answers.append(send_again(server, "k"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [response.json() for response in answers] == [{"id": 1}] * 16
    assert requests.get(f"{server.url}/ocr-jobs", timeout=10).json()["pagination"]["total"] == 1


def test_an_upload_that_is_stored_is_answered_even_if_the_queue_is_full(make_app, gate):
    client = make_app({"fake": gate.provider}, {"MAX_PENDING": "1", "OCR_WORKERS": "1"})
    client = client.test_client()
    assert post(client).status_code == 200
    gate.wait_for_start()
    upload(client, "fake")
    assert post(client, key={}).status_code == 503
    assert post(client).json == {"id": 1}
