"""Any page of any file is shown as a small JPEG, kept as long as there is room and its file."""

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from io import BytesIO

import pytest
from PIL import Image
from werkzeug.exceptions import UnprocessableEntity

from engines import decoder
from server import previews
from tests import hostile
from tests.fakes import drawn, until, upload

URL = "/ocr-jobs/1/files/1/preview"


@pytest.fixture
def kept(tmp_path):
    """`kept()`: the paths of all previews on the disk."""
    return lambda: sorted(p for p in (tmp_path / "data/previews").rglob("*") if p.is_file())


def tiff(*pages):
    first, *others = [page.convert("1") for page in pages]  # small: Flask's client closes no other
    buffer = BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others, compression="group4")
    return buffer.getvalue()


def noise():
    """A picture of 300 kB whose preview of 800 pixels takes 390 kB."""
    buffer, size = BytesIO(), (800, 800)
    dots = random.Random(1).randbytes(800 * 800)
    Image.frombytes("L", size, dots).save(buffer, "JPEG", quality=55)
    return buffer.getvalue()


def size(response):
    assert (response.status_code, response.mimetype) == (200, "image/jpeg"), response.text
    return Image.open(BytesIO(response.data)).size


def refusal(response, status):
    assert response.status_code == status, response.text
    return response.json["details"]


def test_a_page_is_shown_at_the_next_of_a_few_widths(client, kept):
    content = tiff(drawn(size=(2400, 1600)), drawn(size=(900, 2700)))
    upload(client, "fake", files=[(content, "a.tiff")])
    widths = [size(client.get(URL, query_string={"width": w}))[0] for w in (1, 200, 201, 9999)]
    assert widths == [200, 200, 400, 2400]
    assert size(client.get(URL)) == (800, 533)
    assert size(client.get(f"{URL}?page=1")) == (800, 2400)
    assert len(kept()) == 5
    assert {path.stat().st_mode & 0o77 for path in kept()} == {0}


def test_what_is_no_page_or_no_width_is_named(client):
    upload(client, "fake")
    assert refusal(client.get(f"{URL}?page=1"), 404) == "File 1 has no page 1; the first is 0"
    assert "exist" in refusal(client.get("/ocr-jobs/1/files/2/preview"), 404)
    assert "exist" in refusal(client.get("/ocr-jobs/2/files/1/preview"), 404)
    for query in ("page=-1", "page=x", "width=0", "width=1e3", f"page={10**13}", "width="):
        name = query.partition("=")[0]
        assert refusal(client.get(f"{URL}?{query}"), 400).startswith(f"{name} must be a whole")


def test_a_client_that_has_it_gets_304(client, kept):
    upload(client, "fake")
    first = client.get(URL)
    assert first.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(URL, headers=known).status_code == 304
    assert client.get(f"{URL}?width=200", headers=known).status_code == 200


def test_the_bytes_of_a_file_may_be_gone(client, tmp_path):
    upload(client, "fake")
    (tmp_path / "data/uploads/1/0.png").unlink()
    assert "bytes of file 1 are gone" in refusal(client.get(URL), 404)


def test_a_preview_goes_with_its_file_and_its_job(client, kept, tmp_path):
    upload(client, "fake", "fake")
    for number in (1, 2):
        assert client.get(f"/ocr-jobs/1/files/{number}/preview").status_code == 200
    assert client.delete("/ocr-jobs/1/files/1").status_code == 200
    assert [path.parent.name for path in kept()] == ["1.png"]
    assert client.delete("/ocr-jobs/1").status_code == 200
    assert [*(tmp_path / "data/previews").iterdir()] == []


@pytest.mark.slow
def test_a_preview_that_is_made_while_its_file_is_deleted_is_not_kept(client, kept, app):
    upload(client, "fake", files=[(hostile.blank("PNG"), "a.png")])
    with ThreadPoolExecutor(1) as other:
        shown = other.submit(app.test_client().get, URL)
        until(lambda: decoder._previews._value < 2)  # it is being decoded
        assert client.delete("/ocr-jobs/1").status_code == 200
        assert shown.result().status_code in (200, 404, 422)
    assert kept() == []


def test_those_not_asked_for_longest_go_when_there_are_too_many(make_app, kept):
    client = make_app(env={"PREVIEW_CACHE_MB": "1"}).test_client()
    for name in "abc":
        upload(client, "fake", files=[(noise(), name)])
    for number in (1, 2, 1, 3):
        url = f"/ocr-jobs/{number}/files/{number}/preview"
        assert len(client.get(url).data) > 350_000
    assert [path.parent.name for path in kept()] == ["a", "c"]


def test_none_is_kept_where_there_is_no_room(make_app, kept):
    client = make_app(env={"PREVIEW_CACHE_MB": "0"}).test_client()
    upload(client, "fake")
    assert size(client.get(URL)) == size(client.get(URL)) == (8, 8)
    assert kept() == []


def test_one_that_was_cut_off_or_cannot_be_kept_is_made_again(client, kept, tmp_path):
    upload(client, "fake")
    whole = client.get(URL).data
    (path,) = kept()
    path.write_bytes(whole[:-2])
    assert client.get(URL).data == whole == path.read_bytes()
    shutil.rmtree(tmp_path / "data/previews")
    (tmp_path / "data/previews").touch()
    assert client.get(URL).data == whole


@pytest.mark.slow
def test_a_file_of_which_no_picture_can_be_made_is_decoded_once(make_app):
    client = make_app(env={"OCR_MEMORY_MB": "128"}).test_client()
    upload(client, "fake", files=[(hostile.forms(), "a.pdf")])
    started = time.monotonic()
    sentence = refusal(client.get(URL), 422)
    decoded = time.monotonic()
    assert sentence.startswith("No picture can be made of page 0") and "OCR_MEMORY_MB" in sentence
    assert refusal(client.get(f"{URL}?width=200"), 422) == sentence
    assert time.monotonic() - decoded < (decoded - started) / 4


@pytest.mark.parametrize("refused_s", [0, 600])
def test_a_page_of_which_no_picture_could_be_made_is_tried_again_after_a_while(
    client, app, tmp_path, refused_s
):
    upload(client, "fake")
    path, service = tmp_path / "data/uploads/1/0.png", app.extensions["receipts"]
    whole = path.read_bytes()
    path.write_bytes(b"broken")
    page = previews.Page("uploads/1/0.png", "digest", 0, 200)
    own = previews.Previews(service.storage, service.settings, refused_s)
    with pytest.raises(UnprocessableEntity):
        own.made(page)
    path.write_bytes(whole)
    with pytest.raises(UnprocessableEntity) if refused_s else nullcontext():
        assert own.made(page)


def test_many_previews_at_once_keep_nobody_waiting_but_themselves(client, app):
    upload(client, "fake")
    with ThreadPoolExecutor(previews.MAX_REQUESTS) as clients, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(decoder._previews)  # as by two files that take long
        shown = [clients.submit(app.test_client().get, URL) for _ in range(previews.MAX_REQUESTS)]
        until(lambda: app.extensions["receipts"].previews._turns._value == 0)
        busy = client.get(URL)
        assert busy.status_code == 503
        assert int(busy.headers["Retry-After"]) > 0
        upload(client, "fake")
        assert client.get("/ocr-jobs/1").status_code == 200
        stack.close()
        assert {each.result().status_code for each in shown} == {200}
