"""Deleting what is being read ends the reading, unless a vendor may charge for it already."""

import time

import pytest

from engines import process
from providers import PROVIDERS
from tests import hostile
from tests.engines.test_process import MODULE, gone, told
from tests.fakes import fake, until, upload, wait
from tests.providers.conftest import Reply
from tests.providers.contract import LLAMA, OPENAI


def hanging(path):
    """A provider whose engine never answers."""

    def ocr(image, settings):
        process.run(MODULE, "hang", str(path), deadline=time.monotonic() + 60)

    return fake(ocr=ocr)


def delete(client, url):
    started = time.monotonic()
    response = client.delete(url)
    assert time.monotonic() - started < 30  # it would hang for 60
    return response.status_code


@pytest.mark.slow
@pytest.mark.parametrize("url", ["/ocr-jobs/1", "/ocr-jobs/1/files/1"])
def test_an_engine_that_hangs_is_ended_with_all_it_started(make_app, tmp_path, url):
    providers = {"hanging": hanging(tmp_path / "told"), "fake": fake()}
    client = make_app(providers, {"OCR_WORKERS": "1"}).test_client()
    upload(client, "hanging")
    pids, scratch = told(tmp_path / "told")
    assert delete(client, url) == 200
    until(lambda: all(map(gone, pids)))
    assert wait(client, upload(client, "fake"))["status"] == "completed"  # the only worker is free
    assert not scratch.exists()


@pytest.fixture
def vendors(http_stub, make_app):
    """A client whose llama-server and OpenAI are the stub, which never answers."""
    http_stub.reply(Reply(delay_s=60))
    names = ("openai", "llama-cpp")
    env = {
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": http_stub.url,
        "LLAMA_CPP_BASE_URL": http_stub.url,
        "REMOTE_WORKERS": "1",
    }
    return make_app({name: PROVIDERS[name] for name in names}, env).test_client()


def test_a_call_to_a_server_of_ones_own_is_ended(vendors, http_stub):
    upload(vendors, "llama-cpp")
    until(lambda: http_stub.requests)
    assert delete(vendors, "/ocr-jobs/1") == 200
    http_stub.reply(LLAMA.good())
    assert wait(vendors, upload(vendors, "llama-cpp"))["failedFiles"] == 0
    assert len(http_stub.requests) == 2  # it is not tried again


def test_a_call_that_may_be_billed_is_not(vendors, http_stub):
    upload(vendors, "openai")
    until(lambda: http_stub.requests)
    response = vendors.delete("/ocr-jobs/1")
    assert response.status_code == 409
    assert "OpenAI is reading it and may charge for that already" in response.json["details"]
    http_stub.over.set()
    wait(vendors, 1)
    assert delete(vendors, "/ocr-jobs/1") == 200


def test_what_is_still_decoded_for_a_vendor_is_cancelled_before_it_is_sent(vendors, http_stub):
    upload(vendors, "openai", files=[(hostile.tiles(), "tiles.pdf")])
    wait(vendors, 1, "running")
    assert delete(vendors, "/ocr-jobs/1") == 200
    http_stub.reply(OPENAI.good())
    assert wait(vendors, upload(vendors, "openai"))["failedFiles"] == 0
    assert len(http_stub.requests) == 1
