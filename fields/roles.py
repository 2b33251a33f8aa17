"""What the amount on a row is by the row's topics: a total, a tax, cash. Pure."""

from collections.abc import Sequence
from functools import lru_cache

from fields.labels import Row

SUMS = ("total", "grand", "subtotal", "rounded", "inclusive")  # roles
CALLED = (*SUMS, "count")  # TOTAL 3 ITEMS 8.79


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
