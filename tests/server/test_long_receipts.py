"""A long receipt on several photos of one upload is one receipt, whatever happens meanwhile."""

import json
import threading
from contextlib import closing

import pytest
from PIL import Image

import db
from commands import data as archive
from providers.pages import receipt_from_text, result_from_text
from result import Page, ProviderError
from storage import Storage
from tests.fakes import fake, png, until, upload, wait
from tests.providers.test_long_receipts import FOOT, HEAD, ITEMS

PARTS = {  # by the width of the picture that is read so
    10: [*HEAD, *ITEMS[:4]],
    11: ITEMS[2:6],
    12: [*ITEMS[4:], *FOOT],
    13: ["NO TEXT TO SPEAK OF"],
}
WHOLE = ("CORNER CAFE", "2026-03-14", 29.6, 8)


def read(path, settings):
    with Image.open(path) as picture:
        width = picture.width
    if width == 14:
        raise ProviderError("bad_image", "blank")
    text = "\n".join(PARTS[width])
    page = Page(width, 8)
    return result_from_text(text, receipt_from_text(text), (page,), model="fake 1", raw=None)


@pytest.fixture
def go():
    """Lets the provider `late` read."""
    return threading.Event()


@pytest.fixture
def app(make_app, go):
    def late(path, settings):
        assert go.wait(60), "the test never let it go"
        return read(path, settings)

    yield make_app({"fake": fake(ocr=read), "late": fake(ocr=late)}, {"OCR_WORKERS": "3"})
    go.set()


def send(client, *widths, providers=()):
    files = [(png((width, 8)), f"{width}.png") for width in widths]
    return upload(client, *(providers or ["fake"] * len(widths)), files=files)


def listed(client, **query):
    return client.get("/receipts", query_string={"sort": "addedAt:asc"} | query).json


def fields(client):
    names = ("merchant", "date", "total", "itemCount")
    return [tuple(row[name] for name in names) for row in listed(client)["data"]]


def file_ids(client, job_id):
    return [file["id"] for file in client.get(f"/ocr-jobs/{job_id}").json["files"]]


def statuses(client, job_id):
    files = client.get(f"/ocr-jobs/{job_id}").json["files"]
    return [file["executions"][0]["status"] for file in files]


def again(client, job_id, file_id, provider="fake"):
    url = f"/ocr-jobs/{job_id}/files/{file_id}/executions"
    assert client.post(url, data={"ocrProvider": provider}).status_code == 200
    return wait(client, job_id)


def change(client, **wanted):
    (row,) = listed(client)["data"]
    body = {"updatedAt": row["updatedAt"], **wanted}
    return client.patch(f"/receipts/{row['id']}", json=body).json


@pytest.mark.parametrize("widths", [(10, 11, 12), (10, 12), (12, 10), (11, 12, 10)])
def test_photos_of_one_receipt_count_once(client, widths):
    job = wait(client, send(client, *widths))
    assert fields(client) == [WHOLE]
    assert listed(client)["sums"] == [{"currency": "EUR", "count": 1, "total": 29.6, "tax": 0}]
    texts = [json.loads(file["executions"][0]["ocrData"])["text"] for file in job["files"]]
    assert texts == ["\n".join(PARTS[width]) for width in widths]


def test_the_receipt_says_which_files_it_is_on(client):
    job_id = send(client, 10, 11, 12)
    wait(client, job_id)
    receipt = client.get("/receipts/1").json
    first, *others = file_ids(client, job_id)
    assert (receipt["fileId"], receipt["files"]) == (first, [first, *others])
    assert [(page["fileId"], page["page"], page["width"]) for page in receipt["pages"]] == [
        *((first, 0, 10), (others[0], 0, 11), (others[1], 0, 12))
    ]
    assert [item["amount"] for item in receipt["receipt"]["items"]][-2:] == [1.9, 2.3]


def test_photos_from_bottom_to_top_are_shown_from_the_head_on(client):
    job_id = send(client, 12, 11, 10)
    wait(client, job_id)
    (row,) = listed(client)["data"]
    receipt = client.get(f"/receipts/{row['id']}").json
    third, second, first = file_ids(client, job_id)
    assert (receipt["fileId"], receipt["files"]) == (first, [first, second, third])
    assert [page["width"] for page in receipt["pages"]] == [10, 11, 12]


def test_its_readings_are_those_of_each_file_and_the_one_that_counts_has_all(client):
    job_id = send(client, 10, 11, 12)
    wait(client, job_id)
    again(client, job_id, file_ids(client, job_id)[1])
    receipt = client.get("/receipts/1").json
    first, second, third = file_ids(client, job_id)
    readings = receipt["readings"]
    assert [reading["fileId"] for reading in readings] == [first, second, second, third]
    assert [len(reading["receipt"]["items"]) for reading in readings] == [8, 4, 4, 4]
    assert readings[0]["executionId"] == receipt["executionId"]
    assert readings[0]["receipt"] == receipt["receipt"] and readings[0]["model"] == "fake 1"


def test_exports_have_it_once(client):
    wait(client, send(client, 10, 12, 13))
    with client.get("/ocr-jobs/export.csv") as response:
        jobs = response.text.splitlines()
    with client.get("/receipts/export.csv?items=1") as response:
        items = response.text.splitlines()
    assert [line.split(",")[1] for line in jobs] == ["file", "10.png", "13.png"]
    assert "29.6" in jobs[1]
    assert len([line for line in items if "CORNER CAFE" in line]) == 8


def test_it_is_found_by_the_words_of_each_photo(client):
    wait(client, send(client, 10, 12))
    for search in ("harbour", "espresso", "thank you"):
        assert listed(client, search=search)["pagination"]["total"] == 1


def test_the_same_receipt_again_is_a_duplicate_of_it(client):
    wait(client, send(client, 10, 12))
    wait(client, send(client, 10, 11, 12))
    assert [row["duplicateOf"] for row in listed(client)["data"]] == [None, 1]


def test_photos_of_two_uploads_stay_apart(client):
    wait(client, send(client, 10))
    wait(client, send(client, 12))
    assert len(fields(client)) == 2


@pytest.mark.parametrize("late", [0, 1, 2])
def test_the_order_in_which_photos_are_read_does_not_matter(client, go, late):
    providers = ["late" if number == late else "fake" for number in range(3)]
    job_id = send(client, 10, 11, 12, providers=providers)
    until(lambda: statuses(client, job_id).count("completed") == 2)
    assert WHOLE not in fields(client) and len(fields(client)) == 3
    go.set()
    wait(client, job_id)
    assert fields(client) == [WHOLE]


@pytest.mark.parametrize("widths, count", [((10, 14, 12), 2), ((10, 11, 14), 3)])
def test_a_photo_that_fails_is_no_part_of_a_receipt(client, widths, count):
    wait(client, send(client, *widths))
    assert len(fields(client)) == count


def test_a_photo_that_is_cancelled_keeps_the_others_from_waiting(client, go):
    job_id = send(client, 10, 12, 13, providers=["fake", "fake", "late"])
    until(lambda: statuses(client, job_id).count("completed") == 2)
    file = client.get(f"/ocr-jobs/{job_id}").json["files"][-1]
    url = f"/ocr-jobs/{job_id}/files/{file['id']}/executions/{file['executions'][0]['id']}"
    assert client.delete(url).status_code == 200
    assert fields(client)[0] == WHOLE and len(fields(client)) == 2


def test_reading_a_photo_again_changes_nothing(client):
    job_id = send(client, 10, 12)
    wait(client, job_id)
    for file_id in file_ids(client, job_id):
        again(client, job_id, file_id)
        assert fields(client) == [WHOLE]


@pytest.mark.parametrize("gone, left", [(0, 2), (1, 1), (2, 2)])
def test_deleting_a_photo_leaves_what_is_on_the_others(client, gone, left):
    job_id = send(client, 10, 11, 12)
    wait(client, job_id)
    file_id = file_ids(client, job_id)[gone]
    assert client.delete(f"/ocr-jobs/{job_id}/files/{file_id}").status_code == 200
    assert WHOLE not in fields(client) or gone == 1
    assert len(fields(client)) == left


def test_a_photo_that_is_deleted_during_a_backup_is_no_part_of_a_receipt_there(client, tmp_path):
    job_id = send(client, 10, 11, 12)
    wait(client, job_id)
    storage, target = Storage(tmp_path / "data"), tmp_path / "backup"
    (target / "uploads").mkdir(parents=True)
    with closing(db.connect(storage.root / "receipts.db")) as live:
        db.copy_to(live, target / "receipts.db")
        client.delete(f"/ocr-jobs/{job_id}/files/{file_ids(client, job_id)[2]}")
        with closing(db.connect(target / "receipts.db")) as copy:
            for file in db.list_all_files(copy):
                archive._copy_or_drop(file, copy, live, storage, target)
            rows = copy.execute("SELECT file_id, total, joined FROM receipt").fetchall()
    assert [(row["file_id"], row["joined"]) for row in rows] == [(1, None), (2, None)]


def test_deleting_the_receipt_deletes_all_its_photos(client):
    job_id = send(client, 10, 12, 13)
    wait(client, job_id)
    assert client.post("/receipts/delete", json={"ids": [1]}).json == {"deleted": 1}
    (file,) = client.get(f"/ocr-jobs/{job_id}").json["files"]
    assert file["originalName"] == "13.png"
    assert len(fields(client)) == 1


def test_a_corrected_receipt_keeps_its_corrections_and_a_confirmed_one_all(client):
    job_id = send(client, 10, 11, 12)
    wait(client, job_id)
    change(client, set={"merchant": "Corner Café"})
    assert again(client, job_id, file_ids(client, job_id)[0])["status"] == "completed"
    corrected = [("Corner Café", *WHOLE[1:])]
    assert fields(client) == corrected
    change(client, confirmed=True)
    client.delete(f"/ocr-jobs/{job_id}/files/{file_ids(client, job_id)[-1]}")
    assert fields(client) == corrected


def test_a_receipt_that_a_person_changed_alone_is_not_joined(client, go):
    job_id = send(client, 10, 12, providers=["fake", "late"])
    until(lambda: statuses(client, job_id)[0] == "completed")
    row = listed(client)["data"][0]
    body = {"updatedAt": row["updatedAt"], "set": {"total": 5}}
    assert client.patch(f"/receipts/{row['id']}", json=body).status_code == 200
    go.set()
    wait(client, job_id)
    assert len(fields(client)) == 2
