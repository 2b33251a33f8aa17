"""Every remote vendor fails in the same way: one code, no needless call, no secret."""

import logging
import socket
import time
from dataclasses import replace
from functools import cache

import pytest
from PIL import Image

from result import Page
from tests import hostile
from tests.fakes import needs
from tests.providers.conftest import Reply
from tests.providers.contract import CASES, KEY, SECRET, Waits, failure_of

SHORT_S = 0.3  # the deadline of a call that can end at nothing else
LONG_S = 10  # no test of a deadline takes longer, whatever else the machine does
PAGE = "<html><body>nginx: log in to the hotel</body></html>"


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request):
    return request.param


@pytest.fixture
def read(case, http_stub, receipt):
    """`read(*replies)`: the result of the provider, and the waits it asked for."""

    def read(*replies, image=receipt):
        http_stub.reply(*replies)
        waits = Waits()
        return case.ocr(image, case.settings(http_stub.url), waits), waits

    return read


@pytest.fixture
def fails(case, http_stub, receipt):
    """`fails(*replies)`: the error's code and message, and how many calls there were."""

    def fails(*replies, url=http_stub.url, timeout_s=60):
        http_stub.reply(*replies)
        settings = case.settings(url, timeout_s)
        code, message = failure_of(case.ocr, receipt, settings, Waits())
        return code, message, len(http_stub.requests)

    return fails


# What is not sent

gif = cache(hostile.PICTURES["gif"])  # a second each time


@pytest.mark.slow
@pytest.mark.parametrize("make", [hostile.webp, gif, hostile.forms])
def test_what_unfolds_is_not_sent(case, http_stub, tmp_path, make):
    path = tmp_path / "unfolds"
    path.write_bytes(make())
    if make is hostile.forms and case.reads_pdf:  # the vendor draws its pages itself
        path.write_bytes(hostile.webp(side=9000))
    settings = replace(case.settings(http_stub.url), ocr_memory_mb=128)
    code, message = failure_of(case.ocr, path, settings, Waits())
    assert (code, http_stub.requests) == ("too_large", [])
    assert "OCR_MEMORY_MB allows (128)" in message


# Success


def test_a_good_answer_is_a_result(case, read, http_stub):
    result, waits = read(*case.replies(http_stub.url))
    (page,) = result.pages
    assert (page.width, page.height) == (480, 360)
    assert result.model and result.raw and "no_text" not in result.receipt.warnings
    assert (http_stub.requests[0].method, http_stub.requests[0].path) == ("POST", case.path)
    assert tuple(waits) == case.waits


def test_the_key_goes_in_one_header_only(case, read, http_stub):
    read(*case.replies(http_stub.url))
    for request in http_stub.requests:
        assert KEY not in request.path
        assert KEY.encode() not in request.body
        assert SECRET not in str(request.headers)
    assert [KEY in value for value in http_stub.requests[0].headers.values()].count(True) == 1


def test_no_metadata_leaves(case, read, receipt, http_stub):
    read(*case.replies(http_stub.url))
    assert b"Exif" in receipt.read_bytes()
    for request in http_stub.requests:
        assert b"Exif" not in request.body
        assert b"RXhpZg" not in request.body  # "Exif" in base64, at the start of its block


def test_the_pages_of_a_pdf_are_one_receipt(case, read, tmp_path, http_stub):
    page = Image.new("RGB", (300, 200), "white")
    page.save(tmp_path / "two.pdf", save_all=True, append_images=[page])
    replies = case.replies(http_stub.url)
    result, waits = read(*replies, *replies, image=tmp_path / "two.pdf")
    calls = len(http_stub.requests)
    if case.reads_pdf:
        assert (result.pages, calls) == ((Page(None, None),) * 2, 1)
        assert b"JVBERi0" in http_stub.request.body  # "%PDF-" in base64
    else:
        assert (len(result.pages), len(result.raw), calls) == (2, 2, 2 * len(replies))
        assert tuple(waits) == case.waits * 2


# Errors that no other try would mend


@pytest.mark.parametrize(
    ("case", "error"),
    [
        pytest.param(case, error, id=f"{case.name}-{number}-{error.code}")
        for case in CASES
        for number, error in enumerate(case.errors)
    ],
)
def test_what_the_vendor_says_is_final_and_has_its_code(case, error, fails, caplog):
    caplog.set_level(logging.DEBUG)
    code, message, calls = fails(*error.replies)
    assert (code, calls) == (error.code, len(error.replies))
    assert error.words in message
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "refused", "the settings"),
        (401, "bad_key", "key"),
        (402, "quota", "no credit"),
        (403, "forbidden", "check"),
        (404, "unknown_model", "check"),
        (413, "too_large", "a smaller one"),
        (501, "server_error", "later"),
    ],
)
def test_a_final_status_has_its_code_and_html_is_not_quoted(fails, status, code, advice):
    found, message, calls = fails(Reply(status, PAGE))
    assert (found, calls) == (code, 1)
    assert advice in message
    assert "nginx" not in message


@pytest.mark.parametrize("body", [PAGE, "", "null", "[]", "{}", "7"])
def test_what_is_not_the_vendors_api_is_a_bad_answer(case, fails, body):
    code, message, calls = fails(Reply(body=body))
    assert (code, calls) == ("bad_answer", 1)
    assert f"check {case.url_variable}" in message
    assert "hotel" not in message


def test_an_endless_answer_is_too_large(fails):
    code, _, calls = fails(Reply(body=" " * 65536, endless=True))
    assert (code, calls) == ("too_large", 1)


def test_a_redirect_is_not_followed(case, fails, new_stub):
    elsewhere = new_stub()
    code, message, calls = fails(Reply(307, headers={"Location": elsewhere.url}))
    assert (code, calls) == ("unreachable", 1)
    assert case.url_variable in message
    assert elsewhere.requests == []


@pytest.mark.slow
@needs("openssl")
def test_a_certificate_that_nobody_vouches_for_is_unreachable(case, fails, tls_drip):
    code, message, _ = fails(url=tls_drip[0])
    assert code == "unreachable"
    assert "certificate verification failed" in message and case.url_variable in message


# Errors that pass


def test_a_429_is_tried_again_after_the_wait_it_asks_for(case, read, http_stub):
    busy = Reply(429, PAGE, {"Retry-After": "7"})
    _, waits = read(busy, *case.replies(http_stub.url))
    assert tuple(waits) == (7, *case.waits)


def test_a_wait_beyond_the_deadline_is_not_begun(fails):
    code, _, calls = fails(Reply(429, PAGE, {"Retry-After": "60"}))
    assert (code, calls) == ("rate_limited", 1)


def test_a_500_is_tried_again_after_a_moment(case, read, http_stub):
    _, waits = read(Reply(500, "oops"), *case.replies(http_stub.url))
    assert 0.5 <= waits[0] <= 1
    assert tuple(waits[1:]) == case.waits


def test_a_503_for_ever_is_a_server_error(case, fails):
    code, _, calls = fails(Reply(503, PAGE))
    assert (code, calls) == ("server_error", case.tries)


def test_a_dropped_connection_is_tried_once_more(fails):
    code, _, calls = fails(Reply(drop=True))
    assert (code, calls) == ("unreachable", 2)


def test_an_answer_cut_off_is_tried_once_more(case, read, http_stub):
    _, waits = read(Reply(body='{"choices": []}', cut=True), *case.replies(http_stub.url))
    assert tuple(waits[1:]) == case.waits


def test_nobody_there_is_unreachable(case, fails):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    code, message, _ = fails(url=url)
    assert code == "unreachable"
    assert "127.0.0.1 cannot be reached" in message and case.url_variable in message


@pytest.mark.parametrize(
    "reply", [Reply(delay_s=60), Reply(body="{}" * 500, drip_s=0.05)], ids=["silence", "drip"]
)
def test_a_call_ends_at_the_deadline(fails, reply):
    start = time.monotonic()
    code, message, calls = fails(reply, timeout_s=SHORT_S)
    assert (code, calls < 2) == ("timeout", True)  # 0 where preparing the image took as long
    assert "OCR_TIMEOUT_S" in message
    assert SHORT_S <= time.monotonic() - start < LONG_S
