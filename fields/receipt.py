"""The fields of a receipt from its printed rows, and the checks of fields against each other. Pure.

Reads no clock: the caller gives today's date.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise, product, repeat

from fields.checks import (
    JUDGED,
    MIN_PROBABILITY,
    MIN_PROBABILITY_UNWARNED,
    check,
    is_doubtful,
    reviewed,
)
from fields.contacts import find_phone
from fields.currencies import STYLES, find_home
from fields.dates import find_dates
from fields.items import find_items
from fields.labels import read_rows, text_of
from fields.lexicon import rule
from fields.merchants import Merchant, find_merchant
from fields.money import UNKNOWN
from fields.payment import find_last4, find_payment
from fields.purchase import Purchase, find_purchase
from fields.tax_ids import find_tax_id, tax_id_in
from fields.totals import Totals, find_totals
from result import Evidence, FieldEvidence, Line, Receipt, ReceiptWarning

# Confidences below which figures and names may be misread.
MIN_TOTAL_CONFIDENCE = 0.85
MIN_DATE_CONFIDENCE = 0.8
MIN_NAME_CONFIDENCE = 0.82
MAX_ROWS = 600  # that are looked at: the head and the foot of a longer text, in equal parts

_ANY_NUMBER = (
    r"(?![A-Z]{1,5}[015][^\W\d_]{6,}\b)(?-i:[A-Z]{2} (?=[A-Z]*\d))?"  # not FACTURA S1MPLIFICADA
    r"(?-i:[A-Z]{0,5})[-/ ]?(?:\d{1,3}(?:\.\d{3}){2,}|\d[\w\-/]+\w)"
)
_NUMBER = rule(  # of one or two digits only behind a word for number: SCONTR. N. 44
    r"\b(?!(?<=, )or \d{5}\b)(?P<label><numbers.receipt>)"
    r"(?:\b|(?<=[\u3040-\u9fff])|(?=\d{4}|n[°º]))[ .\-]{0,3}"
    r"(?P<no><numbers.number>|#)?[ .:#\-]{0,6}"
    rf"(?P<number>{_ANY_NUMBER}|(?(no)\d{{1,2}}(?![\w.,/]| ?-? ?\d)|(?!)))"
)
_ALONE = rule(  # N° 1204887; it has four digits, or three behind a dot
    r"^\W{0,3}(?P<no><numbers.number>)?\W{0,3}(?=(?:[A-Z]{2} )?[\w\-/.]{0,12}(?:\d{4}|\.\d{3}))"
    rf"(?P<number>{_ANY_NUMBER})(?(no)(?!\w)|\W*$)"
)
_LABEL = rule(r"\b<numbers.receipt>\b")
_MISREAD = re.compile(r"(?<=\d)[OIl](?=\d)")  # 1826O93
_DIGITS = str.maketrans("OIl", "011")
_ORDER = rule(r"\b<numbers.order>\b")
_PAYMENT = rule(r"\b<numbers.payment>\b")


def read_receipt(
    rows: Sequence[Sequence[Line]], today: date | None = None, pages: Sequence[int] = ()
) -> Receipt:
    """The fields that the rules find, with warnings; `no_text` where there is nothing to read.

    A date after `today` is taken only where no other is printed, and warned of; with None any
    is. `pages` has the page of each row, the first is 0; without it all are on that.
    """
    placed = _head_and_foot(rows, pages)
    if not placed:
        return reviewed(Receipt(source="rules", warnings=("no_text",)))
    texts = [text_of(row) for row, _ in placed]
    home = find_home(texts)
    lines, at = zip(*placed, strict=True)
    read = read_rows(lines, at, STYLES[home.currency] if home.currency else UNKNOWN)
    merchant = find_merchant(read)
    totals = find_totals(read, home.currency)
    purchase = find_purchase(read, home, today)
    paid = find_payment(read, totals.total and totals.total.value)
    receipt = Receipt(
        source="rules",
        merchant=merchant.name,
        merchant_address=merchant.address,
        merchant_phone=find_phone(read),
        merchant_tax_id=find_tax_id(read, home.country),
        receipt_number=_receipt_number(texts),
        date=purchase.date,
        time=purchase.time,
        currency=home.currency,
        items=find_items(read, totals.first_row, _sums(totals, MIN_PROBABILITY), _sums(totals, 0)),
        subtotal=totals.subtotal and totals.subtotal.value,
        discount=totals.discount,
        taxes=totals.taxes,
        tax=totals.tax and totals.tax.value,
        tip=totals.tip and totals.tip.value,
        total=totals.total and totals.total.value,
        payment_method=paid and paid[0],
        card_last4=None if paid and paid[0] == "cash" else find_last4(read),
        evidence=_evidence(merchant, totals, purchase, paid and paid[1]),
    )
    doubts = _doubts(receipt, merchant, totals, purchase)
    return reviewed(replace(receipt, warnings=(*check(receipt, today), *doubts)))


def _head_and_foot(
    rows: Sequence[Sequence[Line]], pages: Sequence[int]
) -> list[tuple[Sequence[Line], int]]:
    """The first and the last rows with their pages, MAX_ROWS in all."""
    placed = list(zip(rows, pages or repeat(0), strict=False))
    half = MAX_ROWS // 2
    return placed[:half] + placed[half:][-half:]


def _sums(totals: Totals, least: float) -> set[Decimal]:
    """What the items may add up to, by a subtotal and a total of this probability at least."""
    subtotal, total = (
        found.value if found and not is_doubtful(found.evidence, least) else None
        for found in (totals.subtotal, totals.total)
    )
    parts = [totals.tax and totals.tax.value, totals.tip and totals.tip.value]
    parts.append(-abs(totals.discount or Decimal(0)))
    ways = product(*({Decimal(0), part or Decimal(0)} for part in parts))
    sums = {total - sum(way) for way in ways} if total is not None else set()
    return ({subtotal, *sums} if subtotal is not None else sums) - {Decimal(0)}


def _evidence(
    merchant: Merchant, totals: Totals, purchase: Purchase, payment: Evidence | None
) -> FieldEvidence:
    sums = {name: getattr(totals, name) for name in ("total", "subtotal", "tax", "tip")}
    return FieldEvidence(
        merchant=_read(merchant.evidence, merchant.confidence),
        date=_read(purchase.evidence, purchase.confidence),
        payment_method=payment,
        **{name: found and _read(found.evidence, found.confidence) for name, found in sums.items()},
    )


def _read(chosen: Evidence | None, confidence: float) -> Evidence | None:
    """The evidence, as probable as both its choice and the reading of its print."""
    if chosen is None or chosen.probability is None:
        return chosen
    return replace(chosen, probability=round(chosen.probability * confidence, 4))


def _doubts(
    receipt: Receipt, merchant: Merchant, totals: Totals, purchase: Purchase
) -> tuple[ReceiptWarning, ...]:
    """What may be read wrongly, by its print or its order of day and month."""
    is_faint = (
        (totals.total is not None and totals.total.confidence < MIN_TOTAL_CONFIDENCE)
        or (receipt.merchant is not None and merchant.confidence < MIN_NAME_CONFIDENCE)
        or (receipt.date is not None and purchase.confidence < MIN_DATE_CONFIDENCE)
    )
    improbable = (
        is_doubtful(getattr(receipt.evidence, name), MIN_PROBABILITY_UNWARNED) for name in JUDGED
    )
    is_none = receipt.total is None and (receipt.date is None or not receipt.items)
    found: dict[ReceiptWarning, bool] = {
        "date_ambiguous": purchase.is_ambiguous,
        "low_confidence": is_faint or any(improbable),
        "not_a_receipt": is_none,
    }
    return tuple(warning for warning, is_so in found.items() if is_so)


def _receipt_number(texts: Sequence[str]) -> str | None:
    """The first number that is called so, and is no date, tax number or postcode: , OR 97212.

    That of an order or a payment, and one of one or two digits, is taken where there is no other:
    ORDER #2.
    """
    called = [(label, number) for label, match in _labelled(texts) if (number := _number_in(match))]
    called.sort(key=lambda pair: (len(pair[1]) < 3, _rank(pair[0])))
    return next((number for _, number in called), None)


def _rank(label: str) -> int:
    """0 for a receipt's number, 1 for an order's, 2 for a payment's."""
    return 2 if _PAYMENT.search(label) else int(bool(_ORDER.search(label)))


def _labelled(texts: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """What may be the receipt's number, behind its label or alone below it: BOLETA, N° 1204887."""
    for above, text in pairwise(("", *texts)):
        if match := _NUMBER.search(text):
            yield match["label"], match
        elif _is_label(above) and (match := _ALONE.search(text)):
            yield above, match


def _number_in(found: re.Match[str]) -> str | None:
    """The number that was found, but for a date and a tax number."""
    other = tax_id_in(found.string)
    is_tax_id = other and found["number"] in other["number"]
    if is_tax_id or any(find_dates(found["number"])):
        return None
    return _MISREAD.sub(lambda letter: letter[0].translate(_DIGITS), found["number"].strip())


def _is_label(text: str) -> bool:
    return bool(_LABEL.search(text)) and not any(map(str.isdigit, text))
