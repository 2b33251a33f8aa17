"""The total, the subtotal, the taxes and the tip. Pure: rows of the receipt in.

Every amount has a learned probability of being each of them; those are taken that are likeliest
together, as sums that agree are.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate, combinations, islice, product
from operator import itemgetter
from typing import NamedTuple

from fields.amounts import Candidate, find_candidates
from fields.checks import adds_up, is_doubtful
from fields.labels import Row
from fields.learned import against, chance, log_odds, probabilities
from fields.lexicon import COUNTRIES, rule
from fields.money import Amount
from fields.roles import CALLED, SUMS, role_of
from fields.taxes import Rated, amounts_of, find_taxes, is_paid_with, of_total
from result import Evidence, Tax

MIN_PROBABILITY = 0.15  # an amount with less is not the total
AGREEMENT = 1.5  # log-odds for sums that agree
UNPROVED = 0.5  # the probability of a tax beside its rate that nothing proves
PRESENCE = 1.0  # log-odds for a subtotal and a tax: one of 27 % is given, and reviewed
CODES = {file["currency"]["code"] for file in COUNTRIES.values() if "currency" in file}
WAYS = ("items", "items and tax", "cash less change", "derived")  # that make a total
MOST_LISTED = 8  # rows between a subtotal and its total
TRIED = 4  # of the likeliest amounts for each sum
_INSIDE = rule(r"\b<topics.tax>\b\D{0,20}\W<labels.inside>(?: \w+)? ?<topics.total>\b")


class Sum(NamedTuple):
    """A value with the amount it was read from, and how probable it is."""

    value: Decimal
    evidence: Evidence
    confidence: float  # of its figures


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
    candidates, rated = find_candidates(rows), find_taxes(rows)
    printed = {number.value for row in rows for number in row.numbers}
    likely, taxes = _likely_sums(rows, candidates, rated, printed)
    tips, services = _charges(rows, candidates)
    rounding = _rounding(candidates)
    things = {c.amount.value for c in candidates if c.amount.is_money and not c.label}
    adjustments = [_Adjustment(off, rounding) for off in _discounts(rows, candidates)]
    found = likely | {"tax": taxes}
    way, adjustment = _likeliest(found, [*tips, *services], adjustments)
    total, subtotal, tax, charge = way = _with_subtotal(rows, candidates, way, adjustment.discount)
    before = total.value - (adjustment.discount or 0) if total else Decimal(0)
    rated = of_total(rated, total and total.value, before)
    is_of_rates = total is not None and is_paid_with(rated, total.value, rounding, things)
    proofs = _proofs(way, likely["total"], adjustment, candidates)
    if is_of_rates and len(rated) > 1:
        proofs["total"] = 1
    if not is_of_rates and not proofs["tax"] and any(each.paid for each in rated):
        proofs["tax"] = -1  # it is of a part of the total, as far as is known
    chosen = {"total": total, "subtotal": subtotal, "tax": tax}
    judged = {n: sum_ and _judged(sum_, likely[n], proofs[n]) for n, sum_ in chosen.items()}
    return Totals(
        judged["subtotal"],
        adjustment.discount,
        tuple(each.tax for each in rated if each.tax.amount),
        _of_all_rates(judged["tax"], rated, judged["total"] if is_of_rates else None, printed),
        charge if charge in tips and _is_tip(way, adjustment, candidates, printed) else None,
        judged["total"],
        _first_row(candidates, len(rows), {each.value for each in (subtotal, total) if each}),
    )


def _likely_sums(
    rows: Sequence[Row],
    candidates: Sequence[Candidate],
    rated: Sequence[Rated],
    printed: set[Decimal],
) -> tuple[dict[str, list[Sum]], list[Sum]]:
    """The likely values of each sum by its name, and of the tax with sums of several taxes too."""
    likely = {name: _likely(rows, candidates, name) for name in ("total", "subtotal", "tax")}
    called = {c.amount.value for c in candidates if c.label & {"total", "grand"}}
    refunded = {-value for value in called} - called
    likely["total"] = [_as_charged(found, printed - refunded) for found in likely["total"]]
    several = _doubled(likely["tax"], rated) + _summed(likely["tax"], rated)
    likely["tax"] += _added(likely["tax"])
    return likely, likely["tax"] + several


def _charges(rows: Sequence[Row], candidates: Sequence[Candidate]) -> tuple[list[Sum], list[Sum]]:
    """The tips that are not suggested, and what is charged for service; a service tax is a tax."""
    given = [c for c in candidates if not _is_suggested(rows[c.row])]
    no_taxes = [c for c in candidates if "tax" not in c.label]
    return _called(rows, given, "tip"), _called(rows, no_taxes, "service")


def _likeliest(
    likely: dict[str, list[Sum]], charges: Sequence[Sum], adjustments: Sequence[_Adjustment]
) -> tuple[_Way, _Adjustment]:
    """The sums that are likeliest together, with the first adjustment they need, else the last."""
    ways = {each: _together(likely, charges, each) for each in adjustments}
    needed = (each for each, way in ways.items() if _is_needed(way, each))
    adjustment = next(needed, adjustments[-1])
    return ways[adjustment], adjustment


def _with_subtotal(
    rows: Sequence[Row], candidates: Sequence[Candidate], way: _Way, discount: Decimal | None
) -> _Way:
    """The sums; if they have no subtotal, with one of which the discount leaves the total.

    It is as sure as the total: TOTAL 39.39, OFF 2.00, TO PAY 37.39.
    """
    total, subtotal, tax, charge = way
    if subtotal or not (total and discount):
        return way
    wanted = total.value - discount
    called = (c for c in candidates if role_of(c.label) in SUMS and c.amount in rows[c.row].amounts)
    found = next((c for c in called if c.amount.value == wanted), None)
    return total, found and _sum(rows, found, _chance(total)), tax, charge


def _is_tip(
    way: _Way, adjustment: _Adjustment, candidates: Sequence[Candidate], printed: set[Decimal]
) -> bool:
    """The total needs the charge, the amounts that lead to it have it, or another total has it."""
    total, subtotal, tax, charge = way
    if charge is None:
        return False
    is_needed = _agrees(way, adjustment) and not _agrees((total, subtotal, tax, None), adjustment)
    is_listed = charge.value in _listed(candidates, way)
    return is_needed or is_listed or _is_paid(charge, total, printed)


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


def _of_all_rates(
    tax: Sum | None, rated: Sequence[Rated], total: Sum | None, printed: set[Decimal]
) -> Sum | None:
    """The tax of all rates together, where their sum is known; else the tax as it was found.

    Their sum is known if it is printed, or if a `total` is given, which is what was paid with all
    of them: then the tax is as sure as the total. A surer tax stays. What the rates name and
    nothing proves is given as doubtful.
    """
    amounts = amounts_of(rated)
    whole = sum(amounts, Decimal(0))
    is_weak = bool(tax and total and _chance(tax) < _chance(total))
    if not amounts or (tax and tax.value not in (*amounts, whole) and not is_weak):
        return tax
    if total:
        own = tax.evidence if tax else rated[0].evidence
        chances = (found.evidence.probability or 0 for found in (tax, total) if found)
        evidence = replace(own, probability=max(chances))
        return Sum(whole, evidence, tax.confidence if tax else total.confidence)
    if tax is None or _is_part(tax, rated):
        doubtful = replace(rated[0].evidence, probability=UNPROVED)
        return Sum(whole, doubtful, 1.0)
    return tax._replace(value=whole) if whole in printed else tax


def _is_part(tax: Sum, rated: Sequence[Rated]) -> bool:
    """It is doubtful and one of several rates', and nothing says what was paid with any."""
    is_unproved = not any(each.paid for each in rated)
    rates = {each.tax.rate for each in rated}
    return is_unproved and len(rates) > 1 and is_doubtful(tax.evidence)


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


def _doubled(likely: Sequence[Sum], rated: Sequence[Rated]) -> list[Sum]:
    """Taxes that are printed twice, as one: India's CGST and SGST are always the same amount."""
    amounts = Counter(each.tax.amount for each in rated)
    return [tax._replace(value=2 * tax.value) for tax in likely if amounts[tax.value] == 2]


def _summed(likely: Sequence[Sum], rated: Sequence[Rated]) -> list[Sum]:
    """The taxes of all rates as one, as probable as the likeliest: TPS 4.40 and TVQ 8.78."""
    amounts = set(amounts_of(rated))
    own = [tax for tax in likely if tax.value in amounts] if len(rated) > 1 else []
    return [max(own, key=_chance)._replace(value=sum(amounts_of(rated), Decimal(0)))] if own else []


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
    """The amounts below the subtotal that lead to the total: a fee, the tax, the tip.

    Without a subtotal, as in a taxi, those right above the total that make it.
    """
    total, subtotal, _, _ = way
    if not total:
        return []
    money = {c.row: c.amount.value for c in candidates if c.amount.is_money}
    if not subtotal:
        return _listed_above(money, total.value)
    start = min((row for row, value in money.items() if value == subtotal.value), default=0)
    below = [value for row, value in money.items() if row > start][:MOST_LISTED]
    made = list(accumulate(below, initial=subtotal.value))
    return below[: made.index(total.value)] if total.value in made else []


def _listed_above(money: Mapping[int, Decimal], total: Decimal) -> list[Decimal]:
    """The amounts right above the total's first row that make it; `money` has the last of rows."""
    end = min((row for row, value in money.items() if value == total), default=0)
    above = [value for row, value in money.items() if row < end][::-1][:MOST_LISTED]
    made = list(accumulate(above))
    return above[: made.index(total) + 1] if total in made else []


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
