"""A receipt that was seen before is pointed out, and never another one."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest

import db
from db import earliest
from result import OcrResult, Receipt, ocr_data, placed, receipt_key
from tests.fakes import fake, png, upload, wait

CAFE = Receipt("rules", merchant="Corner Café", date="2026-03-14", total=Decimal("3.70"))


def reading(receipt, *further):
    receipts = tuple(map(placed, (receipt, *further)))
    result = OcrResult("", "", (), receipt, "fake 1", receipts=receipts)
    return fake(ocr=lambda path, settings: result)


@pytest.fixture
def shop(make_app):
    """`shop(first=receipt, second=receipt)`: a client whose providers read these."""
    return lambda **receipts: make_app(
        {name: reading(receipt) for name, receipt in receipts.items()}
    ).test_client()


def photo(client, provider, color):
    """The new job of a photo of this colour, finished."""
    files = [(png(color=color), "a.png")]
    return wait(client, upload(client, provider, files=files))


def duplicates_of(job):
    return [file["duplicateOf"] for file in job["files"]]


def test_a_first_receipt_is_no_duplicate(shop):
    assert duplicates_of(photo(shop(a=CAFE), "a", "red")) == [None]


def test_the_same_bytes_are_a_duplicate_before_they_are_read(client, gate):
    upload(client, "gated")
    second = upload(client, "gated")
    assert duplicates_of(client.get(f"/ocr-jobs/{second}").json) == [{"jobId": 1, "fileId": 1}]
    assert duplicates_of(client.get("/ocr-jobs/1").json) == [None]


def test_the_same_bytes_twice_in_one_job_are_a_duplicate(client):
    job = wait(client, upload(client, "fake", "fake"))
    assert duplicates_of(job) == [None, {"jobId": 1, "fileId": 1}]


def test_another_photo_of_the_same_receipt_is_a_duplicate(shop):
    client = shop(a=CAFE, b=replace(CAFE, merchant="CORNER-CAFÉ.", time="09:41"))
    assert duplicates_of(photo(client, "a", "red")) == [None]
    assert duplicates_of(photo(client, "b", "blue")) == [{"jobId": 1, "fileId": 1}]


@pytest.mark.parametrize(
    "other",
    [
        replace(CAFE, merchant="Corner Cafe"),
        replace(CAFE, date="2026-03-15"),
        replace(CAFE, total=Decimal("3.71")),
        replace(CAFE, merchant=None),
        replace(CAFE, date=None),
        replace(CAFE, total=None),
    ],
)
def test_a_receipt_that_differs_or_lacks_a_part_is_none(shop, other):
    client = shop(a=CAFE, b=other)
    photo(client, "a", "red")
    assert duplicates_of(photo(client, "b", "blue")) == [None]


def test_two_receipts_that_lack_the_same_part_are_no_duplicates(shop):
    client = shop(a=replace(CAFE, date=None))
    photo(client, "a", "red")
    assert duplicates_of(photo(client, "a", "blue")) == [None]


@pytest.mark.parametrize("first, second", [((1,), (0, 1)), ((0, 1), (1,)), ((0, 1), (2, 1))])
def test_each_receipt_of_a_file_counts(make_app, first, second):
    receipts = [replace(CAFE, total=Decimal(total)) for total in (3, 4, 5)]
    read = {
        "a": reading(*(receipts[n] for n in first)),
        "b": reading(*(receipts[n] for n in second)),
    }
    client = make_app(read).test_client()
    photo(client, "a", "red")
    assert duplicates_of(photo(client, "b", "blue")) == [{"jobId": 1, "fileId": 1}]


def test_the_first_of_several_is_named_until_it_is_deleted(shop):
    client = shop(a=CAFE)
    for color in ("red", "green", "blue"):
        job = photo(client, "a", color)
    assert duplicates_of(job) == [{"jobId": 1, "fileId": 1}]
    client.delete("/ocr-jobs/1")
    assert duplicates_of(client.get("/ocr-jobs/3").json) == [{"jobId": 2, "fileId": 2}]


def test_only_what_was_read_last_counts(shop):
    client = shop(a=CAFE, b=replace(CAFE, total=Decimal(99)))
    photo(client, "a", "red")
    client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "b"})
    client.get("/ocr-jobs/1?wait=20")
    assert duplicates_of(photo(client, "a", "blue")) == [None]
    assert duplicates_of(photo(client, "b", "green")) == [{"jobId": 1, "fileId": 1}]


def test_a_duplicate_is_read_and_kept_like_any_other(shop):
    client = shop(a=CAFE)
    photo(client, "a", "red")
    job = photo(client, "a", "red")
    assert (job["status"], job["failedFiles"]) == ("completed", 0)


def test_a_key_is_of_letters_and_digits_without_case():
    keys = {
        receipt_key(ocr_data(OcrResult("", "", (), replace(CAFE, merchant=name), "m")))
        for name in ("Straße 7", "STRASSE 7!", " straße-7", "\uff33trasse\uff17")
    }
    assert keys == {"strasse7 2026-03-14 3.7"}
    assert receipt_key('{"markdown": ""}') is None


@pytest.mark.slow
def test_it_takes_two_lookups_by_index(tmp_path):
    db.create(tmp_path / "receipts.db")
    connection = db.connect(tmp_path / "receipts.db")
    many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
    connection.execute("DROP TRIGGER execution_added")  # only to fill it quickly
    connection.execute("INSERT INTO job (created_at, updated_at) VALUES ('', '')")
    connection.execute(
        f"""{many} INSERT INTO file (job_id, original_name, storage_key, media_type, size, sha256)
        SELECT 1, '', i, '', 0, CASE WHEN i > 49998 THEN 'same' ELSE i END FROM n"""
    )
    connection.execute(
        f"""{many} INSERT INTO execution
        (file_id, provider, status, receipt_key, created_at, updated_at)
        SELECT i, '', 'completed', i % 25000, '', '' FROM n"""
    )
    started = time.process_time()
    for _ in range(100):
        assert earliest(connection, 50000) == {"jobId": 1, "fileId": 25000}
        assert earliest(connection, 24999) is None
    assert time.process_time() - started < 0.5
    connection.close()
