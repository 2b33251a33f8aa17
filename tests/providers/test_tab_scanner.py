"""A receipt is submitted to Tabscanner once, polled for gently, and its answer becomes fields."""

import email
import json
from decimal import Decimal
from io import BytesIO

import pytest
from PIL import Image

from providers import tabscanner, tabscanner_answer
from result import Item, Page, Receipt, Tax, ocr_data
from settings import Settings
from tests.providers.contract import (
    KEY,
    SUBMITTED,
    TABSCANNER,
    UPLOADED,
    Waits,
    failure_of,
    refusal,
    scanned,
)

SMALL = {
    **UPLOADED,
    "message": "WARNING: Image uploaded successfully, but did not meet the recommended dimension",
    "code": 300,
}
PENDING = {
    "message": "WARNING: Result not yet available",
    "status": "pending",
    "status_code": 1,
    "success": True,
    "code": 301,
}


def row(desc, line_total, line_type="", **more):
    return {
        "qty": 0,
        "desc": desc,
        "unit": "",
        "price": "0.000",
        "symbols": ["€"],
        "discount": "0.000",
        "lineType": line_type,
        "descClean": desc.removesuffix(" K"),
        "lineTotal": line_total,
        "productCode": "",
        "customFields": [],
    } | more


CAFE = scanned(
    establishment="Corner Cafe",
    validatedEstablishment=True,
    date="2026-03-14 09:41:00",
    dateISO="2026-03-14T09:41:00",
    total="13.200",
    totalConfidence=0.99,
    subTotal="0.000",
    subTotalConfidence=0,
    tax=1.2,
    taxes=[1.2],
    tip="0.000",
    discount="0.000",
    discounts=[],
    cash="0.000",
    currency="",
    paymentMethod="Mastercard",
    address="1 Main St, Berlin",
    phoneNumber="030 1234",
    lineItems=[row("FLAT WHITE K", "7.800", qty=2, price="3.900"), row("CAKE K", 4.2)],
    summaryItems=[
        row("NET", "12.000", "SubTotal"),
        row("VAT 10,0 %", "1.200", "Tax"),
        row("TOTAL", "13.200", "Total"),
    ],
    customFields={"Currency": "EUR", "VATNumber": "DE123", "CardLast4Digits": "4821"},
)
CAFE_RECEIPT = Receipt(
    source="engine",
    merchant="Corner Cafe",
    merchant_address="1 Main St, Berlin",
    merchant_phone="030 1234",
    merchant_tax_id="DE123",
    date="2026-03-14",
    time="09:41",
    currency="EUR",
    items=(
        Item("FLAT WHITE", Decimal(2), Decimal("3.90"), Decimal("7.80")),
        Item("CAKE", amount=Decimal("4.20")),
    ),
    subtotal=Decimal("12.00"),
    taxes=(Tax(Decimal(10), Decimal("1.20")),),
    tax=Decimal("1.20"),
    total=Decimal("13.20"),
    payment_method="Mastercard",
    card_last4="4821",
)


@pytest.fixture
def settings(http_stub):
    return TABSCANNER.settings(http_stub.url, timeout_s=20)


def ocr(receipt, settings, waits=None):
    return tabscanner.ocr(receipt, settings, Waits() if waits is None else waits)


def parts(request):
    """The fields of a multipart request by name, each as (file name, type, content)."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body)
    assert message.get_content_type() == "multipart/form-data"
    return {
        part.get_param("name", header="Content-Disposition"): (
            part.get_filename(),
            part["Content-Type"],
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    }


# The requests and the answer


def test_a_receipt_is_read(receipt, settings, http_stub, reply):
    http_stub.reply(SUBMITTED, reply(200, CAFE))
    result = ocr(receipt, settings)
    assert result.receipt == CAFE_RECEIPT
    assert result.text.splitlines() == [
        "Corner Cafe",
        "1 Main St, Berlin",
        "030 1234",
        "2026-03-14 09:41",
        "2   FLAT WHITE K   3.90   7.80",
        "CAKE K   4.20",
        "NET   12.00",
        "VAT 10,0 %   1.20",
        "TOTAL   13.20",
    ]
    assert "Corner Cafe" in result.markdown
    assert (result.pages, result.model) == ((Page(480, 360),), "Tabscanner api/2")
    assert result.raw == CAFE
    assert json.loads(ocr_data(result))["receipt"]["total"] == 13.2


def test_the_requests_are_those_of_the_documentation(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, SMALL), reply(200, PENDING), reply(200, CAFE))
    ocr(receipt, settings)
    submit, *polls = http_stub.requests
    assert (submit.method, submit.path) == ("POST", "/api/2/process")
    assert (submit.headers["apikey"], submit.headers["Authorization"]) == (KEY, None)
    sent = parts(submit)
    assert sent.keys() == {"file", "documentType", "defaultDateParsing"}
    assert sent["documentType"] == (None, None, b"receipt")
    assert sent["defaultDateParsing"] == (None, None, b"d/m")
    name, media_type, data = sent["file"]
    assert (name, media_type) == ("receipt.jpg", "image/jpeg")
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (480, 360), {})
    assert [(poll.method, poll.path) for poll in polls] == [
        ("GET", "/api/result/naQM25k8KyJPmgxG")
    ] * 2
    assert {poll.headers["apikey"] for poll in polls} == {KEY}


def test_the_same_image_again_has_a_result_too(receipt, settings, http_stub, reply):
    again = {**UPLOADED, "duplicate": True, "duplicateToken": "first"}
    http_stub.reply(reply(200, again), reply(200, CAFE))
    assert ocr(receipt, settings).receipt == CAFE_RECEIPT


def test_a_wide_photo_is_made_smaller_but_not_narrow(tmp_path, settings, http_stub, reply):
    Image.new("RGB", (900, 6000), "white").save(tmp_path / "long.jpg")
    http_stub.reply(SUBMITTED, reply(200, CAFE))
    result = ocr(tmp_path / "long.jpg", settings)
    with Image.open(BytesIO(parts(http_stub.requests[0])["file"][2])) as image:
        assert image.size == (720, 4800)
    assert result.pages == (Page(900, 6000),)


# What the answer means


def read(**result):
    return tabscanner_answer.read_answer(scanned(**result), 100, 200).receipt


def test_an_empty_result_is_a_picture_without_text():
    result = tabscanner_answer.read_answer(
        scanned(establishment="", date="", total="0.000"), 100, 200
    )
    assert result.receipt == Receipt(
        source="engine", warnings=("no_text",), review=("merchant", "date", "total")
    )
    assert (result.text, result.markdown) == ("", "")


def test_zero_means_not_printed_unless_tabscanner_is_sure():
    assert read(subTotal="0.000", subTotalConfidence=0, tip=0, tax="0.000").subtotal is None
    assert read(total=0, totalConfidence=0.9).total == 0
    assert read(total=5, tip=0, tax="0.000", discount=0) == Receipt(
        source="engine", total=Decimal(5), review=("merchant", "date")
    )


def test_amounts_come_as_numbers_and_as_strings():
    assert read(total=8.99).total == read(total="8.990").total == Decimal("8.99")
    assert read(total="1e9").total is read(total="n/a").total is read(total=True).total is None


def test_a_discount_is_negative_and_taxes_are_summed():
    found = read(discount="0.000", discounts=[1, "0.500"], taxes=["1.000", 0.5], tip="2.000")
    assert (found.discount, found.tax, found.tip) == (Decimal("-1.5"), Decimal("1.5"), Decimal(2))
    assert found.taxes == (Tax(None, Decimal(1)), Tax(None, Decimal("0.5")))


def test_a_coupon_stays_an_item():
    found = read(lineItems=[row("COUPON", "-2.000")])
    assert found.items == (Item("COUPON", amount=Decimal(-2)),)


def test_midnight_is_no_time():
    assert read(dateISO="2026-03-14T00:00:00").time is None
    assert read(date="2026-03-14 17:49:35").time == "17:49"


@pytest.mark.parametrize(
    ("date", "currency", "ambiguous"),
    [
        ("2026-03-04", "USD", True),
        ("2026-03-04", "", True),
        ("2026-03-04", "EUR", False),
        ("2026-03-14", "USD", False),
        ("2026-03-03", "USD", False),
    ],
)
def test_a_day_that_may_be_a_month_is_a_doubt_in_america(date, currency, ambiguous):
    found = read(dateISO=f"{date}T10:00:00", currency=currency, establishment="Shop")
    assert found.date == date
    assert ("date_ambiguous" in found.warnings) is ambiguous


def test_sums_that_do_not_fit_and_unsure_totals_are_told():
    found = read(subTotal=1, total=3, totalConfidence=0.2)
    assert found.warnings == ("total_mismatch", "low_confidence")
    for none in (0, 0.0, "0", "0.00", 1e-05):
        assert read(total=3, totalConfidence=none).warnings == ("low_confidence",)
    assert read(total=3).warnings == ()  # no confidence is given


@pytest.mark.parametrize("odd", [None, 5, "x", [], [1], {"a": 1}, ["x", None]])
def test_fields_of_another_shape_are_left_out(odd):
    names = ("lineItems", "summaryItems", "customFields", "taxes", "discounts", "establishment")
    assert read(**dict.fromkeys(names, odd), total=5).total == 5


# Waits and repetitions


def test_a_result_is_polled_for_gently(receipt, settings, http_stub, reply):
    pending = reply(200, PENDING)
    http_stub.reply(SUBMITTED, pending, pending, pending, reply(200, CAFE))
    waits = Waits()
    ocr(receipt, settings, waits)
    assert waits == [5, 1, 1, 1]


def test_a_result_that_never_comes_ends_at_the_deadline(receipt, settings, http_stub, reply):
    http_stub.reply(SUBMITTED, reply(200, PENDING))
    waits = Waits()
    code, message = failure_of(tabscanner.ocr, receipt, settings, waits)
    assert (code, "OCR_TIMEOUT_S" in message) == ("timeout", True)
    assert 15 <= sum(waits) < 20


def test_a_submission_that_may_have_cost_a_credit_is_tried_once_more(receipt, settings, http_stub):
    http_stub.reply(refusal(510, "ERROR: Server error"))
    assert failure_of(ocr, receipt, settings)[0] == "server_error"
    assert len(http_stub.requests) == 2


def test_polls_cost_nothing_and_are_tried_four_times(receipt, settings, http_stub, reply):
    fault = reply(500, "")
    http_stub.reply(fault, SUBMITTED, fault, fault, fault, reply(200, CAFE))
    assert ocr(receipt, settings).receipt == CAFE_RECEIPT


def test_a_receipt_that_cannot_be_read_is_reported(receipt, settings, http_stub):
    http_stub.reply(SUBMITTED, refusal(500, "ERROR"))
    code, message = failure_of(ocr, receipt, settings)
    assert (code, "send another photo" in message) == ("server_error", True)


# The settings


def test_what_is_missing_is_named():
    assert tabscanner.unavailable(Settings()) == "TAB_SCANNER_API_KEY is not set"
    assert tabscanner.unavailable(Settings(tab_scanner_api_key="k")) is None
    assert (
        tabscanner.unavailable(Settings(tab_scanner_api_key="k", tab_scanner_base_url="ftp://x"))
        == "TAB_SCANNER_BASE_URL is not an http or https URL"
    )


def test_the_image_goes_to_tabscanner():
    assert tabscanner.sends_to(Settings()) == "api.tabscanner.com"
    assert tabscanner.model(Settings()) == "Tabscanner api/2"
