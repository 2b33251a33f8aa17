"""aws-textract: Amazon Textract's AnalyzeExpense.

boto3 signs the request and reads the answer; the bytes travel through providers.http, within its
limits of time, size and tries.
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION are needed, AWS_SESSION_TOKEN and
AWS_ENDPOINT_URL_TEXTRACT taken.
https://docs.aws.amazon.com/textract/latest/dg/API_AnalyzeExpense.html (read 2026-11-23)
"""

import importlib.util
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import urllib3

from engines.images import Jpeg, jpegs
from providers import textract_answer
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
    quote,
    retry_after,
)
from providers.pages import join_pages
from result import ErrorCode, OcrResult, ProviderError
from settings import Settings, deadline

LONG_SIDE = 2500
HARD_SIDE = 10_000  # pixels; with MAX_BYTES from textract/latest/dg/limits-document.html
MAX_BYTES = 10 * 2**20
READ_TIMEOUT_S = 60
AT_ONCE = 2  # calls; the quota of a new account is 1 to 5 a second

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
Meaning = tuple[ErrorCode, str]  # the error's code, and the sentence after the vendor's name
BAD_KEY: Meaning = (
    "bad_key",
    "does not accept the keys; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
)
BAD_IMAGE: Meaning = ("bad_image", "cannot read this image; send another photo of the receipt")
BUSY: Meaning = ("rate_limited", "is asked too often with this account; try again later")
MEANING: dict[
    str, Meaning
] = {  # what HTTP 400 stands for; textract/latest/dg/API_AnalyzeExpense.html#Errors
    "AccessDeniedException": (
        "forbidden",
        "does not let this user do that; allow textract:AnalyzeExpense in IAM",
    ),
    "SubscriptionRequiredException": (
        "forbidden",
        "is not open to this account; sign up for Amazon Textract",
    ),
    "UnrecognizedClientException": BAD_KEY,
    "InvalidSignatureException": BAD_KEY,
    "IncompleteSignature": BAD_KEY,
    "MissingAuthenticationToken": BAD_KEY,
    "ExpiredTokenException": ("bad_key", "says the session is over; renew AWS_SESSION_TOKEN"),
    "ThrottlingException": BUSY,
    "ProvisionedThroughputExceededException": BUSY,
    "LimitExceededException": BUSY,
    "DocumentTooLargeException": ("too_large", "finds the image too large; send a smaller one"),
    "BadDocumentException": BAD_IMAGE,
    "UnsupportedDocumentException": BAD_IMAGE,
    "InvalidParameterException": BAD_IMAGE,
}

_turns = threading.BoundedSemaphore(AT_ONCE)
_making = threading.Lock()
_transport: ContextVar[Callable[[Any], Any]] = ContextVar("transport")


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


def ocr(image: Path, settings: Settings) -> OcrResult:
    ends = deadline(settings)
    client = _configured(settings)
    pages = jpegs(
        image, settings.limits, long_side=LONG_SIDE, hard_side=HARD_SIDE, max_bytes=MAX_BYTES
    )
    _transport.set(lambda request: _send(request, settings, ends))
    return join_pages([_read(client, page, settings) for page in pages])


def _read(client: Any, page: Jpeg, settings: Settings) -> OcrResult:
    from botocore.exceptions import BotoCoreError

    try:
        answer = client.analyze_expense(Document={"Bytes": page.data})
        answer.pop("ResponseMetadata")
        return textract_answer.read_answer(answer, (page.width, page.height))
    except (*SURPRISES, BotoCoreError):  # not the shape of an AnalyzeExpenseResponse
        raise not_its_api(_vendor(settings)) from None


# The call


def _region(settings: Settings) -> str:
    """boto3 itself does not read AWS_REGION."""
    return settings.aws_region or settings.aws_default_region


def _is_region(settings: Settings) -> bool:
    return bool(re.fullmatch(r"[a-z0-9-]+", _region(settings)))


def _vendor(settings: Settings, key_variable: str = KEYS[0]) -> Vendor:
    public = f"https://textract.{_region(settings)}.amazonaws.com"
    return Vendor(
        "Amazon Textract",
        key_variable,
        "AWS_ENDPOINT_URL_TEXTRACT",
        default_url=settings.aws_endpoint_url or public,
    )


def _keys(settings: Settings) -> list[str]:
    return [settings[name] for name in KEYS]


def _configured(settings: Settings) -> Any:
    from botocore.exceptions import BotoCoreError

    try:
        with _making:
            return _client(_region(settings), _vendor(settings).url(settings), *_keys(settings))
    except (BotoCoreError, ValueError) as error:  # of AWS_PROFILE, of an endpoint's name
        said = quote(str(error), *_keys(settings))
        raise ProviderError("not_configured", f"boto3 finds fault with AWS_*: {said}") from None


@lru_cache(maxsize=8)
def _client(region: str, url: str, *keys: str) -> Any:
    """A client that signs and reads, and sends through the transport of the calling thread.

    Several threads may use it, but not make it.
    """
    from botocore.config import Config

    client = _session(*keys).client(
        "textract",
        region_name=region,
        endpoint_url=url,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),  # call() tries again
    )
    client.meta.events.register(
        "before-send.textract.AnalyzeExpense", lambda request, **_: _transport.get()(request)
    )
    return client


@lru_cache(maxsize=1)
def _session(key_id: str, secret: str, token: str) -> Any:
    """boto3's session, whose first client takes 0.2 s."""
    import boto3  # 0.3 s

    return boto3.session.Session(key_id, secret, token or None)


def _send(request: Any, settings: Settings, ends: float) -> Any:
    """The response to a signed request (an AWSPreparedRequest), as botocore wants it."""
    from botocore.awsrequest import AWSResponse

    if not _turns.acquire(timeout=max(0.0, ends - time.monotonic())):
        raise ProviderError("timeout", "other receipts kept Amazon Textract busy; try again later")
    try:
        answer = call(
            _vendor(settings),
            request.method,
            request.url,
            deadline=ends,
            judge=lambda answer: _judge(answer, settings),
            read_timeout_s=READ_TIMEOUT_S,
            headers=dict(request.headers),
            data=request.body,
        )
    finally:
        _turns.release()
    body = BytesIO(json.dumps(answer.body).encode())
    return AWSResponse(
        request.url, answer.status, {}, urllib3.HTTPResponse(body, preload_content=False)
    )


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    """AWS says HTTP 400 for nearly everything; the error's type tells throttling from a bad key."""
    vendor = _vendor(settings)
    if 200 <= answer.status < 300:  # botocore would take any of these for an answer
        is_answer = isinstance(dig(answer.body, "ExpenseDocuments"), list)
        return None if is_answer else not_its_api(vendor)
    type_ = str(answer.headers.get("x-amzn-errortype") or dig(answer.body, "__type"))
    said = dig(answer.body, "message") or dig(answer.body, "Message")
    quoted = quote(said, *_keys(settings))
    meaning = MEANING.get(type_.split(":")[0].split("#")[-1])
    if meaning is None:
        return http_failure(vendor, answer, settings, quoted)
    retry, delay = meaning is BUSY, _delay(answer.headers)
    return failure(vendor, settings, *meaning, quoted, retry=retry, delay=delay)


def _delay(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, which AWS says in milliseconds of its own header."""
    milliseconds = headers.get("x-amz-retry-after", "")
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else retry_after(headers)
