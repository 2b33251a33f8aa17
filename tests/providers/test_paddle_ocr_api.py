"""Are both of PaddleOCR's APIs spoken as their clients speak them, and their answers read alike?"""

import base64
import email
import json
import time
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from providers import paddle_api
from result import Line, Page, ProviderError
from settings import read_settings

KEY = "paddle-token-0123456789"
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


def pruned(lines=LINES, **more):
    """A prunedResult of paddlex 3.7.2's serving."""
    texts, scores, boxes = zip(*lines, strict=True) if lines else ((), (), ())
    corners = [[[x, y], [x2, y], [x2, y2], [x, y2]] for x, y, x2, y2 in boxes]
    return {
        "model_settings": {"use_doc_preprocessor": True, "use_textline_orientation": False},
        "dt_polys": corners,
        "text_det_params": {"limit_side_len": 64, "limit_type": "min"},
        "text_type": "general",
        "text_rec_score_thresh": 0.0,
        "return_word_box": False,
        "rec_texts": list(texts),
        "rec_scores": list(scores),
        "rec_polys": corners,
        "rec_boxes": list(boxes),
    } | more


def ocr_result(*parts, **images):
    info = {"width": 480, "height": 360, "type": "image"}
    return {"ocrResults": [{"prunedResult": part, **images} for part in parts], "dataInfo": info}


def layout_result(markdown):
    part = {"prunedResult": {}, "markdown": {"text": markdown, "images": {}}, "outputImages": None}
    return {"layoutParsingResults": [part], "dataInfo": {"width": 480, "height": 360}}


def served(result):
    return {"logId": "b0a1", "errorCode": 0, "errorMsg": "Success", "result": result}


def job(state, **more):
    return {"code": 0, "msg": "Success", "data": {"jobId": "job-1", "state": state, **more}}


CREATED = {"code": 0, "msg": "Success", "data": {"jobId": "job-1"}}
RUNNING = job("running", extractProgress={"totalPages": 1, "extractedPages": 0})
READ = ocr_result(pruned())


@pytest.fixture
def serving(http_stub):
    return read_settings({"PADDLE_OCR_ENDPOINT": f"{http_stub.url}/ocr", "OCR_TIMEOUT_S": "20"})


@pytest.fixture
def jobs(http_stub):
    return read_settings(
        {
            "PADDLE_OCR_ENDPOINT": f"{http_stub.url}/api/v2/ocr/jobs",
            "PADDLE_OCR_API_KEY": KEY,
            "OCR_TIMEOUT_S": "20",
        }
    )


@pytest.fixture
def done(http_stub):
    return job("done", resultUrl={"jsonUrl": f"{http_stub.url}/store/result.jsonl?sig=s3cr3t"})


def ocr(receipt, settings):
    return paddle_api.ocr(receipt, settings, first_wait_s=0.02)


def failure(receipt, settings):
    with pytest.raises(ProviderError) as caught:
        ocr(receipt, settings)
    for secret in (KEY, "s3cr3t", "/9j/"):
        assert secret not in caught.value.message
    return caught.value


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


def test_boxes_are_those_of_the_page_not_of_the_smaller_jpeg(tmp_path, serving, http_stub, reply):
    Image.new("RGB", (2000, 5000), "white").save(tmp_path / "big.jpg")
    http_stub.reply(reply(200, served(ocr_result(pruned([("A", 0.9, [100, 200, 300, 250])])))))
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
    line = pruned([("A", 0.9, turned_box)], doc_preprocessor_res={"angle": angle})
    http_stub.reply(reply(200, served(ocr_result(line))))
    assert ocr(receipt, serving).pages == (Page(480, 360, (Line("A", 0.9, (10, 20, 110, 40)),)),)


def test_rows_are_found_on_the_page_as_the_server_turned_it(receipt, serving, http_stub, reply):
    lines = [("TOTAL", 0.9, [10, 10, 90, 30]), ("5.00", 0.9, [250, 11, 330, 31])]
    turned = pruned(lines, doc_preprocessor_res={"angle": 90})
    http_stub.reply(reply(200, served(ocr_result(turned))))
    assert ocr(receipt, serving).text.split() == ["TOTAL", "5.00"]
    assert len(ocr(receipt, serving).text.splitlines()) == 1


@pytest.mark.parametrize("result", [ocr_result(pruned([])), ocr_result(), layout_result("")])
def test_a_picture_without_text_completes(receipt, serving, http_stub, reply, result):
    http_stub.reply(reply(200, served(result)))
    found = ocr(receipt, serving)
    assert (found.text, found.markdown, found.pages) == ("", "", (Page(480, 360),))
    assert found.receipt.warnings == ("no_text",)


def test_echoed_images_are_not_kept(receipt, serving, http_stub, reply):
    picture = base64.b64encode(bytes(3000)).decode()
    http_stub.reply(reply(200, served(ocr_result(pruned(), ocrImage=picture, inputImage=picture))))
    assert picture[:100] not in json.dumps(ocr(receipt, serving).raw)


def test_a_pdf_is_read_page_by_page_as_one_receipt(tmp_path, serving, http_stub, reply):
    pages = [Image.new("RGB", (300, 400), "white") for _ in range(2)]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:])
    first, last = (
        served(ocr_result(pruned([(text, 0.9, [9, 9, 99, 29])]))) for text in ("CAFE", "TOTAL 9.50")
    )
    http_stub.reply(reply(200, first), reply(200, last))
    result = ocr(tmp_path / "two.pdf", serving)
    assert (result.text, result.raw) == ("CAFE\nTOTAL 9.50", [first, last])
    assert {request.json["fileType"] for request in http_stub.requests} == {1}
    assert len(result.pages) == 2


# The job API


def test_a_receipt_is_read_as_a_job(receipt, jobs, done, http_stub, reply):
    line = json.dumps({"logId": "1", "result": READ, "errorCode": 0, "errorMsg": "Success"})
    replies = (CREATED, job("pending"), RUNNING, done, f"{line}\n\n")
    http_stub.reply(*(reply(200, body) for body in replies))
    result = ocr(receipt, jobs)
    assert (result.pages, result.model) == ((PAGE,), "PP-OCRv6")
    assert result.raw == json.loads(line)
    submit, *polls, file = http_stub.requests
    assert (submit.method, submit.path) == ("POST", "/api/v2/ocr/jobs")
    assert [(poll.method, poll.path) for poll in polls] == [("GET", "/api/v2/ocr/jobs/job-1")] * 3
    assert {r.headers["Authorization"] for r in (submit, *polls)} == {f"Bearer {KEY}"}
    assert (file.method, file.path) == ("GET", "/store/result.jsonl?sig=s3cr3t")
    assert file.headers["Authorization"] is None


def test_a_job_is_submitted_as_the_official_client_does(receipt, jobs, done, http_stub, reply):
    line = json.dumps({"result": READ, "errorCode": 0})
    http_stub.reply(reply(200, CREATED), reply(200, done), reply(200, line))
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


def test_a_job_is_looked_at_less_and_less_often(receipt, jobs, done, http_stub, reply):
    replies = (CREATED, RUNNING, RUNNING, done, json.dumps({"result": READ}))
    http_stub.reply(*(reply(200, body) for body in replies))
    paddle_api.ocr(receipt, jobs, first_wait_s=0.1)
    submitted, first, second, third, _ = [request.at for request in http_stub.requests]
    assert first - submitted >= 0.1
    assert second - first >= 0.15
    assert third - second >= 0.225


def test_a_full_queue_is_waited_for(receipt, jobs, done, http_stub, reply):
    full = reply(400, {"code": 10010, "msg": "queue is full"})
    line = json.dumps({"result": READ})
    http_stub.reply(full, reply(200, CREATED), reply(200, done), reply(200, line))
    assert ocr(receipt, jobs).pages == (PAGE,)
    first, second, *_ = http_stub.requests
    assert second.at - first.at >= 0.4


def test_a_failed_job_says_why(receipt, jobs, http_stub, reply):
    failed = reply(200, job("failed", errorMsg=f"decode of {KEY} failed"))
    http_stub.reply(reply(200, CREATED), failed)
    found = failure(receipt, jobs)
    assert found.code == "server_error"
    assert found.message.endswith("(PaddleOCR: decode of [secret] failed)")


def test_a_job_that_never_ends_ends_at_the_deadline(receipt, jobs, http_stub, reply):
    http_stub.reply(reply(200, CREATED), reply(200, RUNNING))
    started = time.monotonic()
    assert failure(receipt, replace(jobs, ocr_timeout_s=1)).code == "timeout"
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "bodies",
    [
        [{"code": 0, "data": {}}],
        [{"code": 0, "data": {"jobId": "../../x"}}],
        [CREATED, job("lost")],
        [CREATED, job("done", resultUrl={})],
        [CREATED, job("done", resultUrl={"jsonUrl": "file:///etc/passwd"})],
    ],
)
def test_a_job_of_another_shape_is_told(receipt, jobs, http_stub, reply, bodies):
    http_stub.reply(*(reply(200, body) for body in bodies))
    assert failure(receipt, jobs).code == "bad_answer"


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
def test_a_result_that_is_none_is_told(receipt, jobs, done, http_stub, reply, file, code):
    http_stub.reply(reply(200, CREATED), reply(200, done), reply(**file))
    found = failure(receipt, jobs)
    assert found.code == code
    assert "AccessDenied" not in found.message


# What goes wrong


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"code": 401, "msg": f"bad token {KEY}"}, "bad_key"),
        (403, {"errorCode": 403, "errorMsg": "invalid"}, "forbidden"),
        (404, {"errorCode": 404, "errorMsg": "Not Found"}, "unknown_model"),
        (400, {"code": 10001, "msg": "wrong parameter"}, "refused"),
        (200, {"code": 11001, "message": "wrong parameter"}, "refused"),
        (422, {"errorCode": 422, "errorMsg": "Invalid input file"}, "bad_image"),
        (422, {"errorCode": 422, "errorMsg": '[{"loc":"body.file"}]'}, "refused"),
        (429, {"errorMsg": "pages"}, "quota"),
    ],
)
def test_what_is_final_is_told_at_once(receipt, jobs, http_stub, reply, status, body, code):
    http_stub.reply(reply(status, body))
    found = failure(receipt, jobs)
    assert (found.code, len(http_stub.requests)) == (code, 1)
    assert "body.file" not in found.message


def test_an_error_within_a_200_is_not_said_to_be_an_http_status(receipt, jobs, http_stub, reply):
    http_stub.reply(reply(200, {"code": 11001, "message": "no"}))
    assert failure(receipt, jobs).message == (
        "PaddleOCR refused the request; check the file and the settings (PaddleOCR: no)"
    )


def test_too_many_requests_honours_retry_after(receipt, serving, http_stub, reply):
    busy = reply(429, {"errorMsg": "busy"}, headers={"Retry-After": "0.4"})
    http_stub.reply(busy, reply(200, served(READ)))
    assert ocr(receipt, serving).pages == (PAGE,)
    first, second = http_stub.requests
    assert 0.4 <= second.at - first.at < 1


@pytest.mark.parametrize("status", [200, 500, 503])
def test_a_fault_once_is_got_over(receipt, serving, http_stub, reply, status):
    body = {"errorCode": max(status, 500), "errorMsg": "Internal server error"}
    fault = reply(status, body, headers={"Retry-After": "0"})
    http_stub.reply(fault, reply(200, served(READ)))
    assert ocr(receipt, serving).pages == (PAGE,)


def test_a_lasting_fault_ends(receipt, serving, http_stub, reply):
    http_stub.reply(reply(503, "<html>busy</html>", headers={"Retry-After": "0"}))
    assert failure(receipt, serving).code == "server_error"
    assert len(http_stub.requests) == 4


def test_a_dripping_answer_ends_at_the_deadline(receipt, serving, http_stub, reply):
    http_stub.reply(reply(200, served(READ), drip_s=0.02))
    started = time.monotonic()
    assert failure(receipt, replace(serving, ocr_timeout_s=1)).code == "timeout"
    assert time.monotonic() - started < 1.5


def test_a_dropped_connection_is_tried_once_more(receipt, serving, http_stub, reply):
    http_stub.reply(reply(drop=True))
    assert failure(receipt, serving).code == "unreachable"
    assert len(http_stub.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in</html>",
        "",
        "[]",
        {"errorCode": 0},
        served({}),
        served({"ocrResults": "none"}),
        served({"ocrResults": [{"prunedResult": {"rec_texts": ["no box"]}}]}),
        served(ocr_result(pruned([("A", 0.9, ["x", 0, 1, 1])]))),
        served({"layoutParsingResults": [{"markdown": {"text": None}}]}),
    ],
)
def test_what_is_no_answer_is_told(receipt, serving, http_stub, reply, body):
    http_stub.reply(reply(200, body))
    found = failure(receipt, serving)
    assert found.code == "bad_answer"
    assert "Sign in" not in found.message


def test_an_endless_answer_ends(receipt, serving, http_stub, reply):
    http_stub.reply(reply(200, b" " * 65536, endless=True))
    assert failure(receipt, serving).code == "too_large"
    assert len(http_stub.requests) == 1


def test_a_redirect_is_not_followed(receipt, jobs, http_stub, reply):
    http_stub.reply(reply(307, "", headers={"Location": f"{http_stub.url}/elsewhere"}))
    assert failure(receipt, jobs).code == "unreachable"
    assert len(http_stub.requests) == 1


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
