"""What a file says exactly, besides its print: e-invoices and codes fill in a receipt. Pure."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

from fields.checks import MIN_PROBABILITY, AnyReceipt, check, reviewed
from fields.codes import PAYMENTS, Fields, read_code
from fields.money import find_amounts
from result import EVIDENCED, PRINTED, Code, Evidence, FileReceipt, Receipt, ReceiptWarning, Rows

SUMS = ("subtotal", "discount", "taxes", "tax", "tip", "total")
# What a till signs; the shop's name, a number and the minute may well be printed otherwise.
SIGNED = ("date", "currency", "tax", "total")
CONTRADICTED = 0.8  # probability of what is exact, where the print seems to say otherwise
DAYS = ("%Y%m%d", "%d%m%Y", "%y%m%d", "%d%m%y")  # as tills write them into codes
DAY_FOUND = 0.99  # probability; six digits are in others by chance in one code of 10,000
LONGEST_DATED = 64  # characters; a longer code has some six digits by chance

FAR = 1_000_000  # pages

Given = dict[str, tuple[Any, Code]]  # a field's value, and the code that says it


def with_invoice(
    printed: AnyReceipt, invoice: Receipt, amounts: Set[Decimal], today: date
) -> AnyReceipt:
    """The fields of an e-invoice, and those of the print that it leaves out.

    All sums are those of the invoice, since sums of two sources need not add up. The total is to
    be reviewed where it is not among the amounts that are printed; a credit note may print it
    without a sign.
    """
    sums = SUMS if invoice.total is not None else ()
    found = {field.name: getattr(invoice, field.name) for field in PRINTED}
    given = {
        name: value for name, value in found.items() if value not in (None, ()) or name in sums
    }
    evidence = {
        name: None if given[name] is None else Evidence(1.0, "data")
        for name in EVIDENCED
        if name in given
    }
    totals = set() if invoice.total is None else {invoice.total, -invoice.total}
    if amounts and totals and not amounts & totals:
        evidence["total"] = Evidence(CONTRADICTED, "data")
    proved = replace(printed.evidence, **evidence)
    warnings = (*printed.warnings, *invoice.warnings)
    exact = replace(printed, **given, source="data", evidence=proved, warnings=warnings)
    return _checked(exact, {"no_text", *invoice.warnings}, today)


def amounts_in(rows: Rows) -> set[Decimal]:
    """Every number that is printed."""
    texts = (" ".join(line.text for line in row) for row in rows)
    return {amount.value for text in texts for amount in find_amounts(text)}


def with_codes(receipt: AnyReceipt, codes: Sequence[Code], today: date) -> AnyReceipt:
    """The receipt with what its codes say: what a till signs replaces what was read.

    The rest, and what is to be paid by a code, which may be a part of the total, fills in what was
    not found. What was read as a code says it is proved, as is a day in the digits of any code.
    """
    known = [(code, *found) for code in codes if (found := read_code(code.text))]
    signed = _given([(code, f) for code, name, f in known if name not in PAYMENTS], receipt)
    given = _given([(code, f) for code, name, f in known if name in PAYMENTS]) | signed
    month, _ = given.pop("month", (None, None))
    own = {code for code, name, _ in known if name not in PAYMENTS}  # they say their day, or none
    now = {
        name: value
        for name, (value, _) in given.items()
        if getattr(receipt, name) is None or (name in signed and name in SIGNED)
    }
    evidence = _day_evidence(receipt, [code for code in codes if code not in own]) | {
        name: _evidence(receipt, name, *given[name])
        for name in EVIDENCED
        if name in now or (name in given and getattr(receipt, name) == given[name][0])
    }
    evidence |= _other_month(replace(receipt, **now), month, evidence.get("date"))
    exact = replace(receipt, **now, evidence=replace(receipt.evidence, **evidence))
    if now or evidence:
        receipt = _checked(exact, _kept(exact, signed), today)
    if "several_receipts" in receipt.warnings or not _contradict(known):
        return receipt
    return reviewed(replace(receipt, warnings=(*receipt.warnings, "several_receipts")))


def _contradict(known: Sequence[tuple[Code, str, Fields]]) -> bool:
    """Whether tills signed several receipts: two codes of one format say different things."""
    return any(
        one == other and any(others.get(name, value) != value for name, value in fields.items())
        for (_, one, fields), (_, other, others) in combinations(known, 2)
        if one not in PAYMENTS
    )


def owned(receipts: Sequence[FileReceipt], codes: Sequence[Code]) -> list[list[Code]]:
    """The codes of each receipt: those nearest to it. One as near to several is no one's."""
    own: list[list[Code]] = [[] for _ in receipts]
    for code in codes:
        ways = [_distance(code, receipt) for receipt in receipts]
        if ways.count(min(ways)) == 1:
            own[ways.index(min(ways))].append(code)
    return own


def _distance(code: Code, receipt: FileReceipt) -> tuple[int, int]:
    """The pages from where the receipt begins to the code, and the pixels between them.

    A code on a page before the receipt is farther than any behind its beginning.
    """
    pages, box = code.page - receipt.page, receipt.box or code.box
    across = max(box[0] - code.box[2], code.box[0] - box[2], 0)
    down = max(box[1] - code.box[3], code.box[1] - box[3], 0)
    return pages if pages >= 0 else FAR - pages, across + down


def _given(known: Sequence[tuple[Code, Fields]], receipt: Receipt | None = None) -> Given:
    """Each field, by the first code that has it.

    Of codes that contradict each other, those count that say the total of the `receipt`.
    """
    if receipt and len({(fields.get("date"), fields.get("total")) for _, fields in known}) > 1:
        known = [one for one in known if one[1].get("total") == receipt.total is not None]
    return {name: (fields[name], code) for code, fields in reversed(known) for name in fields}


def _evidence(receipt: Receipt, name: str, value: Any, code: Code) -> Evidence:
    """Of a field that a code says: less probable where the print is clear and says otherwise."""
    read, old = getattr(receipt, name), getattr(receipt.evidence, name)
    is_clear = old is not None and (old.probability or 0) >= MIN_PROBABILITY
    is_contradicted = is_clear and read not in (None, value)
    return Evidence(CONTRADICTED if is_contradicted else 1.0, "code", code.page, code.box)


def _day_evidence(receipt: Receipt, codes: Sequence[Code]) -> dict[str, Evidence]:
    """Of the printed day, where the digits of a code hold it."""
    day = date.fromisoformat(receipt.date) if receipt.date else date.min
    written = [day.strftime(form) for form in DAYS] if receipt.date else []
    for code in codes:
        is_short = len(code.text) <= LONGEST_DATED
        if is_short and any(digits in code.text for digits in written):
            return {"date": Evidence(DAY_FOUND, "code", code.page, code.box)}
    return {}


def _other_month(
    receipt: Receipt, month: str | None, evidence: Evidence | None
) -> dict[str, Evidence]:
    """Of a day that is not in the month which a code says: it is to be reviewed."""
    if not (receipt.date and month) or receipt.date.startswith(month):
        return {}
    source = "ocr" if receipt.source == "rules" else receipt.source
    old = evidence or receipt.evidence.date or Evidence(source=source)
    probability = CONTRADICTED if old.probability is None else min(old.probability, CONTRADICTED)
    return {"date": replace(old, probability=probability)}


def _kept(receipt: Receipt, signed: Given) -> set[ReceiptWarning]:
    """The warnings of the print that still hold."""
    kept: set[ReceiptWarning] = {*receipt.warnings}
    if receipt.total is not None and receipt.date:
        kept -= {"not_a_receipt"}
    return kept - {"date_ambiguous"} if "date" in signed else kept


def _checked(receipt: AnyReceipt, kept: set[ReceiptWarning], today: date) -> AnyReceipt:
    """The receipt with the warnings that its fields give now, and those to keep of the others."""
    others = kept - {"total_mismatch", "items_mismatch", "date_in_future"}
    warnings = (*check(receipt, today), *(w for w in receipt.warnings if w in others))
    return reviewed(replace(receipt, warnings=warnings))
