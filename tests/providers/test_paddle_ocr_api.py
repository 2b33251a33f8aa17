"""PaddleOCR's two APIs are called as their clients call them, and their answers are read alike."""

import base64
import email
import json
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from providers import paddle_api
from result import Line, Page
from settings import read_settings
from tests.providers.contract import (
    CREATED,
    KEY,
    PADDLE,
    PADDLE_JOBS,
    Waits,
    done,
    failure_of,
    job,
    ocr_result,
    pruned,
    served,
)

LINES = [
    ("CORNER CAFE", 0.99, [48, 36, 288, 54]),
    ("TOTAL", 0.98, [48, 108, 150, 126]),
    ("13.20", 0.97, [336, 109, 420, 127]),
    (" ", 0.1, [0, 0, 5, 5]),
]
PAGE = Page(
    480,
    360,
    (
        Line("CORNER CAFE", 0.99, (48, 36, 288, 54)),
        Line("TOTAL", 0.98, (48, 108, 150, 126)),
        Line("13.20", 0.97, (336, 109, 420, 127)),
    ),
)


def layout_result(markdown):
    part = {"prunedResult": {}, "markdown": {"text": markdown, "images": {}}, "outputImages": None}
    return {"layoutParsingResults": [part], "dataInfo": {"width": 480, "height": 360}}


RUNNING = job("running", extractProgress={"totalPages": 1, "extractedPages": 0})
READ = ocr_result(pruned(*LINES))


@pytest.fixture
def serving(http_stub):
    return PADDLE.settings(http_stub.url, PADDLE_OCR_API_KEY="")


@pytest.fixture
def jobs(http_stub):
    return PADDLE_JOBS.settings(http_stub.url)


def ocr(receipt, settings, waits=None):
    return paddle_api.ocr(receipt, settings, Waits() if waits is None else waits)


def sent_image(data):
    with Image.open(BytesIO(data)) as image:
        return image.format, image.size, dict(image.getexif())


# PaddleX serving


def test_a_receipt_is_read_by_a_server_of_ones_own(receipt, serving, http_stub, reply):
    http_stub.reply(reply(200, served(READ)))
    result = ocr(receipt, serving)
    assert [row.split() for row in result.text.splitlines()] == [
        ["CORNER", "CAFE"],
        ["TOTAL", "13.20"],
    ]
    assert (result.pages, result.model) == ((PAGE,), "PaddleX /ocr")
    assert result.receipt.source == "rules"
    assert result.raw == served(READ)
    request = http_stub.request
    assert (request.method, request.path) == ("POST", "/ocr")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] is None
    file = request.json["file"]
    assert request.json == {
        "file": file,
        "fileType": 1,
        "useDocOrientationClassify": False,
        "useDocUnwarping": False,
        "visualize": False,
    }
    assert sent_image(base64.b64decode(file, validate=True)) == ("JPEG", (480, 360), {})


def test_a_key_is_sent_to_a_proxy_as_a_bearer(receipt, serving, http_stub, reply):
    http_stub.reply(reply(200, served(READ)))
    ocr(receipt, replace(serving, paddle_ocr_api_key=KEY))
    assert http_stub.request.headers["Authorization"] == f"Bearer {KEY}"


def test_markdown_of_a_layout_is_kept_and_read(receipt, serving, http_stub, reply):
    markdown = "# CORNER CAFE\n\n![logo](imgs/1.jpg)\n\n| Tea | 2.00 |\n|---|---|\n| TOTAL | 2.00 |"
    http_stub.reply(reply(200, served(layout_result(markdown))))
    settings = replace(serving, paddle_ocr_endpoint=f"{http_stub.url}/layout-parsing/")
    result = ocr(receipt, settings)
    assert http_stub.request.path == "/layout-parsing"
    assert result.markdown == markdown.replace("![logo](imgs/1.jpg)", "")
    assert result.text.splitlines() == ["CORNER CAFE", "Tea   2.00", "TOTAL   2.00"]
    assert (result.pages, result.receipt.source) == ((Page(480, 360),), "rules")
    assert result.model == "PaddleX /layout-parsing"


def test_what_cannot_be_printed_is_no_part_of_a_line_or_a_row(receipt, serving, http_stub, reply):
    for served_part in (
        ocr_result(pruned(("A\x1b1.20\u202e", 0.9, [1, 2, 30, 40]))),
        layout_result("A\x1b1.20"),
    ):
        http_stub.reply(reply(200, served(served_part)))
        assert ocr(receipt, serving).text == "A 1.20"


def test_boxes_are_those_of_the_page_not_of_the_smaller_jpeg(tmp_path, serving, http_stub, reply):
    Image.new("RGB", (2000, 5000), "white").save(tmp_path / "big.jpg")
    http_stub.reply(reply(200, served(ocr_result(pruned(("A", 0.9, [100, 200, 300, 250]))))))
    result = ocr(tmp_path / "big.jpg", serving)
    _, size, _ = sent_image(base64.b64decode(http_stub.request.json["file"]))
    assert size == (1000, 2500)
    assert result.pages == (Page(2000, 5000, (Line("A", 0.9, (200, 400, 600, 500)),)),)


@pytest.mark.parametrize(
    ("angle", "turned_box"),
    [
        (0, [10, 20, 110, 40]),
        (90, [20, 370, 40, 470]),
        (180, [370, 320, 470, 340]),
        (270, [320, 10, 340, 110]),
        (-1, [10, 20, 110, 40]),
    ],
)
def test_boxes_of_a_turned_page_are_turned_back(
    receipt, serving, http_stub, reply, angle, turned_box
):
    line = pruned(("A", 0.9, turned_box), doc_preprocessor_res={"angle": angle})
    http_stub.reply(reply(200, served(ocr_result(line))))
    assert ocr(receipt, serving).pages == (Page(480, 360, (Line("A", 0.9, (10, 20, 110, 40)),)),)


def test_rows_are_found_on_the_page_as_the_server_turned_it(receipt, serving, http_stub, reply):
    lines = [("TOTAL", 0.9, [10, 10, 90, 30]), ("5.00", 0.9, [250, 11, 330, 31])]
    turned = pruned(*lines, doc_preprocessor_res={"angle": 90})
    http_stub.reply(reply(200, served(ocr_result(turned))))
    assert ocr(receipt, serving).text.split() == ["TOTAL", "5.00"]
    assert len(ocr(receipt, serving).text.splitlines()) == 1


@pytest.mark.parametrize("angle", [0, 90])
def test_receipts_side_by_side_are_listed_each_with_its_place(
    receipt, serving, http_stub, reply, angle
):
    cafe = ["CORNER CAFE LTD", "12 Harbour Street", "14/03/2026", "Tea 7.10", "TOTAL EUR 7.10"]
    shop = ["LAKESIDE LTD", "77 Lake Avenue", "15/03/2026", "Hammer 38.90", "TOTAL EUR 38.90"]
    lines = [
        (text, 0.9, [left, 20 + 40 * n, left + 9 * len(text), 40 + 40 * n])
        for left, rows in ((10, cafe), (250, shop))
        for n, text in enumerate(rows)
    ]
    answer = pruned(*lines, doc_preprocessor_res={"angle": angle})
    http_stub.reply(reply(200, served(ocr_result(answer))))
    found = ocr(receipt, serving)
    assert [(r.merchant, r.date, str(r.total)) for r in found.receipts] == [
        ("CORNER CAFE LTD", "2026-03-14", "7.10"),
        ("LAKESIDE LTD", "2026-03-15", "38.90"),
    ]
    one, other = found.receipts
    before, behind = (one.box[2], other.box[0]) if angle == 0 else (one.box[3], other.box[1])
    assert before < behind
    assert one.evidence.total.box in [line.box for line in found.pages[0].lines]


@pytest.mark.parametrize("result", [ocr_result(pruned()), ocr_result(), layout_result("")])
def test_a_picture_without_text_completes(receipt, serving, http_stub, reply, result):
    http_stub.reply(reply(200, served(result)))
    found = ocr(receipt, serving)
    assert (found.text, found.markdown, found.pages) == ("", "", (Page(480, 360),))
    assert found.receipt.warnings == ("no_text",)


def test_echoed_images_are_not_kept(receipt, serving, http_stub, reply):
    picture = base64.b64encode(bytes(3000)).decode()
    http_stub.reply(
        reply(200, served(ocr_result(pruned(*LINES), ocrImage=picture, inputImage=picture)))
    )
    assert picture[:100] not in json.dumps(ocr(receipt, serving).raw)


# The job API


def test_a_receipt_is_read_as_a_job(receipt, jobs, http_stub, reply):
    line = json.dumps({"logId": "1", "result": READ, "errorCode": 0, "errorMsg": "Success"})
    bodies = (job("pending"), RUNNING, done(http_stub.url), f"{line}\n\n")
    http_stub.reply(CREATED, *(reply(200, body) for body in bodies))
    waits = Waits()
    result = ocr(receipt, jobs, waits)
    assert waits == [2, 3, 4.5]
    assert (result.pages, result.model) == ((PAGE,), "PP-OCRv6")
    assert result.raw == json.loads(line)
    submit, *polls, file = http_stub.requests
    assert (submit.method, submit.path) == ("POST", "/api/v2/ocr/jobs")
    assert [(poll.method, poll.path) for poll in polls] == [("GET", "/api/v2/ocr/jobs/job-1")] * 3
    assert {r.headers["Authorization"] for r in (submit, *polls)} == {f"Bearer {KEY}"}
    assert (file.method, file.path) == ("GET", "/store/result.jsonl?sig=s3cr3t")
    assert file.headers["Authorization"] is None


def test_a_job_is_submitted_as_the_official_client_does(receipt, jobs, http_stub, reply):
    line = json.dumps({"result": READ, "errorCode": 0})
    http_stub.reply(CREATED, reply(200, done(http_stub.url)), reply(200, line))
    ocr(receipt, jobs)
    submit = http_stub.requests[0]
    head = f"Content-Type: {submit.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + submit.body).get_payload()
    model, options, file = parts
    names = [part.get_param("name", header="Content-Disposition") for part in parts]
    assert names == ["model", "optionalPayload", "file"]
    assert model.get_payload() == "PP-OCRv6"
    assert json.loads(options.get_payload()) == {
        "useDocOrientationClassify": True,
        "useDocUnwarping": False,
        "useTextlineOrientation": False,
        "visualize": False,
    }
    assert (file.get_filename(), file.get_content_type()) == ("receipt.jpg", "image/jpeg")
    assert sent_image(file.get_payload(decode=True)) == ("JPEG", (480, 360), {})


# Waits, and results that are none


def test_a_job_that_never_ends_is_polled_less_and_less_often(receipt, jobs, http_stub, reply):
    http_stub.reply(CREATED, reply(200, RUNNING))
    waits = Waits()
    assert failure_of(ocr, receipt, jobs, waits)[0] == "timeout"
    assert waits[:6] == [2, 3, 4.5, 6.75, 10, 10]
    assert 50 <= sum(waits) < 60


def test_a_full_queue_is_waited_for(receipt, jobs, http_stub, reply):
    full = reply(400, {"code": 10010, "msg": "queue is full"})
    replies = (CREATED, reply(200, done(http_stub.url)), reply(200, {"result": READ}))
    http_stub.reply(*[full] * 6, *replies)
    waits = Waits()
    assert ocr(receipt, jobs, waits).pages == (PAGE,)
    assert len(waits) == 7


@pytest.mark.parametrize("status", [200, 503])
def test_a_fault_in_either_place_is_tried_again(receipt, serving, http_stub, reply, status):
    body = {"errorCode": max(status, 500), "errorMsg": "Internal server error"}
    http_stub.reply(reply(status, body), reply(200, served(READ)))
    assert ocr(receipt, serving).pages == (PAGE,)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ({"status": 403, "body": "<Error>AccessDenied</Error>"}, "server_error"),
        ({"body": ""}, "bad_answer"),
        ({"body": "no json"}, "bad_answer"),
        ({"body": {"errorCode": 500, "errorMsg": "boom"}}, "server_error"),
        ({"body": {"errorCode": 0, "result": {}}}, "bad_answer"),
    ],
)
def test_a_result_that_is_none_is_reported(receipt, jobs, http_stub, reply, file, code):
    http_stub.reply(CREATED, reply(200, done(http_stub.url)), reply(**file))
    found, message = failure_of(ocr, receipt, jobs)
    assert found == code
    assert "AccessDenied" not in message


# The settings


@pytest.mark.parametrize(
    ("endpoint", "key", "reason"),
    [
        ("", "", "PADDLE_OCR_ENDPOINT is not set"),
        ("http://localhost:8080/ocr", "", None),
        ("localhost:8080/ocr", "", "PADDLE_OCR_ENDPOINT is not an http or https URL"),
        ("http://[", "", "PADDLE_OCR_ENDPOINT is not an http or https URL"),
        ("https://x1.aistudio-app.com/ocr", "", "PADDLE_OCR_API_KEY is not set"),
        ("https://x1.aistudio-app.com/ocr", "k", None),
        ("https://paddleocr.aistudio-app.com", "", "PADDLE_OCR_API_KEY is not set"),
        ("http://localhost/api/v2/ocr/jobs/", "", "PADDLE_OCR_API_KEY is not set"),
    ],
)
def test_what_is_missing_is_named(endpoint, key, reason):
    settings = read_settings({"PADDLE_OCR_ENDPOINT": endpoint, "PADDLE_OCR_API_KEY": key})
    assert paddle_api.unavailable(settings) == reason


@pytest.mark.parametrize(
    ("endpoint", "authorization"),
    [
        ("https://paddleocr.aistudio-app.com", f"Bearer {KEY}"),
        ("https://paddleocr.aistudio-app.com/api/v2/ocr/jobs", f"Bearer {KEY}"),
        ("https://x1.aistudio-app.com/layout-parsing", f"token {KEY}"),
        ("http://localhost:8080/ocr", f"Bearer {KEY}"),
    ],
)
def test_the_host_tells_how_the_key_is_sent(endpoint, authorization):
    settings = read_settings({"PADDLE_OCR_ENDPOINT": endpoint, "PADDLE_OCR_API_KEY": KEY})
    assert paddle_api.headers(settings) == {"Authorization": authorization}


@pytest.mark.parametrize(
    ("endpoint", "host", "model"),
    [
        ("https://paddleocr.aistudio-app.com/", "paddleocr.aistudio-app.com", "PP-OCRv6"),
        ("https://h/api/v2/ocr/jobs", "h", "PP-OCRv6"),
        ("https://x1.aistudio-app.com/ocr", "x1.aistudio-app.com", "PaddleX /ocr"),
        ("http://[", None, None),
        ("", None, None),
    ],
)
def test_the_endpoint_tells_host_and_model(endpoint, host, model):
    settings = read_settings({"PADDLE_OCR_ENDPOINT": endpoint})
    assert (paddle_api.sends_to(settings), paddle_api.model(settings)) == (host, model)


@pytest.mark.parametrize(
    ("variables", "host", "model"),
    [
        ({"PADDLEOCR_ACCESS_TOKEN": KEY}, "paddleocr.aistudio-app.com", "PP-OCRv6"),
        ({"PADDLEOCR_ACCESS_TOKEN": KEY, "PADDLEOCR_BASE_URL": "https://h/"}, "h", "PP-OCRv6"),
        (
            {
                "PADDLEOCR_ACCESS_TOKEN": "another",
                "PADDLEOCR_BASE_URL": "https://another",
                "PADDLE_OCR_API_KEY": KEY,
                "PADDLE_OCR_ENDPOINT": "http://own:8080/ocr",
            },
            "own",
            "PaddleX /ocr",
        ),
    ],
)
def test_paddleocrs_own_names_count_where_ours_are_not_set(variables, host, model):
    settings = read_settings(variables)
    assert paddle_api.unavailable(settings) is None
    assert (paddle_api.sends_to(settings), paddle_api.model(settings)) == (host, model)


def test_by_paddleocrs_own_names_a_receipt_is_read_as_a_job(receipt, http_stub, reply):
    line = json.dumps({"result": READ, "errorCode": 0})
    http_stub.reply(CREATED, reply(200, done(http_stub.url)), reply(200, line))
    names = {"PADDLEOCR_BASE_URL": http_stub.url, "PADDLEOCR_ACCESS_TOKEN": KEY}
    assert ocr(receipt, read_settings(names)).pages == (PAGE,)
    submit = http_stub.requests[0]
    assert submit.path == "/api/v2/ocr/jobs"
    assert submit.headers["Authorization"] == f"Bearer {KEY}"


def test_paddleocrs_own_url_needs_its_token():
    settings = read_settings({"PADDLEOCR_BASE_URL": "https://h"})
    assert paddle_api.unavailable(settings) == "PADDLE_OCR_API_KEY is not set"
