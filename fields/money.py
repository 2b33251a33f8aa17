"""The amounts in printed text, as Decimals. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from fields import lexicon

LONGEST = 160  # characters of a row that are looked at: till rolls hold 48, pages of A4 about 100
_CLOCK = lexicon.filled("<dates.clock>")
_SIGN = r"[-\u2013\u2212~]"
_MARK = lexicon.MARK  # a number beside it is money
_GLUED = r"(?!(?-i:(?<=[a-z])[a-z]))"  # TOTALRM 5.00, but Chicken Parm 5.00
_NO_TAX = r"(?<![.,]\d\d)(?<![.,]\d\d )"  # not 1.55 G, as in El Salvador
_GROUPED = (
    r"\d{1,3}(?:(?:[.,'\u2019]| ?[.,] ?)\d{3}){1,5}(?!\d)(?:[.,]\d{1,2}(?!\d))?"
    r"|\d{1,2}(?:,\d\d){1,4},\d{3}(?!\d)(?:\.\d\d(?!\d))?"  # India: 1,29,900
)
_BLANKS = r"(?<!%)\d{1,3}(?:[\u00a0\u202f ]\d{3}){1,5}"
_SPACED = (  # 1 250,00; whole amounts only beside a currency: 1 250 EUR, XPF 1 250
    rf"{_BLANKS}[.,]\d\d(?!\d)|{_BLANKS}(?= ?{_MARK}(?!\w))|(?(mark){_BLANKS}(?! ?\d|[.,]\d)|(?!))"
)
_DECIMAL = (
    r"(?<=[$€£])\d+:\d\d(?!\d)"  # a point misread
    r"|\d+ [.,] \d{2}(?=\W{0,2}$)|\d+(?: ?\.|\. ?|,|, (?=\d\d\b)|[\u00a0 ],)\d{2}(?!\d)"
    r"|\d+[.,]\d+|(?<!no)[.,]\d\d(?!\d)"  # not No.49
)
_AMOUNT = re.compile(
    rf"(?<!\d)(?<!\d[:/.,])(?P<before>{_SIGN} ?)?(?P<open>\()?"
    rf"(?P<mark>{_GLUED}{_MARK}(?:\.(?<![$€£¥]\.))? ?)?(?P<inner>{_SIGN} ?)?"  # Rs.50, but $.50
    rf"(?P<number>{_GROUPED}|{_SPACED}|{_DECIMAL}|\d+)(?!\d|[.,:/]\d)"
    rf"(?P<round>[.,](?:--?|\u2013|=))?(?P<behind> ?(?:{_MARK}(?!\w)))?"
    rf"(?P<after> ?{_SIGN}(?!\w|{_MARK})|-(?=(?-i:[A-Z])(?:$|\s))| ?(?-i:CR)\b)?(?P<close>\))?"
    rf"(?P<unit> ?(?:%|(?:kg|ml|cm|mm|oz|lbs?|l|(?-i:g|{_NO_TAX}G)|[ap]\.?m|{_CLOCK})\b))?",
    re.IGNORECASE,
)
# A figure's shape, two decimals behind a sign, proves that its letters are misread digits: RMO.00
# 0.5l is half a litre.
_MISREAD = re.compile(
    rf"(?<![A-Za-z0-9.,])(?P<mark>{_MARK} ?)?(?P<number>[\dOoIlSBZ|§]{{1,12}}"
    r"(?:[.,][\dOoIlSBZ§]{3}){0,5}[.,](?!\dl)[\dOoSBIl§]{2})(?![A-Za-z0-9]|[.,][A-Za-z0-9])"
)
_DIGITS = str.maketrans("OoIl|SBZ§", "001115825")
_DOLLAR = re.compile(r"S(?=\d+[.,]\d\d$)")  # S93.58
_CENTS = {
    digits: re.compile(rf"(?<!\d)(?<!\d[.,:/])\d{{1,6}}([.,])\d{{{digits}}}(?!\d|[.,:/]\d| ?%)")
    for digits in (2, 3)
}


class Style(NamedTuple):
    """How a receipt writes its amounts."""

    decimal_sign: str | None = None  # the one of its cents; None where that is open
    is_whole: bool = False  # no amount has cents
    cents: int = 2  # digits behind the sign; 3 in Tunisia and around the Gulf


UNKNOWN = Style()


def style_of(texts: Iterable[str], usual: Style) -> Style:
    """The style of the rows: a sign is that of the cents from two amounts on, twice the other's.

    Where cents have three digits, the sign that has three behind it more often is theirs. What the
    rows leave open is as it is `usual`.
    """
    cents = usual.cents
    signs = Counter(sign for text in texts for sign in _CENTS[cents].findall(text[:LONGEST]))
    sign, other = (".", ",") if signs["."] >= signs[","] else (",", ".")
    is_clear = cents == 3 or (signs[sign] >= 2 and signs[sign] >= 2 * signs[other])
    return Style(sign if is_clear else usual.decimal_sign, not signs, cents)


class Amount(NamedTuple):
    """A number in a text: its value, how it was written and where."""

    value: Decimal
    decimals: int  # digits after the decimal sign: 2 for 9.00, 0 for 60.000 and for 7
    is_money: bool  # it has two decimals, a thousands sign or a currency, and no unit behind it
    unit: str  # %, kg, ml, ... or ""
    start: int
    end: int


def parse_money(text: str) -> Decimal | None:
    """The first amount in the text; None when it has no number.

    Three digits after the only sign are thousands (`60.000`), but not after a zero (`0.545`).
    """
    found = next(iter(find_amounts(text[:LONGEST])), None)
    return found.value if found else None


def parse_rate(text: str) -> Decimal | None:
    """The first percentage in the text; None when it has none."""
    return next((abs(a.value) for a in find_amounts(text[:LONGEST]) if a.unit == "%"), None)


@lru_cache(maxsize=4096)
def find_amounts(text: str, style: Style = UNKNOWN) -> tuple[Amount, ...]:
    """Every number in the text, left to right; a minus on either side or brackets negate it."""
    return tuple(_amounts(text, style)) if any(map(str.isdigit, text)) else ()


def _amounts(text: str, style: Style) -> Iterator[Amount]:
    for match in _AMOUNT.finditer(repair(text)):
        unit = (match["unit"] or "").strip().lower()
        value, decimals, grouped = _number(match["number"], bool(unit), style)
        bracketed = match["open"] and match["close"]
        negative = match["before"] or match["inner"] or match["after"] or bracketed
        marked = match["mark"] or match["behind"] or match["round"]
        yield Amount(
            -value if negative else value,
            decimals,
            bool(decimals in (2, style.cents) or grouped or marked) and not unit,
            unit,
            match.start(),
            match.end(),
        )


def repair(text: str) -> str:
    """The text with letters read as digits where the shape of an amount proves it; same length."""
    return _MISREAD.sub(_as_digits, text)


def _as_digits(match: re.Match[str]) -> str:
    number = match["number"]
    if sum(character.isdigit() for character in number) * 2 < len(number) - 1:
        return match[0]
    as_dollar = number if match["mark"] else _DOLLAR.sub("$", number)
    return (match["mark"] or "") + as_dollar.translate(_DIGITS)


def _number(written: str, is_measure: bool, style: Style) -> tuple[Decimal, int, bool]:
    """The value, its number of decimals and whether its thousands are set apart.

    A measure's three digits are decimals (0.862 kg, 1.240 kg, 7.000 %), and so are those behind
    the sign of the receipt's cents: 6.281 gallons, and 1,245.500 where cents have three.
    """
    digits = re.sub(r"[\u00a0\u202f '\u2019]", "", written)
    parts = re.split(r"[.,:]", digits)
    whole, tail = "".join(parts[:-1]), parts[-1]
    if len(parts) == 1:
        return Decimal(digits), 0, "'" in written or "\u2019" in written
    is_behind_sign = digits[-4:-3] == style.decimal_sign
    is_decimal = is_measure or not whole.strip("0") or is_behind_sign
    has_cents = style.cents == 3 and is_behind_sign
    if len(tail) == 3 and not has_cents and (len(parts) > 2 or not is_decimal):
        return Decimal(whole + tail), 0, True
    return Decimal(f"{whole or 0}.{tail}"), len(tail), len(parts) > 2
