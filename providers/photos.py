"""Joins the readings of photos that show one long receipt, part after part. Pure.

They are of one receipt where only the first has a head and only the last a total, and either the
rows at the foot of each are again at the head of the next, or their items add up to that total.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from fields.checks import reviewed
from fields.counted import receipts_in
from fields.money import find_amounts
from fields.several import Seen, begins, seen_in
from providers.pages import join_receipts, on_page
from result import FileReceipt, Item, Json, as_json, from_json, placed

MOST = 10  # photos of one receipt
MIN_ROWS = 4  # of a photo
MIN_SAME = 2  # rows that are on both of two photos
MIN_SAME_SHARE = 0.6  # of the rows that must be on both, but for two that the edges may cut
MIN_LETTERS = 4  # of a row that tells: letters and figures
MIN_LIKENESS = 0.8  # of two readings of one row
MAX_OVERLAP = 40  # rows


class Photo(NamedTuple):
    """What was read of a photo that has one receipt at most."""

    reading: Json
    rows: list[str]
    seen: list[Seen]
    has_head: bool
    receipt: FileReceipt


class LongReceipt(NamedTuple):
    """Photos of one receipt: their numbers, and the reading of all of them together."""

    numbers: list[int]
    reading: Json


def long_receipts(readings: Sequence[Json]) -> Iterator[LongReceipt]:
    """The receipts that go on over several readings, which are in the order of the upload."""
    photos = list(map(_photo, readings))
    start = 0
    while start < len(photos):
        found = _first_long(photos[start : start + MOST])
        if found:
            yield LongReceipt([start + n for n in range(found[0])], found[1])
        start += found[0] if found else 1


def _photo(reading: Json) -> Photo | None:
    receipts = receipts_in(reading)
    rows = [row for row in (reading.get("text") or "").split("\n") if row.strip()]
    if len(receipts) > 1 or len(rows) < MIN_ROWS:
        return None
    seen = [seen_in(row) for row in rows]
    return Photo(reading, rows, seen, begins(seen), placed(from_json(receipts[0])))


def _first_long(photos: Sequence[Photo | None]) -> tuple[int, Json] | None:
    """How many photos are of the receipt that begins on the first, and their reading."""
    parts: list[Photo] = []
    overlaps: list[int] = []
    for photo in photos:
        is_first = not parts
        if photo is None or photo.has_head != is_first:
            return None
        overlaps += [_overlap(parts[-1].rows, photo.rows)] if parts else []
        parts.append(photo)
        if len(parts) > 1 and _has_total(photo, overlaps[-1]):
            return _proved(parts, overlaps)
    return None


def _has_total(photo: Photo, above: int) -> bool:
    return photo.receipt.total is not None and _totals(photo.seen[above:]) > 0


def _totals(rows: Sequence[Seen]) -> int:
    return sum(row.totals for row in rows)


def _proved(parts: Sequence[Photo], overlaps: Sequence[int]) -> tuple[int, Json] | None:
    """The reading of all parts, where it is proved that they are of one receipt."""
    pairs = zip(pairwise(parts), overlaps, strict=True)
    if any(_totals(above.seen) > _totals(below.seen[:rows]) for (above, below), rows in pairs):
        return None
    if len({part.receipt.date for part in parts} - {None}) > 1:
        return None
    receipt, adds_up = _joined(parts, overlaps)
    return (len(parts), _as_reading(parts, receipt)) if all(overlaps) or adds_up else None


def _joined(parts: Sequence[Photo], overlaps: Sequence[int]) -> tuple[FileReceipt, bool]:
    """The fields of all parts, and whether the items of each count towards its sum."""
    pages = accumulate((len(part.reading.get("pages") or ()) for part in parts), initial=0)
    receipts = [on_page(part.receipt, page) for part, page in zip(parts, pages, strict=False)]
    for n, overlap in enumerate(overlaps):
        above, below = _without_repeats(receipts[n].items, receipts[n + 1].items, overlap)
        receipts[n] = replace(receipts[n], items=above)
        receipts[n + 1] = replace(receipts[n + 1], items=below)
    joined, last = join_receipts(receipts), receipts[-1]
    sums = [sum(item.amount or Decimal(0) for item in part.items) for part in receipts]
    is_sum = all(sums) and sum(sums) in (last.subtotal, last.total)
    return joined, is_sum and sum(sums) % 1 != 0  # whole numbers add up by chance too


def _without_repeats(
    above: tuple[Item, ...], below: tuple[Item, ...], overlap: int
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The items of two parts without those of the rows that are on both, and were read twice.

    The longest run of equal amounts tells where they meet: an item at the edge may be cut.
    """
    foot = max(0, len(above) - overlap)
    amounts = [item.amount for item in above[foot:]], [item.amount for item in below[:overlap]]
    same = SequenceMatcher(None, *amounts, autojunk=False).find_longest_match()
    if not same.size:
        return above, below
    return above[: foot + same.a + same.size], below[same.b + same.size :]


def _as_reading(parts: Sequence[Photo], receipt: FileReceipt) -> Json:
    """A reading, of which only what receipts are listed and found by is there."""
    return {
        "text": "\n".join(part.reading["text"] for part in parts),
        "receipts": [as_json(reviewed(receipt))],
    }


# The rows at the foot of one photo and at the head of the next


def _overlap(above: Sequence[str], below: Sequence[str]) -> int:
    """How many rows at the foot of one are those at the head of the other; 0 for too few.

    Each has rows of its own. Some rows may be read otherwise, as those which an edge cuts.
    """
    most = min(MAX_OVERLAP, len(above) - 1, len(below) - 1)
    likeness, count = max((_likeness(above, below, n), n) for n in range(most + 1))
    return count if likeness else 0


def _likeness(above: Sequence[str], below: Sequence[str], count: int) -> int:
    """How many of so many rows are the same; 0 where these are too few, or no item is there.

    Nor may one but the first and the last, which may be cut, have other amounts on the other photo.
    """
    pairs = list(zip(above[len(above) - count :], below, strict=False))
    if any(_differ(*pair) for pair in pairs[1:-1]):
        return 0
    same = [pair[0] for pair in pairs if _is_same(*map(_letters, pair)) and not _differ(*pair)]
    is_enough = len(set(same)) >= max(MIN_SAME, MIN_SAME_SHARE * (count - 2))
    return len(same) if is_enough and any(seen_in(row).amounts for row in same) else 0


def _differ(*pair: str) -> bool:
    one, other = map(_amounts, pair)
    return bool(one and other and one != other)


@lru_cache(maxsize=4096)
def _amounts(row: str) -> list[Decimal]:
    return [amount.value for amount in find_amounts(row) if amount.is_money]


def _letters(row: str) -> str:
    return "".join(filter(str.isalnum, row.casefold()))


@lru_cache(maxsize=4096)
def _is_same(one: str, other: str) -> bool:
    if min(len(one), len(other)) < MIN_LETTERS:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    likeness = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() >= MIN_LIKENESS for ratio in likeness)
