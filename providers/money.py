"""Which amounts are written here? Printed text in, Decimals out. Pure."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

_SIGN = r"[-\u2013\u2212~]"
_GROUPED = r"\d{1,3}(?:[.,'\u2019\u00a0 ]\d{3})+(?:[.,]\d{1,2})?"
_DECIMAL = r"\d+ ?[.,] ?\d{2}(?!\d)|\d+[.,]\d{1,3}(?!\d)"
_AMOUNT = re.compile(
    rf"(?P<before>{_SIGN} ?)?(?P<open>\()?"
    r"(?P<currency>[A-Z]{2,3}\.? ?|[€£$¥₹] ?|Rp\.? ?)?"
    rf"(?P<inner>{_SIGN} ?)?"
    rf"(?P<number>{_GROUPED}(?![\d])|{_DECIMAL}|\d+)"
    rf"(?P<round>,-|,--|\.-)?(?P<after> ?{_SIGN}(?![\w]))?(?P<close>\))?",
    re.IGNORECASE,
)


class Amount(NamedTuple):
    """A number on a row: its value, how it was written and where."""

    value: Decimal
    decimals: int  # digits after the decimal sign: 2 for 9.00, 0 for 60.000 and for 7
    start: int
    end: int


def parse_money(text: str) -> Decimal | None:
    """The first amount in the text; None when it has no number.

    Three digits after the only sign are thousands (`60.000`), but not after a zero (`0.545`).
    """
    found = next(find_amounts(text), None)
    return found.value if found else None


def find_amounts(text: str) -> Iterator[Amount]:
    """Every number in the text, left to right; a minus on either side or brackets negate it."""
    for match in _AMOUNT.finditer(text):
        value, decimals = _number(match["number"])
        if value is None:
            continue
        negative = (
            match["before"]
            or match["inner"]
            or match["after"]
            or (match["open"] and match["close"])
        )
        yield Amount(-value if negative else value, decimals, match.start("number"), match.end())


def _number(written: str) -> tuple[Decimal | None, int]:
    """The value and its number of decimals."""
    digits = re.sub(r"[\u00a0 '\u2019]", "", written)
    last = max(digits.rfind("."), digits.rfind(","))
    tail = len(digits) - last - 1
    whole = re.sub(r"[.,]", "", digits[: max(last, 0)])
    try:
        if last < 0 or (tail == 3 and whole != "0"):
            return Decimal(re.sub(r"[.,]", "", digits)), 0
        return Decimal(f"{whole}.{digits[last + 1 :]}"), tail
    except InvalidOperation:
        return None, 0
