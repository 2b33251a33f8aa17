"""The total, the subtotal, the taxes and the tip. Pure: rows of the receipt in.

Every amount has a learned probability of being each of them; those are taken that are likeliest
together, as sums that agree are.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, combinations, islice, product
from operator import itemgetter
from typing import NamedTuple

from fields.amounts import Candidate, find_candidates
from fields.checks import ROUNDING, adds_up
from fields.labels import Row
from fields.learned import against, chance, log_odds, probabilities
from fields.lexicon import COUNTRIES, rule
from fields.money import Amount
from result import Evidence, Tax

MIN_PROBABILITY = 0.15  # an amount with less is not the total
AGREEMENT = 1.5  # log-odds for sums that agree
PRESENCE = 1.0  # log-odds for a subtotal and a tax: one of 27 % is given, and reviewed
SUMS = ("total", "grand", "subtotal", "rounded", "inclusive")  # roles
CODES = {file["currency"]["code"] for file in COUNTRIES.values() if "currency" in file}
MOST_OF_RATE = Decimal("1.05")  # of the tax inside the total: tips and rounding are not taxed
CENT = Decimal("0.011")
HALF_A_CENT = Decimal("0.0051")  # by which a tax is rounded
RATES = {
    Decimal(rate) for file in COUNTRIES.values() for rate in file.get("tax", {}).get("rates", ())
}
CALLED = (*SUMS, "count")  # TOTAL 3 ITEMS 8.79
WAYS = ("items", "items and tax", "cash less change", "derived")  # that make a total
MOST_LISTED = 8  # rows between a subtotal and its total
TRIED = 4  # of the likeliest amounts for each sum
_INSIDE = rule(r"\b<topics.tax>\b\D{0,20}\W<labels.inside>(?: \w+)? ?<topics.total>\b")


class Sum(NamedTuple):
    """A value with the amount it was read from, and how probable it is."""

    value: Decimal
    evidence: Evidence
    confidence: float  # of its figures


class _Rated(NamedTuple):
    """A row with the rate of a tax, and what was paid with it, None where that is not printed."""

    tax: Tax
    paid: Decimal | None
    evidence: Evidence


class _Adjustment(NamedTuple):
    """What the total differs by from the sum of subtotal, tax and charges, each signed."""

    discount: Decimal | None = None
    rounding: Decimal = Decimal(0)


_Way = tuple[Sum | None, Sum | None, Sum | None, Sum | None]


class Totals(NamedTuple):
    subtotal: Sum | None
    discount: Decimal | None
    taxes: tuple[Tax, ...]
    tax: Sum | None
    tip: Sum | None
    total: Sum | None
    first_row: int  # of the sums: the items stand above it


def find_totals(rows: Sequence[Row], currency: str | None = None) -> Totals:
    """What the sums most likely are; a total in another currency than this one is none."""
    rows = _without_foreign(rows, currency)
    candidates = find_candidates(rows)
    likely = {name: _likely(rows, candidates, name) for name in ("total", "subtotal", "tax")}
    tips = _called(rows, [c for c in candidates if not _is_suggested(rows[c.row])], "tip")
    no_taxes = [candidate for candidate in candidates if "tax" not in candidate.label]
    services = _called(rows, no_taxes, "service")  # a service tax is a tax
    rated = _tax_rows(rows)
    rounding = _rounding(candidates)
    adjustments = [_Adjustment(off, rounding) for off in _discounts(rows, candidates)]
    doubled = _doubled(likely["tax"], [found.tax for found in rated])
    doubled += _summed(likely["tax"], rated)
    likely["tax"] += _added(likely["tax"])
    printed = {number.value for row in rows for number in row.numbers}
    called = {c.amount.value for c in candidates if c.label & {"total", "grand"}}
    refunded = {-value for value in called} - called
    likely["total"] = [_as_charged(found, printed - refunded) for found in likely["total"]]
    found = likely | {"tax": likely["tax"] + doubled}
    ways = {each: _together(found, [*tips, *services], each) for each in adjustments}
    needed = (each for each, way in ways.items() if _is_needed(way, each))
    adjustment = next(needed, adjustments[-1])
    total, subtotal, tax, charge = way = ways[adjustment]
    discount = adjustment.discount
    before = total.value - (discount or 0) if total else Decimal(0)
    rated = _of_total(rated, total, before)
    proofs = _proofs(way, likely["total"], adjustment, candidates)
    is_of_rates = total is not None and _is_paid_with(rated, total.value, rounding)
    if is_of_rates and len(rated) > 1:
        proofs["total"] = 1
    is_needed = _agrees(way, adjustment) and not _agrees((total, subtotal, tax, None), adjustment)
    is_needed |= charge is not None and charge.value in _listed(candidates, way)
    tip = charge if charge in tips and (is_needed or _is_paid(charge, total, printed)) else None
    total, subtotal, tax = (
        found and _judged(found, likely[name], proofs[name])
        for name, found in (("total", total), ("subtotal", subtotal), ("tax", tax))
    )
    tax = _of_all_rates(tax, rated, total if is_of_rates else None, printed)
    first_row = _first_row(candidates, len(rows), {s.value for s in (subtotal, total) if s})
    return Totals(
        subtotal, discount, tuple(r.tax for r in rated if r.tax.amount), tax, tip, total, first_row
    )


def _proofs(
    way: _Way, totals: Sequence[Sum], adjustment: _Adjustment, candidates: Sequence[Candidate]
) -> dict[str, int]:
    """For each sum 1 if the others make it, -1 if they make one of `totals` instead, else 0."""
    total, subtotal, tax, charge = way
    agrees = _agrees(way, adjustment)
    is_proved = bool(tax and tax.value and agrees)
    makes_another = any(  # Total 593.58 of 86.50 and 7.08
        _agrees((other, subtotal, tax, charge), adjustment) for other in totals
    )
    is_disproved = not agrees and (makes_another or _is_unmade(total, candidates))
    return {"total": is_proved - is_disproved, "subtotal": is_proved, "tax": is_proved}


def _is_unmade(total: Sum | None, candidates: Sequence[Candidate]) -> bool:
    """The total is printed once and nothing makes it, while items and tax make another amount."""
    own = [c.features for c in candidates if total and c.amount.value == total.value]
    is_made = len(own) != 1 or any(own[0][way] for way in WAYS)
    return not is_made and any(c.features["items and tax"] for c in candidates)


def _is_paid_with(rated: Sequence[_Rated], total: Decimal, rounding: Decimal) -> bool:
    """The total is what was paid with all rates, rounded or not."""
    paid = _paid_with_all(rated)
    return paid is not None and min(abs(paid - total), abs(paid - total + rounding)) <= ROUNDING


def _paid_with_all(rated: Sequence[_Rated]) -> Decimal | None:
    """What was paid with all rates: 18.54 with 7 % and 5.69 with 19 %. None if not all tell."""
    parts = [found.paid for found in rated if found.paid is not None]
    return sum(parts, Decimal(0)) if parts and len(rated) == len(parts) else None


def _of_all_rates(
    tax: Sum | None, rated: Sequence[_Rated], total: Sum | None, printed: set[Decimal]
) -> Sum | None:
    """The tax of all rates together, where their sum is known; else the tax as it was found.

    Their sum is known if it is printed, or if a `total` is given, which is what was paid with all
    of them: then the tax is as sure as the total. A tax that is none of theirs stays.
    """
    amounts = _amounts(rated)
    whole = sum(amounts, Decimal(0))
    if not amounts or (tax and tax.value not in (*amounts, whole)):
        return tax
    if total:
        own = tax.evidence if tax else rated[0].evidence
        chances = (found.evidence.probability or 0 for found in (tax, total) if found)
        evidence = replace(own, probability=max(chances))
        return Sum(whole, evidence, tax.confidence if tax else total.confidence)
    return tax._replace(value=whole) if tax and whole in printed else tax


def _likely(rows: Sequence[Row], candidates: Sequence[Candidate], name: str) -> list[Sum]:
    """The values that are likeliest the sum of this name, the likeliest first."""
    found: dict[Decimal, tuple[float, Candidate]] = {}
    chances = probabilities(name, [candidate.features for candidate in candidates])
    for candidate, likely in zip(candidates, chances, strict=True):
        value = candidate.amount.value
        is_saved = role_of(candidate.label) == "discount"  # TOTAL SAVINGS 9.96
        row = rows[candidate.row]
        if name == "tax" and "service" in candidate.label and "tax" not in candidate.label:
            continue
        if name == "total" and (is_saved or _is_suggested(row) or _is_inside(row)):
            continue
        if value not in found or likely > found[value][0]:
            found[value] = likely, candidate
    best = sorted(found.values(), key=itemgetter(0), reverse=True)[:TRIED]
    return [_sum(rows, candidate, likely) for likely, candidate in best]


def _without_foreign(rows: Sequence[Row], currency: str | None) -> list[Row]:
    """The rows without the amounts of totals in other currencies, where one is in this one."""
    printed = [_codes(row) for row in rows]
    if not any(currency in codes for codes in printed):
        return list(rows)
    return [
        row._replace(numbers=(), amounts=()) if codes and currency not in codes else row
        for row, codes in zip(rows, printed, strict=True)
    ]


def _codes(row: Row) -> set[str]:
    """The currencies that a row with a total names."""
    is_total = row.amounts and row.topics & {"total", "grand"}
    return CODES & set(re.findall(r"[A-Z]{3}", row.text)) if is_total else set()


def _is_suggested(row: Row) -> bool:
    """Whether the row says what a tip would make: 18%: (TIP 5.49 TOTAL 39.13)."""
    return {"tip", "total"} <= row.topics and "%" in row.text


def _is_inside(row: Row) -> bool:
    """Whether the row says what tax is inside the total: GST INCLUDED IN TOTAL 4.40."""
    return bool({"tax", "total"} <= row.topics and _INSIDE.search(row.text))


def _as_charged(total: Sum, printed: set[Decimal]) -> Sum:
    """The total without its minus, where the same amount is printed as a charge and as paid."""
    is_payment = total.value < 0 and -total.value in printed
    return total._replace(value=-total.value) if is_payment else total


def _added(taxes: Sequence[Sum]) -> list[Sum]:
    """Two taxes as one, such as a country's and a state's, as probable as the less probable."""
    return [
        min(pair, key=_chance)._replace(value=sum((tax.value for tax in pair), Decimal(0)))
        for pair in combinations(taxes, 2)
    ]


def _doubled(likely: Sequence[Sum], taxes: Sequence[Tax]) -> list[Sum]:
    """Taxes that are printed twice, as one: India's CGST and SGST are always the same amount."""
    amounts = Counter(tax.amount for tax in taxes)
    return [tax._replace(value=2 * tax.value) for tax in likely if amounts[tax.value] == 2]


def _summed(likely: Sequence[Sum], rated: Sequence[_Rated]) -> list[Sum]:
    """More than two taxes as one: the levies of Ghana beside its VAT."""
    amounts = set(_amounts(rated))
    own = [tax for tax in likely if tax.value in amounts] if len(rated) > 2 else []
    return [max(own, key=_chance)._replace(value=sum(_amounts(rated), Decimal(0)))] if own else []


def _judged(found: Sum, likely: Sequence[Sum], proof: int) -> Sum:
    """The sum with its probability beside its rivals.

    `proof` is 1 if the other sums make it, -1 if they make a rival, else 0.
    """
    rivals = (_chance(other) for other in likely if other.value != found.value)
    odds = log_odds(against(_chance(found), rivals)) + AGREEMENT * proof
    return found._replace(evidence=replace(found.evidence, probability=chance(odds)))


def _chance(found: Sum) -> float:
    return found.evidence.probability or 0.0


def _sum(rows: Sequence[Row], candidate: Candidate, likely: float | None) -> Sum:
    row, amount = rows[candidate.row], candidate.amount
    place = amount.start, amount.end
    evidence = Evidence(likely, "ocr", row.page, row.box(*place))
    return Sum(amount.value, evidence, row.lowest_confidence(*place))


def _called(rows: Sequence[Row], candidates: Sequence[Candidate], role: str) -> list[Sum]:
    called = (c for c in candidates if role_of(c.label) == role and c.amount.value > 0)
    return [_sum(rows, c, None) for c in islice(called, TRIED)]


def _is_paid(tip: Sum, total: Sum | None, printed: set[Decimal]) -> bool:
    """With the tip or without it, the total is another printed amount: a suggested tip makes none.

    True where there is no total.
    """
    return total is None or bool({total.value + tip.value, total.value - tip.value} & printed)


def _listed(candidates: Sequence[Candidate], way: _Way) -> list[Decimal]:
    """The amounts below the subtotal that lead to the total: a fee, the tax, the tip."""
    total, subtotal, _, _ = way
    if not (total and subtotal):
        return []
    money = {c.row: c.amount.value for c in candidates if c.amount.is_money}
    start = min((row for row, value in money.items() if value == subtotal.value), default=0)
    below = [value for row, value in money.items() if row > start][:MOST_LISTED]
    made = list(accumulate(below, initial=subtotal.value))
    return below[: made.index(total.value)] if total.value in made else []


def _together(
    likely: dict[str, list[Sum]], charges: Sequence[Sum], adjustment: _Adjustment
) -> _Way:
    """Total, subtotal, tax and one charge that are likeliest together, as sums that agree are."""
    totals = [found for found in likely["total"] if _chance(found) >= MIN_PROBABILITY]
    totals = [found for found in totals if found.value] or totals  # a balance of 0 was paid
    ways = product(
        totals or (None,), (None, *likely["subtotal"]), (None, *likely["tax"]), (None, *charges)
    )
    return max(filter(_is_possible, ways), key=lambda way: _worth(way, adjustment))


def _is_possible(way: _Way) -> bool:
    """The tax is at most half the total (Total incl. GST 34.80), unless coupons paid the rest."""
    total, subtotal, tax, _ = way
    is_most = total and tax and tax.value and 2 * abs(tax.value) > abs(total.value)
    return not is_most or (subtotal is not None and subtotal.value == 0)


def _worth(way: _Way, adjustment: _Adjustment) -> float:
    total, subtotal, tax, tip = way
    odds = sum(log_odds(_chance(found)) for found in (total, subtotal, tax) if found)
    odds += PRESENCE * (bool(subtotal) + bool(tax))
    return odds + AGREEMENT * _agrees(way, adjustment) + 0.1 * bool(tip)


def _agrees(way: _Way, adjustment: _Adjustment) -> bool:
    """The subtotal, the tax, the tip and the discount make the total, rounded or not."""
    total, subtotal, tax, tip = way
    if not (total and subtotal and total.value != subtotal.value):
        return False
    more = tax and tax.value, tip and tip.value, adjustment.discount
    exact = {total.value, total.value - adjustment.rounding}
    return any(adds_up(each, subtotal.value, *more) for each in exact)


def _is_needed(way: _Way, adjustment: _Adjustment) -> bool:
    """The sums make the total with the discount, and not without it."""
    return _agrees(way, adjustment) and not _agrees(way, adjustment._replace(discount=None))


def _first_row(candidates: Sequence[Candidate], length: int, sums: Set[Decimal]) -> int:
    """The index of the first row with the subtotal or the total: `sums` are these two.

    Without them it is the first row called a sum, or a payment where no sum is printed.
    """
    money = [(c.row, role_of(c.label), c.amount.value) for c in candidates if c.amount.is_money]
    called = [(row, value) for row, role, value in money if role in SUMS]
    chosen = [row for row, role, value in money if role in CALLED and value in sums]
    paid = [row for row, role, _ in money if role in ("cash", "card", "tax")]
    first = min(chosen or [row for row, _ in called] or paid, default=length)
    parts = [row for row, role, value in money if role == "subtotal" and value in sums]
    last = min(parts, default=0)
    is_above = any(row == first and role in ("total", "grand") for row, role, _ in money)
    has_things = any(first < row < last and role is None for row, role, _ in money)
    return last if is_above and has_things else first  # Total, things, Subtotal


def _discounts(rows: Sequence[Row], candidates: Sequence[Candidate]) -> list[Decimal | None]:
    """What may be taken off the subtotal, as negative amounts; the first that the sums need is it.

    The last is taken where the sums need none: the only discount, or what is called their total;
    None where there are several, which are of single things, and where nothing is called one.
    """
    named: dict[int, Decimal] = {}
    sure: dict[int, Decimal] = {}
    for candidate in (c for c in candidates if _is_discount(c, rows[c.row])):
        row, value = candidate.row, candidate.amount.value
        if row not in named or value < 0:
            named[row] = -abs(value)
            if not _is_before_words(rows[row], candidate.amount):
                sure[row] = named[row]
    if not named:
        return [_taken_off(candidates), None]
    whole = {value for row, value in sure.items() if "total" in rows[row].topics}
    alone = list(whole or sure.values())
    return [
        *named.values(),
        sum(named.values(), Decimal(0)),
        alone[0] if len(alone) == 1 else None,
    ]


def _rounding(candidates: Sequence[Candidate]) -> Decimal:
    """The last amount that is called a rounding, such as -0,43 in Sweden; 0 where none is."""
    called = (c.amount.value for c in reversed(candidates) if role_of(c.label) == "rounding")
    return next(called, Decimal(0))


def _is_discount(candidate: Candidate, row: Row) -> bool:
    """The amount is called a discount: not Sub Total before Discount, nor a price: DISC @8.01."""
    amount = candidate.amount
    is_sum = amount.is_money or (amount.value < 0 and "points" not in candidate.label)
    is_called = role_of(candidate.label) == "discount" and "subtotal" not in row.topics
    return is_called and is_sum and bool(amount.value)


def _is_before_words(row: Row, amount: Amount) -> bool:
    """The amount is not negative and words follow it: 1 COUPON, Descuento Ley 17.934 aplicado."""
    behind = row.text[amount.end :]
    is_last = not any(map(str.isdigit, behind))  # not Saving 3.80 Rounding 0.00
    return amount.value > 0 and is_last and sum(map(str.isalpha, behind)) > 2


def _taken_off(candidates: Sequence[Candidate]) -> Decimal | None:
    """The first negative amount below the subtotal that has no label: BONUS CHEESE -2.00.

    None on a refund, where all is negative below it.
    """
    below = [c.row for c in candidates if role_of(c.label) == "subtotal" and c.amount.value > 0]
    last = max(below, default=math.inf)
    off = (c.amount.value for c in candidates if c.row > last and not c.label)
    return next((value for value in off if value < 0), None)


def first_sum(rows: Sequence[Row]) -> int:
    """The index of the first row with an amount that is called a sum; 0 where none is."""
    called = (n for n, row in enumerate(rows) if row.amounts and role_of(row.topics) in CALLED)
    return next(called, 0)


@lru_cache(maxsize=1024)
def role_of(topics: frozenset[str]) -> str | None:
    """What the amount on a row with these topics is; None for a row without any."""
    if "change" in topics:
        return "change"
    if "points" in topics:
        return "discount" if "discount" in topics else "other"
    if "rounding" in topics:
        return "rounded" if topics & {"total", "incl"} else "rounding"
    if "count" in topics and "discount" not in topics:
        return "count" if topics & {"total", "subtotal"} else None
    for role in ("discount", "tip", "subtotal"):
        if role in topics and (role != "discount" or "grand" not in topics):
            return role
    if "total" in topics:
        return _total_role(topics)
    if "incl" in topics:
        return "inclusive"
    return next((r for r in ("service", "tax", "card", "wallet", "cash") if r in topics), None)


def _total_role(topics: frozenset[str]) -> str:
    if "excl" in topics and "incl" not in topics:
        return "subtotal"
    if "tax" in topics and "incl" not in topics:
        return "tax"
    return "grand" if "grand" in topics else "total"


def _tax_rows(rows: Sequence[Row]) -> list[_Rated]:
    """The rows of taxes: above the first sum only with a % or called so, not 10 @ 3.00 30.00."""
    sums = first_sum(rows)
    found: dict[int, _Rated] = {}
    for n, row in enumerate(rows):
        is_in_table = any("tax" in above.topics for above in rows[max(n - 3, sums) : n])
        rated = _tax_row(row) or (_without_rate(row) if is_in_table else None)
        if rated and (n >= sums or "%" in row.text or "tax" in row.topics):
            found[n] = (
                rated if rated.paid else rated._replace(paid=_paid_beside(rows, n, rated.tax))
            )
    beside = {n + step for n in found for step in (-1, 1)} - found.keys()
    free = {n: own for n in beside if sums <= n < len(rows) and (own := _untaxed(rows[n]))}
    return [rated for _, rated in sorted((found | free).items())]


def _without_rate(row: Row) -> _Rated | None:
    """A net amount and its tax, whose rate is the only one that makes it: SR 155.66 9.34."""
    amounts = [amount.value for amount in row.amounts]
    if len(amounts) != 2 or len(row.numbers) != 2 or not 0 < amounts[1] < amounts[0]:
        return None
    base, tax = amounts
    rates = [rate for rate in RATES if abs(base * rate / 100 - tax) <= HALF_A_CENT]
    evidence = Evidence(None, "ocr", row.page, row.box(0, len(row.text)))
    return _Rated(Tax(rates[0], tax), base + tax, evidence) if len(rates) == 1 else None


def _paid_beside(rows: Sequence[Row], number: int, tax: Tax) -> Decimal | None:
    """What was paid with the rate, where the row above or below says so: 8%対象 ¥278."""
    for row in rows[max(number - 2, 0) : number + 3]:
        rates = {abs(n.value) for n in row.numbers if n.unit == "%"}
        if rates == {tax.rate} and len(row.amounts) == 1 and tax.rate and tax.amount:
            paid = _paid_with(row.amounts[0].value, tax.amount, tax.rate)
            if paid and abs(row.amounts[0].value) > abs(tax.amount):
                return paid
    return None


def _untaxed(row: Row) -> _Rated | None:
    """What was paid without a tax, in a table of taxes: D: 0,0% 0,25 0,00 0,25."""
    amounts = {amount.value for amount in row.amounts}
    rates = [number.value for number in row.numbers if number.unit == "%"]
    if rates != [0] or len(amounts) != 2 or 0 not in amounts:
        return None
    evidence = Evidence(None, "ocr", row.page, row.box(0, len(row.text)))
    return _Rated(Tax(Decimal(0), Decimal(0)), sum(amounts, Decimal(0)), evidence)


def _of_total(rated: Sequence[_Rated], total: Sum | None, before: Decimal) -> list[_Rated]:
    """The taxes, each once; one that its rate makes of the total is proved.

    What is larger than the rate makes of the total, or of what it was `before` a discount, is left
    out: it was paid with the rate, as in TOTAL GST 6% 34.80.
    """
    if total is None:
        return list(rated)
    most = max(abs(total.value), abs(before))
    once: list[_Rated] = []
    for each in rated:
        amount, rate = each.tax.amount or Decimal(0), each.tax.rate or Decimal(0)
        is_paid = abs(amount) > _inside(most, rate) * MOST_OF_RATE + CENT
        if not is_paid and not any(_is_repeated(each, other, total.value) for other in once):
            once.append(each)
    return [
        each._replace(paid=each.paid or (total.value if _is_whole(each, total.value) else None))
        for each in once
    ]


def _is_whole(rated: _Rated, total: Decimal, times: int = 1) -> bool:
    """So many times the tax is what so many times its rate makes of the total."""
    amount, rate = rated.tax.amount or Decimal(0), rated.tax.rate or Decimal(0)
    return abs(times * amount - _inside(total, times * rate)) <= CENT


def _is_repeated(one: _Rated, other: _Rated, total: Decimal) -> bool:
    """The same tax: all of the total's, or once with what was paid and once without.

    India's CGST and SGST are the same amount, and two.
    """
    is_other_print = (one.paid is None) != (other.paid is None)
    is_one = any(_is_whole(r, total) and not _is_whole(r, total, times=2) for r in (one, other))
    return one.tax.amount == other.tax.amount and (is_other_print or is_one)


def _inside(total: Decimal, rate: Decimal) -> Decimal:
    """The tax of this rate that is inside the total."""
    return total * rate / (100 + rate)


def _amounts(rated: Sequence[_Rated]) -> list[Decimal]:
    return [found.tax.amount for found in rated if found.tax.amount is not None]


def _tax_row(row: Row) -> _Rated | None:
    """The tax of a row with a rate that its amounts prove: net 100.00, tax 6.00 or gross 106.00."""
    rates = [number for number in row.numbers if _is_rate(row, number)]
    evidence = Evidence(None, "ocr", row.page, row.box(0, len(row.text)))
    for number in rates or row.numbers:
        rate = abs(number.value)  # A - 21.00%
        if not 0 < rate <= 30:
            continue
        others = [n.value for n in row.amounts if n is not number]
        for base, tax in product(others, others):
            is_net = not rates and rate + tax == base  # 6.69 0.47 7.16
            paid = _paid_with(base, tax, rate) if 0 < abs(tax) < abs(base) and not is_net else None
            if paid is not None:
                return _Rated(Tax(_without_trailing_zeros(rate), tax), paid, evidence)
        if rates and "tax" in row.topics and len(others) == 1:
            return _Rated(Tax(_without_trailing_zeros(rate), others[0]), None, evidence)
    return None


def _is_rate(row: Row, number: Amount) -> bool:
    """It has a % beside it, or an @ before it on the row of a tax: 6%, KDV %10, CGST @2.5."""
    before = row.text[: number.start]
    is_at = "tax" in row.topics and before.rstrip().endswith("@")
    return number.unit == "%" or is_at or before.endswith((" %", "(%"))


def _without_trailing_zeros(rate: Decimal) -> Decimal:
    return rate.quantize(Decimal(1)) if rate == rate.to_integral_value() else rate


def _paid_with(base: Decimal, tax: Decimal, rate: Decimal) -> Decimal | None:
    """What was paid, if the rate proves the tax of a base that is without it or with it."""
    is_whole = base == base.to_integral_value() and not tax.as_tuple().exponent
    step = Decimal(1) if is_whole or abs(base) >= 5000 else Decimal("0.011")
    net, gross = abs(base * rate / 100 - tax), abs(base * rate / (100 + rate) - tax)
    if min(net, gross) > step:
        return None
    return base if gross < net else base + tax
