"""What speaks for and against each name that may be the merchant's. Pure: rows in.

No feature names a country or a shop.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import median_high

from fields import contacts
from fields.chains import chain_in, chains_on, has_exact_chain
from fields.company_names import CERTAIN_LEGAL, LEGAL, MANDATORY, is_form, letters_of, name_in
from fields.dates import find_dates
from fields.labels import Row, plain
from fields.lexicon import words
from fields.vocabulary import vocabulary

MAX_ROWS_ABOVE = 40  # of a date, an amount or a street
TITLE_ROWS = 8  # whose heights are compared
_CASE_CHANGE = re.compile(r"[a-z][A-Z]")
_VOWELS = frozenset("aeiouy")
_FILLING = words("merchant", "filling")
_business = vocabulary(set(map(plain, words("merchant", "business"))))
_SENTENCE = frozenset(plain(" ".join(words("merchant", "sentence"))).split())
_NETWORKS = frozenset(words("merchant", "networks"))
_DOMAIN = re.compile(
    r"(?:www\.|@|https?://)([\w-]{3,40})\.|(?<![\w-])([a-z][\w-]{2,40})\.(?:com|net|co)\b", re.I
)
# Towns, and what else is printed in one country: GANGNAM, SEOUL is where the shop is.
_LOCAL = frozenset(
    tuple(plain(word.strip("*")).split()) for word in words("currency", "words", "hints")
)
_MOST_WORDS = max(map(len, _LOCAL))


class Head:
    """What the candidates of a receipt share, from which the features of each follow."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        heights = [row.height for row in rows]
        self.middle = (median_high(heights) if heights else 0) or 1
        self.heights = [height / self.middle if any(heights) else 1.0 for height in heights]
        first = rows[:MAX_ROWS_ABOVE]
        self.date = _first(first, lambda row: any(find_dates(row.text)))
        self.amount = _first(first, lambda row: bool(row.amounts))
        self.street = _first(first, lambda row: contacts.is_street(row.text))
        head = enumerate(rows[: self.street + 1])
        self.companies = {index for index, row in head if MANDATORY.search(row.text)}
        texts = [plain(row.text) for row in rows]
        self.times = Counter(word for text in texts for word in {*text.split()} if len(word) > 3)
        self.domains = _domains(rows)
        self.web = " ".join(name.lower() for name, _ in self.domains)
        self.chains = chains_on(rows)
        boxes = [piece.box for row in rows for piece in row.pieces if piece.box]
        self.businesses = [sum(map(_is_business, text.split())) for text in texts]
        self.named = list(accumulate(map(could_be_name, rows), initial=0))
        self.left = min((box[0] for box in boxes), default=0)
        self.width = max((box[2] for box in boxes), default=1) - self.left or 1

    def features(self, name: str, index: int, kind: str) -> dict[str, float]:
        row = self.rows[index]
        is_exact = has_exact_chain(plain(row.text).split())
        return {
            "exact chain": is_exact,
            "web name": kind == "web",
            "chain name": kind == "chain",
            **self._place(index),
            **self._neighbours(index),
            **self._repeated(name),
            "confidence": row.lowest_confidence(*span_of(row, name)),
            **_of_row(row),
            **_of_name(name, is_exact),
        }

    def _place(self, index: int) -> dict[str, float]:
        box = self.rows[index].box(0, 999)
        left, right = (box[0], box[2]) if box else (self.left, self.left + self.width)
        near = self.heights[:TITLE_ROWS]
        return {
            "rows above": index,
            "place": index / len(self.rows),
            "size": self.heights[index],
            "larger rows": sum(other > self.heights[index] for other in near),
            "middle": (left + right - 2 * self.left - self.width) / 2 / self.width,
            "width": (right - left) / self.width,
            "behind date": index - self.date,
            "behind amount": index - self.amount,
            "behind street": index - self.street,
        }

    def _neighbours(self, index: int) -> dict[str, float]:
        above = self.rows[index - 1].text if index else ""
        below = self.rows[index + 1] if index + 1 < len(self.rows) else None
        return {
            "street below": bool(below and contacts.is_street(below.text)),
            "form below": bool(below and is_form(name_in(below.text))),
            "phone below": bool(below and contacts.phone_in(below.text)),
            "other companies": len(self.companies - {index}),
            "size below": self.heights[index + 1] if below else 1.0,
            "letters above": sum(map(str.isalpha, above)),
            "names above": self.named[index],
            "businesses above": self.businesses[index - 1] if index else 0,
            "gap above": self._gap_above(index),
        }

    def _gap_above(self, index: int) -> float:
        """The white between a row and the one before, in usual heights of a row, at most 5."""
        upper, lower = (self.rows[i].box(0, 999) for i in (max(0, index - 1), index))
        return min(5.0, (lower[1] - upper[3]) / self.middle) if index and upper and lower else 0.0

    def _repeated(self, name: str) -> dict[str, float]:
        long = [word for word in plain(name).split() if len(word) > 3]
        joined = letters_of(name)
        return {
            "times": max((self.times[word] for word in long), default=0),
            "in web": len(joined) > 3 and joined in self.web,
            "word in web": any(word in self.web for word in long),
        }


def _domains(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """The first four names in web addresses, as written, with their rows."""
    found: dict[str, tuple[str, int]] = {}
    for index, row in enumerate(rows):
        for match in _DOMAIN.finditer(row.text):
            name = match[1] or match[2]
            if name.lower() not in _NETWORKS:
                found.setdefault(name.lower(), (name, index))
    return list(found.values())[:4]


def _first(rows: Sequence[Row], is_so: Callable[[Row], bool]) -> int:
    """The index of the first row of which it is so; how many rows there are where it is of none."""
    return next((index for index, row in enumerate(rows) if is_so(row)), len(rows))


def could_be_name(row: Row) -> bool:
    """Whether it is mostly letters, and no sentence, address, amount or label."""
    letters = sum(map(str.isalpha, row.text))
    return (
        letters > 3
        and 4 * sum(map(str.isdigit, row.text)) < letters
        and not (row.amounts or row.topics or contacts.is_no_name(row.text))
        and not (contacts.web_in(row.text) or contacts.is_street(row.text))
    )


def _of_row(row: Row) -> dict[str, float]:
    text = row.text
    return {
        "row digits": sum(map(str.isdigit, text)),
        "amounts": len(row.amounts),
        "numbers": len(row.numbers),
        "topics": len(row.topics),
        "web": bool(contacts.web_in(text)),
        "street": contacts.is_street(text),
        "number sign": "#" in text,
        "colon": ":" in text,
        "comma": "," in text,
        "end of sentence": text.endswith(("!", ".", "?")),
        "certain form": bool(CERTAIN_LEGAL.search(text)),
        "form by law": bool(MANDATORY.search(text)),
    }


def _of_name(name: str, is_exact: bool) -> dict[str, float]:
    found = plain(name).split() or name.split()  # which has all letters
    letters = sum(map(str.isalpha, name))
    return {
        "letters": letters,
        "words": len(found),
        "longest word": max(map(len, found), default=0),
        "shortest word": min(map(len, found), default=0),
        "digits": sum(map(str.isdigit, name)),
        "small letters": sum(map(str.islower, name)) / max(1, letters),
        "small first letter": name[:1].islower(),
        "case changes": len(_CASE_CHANGE.findall(name)),
        "vowels": sum(letter in _VOWELS for letter in "".join(found)) / max(1, letters),
        "form": bool(LEGAL.search(name)),
        "businesses": sum(map(_is_business, found)),
        "sentence words": sum(word in _SENTENCE for word in found),
        "only business": all(_is_business(word) or word in _FILLING for word in found),
        "chain": bool(chain_in(found)) * (1 + is_exact),
        "not a name": bool(contacts.is_no_name(name)),
        "address": not contacts.STREETS.isdisjoint(found),
        "local words": local_words(found),
        "apostrophe": any(sign in name for sign in "'\u2019&"),
    }


def local_words(found: Sequence[str]) -> int:
    """How many of the words are in the name of a town, or another that tells a country."""
    return sum(
        size
        for size in range(1, _MOST_WORDS + 1)
        for start in range(len(found) - size + 1)
        if tuple(found[start : start + size]) in _LOCAL
    )


def _is_business(word: str) -> bool:
    """Whether it says what kind of business this is, one letter in eight misread allowed."""
    return any(wanted == word or len(wanted) >= 8 for wanted in _business(word))


def span_of(row: Row, name: str) -> tuple[int, int]:
    """Where in the row's text the name is; its beginning, where it is not as it was read."""
    start = max(0, row.text.find(name[:4]))
    return start, start + len(name)
