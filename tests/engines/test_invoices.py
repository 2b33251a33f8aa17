"""E-invoices inside PDFs, with the data of the standards' own examples."""

import zlib
from decimal import Decimal
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from engines.invoices import MAX_BYTES, find_invoice, read_invoice
from providers import PROVIDERS
from result import Item, ProviderError, Tax
from settings import Settings
from tests.pdfs import pdf, text

EXAMPLES = Path(__file__).parent / "invoices"
CII, MINIMUM, UBL = (
    (EXAMPLES / f"{name}.xml").read_text("utf-8") for name in ("cii", "minimum", "ubl")
)
# ZUGFeRD 1.0 and Order-X in their own words
ZUGFERD_1 = (
    CII.replace("CrossIndustryInvoice", "CrossIndustryDocument")
    .replace("rsm:ExchangedDocument", "rsm:HeaderExchangedDocument")
    .replace("rsm:SupplyChainTradeTransaction", "rsm:SpecifiedSupplyChainTradeTransaction")
    .replace("ApplicableHeaderTrade", "ApplicableSupplyChainTrade")
    .replace("SpecifiedLineTrade", "SpecifiedSupplyChainTrade")
    .replace("SettlementHeaderMonetary", "SettlementMonetary")
    .replace("SettlementLineMonetary", "SettlementMonetary")
    .replace("RateApplicablePercent", "ApplicablePercent")
)
ORDER_X = (
    CII.replace("CrossIndustryInvoice", "SCRDMCCBDACIOMessageStructure")
    .replace("InvoiceCurrencyCode", "OrderCurrencyCode")
    .replace("BilledQuantity", "RequestedQuantity")
)
CREDIT_NOTE = (
    (UBL.replace("<Invoice ", "<CreditNote ").replace("</Invoice>", "</CreditNote>"))
    .replace("InvoiceLine", "CreditNoteLine")
    .replace("InvoicedQuantity", "CreditedQuantity")
)


def money(text):
    return Decimal(text)


@pytest.mark.parametrize("xml", [CII, ZUGFERD_1, ORDER_X])
def test_a_cross_industry_invoice_fills_the_fields_exactly(xml):
    receipt = read_invoice(xml.encode())
    assert receipt.source == "data"
    assert receipt.merchant == "Lieferant GmbH"
    assert receipt.merchant_address == "Lieferantenstraße 20, 80333 München"
    assert receipt.merchant_phone == "+49 89 1234567"
    assert receipt.merchant_tax_id == "DE123456789"
    assert (receipt.receipt_number, receipt.date) == ("471102", "2018-03-05")
    assert (receipt.currency, receipt.total, receipt.tax) == (
        "EUR",
        money("535.82"),
        money("57.82"),
    )
    assert receipt.taxes == (
        Tax(money("7.00"), money("19.25")),
        Tax(money("19.00"), money("38.57")),
    )
    assert (receipt.payment_method, receipt.card_last4) == ("card", "7726")


@pytest.mark.parametrize("xml", [CII, ZUGFERD_1, ORDER_X, UBL, CREDIT_NOTE])
def test_items_charges_and_allowances_add_up_to_the_subtotal(xml):
    receipt = read_invoice(xml.encode())
    assert sum(item.amount for item in receipt.items) == receipt.subtotal
    assert receipt.subtotal + receipt.tax == receipt.total


def test_the_price_of_a_hundred_is_not_the_price_of_one():
    assert read_invoice(CII.encode()).items == (
        Item("Trennblätter A4", money("20.0000"), money("9.90"), money("198.00")),
        Item("Joghurt Banane", money("50"), None, money("275.00")),
        Item("Fracht", amount=money("10.00")),
        Item("Allowance", amount=money("-5.00")),
    )


@pytest.mark.parametrize("kind", ["GROUP", "INFORMATION"])
def test_a_line_that_groups_others_or_informs_is_no_item(kind):
    line = "<ram:IncludedSupplyChainTradeLineItem>"
    start, end = CII.index(line), CII.index(line, CII.index(line) + 1)
    code = "<ram:AssociatedDocumentLineDocument><ram:LineStatusReasonCode>{}<"
    code += "/ram:LineStatusReasonCode></ram:AssociatedDocumentLineDocument>"
    more = CII[start:end].replace(line, line + code.format(kind))
    extended = CII[:start] + more + CII[start:].replace(line, line + code.format("DETAIL"), 1)
    assert read_invoice(extended.encode()) == read_invoice(CII.encode())


def test_freight_is_an_item_too():
    charge = CII[CII.index("<ram:SpecifiedTradeAllowanceCharge>") :]
    freight = (
        "<ram:SpecifiedLogisticsServiceCharge><ram:Description>Versand</ram:Description>"
        "<ram:AppliedAmount>4.90</ram:AppliedAmount></ram:SpecifiedLogisticsServiceCharge>"
    )
    receipt = read_invoice(CII.replace(charge, freight + charge).encode())
    assert receipt.items[-1] == Item("Versand", amount=money("4.90"))


def test_the_smallest_profile_gives_what_it_has():
    receipt = read_invoice(MINIMUM.encode())
    assert (receipt.merchant, receipt.merchant_address) == ("Au bon moulin", None)
    assert (receipt.receipt_number, receipt.date) == ("FA-2017-0010", "2017-11-13")
    assert (receipt.subtotal, receipt.tax, receipt.total) == (
        *(money("624.90"), money("46.25")),
        money("671.15"),  # not what is left to pay
    )
    assert (receipt.items, receipt.taxes, receipt.payment_method) == ((), (), None)


def test_ubl_fills_the_fields_exactly():
    receipt = read_invoice(UBL.encode())
    assert receipt.merchant == "SupplierTradingName Ltd."
    assert receipt.merchant_address == "Main street 1, Postbox 123, GB 123 EW London"
    assert (receipt.merchant_tax_id, receipt.currency) == ("GB1232434", "EUR")
    assert (receipt.receipt_number, receipt.date) == ("Snippet1", "2017-11-13")
    assert receipt.items[1] == Item("item name 2", money("-3"), money("500"), money("-1500"))
    assert receipt.items[2] == Item("Insurance", amount=money("25"))
    assert receipt.taxes == (Tax(money("25.0"), money("331.25")),)
    assert (receipt.total, receipt.payment_method) == (money("1656.25"), None)


@pytest.mark.parametrize(
    "name",
    ["factur-x.xml", "zugferd-invoice.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "order-x.xml"],
)
def test_the_invoice_is_found_inside_a_pdf_whatever_else_is_there(name):
    others = {"A4.xml": b"<drawing/>", "terms.pdf": b"%PDF-1.4", "a.xml": b"<Invoice"}
    with PdfDocument(pdf("", attached=others | {name: CII.encode()})) as document:
        assert find_invoice(document).receipt_number == "471102"


@pytest.mark.parametrize(
    "attached",
    [
        {},
        {"notes.txt": CII.encode()},
        {"factur-x.xml": b""},
        {"factur-x.xml": CII.encode().ljust(MAX_BYTES + 1)},
    ],
    ids=["nothing attached", "no XML", "an empty file", "too large a file"],
)
def test_a_pdf_without_an_invoice_has_none(attached):
    with PdfDocument(pdf("", attached=attached)) as document:
        assert find_invoice(document) is None


@pytest.mark.parametrize(
    "xml",
    [
        UBL.replace("<Invoice ", '<!DOCTYPE Invoice [<!ENTITY a "b">]><Invoice '),
        UBL.replace("<Invoice ", '<!DOCTYPE Invoice SYSTEM "file:///etc/passwd"><Invoice '),
        UBL[:-20],
        UBL.replace("<Invoice ", "<Waybill ").replace("</Invoice>", "</Waybill>"),
        UBL.replace("UTF-8", "none"),
        "",
    ],
)
def test_xml_with_entities_damaged_or_of_another_kind_gives_nothing(xml):
    assert read_invoice(xml.encode()) is None


def test_texts_that_are_endless_or_cannot_be_printed_are_cut():
    name = "Caf\u00e9 \u202e\u200b\x85Corner " + "x" * 100_000
    found = read_invoice(UBL.replace("<cbc:Name>", f"<cbc:Name>{name}", 1).encode())
    assert found.merchant.startswith("Caf\u00e9 Corner xxx") and len(found.merchant) == 300


def test_elements_that_are_nested_deep_do_no_harm():
    deep = b"<a>" * 50_000 + b"</a>" * 50_000
    assert read_invoice(deep) is None
    assert read_invoice(b"<Invoice><ID>7</ID>" + deep + b"</Invoice>").receipt_number == "7"


@pytest.mark.parametrize("amount", ["NaN", "1e999999", "Infinity", "12,50", "", "9" * 40])
def test_what_is_no_plain_number_is_not_an_amount(amount):
    assert read_invoice(UBL.replace("1656.25", amount).encode()).total is None


@pytest.mark.parametrize("day", ["20171313", "2017", "", "2017-02-30", "yesterday"])
def test_what_is_no_day_is_not_a_date(day):
    assert read_invoice(UBL.replace("2017-11-13", day).encode()).date is None


@pytest.mark.parametrize("root", ["Invoice", "CrossIndustryInvoice", "CreditNote"])
def test_an_invoice_without_a_number_and_a_total_is_none(root):
    assert read_invoice(f"<{root}/>".encode()) is None


@pytest.mark.parametrize(
    ("invoice", "credit"), [(UBL, CREDIT_NOTE), (CII, CII.replace(">380<", ">381<"))]
)
def test_what_a_credit_note_gives_back_is_negative(invoice, credit):
    paid, back = (read_invoice(xml.encode()) for xml in (invoice, credit))
    assert (back.total, back.subtotal, back.tax) == (-paid.total, -paid.subtotal, -paid.tax)
    assert [item.amount for item in back.items] == [-item.amount for item in paid.items]
    assert [tax.amount for tax in back.taxes] == [-tax.amount for tax in paid.taxes]


@pytest.mark.parametrize(
    ("second", "warnings"), [(UBL, ("several_receipts",)), (CII, ())], ids=["another", "the same"]
)
def test_a_second_invoice_in_a_pdf_is_warned_of_where_it_is_another(second, warnings):
    attached = {"a.xml": CII.encode(), "b.xml": second.encode()}
    with PdfDocument(pdf("", attached=attached)) as document:
        found = find_invoice(document)
    assert (found.receipt_number, found.warnings) == ("471102", warnings)


@pytest.mark.slow
def test_an_attached_file_that_unfolds_ends_in_the_memory_limit_and_the_next_is_read(tmp_path):
    """400 MB of zeros, packed twice into 2 kB."""
    packed = zlib.compress(zlib.compress(bytes(400 * 2**20), 9), 9)
    data = pdf(text([(40, 300, "Total EUR 13.20")]), attached={"factur-x.xml": packed})
    filters = b"/EmbeddedFile /Filter [/FlateDecode /FlateDecode] "
    path = tmp_path / "unfolds.pdf"
    path.write_bytes(data.replace(b"/EmbeddedFile ", filters))
    with pytest.raises(ProviderError) as found:
        PROVIDERS["tesseract"].ocr(path, Settings(ocr_memory_mb=300))
    assert found.value.code == "too_large"
    path.write_bytes(pdf(text([(40, 300, "Total EUR 13.20")]), attached={"factur-x.xml": b"<a>"}))
    assert "13.20" in PROVIDERS["tesseract"].ocr(path, Settings(ocr_memory_mb=300)).text


@pytest.mark.slow
def test_a_pdf_with_an_invoice_is_read_with_the_fields_of_the_invoice(tmp_path):
    path = tmp_path / "invoice.pdf"
    print_ = text([(40, 340, "LIEFERANT"), (40, 300, "Total 535.82")], points=16)
    path.write_bytes(pdf(print_, attached={"factur-x.xml": CII.encode()}))
    result = PROVIDERS["tesseract"].ocr(path, Settings())
    assert "Total" in result.text
    assert (result.receipt.source, result.receipt.merchant) == ("data", "Lieferant GmbH")
    assert result.receipt.warnings == ()
