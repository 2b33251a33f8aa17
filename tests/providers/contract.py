"""The remote vendors: how each is set up, answers well, and says what went wrong.

A row of CASES is a vendor, or one of its APIs; test_contract.py runs every failure on each. The
shapes are those of the vendors' specifications, named in each provider's docstring.
"""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from PIL import Image

from providers import gemini, llama, mistral, openai, paddle_api, tabscanner, textract, xai
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


class Error(NamedTuple):
    """Replies that end in an error: its code, and words that its message has."""

    replies: tuple[Reply, ...]
    code: str
    words: str = ""


def error(status: int, body: object, code: str, words: str = "") -> Error:
    return Error((Reply(status, body),), code, words)


class Case(NamedTuple):
    """A vendor's API."""

    name: str
    ocr: Callable[..., Any]
    key_variable: str
    url_variable: str
    replies: Callable[[str], tuple[Reply, ...]]  # that read one page, from the server at this URL
    errors: tuple[Error, ...]  # none is tried again
    path: str = ""  # of the first request
    base: str = ""  # what the variable holds after the server's URL
    more: Mapping[str, str] = {}  # variables
    waits: tuple[float, ...] = ()  # seconds before the polls of one page
    tries: int = 4  # of a call that meets HTTP 503; 2 where that may have been billed
    reads_pdf: bool = False
    body: Any = None  # body(words): an answer with these words of a model

    def settings(self, url: str, timeout_s: Any = 60, **more: str) -> Settings:
        """The settings for the server at `url`, with more variables."""
        variables = {self.key_variable: KEY, self.url_variable: f"{url}{self.base}", **self.more}
        return replace(read_settings(variables | more), ocr_timeout_s=timeout_s)

    def good(self, answer: Mapping[str, Any] = ANSWER) -> Reply:
        return Reply(body=self.body(json.dumps(answer)))


class Waits(list):
    """A clock whose sleeps take no time; the list of them, in seconds."""

    sleep = list.append

    def monotonic(self) -> float:
        return time.monotonic() + sum(self)


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


def model_case(name: str, ocr: Any, prefix: str, path: str, body: Any, *errors: Error, **more: Any):
    """A provider that asks a model."""
    return Case(
        name,
        ocr,
        f"{prefix}_API_KEY",
        f"{prefix}_BASE_URL",
        replies=lambda url: (Reply(body=body(json.dumps(ANSWER))),),
        errors=errors,
        path=path,
        body=body,
        **more,
    )


def chatter(prefix: str, body: Any, blank_tries: int = 1) -> list[Error]:
    """Words of a chat model that are not in our form."""
    strange = '{"unexpected": true, "items": "none", "rows": "A", "total": {}}'
    forms = ("I cannot read this.", '{"rows": ["A', "[]", "{}", '{"a": 1}', strange)
    blank = Error((Reply(body=body(" \n")),) * blank_tries, "bad_answer", "answered nothing")
    return [blank, *(error(200, body(form), "bad_answer", f"{prefix}_MODEL") for form in forms)]


# OpenAI and llama-server


def openai_error(status: int, error_code: str | None, message: str, code: str) -> Error:
    body = {"error": {"message": message, "code": error_code, "param": None}}
    return error(status, body, code, "[secret]" if message is MASKED else message)


REFUSAL = "I'm sorry, I can't help with that."
OPENAI = model_case(
    *("openai", openai.ocr, "OPENAI", "/chat/completions", chat),
    *chatter("OPENAI", chat),
    openai_error(401, "invalid_api_key", MASKED, "bad_key"),
    openai_error(429, "insufficient_quota", "You exceeded your quota.", "quota"),
    openai_error(429, "billing_not_active", "Your account is not active.", "quota"),
    openai_error(400, "invalid_image_format", "Unsupported image.", "bad_image"),
    openai_error(400, None, "Invalid schema", "refused"),
    openai_error(404, "model_not_found", "No such model.", "unknown_model"),
    openai_error(403, "unsupported_country_region_territory", "No.", "forbidden"),
    error(200, chat(None, refusal=REFUSAL), "refused", f"(OpenAI: {REFUSAL})"),
    error(200, chat("", finish_reason="content_filter"), "refused"),
    error(200, chat('{"rows": ["CORNER', finish_reason="length"), "truncated"),
    error(200, chat(None, finish_reason="length"), "truncated"),
    error(200, chat(None), "bad_answer"),
    error(200, {"choices": []}, "bad_answer"),
)


def llama_error(status: int, type_: str, message: str, code: str, words: str, **more: int) -> Error:
    body = {"error": {"code": status, "type": type_, "message": message, **more}}
    return error(status, body, code, words)


BLIND = "image input is not supported - hint: if this is unexpected, you may need to provide the"
LLAMA = model_case(
    *("llama-cpp", llama.ocr, "LLAMA_CPP", "/v1/chat/completions", chat),
    *chatter("LLAMA_CPP", chat),
    llama_error(401, "authentication_error", "Invalid API Key", "bad_key", "LLAMA_CPP_API_KEY"),
    llama_error(403, "permission_error", "No.", "forbidden", "LLAMA_CPP_API_KEY"),
    llama_error(404, "not_found_error", "Not Found", "unknown_model", "LLAMA_CPP_BASE_URL"),
    llama_error(400, "exceed_context_size_error", "?", "too_large", "--ctx-size", n_ctx=8),
    llama_error(500, "server_error", BLIND, "not_configured", "--mmproj"),
    llama_error(501, "not_supported_error", "No chat.", "server_error", "No chat."),
    error(200, chat('{"rows": ["A', finish_reason="length"), "truncated"),
    error(200, chat("") | {"choices": []}, "bad_answer", "LLAMA_CPP_BASE_URL"),
)

# xAI


def answered(words: str) -> dict[str, Any]:
    return response(output_text(words))


NO_CREDIT = "Your team has either used all available credits or reached its monthly spending limit."
CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
XAI = model_case(
    *("xai-grok", xai.ocr, "XAI", "/responses", answered),
    *chatter("XAI", answered),
    error(400, {"code": "Client specified an invalid argument", "error": MASKED}, "bad_key"),
    error(400, {"code": "Bad", "error": "Image too blurry."}, "refused", "Image too blurry."),
    error(400, {"error": {"message": "Invalid API key."}}, "bad_key", "Invalid API key."),
    error(401, {"code": "Unauthenticated", "error": "No header."}, "bad_key", "No header."),
    error(403, {"code": "Denied", "error": NO_CREDIT}, "quota", "spending limit"),
    error(429, {"code": "Exhausted", "error": NO_CREDIT}, "quota", "spending limit"),
    error(403, {"code": "Denied", "error": "Team is blocked."}, "forbidden", "blocked"),
    error(404, {"code": "Not found", "error": "No model grok-1."}, "unknown_model", "grok-1"),
    error(422, "Failed to deserialize the JSON body", "refused", "HTTP 422"),
    error(200, response({"type": "refusal", "refusal": "No."}), "refused", "No."),
    error(200, response(output_text('{"rows": ["A'), **CUT), "truncated"),
    error(200, response(**FILTERED), "refused"),
    error(200, response(), "bad_answer"),
    error(200, response(output=[]), "bad_answer"),
    error(200, response(output=[{"type": "message", "content": "?"}]), "bad_answer"),
    error(200, response(status="failed", error={"code": "invalid_image"}), "bad_image"),
)

# Gemini


def google_error(
    status: int, kind: str, message: str, code: str, details: Any = (), wrap: Any = dict
) -> Error:
    body = {"code": status, "status": kind, "message": message, "details": list(details)}
    return error(status, wrap({"error": body}), code, message)


PER_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
NO_FIELD = 'Unknown name "x": Cannot find field.'
GEMINI = model_case(
    *("gemini", gemini.ocr, "GEMINI", "/v1beta/models/gemini-3.8-flash:generateContent", generated),
    *chatter("GEMINI", generated, blank_tries=2),
    google_error(
        400, "INVALID_ARGUMENT", "API key not valid.", "bad_key", [{"reason": "API_KEY_INVALID"}]
    ),
    google_error(400, "INVALID_ARGUMENT", "Unable to process input image.", "bad_image"),
    google_error(400, "INVALID_ARGUMENT", NO_FIELD, "refused"),
    google_error(403, "PERMISSION_DENIED", "No key was sent.", "forbidden", wrap=lambda b: [b]),
    google_error(404, "NOT_FOUND", "models/x is not found.", "unknown_model"),
    google_error(413, "INVALID_ARGUMENT", "Too big.", "too_large"),
    google_error(429, "RESOURCE_EXHAUSTED", "Quota.", "rate_limited", [{"retryDelay": "3600s"}]),
    google_error(429, "RESOURCE_EXHAUSTED", "Quota.", "quota", [PER_DAY, {"retryDelay": "1s"}]),
    error(200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "refused"),
    error(200, {"candidates": [{"finishReason": "SAFETY", "index": 0}]}, "refused", "SAFETY"),
    error(200, generated("{", finishReason="RECITATION"), "refused"),
    error(200, {"candidates": [{"finishReason": "MAX_TOKENS", "content": {}}]}, "truncated"),
    error(200, generated('{"rows": ["A', finishReason="MAX_TOKENS"), "truncated"),
    error(200, generated("{", finishReason="CONTINUATION"), "truncated"),
    error(200, {"candidates": []}, "bad_answer"),
    reads_pdf=True,
)

# Mistral


def invalid(place: str, message: str) -> dict[str, Any]:
    """A 422 that repeats the image."""
    image = "data:image/jpeg;base64,/9j/4AAQSkZJRg"
    return {"detail": [{"loc": ["body", place], "msg": message, "input": image}]}


MISTRAL = model_case(
    *("mistral", mistral.ocr, "MISTRAL", "/ocr", read),
    error(401, {"detail": "Unauthorized"}, "bad_key", "or its quota is used up"),
    error(422, invalid("document", "Bad image"), "bad_image", "Bad image"),
    error(422, invalid("x", "Extra inputs"), "refused", "Extra inputs"),
    error(400, {"object": "error", "message": "Invalid model", "code": "1500"}, "refused", "model"),
    error(404, {"message": "no Route matched"}, "unknown_model", "MISTRAL_MODEL"),
    error(413, {"message": "Too large"}, "too_large", "Too large"),
    reads_pdf=True,
)

# Tabscanner: the answers of docs.tabscanner.com and of recorded exchanges

UPLOADED = {
    "message": "SUCCESS: Image uploaded successfully",
    "status": "success",
    "status_code": 2,
    "token": "naQM25k8KyJPmgxG",
    "success": True,
    "code": 200,
    "duplicate": False,
}


def scanned(**result: Any) -> dict[str, Any]:
    return {
        "message": "SUCCESS: Result available",
        "status": "done",
        "status_code": 3,
        "result": result,
        "success": True,
        "code": 202,
    }


def refusal(code: object, words: str = "") -> Reply:
    message = words or f"ERROR_CLIENT: API key {KEY} not found"
    return Reply(body={"success": False, "code": code, "message": message})


OWN_KEY = "(Tabscanner: ERROR_CLIENT: API key [secret] not found)"
SUBMITTED = Reply(body=UPLOADED)
TABSCANNER = Case(
    "tab-scanner",
    tabscanner.ocr,
    "TAB_SCANNER_API_KEY",
    "TAB_SCANNER_BASE_URL",
    replies=lambda url: (SUBMITTED, Reply(body=scanned(establishment="CORNER CAFE", total=3.7))),
    errors=(
        Error((refusal(400),), "bad_key", OWN_KEY),
        Error((refusal(401),), "quota", OWN_KEY),
        Error((refusal(403),), "bad_image", OWN_KEY),
        Error((refusal(407),), "bad_image", OWN_KEY),
        Error((SUBMITTED, refusal(400)), "bad_key", OWN_KEY),
        Error((SUBMITTED, refusal(402, "Unknown token")), "server_error", "send the file again"),
        Error((refusal([400]),), "bad_answer"),
        error(200, {"success": True, "code": 200}, "bad_answer"),
        error(200, {**UPLOADED, "token": "../credit"}, "bad_answer"),
        Error((SUBMITTED, Reply(body={"success": True, "code": 202})), "bad_answer"),
    ),
    path="/api/2/process",
    waits=(5.0,),
    tries=2,
)

# Amazon Textract

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def aws_error(type_: str, code: str, status: int = 400) -> Error:
    message = f"The key {KEY} is not for {SECRET}."
    words = "(Amazon Textract: The key [secret] is not for [secret].)"
    return error(status, {"__type": type_, "message": message}, code, words)


EXPENSE = {
    "ExpenseDocuments": [
        {"SummaryFields": [{"Type": {"Text": "TOTAL"}, "ValueDetection": {"Text": "3.70"}}]}
    ]
}
TEXTRACT = Case(
    "aws-textract",
    textract.ocr,
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_TEXTRACT",
    replies=lambda url: (Reply(body=EXPENSE),),
    errors=(
        aws_error("UnrecognizedClientException", "bad_key"),
        aws_error("com.amazonaws.textract#InvalidSignatureException", "bad_key"),
        aws_error("ExpiredTokenException", "bad_key"),
        aws_error("AccessDeniedException", "forbidden"),
        aws_error("UnsupportedDocumentException", "bad_image"),
        aws_error("DocumentTooLargeException", "too_large"),
        aws_error("SomethingNewException", "refused"),
        error(200, {"ExpenseDocuments": "none"}, "bad_answer"),
        error(
            200,
            {"ExpenseDocuments": [{"SummaryFields": [{"ValueDetection": {"Text": 5}}]}]},
            "bad_answer",
        ),
        error(
            200,
            {"ExpenseDocuments": [{"Blocks": [{"BlockType": "LINE", "Text": "no geometry"}]}]},
            "bad_answer",
        ),
    ),
    path="/",
    more={"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"},
)

# PaddleOCR


def pruned(*lines: tuple[str, float, list[Any]], **more: Any) -> dict[str, Any]:
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


def ocr_result(*parts: dict[str, Any], **images: str) -> dict[str, Any]:
    info = {"width": 480, "height": 360, "type": "image"}
    return {"ocrResults": [{"prunedResult": part, **images} for part in parts], "dataInfo": info}


def served(result: object) -> dict[str, Any]:
    return {"logId": "b0a1", "errorCode": 0, "errorMsg": "Success", "result": result}


def job(state: str, **more: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "Success", "data": {"jobId": "job-1", "state": state, **more}}


def done(url: str) -> dict[str, Any]:
    return job("done", resultUrl={"jsonUrl": f"{url}/store/result.jsonl?sig=s3cr3t"})


def job_replies(url: str) -> tuple[Reply, ...]:
    return CREATED, Reply(body=done(url)), Reply(body=json.dumps({"result": CAFE}))


def odd(result: object) -> Error:
    return error(200, served(result), "bad_answer", "PADDLE_OCR_ENDPOINT")


def of_job(code: str, *bodies: object) -> Error:
    return Error((CREATED, *(Reply(body=body) for body in bodies)), code)


CREATED = Reply(body={"code": 0, "msg": "Success", "data": {"jobId": "job-1"}})
CAFE = ocr_result(pruned(("CORNER CAFE", 0.99, [48, 36, 288, 54])))
PADDLE = Case(
    "paddle-ocr-api",
    paddle_api.ocr,
    "PADDLE_OCR_API_KEY",
    "PADDLE_OCR_ENDPOINT",
    replies=lambda url: (Reply(body=served(CAFE)),),
    errors=(
        error(422, {"errorCode": 422, "errorMsg": "Invalid input file"}, "bad_image"),
        error(422, {"errorCode": 422, "errorMsg": '[{"loc":"/9j/"}]'}, "refused"),
        error(200, {"errorCode": 0}, "bad_answer"),
        odd({}),
        odd({"ocrResults": "none"}),
        odd({"ocrResults": [{"prunedResult": {"rec_texts": ["no box"]}}]}),
        odd(ocr_result(pruned(("A", 0.9, ["x", 0, 1, 1])))),
        odd({"layoutParsingResults": [{"markdown": {"text": None}}]}),
    ),
    path="/ocr",
    base="/ocr",
)
PADDLE_JOBS = PADDLE._replace(
    name="paddle-ocr-api's jobs",
    replies=job_replies,
    errors=(
        error(401, {"code": 401, "msg": f"bad token {KEY}"}, "bad_key", "bad token [secret]"),
        error(403, {"errorCode": 403, "errorMsg": "invalid"}, "forbidden", "PADDLE_OCR_API_KEY"),
        error(404, {"errorCode": 404, "errorMsg": "Not Found"}, "unknown_model"),
        error(400, {"code": 10001, "msg": "wrong parameter"}, "refused", "HTTP 400"),
        error(200, {"code": 11001, "message": "no"}, "refused", "the settings (PaddleOCR: no)"),
        error(429, {"errorMsg": "pages"}, "quota", "tomorrow"),
        error(200, {"code": 0, "data": {}}, "bad_answer"),
        error(200, {"code": 0, "data": {"jobId": "../../x"}}, "bad_answer"),
        of_job("bad_answer", job("lost")),
        of_job("bad_answer", job("done", resultUrl={})),
        of_job("bad_answer", job("done", resultUrl={"jsonUrl": "file:///etc/passwd"})),
        of_job("server_error", job("failed", errorMsg=f"decode of {KEY} failed")),
    ),
    path="/api/v2/ocr/jobs",
    base="/api/v2/ocr/jobs",
    waits=(2.0,),
)

MODELS = [OPENAI, LLAMA, XAI, GEMINI, MISTRAL]
CASES = [*MODELS, TABSCANNER, TEXTRACT, PADDLE, PADDLE_JOBS]


def each(cases: list[Case]):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def failure_of(ocr: Callable[..., Any], *args: Any) -> tuple[str, str]:
    """The code and message of the error, in which nothing may tell of a key."""
    with pytest.raises(ProviderError) as caught:
        ocr(*args)
    error = caught.value
    text = f"{error.message} {error!r} {error.__cause__!r} {error.__context__!r}"
    for secret in (KEY, SECRET, "te***ey", "4f9a1b7c2d", "s3cr3t", "9j/", "base64"):
        assert secret not in text
    assert len(error.message) < 600
    return error.code, error.message


def picture(data: str) -> Image.Image:
    """The JPEG in a data URL, or in bare base64."""
    head, _, encoded = data.rpartition(",")
    assert head in ("", "data:image/jpeg;base64")
    image = Image.open(BytesIO(b64decode(encoded, validate=True)))
    assert image.format == "JPEG"
    return image
