"""Reads the data of an electronic invoice: an XML file inside a PDF. Runs in a child process.

The two syntaxes of EN 16931: Cross Industry Invoice (UN/CEFACT D16B: Factur-X and ZUGFeRD in every
profile from MINIMUM to EXTENDED, XRechnung; Order-X in the same words) and UBL 2.1 (XRechnung,
Peppol BIS Billing 3.0). A field that a profile leaves out is None; nothing is computed.
"""

import ctypes
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from result import MAX_TEXT_LENGTH, Item, Receipt, Tax, one_line

MAX_FILES = 20
MAX_BYTES = 2_000_000  # an invoice of 1,000 lines has 1,500,000
METHODS = {"10": "cash", "48": "card", "54": "card", "55": "card"}  # UNTDID 4461
SELLER = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/SellerTradeParty/"
PAID = "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/"
SUPPLIER = "AccountingSupplierParty/Party/"
CREDITS = {"81", "83", "261", "381", "396", "532"}  # UNTDID 1001: credit notes
CII = {
    "kind": "ExchangedDocument/TypeCode",
    "receipt_number": "ExchangedDocument/ID",
    "date": "ExchangedDocument/IssueDateTime/DateTimeString",
    "merchant": f"{SELLER}Name",
    "merchant_phone": f"{SELLER}DefinedTradeContact/TelephoneUniversalCommunication/CompleteNumber",
    "merchant_tax_id": f"{SELLER}SpecifiedTaxRegistration/ID[@schemeID='VA']|"
    f"{SELLER}SpecifiedTaxRegistration/ID",
    "streets": f"{SELLER}PostalTradeAddress/LineOne|{SELLER}PostalTradeAddress/LineTwo",
    "towns": f"{SELLER}PostalTradeAddress/PostcodeCode|{SELLER}PostalTradeAddress/CityName",
    "currency": f"{PAID}InvoiceCurrencyCode",
    "means": f"{PAID}SpecifiedTradeSettlementPaymentMeans/TypeCode",
    "card": f"{PAID}SpecifiedTradeSettlementPaymentMeans/ApplicableTradeSettlementFinancialCard/ID",
    "taxes": f"{PAID}ApplicableTradeTax",
    "rate": "RateApplicablePercent",
    "tax_amount": "CalculatedAmount",
    "subtotal": f"{PAID}*/TaxBasisTotalAmount",
    "tax": f"{PAID}*/TaxTotalAmount",
    "total": f"{PAID}*/GrandTotalAmount",
    "lines": "SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem",
    "description": "SpecifiedTradeProduct/Name",
    "quantity": "SpecifiedLineTradeDelivery/BilledQuantity",
    "unit_price": "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount",
    "price_of": "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/BasisQuantity",
    "amount": "SpecifiedLineTradeSettlement/*/LineTotalAmount",
    "charges": f"{PAID}SpecifiedTradeAllowanceCharge",
    "is_charge": "ChargeIndicator/Indicator",
    "reason": "Reason",
    "charge": "ActualAmount",
}
UBL = {
    "kind": "CreditNoteTypeCode|InvoiceTypeCode",
    "receipt_number": "ID",
    "date": "IssueDate",
    "merchant": f"{SUPPLIER}PartyName/Name|{SUPPLIER}PartyLegalEntity/RegistrationName",
    "merchant_phone": f"{SUPPLIER}Contact/Telephone",
    "merchant_tax_id": f"{SUPPLIER}PartyTaxScheme/CompanyID",
    "streets": f"{SUPPLIER}PostalAddress/StreetName|{SUPPLIER}PostalAddress/AdditionalStreetName",
    "towns": f"{SUPPLIER}PostalAddress/PostalZone|{SUPPLIER}PostalAddress/CityName",
    "currency": "DocumentCurrencyCode",
    "means": "PaymentMeans/PaymentMeansCode",
    "card": "PaymentMeans/CardAccount/PrimaryAccountNumberID",
    "taxes": "TaxTotal/TaxSubtotal",
    "rate": "TaxCategory/Percent",
    "tax_amount": "TaxAmount",
    "subtotal": "LegalMonetaryTotal/TaxExclusiveAmount",
    "tax": "TaxTotal/TaxAmount",
    "total": "LegalMonetaryTotal/TaxInclusiveAmount|LegalMonetaryTotal/PayableAmount",
    "lines": "InvoiceLine",
    "description": "Item/Name",
    "quantity": "InvoicedQuantity",
    "unit_price": "Price/PriceAmount",
    "price_of": "Price/BaseQuantity",
    "amount": "LineExtensionAmount",
    "charges": "AllowanceCharge",
    "is_charge": "ChargeIndicator",
    "reason": "AllowanceChargeReason",
    "charge": "Amount",
}
SYNTAXES = {
    "CrossIndustryInvoice": CII,
    "SCRDMCCBDACIOMessageStructure": CII,  # Order-X
    "Invoice": UBL,
    "CreditNote": UBL,
}
RENAMED = {
    # ZUGFeRD 1.0
    "CrossIndustryDocument": "CrossIndustryInvoice",
    "HeaderExchangedDocument": "ExchangedDocument",
    "SpecifiedSupplyChainTradeTransaction": "SupplyChainTradeTransaction",
    "ApplicableSupplyChainTradeAgreement": "ApplicableHeaderTradeAgreement",
    "ApplicableSupplyChainTradeSettlement": "ApplicableHeaderTradeSettlement",
    "SpecifiedSupplyChainTradeAgreement": "SpecifiedLineTradeAgreement",
    "SpecifiedSupplyChainTradeDelivery": "SpecifiedLineTradeDelivery",
    "SpecifiedSupplyChainTradeSettlement": "SpecifiedLineTradeSettlement",
    "ApplicablePercent": "RateApplicablePercent",
    # Order-X
    "OrderCurrencyCode": "InvoiceCurrencyCode",
    "RequestedQuantity": "BilledQuantity",
    # UBL's credit note
    "CreditNoteLine": "InvoiceLine",
    "CreditedQuantity": "InvoicedQuantity",
}
# Of the profile EXTENDED: lines that head others and have their sum, or that only inform; freight
LINE_KIND, NOT_BOUGHT = "*/LineStatusReasonCode", ("GROUP", "INFORMATION")
FREIGHT = f"{PAID}SpecifiedLogisticsServiceCharge"
TEXTS = ("merchant", "merchant_phone", "merchant_tax_id", "receipt_number", "currency")
_AMOUNT = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,10})?")


def find_invoice(pdf: Any) -> Receipt | None:
    """The fields of the first attached XML file that is an invoice; None without one.

    Warned of where another one has another number or total: one invoice may be there twice.
    """
    found = list(filter(None, map(read_invoice, _attached_xml(pdf))))
    if len({(invoice.receipt_number, invoice.total) for invoice in found}) > 1:
        return replace(found[0], warnings=("several_receipts",))
    return found[0] if found else None


def read_invoice(data: bytes) -> Receipt | None:
    """The fields of an XML file; None where it is no invoice, damaged, or declares entities.

    An invoice has a number or a total at least. What a credit note gives back is negative.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: encodings
        return None
    for node in root.iter():
        name = node.tag.rpartition("}")[2]  # profiles and versions differ in their namespaces
        node.tag = RENAMED.get(name, name)
    paths = SYNTAXES.get(root.tag)
    if paths is None:
        return None
    receipt = _receipt(root, paths)
    is_credit = root.tag == "CreditNote" or _text(root, paths["kind"]) in CREDITS
    if receipt.total is None:
        return receipt if receipt.receipt_number else None
    return _given_back(receipt) if is_credit and receipt.total > 0 else receipt


def _attached_xml(pdf: Any) -> Iterator[bytes]:
    from pypdfium2 import PdfiumError
    from pypdfium2.raw import FPDFAttachment_GetFile

    for number in range(min(MAX_FILES, pdf.count_attachments())):
        with suppress(PdfiumError):  # a damaged one is skipped
            attached, size = pdf.get_attachment(number), ctypes.c_ulong()
            FPDFAttachment_GetFile(attached, None, 0, size)
            if attached.get_name().lower().endswith(".xml") and 0 < size.value <= MAX_BYTES:
                yield bytes(attached.get_data())


def _receipt(root: Any, paths: Mapping[str, str]) -> Receipt:
    """Charges and allowances of the whole invoice are items: then these add up to the subtotal."""
    lines = tuple(
        _item(line, paths)
        for line in root.findall(paths["lines"])
        if _text(line, LINE_KIND) not in NOT_BOUGHT
    )
    charges = [_charge(charge, paths) for charge in root.findall(paths["charges"])]
    charges += map(_freight, root.findall(FREIGHT))
    texts: dict[str, Any] = {name: _text(root, paths[name]) for name in TEXTS}
    currency = texts["currency"]
    card = re.search(r"\d{4}$", _text(root, paths["card"]) or "")
    return Receipt(
        source="data",
        **texts,
        merchant_address=_address(root, paths),
        date=_day(_text(root, paths["date"])),
        items=lines and (*lines, *charges),
        taxes=tuple(_tax(tax, paths) for tax in root.findall(paths["taxes"])),
        subtotal=_amount(root, paths["subtotal"], currency),
        tax=_amount(root, paths["tax"], currency),
        total=_amount(root, paths["total"], currency),
        payment_method=METHODS.get(_text(root, paths["means"]) or ""),
        card_last4=card[0] if card else None,
    )


def _given_back(receipt: Receipt) -> Receipt:
    """The fields of a credit note, whose sums are what the shop pays."""
    return replace(
        receipt,
        items=tuple(replace(item, amount=_negative(item.amount)) for item in receipt.items),
        taxes=tuple(replace(tax, amount=_negative(tax.amount)) for tax in receipt.taxes),
        subtotal=_negative(receipt.subtotal),
        tax=_negative(receipt.tax),
        total=_negative(receipt.total),
    )


def _negative(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -amount


def _item(line: Any, paths: Mapping[str, str]) -> Item:
    """The unit price is None where it is the price of more than one, such as 100 screws."""
    is_price_of_one = _amount(line, paths["price_of"]) in (None, 1)
    return Item(
        _text(line, paths["description"]) or "",
        _amount(line, paths["quantity"]),
        _amount(line, paths["unit_price"]) if is_price_of_one else None,
        _amount(line, paths["amount"]),
    )


def _charge(charge: Any, paths: Mapping[str, str]) -> Item:
    is_charge = _text(charge, paths["is_charge"]) in ("true", "1")
    amount = _amount(charge, paths["charge"])
    reason = _text(charge, paths["reason"]) or ("Charge" if is_charge else "Allowance")
    return Item(reason, amount=amount if is_charge or amount is None else -amount)


def _freight(charge: Any) -> Item:
    return Item(_text(charge, "Description") or "Charge", amount=_amount(charge, "AppliedAmount"))


def _tax(tax: Any, paths: Mapping[str, str]) -> Tax:
    return Tax(_amount(tax, paths["rate"]), _amount(tax, paths["tax_amount"]))


def _address(root: Any, paths: Mapping[str, str]) -> str | None:
    """The streets, then code and town: Lieferantenstrasse 20, 80333 München."""
    towns = " ".join(_texts(root, paths["towns"]))
    return ", ".join([*_texts(root, paths["streets"]), *([towns] if towns else [])]) or None


def _texts(node: Any, paths: str) -> list[str]:
    """The texts at these paths, which a | separates, without those that are not there."""
    texts = (one_line(node.findtext(path) or "") for path in paths.split("|"))
    return [text[:MAX_TEXT_LENGTH] for text in texts if text]


def _text(node: Any, paths: str) -> str | None:
    return next(iter(_texts(node, paths)), None)


def _amount(node: Any, paths: str, currency: str | None = None) -> Decimal | None:
    """The first number at these paths, of those with a currency the one in the invoice's.

    The tax is often there twice, in the currency it is accounted in too.
    """
    found = [number for path in paths.split("|") for number in node.findall(path)]
    own = [number for number in found if number.get("currencyID") in (None, currency)]
    text = ((own or found)[0].text or "").strip() if found else ""
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def _day(text: str | None) -> str | None:
    """The ISO date of 20180305 (format 102) or 2018-03-05, whatever follows."""
    text = text or ""
    with suppress(ValueError):
        return date.fromisoformat(text[:10] if "-" in text else text[:8]).isoformat()
    return None
