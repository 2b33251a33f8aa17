"""How a receipt was paid, and with which card. Pure: rows in."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

from fields.labels import Row, plain, topics
from fields.lexicon import CURRENCY_NAMES, rule, words
from fields.roles import first_sum, role_of
from result import Evidence

_LAST4 = re.compile(  # not *** 0042 ***
    r"(?:(?<![*xX•#·.])[*xX•#·.]{4,}|(?<![\w*•#·])(?:[*xX•·]{2,}|#{3,})"
    r"|[*xX]{4} [*xX]{6} [*xX])[ -]*"
    r"(?P<last4>\d{4})(?!\d|[ -]*[*#](?!\*/))"  # but ****2006 **/**
)
# also x0442, US DEBIT- 6631, Mastercard 5520 $63.37, VISA 1142 (Contactless) $15.60
_CARDS = re.compile(
    r"(?:(?<!\w)[*•x]|(?<![\w.])\.{3,}|\bend(?:ing(?: in)?|et auf)|[a-z]-(?= \d{4}(?!\S))|"
    r"[a-z](?= \d{4}(?: \(\w+\))? +\W?\d+[.,]\d\d$))"
    r" ?(?P<last4>\d{4})(?![\d.,])",
    re.IGNORECASE,
)
_TERMINAL = rule(r"\b<numbers.terminal>\W{0,20}$")  # TID: ****4419
MOST_WORDS = 4  # of a row that says how it was paid, and no amount
_METHODS = {"card": "card", "wallet": "mobile", "cash": "cash"}
_PAID = {word for phrase in words("labels", "paid") for word in plain(phrase).split()}
# The words of all languages for coins and notes: those for cash less those for paying.
_CASH = {word for phrase in words("topics", "cash") for word in plain(phrase).split()}
_CASH -= _PAID | CURRENCY_NAMES


def find_payment(rows: Sequence[Row], total: Decimal | None) -> tuple[str, Evidence] | None:
    """`card`, `mobile` or `cash`, and the row that says so.

    A row with an amount, at or below the sums, or beside a card's number comes first, then one that
    only says how: Payment Mode: Cash. What was given without a word for coins was cash if change
    was given back. A masked number alone is that of a card.
    """
    sums = first_sum(rows)
    paid = [
        row
        for n, row in enumerate(rows)
        if _is_paid_on(row, n >= sums, total) or find_last4(rows[max(0, n - 1) : n + 2])
    ]
    is_changed = _is_changed(rows)
    said = (
        (method, row)
        for topic, method in _METHODS.items()
        for row in paid
        if topic in row.topics and (topic != "cash" or is_changed or _says_cash(row))
        if topic != "card" or "wallet" not in row.topics  # Apple Pay Visa ....9921
    )
    ways = ((method, row) for row in rows if (method := _way(row, is_changed)))
    masked = (("card", row) for row in rows if _masked(row))
    named = ((method, row) for row in rows[sums:] if (method := _named_alone(row)))
    found = next(chain(said, ways, masked, named), None)
    if found is None:
        return None
    method, row = found
    return method, Evidence(None, "ocr", row.page, row.box(0, len(row.text)))


def _is_paid_on(row: Row, is_below: bool, total: Decimal | None) -> bool:
    """Whether the row has a payment: the total, or an amount below the sums; 0 is one in cash only.

    What is taken off, and a customer's card, are none.
    """
    amounts = [each.value for each in row.amounts]
    is_taken_off = not row.topics.isdisjoint(("discount", "points"))
    is_given = any(amounts[-1:]) or (bool(amounts) and "cash" in row.topics)
    return is_given and not is_taken_off and (is_below or total in amounts)


def _named_alone(row: Row) -> str | None:
    """The method that a row of one or two words ends with: TARGETA VISA, but Credit Purchase."""
    read = row.text.split()
    if row.numbers or not 0 < len(read) < 3:
        return None
    last = row.topics & topics(read[-1]) if "points" not in row.topics else ()  # not COFFEE BAR
    return next((_METHODS[topic] for topic in _METHODS if topic in last), None)


def find_last4(rows: Sequence[Row]) -> str | None:
    """The last four digits of a card whose other ones are masked, but for a customer's card.

    One without such a word may stand above the sums, so the rows below them come first.
    """
    sums = first_sum(rows)
    found = (_last4(row) for row in [*rows[sums:], *rows[:sums]])
    return next((match["last4"] for match in found if match), None)


def _last4(row: Row) -> re.Match[str] | None:
    """Masked figures, or such behind one * or "ending in" where a card is named."""
    return _masked(row) or (_masked(row, _CARDS) if "card" in row.topics else None)


def _masked(row: Row, pattern: re.Pattern[str] = _LAST4) -> re.Match[str] | None:
    """The first masked figures that are neither a customer's card nor the number of a terminal."""
    if "points" in row.topics:
        return None
    found = pattern.finditer(row.text)
    return next((each for each in found if not _TERMINAL.search(row.text[: each.start()])), None)


def _way(row: Row, is_changed: bool) -> str | None:
    """What the words of a row say: Cash Tender; at their end Payment Mode: Visa."""
    text = row.text[: row.amounts[0].start] if row.amounts else row.text
    read = [word for word in text.split() if plain(word) not in CURRENCY_NAMES]
    is_long = not 1 < len(read) <= MOST_WORDS
    if is_long or _PAID.isdisjoint(plain(text).split()):
        return None
    if "cash" in row.topics and not row.amounts and (is_changed or _says_cash(row)):
        return "cash"
    is_at_end = not _PAID.isdisjoint(plain(read[0]).split())
    named = topics(read[-1]) - ({"cash"} if row.amounts else set())  # not AMOUNT TENDERED 5.00
    said = (_METHODS[topic] for topic in _METHODS if topic in named)
    return next(said, None) if is_at_end else None


def _is_changed(rows: Sequence[Row]) -> bool:
    """Change was given back; 0.00 may stand below a card's payment too."""
    change = [row.amounts for row in rows if role_of(row.topics) == "change"]
    return any(amount.value for amounts in change for amount in amounts)


def _says_cash(row: Row) -> bool:
    return not _CASH.isdisjoint(plain(row.text).split())
