"""A file can be read again, by the same provider or others; earlier readings are kept."""

from io import BytesIO

import pytest

from result import ProviderError
from tests.fakes import fake, png, upload, wait


@pytest.fixture
def client(make_app, gate):
    def broken(path, settings):
        raise ProviderError("no_luck", "it never works")

    providers = {
        "one": fake("ONE"),
        "two": fake("TWO"),
        "gated": gate.provider,
        "broken": fake(ocr=broken),
        "off": fake(unavailable=lambda settings: "OFF_API_KEY is not set"),
    }
    return make_app(providers, {"OCR_WORKERS": "1"}).test_client()


def again(client, provider, job_id=1, file_id=1):
    return client.post(
        f"/ocr-jobs/{job_id}/files/{file_id}/executions", data={"ocrProvider": provider}
    )


def history(client, job_id=1, place=0):
    executions = wait(client, job_id)["files"][place]["executions"]
    return [(e["id"], e["ocrProvider"], e["status"]) for e in executions]


def test_a_file_is_read_again_and_its_history_is_kept(client):
    wait(client, upload(client, "one"))
    before = client.get("/ocr-jobs/1").json["files"][0]["executions"]
    for number, provider in enumerate(("one", "two", "one"), start=2):
        response = again(client, provider)
        assert (response.status_code, response.json) == (200, {"id": number})
        wait(client, 1)
    assert history(client) == [
        (1, "one", "completed"),
        (2, "one", "completed"),
        (3, "two", "completed"),
        (4, "one", "completed"),
    ]
    assert client.get("/ocr-jobs/1").json["files"][0]["executions"][:1] == before


def test_the_latest_execution_tells_whether_a_file_failed(client):
    wait(client, upload(client, "broken", "one"))
    assert client.get("/ocr-jobs/1").json["failedFiles"] == 1
    again(client, "one")
    assert wait(client, 1)["failedFiles"] == 0
    again(client, "broken")
    again(client, "broken", file_id=2)
    assert (wait(client, 1)["status"], wait(client, 1)["failedFiles"]) == ("completed", 2)


def test_a_job_is_running_again_while_a_file_is_read_again(client, gate):
    wait(client, upload(client, "one", "one"))
    again(client, "gated")
    gate.wait_for_start()
    assert client.get("/ocr-jobs/1").json["status"] == "running"
    gate.open()
    assert wait(client, 1)["status"] == "completed"


def test_only_one_of_a_provider_at_a_time_for_a_file(client, gate):
    upload(client, "gated", "one")
    gate.wait_for_start()
    running, waiting = again(client, "gated"), again(client, "one", file_id=2)
    for response, name in ((running, "gated"), (waiting, "one")):
        assert (response.status_code, response.json["message"]) == (409, "Conflict")
        assert repr(name) in response.json["details"]
    assert again(client, "two").status_code == 200  # another provider may
    assert again(client, "two").status_code == 409
    assert again(client, "gated", file_id=2).status_code == 200  # another file may
    gate.open()
    assert [status for _, _, status in history(client)] == ["completed"] * 2
    assert again(client, "gated").status_code == 200


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("none", "Provider 'none' is not available"),
        ("", "Provider '' is not available"),
        ("off", "Provider 'off' is not available: OFF_API_KEY is not set"),
    ],
)
def test_a_provider_that_cannot_run_is_refused(client, provider, words):
    wait(client, upload(client, "one"))
    response = again(client, provider)
    assert (response.status_code, response.json["message"]) == (400, "Bad Request")
    assert response.json["details"].startswith(words)
    assert len(history(client)) == 1


def test_without_a_provider_it_is_told_how(client):
    wait(client, upload(client, "one"))
    response = client.post("/ocr-jobs/1/files/1/executions")
    assert response.status_code == 400
    assert "-F ocrProvider=tesseract" in response.json["details"]


def test_what_does_not_exist_is_not_found(client):
    wait(client, upload(client, "one"))
    wait(client, upload(client, "one"))
    for job_id, file_id in ((9, 1), (1, 9), (1, 2), (1, 2**63)):
        assert again(client, "one", job_id, file_id).status_code == 404


def test_the_provider_may_be_in_a_form_of_either_kind_or_in_the_address(client):
    wait(client, upload(client, "one"))
    url = "/ocr-jobs/1/files/1/executions"
    for request in (
        {"data": {"ocrProvider": "two"}},
        {"data": {"ocrProvider": "two"}, "content_type": "multipart/form-data"},
        {"query_string": {"ocrProvider": "two"}},
    ):
        assert client.post(url, **request).status_code == 200, request
        wait(client, 1)


def test_a_request_to_read_again_brings_no_file(client):
    wait(client, upload(client, "one"))
    data = {"ocrProvider": "one", "file": (BytesIO(bytes(200_000)), "x.bin")}
    response = client.post("/ocr-jobs/1/files/1/executions", data=data)
    assert (response.status_code, response.json["statusCode"]) == (413, 413)


def test_the_file_of_a_rerun_may_be_gone(client, tmp_path):
    wait(client, upload(client, "one"))
    (tmp_path / "data/uploads/1/0.png").unlink()
    again(client, "two")
    job = wait(client, 1)
    assert job["files"][0]["executions"][1]["error"]["code"] == "file_missing"
    assert (job["status"], job["failedFiles"]) == ("completed", 1)


# Several providers from the start


def test_several_providers_read_one_file(client):
    files = [(png(), "a.png"), (png(), "b.png")]
    data = {
        "file": [(BytesIO(content), name) for content, name in files],
        "ocrProvider_0": ["one", "two", "broken"],
        "ocrProvider_1": "two",
    }
    assert client.post("/ocr-jobs/upload", data=data).json == {"id": 1}
    job = wait(client, 1)
    read_by = [[e["ocrProvider"] for e in file["executions"]] for file in job["files"]]
    assert read_by == [["one", "two", "broken"], ["two"]]
    assert job["failedFiles"] == 1  # of the first file the last one failed


def test_one_provider_twice_for_a_file_is_a_mistake(client):
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": ["one", "two", "one"]}
    response = client.post("/ocr-jobs/upload", data=data)
    assert response.status_code == 400
    assert response.json["details"] == "ocrProvider_0 asks for 'one' twice; once is enough"
    assert client.get("/ocr-jobs").json["pagination"]["total"] == 0
