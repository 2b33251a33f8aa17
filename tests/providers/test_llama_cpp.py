import json
import threading
import time
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec

import pytest

from providers import llama
from providers.openai import messages
from providers.vision import MAX_TOKENS, PROMPT, SCHEMA, SYSTEM, documents
from result import Page
from settings import Settings, read_settings
from tests.pdfs import pdf, text
from tests.providers import tiny_gguf
from tests.providers.conftest import Reply
from tests.providers.contract import (
    ANSWER,
    KEY,
    LLAMA,
    RECEIPT,
    ROWS,
    Waits,
    chat,
    failure_of,
    picture,
)

in_process = pytest.mark.skipif(
    not find_spec("llama_cpp"), reason="llama-cpp-python is not installed"
)


# A llama-server


@pytest.mark.parametrize("base", ["/v1", "/v1/", "", "/"])
def test_the_request_is_the_one_of_the_contract(http_stub, receipt, base):
    http_stub.reply(LLAMA.good())
    llama.ocr(receipt, read_settings({"LLAMA_CPP_BASE_URL": f"{http_stub.url}{base}"}))
    request = http_stub.request
    body = request.json
    assert picture(body["messages"][1]["content"][1]["image_url"].pop("url")).size == (480, 360)
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["Authorization"] is None
    assert body == {
        "model": "local",
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
        "cache_prompt": False,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": PROMPT},
                    {"type": "image_url", "image_url": {}},
                ],
            },
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "receipt", "strict": True, "schema": SCHEMA},
        },
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_key_and_model_are_sent_where_they_are_set(http_stub, receipt):
    http_stub.reply(LLAMA.good())
    llama.ocr(receipt, LLAMA.settings(http_stub.url, LLAMA_CPP_MODEL="qwen"))
    assert http_stub.request.headers["Authorization"] == f"Bearer {KEY}"
    assert http_stub.request.json["model"] == "qwen"


@pytest.mark.parametrize("content", ["", " \n", None])
def test_an_answer_among_the_thoughts_is_taken_where_there_is_no_other(http_stub, receipt, content):
    reply = LLAMA.good()
    message = reply.body["choices"][0]["message"]
    words, message["reasoning_content"] = message["content"], "Hm."
    http_stub.reply(reply)
    assert llama.ocr(receipt, LLAMA.settings(http_stub.url)).receipt == RECEIPT
    message |= {"content": content, "reasoning_content": words}
    http_stub.reply(reply)
    assert llama.ocr(receipt, LLAMA.settings(http_stub.url)).receipt == RECEIPT


def test_a_model_that_loads_is_waited_for(http_stub, receipt):
    error = {"code": 503, "type": "unavailable_error", "message": "Loading model"}
    loading = Reply(503, {"error": error})
    http_stub.reply(*[loading] * 30, LLAMA.good())
    waits = Waits()
    assert llama.ocr(receipt, LLAMA.settings(http_stub.url), waits).receipt == RECEIPT
    assert waits == [1.0] * 30


# Models that only transcribe

TRANSCRIPT = "# CORNER CAFE\n\n2026-03-14 09:41\nMILK   1.20\nBREAD   2.50\nTOTAL EUR   3.70"


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("ggml-org/GLM-OCR-GGUF:Q8_0", "Text Recognition:"),
        ("PaddleOCR-VL-1.6-GGUF", "OCR:"),
    ],
)
def test_a_model_that_transcribes_gets_its_prompt_and_our_rules_fill_the_fields(
    http_stub, receipt, name, prompt
):
    http_stub.reply(Reply(body=chat(TRANSCRIPT)))
    result = llama.ocr(receipt, LLAMA.settings(http_stub.url, LLAMA_CPP_MODEL=name))
    body = http_stub.request.json
    (message,) = body["messages"]
    image, text = message["content"]
    assert picture(image["image_url"]["url"]).size == (480, 360)
    assert (message["role"], text) == ("user", {"type": "text", "text": prompt})
    assert "response_format" not in body
    assert (result.text.splitlines(), result.markdown) == (ROWS, TRANSCRIPT)
    assert (result.receipt.source, result.receipt.total) == ("rules", Decimal("3.70"))
    assert (result.receipt.merchant, result.receipt.date) == ("CORNER CAFE", "2026-03-14")


def test_a_transcriber_that_says_nothing_gave_a_bad_answer(http_stub, receipt):
    http_stub.reply(Reply(body=chat(" ")))
    settings = LLAMA.settings(http_stub.url, LLAMA_CPP_MODEL="glm-ocr")
    assert failure_of(llama.ocr, receipt, settings)[0] == "bad_answer"


# llama-cpp-python


@pytest.fixture(scope="module")
def model_settings(tmp_path_factory):
    """A model whose answer, whatever it sees, is that of these tests."""
    folder = tmp_path_factory.mktemp("gguf")
    model, mmproj = tiny_gguf.make(folder, json.dumps(ANSWER))
    return Settings(llama_cpp_model_path=str(model), llama_cpp_mmproj_path=str(mmproj))


@in_process
def test_a_model_in_process_reads_the_receipt(model_settings, receipt):
    result = llama.ocr(receipt, model_settings)
    assert result.receipt == RECEIPT
    assert result.text.splitlines() == ROWS
    assert result.pages == (Page(480, 360),)
    assert (result.model, result.raw) == ("tiny-text", None)


@in_process
@pytest.mark.slow
def test_a_model_in_process_gets_the_text_of_a_page_too(model_settings, tmp_path):
    path = tmp_path / "shop.pdf"
    path.write_bytes(pdf(text([(40, 340 - 10 * n, f"Total {n}.00 EUR") for n in range(20)])))
    (document,) = documents(path, model_settings, time.monotonic() + 60, pdf=False)
    assert document.text.startswith("Total 0.00 EUR\n")
    assert messages(document, {})[1]["content"][0]["text"] == document.prompt
    assert llama.ocr(path, model_settings).receipt == RECEIPT


@in_process
def test_a_transcriber_in_process_is_read_by_our_rules(tmp_path, receipt):
    (tmp_path / "GLM-OCR").mkdir()
    model, mmproj = tiny_gguf.make(tmp_path / "GLM-OCR", TRANSCRIPT)
    named = model.rename(tmp_path / "GLM-OCR-Q8_0.gguf")
    settings = Settings(llama_cpp_model_path=str(named), llama_cpp_mmproj_path=str(mmproj))
    result = llama.ocr(receipt, settings)
    assert (result.receipt.source, result.receipt.merchant) == ("rules", "CORNER CAFE")


@in_process
def test_two_receipts_are_read_one_after_the_other(model_settings, receipt):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(llama.ocr(receipt, model_settings).receipt))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [RECEIPT, RECEIPT]


@in_process
def test_the_schema_ends_what_a_model_would_go_on_to_say(tmp_path, receipt):
    model, mmproj = tiny_gguf.make(tmp_path, json.dumps(ANSWER), " {and so on}")
    settings = Settings(llama_cpp_model_path=str(model), llama_cpp_mmproj_path=str(mmproj))
    assert llama.ocr(receipt, settings).receipt == RECEIPT


@in_process
def test_a_file_that_is_no_model_is_not_configured(model_settings, receipt, tmp_path):
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"GGUF" + b"\0" * 100)
    code, message = failure_of(
        llama.ocr, receipt, replace(model_settings, llama_cpp_model_path=str(fake))
    )
    assert code == "not_configured"
    assert "LLAMA_CPP_MODEL_PATH" in message


@in_process
def test_a_projector_of_another_model_is_not_configured(model_settings, receipt):
    text = model_settings.llama_cpp_model_path
    code, message = failure_of(
        llama.ocr, receipt, replace(model_settings, llama_cpp_mmproj_path=text)
    )
    assert code == "not_configured"
    assert "LLAMA_CPP_MMPROJ_PATH" in message


# Settings


def test_unavailable_names_what_is_missing(tmp_path):
    file = tmp_path / "a.gguf"
    file.touch()
    model, mmproj = "LLAMA_CPP_MODEL_PATH", "LLAMA_CPP_MMPROJ_PATH"
    assert (
        llama.unavailable(Settings())
        == f"LLAMA_CPP_BASE_URL is not set, nor are {model} and {mmproj}"
    )
    assert llama.unavailable(read_settings({model: str(file)})) == f"{mmproj} is not set"
    assert llama.unavailable(read_settings({model: "", mmproj: str(file)})) == f"{model} is not set"
    assert (
        llama.unavailable(read_settings({model: "gone", mmproj: "gone"}))
        == f"{model} names no file: gone"
    )
    assert "not an http" in llama.unavailable(Settings(llama_cpp_base_url="localhost:8080"))
    assert llama.unavailable(Settings(llama_cpp_base_url="http://localhost:8080/v1")) is None


def test_it_tells_its_model_and_where_images_go():
    server = Settings(llama_cpp_base_url="http://10.0.0.7:8080/v1")
    assert (llama.model(server), llama.sends_to(server)) == (None, "10.0.0.7")
    files = Settings(llama_cpp_model_path="/models/qwen-vl.gguf")
    assert (llama.model(files), llama.sends_to(files)) == ("qwen-vl", None)
