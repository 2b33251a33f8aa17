"""Reads receipts with Amazon Textract's AnalyzeExpense. boto3 signs the requests.

https://docs.aws.amazon.com/textract/latest/dg/API_AnalyzeExpense.html (read 2026-11-23)
"""

import importlib.util
import json
import re
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.decoder import Jpeg, jpegs
from providers import textract_answer
from providers.http import SHAPE_ERRORS, Answer, Client, Clock, Failure, Vendor, retry_after
from providers.json_answer import dig
from providers.pages import join_pages
from providers.redact import quote
from result import ErrorCode, OcrResult, ProviderError
from settings import Settings, deadline

LONG_SIDE = 2500
HARD_SIDE = 10_000  # pixels; with MAX_BYTES from textract/latest/dg/limits-document.html
MAX_BYTES = 10 * 2**20
READ_TIMEOUT_S = 60
MAX_CALLS_AT_ONCE = 2  # the quota of a new account is 1 to 5 a second

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
Meaning = tuple[ErrorCode, str]  # the error's code, and the sentence after the vendor's name
BAD_KEY: Meaning = ("bad_key", f"does not accept the keys; check {KEYS[0]} and {KEYS[1]}")
BAD_IMAGE: Meaning = ("bad_image", "cannot read this image; send another photo of the receipt")
BUSY: Meaning = ("rate_limited", "reports that its rate limit is exceeded; try again later")
# What HTTP 400 stands for; textract/latest/dg/API_AnalyzeExpense.html#Errors
MEANINGS: dict[str, Meaning] = {
    "AccessDeniedException": (
        "forbidden",
        "does not permit this to the user; allow textract:AnalyzeExpense in IAM",
    ),
    "SubscriptionRequiredException": (
        "forbidden",
        "is not open to this account; sign up for Amazon Textract",
    ),
    **dict.fromkeys(("UnrecognizedClientException", "InvalidSignatureException"), BAD_KEY),
    **dict.fromkeys(("IncompleteSignature", "MissingAuthenticationToken"), BAD_KEY),
    "ExpiredTokenException": ("bad_key", f"reports that the session is over; renew {KEYS[2]}"),
    "ThrottlingException": BUSY,
    "ProvisionedThroughputExceededException": BUSY,
    "LimitExceededException": BUSY,
    "DocumentTooLargeException": ("too_large", "rejects the image as too large; send a smaller"),
    **dict.fromkeys(("BadDocumentException", "UnsupportedDocumentException"), BAD_IMAGE),
    "InvalidParameterException": BAD_IMAGE,
}

_calls = threading.BoundedSemaphore(MAX_CALLS_AT_ONCE)


def unavailable(settings: Settings) -> str | None:
    if importlib.util.find_spec("boto3") is None:
        return "the Python package boto3 is not installed; pip install -r requirements.txt"
    if _region(settings) and not _is_region(settings):
        return "AWS_REGION is not the name of a region such as eu-west-1"
    token = KEYS[2:] if settings.aws_session_token else ()
    for variable in (*KEYS[:2], *token):
        if reason := _vendor(settings, variable).unavailable(settings):
            return reason
    return None if _region(settings) else "AWS_REGION is not set"


def model(settings: Settings) -> str:
    return textract_answer.MODEL


def sends_to(settings: Settings) -> str | None:
    return _vendor(settings).host(settings) if _is_region(settings) else None


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    client = Client(_vendor(settings), settings, _classify, deadline(settings), clock)
    pages = jpegs(
        image,
        settings,
        client.deadline,
        long_side=LONG_SIDE,
        hard_side=HARD_SIDE,
        max_bytes=MAX_BYTES,
    )
    return join_pages([_read(page, client) for page in pages])


def _region(settings: Settings) -> str:
    return settings.aws_region or settings.aws_default_region


def _is_region(settings: Settings) -> bool:
    return bool(re.fullmatch(r"[a-z0-9-]+", _region(settings)))


def _vendor(settings: Settings, key_variable: str = KEYS[0]) -> Vendor:
    url = settings.aws_endpoint_url or f"https://textract.{_region(settings)}.amazonaws.com"
    return Vendor("Amazon Textract", key_variable, "AWS_ENDPOINT_URL_TEXTRACT", default_url=url)


# The call


def _read(page: Jpeg, client: Client) -> OcrResult:
    data = json.dumps({"Document": {"Bytes": b64encode(page.data).decode()}}).encode()
    url = client.vendor.url(client.settings)
    client = replace(client, headers=_signed_headers(url, data, client.settings))
    if not _calls.acquire(timeout=max(0.0, client.deadline - time.monotonic())):
        raise ProviderError("timeout", "other receipts kept Amazon Textract busy; try again later")
    try:
        answer: Any = client.call("POST", url, read_timeout_s=READ_TIMEOUT_S, data=data).body
    finally:
        _calls.release()
    try:
        return textract_answer.read_answer(answer, (page.width, page.height))
    except SHAPE_ERRORS:  # not the shape of an AnalyzeExpenseResponse
        raise client.not_its_api() from None


def _signed_headers(url: str, data: bytes, settings: Settings) -> dict[str, str]:
    """The headers of a request that is valid for five minutes."""
    from boto3 import Session  # 0.3 s
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    target = {"X-Amz-Target": "Textract.AnalyzeExpense"}
    headers = {"Content-Type": "application/x-amz-json-1.1", **target}
    request = AWSRequest("POST", url, headers, data)
    keys = Session(*(settings[name] or None for name in KEYS)).get_credentials()
    SigV4Auth(keys, "textract", _region(settings)).add_auth(request)
    return dict(request.headers)


def _classify(answer: Answer, client: Client) -> Failure | None:
    """The failure by the error's type, since AWS uses HTTP 400 for nearly everything."""
    if 200 <= answer.status < 300:
        is_answer = isinstance(dig(answer.body, "ExpenseDocuments"), list)
        return None if is_answer else client.not_its_api()
    type_ = str(answer.headers.get("x-amzn-errortype") or dig(answer.body, "__type"))
    vendor_message = dig(answer.body, "message") or dig(answer.body, "Message")
    quoted = quote(vendor_message, *(client.settings[name] for name in KEYS))
    meaning = MEANINGS.get(type_.split(":")[0].split("#")[-1])
    if meaning is None:
        return client.status_failure(answer, quoted)
    retry, delay = meaning is BUSY, _delay(answer.headers)
    return client.failure(*meaning, quoted, retry=retry, delay=delay)


def _delay(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, which AWS sends in milliseconds in a header of its own."""
    milliseconds = headers.get("x-amz-retry-after", "")
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else retry_after(headers)
