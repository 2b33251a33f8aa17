"""A receipt is read through Amazon Textract by its service model."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from PIL import Image

from providers import textract, textract_answer
from result import Item, Line, Page, Receipt, Tax, ocr_data
from settings import Settings, read_settings
from tests.providers.contract import KEY, SECRET, TEXTRACT, Waits, failure_of

OPERATION = (
    botocore.session.get_session().get_service_model("textract").operation_model("AnalyzeExpense")
)


def field(type_, text, confidence=99.0, label=None, currency=None, groups=()):
    found = {
        "Type": {"Text": type_, "Confidence": 99.0},
        "ValueDetection": {"Text": text, "Geometry": geometry(), "Confidence": confidence},
        "PageNumber": 1,
    }
    if label:
        found["LabelDetection"] = {"Text": label, "Geometry": geometry(), "Confidence": 98.0}
    if currency:
        found["Currency"] = {"Code": currency, "Confidence": 95.0}
    if groups:
        found["GroupProperties"] = [{"Types": list(groups), "Id": "g-1"}]
    return found


def geometry(left=0.1, top=0.1, width=0.5, height=0.05):
    return {"BoundingBox": {"Width": width, "Height": height, "Left": left, "Top": top}}


def line(number, text, left=0.1, width=0.5):
    return {
        "BlockType": "LINE",
        "Id": f"line-{number}",
        "Text": text,
        "Confidence": 98.5,
        "Geometry": geometry(left, number / 10, width),
    }


def answer(*fields, items=(), blocks=()):
    found = {
        "DocumentMetadata": {"Pages": 1},
        "ExpenseDocuments": [
            {
                "ExpenseIndex": 1,
                "SummaryFields": list(fields),
                "LineItemGroups": [
                    {
                        "LineItemGroupIndex": 1,
                        "LineItems": [{"LineItemExpenseFields": item} for item in items],
                    }
                ],
                "Blocks": [{"BlockType": "PAGE", "Id": "p", "Geometry": geometry()}, *blocks],
            }
        ],
    }
    report = ParamValidator().validate(found, OPERATION.output_shape)
    assert not report.has_errors(), report.generate_report()
    return found


CAFE = answer(
    field("VENDOR_NAME", "CORNER\nCAFE"),
    field("VENDOR_NAME", "CAFE", confidence=60.0),
    field("VENDOR_ADDRESS", "1 Main St\n10115 Berlin"),
    field("INVOICE_RECEIPT_DATE", "14/03/2026"),
    field("SUBTOTAL", "12,00", currency="EUR"),
    field("TAX", "1,20", label="VAT 10 %", currency="EUR"),
    field("TOTAL", "€13,20", label="TOTAL", currency="EUR"),
    field("OTHER", "thank you"),
    items=[
        [
            field("ITEM", "Flat White\nlarge"),
            field("QUANTITY", "2"),
            field("UNIT_PRICE", "3,90"),
            field("PRICE", "7,80"),
            field("EXPENSE_ROW", "2 Flat White large 3,90 7,80"),
        ],
        [field("ITEM", "Cake"), field("PRICE", "4,20")],
    ],
    blocks=[
        line(1, "CORNER CAFE"),
        line(2, "14/03/2026"),
        line(3, "TOTAL"),
        {**line(3, "13,20", left=0.7, width=0.2), "Id": "line-3b"},
    ],
)
CAFE_RECEIPT = Receipt(
    source="engine",
    merchant="CORNER CAFE",
    merchant_address="1 Main St 10115 Berlin",
    date="2026-03-14",
    currency="EUR",
    items=(
        Item("Flat White large", Decimal(2), Decimal("3.90"), Decimal("7.80")),
        Item("Cake", amount=Decimal("4.20")),
    ),
    subtotal=Decimal("12.00"),
    taxes=(Tax(Decimal(10), Decimal("1.20")),),
    tax=Decimal("1.20"),
    total=Decimal("13.20"),
)


@pytest.fixture
def settings(http_stub):
    return TEXTRACT.settings(http_stub.url)


# The request and its answer


def test_a_receipt_is_read(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE))
    result = textract.ocr(receipt, settings)
    assert result.receipt == CAFE_RECEIPT
    assert result.text.splitlines()[:2] == ["CORNER CAFE", "14/03/2026"]
    assert result.text.splitlines()[2].split() == ["TOTAL", "13,20"]
    assert result.model == "AnalyzeExpense"
    assert result.raw == CAFE
    (page,) = result.pages
    assert (page.width, page.height) == (480, 360)
    assert page.lines[0] == Line("CORNER CAFE", 0.985, (48, 36, 288, 54))
    assert json.loads(ocr_data(result))["receipt"]["source"] == "engine"


def test_the_request_is_what_aws_asks_for(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE))
    textract.ocr(receipt, settings)
    request = http_stub.request
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert request.headers["X-Amz-Target"] == "Textract.AnalyzeExpense"
    assert request.headers["Authorization"] == signed(request, http_stub.url)
    assert list(request.json) == ["Document"] and list(request.json["Document"]) == ["Bytes"]


def signed(request, url):
    """The Authorization header that botocore computes for what arrived."""
    signer = SigV4Auth(Credentials(KEY, SECRET), "textract", "eu-west-1")
    again = AWSRequest("POST", url + request.path, data=request.body)
    for name in ("Content-Type", "Host", "X-Amz-Date", "X-Amz-Target"):
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    to_sign = signer.string_to_sign(again, signer.canonical_request(again))
    scope = f"Credential={signer.scope(again)}, SignedHeaders=content-type;host;x-amz-date;"
    return f"AWS4-HMAC-SHA256 {scope}x-amz-target, Signature={signer.signature(to_sign, again)}"


def test_the_image_is_an_upright_jpeg_without_metadata(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE))
    textract.ocr(receipt, settings)
    data = base64.b64decode(http_stub.request.json["Document"]["Bytes"], validate=True)
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (480, 360), {})


@pytest.mark.slow
def test_a_long_receipt_stays_readable_within_10000_pixels(tmp_path, settings, http_stub, reply):
    Image.new("RGB", (1000, 13000), "white").save(tmp_path / "long.jpg")
    http_stub.reply(reply(200, CAFE))
    result = textract.ocr(tmp_path / "long.jpg", settings)
    data = base64.b64decode(http_stub.request.json["Document"]["Bytes"])
    with Image.open(BytesIO(data)) as image:
        assert image.size == (720, 9360)
    assert (result.pages[0].width, result.pages[0].height) == (1000, 13000)
    assert result.pages[0].lines[0].box == (100, 1300, 600, 1950)


def test_a_session_token_is_sent(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE))
    textract.ocr(receipt, replace(settings, aws_session_token="session-1"))
    assert http_stub.request.headers["X-Amz-Security-Token"] == "session-1"


def test_a_path_in_the_endpoint_is_kept(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE))
    textract.ocr(receipt, replace(settings, aws_endpoint_url_textract=f"{http_stub.url}/textract/"))
    assert http_stub.request.path == "/textract"


def test_two_calls_at_once_are_enough_for_a_new_account(receipt, settings, http_stub, reply):
    http_stub.reply(reply(200, CAFE, delay_s=0.3))
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda _: textract.ocr(receipt, settings), range(3)))
    assert [result.receipt for result in results] == [CAFE_RECEIPT] * 3
    assert http_stub.most_open == 2


# What the answer means


def read(*fields, **parts):
    return textract_answer.read_answer(answer(*fields, **parts), (100, 200)).receipt


def test_a_picture_without_text_or_without_a_receipt_completes():
    assert textract_answer.read_answer({"ExpenseDocuments": []}, (100, 200)).receipt == Receipt(
        source="engine", warnings=("no_text",), review=("merchant", "date", "total")
    )
    walk = answer(field("OTHER", "walk"), blocks=[line(1, "DO NOT WALK")])
    result = textract_answer.read_answer(walk, (100, 200))
    assert (result.text, result.receipt.warnings) == ("DO NOT WALK", ("not_a_receipt",))


@pytest.mark.parametrize(
    ("taxes", "tax", "parts"),
    [
        (["1.00", "0.50"], "1.50", 2),
        (["1.00", "0.50", "1.50"], "1.50", 2),
        (["1.50", "1.00", "0.50"], "1.50", 2),
        (["1.20"], "1.20", 1),
        ([], None, 0),
    ],
)
def test_taxes_are_summed_unless_one_is_the_sum(taxes, tax, parts):
    found = read(*(field("TAX", amount) for amount in taxes))
    assert found.tax == (tax and Decimal(tax))
    assert len(found.taxes) == parts


def test_the_vendor_may_be_a_name_in_the_vendors_group():
    groups = {"groups": ["VENDOR"]}
    found = read(field("NAME", "Jane"), field("NAME", "CAFE", **groups))
    assert found.merchant == "CAFE"


def test_the_total_may_be_the_amount_paid_or_due():
    assert read(field("AMOUNT_DUE", "5.00"), field("AMOUNT_PAID", "6.00")).total == Decimal(6)
    assert read(field("AMOUNT_DUE", "5.00")).total == Decimal(5)


def test_a_discount_is_negative_and_a_tip_is_the_gratuity():
    found = read(
        field("DISCOUNT", "2.00"), field("GRATUITY", "$3.00"), field("SERVICE_CHARGE", "9")
    )
    assert (found.discount, found.tip) == (Decimal(-2), Decimal(3))


def test_an_item_without_a_name_is_described_by_its_row():
    found = read(items=[[field("EXPENSE_ROW", "7 UP\n1.10"), field("PRICE", "1.10")]])
    assert found.items == (Item("7 UP 1.10", amount=Decimal("1.10")),)


def test_a_day_that_may_be_a_month_is_a_doubt():
    found = read(field("INVOICE_RECEIPT_DATE", "04/03/2026"))
    assert (found.date, found.warnings) == ("2026-03-04", ("date_ambiguous",))
    assert read(field("INVOICE_RECEIPT_DATE", "Mar 14, 26")).date == "2026-03-14"


def test_sums_that_do_not_fit_and_unsure_totals_are_told():
    found = read(field("SUBTOTAL", "1.00"), field("TOTAL", "3.00", confidence=20.0))
    assert found.warnings == ("total_mismatch", "low_confidence")


def test_lines_that_two_receipts_share_count_once():
    twice = answer(blocks=[line(1, "CAFE")])
    twice["ExpenseDocuments"] *= 2
    assert textract_answer.read_answer(twice, (100, 200)).pages == (
        Page(100, 200, (Line("CAFE", 0.985, (10, 20, 60, 30)),)),
    )


def test_each_receipt_of_a_page_is_listed_with_its_box():
    def total(text, left):
        found = field("TOTAL", text)
        found["ValueDetection"]["Geometry"] = geometry(left, 0.5, 0.3)
        return found

    two = answer(field("VENDOR_NAME", "CAFE"), total("1.00", 0.1))
    two["ExpenseDocuments"] += answer(total("2.00", 0.6))["ExpenseDocuments"]
    result = textract_answer.read_answer(two, (100, 200))
    assert [(r.merchant, r.total, r.box) for r in result.receipts] == [
        ("CAFE", 1, (10, 20, 60, 110)),
        (None, 2, (60, 100, 90, 110)),
    ]


def test_what_textract_has_no_field_for_is_read_from_a_receipts_own_lines():
    def total(left):
        found = field("TOTAL", "1.00")
        found["ValueDetection"]["Geometry"] = geometry(left, 0.5, 0.3)
        return found

    two = answer(total(0.1), blocks=[line(5, "TIME 10:15", 0.1, 0.3)])
    other = answer(total(0.6), blocks=[line(6, "TIME 20:45", 0.6, 0.3)])
    other["ExpenseDocuments"][0]["Blocks"][1]["Geometry"] = geometry(0.6, 0.5, 0.3)
    two["ExpenseDocuments"] += other["ExpenseDocuments"]
    result = textract_answer.read_answer(two, (100, 200))
    assert [receipt.time for receipt in result.receipts] == ["10:15", "20:45"]


# Throttling


@pytest.mark.parametrize(
    "type_", ["ThrottlingException", "ProvisionedThroughputExceededException:http://aws/"]
)
def test_throttling_is_waited_out(receipt, settings, http_stub, reply, type_):
    busy = reply(400, {}, headers={"x-amzn-errortype": type_, "x-amz-retry-after": "400"})
    http_stub.reply(busy, reply(200, CAFE))
    waits = Waits()
    assert textract.ocr(receipt, settings, waits).receipt == CAFE_RECEIPT
    assert waits == [0.4]


def test_throttling_for_ever_ends(receipt, settings, http_stub, reply):
    http_stub.reply(reply(400, {"__type": "ThrottlingException"}))
    assert failure_of(textract.ocr, receipt, settings, Waits())[0] == "rate_limited"
    assert len(http_stub.requests) == 4


# The settings

VARIABLES = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_TEXTRACT": "http://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID is not set"),
        ({"AWS_SECRET_ACCESS_KEY": " "}, "AWS_SECRET_ACCESS_KEY is not set"),
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
        ({"AWS_REGION": " ", "AWS_DEFAULT_REGION": "eu-west-1"}, None),
        (
            {"AWS_REGION": "eu west", "AWS_ENDPOINT_URL_TEXTRACT": ""},
            "AWS_REGION is not the name of a region such as eu-west-1",
        ),
        ({"AWS_SESSION_TOKEN": " "}, None),
        (
            {"AWS_SESSION_TOKEN": "“token”"},
            "AWS_SESSION_TOKEN has characters that no key has; copy it again",
        ),
        (
            {"AWS_ENDPOINT_URL_TEXTRACT": "localhost"},
            "AWS_ENDPOINT_URL_TEXTRACT is not an http or https URL",
        ),
        ({}, None),
    ],
)
def test_what_is_missing_is_named(change, reason):
    assert textract.unavailable(read_settings(VARIABLES | change)) == reason


def test_the_image_goes_to_the_regions_host(settings):
    public = replace(settings, aws_endpoint_url_textract="")
    assert textract.sends_to(public) == "textract.eu-west-1.amazonaws.com"
    assert textract.sends_to(settings) == "127.0.0.1"
    assert textract.sends_to(Settings()) is None
    assert textract.sends_to(Settings(aws_region="eu_west!")) is None
    assert textract.model(settings) == "AnalyzeExpense"
