"""Reads receipts with PaddleOCR on a server, a PaddleX serving or the official job API.

PADDLE_OCR_ENDPOINT is the full URL; PADDLE_OCR_API_KEY is its token, which a server of one's own
may not want. PADDLEOCR_BASE_URL and PADDLEOCR_ACCESS_TOKEN mean what they mean to PaddleOCR's own
client: the job API without its path, and its token, which alone is enough.
Contract: paddlex 3.7.2's serving schemas, paddleocr 3.7.0's _api_client, and
https://ai.baidu.com/ai-doc/AISTUDIO/pmjcld5qm for the limits (read 2026-11-26).
"""

import json
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engines.decoder import Jpeg, jpegs
from providers.http import SHAPE_ERRORS, Answer, Client, Clock, Failure, Vendor
from providers.json_answer import dig, parse, without_images
from providers.paddle_api_answer import read_results
from providers.pages import join_pages
from result import OcrResult
from settings import Settings, deadline

JOBS_PATH = "/api/v2/ocr/jobs"
JOBS_HOST = "paddleocr.aistudio-app.com"
HOSTED = ".aistudio-app.com"  # Baidu's, by a token and with a number of pages a day
JOB_MODEL = "PP-OCRv6"
LONG_SIDE = 2500
FIRST_WAIT_S, WAIT_FACTOR, MAX_WAIT_S = 2.0, 1.5, 10.0  # before each look at a job
QUEUE_FULL = 10010  # a code that comes with HTTP 400
MAX_QUEUE_TRIES = 100

PLAIN = {"useDocOrientationClassify": False, "useDocUnwarping": False, "visualize": False}
UPRIGHT = {**PLAIN, "useDocOrientationClassify": True, "useTextlineOrientation": False}

PADDLE = Vendor("PaddleOCR", "PADDLE_OCR_API_KEY", "PADDLE_OCR_ENDPOINT", key_optional=True)


def _ours(settings: Settings) -> Settings:
    """The settings with the values of PaddleOCR's own names where ours are not set."""
    token = settings.paddleocr_access_token
    base = settings.paddleocr_base_url or (f"https://{JOBS_HOST}" if token else "")
    jobs = base and base.rstrip("/").removesuffix(JOBS_PATH) + JOBS_PATH
    return replace(
        settings,
        paddle_ocr_endpoint=settings.paddle_ocr_endpoint or jobs,
        paddle_ocr_api_key=settings.paddle_ocr_api_key or token,
    )


def sends_to(settings: Settings) -> str | None:
    return PADDLE.host(_ours(settings))


def unavailable(settings: Settings) -> str | None:
    settings = _ours(settings)
    return replace(PADDLE, key_optional=not _is_hosted(settings)).unavailable(settings)


def model(settings: Settings) -> str | None:
    """The model's name, or for a PaddleX serving its path, which names the pipeline."""
    settings = _ours(settings)
    if sends_to(settings) is None:
        return None
    return JOB_MODEL if _is_jobs(settings) else f"PaddleX {urlsplit(PADDLE.url(settings)).path}"


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    settings = _ours(settings)
    vendor = replace(PADDLE, is_free=not _is_hosted(settings))
    client = Client(vendor, settings, _classify, deadline(settings), clock, headers(settings))
    read = _read_as_job if _is_jobs(settings) else _read_at_once
    pages = jpegs(image, settings, client.deadline, long_side=LONG_SIDE)
    return join_pages([read(page, client) for page in pages])


# The endpoint


def _is_jobs(settings: Settings) -> bool:
    return PADDLE.url(settings).endswith(JOBS_PATH) or _is_bare(settings)


def _is_bare(settings: Settings) -> bool:
    """Whether the endpoint is the job API's host without a path."""
    return PADDLE.host(settings) == JOBS_HOST and not urlsplit(PADDLE.url(settings)).path


def _is_hosted(settings: Settings) -> bool:
    return _is_jobs(settings) or (PADDLE.host(settings) or "").endswith(HOSTED)


def headers(settings: Settings) -> dict[str, str]:
    """The header with the key: "token" for Baidu's endpoints besides the job API, else Bearer."""
    key = PADDLE.key(settings)
    scheme = "token" if _is_hosted(settings) and not _is_jobs(settings) else "Bearer"
    return {"Authorization": f"{scheme} {key}"} if key else {}


# PaddleX serving


def _read_at_once(page: Jpeg, client: Client) -> OcrResult:
    request = {"file": b64encode(page.data).decode(), "fileType": 1, **PLAIN}
    body = client.call("POST", PADDLE.url(client.settings), json=request).body
    return _read_answers([body], page, client)


# The job API


def _read_as_job(page: Jpeg, client: Client) -> OcrResult:
    settings = client.settings
    jobs = PADDLE.url(settings) + (JOBS_PATH if _is_bare(settings) else "")
    job = f"{jobs}/{_submit(page.data, jobs, client)}"
    url = client.poll(lambda: _result_url(job, client), _waits_s())
    return _read_answers(_lines(url, client), page, client)


def _submit(jpeg: bytes, jobs: str, client: Client) -> str:
    """The id of the new job."""
    files = {"file": ("receipt.jpg", jpeg, "image/jpeg")}
    data = {"model": JOB_MODEL, "optionalPayload": json.dumps(UPRIGHT)}
    job = dig(client.call("POST", jobs, files=files, data=data).body, "data", "jobId")
    if not isinstance(job, str) or not re.fullmatch(r"[\w-]+", job, re.ASCII):
        raise client.not_its_api()
    return job


def _waits_s() -> Iterator[float]:
    wait_s = FIRST_WAIT_S
    while True:
        yield wait_s
        wait_s = min(wait_s * WAIT_FACTOR, MAX_WAIT_S)


def _result_url(job: str, client: Client) -> str | None:
    """Where the result is; None while there is none yet."""
    data = dig(client.call("GET", job).body, "data")
    url = dig(data, "resultUrl", "jsonUrl")
    match dig(data, "state"):
        case "pending" | "running":
            return None
        case "failed":
            advice = "could not read the image; send another photo, or try again later"
            raise client.failure("server_error", advice, dig(data, "errorMsg"))
        case "done" if isinstance(url, str):
            own = urlsplit(PADDLE.url(client.settings)).scheme
            if urlsplit(url).scheme in ("https", own):
                return url
    raise client.not_its_api()


def _lines(url: str, client: Client) -> list[Any]:
    """The JSON objects of a result, one per line; the signed URL needs no key."""
    file = replace(client, classify=_classify_file, headers={}).call("GET", url)
    lines = [parse(line) for line in file.data.splitlines() if line.strip()]
    for line in lines or [None]:
        if fault := _classify(Answer(200, {}, b"", line), client):
            raise fault
    return lines


# The answers


def _read_answers(answers: list[Any], page: Jpeg, client: Client) -> OcrResult:
    raw = without_images(answers[0] if len(answers) == 1 else answers)
    try:
        results = [answer["result"] for answer in answers]
        return read_results(results, page, model=str(model(client.settings)), raw=raw)
    except SHAPE_ERRORS:  # not the shape of an InferResult
        raise client.not_its_api() from None


def _classify(answer: Answer, client: Client) -> Failure | None:
    vendor_message = _vendor_message(answer.body)
    code = dig(answer.body, "errorCode") or dig(answer.body, "code")
    if code == QUEUE_FULL:
        advice, tries = "has no room in its queue; try again later", MAX_QUEUE_TRIES
        return client.failure("rate_limited", advice, vendor_message, retry=True, tries=tries)
    status = answer.status
    if 200 <= status < 300:
        if not code:
            return None if isinstance(answer.body, dict) else client.not_its_api()
        if not isinstance(code, int) or not 400 <= code < 600:
            advice = "rejects the request; check the file and the settings"
            return client.failure("refused", advice, vendor_message)
        status = code
    return _status_failure(answer._replace(status=status), vendor_message, client)


def _status_failure(answer: Answer, vendor_message: object, client: Client) -> Failure | None:
    match answer.status:
        case 403:
            variables = f"{PADDLE.key_variable} and {PADDLE.url_variable}"
            advice = f"does not accept this token at this endpoint; check {variables}"
            return client.failure("forbidden", advice, vendor_message)
        case 422 if isinstance(vendor_message, str) and not vendor_message.startswith("["):
            advice = "cannot read this image; send another photo of the receipt"
            return client.failure("bad_image", advice, vendor_message)
        case 429 if _is_hosted(client.settings) and "Retry-After" not in answer.headers:
            advice = "has read its number of pages for today; try again tomorrow"
            return client.failure("quota", advice, vendor_message)
    return client.status_failure(answer, vendor_message)


def _classify_file(answer: Answer, client: Client) -> Failure | None:
    """The failure to fetch a result: it is on another host, whose errors are in XML."""
    fault = client.status_failure(answer)
    advice = "made a result that cannot be fetched; send the file again"
    return fault and client.failure("server_error", advice, retry=fault.retry)


def _vendor_message(body: object) -> object:
    """The vendor's message, which the official client too takes from any of these."""
    found = [dig(body, name) for name in ("msg", "errorMsg", "message")]
    return next(filter(None, [*found, dig(body, "data", "errorMsg")]), None)
