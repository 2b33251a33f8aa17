"""Tells the receipts of a file apart that stand one below the other, or on one page after another.

What stands below a receipt, or on the next page, is another only where it is one of its own and its
total and its shop, moment or number differ too: a card slip repeats them. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from statistics import median

from fields.beside import middle_of, print_height, upright
from fields.dates import find_dates, find_time
from fields.exact import amounts_in
from fields.labels import text_of
from fields.money import find_amounts
from fields.receipt import read_receipt
from fields.receipt_signs import Seen, above_prices, begins, has_total, is_whole, seen_on
from result import Receipt, Rows

MIN_GAP = 1.6  # between one and the next below it, in usual steps from row to row
MIN_DOUBTFUL_GAP = 2.0  # the same, where what stands below it is not whole
HEAD_ROWS = 4  # that come first in a head, and have a street among them
TRIED = 3  # of the widest gaps
MIN_PROBABILITY = 0.5  # of a field by which receipts are told apart
NAMES = ("merchant", "receipt_number", "date", "time", "total")

_PAGE = re.compile(  # Page 2 of 3, Seite 2/3, 2 / 3
    r"(?:^|[^\W\d_]{3}\.?\s{0,2})(\d{1,2})\s?(?:/|of|von|de|di|sur|van|av|af|z)\s?(\d{1,2})\W{0,3}$",
    re.IGNORECASE,
)


# One below the other


def stacked(rows: Rows) -> list[Rows]:
    """The rows of each receipt, where one stands below the other."""
    for start in _starts(rows):
        above, below = rows[:start], rows[start:]
        if _is_another(above, below):
            return [*stacked(above), *stacked(below)]
    return [rows]


def _is_another(above: Rows, below: Rows) -> bool:
    """Whether what is below is no card slip or copy: these have the same total, day and time.

    Where the total is the same, or no address tells where the other begins, both have to differ.
    """
    one, other = read_receipt(above), read_receipt(below)
    are_whole = all(is_whole(seen_on(part)) for part in (above, below))
    has_moment = bool(_moments(below))
    is_elsewhere = has_moment and _is_elsewhere(one, other)
    if not (is_elsewhere or (are_whole and goes_on(one, other) is False)):
        return False
    repeats = one.total in amounts_in(below) or other.total in amounts_in(above)
    is_other_moment = has_moment and {"date", "time"} <= _differing(_known(one), _known(other))
    return (begins(seen_on(below)) and not repeats) or is_other_moment


def _is_elsewhere(above: Receipt, below: Receipt) -> bool:
    """Below are a shop, its address and a day, and above other ones or none."""
    pairs = [(_known(above).get(name), _known(below).get(name)) for name in ("merchant", "date")]
    pairs.append((above.merchant_address, below.merchant_address))
    return all(b and (a is None or not _is_same(a, b)) for a, b in pairs)


def _starts(rows: Rows) -> list[int]:
    """The rows that may begin another receipt below one, the widest gap above them first."""
    seen = seen_on(rows)
    sums = list(accumulate(seen, Seen.plus, initial=Seen()))
    found = [
        (gap, number)
        for gap, number in _gaps(rows, MIN_GAP)
        if _may_be_two(sums[number], sums[-1].minus(sums[number]), seen[number:])
        or _begins_again(seen, number)
    ]
    return [number for _, number in sorted(found, reverse=True)[:TRIED]]


def _may_be_two(above: Seen, below: Seen, rows: Sequence[Seen]) -> bool:
    """Both are whole, and the `rows` below begin with a head, or go on with a thing as above."""
    if not (above.is_whole and below.is_whole):
        return False
    are_sold = above.things and _first_priced(rows).things
    return begins(rows) or bool(are_sold and below.totals and below.dates)


def _first_priced(rows: Sequence[Seen]) -> Seen:
    return next((row for row in rows if row.prices), Seen())


def _gaps(rows: Rows, least: float) -> list[tuple[float, int]]:
    """The rows below gaps of at least so many usual steps from row to row, with the gap."""
    steps = [abs(b - a) for a, b in pairwise(map(middle_of, upright(rows)))]
    usual = max(median(steps), print_height(rows)) if steps else 0.0
    return [(step, number) for number, step in enumerate(steps, 1) if step >= least * usual]


# One after the other


def may_begin(rows: Rows, number: int) -> bool:
    """Whether a page may begin another receipt: it has a head, or a date and a total, of its own.

    `number` is how many pages the receipt before has with it; `Page 2 of 3` begins none.
    """
    seen = seen_on(rows)
    is_dated = any(row.dates for row in seen)
    return not _is_numbered(rows, number) and (begins(seen) or (is_dated and has_total(rows)))


def _is_numbered(rows: Rows, number: int) -> bool:
    """A row says that this is so many-th of several pages."""
    found = filter(None, map(_PAGE.search, map(text_of, rows)))
    return any(2 <= int(page[1]) == number <= int(page[2]) for page in found)


def goes_on(before: Receipt, after: Receipt) -> bool | None:
    """Whether fields with a head of their own are of the receipt before; None: it is unclear.

    They are another's where they name another shop, moment or number. Where one has no total yet,
    shop and day differ, or the receipt before has its total and the shop's address differs too.
    """
    one, other = _known(before), _known(after)
    differing = _differing(one, other)
    if "total" not in one or "total" not in other:
        is_other_shop = "total" in one and _has_other_address(before, after)
        return "merchant" not in differing or not ("date" in differing or is_other_shop)
    if differing - {"total"}:
        return False
    return None if "total" in differing and after.items else True


def _has_other_address(before: Receipt, after: Receipt) -> bool:
    addresses = before.merchant_address, after.merchant_address
    return all(addresses) and not _is_same(*addresses)


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    return {name for name in one if name in other and not _is_same(one[name], other[name])}


def _known(receipt: Receipt) -> dict[str, object]:
    """The fields by which receipts are told apart, where they are probable."""
    found = {name: getattr(receipt, name) for name in NAMES}
    proofs = {name: getattr(receipt.evidence, name, None) for name in NAMES}
    return {
        name: value
        for name, value in found.items()
        if value is not None
        and not ((proof := proofs[name]) and (proof.probability or 1) < MIN_PROBABILITY)
    }


def _is_same(one: object, other: object) -> bool:
    """Equal, or names of which one has all the letters of the other."""
    a, b = ("".join(filter(str.isalnum, str(value).casefold())) for value in (one, other))
    return a in b or b in a if a.isalpha() and b.isalpha() else a == b


# What cannot be told apart


def may_be_several(rows: Rows) -> bool:
    """Whether rows that could not be cut seem to be of several receipts.

    Either different times of different days are printed, or a gap is followed by what only another
    receipt has. The same time on two days is one moment, whose date was misread once.
    """
    moments = _moments(rows)
    if min(len({day for day, _ in moments}), len({time for _, time in moments})) > 1:
        return True
    seen, gaps = seen_on(rows), _gaps(rows, MIN_DOUBTFUL_GAP)
    return any(_begins_again(seen, n) or _ends_again(rows, seen, n) for _, n in gaps)


def _moments(rows: Rows) -> list[tuple[str | None, str]]:
    """The days and times that stand together in one row."""
    return [
        (day.day_first or day.month_first, time)
        for text in map(text_of, rows)
        for day in find_dates(text)
        if (time := find_time(text))
    ]


def _begins_again(rows: Sequence[Seen], number: int) -> bool:
    """From this row on there is a head with a street, and a thing with its price right below it.

    A card slip, a table of taxes and the foot of a receipt have no thing.
    """
    head = above_prices(rows[number:])
    is_head = len(head) > 1 and any(row.streets for row in head[:HEAD_ROWS])
    is_thing = _first_priced(rows[number:]).things
    return bool(is_head and is_thing and any(row.things for row in rows[:number]))


def _ends_again(rows: Rows, seen: Sequence[Seen], number: int) -> bool:
    """From this row on things come first, and there is a total that is not printed above."""
    if not _first_priced(seen[number:]).things:
        return False
    above, below = rows[:number], rows[number:]
    one, other = _totals(above), _totals(below)
    return bool(one and other and not (one & amounts_in(below) or other & amounts_in(above)))


def _totals(rows: Rows) -> set[Decimal]:
    """The last amount of each row that is called a total."""
    texts = (text_of(row) for row, seen in zip(rows, seen_on(rows), strict=True) if seen.totals)
    money = ([amount.value for amount in find_amounts(t) if amount.is_money] for t in texts)
    return {values[-1] for values in money if values}
