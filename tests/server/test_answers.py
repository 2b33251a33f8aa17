"""A request that waits is answered when its job ends, and delays no other request."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import requests

from result import OcrResult, ProviderError, Receipt
from server.answers import Waiting
from tests.conftest import PRODUCTION
from tests.fakes import fake, png, until, upload, wait


def send(client, provider, query="", **headers):
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": provider}
    return client.post(f"/ocr-jobs/upload{query}", data=data, headers=headers)


@pytest.fixture
def failing(make_app):
    def fail(path, settings):
        raise ProviderError("unreadable", "the paper is blank")

    return make_app({"failing": fake(ocr=fail), "fake": fake("READ")}).test_client()


@pytest.fixture
def waiting_for(app):
    """`waiting_for(path)`: a GET in a thread, once it waits; its answer is `.result()`."""
    place = app.extensions["receipts"].waiting
    with ThreadPoolExecutor(8) as pool:

        def start(path, **options):
            before = place.count
            answer = pool.submit(lambda: app.test_client().get(path, **options))
            until(lambda: place.count > before or answer.done())
            return answer

        yield start


# Asking to wait


def test_an_upload_that_waits_answers_the_finished_job(client):
    response = send(client, "fake", "?wait=60")
    assert (response.status_code, response.json["status"]) == (200, "completed")
    assert response.json == client.get(f"/ocr-jobs/{response.json['id']}").json
    assert "Retry-After" not in response.headers


@pytest.mark.slow
def test_an_upload_that_may_not_wait_long_answers_the_unfinished_job(client, gate):
    started = time.monotonic()
    response = send(client, "gated", "?wait=1")
    assert 1 <= time.monotonic() - started < 60
    assert (response.status_code, response.json["status"]) == (200, "running")
    assert response.headers["Retry-After"] == "2"


def test_an_upload_that_waits_for_no_time_answers_the_job_at_once(client, gate):
    assert send(client, "gated", "?wait=0").json["files"][0]["originalName"] == "a.png"


def test_a_get_that_waits_is_answered_when_the_job_ends(client, gate, waiting_for):
    job_id = upload(client, "gated")
    answer = waiting_for(f"/ocr-jobs/{job_id}?wait=60")
    opened = time.monotonic()
    gate.open()
    assert answer.result().json["status"] == "completed"
    assert time.monotonic() - opened < 30


def test_a_get_of_an_unfinished_job_says_when_to_ask_again(client, gate):
    response = client.get(f"/ocr-jobs/{upload(client, 'gated')}")
    assert response.headers["Retry-After"] == "2"
    gate.open()
    job = client.get("/ocr-jobs/1?wait=20")
    assert (job.json["status"], job.headers.get("Retry-After")) == ("completed", None)


def test_a_preference_to_wait_is_applied_and_said_to_be(client):
    response = send(client, "fake", Prefer="respond-async, Wait=60; x")
    assert response.json["status"] == "completed"
    assert response.headers["Preference-Applied"] == "wait=60"
    assert response.headers["Vary"] == "Accept, Prefer"


def test_the_first_preference_counts_and_the_query_before_any(client):
    job_id = send(client, "fake", "?wait=60").json["id"]
    first = client.get(f"/ocr-jobs/{job_id}", headers={"Prefer": "wait=7, wait=9"})
    assert first.headers["Preference-Applied"] == "wait=7"
    query = client.get(f"/ocr-jobs/{job_id}?wait=5", headers={"Prefer": "wait=7"})
    assert "Preference-Applied" not in query.headers


def test_a_wait_longer_than_two_minutes_is_two_minutes(client):
    response = send(client, "fake", Prefer="wait=9999999")
    assert response.headers["Preference-Applied"] == "wait=120"
    assert client.get(f"/ocr-jobs/{response.json['id']}?wait=9999999").status_code == 200


@pytest.mark.parametrize("wait", ["", "x", "-1", "1.5", "1s", "٣", "1" * 5000])
def test_a_malformed_wait_is_400_and_stores_nothing(shared_client, wait):
    before = shared_client.get("/ocr-jobs").json["pagination"]
    response = send(shared_client, "fake", f"?wait={wait}")
    assert response.status_code == 400
    wanted = f"wait must be a whole number of seconds, not {wait!r}"
    assert response.json["details"][:1000] == wanted[:1000]  # the middle of long ones is left out
    assert shared_client.get("/ocr-jobs").json["pagination"] == before


@pytest.mark.parametrize("preference", ["wait=x", "wait", "wait=-1", 'return="wait=5"', ";,="])
def test_a_malformed_preference_is_none_as_rfc_7240_has_it(shared_client, preference):
    response = send(shared_client, "fake", Prefer=preference)
    assert list(response.json) == ["id"]


def test_an_upload_sent_again_with_its_key_waits_for_the_first_ones_job(client, gate):
    key = {"Idempotency-Key": "once"}
    first = send(client, "gated", "?wait=0", **key).json
    gate.open()
    second = send(client, "gated", "?wait=60", **key).json
    assert (second["id"], second["status"]) == (first["id"], "completed")


# Being woken


def test_deleting_the_job_answers_who_waits_with_404(make_app, gate):
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    client, place = app.test_client(), app.extensions["receipts"].waiting
    upload(client, "gated")
    pending = upload(client, "gated")
    gate.wait_for_start()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(lambda: app.test_client().get(f"/ocr-jobs/{pending}?wait=60"))
        until(lambda: place.count)
        assert client.delete(f"/ocr-jobs/{pending}").status_code == 200
        assert answer.result(5).status_code == 404


def test_deleting_the_last_file_to_be_read_answers_who_waits(make_app, gate):
    app = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"})
    client, place = app.test_client(), app.extensions["receipts"].waiting
    upload(client, "gated")
    gate.wait_for_start()
    pending = upload(client, "gated")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(lambda: app.test_client().get(f"/ocr-jobs/{pending}?wait=60"))
        until(lambda: place.count)
        assert client.delete(f"/ocr-jobs/{pending}/files/2").status_code == 200
        assert answer.result(5).json["status"] == "completed"


def test_a_job_of_several_files_is_waited_for_until_the_last_is_read(make_app, gate):
    client = make_app({"fake": fake(), "gated": gate.provider}).test_client()
    job_id = upload(client, "fake", "gated")
    wait(client, job_id, "running")
    threading.Timer(0.3, gate.open).start()
    assert client.get(f"/ocr-jobs/{job_id}?wait=60").json["status"] == "completed"


def test_who_finds_no_place_to_wait_is_answered_at_once(make_app, gate):
    app = make_app({"gated": gate.provider}, {"MAX_WAITING": "1"})
    client, place = app.test_client(), app.extensions["receipts"].waiting
    job_id = upload(client, "gated")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: app.test_client().get(f"/ocr-jobs/{job_id}?wait=60"))
        until(lambda: place.count)
        second = client.get(f"/ocr-jobs/{job_id}?wait=60")
        assert second.json["status"] in ("pending", "running")
        assert second.headers["Retry-After"] == "2"
        gate.open()
        assert first.result(5).json["status"] == "completed"
    assert place.count == 0


def test_an_end_wakes_only_those_who_wait_for_that_job():
    waiting, looks = Waiting(10), {1: 0, 2: 0}

    def look(job_id):
        looks[job_id] += 1
        return looks[job_id] > 1

    with ThreadPoolExecutor() as pool:
        one = pool.submit(waiting.wait, 1, 60, lambda: look(1))
        two = pool.submit(waiting.wait, 2, 60, lambda: look(2))
        until(lambda: looks == {1: 1, 2: 1})
        waiting.wake(1)
        one.result(5)
        assert looks == {1: 2, 2: 1}
        waiting.close()
        two.result(5)
    assert waiting.count == 0


def test_an_end_between_looking_and_waiting_is_not_missed():
    waiting, looks = Waiting(10), []

    def look():
        looks.append(1)
        if len(looks) == 1:
            waiting.wake(1)  # ends just after it was looked at
        return len(looks) > 1

    started = time.monotonic()
    waiting.wait(1, 60, look)
    assert time.monotonic() - started < 30


def test_nothing_is_kept_of_jobs_that_have_ended():
    waiting = Waiting(10)
    waiting.wait(1, 60, lambda: True)
    waiting.wait(2, 0, lambda: False)
    waiting.wake(2)
    assert vars(waiting)["_changes"] == {}


# Under the production server


@pytest.fixture
def production(serve):
    """`production()`: the command of `make serve`, on a free port and with the fakes."""
    return lambda **env: serve(*PRODUCTION, **env)


def waiter(server, job_id):
    return requests.get(f"{server.url}/ocr-jobs/{job_id}?wait=60", timeout=70)


@pytest.mark.slow
def test_hundreds_who_wait_do_not_stop_an_upload_and_all_are_answered(production):
    server = production()
    job_id = server.upload(png(), "slow")
    with ThreadPoolExecutor(260) as pool:
        waits = [pool.submit(waiter, server, job_id) for _ in range(260)]
        until(lambda: sum(wait.done() for wait in waits) == 10, seconds=30)  # found no place
        started = time.monotonic()
        assert server.wait(server.upload(png(), "mistral"))["status"] == "completed"
        assert time.monotonic() - started < 30
        (server.data / "go").touch()
        statuses = Counter(wait.result().json()["status"] for wait in waits)
    assert statuses == {"completed": 250, "running": 10}


@pytest.mark.slow
def test_an_orderly_end_answers_who_waits_with_the_unfinished_job(production):
    server = production()
    job_id = server.upload(png(), "slow")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(waiter, server, job_id)
        time.sleep(0.5)  # the answer is the same if it does not wait yet
        server.process.terminate()
        response = answer.result(10)
    assert (response.status_code, response.headers["Retry-After"]) == (200, "2")
    assert response.json()["status"] == "running"


# Only the text


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/*", "text/plain"),
        ("text/markdown", "text/markdown"),
        ("text/markdown;q=0.5, text/plain;q=0.8", "text/plain"),
        ("text/plain;q=0.5, application/json;q=0.4", "text/plain"),
        ("application/json, text/plain, */*", "application/json"),  # axios
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),  # browsers
        ("text/plain;q=0, */*", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_client_has_the_form_it_likes_best(client, accept, media_type):
    response = send(client, "fake", "?wait=20", Accept=accept)
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert response.headers["Vary"] == "Accept, Prefer"
    again = client.get("/ocr-jobs/1?wait=20", headers={"Accept": accept})
    assert again.data == response.data


def reading(text, markdown):
    result = OcrResult(markdown, text, (), Receipt("rules"), "fake 1")
    return fake(ocr=lambda path, settings: result)


def test_the_text_is_that_of_all_files_in_their_order(make_app):
    providers = {"a": reading("TEA 1.20", "# TEA\n\n1.20"), "b": reading("Öl 3,70 €", "# Öl")}
    client = make_app(providers).test_client()
    wait(client, upload(client, "a", "b"))
    plain = client.get("/ocr-jobs/1", headers={"Accept": "text/plain"})
    assert plain.content_type == "text/plain; charset=utf-8"
    assert plain.text == "TEA 1.20\n\nÖl 3,70 €\n"
    markdown = client.get("/ocr-jobs/1", headers={"Accept": "text/markdown"})
    assert markdown.content_type == "text/markdown; charset=utf-8"
    assert markdown.text == "# TEA\n\n1.20\n\n---\n\n# Öl\n"


def test_the_text_of_a_file_is_what_was_read_last(make_app):
    client = make_app({"a": fake("FIRST"), "b": fake("SECOND")}).test_client()
    wait(client, upload(client, "a"))
    client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "b"})
    text = client.get("/ocr-jobs/1?wait=20", headers={"Accept": "text/plain"}).text
    assert text == "SECOND\n"


def test_the_text_of_an_unfinished_job_is_409_and_not_empty(client, gate):
    response = send(client, "gated", "?wait=0", Accept="text/plain")
    assert (response.status_code, response.headers["Retry-After"]) == (409, "2")
    assert response.json["details"] == (
        "Job 1 is not finished, so there is no text yet; its status is at /ocr-jobs/1"
    )


def test_the_text_of_a_job_that_could_not_be_read_is_422_with_the_reason(failing):
    response = send(failing, "failing", "?wait=20", Accept="text/plain")
    assert response.status_code == 422
    assert response.json["details"] == (
        "No file of job 1 could be read: failing: the paper is blank"
    )


def test_the_text_of_a_job_holds_what_could_be_read(failing):
    wait(failing, upload(failing, "failing", "fake"))
    assert failing.get("/ocr-jobs/1", headers={"Accept": "text/plain"}).text == "READ\n"
