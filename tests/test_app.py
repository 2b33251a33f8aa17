"""The API answers as its reference says, example by example and error by error."""

import atexit
import hashlib
import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from werkzeug.exceptions import TooManyRequests

from providers import PROVIDERS
from result import ProviderError
from tests.conftest import ROOT
from tests.fakes import drawn, fake, only_execution, png, upload, wait

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
HUGE = ("9223372036854775808", "99999999999999999999", "1" * 5000)
ROUTES = (
    ("GET", "/ocr-jobs/{}"),
    ("DELETE", "/ocr-jobs/{}"),
    ("GET", "/ocr-jobs/{}/files/1"),
    ("DELETE", "/ocr-jobs/{}/files/1"),
    ("GET", "/ocr-jobs/1/files/{}"),
    ("DELETE", "/ocr-jobs/1/files/{}"),
)


def recent(text):
    """Whether a text is a time of the reference's form, and of this minute."""
    if not TIME.fullmatch(text):
        return False
    then = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return abs(datetime.now(UTC) - then) < timedelta(minutes=1)


def error(status, message, details):
    return {"statusCode": status, "message": message, "details": details}


# Uploading and reading a job


def test_an_upload_answers_the_id_and_nothing_else(client):
    response = client.post(
        "/ocr-jobs/upload",
        data={
            "file": (BytesIO(png()), "receipt.jpg"),
            "ocrProvider_0": "fake",
            "jobName": "Weekly Groceries",
        },
    )
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == {"id": 1}


def test_a_job_has_every_field_of_the_reference_in_its_order(client):
    job_id = upload(client, "fake", files=[(png(), "receipt.jpg")], jobName="Weekly Groceries")
    job = wait(client, job_id)
    execution = job["files"][0]["executions"][0]
    assert all(
        recent(thing[key]) for thing in (job, execution) for key in ("createdAt", "updatedAt")
    )
    assert job == {
        "id": job_id,
        "name": "Weekly Groceries",
        "status": "completed",
        "createdAt": job["createdAt"],
        "updatedAt": job["updatedAt"],
        "failedFiles": 0,
        "files": [
            {
                "id": 1,
                "originalName": "receipt.jpg",
                "storageKey": f"uploads/{job_id}/receipt.jpg",
                "executions": [
                    {
                        "id": 1,
                        "status": "completed",
                        "ocrProvider": "fake",
                        "ocrData": execution["ocrData"],
                        "createdAt": execution["createdAt"],
                        "updatedAt": execution["updatedAt"],
                        "error": None,
                    }
                ],
                "duplicateOf": None,
            }
        ],
    }
    assert list(job)[:5] == ["id", "name", "status", "createdAt", "updatedAt"]
    assert list(execution)[:4] == ["id", "status", "ocrProvider", "ocrData"]


def test_ocr_data_is_a_json_text_with_the_markdown(client):
    execution = wait(client, upload(client, "fake"))["files"][0]["executions"][0]
    assert isinstance(execution["ocrData"], str)
    assert json.loads(execution["ocrData"])["markdown"] == "READ"


def test_the_storage_key_is_where_the_file_is_under_the_data_directory(client, tmp_path):
    job = wait(client, upload(client, "fake", files=[(png(), "receipt.jpg")]))
    assert (tmp_path / "data" / job["files"][0]["storageKey"]).read_bytes() == png()


def test_the_name_is_null_without_job_name(shared_client):
    assert shared_client.get(f"/ocr-jobs/{upload(shared_client, 'fake')}").json["name"] is None


@pytest.mark.parametrize("name", ["", "Wöchentlich 🛒", "x" * 5000, "a\nb", "<b>&amp;"])
def test_a_job_name_comes_back_as_sent(shared_client, name):
    assert (
        shared_client.get(f"/ocr-jobs/{upload(shared_client, 'fake', jobName=name)}").json["name"]
        == name
    )


def test_a_job_goes_from_pending_over_running_to_completed(make_app, gate):
    client = make_app({"gated": gate.provider, "fake": fake()}, {"OCR_WORKERS": "1"}).test_client()
    first = upload(client, "gated")
    gate.wait_for_start()
    second = upload(client, "fake")
    assert client.get(f"/ocr-jobs/{first}").json["status"] == "running"
    waiting = client.get(f"/ocr-jobs/{second}").json
    assert (waiting["status"], only_execution(waiting)["status"]) == ("pending", "pending")
    assert only_execution(waiting)["ocrData"] is None
    gate.open()
    assert [wait(client, n)["status"] for n in (first, second)] == ["completed", "completed"]


def test_a_job_with_something_done_and_something_pending_is_running(make_app, gate):
    client = make_app({"gated": gate.provider, "fake": fake()}, {"OCR_WORKERS": "1"}).test_client()
    job_id = upload(client, "fake", "gated", "fake")
    gate.wait_for_start()
    job = client.get(f"/ocr-jobs/{job_id}").json
    statuses = [file["executions"][0]["status"] for file in job["files"]]
    assert (job["status"], statuses) == ("running", ["completed", "running", "pending"])


def test_a_job_whose_files_failed_is_completed_and_says_how_many_failed(make_app):
    def ocr(path, settings):
        raise ProviderError("no_luck", "the dog ate it; send another")

    client = make_app({"bad": fake(ocr=ocr), "fake": fake()}).test_client()
    job = wait(client, upload(client, "bad", "fake", "bad"))
    failed = job["files"][0]["executions"][0]
    assert (job["status"], job["failedFiles"]) == ("completed", 2)
    assert (failed["status"], failed["ocrData"]) == ("failed", None)
    assert failed["error"] == {"code": "no_luck", "message": "the dog ate it; send another"}
    assert job["files"][1]["executions"][0]["error"] is None


def test_a_job_none_of_whose_files_could_be_given_to_an_engine_is_failed(make_app, gate, tmp_path):
    client = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"}).test_client()
    upload(client, "gated")
    gate.wait_for_start()
    job_id = upload(client, "gated")
    for path in (tmp_path / "data" / "uploads" / str(job_id)).iterdir():
        path.unlink()
    gate.open()
    job = wait(client, job_id)
    assert (job["status"], job["failedFiles"]) == ("failed", 1)
    assert only_execution(job)["error"]["code"] == "file_missing"
    assert client.get("/ocr-jobs?status=failed").json["data"][0]["id"] == job_id


# The list


def listed(client, query=""):
    response = client.get(f"/ocr-jobs{query}")
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json["data"]]


def test_the_list_has_exactly_the_fields_of_the_reference(client):
    job = wait(client, upload(client, "fake", jobName="Weekly Groceries"))
    assert client.get("/ocr-jobs?page=1&limit=10&sort=createdAt:desc").json == {
        "data": [
            {
                "id": job["id"],
                "name": "Weekly Groceries",
                "status": "completed",
                "createdAt": job["createdAt"],
            }
        ],
        "pagination": {"total": 1, "page": 1, "limit": 10, "pages": 1},
    }


def test_an_empty_list_has_no_pages(client):
    assert client.get("/ocr-jobs").json == {
        "data": [],
        "pagination": {"total": 0, "page": 1, "limit": 20, "pages": 0},
    }


def test_pages_are_cut_and_counted_and_past_the_end_is_empty(client):
    ids = [upload(client, "fake") for _ in range(5)][::-1]
    for page, expected in ((1, ids[:2]), (2, ids[2:4]), (3, ids[4:]), (4, []), (10**12, [])):
        response = client.get(f"/ocr-jobs?limit=2&page={page}")
        assert [job["id"] for job in response.json["data"]] == expected
        assert response.json["pagination"] == {"total": 5, "page": page, "limit": 2, "pages": 3}


def test_twenty_come_first_and_a_hundred_at_most(client, db):
    db.executemany(
        "INSERT INTO job (created_at, updated_at) VALUES (?, ?)",
        [(f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z",) * 2 for n in range(120)],
    )
    assert listed(client) == list(range(120, 100, -1))
    assert len(listed(client, "?limit=100")) == 100


@pytest.fixture
def three(db):
    """Jobs whose every column orders them another way; 2 and 3 tie in all but the name."""
    db.executemany(
        "INSERT INTO job (name, status, created_at, updated_at) VALUES (?, ?, ?, ?)",
        [
            ("b", "running", "2024-01-01T00:00:00Z", "2024-01-09T00:00:00Z"),
            ("c", "completed", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00Z"),
            ("a", "completed", "2024-01-02T00:00:00Z", "2024-01-02T00:00:00Z"),
        ],
    )


def test_the_list_is_sorted_with_ties_by_id_in_the_same_direction(client, three):
    orders = {
        "id:asc": [1, 2, 3],
        "id:desc": [3, 2, 1],
        "id": [1, 2, 3],
        "name:asc": [3, 1, 2],
        "name:desc": [2, 1, 3],
        "status:asc": [2, 3, 1],
        "status:desc": [1, 3, 2],
        "createdAt": [1, 2, 3],
        "createdAt:asc": [1, 2, 3],
        "createdAt:desc": [3, 2, 1],
        "updatedAt:asc": [2, 3, 1],
        "updatedAt:desc": [1, 3, 2],
    }
    assert {sort: listed(client, f"?sort={sort}") for sort in orders} == orders


@pytest.mark.parametrize(
    "sort", ["", ":", "size", "created_at", "id:up", "id:", ":asc", "id:asc:x"]
)
def test_an_unknown_sort_is_refused(shared_client, sort):
    response = shared_client.get(f"/ocr-jobs?sort={sort}")
    assert (response.status_code, response.json["message"]) == (400, "Bad Request")
    assert "createdAt" in response.json["details"] and repr(sort) in response.json["details"]


@pytest.mark.parametrize("name", ["page", "limit"])
def test_a_page_or_limit_that_makes_no_sense_is_refused(shared_client, name):
    for value in ("0", "-1", "1.5", "x", "", " 1", "1e3", "²", *HUGE):
        response = shared_client.get("/ocr-jobs", query_string={name: value})
        assert (response.status_code, response.json["message"]) == (400, "Bad Request"), value[:20]
        assert response.json["details"].startswith(f"{name} must be")


def test_more_than_a_hundred_a_page_are_refused(shared_client):
    assert shared_client.get("/ocr-jobs?limit=101").status_code == 400


def test_status_filters_the_list(client, three):
    assert listed(client, "?status=completed") == [3, 2]
    assert listed(client, "?status=running") == [1]
    assert listed(client, "?status=pending") == []
    assert client.get("/ocr-jobs?status=completed&limit=1").json["pagination"]["total"] == 2


@pytest.mark.parametrize("status", ["done", "", "COMPLETED"])
def test_an_unknown_status_is_refused_with_the_known_ones(shared_client, status):
    response = shared_client.get(f"/ocr-jobs?status={status}")
    assert response.status_code == 400
    assert "pending, running, completed, failed" in response.json["details"]


def test_search_looks_in_job_names_and_original_file_names(client):
    by_name = upload(client, "fake", jobName="Weekly Groceries")
    by_file = upload(client, "fake", "fake", files=[(png(), "x.jpg"), (png(), "grocery.jpg")])
    upload(client, "fake", jobName="Fuel")
    assert listed(client, "?search=GROCER") == [by_file, by_name]
    assert client.get("/ocr-jobs?search=grocer&limit=1").json["pagination"]["total"] == 2
    assert listed(client, "?search=groceries&status=failed") == []


def test_search_ignores_case_in_every_alphabet(client):
    job_id = upload(client, "fake", files=[(png(), "ЧЕК.jpg")], jobName="MÜLLER Straße")
    for text in ("müller", "STRASSE", "чек"):
        assert listed(client, f"?search={text}") == [job_id], text


@pytest.mark.parametrize("text", ["50%", "a_b", "back\\slash", "'; --", '"', "[x]*"])
def test_search_takes_every_character_for_itself(shared_client, text):
    job_id = upload(shared_client, "fake", jobName=f"so {text} there")
    upload(shared_client, "fake", jobName="50 axb back slash")
    assert [
        job["id"]
        for job in shared_client.get("/ocr-jobs", query_string={"search": text}).json["data"]
    ] == [job_id]


def test_an_empty_search_finds_all_even_what_has_no_name_and_no_files(client):
    job_id = upload(client, "fake")
    wait(client, job_id)
    assert client.delete(f"/ocr-jobs/{job_id}/files/1").status_code == 200
    assert listed(client, "?search=") == [job_id]


# Files


def test_a_file_comes_back_byte_for_byte(client):
    content = png((9, 9)) + b"trailing bytes that no decoder reads"
    upload(client, "fake", files=[(content, "receipt.jpg")])
    with client.get("/ocr-jobs/1/files/1") as response:
        assert (response.status_code, response.data) == (200, content)
        assert response.mimetype == "image/png"  # by its content, whatever its name says
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert response.get_etag() == (hashlib.sha256(content).hexdigest(), False)


def test_a_file_can_be_asked_for_again_in_part_and_only_if_changed(client):
    upload(client, "fake")
    url = "/ocr-jobs/1/files/1"
    with client.get(url, headers={"Range": "bytes=1-3"}) as part:
        assert (part.status_code, part.data) == (206, b"PNG")
        etag = part.headers["ETag"]
    with client.get(url, headers={"If-None-Match": etag}) as unchanged:
        assert unchanged.status_code == 304
    with client.head(url) as head:
        assert head.headers["Content-Length"] == str(len(png()))


def test_a_file_of_another_job_is_not_found(client):
    upload(client, "fake")
    wait(client, upload(client, "fake"))
    assert client.get("/ocr-jobs/1/files/2").status_code == 404
    assert client.delete("/ocr-jobs/1/files/2").status_code == 404
    assert client.delete("/ocr-jobs/2/files/2").status_code == 200


def test_a_file_whose_bytes_are_gone_is_not_found_and_can_be_deleted(client, tmp_path):
    wait(client, upload(client, "fake", files=[(png(), "receipt.jpg")]))
    (tmp_path / "data/uploads/1/receipt.jpg").unlink()
    response = client.get("/ocr-jobs/1/files/1")
    assert (response.status_code, response.json["message"]) == (404, "Not Found")
    assert client.delete("/ocr-jobs/1/files/1").json == {"success": True}


# Deleting


def kept(tmp_path):
    """Every file under the data directory's directories, as keys."""
    data = tmp_path / "data"
    return sorted(str(p.relative_to(data)) for p in data.glob("*/**/*") if p.is_file())


def test_deleting_a_job_removes_its_rows_and_files_and_no_others(client, db, tmp_path):
    for _ in range(2):
        wait(client, upload(client, "fake", "fake"))
    response = client.delete("/ocr-jobs/1")
    assert (response.status_code, response.json) == (200, {"success": True})
    assert client.get("/ocr-jobs/1").json == error(404, "Not Found", "Job 1 does not exist")
    assert client.delete("/ocr-jobs/1").status_code == 404
    rows = [
        db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("job", "file", "execution")
    ]
    assert rows == [1, 2, 2]
    assert kept(tmp_path) == ["uploads/2/0.png", "uploads/2/1.png"]
    assert not (tmp_path / "data/uploads/1").exists()


def test_deleting_a_file_removes_it_alone(client, tmp_path):
    job_id = upload(client, "fake", "fake")
    wait(client, job_id)
    response = client.delete(f"/ocr-jobs/{job_id}/files/1")
    assert (response.status_code, response.json) == (200, {"success": True})
    assert [file["id"] for file in client.get(f"/ocr-jobs/{job_id}").json["files"]] == [2]
    assert kept(tmp_path) == ["uploads/1/1.png"]
    assert client.get("/ocr-jobs/1/files/1").status_code == 404
    assert client.delete("/ocr-jobs/1/files/1").status_code == 404


def test_a_job_left_without_files_is_completed(client):
    wait(client, upload(client, "fake"))
    client.delete("/ocr-jobs/1/files/1")
    job = client.get("/ocr-jobs/1").json
    assert (job["status"], job["files"], job["failedFiles"]) == ("completed", [], 0)


def test_ids_are_never_reused(client):
    for job_id in (1, 2, 3):
        assert upload(client, "fake") == job_id
        job = wait(client, job_id)
        file = job["files"][0]
        assert (file["id"], file["executions"][0]["id"]) == (job_id, job_id)
        client.delete(f"/ocr-jobs/{job_id}")


def test_ids_are_not_reused_after_a_restart(make_app, tmp_path):
    first = make_app(data=tmp_path / "one")
    wait(first.test_client(), upload(first.test_client(), "fake"))
    first.test_client().delete("/ocr-jobs/1")
    first.extensions["receipts"].stop()
    assert upload(make_app(data=tmp_path / "one").test_client(), "fake") == 2


def test_what_a_vendor_may_charge_for_cannot_be_deleted_while_it_runs(client, paid_gate):
    job_id = upload(client, "paid")
    paid_gate.wait_for_start()
    for url in (f"/ocr-jobs/{job_id}", f"/ocr-jobs/{job_id}/files/1"):
        response = client.delete(url)
        assert (response.status_code, response.json["statusCode"]) == (409, 409)
        assert response.json["message"] == "Conflict"
        assert response.json["details"].startswith("ACME is reading it and may charge for that")
    paid_gate.open()
    assert wait(client, job_id)["status"] == "completed"
    assert client.delete(f"/ocr-jobs/{job_id}").json == {"success": True}


def test_nothing_of_a_job_is_cancelled_where_a_vendor_may_charge_for_a_part(
    make_app, gate, paid_gate
):
    providers = {"gated": gate.provider, "paid": paid_gate.provider}
    client = make_app(providers, {"OCR_WORKERS": "2"}).test_client()
    job_id = upload(client, "gated", "paid")
    gate.wait_for_start()
    paid_gate.wait_for_start()
    assert client.delete(f"/ocr-jobs/{job_id}").status_code == 409
    gate.open()
    paid_gate.open()
    files = wait(client, job_id)["files"]
    assert [file["executions"][0]["status"] for file in files] == ["completed"] * 2


def test_the_files_of_a_job_can_be_deleted_one_by_one_the_one_that_is_read_too(make_app, gate):
    client = make_app({"gated": gate.provider, "fake": fake()}, {"OCR_WORKERS": "1"}).test_client()
    upload(client, "fake", "gated", "fake")
    gate.wait_for_start()
    for file_id in (1, 2):
        assert client.delete(f"/ocr-jobs/1/files/{file_id}").json == {"success": True}
    gate.open()
    assert [file["id"] for file in wait(client, 1)["files"]] == [3]


def test_a_reading_that_ends_after_its_deletion_is_not_recorded(client, gate, db):
    job_id = upload(client, "gated")
    gate.wait_for_start()
    assert client.delete(f"/ocr-jobs/{job_id}").json == {"success": True}
    assert client.get(f"/ocr-jobs/{job_id}").status_code == 404
    gate.open()
    wait(client, upload(client, "gated"))  # the same thread, or its neighbour
    assert [row["id"] for row in db.execute("SELECT id FROM execution")] == [2]


def test_deleting_a_pending_job_cancels_it(make_app, gate):
    client = make_app({"gated": gate.provider}, {"OCR_WORKERS": "1"}).test_client()
    first, second, third = (upload(client, "gated") for _ in range(3))
    gate.wait_for_start()
    assert client.delete(f"/ocr-jobs/{second}").json == {"success": True}
    gate.open()
    wait(client, first)
    wait(client, third)
    assert client.get(f"/ocr-jobs/{second}").status_code == 404


def test_a_reading_is_cancelled_and_its_file_read_again(client, gate):
    job_id = upload(client, "gated")
    gate.wait_for_start()
    url = f"/ocr-jobs/{job_id}/files/1/executions"
    assert client.delete(f"{url}/1").json == {"success": True}
    gate.open()
    wait(client, upload(client, "gated"))  # the same thread, or its neighbour
    (execution,) = wait(client, job_id)["files"][0]["executions"]
    assert (execution["status"], execution["error"]["code"]) == ("failed", "cancelled")
    assert client.get(f"/receipts/{job_id}").json["state"] == "failed"
    response = client.delete(f"{url}/1")
    assert (response.status_code, response.json["details"]) == (
        404,
        "File 1 of job 1 has no unfinished execution 1",
    )
    client.post(url, data={"ocrProvider": "gated"})
    assert wait(client, job_id)["status"] == "completed"


def test_a_reading_that_a_vendor_may_charge_for_is_not_cancelled(client, paid_gate):
    job_id = upload(client, "paid")
    paid_gate.wait_for_start()
    assert client.delete(f"/ocr-jobs/{job_id}/files/1/executions/1").status_code == 409
    paid_gate.open()
    assert wait(client, job_id)["status"] == "completed"


# Health, and errors in their one form


def test_health_is_ok_and_tells_the_time(shared_client):
    body = shared_client.get("/health").json
    assert recent(body["timestamp"])
    assert body == {"status": "ok", "timestamp": body["timestamp"]}


def is_not_found(client, method, url, number):
    response = client.open(url.format(number), method=method)
    assert (response.status_code, response.mimetype) == (404, "application/json"), number[:20]
    assert (response.json["statusCode"], response.json["message"]) == (404, "Not Found")


@pytest.mark.parametrize(("method", "url"), ROUTES)
def test_an_id_that_nothing_has_or_that_is_no_number_is_not_found(shared_client, method, url):
    for number in ("0", "-1", "1.0", "abc", "1x", "%20"):
        is_not_found(shared_client, method, url, number)


@pytest.mark.parametrize(("method", "url"), ROUTES)
def test_an_id_beyond_64_bits_is_not_found(shared_client, method, url):
    for number in HUGE:
        is_not_found(shared_client, method, url, number)


def test_an_unknown_address_is_not_found_in_the_same_form(shared_client):
    assert shared_client.get("/nowhere").json == error(
        404, "Not Found", "There is nothing at GET /nowhere"
    )


@pytest.mark.parametrize(
    ("method", "url", "allow"),
    [
        ("PUT", "/ocr-jobs/1", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("DELETE", "/ocr-jobs", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/ocr-jobs/upload", {"POST", "OPTIONS"}),
    ],
)
def test_a_method_not_allowed_says_which_are(shared_client, method, url, allow):
    response = shared_client.open(url, method=method)
    assert (response.status_code, response.mimetype) == (405, "application/json")
    assert response.json["details"] == f"{url} takes {', '.join(sorted(allow))} and not {method}"
    assert response.json["message"] == "Method Not Allowed"
    assert set(response.headers["Allow"].split(", ")) == allow


def test_a_bug_is_500_in_the_same_form_and_tells_no_secrets(app):
    @app.get("/bug")
    def bug():
        raise ValueError("the password is xyzzy")

    response = app.test_client().get("/bug")
    assert (response.status_code, response.mimetype) == (500, "application/json")
    assert (response.json["statusCode"], response.json["message"]) == (500, "Internal Server Error")
    assert "xyzzy" not in response.text


def test_retry_after_is_kept(app):
    @app.get("/busy")
    def busy():
        raise TooManyRequests("later", retry_after=7)

    response = app.test_client().get("/busy")
    assert response.json == error(429, "Too Many Requests", "later")
    assert response.headers["Retry-After"] == "7"


# The providers


def test_an_unknown_provider_is_refused_in_the_words_of_the_reference(client):
    response = client.post(
        "/ocr-jobs/upload",
        data={"file": (BytesIO(png()), "a.png"), "ocrProvider_0": "invalid"},
    )
    assert (response.status_code, response.json["message"]) == (400, "Bad Request")
    assert response.json["details"].startswith("Provider 'invalid' is not available")


def test_the_ten_names_of_the_reference_are_there():
    assert set(PROVIDERS) == {
        *("paddle-ocr-local", "tesseract", "llama-cpp", "gemini", "openai", "mistral"),
        *("xai-grok", "tab-scanner", "aws-textract", "paddle-ocr-api"),
    }


def test_the_data_directory_is_for_its_owner_only(client, tmp_path):
    upload(client, "fake")
    data = tmp_path / "data"
    modes = {str(p.relative_to(data)): p.stat().st_mode & 0o077 for p in data.rglob("*")}
    assert not any(mode for name, mode in modes.items() if "-shm" not in name), modes


# In a program that is no server


NO_SERVER = """
import signal, sys, threading
from app import create_app

def handlers():
    return signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

before = handlers()
create_app(sys.argv[1], env={}, serve=False)
assert threading.active_count() == 1, threading.enumerate()
assert handlers() == before
"""


@pytest.mark.slow
def test_an_application_that_does_not_serve_starts_and_writes_nothing(tmp_path):
    command = [sys.executable, "-c", NO_SERVER, str(tmp_path / "data")]
    done = subprocess.run(command, cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists()


def test_an_application_that_serves_for_a_caller_leaves_its_signals_and_its_exit_alone(make_app):
    def process():
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        return handlers, atexit._ncallbacks()

    before = process()
    client = make_app().test_client()
    assert process() == before
    assert wait(client, upload(client, "fake"))["status"] == "completed"


def test_a_picture_without_its_end_is_read_with_a_warning(client):
    buffer = BytesIO()
    drawn().save(buffer, "JPEG")
    content = buffer.getvalue()
    job = upload(client, "fake", "fake", files=[(content, "a.jpg"), (content[:-4000], "b.jpg")])
    data = [json.loads(file["executions"][0]["ocrData"]) for file in wait(client, job)["files"]]
    assert [found["receipt"]["warnings"] for found in data] == [[], ["cut_short"]]
