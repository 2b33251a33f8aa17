"""Each receipt has a row with its fields as they count, to be listed, found and added up."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from result import Item, OcrResult, ProviderError, Receipt
from tests.fakes import fake, only_execution, png, upload, wait

CAFE = Receipt(
    "rules",
    merchant="Café Größe",
    date="2026-03-14",
    time="09:41",
    currency="EUR",
    items=(Item("Flat White", Decimal(2), Decimal("3.90"), Decimal("7.80")), Item("Croissant")),
    tax=Decimal("1.20"),
    total=Decimal("13.20"),
    payment_method="card",
)
DOUBTFUL = replace(CAFE, total=Decimal("18.2"), review=("total",), warnings=("total_mismatch",))


def reading(receipt, text="CAFÉ GRÖSSE\nTisch 7"):
    result = OcrResult(text, text, (), receipt, "fake 1")
    return fake(ocr=lambda path, settings: result)


def failing(path, settings):
    raise ProviderError("bad_image", "blank")


@pytest.fixture
def app(make_app, gate):
    providers = {
        "cafe": reading(CAFE),
        "doubtful": reading(DOUBTFUL),
        "blank": reading(Receipt("rules", warnings=("no_text",)), ""),
        "failing": fake(ocr=failing),
        "gated": gate.provider,
    }
    return make_app(providers)


def ask(client, url="/receipts"):
    response = client.get(url)
    assert response.status_code == 200, response.text
    return response.json


def only_receipt(client):
    (receipt,) = ask(client)["data"]
    return receipt


def again(client, job_id, provider):
    """Read the job's only file again; the job once that has ended."""
    (file,) = client.get(f"/ocr-jobs/{job_id}").json["files"]
    url = f"/ocr-jobs/{job_id}/files/{file['id']}/executions"
    assert client.post(url, data={"ocrProvider": provider}).status_code == 200
    return wait(client, job_id)


def test_a_receipt_is_listed_with_its_fields(client):
    wait(client, upload(client, "cafe", files=[(png(), "a.png")], jobName="Lunch"))
    receipt = only_receipt(client)
    assert receipt.pop("addedAt").endswith("Z") and receipt.pop("updatedAt")[-5] == "."
    assert receipt == {
        "id": 1,
        "jobId": 1,
        "fileId": 1,
        "position": 0,
        "fileName": "a.png",
        "jobName": "Lunch",
        "state": "ok",
        "merchant": "Café Größe",
        "date": "2026-03-14",
        "time": "09:41",
        "total": 13.2,
        "currency": "EUR",
        "tax": 1.2,
        "itemCount": 2,
        "paymentMethod": "card",
        "review": [],
        "warnings": [],
        "corrected": [],
        "duplicateOf": None,
        "confirmedAt": None,
        "error": None,
        "provider": "cafe",
    }


def test_a_receipt_is_there_while_its_file_waits_and_says_who_reads_it(client, gate):
    upload(client, "gated", files=[(png(), "a.png")])
    receipt = only_receipt(client)
    assert (receipt["state"], receipt["fileName"]) == ("reading", "a.png")
    assert (receipt["total"], receipt["provider"], receipt["error"]) == (None, "gated", None)


def test_a_file_that_cannot_be_read_is_a_failed_receipt_with_the_reason(client):
    job_id = upload(client, "failing")
    wait(client, job_id)
    receipt = only_receipt(client)
    assert receipt["state"] == "failed"
    assert receipt["error"] == {"code": "bad_image", "message": "blank"}
    again(client, job_id, "cafe")
    assert (only_receipt(client)["state"], only_receipt(client)["error"]) == ("ok", None)


def test_a_failed_receipt_is_being_read_when_it_is_read_again(client, gate):
    job_id = upload(client, "failing")
    wait(client, job_id)
    client.post(f"/ocr-jobs/{job_id}/files/1/executions", data={"ocrProvider": "gated"})
    gate.wait_for_start()
    assert (only_receipt(client)["state"], only_receipt(client)["error"]) == ("reading", None)


def test_reading_again_replaces_nothing(client):
    job_id = upload(client, "cafe")
    wait(client, job_id)
    before = only_receipt(client)
    again(client, job_id, "doubtful")
    again(client, job_id, "failing")
    assert only_receipt(client) == before


def test_a_good_reading_takes_the_place_of_one_without_text(client):
    job_id = upload(client, "blank")
    wait(client, job_id)
    assert only_receipt(client)["state"] == "review"
    assert only_receipt(client)["warnings"] == ["no_text"]
    again(client, job_id, "failing")
    assert only_receipt(client)["provider"] == "blank"
    again(client, job_id, "doubtful")
    assert (only_receipt(client)["state"], only_receipt(client)["review"]) == ("review", ["total"])
    again(client, job_id, "cafe")
    assert only_receipt(client)["total"] == 18.2


def test_a_receipt_tells_what_each_execution_read(client):
    job_id = upload(client, "cafe")
    wait(client, job_id)
    job = again(client, job_id, "failing")
    first, second = job["files"][0]["executions"]
    receipt = ask(client, "/receipts/1")
    assert only_receipt(client).items() <= receipt.items()
    data = json.loads(first["ocrData"])
    assert receipt["receipt"] == data["receipt"]
    assert (receipt["executionId"], receipt["chosen"], receipt["corrections"]) == (1, False, {})
    assert (receipt["page"], receipt["box"], receipt["pages"]) == (0, None, [])
    assert receipt["readings"] == [
        {
            "executionId": 1,
            "provider": "cafe",
            "model": "fake 1",
            "status": "completed",
            "createdAt": first["createdAt"],
            "receipt": data["receipt"],
        },
        {
            "executionId": 2,
            "provider": "failing",
            "model": None,
            "status": "failed",
            "createdAt": second["createdAt"],
            "receipt": None,
        },
    ]


def test_a_receipt_that_is_not_there_is_404(client):
    response = client.get("/receipts/7")
    assert (response.status_code, response.json["details"]) == (404, "Receipt 7 does not exist")


def test_a_deleted_job_has_no_receipts(client):
    job_id = upload(client, "cafe")
    only_execution(wait(client, job_id))
    client.delete(f"/ocr-jobs/{job_id}")
    assert ask(client) == {
        "data": [],
        "pagination": {"total": 0, "page": 1, "limit": 20, "pages": 0},
        "duplicates": 0,
        "sums": [],
    }


def test_receipts_of_one_job_are_listed(client):
    for name in ("cafe", "doubtful"):
        only_execution(wait(client, upload(client, name)))
    assert [row["jobId"] for row in ask(client, "/receipts?job=2")["data"]] == [2]
    assert ask(client, "/receipts?job=3")["data"] == []


def test_sums_are_of_all_pages_by_currency(client):
    for name in ("cafe", "doubtful", "failing"):
        wait(client, upload(client, name))
    assert ask(client, "/receipts?limit=1")["sums"] == [
        {"currency": "EUR", "count": 2, "total": 31.4, "tax": 2.4},
        {"currency": None, "count": 1, "total": 0, "tax": 0},
    ]
