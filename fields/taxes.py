"""The rows of taxes: their rates and amounts, and what was paid with each. Pure: rows in."""

import re
from collections.abc import Sequence, Set
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from fields.checks import ROUNDING
from fields.labels import Row
from fields.lexicon import COUNTRIES
from fields.money import Amount
from fields.roles import first_sum
from result import Evidence, Tax

HIGHEST = 30  # rate of a tax, in per cent
MOST_OF_RATE = Decimal("1.05")  # of the tax inside the total: tips and rounding are not taxed
CENT = Decimal("0.011")
_PER_CENT = re.compile(r"(?:^|[ (])%$")
HALF_A_CENT = Decimal("0.0051")  # by which a tax is rounded
HALF_A_UNIT = Decimal("0.51")  # where there are no cents
RATES = {
    Decimal(rate) for file in COUNTRIES.values() for rate in file.get("tax", {}).get("rates", ())
}


class Rated(NamedTuple):
    """A row with the rate of a tax, and what was paid with it, None where that is not printed."""

    tax: Tax
    paid: Decimal | None
    evidence: Evidence


def find_taxes(rows: Sequence[Row]) -> list[Rated]:
    """The rows of taxes, and those beside them that say what was paid without one."""
    sums = first_sum(rows)
    found = {n: rated for n in range(len(rows)) if (rated := _rated(rows, n, sums))}
    beside = {n + step for n in found for step in (-1, 1)} - found.keys()
    free = {n: own for n in beside if sums <= n < len(rows) and (own := _untaxed(rows[n]))}
    return [rated for _, rated in sorted((found | free).items())]


def _rated(rows: Sequence[Row], n: int, sums: int) -> Rated | None:
    """The tax on a row: above the first sum only with a % or called so, not 10 @ 3.00 30.00."""
    row = rows[n]
    if n < sums and "%" not in row.text and "tax" not in row.topics:
        return None
    is_in_table = any("tax" in above.topics for above in rows[max(n - 3, sums) : n])
    rated = _tax_row(row, is_in_table) or _of_rate_above(rows, n)
    if is_in_table and rated is None:
        rated = _without_rate(row)
    if rated is None or rated.paid:
        return rated
    return rated._replace(paid=_paid_beside(rows, n, rated.tax))


def _tax_row(row: Row, is_in_table: bool) -> Rated | None:
    """The tax of a row with a rate that its amounts prove: net 100.00, tax 6.00 or gross 106.00.

    An amount that is alone beside the rate is the tax if the row is called so, or `is_in_table`.
    """
    rates = [number for number in row.numbers if _is_rate(row, number)]
    is_whole = rates and is_in_table and not any(amount.decimals for amount in row.amounts)
    amounts = [n for n in row.numbers if not n.unit] if is_whole else row.amounts  # 11.000 550
    printed = [amount.value for amount in row.amounts if amount not in rates]
    is_called = "tax" in row.topics or (is_in_table and not row.topics)
    for number in sorted(rates or row.numbers, key=_is_unusual):
        rate = abs(number.value)  # A - 21.00%
        if not 0 < rate <= HIGHEST:
            continue
        others = [n.value for n in amounts if n is not number]
        if proved := _proved(rate, others, has_sign=bool(rates)):
            return Rated(Tax(_without_trailing_zeros(rate), proved[0]), proved[1], _evidence(row))
        if rates and is_called and len(printed) == 1:
            return Rated(Tax(_without_trailing_zeros(rate), printed[0]), None, _evidence(row))
    return None


def _proved(
    rate: Decimal, amounts: Sequence[Decimal], *, has_sign: bool
) -> tuple[Decimal, Decimal] | None:
    """The tax and what was paid with it, if the rate makes one of the amounts of another.

    A rate that has no % may be an amount itself: of 6.69 0.47 7.16 the first is the net one.
    """
    for base, tax in product(amounts, amounts):
        is_net = not has_sign and rate + tax == base
        paid = _paid_with(base, tax, rate) if 0 < abs(tax) < abs(base) and not is_net else None
        if paid and base - tax in amounts:  # 2.40 2.26 0.14: the rate alone does not tell
            return tax, base
        if paid is not None:
            return tax, paid
    return None


def _is_unusual(number: Amount) -> bool:
    """Whether no country has this rate; usual ones are tried first: 25.00 of 21.52 25.00 5.38."""
    return abs(number.value) not in RATES


def _of_rate_above(rows: Sequence[Row], n: int) -> Rated | None:
    """The tax of the rate and the amount that are on the row above: 10%対象 ¥165, 内消費税 ¥15."""
    row, above = rows[n], rows[max(n - 1, 0)]
    rates = [number.value for number in above.numbers if number.unit == "%"]
    if "tax" not in row.topics or [len(row.amounts), len(above.amounts), len(rates)] != [1, 1, 1]:
        return None
    tax, base = row.amounts[0].value, above.amounts[0].value
    paid = _paid_with(base, tax, rates[0]) if 0 < tax < base and 0 < rates[0] <= HIGHEST else None
    return Rated(Tax(rates[0], tax), paid, _evidence(row)) if paid else None


def _evidence(row: Row) -> Evidence:
    return Evidence(None, "ocr", row.page, row.box(0, len(row.text)))


def _is_rate(row: Row, number: Amount) -> bool:
    """It has a % beside it, or an @ before it on the row of a tax: 6%, KDV %10, CGST @2.5."""
    before = row.text[: number.start]
    is_at = "tax" in row.topics and before.rstrip().endswith("@")
    return number.unit == "%" or is_at or bool(_PER_CENT.search(before))


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


def _without_rate(row: Row) -> Rated | None:
    """A net amount and its tax, whose rate is the only one that makes it: SR 155.66 9.34."""
    amounts = [amount.value for amount in row.amounts]
    if len(amounts) != 2 or len(row.numbers) != 2 or not 0 < amounts[1] < amounts[0]:
        return None
    base, tax = amounts
    rates = [rate for rate in RATES if abs(base * rate / 100 - tax) <= HALF_A_CENT]
    return Rated(Tax(rates[0], tax), base + tax, _evidence(row)) if len(rates) == 1 else None


def _paid_beside(rows: Sequence[Row], number: int, tax: Tax) -> Decimal | None:
    """What was paid with the rate, where one of two rows above or below says so: 8%対象 ¥278."""
    for row in rows[max(number - 2, 0) : number + 3]:
        rates = {abs(n.value) for n in row.numbers if n.unit == "%"}
        if rates == {tax.rate} and len(row.amounts) == 1 and tax.rate and tax.amount:
            paid = _paid_with(row.amounts[0].value, tax.amount, tax.rate)
            if paid and abs(row.amounts[0].value) > abs(tax.amount):
                return paid
    return None


def _untaxed(row: Row) -> Rated | None:
    """What was paid without a tax, in a table of taxes: D: 0,0% 0,25 0,00 0,25."""
    amounts = {number.value for number in row.numbers if not number.unit}
    rates = [number.value for number in row.numbers if number.unit == "%"]
    if rates != [0] or len(amounts) != 2 or 0 not in amounts:
        return None
    return Rated(Tax(Decimal(0), Decimal(0)), sum(amounts, Decimal(0)), _evidence(row))


def of_total(rated: Sequence[Rated], total: Decimal | None, before: Decimal) -> list[Rated]:
    """The taxes, each once; one that its rate makes of the total is proved.

    What is larger than the rate makes of the total, or of what it was `before` a discount, is left
    out: it was paid with the rate, as in TOTAL GST 6% 34.80.
    """
    if total is None:
        return list(rated)
    most = max(abs(total), abs(before))
    once: list[Rated] = []
    for each in rated:
        amount, rate = each.tax.amount or Decimal(0), each.tax.rate or Decimal(0)
        is_paid = abs(amount) > _inside(most, rate) * MOST_OF_RATE + CENT
        if not is_paid and not any(_is_repeated(each, other, total) for other in once):
            once.append(each)
    if len(once) == 1 and _is_whole(once[0], total):
        return [once[0]._replace(paid=once[0].paid or total)]
    return _as_implied(once, total)


def _as_implied(rated: list[Rated], total: Decimal) -> list[Rated]:
    """The taxes with what was paid as their rates imply it, if nothing is printed of it.

    They are as they were where this does not make the total: 1,915 at 24 % and 178 at 11 % imply
    11,690, and a total of 11,694 is within the rounding.
    """
    taxes = [(each.tax.amount or Decimal(0), each.tax.rate or Decimal(0)) for each in rated]
    if len(rated) < 2 or any(each.paid for each in rated) or not all(map(all, taxes)):
        return rated
    whole = [amount * (100 + rate) / rate for amount, rate in taxes]
    unit = HALF_A_CENT if any(amount % 1 for amount, _ in taxes) else Decimal("0.5")
    slack = sum((unit * (100 + rate) / rate for _, rate in taxes), Decimal(0))
    if abs(sum(whole) - total) > slack:
        return rated
    whole[0] = total - sum(whole[1:], Decimal(0))
    return [each._replace(paid=paid) for each, paid in zip(rated, whole, strict=True)]


def _is_whole(rated: Rated, total: Decimal, times: int = 1) -> bool:
    """So many times the tax is what so many times its rate makes of the total."""
    amount, rate = rated.tax.amount or Decimal(0), rated.tax.rate or Decimal(0)
    is_whole = not (amount.as_tuple().exponent or total.as_tuple().exponent)
    slack = HALF_A_UNIT if is_whole else CENT
    return abs(times * amount - _inside(total, times * rate)) <= slack


def _is_repeated(one: Rated, other: Rated, total: Decimal) -> bool:
    """The same tax: all of the total's, or once with what was paid and once without.

    India's CGST and SGST are the same amount, and two.
    """
    is_other_print = (one.paid is None) != (other.paid is None)
    is_one = any(_is_whole(r, total) and not _is_whole(r, total, times=2) for r in (one, other))
    return one.tax.amount == other.tax.amount and (is_other_print or is_one)


def _inside(total: Decimal, rate: Decimal) -> Decimal:
    """The tax of this rate that is inside the total."""
    return total * rate / (100 + rate)


def is_paid_with(
    rated: Sequence[Rated], total: Decimal, rounding: Decimal, things: Set[Decimal]
) -> bool:
    """Whether the total is what was paid with all rates, rounded or not.

    Beside two rates or more, one of the `things` may have no tax, as a deposit has.
    """
    paid = paid_with_all(rated)
    if paid is None:
        return False
    rest = total - paid
    is_free = len(rated) > 1 and rest > 0 and any(abs(rest - each) <= CENT for each in things)
    return is_free or min(abs(rest), abs(rest - rounding)) <= ROUNDING


def paid_with_all(rated: Sequence[Rated]) -> Decimal | None:
    """What was paid with all rates: 18.54 with 7 % and 5.69 with 19 %. None if not all tell."""
    parts = [found.paid for found in rated if found.paid is not None]
    return sum(parts, Decimal(0)) if parts and len(rated) == len(parts) else None


def amounts_of(rated: Sequence[Rated]) -> list[Decimal]:
    return [found.tax.amount for found in rated if found.tax.amount is not None]
