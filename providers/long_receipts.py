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
from fields.corrected import receipts_in
from fields.money import find_amounts
from fields.receipt_signs import Seen, begins, seen_in
from providers.pages import join_receipts, on_page
from result import FileReceipt, Item, Json, as_json, from_json, placed

MAX_PHOTOS = 10  # of one receipt
MAX_TOTALS = 2  # photos with a total: its row may be on two
MIN_ROWS = 4  # of a photo
MIN_SAME = 2  # rows that are on both of two photos
MIN_SAME_SHARE = 0.6  # of the rows that must be on both, but for two that the edges may cut
MIN_LETTERS = 4  # of a row that tells: letters and figures
MIN_LIKENESS = 0.8  # of two readings of one row
MAX_OVERLAP = 40  # rows


class Photo(NamedTuple):
    """The reading of a photo that has at most one receipt."""

    reading: Json
    rows: tuple[str, ...]
    seen: list[Seen]
    has_head: bool
    receipt: FileReceipt


class LongReceipt(NamedTuple):
    """Photos of one receipt: their numbers from its head to its foot, and the reading of all."""

    numbers: list[int]
    reading: Json


def long_receipts(readings: Sequence[Json]) -> Iterator[LongReceipt]:
    """The receipts that go on over several readings, which are in the order of the upload.

    The photos of a receipt follow each other there, from the top or in another order.
    """
    photos = list(map(_photo, readings))
    start = 0
    while start < len(photos):
        found = _first_long(photos[start : start + MAX_PHOTOS])
        if found:
            yield LongReceipt([start + number for number in found.numbers], found.reading)
        start += len(found.numbers) if found else 1


def _photo(reading: Json) -> Photo | None:
    receipts = receipts_in(reading)
    rows = tuple(row for row in (reading.get("text") or "").split("\n") if row.strip())
    if len(receipts) > 1 or len(rows) < MIN_ROWS:
        return None
    seen = [seen_in(row) for row in rows]
    return Photo(reading, rows, seen, begins(seen), placed(from_json(receipts[0])))


def _first_long(photos: Sequence[Photo | None]) -> LongReceipt | None:
    """The receipt that is on the first photo and those after it."""
    some: list[Photo] = []
    for photo in photos:
        if photo is None:
            return None
        some.append(photo)
        heads = [number for number, one in enumerate(some) if one.has_head]
        if len(heads) > 1 or sum(map(_has_total, some)) > MAX_TOTALS:
            return None
        orders = [[*range(len(some))], _from_head(some, *heads)] if heads and some[1:] else []
        for numbers in orders:
            reading = _proved([some[number] for number in numbers])
            if reading:
                return LongReceipt(numbers, reading)
    return None


def _from_head(photos: Sequence[Photo], head: int) -> list[int]:
    """The numbers of the photos, each before the only one that goes on where it ends."""
    numbers, others = [head], {*range(len(photos))} - {head}
    while others:
        above = photos[numbers[-1]].rows
        following = [number for number in others if _overlap(above, photos[number].rows)]
        number = following[0] if len(following) == 1 else min(others)
        numbers.append(number)
        others.remove(number)
    return numbers


def _has_total(photo: Photo, above: int = 0) -> bool:
    return photo.receipt.total is not None and _totals(photo.seen[above:]) > 0


def _totals(rows: Sequence[Seen]) -> int:
    return sum(row.totals for row in rows)


def _proved(parts: Sequence[Photo]) -> Json | None:
    """The reading of all parts, where it is proved that they are of one receipt.

    It has only what receipts are listed and searched by.
    """
    pairs = list(pairwise(parts))
    overlaps = [_overlap(above.rows, below.rows) for above, below in pairs]
    if not parts[0].has_head or not _has_total(parts[-1], overlaps[-1]):
        return None
    totals = [
        (_totals(a.seen), _totals(b.seen[:n])) for (a, b), n in zip(pairs, overlaps, strict=True)
    ]
    if any(above > repeated for above, repeated in totals):
        return None
    if len({part.receipt.date for part in parts} - {None}) > 1:
        return None
    receipt, adds_up = _joined(parts, overlaps)
    if not all(overlaps) and not adds_up:
        return None
    text = "\n".join(part.reading["text"] for part in parts)
    return {"text": text, "receipts": [as_json(reviewed(receipt))]}


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


# The rows at the foot of one photo and at the head of the next


@lru_cache(maxsize=256)
def _overlap(above: tuple[str, ...], below: tuple[str, ...]) -> int:
    """How many rows at the foot of one photo are those at the head of the other; 0 for too few.

    Each photo has rows of its own. Some rows may be read differently, such as those an edge cuts.
    """
    most = min(MAX_OVERLAP, len(above) - 1, len(below) - 1)
    likeness, count = max((_likeness(above, below, n), n) for n in range(most + 1))
    return count if likeness else 0


def _likeness(above: Sequence[str], below: Sequence[str], count: int) -> int:
    """How many of so many rows are the same; 0 where these are too few, or none is an item.

    It is 0 too where a row has other amounts on the other photo, unless an edge may have cut it.
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
