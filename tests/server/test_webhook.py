"""Every job's end is sent to the webhook, signed, at least once, and to nobody else."""

import base64
import contextlib
import queue
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

import db
from result import ProviderError
from server.webhook import WAITS_S, Webhook
from tests.fakes import fake, png, until, upload, wait

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Receiver:
    """A server that keeps what it gets and answers by `statuses`, then 204 for ever."""

    def __init__(self, *statuses):
        self.got, self.statuses = queue.Queue(), list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((self.path, dict(self.headers), body))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=t0psecret"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self):
        """The next event: its headers and what it says, its signature verified."""
        _, headers, body = self.got.get(timeout=10)
        return headers, Verifier(SECRET).verify(body, headers)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    """`receiver(*statuses)`: a server that answers these."""
    made = []

    def make(*statuses):
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def hooked(make_app, gate):
    """`hooked(receiver)`: an application that tells it."""

    def fail(path, settings):
        raise ProviderError("unreadable", "blank")

    def make(receiver, **env):
        providers = {"fake": fake(), "gated": gate.provider, "failing": fake(ocr=fail)}
        if receiver:
            env |= {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET}
        return make_app(providers, env)

    return make


def deliveries(app):
    connection = db.connect(app.extensions["receipts"].database)
    rows = [dict(row) for row in connection.execute("SELECT * FROM delivery")]
    connection.close()
    return rows


def step(app, clock):
    """One step of the sender by this clock; the thread does nothing meanwhile."""
    at = app.extensions["receipts"]
    connection = db.connect(at.database)
    wait_s = at.webhook.send_due(connection, clock)
    connection.close()
    return wait_s


def in_six_seconds():
    """When what was not taken at the first try is due."""
    return datetime.now(UTC) + timedelta(seconds=6)


def stop(app):
    app.extensions["receipts"].webhook.stop()
    app.extensions["receipts"].stop()


def test_a_completed_job_is_told_with_a_valid_signature(receiver, hooked):
    to = receiver()
    client = hooked(to).test_client()
    job = wait(client, upload(client, "fake", jobName="Wochenmarkt"))
    headers, event = to.next()
    assert event == {
        "type": "job.completed",
        "timestamp": job["updatedAt"],
        "data": {"id": 1, "name": "Wochenmarkt", "status": "completed", "failedFiles": 0},
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"].startswith("msg_")


def test_files_that_could_not_be_read_are_counted(receiver, hooked):
    to = receiver()
    client = hooked(to).test_client()
    upload(client, "fake", "failing")
    assert to.next()[1]["data"]["failedFiles"] == 1


def test_a_job_whose_only_file_is_gone_is_told_as_failed(receiver, hooked, gate, tmp_path):
    to = receiver()
    client = hooked(to, OCR_WORKERS="1").test_client()
    upload(client, "gated")
    gate.wait_for_start()
    upload(client, "fake")
    (tmp_path / "data/uploads/2/0.png").unlink()
    gate.open()
    assert [to.next()[1]["type"], to.next()[1]["type"]] == ["job.completed", "job.failed"]


def test_a_signature_of_another_secret_is_refused_by_the_receivers_library(receiver, hooked):
    to = receiver()
    upload(hooked(to).test_client(), "fake")
    _, headers, body = to.got.get(timeout=10)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WebhookVerificationError):
        Verifier(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"completed", b"failed"), headers)


def test_a_job_is_told_once_when_its_last_file_ends_and_again_after_a_rerun(receiver, hooked):
    to = receiver()
    app = hooked(to)
    client = app.test_client()
    wait(client, upload(client, "fake", "fake", "fake"))
    first = to.next()[0]["webhook-id"]
    until(lambda: not deliveries(app))
    assert to.got.empty()
    client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "fake"})
    assert to.next()[0]["webhook-id"] != first


def test_what_is_not_taken_is_sent_again_with_the_same_id_and_body(receiver, hooked):
    to = receiver(500)
    app = hooked(to)
    upload(app.test_client(), "fake")
    _, headers, body = to.got.get(timeout=10)
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    step(app, in_six_seconds)
    _, again, same_body = to.got.get(timeout=10)
    assert (again["webhook-id"], same_body) == (headers["webhook-id"], body)
    assert deliveries(app) == []


def test_it_is_tried_again_by_the_specifications_schedule_and_then_given_up(
    receiver, hooked, caplog
):
    to = receiver(*[503] * 20)
    app = hooked(to)
    upload(app.test_client(), "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    start, waits = datetime.now(UTC), []
    while wait_s := step(app, lambda: start + timedelta(seconds=sum(waits))):
        waits.append(wait_s)
    assert [round(wait_s, -1) for wait_s in waits[1:]] == [
        *(300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    ]
    assert to.got.qsize() == 1 + len(WAITS_S) == 10
    assert deliveries(app) == []
    assert "webhook: job 1: not delivered (503); given up" in caplog.text


def test_the_wait_before_the_next_try_counts_from_the_end_of_each_delivery(receiver, hooked):
    app = hooked(receiver(*[500] * 4))
    client = app.test_client()
    for _ in range(2):
        upload(client, "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1, 1])
    start = in_six_seconds().replace(microsecond=0)
    readings = (start + timedelta(seconds=10 * number) for number in count())
    assert step(app, lambda: next(readings)) == (10 + 300) - 40
    assert [datetime.fromisoformat(row["next_at"]) for row in deliveries(app)] == [
        start + timedelta(seconds=10 + 300),
        start + timedelta(seconds=30 + 300),
    ]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_every_answer_but_success_counts_as_not_taken_and_no_redirect_is_followed(
    receiver, hooked, status
):
    to = receiver(status)
    app = hooked(to)
    upload(app.test_client(), "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    assert to.got.qsize() == 1


def test_410_ends_it(receiver, hooked):
    to = receiver(410)
    app = hooked(to)
    client = app.test_client()
    upload(client, "fake")
    to.next()
    until(lambda: not deliveries(app))
    wait(client, upload(client, "fake"))
    assert (deliveries(app), to.got.qsize()) == ([], 0)


def test_410_is_remembered_at_the_next_start_and_forgotten_for_another_url(receiver, hooked):
    gone, other = receiver(410), receiver()
    app = hooked(gone)
    upload(app.test_client(), "fake")
    gone.next()
    until(lambda: not deliveries(app))
    stop(app)
    app = hooked(gone)
    wait(app.test_client(), upload(app.test_client(), "fake"))
    assert (deliveries(app), gone.got.qsize()) == ([], 0)
    stop(app)
    upload(hooked(other).test_client(), "fake")
    assert other.next()[1]["data"]["id"] == 3


def test_what_was_not_sent_before_a_stop_is_sent_after_the_start(receiver, hooked):
    to = receiver(500)
    app = hooked(to)
    upload(app.test_client(), "fake")
    to.next()
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    stop(app)
    step(hooked(to), in_six_seconds)
    assert to.next()[1]["data"]["id"] == 1


@pytest.mark.slow
def test_a_kill_between_the_end_of_a_job_and_its_telling_loses_nothing(serve, receiver):
    to = receiver(*[500] * 9)
    env = {"WEBHOOK_URL": to.url, "WEBHOOK_SECRET": SECRET}
    server = serve(**env)
    server.wait(server.upload(png(), "mistral"))
    to.next()
    server.end()
    to.statuses.clear()
    serve(**env)
    assert to.next()[1]["data"]["id"] == 1


def test_an_unreachable_receiver_does_not_hold_up_reading(make_app):
    env = {"WEBHOOK_URL": "http://127.0.0.1:9/", "WEBHOOK_SECRET": SECRET}
    app = make_app({"fake": fake()}, env)
    client = app.test_client()
    for _ in range(3):
        assert wait(client, upload(client, "fake"))["status"] == "completed"
    until(lambda: [row["tries"] for row in deliveries(app)] == [1, 1, 1])


@pytest.mark.slow
def test_a_receiver_that_answers_a_byte_at_a_time_is_left_at_the_deadline(receiver, hooked):
    """Its header never ends, and no silence is long."""
    app = hooked(receiver(500))
    upload(app.test_client(), "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(100):
                    connection.sendall(b"x")
                    time.sleep(0.1)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        settings = replace(app.extensions["receipts"].settings, webhook_url=url)
        webhook = Webhook(app.extensions["receipts"].database, settings, delivery_s=1)
        started = time.monotonic()
        with contextlib.closing(db.connect(app.extensions["receipts"].database)) as connection:
            webhook.send_due(connection, in_six_seconds)
        assert 1 <= time.monotonic() - started < 8  # all that is sent takes ten
        thread.join()
    assert [row["tries"] for row in deliveries(app)] == [2]


def test_a_clock_that_was_set_back_delays_no_delivery_by_more_than_its_own_wait(receiver, hooked):
    to = receiver(500)
    app = hooked(to)
    client = app.test_client()
    wait(client, upload(client, "fake"))
    to.next()
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    connection = db.connect(app.extensions["receipts"].database)
    with connection:  # as from a clock that ran ahead
        connection.execute("UPDATE delivery SET next_at = '2999-01-01T00:00:00Z'")
    connection.close()
    app.extensions["receipts"].webhook.wake()
    latest = datetime.now(UTC) + timedelta(seconds=WAITS_S[0])
    until(lambda: next_at(app) <= latest)


def next_at(app):
    return datetime.fromisoformat(deliveries(app)[0]["next_at"])


def test_the_url_and_its_token_are_neither_logged_nor_stored(receiver, hooked, caplog, tmp_path):
    to = receiver(500)
    app = hooked(to)
    upload(app.test_client(), "fake", jobName="Secret Shop")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    assert "webhook: job 1: not delivered (500); next try in 5 s" in caplog.text
    assert "t0psecret" not in caplog.text
    assert "Secret Shop" not in caplog.text
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("receipts.db*"))
    assert b"t0psecret" not in kept


def test_a_deleted_job_is_told_no_more(receiver, hooked):
    app = hooked(receiver(500))
    client = app.test_client()
    upload(client, "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    assert client.delete("/ocr-jobs/1").status_code == 200
    assert deliveries(app) == []


def test_without_a_webhook_nothing_is_stored_for_one(receiver, hooked):
    app = hooked(receiver(500))
    upload(app.test_client(), "fake")
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    stop(app)
    app = hooked(None)
    wait(app.test_client(), upload(app.test_client(), "fake"))
    assert deliveries(app) == []


# Receipts


def test_a_receipt_is_told_when_it_is_confirmed_as_it_was_then(receiver, hooked):
    to = receiver()
    client = hooked(to).test_client()
    wait(client, upload(client, "fake", "fake"))
    assert to.next()[1]["type"] == "job.completed"
    seen = client.get("/receipts/1").json
    corrected = {"merchant": "Café", "total": 13.2, "date": "2026-03-14"}
    body = {"updatedAt": seen["updatedAt"], "set": corrected, "confirmed": True}
    confirmed = client.patch("/receipts/1", json=body).json
    event = to.next()[1]
    assert event["type"] == "receipt.confirmed"
    assert event["timestamp"] == confirmed["confirmedAt"]
    assert event["data"] == {
        **{name: confirmed[name] for name in event["data"]},
        **{"id": 1, "jobId": 1, "fileId": 1, "position": 0, "itemCount": 0, "tax": None},
        **corrected,
    }
    client.patch("/receipts/1", json={"updatedAt": confirmed["updatedAt"], "set": {"tip": 1}})
    assert client.post("/receipts/confirm", json={"ids": [1, 2]}).json == {"confirmed": 2}
    assert to.next()[1]["data"]["id"] == 2
    assert to.got.empty()


def test_the_same_bytes_are_sent_at_every_try_whatever_is_corrected_meanwhile(receiver, hooked):
    to = receiver(204, 500)
    app = hooked(to)
    client = app.test_client()
    wait(client, upload(client, "fake"))
    to.next()
    client.post("/receipts/confirm", json={"ids": [1]})
    first = to.got.get(timeout=10)[2]
    until(lambda: [row["tries"] for row in deliveries(app)] == [1])
    seen = client.get("/receipts/1").json["updatedAt"]
    assert client.patch("/receipts/1", json={"updatedAt": seen, "set": {"total": 1}}).json["total"]
    step(app, in_six_seconds)
    assert to.got.get(timeout=10)[2] == first
