"""paddle-ocr-api: PaddleOCR on a server, either a PaddleX serving or the official job API.

PADDLE_OCR_ENDPOINT is the full URL; PADDLE_OCR_API_KEY is its token, which a server of one's own
may not want. Contract: paddlex 3.7.2's serving schemas, paddleocr 3.7.0's _api_client, and
https://ai.baidu.com/ai-doc/AISTUDIO/pmjcld5qm for the limits (read 2026-11-23).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engines.images import Jpeg, jpegs
from providers.http import (
    SURPRISES,
    Answer,
    Failure,
    Vendor,
    call,
    dig,
    failure,
    http_failure,
    not_its_api,
    parse,
    poll,
    without_images,
)
from providers.paddle_api_answer import read_results
from providers.pages import join_pages
from result import OcrResult
from settings import Settings, deadline

JOBS_PATH = "/api/v2/ocr/jobs"
JOBS_HOST = "paddleocr.aistudio-app.com"
HOSTED = ".aistudio-app.com"  # Baidu's, by a token and with a number of pages a day
JOB_MODEL = "PP-OCRv6"
LONG_SIDE = 2500
READ_TIMEOUT_S = 120  # the first call to a server on a CPU loads the models
FIRST_WAIT_S, SLOWER, LONGEST_WAIT_S = 2.0, 1.5, 10.0  # before each look at a job
QUEUE_FULL = 10010  # comes with HTTP 400
PATIENCE = 100  # tries while the queue is full

KEY_AND_URL = "PADDLE_OCR_API_KEY and PADDLE_OCR_ENDPOINT"

PLAIN = {"useDocOrientationClassify": False, "useDocUnwarping": False, "visualize": False}
UPRIGHT = {**PLAIN, "useDocOrientationClassify": True, "useTextlineOrientation": False}


PADDLE = Vendor(
    name="PaddleOCR",
    key_variable="PADDLE_OCR_API_KEY",
    url_variable="PADDLE_OCR_ENDPOINT",
    key_optional=True,
)
sends_to = PADDLE.host


def unavailable(settings: Settings) -> str | None:
    return replace(PADDLE, key_optional=not _is_hosted(settings)).unavailable(settings)


def model(settings: Settings) -> str | None:
    """What the endpoint tells of it: the path of a PaddleX serving is the pipeline's."""
    if sends_to(settings) is None:
        return None
    return JOB_MODEL if _is_jobs(settings) else f"PaddleX {urlsplit(PADDLE.url(settings)).path}"


def ocr(image: Path, settings: Settings, first_wait_s: float = FIRST_WAIT_S) -> OcrResult:
    ends = deadline(settings)
    pages = jpegs(image, settings.limits, long_side=LONG_SIDE)
    if _is_jobs(settings):
        return join_pages([_read_as_job(page, settings, first_wait_s, ends) for page in pages])
    return join_pages([_read_at_once(page, settings, ends) for page in pages])


# Where we are, and who we are there


def _is_jobs(settings: Settings) -> bool:
    return PADDLE.url(settings).endswith(JOBS_PATH) or _is_bare(settings)


def _is_bare(settings: Settings) -> bool:
    """Whether the endpoint is the job API's host without a path."""
    return PADDLE.host(settings) == JOBS_HOST and not urlsplit(PADDLE.url(settings)).path


def _is_hosted(settings: Settings) -> bool:
    return _is_jobs(settings) or (PADDLE.host(settings) or "").endswith(HOSTED)


def headers(settings: Settings) -> dict[str, str]:
    """The job API and reverse proxies take a Bearer, Baidu's other endpoints a "token"."""
    key = PADDLE.key(settings)
    scheme = "token" if _is_hosted(settings) and not _is_jobs(settings) else "Bearer"
    return {"Authorization": f"{scheme} {key}"} if key else {}


def _call(method: str, url: str, settings: Settings, ends: float, **request: Any) -> Any:
    """The JSON object that answers."""
    return call(
        PADDLE,
        method,
        url,
        deadline=ends,
        judge=lambda answer: _judge(answer, settings),
        read_timeout_s=READ_TIMEOUT_S,
        headers=headers(settings),
        **request,
    ).body


# PaddleX serving


def _read_at_once(page: Jpeg, settings: Settings, ends: float) -> OcrResult:
    request = {"file": b64encode(page.data).decode(), "fileType": 1, **PLAIN}
    body = _call("POST", PADDLE.url(settings), settings, ends, json=request)
    return _result([body], page, settings, raw=body)


# The job API


def _read_as_job(page: Jpeg, settings: Settings, first_wait_s: float, ends: float) -> OcrResult:
    jobs = PADDLE.url(settings) + (JOBS_PATH if _is_bare(settings) else "")
    job = f"{jobs}/{_submit(page.data, jobs, settings, ends)}"
    waits = _waits_s(first_wait_s)
    url = poll(lambda: _result_url(job, settings, ends), waits, ends, PADDLE.name)
    lines = _lines(url, settings, ends)
    return _result(lines, page, settings, raw=lines[0] if len(lines) == 1 else lines)


def _submit(jpeg: bytes, jobs: str, settings: Settings, ends: float) -> str:
    body = _call(
        "POST",
        jobs,
        settings,
        ends,
        files={"file": ("receipt.jpg", jpeg, "image/jpeg")},
        data={"model": JOB_MODEL, "optionalPayload": json.dumps(UPRIGHT)},
    )
    job = dig(body, "data", "jobId")
    if not isinstance(job, str) or not re.fullmatch(r"[\w-]+", job, re.ASCII):
        raise not_its_api(PADDLE)
    return job


def _waits_s(wait_s: float) -> Iterator[float]:
    while True:
        yield wait_s
        wait_s = min(wait_s * SLOWER, LONGEST_WAIT_S)


def _result_url(job: str, settings: Settings, ends: float) -> str | None:
    """Where the result lies; None while there is none yet."""
    data = dig(_call("GET", job, settings, ends), "data")
    url = dig(data, "resultUrl", "jsonUrl")
    match dig(data, "state"):
        case "pending" | "running":
            return None
        case "failed":
            advice = "could not read the image; send another photo, or try again later"
            raise failure(PADDLE, settings, "server_error", advice, dig(data, "errorMsg"))
        case "done" if isinstance(url, str) and urlsplit(url).scheme in _schemes(settings):
            return url
    raise not_its_api(PADDLE)


def _schemes(settings: Settings) -> set[str]:
    """Of a result's URL: not less safe than the endpoint's."""
    return {"https", urlsplit(PADDLE.url(settings)).scheme}


def _lines(url: str, settings: Settings, ends: float) -> list[Any]:
    """The JSON objects of a result, one per line; its signed URL is in itself the permission."""
    file = call(
        PADDLE, "GET", url, deadline=ends, judge=lambda answer: _judge_file(answer, settings)
    )
    lines = [parse(line) for line in file.data.splitlines() if line.strip()]
    for line in lines or [None]:
        if fault := _judge(Answer(200, {}, b"", line), settings):
            raise fault
    return lines


# What is said


def _result(answers: list[Any], page: Jpeg, settings: Settings, raw: object) -> OcrResult:
    try:
        results = [answer["result"] for answer in answers]
        return read_results(results, page, model=str(model(settings)), raw=without_images(raw))
    except SURPRISES:  # not the shape of an InferResult
        raise not_its_api(PADDLE) from None


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    said = _said(answer.body)
    code = dig(answer.body, "errorCode") or dig(answer.body, "code")
    if code == QUEUE_FULL:
        advice = "has no room in its queue; try again later"
        return failure(PADDLE, settings, "rate_limited", advice, said, retry=True, tries=PATIENCE)
    status = answer.status
    if 200 <= status < 300:
        if not code:
            return None if isinstance(answer.body, dict) else not_its_api(PADDLE)
        if not isinstance(code, int) or not 400 <= code < 600:
            advice = "refused the request; check the file and the settings"
            return failure(PADDLE, settings, "refused", advice, said)
        status = code
    match status:
        case 403:
            advice = f"does not take this token there; check {KEY_AND_URL}"
            return failure(PADDLE, settings, "forbidden", advice, said)
        case 422 if isinstance(said, str) and not said.startswith("["):
            advice = "cannot read this image; send another photo of the receipt"
            return failure(PADDLE, settings, "bad_image", advice, said)
        case 429 if _is_hosted(settings) and "Retry-After" not in answer.headers:
            advice = "has read its number of pages for today; try again tomorrow"
            return failure(PADDLE, settings, "quota", advice, said)
    return http_failure(PADDLE, answer._replace(status=status), settings, said)


def _judge_file(answer: Answer, settings: Settings) -> Failure | None:
    """The file lies with another host, which has its own errors, in XML."""
    fault = http_failure(PADDLE, answer, settings)
    advice = "made a result that cannot be fetched; send the file again"
    return fault and failure(PADDLE, settings, "server_error", advice, retry=fault.retry)


def _said(body: object) -> object:
    """The official client reads its sentence from any of these."""
    found = [dig(body, name) for name in ("msg", "errorMsg", "message")]
    return next(filter(None, [*found, dig(body, "data", "errorMsg")]), None)
