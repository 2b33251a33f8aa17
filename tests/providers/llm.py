"""The five providers that ask a model: how each is set up, and how its vendor answers.

The shapes are those of the vendors' specifications, named in each provider's docstring.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from PIL import Image

from providers import gemini, llama, mistral, openai, xai
from providers.vision import FIELDS_SCHEMA
from result import Item, ProviderError, Receipt, Tax
from settings import Settings, read_settings
from tests.providers.conftest import Reply

KEY = "test-4f9a1b7c2d-key"
ROWS = ["CORNER CAFE", "2026-03-14 09:41", "MILK   1.20", "BREAD   2.50", "TOTAL EUR   3.70"]
FIELDS = dict.fromkeys(FIELDS_SCHEMA["required"]) | {
    "is_receipt": True,
    "merchant": "CORNER CAFE",
    "merchant_phone": "+49 30 123456",
    "receipt_number": "0042",
    "date": "2026-03-14",
    "time": "09:41",
    "currency": "EUR",
    "items": [
        {"description": "MILK", "quantity": 1, "unit_price": 1.20, "amount": 1.20},
        {"description": "BREAD", "quantity": None, "unit_price": None, "amount": 2.50},
    ],
    "subtotal": 3.70,
    "taxes": [{"rate": 7, "amount": 0.24}],
    "tax": 0.24,
    "total": 3.70,
    "payment_method": "card",
    "card_last4": "4821",
}
ANSWER = {"rows": ROWS, **FIELDS}
RECEIPT = Receipt(
    source="model",
    merchant="CORNER CAFE",
    merchant_phone="+49 30 123456",
    receipt_number="0042",
    date="2026-03-14",
    time="09:41",
    currency="EUR",
    items=(
        Item("MILK", Decimal(1), Decimal("1.2"), Decimal("1.2")),
        Item("BREAD", amount=Decimal("2.5")),
    ),
    subtotal=Decimal("3.7"),
    taxes=(Tax(Decimal(7), Decimal("0.24")),),
    tax=Decimal("0.24"),
    total=Decimal("3.7"),
    payment_method="card",
    card_last4="4821",
)


class Case(NamedTuple):
    name: str
    ocr: Callable[..., Any]
    prefix: str  # of its variables
    path: str
    body: Callable[[str], dict[str, Any]]  # what the vendor answers around a model's words
    wrong_key: tuple[int, object]
    reads_pdf: bool = False
    answers_text: bool = False  # an OCR engine: no words are no error

    def settings(self, url: str, **more: str) -> Settings:
        variables = {f"{self.prefix}_API_KEY": KEY, f"{self.prefix}_BASE_URL": url}
        return read_settings(variables | {"OCR_TIMEOUT_S": "5"} | more)

    def good(self, answer: Mapping[str, Any] = ANSWER) -> Reply:
        return Reply(body=self.body(json.dumps(answer)))


def chat(content: str | None, **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": choice.pop("refusal", None)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "vision-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice],
        "usage": {"prompt_tokens": 2400, "completion_tokens": 300, "total_tokens": 2700},
    }


def response(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"type": "message", "role": "assistant", "content": list(parts)}
    return {
        "id": "resp_1",
        "object": "response",
        "model": "vision-1",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [{"type": "reasoning", "summary": []}, message],
    } | more


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def generated(*texts: str, **candidate: Any) -> dict[str, Any]:
    parts = [{"text": text} for text in texts]
    content = {"role": "model", "parts": [{"text": "Hm.", "thought": True}, *parts]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0} | candidate],
        "usageMetadata": {"promptTokenCount": 1200, "totalTokenCount": 1500},
        "modelVersion": "vision-1",
    }


MARKDOWN = (
    "# CORNER CAFE\n\n![img-0.jpeg](img-0.jpeg)\n\n2026-03-14 09:41\n\n"
    "|  MILK | 1.20  |\n| --- | --- |\n|  BREAD | 2.50  |\n|  TOTAL EUR | 3.70  |"
)


def read(annotation: object, *pages: str) -> dict[str, Any]:
    return {
        "model": "vision-1",
        "pages": [
            {"index": number, "markdown": page, "images": [], "dimensions": None}
            for number, page in enumerate(pages or [MARKDOWN])
        ],
        "document_annotation": annotation,
        "usage_info": {"pages_processed": 1, "doc_size_bytes": 12345},
    }


MASKED = "Incorrect API key provided: te***ey. You can find yours at https://a.example/keys."
CASES = [
    Case(
        name="openai",
        ocr=openai.ocr,
        prefix="OPENAI",
        path="/chat/completions",
        body=chat,
        wrong_key=(401, {"error": {"message": MASKED, "code": "invalid_api_key"}}),
    ),
    Case(
        name="xai-grok",
        ocr=xai.ocr,
        prefix="XAI",
        path="/responses",
        body=lambda words: response(output_text(words)),
        wrong_key=(400, {"code": "Client specified an invalid argument", "error": MASKED}),
    ),
    Case(
        name="gemini",
        ocr=gemini.ocr,
        prefix="GEMINI",
        path="/v1beta/models/gemini-3.8-flash:generateContent",
        body=generated,
        wrong_key=(
            400,
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            },
        ),
        reads_pdf=True,
    ),
    Case(
        name="mistral",
        ocr=mistral.ocr,
        prefix="MISTRAL",
        path="/ocr",
        body=read,
        wrong_key=(401, {"detail": "Unauthorized"}),
        reads_pdf=True,
        answers_text=True,
    ),
    Case(
        name="llama-cpp",
        ocr=llama.ocr,
        prefix="LLAMA_CPP",
        path="/v1/chat/completions",
        body=chat,
        wrong_key=(
            401,
            {
                "error": {
                    "code": 401,
                    "message": "Invalid API Key",
                    "type": "authentication_error",
                }
            },
        ),
    ),
]
CASE = {case.name: case for case in CASES}
every_case = pytest.mark.parametrize("case", CASES, ids=CASE)
every_chat = pytest.mark.parametrize(
    "case", chats := [case for case in CASES if not case.answers_text], ids=[c.name for c in chats]
)


def failure_of(ocr: Callable[..., Any], *args: Any) -> tuple[str, str]:
    """The code and message of the error, in which nothing may tell of the key."""
    with pytest.raises(ProviderError) as caught:
        ocr(*args)
    error = caught.value
    told = f"{error.message} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert KEY not in told and "te***ey" not in told and "4f9a1b7c2d" not in told
    assert len(error.message) < 600
    return error.code, error.message


def picture(data: str) -> Image.Image:
    """The JPEG in a data URL, or in bare base64."""
    head, _, encoded = data.rpartition(",")
    assert head in ("", "data:image/jpeg;base64")
    image = Image.open(BytesIO(b64decode(encoded, validate=True)))
    assert image.format == "JPEG"
    return image
