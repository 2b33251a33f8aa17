"""What a file says exactly, besides its print: e-invoices and codes fill in a receipt. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from fields.checks import check, reviewed
from fields.codes import PAYMENTS, Fields, read_code
from result import EVIDENCED, PRINTED, Code, Evidence, FieldEvidence, Receipt, ReceiptWarning

SUMS = ("subtotal", "discount", "taxes", "tax", "tip", "total")
# What a till signs; the shop's name, a number and the minute may well be printed otherwise.
SIGNED = ("date", "currency", "tax", "total")


def with_invoice(printed: Receipt, invoice: Receipt, today: date) -> Receipt:
    """The fields of an e-invoice, and those of the print that it leaves out.

    All sums are those of the invoice, since sums of two sources need not add up.
    """
    sums = SUMS if invoice.total is not None else ()
    found = {field.name: getattr(invoice, field.name) for field in PRINTED}
    told = {name: value for name, value in found.items() if value not in (None, ()) or name in sums}
    evidence = _evidence(printed, told, Evidence(1.0, "data"))
    receipt = replace(printed, **told, source="data", evidence=evidence)
    return _checked(receipt, {"no_text"}, today)


def with_codes(receipt: Receipt, codes: Sequence[Code], today: date) -> Receipt:
    """The receipt with what its codes say: what a till signs replaces what was read.

    The rest, and what is to be paid by a code, which may be a part of the total, fills in what was
    not found.
    """
    known = [found for code in codes if (found := read_code(code.text))]
    signed = _of_receipt([fields for name, fields in known if name not in PAYMENTS], receipt)
    payments = [fields for name, fields in known if name in PAYMENTS]
    told: Fields = {}
    for fields in (*signed, *payments):
        told = fields | told  # the first code that has a field
    missing = {name: value for name, value in told.items() if getattr(receipt, name) is None}
    sure = {name: fields[name] for fields in signed for name in SIGNED if name in fields}
    told_now = missing | sure
    evidence = _evidence(receipt, told_now, Evidence(1.0, "code"))
    exact = replace(receipt, **told_now, evidence=evidence)
    kept: set[ReceiptWarning] = {*receipt.warnings}
    if exact.total is not None and exact.date:
        kept -= {"not_a_receipt"}
    if "date" in sure:
        kept -= {"date_ambiguous"}
    return _checked(exact, kept, today) if told else receipt


def _of_receipt(signed: Sequence[Fields], receipt: Receipt) -> list[Fields]:
    """The codes of this receipt. Of codes that contradict each other, those that say its total."""
    if len({(fields.get("date"), fields.get("total")) for fields in signed}) < 2:
        return list(signed)
    return [fields for fields in signed if fields.get("total") == receipt.total is not None]


def _checked(receipt: Receipt, kept: set[ReceiptWarning], today: date) -> Receipt:
    """The receipt with the warnings that its fields give now, and those to keep of the others."""
    others = kept - {"total_mismatch", "items_mismatch", "date_in_future"}
    warnings = (*check(receipt, today), *(w for w in receipt.warnings if w in others))
    return reviewed(replace(receipt, warnings=warnings))


def _evidence(receipt: Receipt, told: Iterable[str], new: Evidence) -> FieldEvidence:
    """The receipt's evidence, with the new one for the fields told."""
    return replace(receipt.evidence, **{name: new for name in told if name in EVIDENCED})
