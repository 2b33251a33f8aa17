"""Reads receipts with Tabscanner: an image is submitted, its result polled for.

The HTTP status is 200 even for a wrong key: `success` and `code` in the body have the meaning.
https://docs.tabscanner.com (read 2026-11-23)
"""

import re
import time
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from engines.decoder import Jpeg, jpegs
from providers import tabscanner_answer
from providers.http import Answer, Client, Clock, Failure, Vendor
from providers.json_answer import dig
from providers.pages import join_pages
from result import ErrorCode, OcrResult
from settings import Settings, deadline

TABSCANNER = Vendor("Tabscanner", "TAB_SCANNER_API_KEY", "TAB_SCANNER_BASE_URL")
unavailable, sends_to = TABSCANNER.unavailable, TABSCANNER.host

LONG_SIDE = 2500
MIN_SIDE = 720  # recommended: 720 x 1280 pixels
FIRST_WAIT_S, WAIT_S = 5.0, 1.0  # before the first poll and the others, as documented

PENDING = 301
Meaning = tuple[ErrorCode, str]  # the error's code, and the sentence after the vendor's name
FAULT: Meaning = ("server_error", "reports an internal error; try again later")
WRONG_TYPE: Meaning = ("bad_image", "does not accept this type of image; send a JPEG")
MEANINGS: dict[int, Meaning] = {
    400: ("bad_key", "does not know the key; check TAB_SCANNER_API_KEY"),
    401: ("quota", "reports that the account has no credit; buy some"),
    402: ("server_error", "has lost the image; send the file again"),
    403: ("bad_image", "found no image; send the file again"),
    404: ("bad_image", "found more than one image; send the file again"),
    405: WRONG_TYPE,
    406: ("bad_image", "could not parse the upload; send the file again"),
    407: WRONG_TYPE,
    500: ("server_error", "could not read the image; send another photo, or try again later"),
    **dict.fromkeys((408, 510, 520, 521), FAULT),
}
MAY_PASS = {408, 500, 510, 520, 521}


def model(settings: Settings) -> str:
    return tabscanner_answer.MODEL


def ocr(image: Path, settings: Settings, clock: Clock = time) -> OcrResult:
    headers = {"apikey": TABSCANNER.key(settings)}
    client = Client(TABSCANNER, settings, _classify, deadline(settings), clock, headers)
    pages = jpegs(image, settings, client.deadline, long_side=LONG_SIDE, short_side=MIN_SIDE)
    return join_pages([_read(page, client) for page in pages])


# The calls


def _read(page: Jpeg, client: Client) -> OcrResult:
    token = _submit(page.data, client)
    url = f"{TABSCANNER.url(client.settings)}/api/result/{token}"
    answer = client.poll(lambda: _result(url, client), chain([FIRST_WAIT_S], repeat(WAIT_S)))
    return tabscanner_answer.read_answer(answer, page.width, page.height)


def _submit(jpeg: bytes, client: Client) -> str:
    """Submit the image. Returns the token by which its result is asked for."""
    answer = client.call(
        "POST",
        f"{TABSCANNER.url(client.settings)}/api/2/process",
        read_timeout_s=60,
        files={"file": ("receipt.jpg", jpeg, "image/jpeg")},
        data={"documentType": "receipt", "defaultDateParsing": "d/m"},
    )
    token = dig(answer.body, "token")
    if not isinstance(token, str) or not re.fullmatch(r"[\w-]+", token, re.ASCII):
        raise client.not_its_api()
    return token


def _result(url: str, client: Client) -> dict[str, Any] | None:
    """The answer with the result; None while there is none yet."""
    body: Any = client.call("GET", url, read_timeout_s=20).body
    if dig(body, "code") == PENDING or dig(body, "status") == "pending":
        return None
    if not isinstance(dig(body, "result"), dict):
        raise client.not_its_api()
    return dict(body)


def _classify(answer: Answer, client: Client) -> Failure | None:
    """The failure in an answer. A server error may cost a credit: one repetition at most."""
    success, code = dig(answer.body, "success"), dig(answer.body, "code")
    vendor_message = dig(answer.body, "message")
    if success is True:
        return None
    if success is False and isinstance(code, int) and code in MEANINGS:
        retry = code in MAY_PASS
        return client.failure(*MEANINGS[code], vendor_message, retry=retry, billed=retry)
    fault = client.status_failure(answer, vendor_message) or client.not_its_api()
    fault.billed = answer.status >= 500
    return fault
