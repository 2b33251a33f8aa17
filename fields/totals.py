"""The total, the subtotal, the taxes and the tip. Pure: rows of the receipt in.

Several rows can pass for the total (with and without tax, rounded, cash): each gets points for its
words, and for the sums that confirm it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations, product
from typing import NamedTuple

from fields.labels import Row, plain
from fields.lexicon import words
from result import Tax

# How much a row's words speak for its amount being the total.
ROLE_POINTS = {
    "grand": 9.0,
    "rounded": 9.5,
    "total": 8.0,
    "card": 4.0,
    "subtotal": 3.5,
    "cash": 3.2,
    "count": 6.0,  # Total Qty 3   45.90
    "bare": 5.0,  # alone on the row below a total or its rounding
    "inclusive": 4.0,  # GST INCL 2.28
}
_TAX_TABLE = frozenset(words("labels", "tax_table"))
MAX_SUMS_PER_ROLE = 4  # sums of a kind that are tried together: a long invoice has hundreds
MIN_PROOF_POINTS = 2.0  # points beyond those for words and place
# The amount of these may be alone on the row below or above.
ROLES_ABOVE_AMOUNTS = ("total", "grand", "subtotal", "rounded", "tax", "change")


class LabelledAmount(NamedTuple):
    """An amount with a label: where it stands and what it is called."""

    row: int
    role: str
    value: Decimal


class Totals(NamedTuple):
    subtotal: Decimal | None
    discount: Decimal | None
    taxes: tuple[Tax, ...]
    tax: Decimal | None
    tip: Decimal | None
    total: Decimal | None
    gross: Decimal | None  # what the table of taxes adds up to, tax included
    is_subtotal: bool  # no row was read that is called the total; what is added may be missing
    is_proved: bool  # another sum on the receipt gives the same total
    confidence: float  # of the total's figures, where they were read best
    first_row: int  # of the sums: the items stand above it


def find_totals(rows: Sequence[Row]) -> Totals:
    sums = list(_sums(rows))
    sums += _unlabelled_cash(rows, sums)
    sums += _unlabelled_paid(rows, sums)
    summary = _summary_start(rows)
    taxes = tuple(_taxes(rows))
    proofs = _proofs(sums)
    named = [s for s in sums if s.role in ROLE_POINTS]
    scored = [(_score(s, named, proofs, s.row / len(rows), s.row > summary), s) for s in named]
    best, total = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    value = total.value if total else _unlabelled(rows)
    return Totals(
        subtotal=_first(sums, "subtotal"),
        discount=_discount(sums),
        taxes=taxes,
        tax=_tax(sums, taxes, summary),
        tip=_first(sums, "tip"),
        total=value,
        gross=_gross_of_tax_table(rows),
        is_subtotal=bool(total and total.role == "subtotal"),
        is_proved=bool(total and best - ROLE_POINTS[total.role] >= MIN_PROOF_POINTS),
        confidence=_confidence(rows, value),
        first_row=_first_row(sums, len(rows)),
    )


def _confidence(rows: Sequence[Row], value: Decimal | None) -> float:
    """The best confidence of the amounts with this value."""
    found = (
        row.lowest_confidence(amount.start, amount.end)
        for row in rows
        for amount in row.amounts
        if amount.value == value
    )
    return max(found, default=0.0)


def _first_row(sums: Sequence[LabelledAmount], length: int) -> int:
    """The index of the first row with a total, or with a payment where no total is printed."""
    for roles in (("total", "grand", "subtotal", "rounded", "inclusive"), ("cash", "card", "tax")):
        found = [s.row for s in sums if s.role in roles]
        if found:
            return min(found)
    return length


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
        if role in topics:
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


def _sums(rows: Sequence[Row]) -> Iterator[LabelledAmount]:
    printed = {amount.value for row in rows for amount in row.amounts}
    for index, row in enumerate(rows):
        role = role_of(row.topics)
        if (
            role is None
            and _is_bare(row)
            and index
            and role_of(rows[index - 1].topics) in _ABOVE_BARE
        ):
            role = "bare"  # ROUNDING ADJ -0.01 / RM 60.30
        if role is None:
            continue
        amount = _amount(rows, index, role)
        if amount is not None:
            if role == "rounding" and abs(amount) >= 1:
                if not _is_near_another(amount, rows, index):
                    continue  # RM (12 for -0.02
                role = "rounded"
            if "incl" in row.topics and _is_tax_inside(row, amount, printed):
                role = "tax"
            tax = _tax_row(row) if role == "tax" else None
            value = abs(amount) if role == "change" else (tax and tax.amount) or amount
            yield LabelledAmount(index, role, value)


def _is_near_another(amount: Decimal, rows: Sequence[Row], index: int) -> bool:
    """Another row prints what rounds to the amount, less than 1 away."""
    others = (other.value for n, row in enumerate(rows) if n != index for other in row.amounts)
    return any(abs(other - amount) < 1 for other in others)


def _is_tax_inside(row: Row, amount: Decimal, printed: set[Decimal]) -> bool:
    """The row names the tax inside a printed amount: Total included GST @ 6% : 1.09 of 19.20."""
    rates = [number.value for number in row.numbers if number.unit == "%"]
    return any(
        abs(gross * rate / (100 + rate) - amount) <= Decimal("0.011") and amount < gross
        for gross, rate in product(printed, rates)
    )


_ABOVE_BARE = ("rounding", "total", "grand", "rounded")


def _amount(rows: Sequence[Row], index: int, role: str) -> Decimal | None:
    """The last amount on the row; of a bare label, the one that stands alone below or above it."""
    row = rows[index]
    if row.amounts:
        return row.amounts[-1].value
    if row.numbers or role not in ROLES_ABOVE_AMOUNTS:
        return row.numbers[-1].value if role == "rounding" and row.numbers else None
    for near in (index + 1, index - 1):
        if 0 <= near < len(rows) and _is_bare(rows[near]):
            return rows[near].amounts[-1].value
    return None


def _is_bare(row: Row) -> bool:
    """Only an amount, at most with its currency and a tax letter."""
    names = re.findall("[A-Za-z]+", row.text)
    is_short = len("".join(names)) <= 4 and max(map(len, names), default=0) <= 3
    return len(row.amounts) == 1 and is_short and not row.topics


class _Proofs(NamedTuple):
    """Values the sums lead to, each by another way."""

    paid: set[Decimal]  # cash less change
    derivable: set[Decimal]  # subtotal, discount, service, tax and rounding together
    card: set[Decimal]
    rounded: set[Decimal]  # a total with its rounding
    unrounded: set[Decimal]  # totals before rounding, where the rounded one is printed as well


def _proofs(sums: Sequence[LabelledAmount]) -> _Proofs:
    values = {role: {s.value for s in sums if s.role == role} for role in {s.role for s in sums}}
    totals = {s.value for s in sums if s.role in ("total", "grand", "subtotal", "rounded")}
    printed = {s.value for s in sums if s.role in ROLE_POINTS}
    steps = {step for r in values.get("rounding", set()) if r for step in (r, -r)}  # worn minus
    return _Proofs(
        {c - h for c, h in product(values.get("cash", set()), values.get("change", set()))},
        _derivable_totals(sums),
        values.get("card", set()),
        {total + step for total, step in product(totals, steps)},
        {total for total, step in product(totals, steps) if total + step in printed},
    )


def _score(
    s: LabelledAmount,
    named: Sequence[LabelledAmount],
    proofs: _Proofs,
    position: float,
    is_below_summary: bool,
) -> float:
    """Points for this amount being the total; `position` is 0 on the first row, 1 on the last."""
    points = ROLE_POINTS[s.role] + 1.5 * position
    points += 3.0 * (s.value in proofs.paid) + 3.0 * (s.value in proofs.rounded)
    points += 2.0 * (s.value in proofs.derivable)
    points += 2.0 * (s.role != "card" and s.value in proofs.card)
    points += min(2, sum(other.value == s.value and other.row != s.row for other in named))
    points -= 3.0 * (s.value in proofs.unrounded - proofs.rounded) + 5.0 * is_below_summary
    return points - 6.0 * (s.value <= 0)


def _derivable_totals(sums: Sequence[LabelledAmount]) -> set[Decimal]:
    """Every value that subtotal, discount, service, tax and rounding make together."""

    def last(*roles: str) -> set[Decimal]:
        return {s.value for s in [s for s in sums if s.role in roles][-MAX_SUMS_PER_ROLE:]}

    parts = [last(role) | {Decimal(0)} for role in ("service", "tax", "rounding", "tip")]
    parts.append({-abs(value) for value in last("discount")} | {Decimal(0)})
    made = {a + b for a, b in combinations(last("total"), 2)}
    for subtotal, more in product(last("subtotal", "total"), product(*parts)):
        if any(more):
            made.add(subtotal + sum(more))
    return made


def _summary_start(rows: Sequence[Row]) -> int:
    """The row below a total that heads the table of taxes by rate; what follows it repeats."""
    total = next(
        (i for i, row in enumerate(rows) if "total" in row.topics and row.amounts), len(rows)
    )
    for index, row in enumerate(rows[total:], total):
        names = plain(row.text).split()
        is_heading = not _TAX_TABLE.isdisjoint(names) and len(names) >= 2
        if is_heading and "tax" in row.topics and not row.amounts:
            return index
    return len(rows)


def _first(sums: Sequence[LabelledAmount], role: str) -> Decimal | None:
    return next((s.value for s in sums if s.role == role), None)


def _discount(sums: Sequence[LabelledAmount]) -> Decimal | None:
    value = _first([s for s in sums if s.value], "discount")
    return None if value is None else -abs(value)


def _tax(sums: Sequence[LabelledAmount], taxes: Iterable[Tax], summary: int) -> Decimal | None:
    """The tax printed as one sum, else what the table of rates adds up to."""
    table = [tax.amount for tax in taxes if tax.amount is not None]
    labelled = [s.value for s in sums if s.role == "tax" and s.row < summary]
    if table and (not labelled or sum(table) in labelled):
        return sum(table, Decimal(0))
    return labelled[-1] if labelled else None


def _taxes(rows: Sequence[Row]) -> Iterator[Tax]:
    """Rows with a rate whose amounts prove it: of net 100.00 and tax 6.00, or gross 106.00."""
    for row in rows:
        found = _tax_row(row)
        if found:
            yield found


def _tax_row(row: Row) -> Tax | None:
    rates = [number for number in row.numbers if number.unit == "%"]
    for number in rates or row.numbers:
        rate = number.value
        if not 0 < rate <= 30:
            continue
        others = [n.value for n in row.amounts if n is not number]
        for base, tax in product(others, others):
            if tax and abs(tax) < abs(base) and _proves(base, tax, rate):
                return Tax(_without_trailing_zeros(rate), tax)
        if rates and "tax" in row.topics and len(others) == 1:
            return Tax(_without_trailing_zeros(rate), others[0])
    return None


def _gross_of_tax_table(rows: Sequence[Row]) -> Decimal | None:
    """Net and tax of every rate together; None where the table does not print the gross too."""
    found = [max(row.amounts, key=lambda a: a.value).value for row in rows if _has_gross(row)]
    return sum(found, Decimal(0)) if found else None


def _has_gross(row: Row) -> bool:
    """Two of the row's amounts are net and gross of its rate."""
    rates = [1 + number.value / 100 for number in row.numbers if number.unit == "%"]
    values = [amount.value for amount in row.amounts]
    return any(
        net != gross and abs(net * rate - gross) <= Decimal("0.011")
        for rate in rates
        for net, gross in product(values, values)
    )


def _without_trailing_zeros(rate: Decimal) -> Decimal:
    return rate.quantize(Decimal(1)) if rate == rate.to_integral_value() else rate


def _proves(base: Decimal, tax: Decimal, rate: Decimal) -> bool:
    step = Decimal("0.011") if abs(base) < 5000 else Decimal(1)
    return min(abs(base * rate / 100 - tax), abs(base * rate / (100 + rate) - tax)) <= step


def _unlabelled_cash(rows: Sequence[Row], sums: Sequence[LabelledAmount]) -> list[LabelledAmount]:
    """The amount on the row above the change, where the label of the cash was not read."""
    changes = [s for s in sums if s.role == "change" and s.row]
    taken = {s.row for s in sums}
    return [
        LabelledAmount(s.row - 1, "cash", amount.value)
        for s in changes
        if s.row - 1 not in taken and not any(o.role == "cash" for o in sums)
        for amount in rows[s.row - 1].amounts[-1:]
        if amount.value > s.value
    ]


def _unlabelled_paid(rows: Sequence[Row], sums: Sequence[LabelledAmount]) -> list[LabelledAmount]:
    """The amounts that cash less change proves, on rows whose label was not read."""
    taken, paid = {s.row for s in sums}, _proofs(sums).paid
    return [
        LabelledAmount(index, "bare", row.amounts[-1].value)
        for index, row in enumerate(rows)
        if row.amounts and row.amounts[-1].value in paid and index not in taken
    ]


def _unlabelled(rows: Sequence[Row]) -> Decimal | None:
    """Without any label: the largest amount that stands in the receipt."""
    return max((a.value for row in rows for a in row.amounts), default=None)
