"""E-invoices and codes fill in what the print says, and correct what was misread."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from fields.checks import reviewed
from fields.codes import read_code
from fields.exact import amounts_in, owned, with_codes, with_invoice
from result import Code, Evidence, FieldEvidence, Item, Line, Receipt, Tax, placed
from tests.fields.test_codes import ATCUD, EPC, NFCE, TSE, ZATCA

TODAY = date(2026, 11, 26)
CAFE = Receipt(
    "rules",
    merchant="CAFE",
    date="2019-07-10",
    time="20:38",
    currency="EUR",
    items=(Item("Tea", amount=Decimal("2.55")),),
    total=Decimal("2.55"),
)


def codes(*texts):
    return [Code("QRCode", text, 0, (0, 0, 9, 9)) for text in texts]


def test_a_receipt_without_codes_stays_as_it_is():
    assert with_codes(CAFE, [], TODAY) is CAFE
    assert with_codes(CAFE, codes("https://example.com", "4006381333931"), TODAY) is CAFE


PLACE = (0, (0, 0, 9, 9))  # the page and the box of each code here


def sure(**fields):
    """Evidence of what was read clearly in the print."""
    return FieldEvidence(**dict.fromkeys(fields, Evidence(0.97, "ocr", 0, (1, 2, 3, 4))))


def test_what_a_code_says_and_the_print_too_is_proved_by_the_code():
    doubtful = Evidence(0.5, "ocr", 0, (1, 2, 3, 4))
    printed = replace(CAFE, evidence=FieldEvidence(date=doubtful, total=doubtful))
    proved = with_codes(printed, codes(TSE), TODAY)
    assert proved.evidence == FieldEvidence(
        date=Evidence(1.0, "code", *PLACE), total=Evidence(1.0, "code", *PLACE)
    )
    assert proved.review == ()


def test_a_total_that_the_print_clearly_says_otherwise_is_to_be_reviewed():
    printed = replace(CAFE, total=Decimal("3.55"), items=(), evidence=sure(total=1))
    contradicted = with_codes(printed, codes(TSE), TODAY)
    assert (contradicted.total, contradicted.review) == (Decimal("2.55"), ("total",))
    faint = replace(printed, evidence=FieldEvidence(total=Evidence(0.5)))
    assert with_codes(faint, codes(TSE), TODAY).review == ()


def test_what_is_to_be_paid_proves_the_total_only_where_it_is_the_same():
    asked = EPC.replace("EUR1", "EUR2.55")
    assert with_codes(CAFE, codes(asked), TODAY).evidence.total.source == "code"
    other = replace(CAFE, evidence=sure(total=1))
    assert with_codes(other, codes(EPC), TODAY).evidence.total.source == "ocr"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("0888318274843301020320", "2020-03-02"),  # Lidl
        ("0010545280220004008130", "2020-02-28"),  # Marktkauf
        ("9910701452003234008665000008000000", "2020-03-23"),  # Real
        ("RECEIPT-20200323-17", "2020-03-23"),
    ],
)
def test_a_code_whose_digits_hold_the_printed_day_proves_it(text, day):
    proved = with_codes(replace(CAFE, date=day), codes("4006381333931", text), TODAY)
    assert proved.evidence.date == Evidence(0.99, "code", *PLACE)
    other = replace(CAFE, date="2020-09-17")
    assert with_codes(other, codes(text), TODAY) is other


def test_a_code_of_thousands_of_digits_proves_no_day():
    digits = "".join(f"{number:04}" for number in range(1000)) + CAFE.date.replace("-", "")
    assert with_codes(CAFE, codes(digits), TODAY) == CAFE


def test_what_the_till_signed_replaces_what_was_misread():
    misread = replace(
        CAFE,
        date="2018-07-10",
        total=Decimal("2.65"),
        warnings=("items_mismatch", "date_ambiguous", "low_confidence"),
    )
    exact = with_codes(misread, codes(TSE), TODAY)
    assert (exact.date, exact.total) == (CAFE.date, CAFE.total)
    assert exact.warnings == ("low_confidence",)


def test_the_printed_time_name_and_number_stay():
    printed = replace(CAFE, receipt_number="12345")
    exact = with_codes(printed, codes(TSE, ATCUD.replace("0.80", "2.55")), TODAY)
    assert (exact.time, exact.receipt_number, exact.merchant) == ("20:38", "12345", "CAFE")


def test_a_code_fills_in_what_was_not_found():
    exact = with_codes(Receipt("rules", warnings=("not_a_receipt",)), codes(ZATCA), TODAY)
    assert (exact.merchant, exact.merchant_tax_id) == ("Bobs Records", "310122393500003")
    assert (exact.date, exact.currency) == ("2022-04-25", "SAR")
    assert (exact.tax, exact.total) == (Decimal("150.00"), Decimal("1000.00"))
    assert exact.warnings == ()


def test_what_is_to_be_paid_fills_in_but_replaces_nothing():
    assert with_codes(CAFE, codes(EPC), TODAY).total == CAFE.total
    assert with_codes(Receipt("rules"), codes(EPC), TODAY).total == 1
    assert with_codes(CAFE, codes(EPC, TSE), TODAY).total == Decimal("2.55")


def test_of_two_receipts_codes_the_one_counts_that_says_the_total():
    other = TSE.replace("2.55", "9.99").replace("2019-07-10", "2019-07-11")
    found = with_codes(replace(CAFE, date="2019-01-10"), codes(other, TSE), TODAY)
    assert (found.date, found.total) == ("2019-07-10", Decimal("2.55"))
    unread = replace(CAFE, total=None)
    doubted = reviewed(replace(unread, warnings=("several_receipts",)))
    assert with_codes(unread, codes(other, TSE), TODAY) == doubted


def test_two_signed_codes_of_one_format_that_differ_are_a_doubt():
    other = TSE.replace("2019-07-10", "2019-07-11")
    assert with_codes(CAFE, codes(TSE, other), TODAY).warnings == ("several_receipts",)
    assert with_codes(CAFE, codes(TSE, TSE), TODAY).warnings == ()  # the copy of a receipt
    assert with_codes(CAFE, codes(TSE, NFCE, NFCE), TODAY).warnings == ()  # two formats
    twice = codes(EPC, EPC.replace("EUR1", "EUR3"))  # a bill in two rates
    assert with_codes(CAFE, twice, TODAY).warnings == ()


def test_an_access_key_without_a_date_keeps_the_printed_one():
    exact = with_codes(CAFE, codes(NFCE), TODAY)
    assert (exact.date, exact.merchant_tax_id) == (CAFE.date, "93015006003996")


def test_an_access_key_proves_no_day_and_doubts_one_of_another_month():
    key = f"43190710{NFCE[8:-1]}"  # July 2019, and an issuer whose number begins with 10
    keys = [f"{key}{digit}" for digit in range(10) if read_code(f"{key}{digit}")]
    printed = replace(CAFE, evidence=sure(date=1))
    same = with_codes(printed, codes(*keys), TODAY)
    assert same.receipt_number == "316588"
    assert (same.evidence.date, same.review) == (printed.evidence.date, ())
    other = with_codes(replace(printed, date="2019-01-10"), codes(*keys), TODAY)
    assert (other.date, other.review) == ("2019-01-10", ("date",))
    assert other.evidence.date == replace(printed.evidence.date, probability=0.8)
    model = with_codes(replace(CAFE, source="model", date="2019-01-10"), codes(*keys), TODAY)
    assert (model.evidence.date, model.review) == (Evidence(0.8, "model"), ("date",))


INVOICE = Receipt(
    "data",
    merchant="Lieferant GmbH",
    date="2018-03-05",
    subtotal=Decimal("473.00"),
    taxes=(Tax(Decimal(19), Decimal("37.62")),),
    tax=Decimal("56.87"),
    total=Decimal("529.87"),
)


def test_an_e_invoice_replaces_the_print_and_leaves_what_it_does_not_tell():
    printed = replace(CAFE, merchant_phone="089 1234", card_last4="1234", warnings=("no_text",))
    receipt = with_invoice(printed, INVOICE, set(), TODAY)
    assert (receipt.source, receipt.merchant, receipt.date) == (
        *("data", "Lieferant GmbH"),
        "2018-03-05",
    )
    assert (receipt.merchant_phone, receipt.card_last4) == ("089 1234", "1234")


def test_sums_of_print_and_data_are_not_mixed():
    printed = replace(CAFE, discount=Decimal("-3.00"), tip=Decimal("1.00"))
    receipt = with_invoice(printed, INVOICE, set(), TODAY)
    assert (receipt.discount, receipt.tip, receipt.subtotal) == (None, None, Decimal("473.00"))
    assert "total_mismatch" not in receipt.warnings


def test_doubts_about_the_print_are_no_doubts_about_the_data():
    printed = replace(CAFE, items=(), warnings=("low_confidence", "date_ambiguous", "no_text"))
    assert with_invoice(printed, INVOICE, set(), TODAY).warnings == ("no_text",)


def test_an_e_invoices_total_that_is_not_printed_is_to_be_reviewed():
    rows = [[Line("Summe"), Line("473,00")], [Line("Gesamt EUR 529,87")], [Line("bezahlt 30")]]
    same = with_invoice(replace(CAFE, items=()), INVOICE, amounts_in(rows), TODAY)
    assert (same.evidence.total, same.review) == (Evidence(1.0, "data"), ())
    other = with_invoice(replace(CAFE, items=()), INVOICE, amounts_in(rows[::2]), TODAY)
    assert (other.total, other.review) == (INVOICE.total, ("total",))


def test_a_credit_note_may_print_its_total_without_a_sign():
    back = replace(INVOICE, total=-INVOICE.total, subtotal=None, tax=None, taxes=(), items=())
    found = with_invoice(replace(CAFE, items=()), back, {INVOICE.total}, TODAY)
    assert (found.total, found.review) == (-INVOICE.total, ())


def test_a_doubt_about_the_data_is_a_doubt_about_the_receipt():
    doubted = replace(INVOICE, warnings=("several_receipts",))
    found = with_invoice(replace(CAFE, items=()), doubted, set(), TODAY)
    assert found.warnings == ("several_receipts",) and "total" in found.review


def test_evidence_is_of_the_data_only_where_that_has_the_field():
    printed = replace(CAFE, items=(), tip=Decimal(1), evidence=sure(merchant=1, tip=1))
    nameless = with_invoice(printed, replace(INVOICE, merchant=None), set(), TODAY)
    assert (nameless.evidence.merchant.source, nameless.evidence.tip) == ("ocr", None)


def test_a_code_belongs_to_the_nearest_receipt_and_to_none_of_two_as_near():
    left, right = placed(CAFE, 0, (0, 0, 100, 200)), placed(CAFE, 0, (300, 0, 400, 200))
    code = Code("QRCode", TSE, 0, (90, 220, 160, 290))
    assert owned([left, right], [code]) == [[code], []]
    assert owned([placed(CAFE), placed(CAFE)], [code]) == [[], []]
    on_third_page = replace(code, page=2)
    assert owned([placed(CAFE, 3), placed(CAFE, 1), left], [on_third_page]) == [
        [],
        [on_third_page],
        [],
    ]
