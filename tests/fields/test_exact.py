"""E-invoices and codes fill in what the print says, and correct what was misread."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from fields.exact import with_codes, with_invoice
from result import Code, Item, Receipt, Tax
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
    assert with_codes(unread, codes(other, TSE), TODAY) == unread


def test_an_access_key_without_a_date_keeps_the_printed_one():
    exact = with_codes(CAFE, codes(NFCE), TODAY)
    assert (exact.date, exact.merchant_tax_id) == (CAFE.date, "93015006003996")


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
    receipt = with_invoice(printed, INVOICE, TODAY)
    assert (receipt.source, receipt.merchant, receipt.date) == (
        *("data", "Lieferant GmbH"),
        "2018-03-05",
    )
    assert (receipt.merchant_phone, receipt.card_last4) == ("089 1234", "1234")


def test_sums_of_print_and_data_are_not_mixed():
    printed = replace(CAFE, discount=Decimal("-3.00"), tip=Decimal("1.00"))
    receipt = with_invoice(printed, INVOICE, TODAY)
    assert (receipt.discount, receipt.tip, receipt.subtotal) == (None, None, Decimal("473.00"))
    assert "total_mismatch" not in receipt.warnings


def test_doubts_about_the_print_are_no_doubts_about_the_data():
    printed = replace(CAFE, items=(), warnings=("low_confidence", "date_ambiguous", "no_text"))
    assert with_invoice(printed, INVOICE, TODAY).warnings == ("no_text",)
