"""tab-scanner: Tabscanner reads receipts only. An image is submitted, its result polled for.

TAB_SCANNER_API_KEY, TAB_SCANNER_BASE_URL. The HTTP status is 200 even for a wrong key: `success`
and `code` in the body tell. https://docs.tabscanner.com (read 2026-11-23)
"""

import re
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from engines.images import Jpeg, jpegs
from providers import tabscanner_answer
from providers.http import (
    Answer,
    Failure,
    Vendor,
    call,
    dig,
    failure,
    http_failure,
    not_its_api,
    poll,
)
from providers.pages import join_pages
from result import ErrorCode, OcrResult
from settings import Settings, deadline

TABSCANNER = Vendor(
    name="Tabscanner",
    key_variable="TAB_SCANNER_API_KEY",
    url_variable="TAB_SCANNER_BASE_URL",
)
unavailable, sends_to = TABSCANNER.unavailable, TABSCANNER.host

LONG_SIDE = 2500
MIN_SIDE = 720  # recommended: 720 x 1280 pixels
WAITS_S = (5.0, 1.0)  # before the first poll and between the others, as its documentation asks

PENDING = 301
FAULT: tuple[ErrorCode, str] = ("server_error", "has a fault of its own; try again later")
AGAIN = {408, 500, 510, 520, 521}
MEANING: dict[int, tuple[ErrorCode, str]] = {
    400: ("bad_key", "does not know the key; check TAB_SCANNER_API_KEY"),
    401: ("quota", "has no credit left for this key; buy some"),
    402: ("server_error", "has lost the image; send the file again"),
    403: ("bad_image", "found no image; send the file again"),
    404: ("bad_image", "found more than one image; send the file again"),
    405: ("bad_image", "does not take this type of image; send a JPEG"),
    406: ("bad_image", "could not take the upload apart; send the file again"),
    407: ("bad_image", "does not take this type of image; send a JPEG"),
    408: FAULT,
    500: ("server_error", "could not read the image; send another photo, or try again later"),
    510: FAULT,
    520: FAULT,
    521: FAULT,
}


def model(settings: Settings) -> str:
    return tabscanner_answer.MODEL


def ocr(image: Path, settings: Settings, waits_s: tuple[float, float] = WAITS_S) -> OcrResult:
    ends = deadline(settings)
    pages = jpegs(image, settings.limits, long_side=LONG_SIDE, short_side=MIN_SIDE)
    return join_pages([_read(page, settings, waits_s, ends) for page in pages])


# The calls


def _read(page: Jpeg, settings: Settings, waits_s: tuple[float, float], ends: float) -> OcrResult:
    token = _submit(page.data, settings, ends)
    first, then = waits_s
    waits = chain([first], repeat(then))
    answer = poll(lambda: _result(token, settings, ends), waits, ends, TABSCANNER.name)
    return tabscanner_answer.read_answer(answer, page.width, page.height)


def _submit(jpeg: bytes, settings: Settings, ends: float) -> str:
    """The token to ask for the result with."""
    answer = call(
        TABSCANNER,
        "POST",
        f"{TABSCANNER.url(settings)}/api/2/process",
        deadline=ends,
        judge=lambda answer: _judge(answer, settings),
        read_timeout_s=60,
        headers={"apikey": TABSCANNER.key(settings)},
        files={"file": ("receipt.jpg", jpeg, "image/jpeg")},
        data={"documentType": "receipt", "defaultDateParsing": "d/m"},
    )
    token = dig(answer.body, "token")
    if not isinstance(token, str) or not re.fullmatch(r"[\w-]+", token, re.ASCII):
        raise not_its_api(TABSCANNER)
    return token


def _result(token: str, settings: Settings, ends: float) -> dict[str, Any] | None:
    """The answer with the result; None while there is none yet."""
    body: Any = call(
        TABSCANNER,
        "GET",
        f"{TABSCANNER.url(settings)}/api/result/{token}",
        deadline=ends,
        judge=lambda answer: _judge(answer, settings),
        read_timeout_s=20,
        headers={"apikey": TABSCANNER.key(settings)},
    ).body
    if dig(body, "code") == PENDING or dig(body, "status") == "pending":
        return None
    if not isinstance(dig(body, "result"), dict):
        raise not_its_api(TABSCANNER)
    return dict(body)


def _judge(answer: Answer, settings: Settings) -> Failure | None:
    """A fault may come after the credit was taken: a submit that met one is repeated once."""
    success, code = dig(answer.body, "success"), dig(answer.body, "code")
    said = dig(answer.body, "message")
    if success is True:
        return None
    if success is False and isinstance(code, int) and code in MEANING:
        retry = code in AGAIN
        return failure(TABSCANNER, settings, *MEANING[code], said, retry=retry, billed=retry)
    fault = http_failure(TABSCANNER, answer, settings, said) or not_its_api(TABSCANNER)
    fault.billed = answer.status >= 500
    return fault
