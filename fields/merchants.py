"""The merchant's name. Pure: rows of the receipt in.

Each row of the head is a candidate, and so is a chain, or the name in a web address, that stands
anywhere. No feature names a country or a shop.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from statistics import median_high
from typing import NamedTuple

from fields import contacts
from fields.address import find_address
from fields.dates import find_dates
from fields.labels import Row, plain
from fields.learned import against, probabilities
from fields.lexicon import COUNTRIES, CURRENCY_NAMES, rule, words
from fields.vocabulary import phrase_finder, vocabulary, within_one_edit
from result import Evidence

MAX_ROWS = 16  # of the head, and 4 of the foot
MIN_PROBABILITY = 0.05  # a name with less is none
MIN_RIVAL = 0.25  # one with more is taken before one that only describes
MIN_SURE = 0.97  # a name with more stays, though a chain is named twice
# Where a chain's name is a row of its own, or part of the likeliest row, 172 of 174 names are
# right: of labelled readings whose merchants were left out of the training.
WHOLE_CHAIN = 0.95
LONG_ABBREVIATION = 5  # characters, with its full stop: Bros.
MAX_ROWS_ABOVE = 40  # of a date, an amount or a street
MAX_ROWS_APART = 3  # a company and its chain

# Legal forms end a company's name; a row that has one is the name.
LEGAL = rule(r"\b(?:<~legal.forms+ordinary>\b|<~legal.initials>\b(?=\.?$))\.?")
_ENDS_IN_FORM = re.compile(f"(?:{LEGAL.pattern})$", re.IGNORECASE)
_CERTAIN_LEGAL = rule(  # those that are no ordinary word or initials
    r"\b<~legal.forms+words>\b|\b<~legal.initials> ?\(\d|& ?<legal.partners>\b"
    r"|^<legal.prefixes>\.? "
)
_BESIDE_A_FORM = rule(r"\([^()]{1,20}\)|&|\b<legal.partners>\b\.?")
# Where the law wants the company's name on every receipt, whatever the shop above it is called.
_MANDATORY = rule(r"\b<~legal.mandatory>\b|\b<~legal.initials> ?\(\d")
_REPAIRS = [
    (re.compile(pattern), form)
    for file in COUNTRIES.values()
    for pattern, form in file.get("legal", {}).get("repairs", ())
]
_FILLING = words("merchant", "filling")
_NO_NAMES = CURRENCY_NAMES.union(plain(" ".join(words("merchant", "names"))).split())
_NUMBER_LABEL = rule(
    r"\b<numbers.number>\b ?[.:;#]|^<numbers.company>\b\.? ?\w*\.? <numbers.number>\b"
    r"|^<merchant.numbered>\b\.? ?(?:#|<numbers.number>\b)"
)
_INITIALS = re.compile(r"(?<!\w)(?=\S{0,20}[A-Z])(?:[A-Z015¥$]\.){2,}")
_AS_LETTERS = str.maketrans("015¥$", "OISYS")
_SMALL, _LARGE = str.maketrans("01", "ol"), str.maketrans("01", "OI")
_FIGURE_IN_WORD = re.compile(r"(?<=([^\W\d_]))[01]+(?=[^\W\d_])|\b0(?=['\u2019][A-Z])")
_CASE_CHANGE = re.compile(r"[a-z][A-Z]")
_VOWELS = frozenset("aeiouy")
_GREETING = rule(r"^<merchant.greeting>\s*")
_FORMERLY = rule(r"(?<!\s)\s+\(?<merchant.former>\b.*$")
_NUMBERED = re.compile(  # (519537-X), 273500-U (KJ1), ( ROC : SA0416111-K )
    r"(?<!\s)\s*(?:[\(\[{][^()]{0,80}\d{5}|(?<!\d)\d{6,}\s{0,3}[-\u00b7.:]?\s{0,3}[A-Z]\b).*$"
)
_REGISTRATION = rule(
    r"(?<!\s)\s*[\(\[{]?\s{0,3}(?:<numbers.registration>\b[ .]{0,3}<numbers.registration>?[ .]{0,3}"
    r"<numbers.number>?[ .:]{0,3})?[\(\[{]?\s{0,3}(?:[a-z]{1,3}[ -]?)??\d{5,12}"
    r"(?:\s{0,3}[-·. ]?\s{0,3}[a-z0-9])?\s{0,3}[\)\]}]*\s*$"
)
_DOMAIN = re.compile(
    r"(?:www\.|@|https?://)([\w-]{3,40})\.|(?<![\w-])([a-z][\w-]{2,40})\.(?:com|net|co)\b", re.I
)
# Chains whose name is often a logo the engine cannot read, but stands in a sentence or an address.
_CHAIN_WORDS = {
    name: tuple(plain(name.replace("'", "")).split()) for name in words("merchant", "chains")
}
_ONE_WORD = {
    some[0]: name for name, some in _CHAIN_WORDS.items() if len(some) == 1 and len(some[0]) > 3
}
_CHAIN_OF = {some: name for name, some in _CHAIN_WORDS.items()}
_find_chains = phrase_finder(_CHAIN_OF.keys())
_business = vocabulary(set(map(plain, words("merchant", "business"))))
_NETWORKS = frozenset(words("merchant", "networks"))
_SENTENCE = frozenset(plain(" ".join(words("merchant", "sentence"))).split())
# Towns, and what else is printed in one country: GANGNAM, SEOUL is where the shop is.
_LOCAL = frozenset(
    tuple(plain(word.strip("*")).split()) for word in words("currency", "words", "hints")
)
_MOST_WORDS = max(map(len, _LOCAL))


class Merchant(NamedTuple):
    name: str | None
    address: str | None
    evidence: Evidence | None
    confidence: float  # of the name's faintest word


class Name(NamedTuple):
    """A candidate: a name, the row it is on and what speaks for and against it."""

    text: str
    row: int
    features: dict[str, float]
    chance: float = 0.0  # that it is right


_chance = attrgetter("chance")


def find_merchant(rows: Sequence[Row]) -> Merchant:
    found = find_names(rows)
    chances = probabilities("merchant", [name.features for name in found])
    names = [name._replace(chance=chance) for name, chance in zip(found, chances, strict=True)]
    likely = [name for name in names if name.chance >= MIN_RIVAL]
    proper = [name for name in likely if not _is_described(name, likely)]
    best = max(proper or names, key=_chance, default=None)
    if best:
        best = max(_chains_instead_of(best, names, rows), key=_chance, default=best)
    if best is None or best.chance < MIN_PROBABILITY:
        return Merchant(None, find_address(rows[: MAX_ROWS + 2], -1), None, 0.0)
    kinds = {
        name.row
        for name in likely
        if name.features["only business"] and plain(name.text) not in plain(best.text)
    }
    text, last = _whole_name(rows, best, kinds)
    row = rows[best.row]
    box = row.box(0, len(row.text))
    evidence = Evidence(_probability(best, names, rows), "ocr", row.page, box)
    address = find_address(rows[: MAX_ROWS + 2], last)
    return Merchant(text, address, evidence, _confidence(row, best.text))


def _is_described(name: Name, likely: Sequence[Name]) -> bool:
    """Whether this only describes another likely name.

    As the kind of business on the row beside it, as its web address, or, where that is a chain, as
    its misread logo, or its company with a town: Aldi GmbH & Co. KG, Herten.
    """
    others = [other for other in likely if other is not name]
    if name.features["only business"]:
        return any(abs(other.row - name.row) == 1 for other in others)
    if name.features["web name"]:
        return _is_site(name.text, others)
    chains = [one.text for one in others if one.features["chain name"] and one.row == name.row]
    has_more = LEGAL.search(name.text) and not _ENDS_IN_FORM.search(name.text)
    return bool(chains) and (_logo(name.text) in chains or bool(has_more))


def _is_site(site: str, others: Sequence[Name]) -> bool:
    """Whether the name of a web address is that of another row, or holds it, or is part of it."""
    letters = _letters(site)
    names = (_letters(name.text) for name in others if not name.features["web"])
    return bool(letters) and any(
        name != letters and ((len(name) > 3 and name in letters) or letters in name)
        for name in names
    )


def _letters(text: str) -> str:
    """The text in lower case without spaces and signs."""
    return plain(text).replace(" ", "")


def _chains_instead_of(best: Name, names: Sequence[Name], rows: Sequence[Row]) -> Iterator[Name]:
    """The chains to take instead of the likeliest name.

    A chain beside its company is taken: BIEDRONKA above Jeronimo Martins. So is one with a legal
    form, Aldi GmbH & Co. KG below a logo that was not read, and, where the likeliest name is not
    sure, one that is named twice or alone on a row. None where the law wants the company's name, or
    that row is a chain's.
    """
    if best.features["form by law"] or best.features["chain"]:
        return
    for chain in names:
        if chain.features["chain name"] and chain.chance >= MIN_PROBABILITY:
            named = _rows_of_chain(chain.text, rows)
            whole = [row for row in named if _is_all(chain.text, row)]
            is_beside = best.features["form"] and abs(chain.row - best.row) <= MAX_ROWS_APART
            has_form = any(LEGAL.search(row.text) for row in whole)
            is_sure = has_form or (best.chance < MIN_SURE and (len(named) > 1 or whole))
            if named and (is_beside or is_sure):
                yield chain


def _rows_of_chain(chain: str, rows: Sequence[Row]) -> list[Row]:
    """The rows, which are no items, sums or headings, that begin with the chain's name."""
    others = [row for row in rows if not row.amounts and not row.topics]
    words = _CHAIN_WORDS[chain]
    return [row for row in others if tuple(plain(_clean(row.text)).split())[: len(words)] == words]


def _is_all(chain: str, row: Row) -> bool:
    """Whether a row that begins with the chain's name has only it, or a word and a legal form."""
    text = _clean(row.text)
    form = LEGAL.search(text)
    words = plain(text[: form.start()] if form else text).split()
    return len(words) <= len(_CHAIN_WORDS[chain]) + bool(form)


def _probability(best: Name, names: Sequence[Name], rows: Sequence[Row]) -> float:
    """How probable it is that this name is right, beside the other names."""
    probability = against(best.chance, _rivals(best, names))
    is_whole = bool(best.features["exact chain"])
    if is_whole and best.features["chain name"]:
        is_whole = any(_is_all(best.text, row) for row in _rows_of_chain(best.text, rows))
    return max(probability, WHOLE_CHAIN) if is_whole else probability


def _rivals(best: Name, names: Sequence[Name]) -> Iterator[float]:
    """The chances of the other names, of those with one inside another the highest."""
    seen = [_letters(best.text)]
    for name in sorted(names, key=_chance, reverse=True):
        letters = _letters(name.text)
        if letters and not any(letters in other or other in letters for other in seen):
            seen.append(letters)
            yield name.chance


def _confidence(row: Row, name: str) -> float:
    if name.count("(") != name.count(")") or _is_sentence(name):
        return 0.0  # it was cut, or is a slogan
    return row.lowest_confidence(*_span(row, name))


def _span(row: Row, name: str) -> tuple[int, int]:
    """Where in the row's text the name is; its beginning, where it is not as it was read."""
    start = max(0, row.text.find(name[:4]))
    return start, start + len(name)


def _is_sentence(name: str) -> bool:
    """Whether it is a slogan: two words or more that end with a full stop, as "More saving." does.

    A short last word may be an abbreviation.
    """
    is_long = len(name.rpartition(" ")[2]) > LONG_ABBREVIATION
    return " " in name and name.endswith((".", "!", "?")) and is_long and not LEGAL.search(name)


def find_names(rows: Sequence[Row]) -> list[Name]:
    head = _Head(rows)
    places = [*range(min(len(rows), MAX_ROWS)), *range(max(MAX_ROWS, len(rows) - 4), len(rows))]
    names = [(_clean(rows[index].text), index, "row") for index in places]
    logos = [(chain, index, "chain") for name, index, _ in names if (chain := _logo(name))]
    sites = [(name, index, "web") for name, index in head.domains]
    chains = [(name, index, "chain") for name, index in head.chains.items()]
    once = {  # a row that is a chain's name is spelled as the chain spells it
        (plain(name) or name, index): (name, index, kind)
        for name, index, kind in [*sites, *names, *logos, *chains]
    }
    return [
        Name(text, index, head.features(text, index, kind))
        for text, index, kind in once.values()
        if not _is_label(text)
    ]


def _is_label(name: str) -> bool:
    """Nothing but a country or a currency, or little but the label of a number: Company No : SA."""
    label, found = _NUMBER_LABEL.search(name), plain(name).split()  # none of another script
    if found and _NO_NAMES.issuperset(found):
        return True
    return bool(label) and sum(map(str.isalpha, _NUMBER_LABEL.sub("", name))) < 5


class _Head:
    """What the candidates of a receipt share."""

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
        self.companies = {index for index, row in head if _MANDATORY.search(row.text)}
        texts = [plain(row.text) for row in rows]
        self.times = Counter(word for text in texts for word in {*text.split()} if len(word) > 3)
        self.domains = _domains(rows)
        self.web = " ".join(name.lower() for name, _ in self.domains)
        self.chains = _chains(rows)
        boxes = [piece.box for row in rows for piece in row.pieces if piece.box]
        self.businesses = [sum(map(_is_business, text.split())) for text in texts]
        self.named = list(accumulate(map(_could_be_name, rows), initial=0))
        self.left = min((box[0] for box in boxes), default=0)
        self.width = max((box[2] for box in boxes), default=1) - self.left or 1

    def features(self, name: str, index: int, kind: str) -> dict[str, float]:
        row = self.rows[index]
        is_exact = _has_exact_chain(plain(row.text).split())
        return {
            "exact chain": is_exact,
            "web name": kind == "web",
            "chain name": kind == "chain",
            **self._place(index),
            **self._neighbours(index),
            **self._repeated(name),
            "confidence": row.lowest_confidence(*_span(row, name)),
            **_of_row(row),
            **_of_name(name, is_exact),
        }

    def _place(self, index: int) -> dict[str, float]:
        box = self.rows[index].box(0, 999)
        left, right = (box[0], box[2]) if box else (self.left, self.left + self.width)
        near = self.heights[: MAX_ROWS // 2]
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
            "form below": bool(below and _is_form(_clean(below.text))),
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
        joined = _letters(name)
        return {
            "times": max((self.times[word] for word in long), default=0),
            "in web": len(joined) > 3 and joined in self.web,
            "word in web": any(word in self.web for word in long),
        }


def _could_be_name(row: Row) -> bool:
    """Mostly letters, and no sentence, address, amount or label."""
    letters = sum(map(str.isalpha, row.text))
    return (
        letters > 3
        and 4 * sum(map(str.isdigit, row.text)) < letters
        and not (row.amounts or row.topics or contacts.is_no_name(row.text))
        and not (contacts.web_in(row.text) or contacts.is_street(row.text))
    )


def _first(rows: Sequence[Row], is_so: Callable[[Row], bool]) -> int:
    """The index of the first row of which it is so; how many rows there are where it is of none."""
    return next((index for index, row in enumerate(rows) if is_so(row)), len(rows))


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
        "certain form": bool(_CERTAIN_LEGAL.search(text)),
        "form by law": bool(_MANDATORY.search(text)),
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
        "chain": bool(_chain(found)) * (1 + is_exact),
        "not a name": bool(contacts.is_no_name(name)),
        "address": not contacts.STREETS.isdisjoint(found),
        "local words": _local_words(found),
        "apostrophe": any(sign in name for sign in "'\u2019&"),
    }


def _local_words(found: Sequence[str]) -> int:
    """How many of the words are in the name of a town, or another that tells a country."""
    return sum(
        size
        for size in range(1, _MOST_WORDS + 1)
        for start in range(len(found) - size + 1)
        if tuple(found[start : start + size]) in _LOCAL
    )


def _is_business(word: str) -> bool:
    """It says what kind of business this is, one letter in eight misread allowed."""
    return any(wanted == word or len(wanted) >= 8 for wanted in _business(word))


def _domains(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """The first four names in web addresses, as written, with their rows."""
    found: dict[str, tuple[str, int]] = {}
    for index, row in enumerate(rows):
        for match in _DOMAIN.finditer(row.text):
            name = match[1] or match[2]
            if name.lower() not in _NETWORKS:
                found.setdefault(name.lower(), (name, index))
    return list(found.values())[:4]


def _chains(rows: Sequence[Row]) -> dict[str, int]:
    """The chains that rows without a price name, with the first row of each."""
    found: dict[str, int] = {}
    for index, row in enumerate(rows):
        words = plain(row.text).split()
        chain = None if row.amounts else _chain(words)
        # Micros Demo System is no Migros
        if chain and (not contacts.is_no_name(row.text) or _has_exact_chain(words)):
            found.setdefault(chain, index)
    return found


def _chain(words: Sequence[str]) -> str | None:
    """The first chain among the words, one letter in five misread allowed."""
    return next((_CHAIN_OF[found] for _, found in _find_chains(words)), None)


def _has_exact_chain(words: Sequence[str]) -> bool:
    """No letter of the chain that the words name is misread."""
    chain = _chain(words)
    return chain is not None and set(words).issuperset(_CHAIN_WORDS[chain])


def _logo(name: str) -> str | None:
    """The chain whose logo was misread as this name (LDL, LiDLde, RSSMANN); None for any other.

    Of four letters none may be another: a SHOP is no IHOP.
    """
    stem = re.sub(r"(?:de|com)$", "", plain(name))
    if " " in stem or len(stem) < 3 or stem in _ONE_WORD:
        return None
    like = (word for word in _ONE_WORD if len(word) > 4 or len(word) != len(stem))
    return next((_ONE_WORD[word] for word in like if within_one_edit(stem, word)), None)


def _whole_name(rows: Sequence[Row], best: Name, kinds: Set[int]) -> tuple[str, int]:
    """The name with the row its legal form stands on, or one of `kinds`; its last row.

    `kinds` are the rows that say what kind of business this is: DELPHIN, and APOTHEKE below it.
    A chain on a row that ends in a legal form yields to that row: Müller to Büro Müller GmbH.
    """
    text, index = best.text, best.row
    whole_row = _clean(rows[index].text)
    if best.features["chain name"] and _ENDS_IN_FORM.search(whole_row):
        return whole_row, index
    following = _clean(rows[index + 1].text) if index + 1 < len(rows) else ""
    if index + 1 in kinds or (not LEGAL.search(text) and _is_form(following)):
        return f"{text} {following}", index + 1
    if index > 0 and (index - 1 in kinds or _is_form(text)):
        return f"{_clean(rows[index - 1].text)} {text}", index
    return text, index


@lru_cache(maxsize=1024)
def _is_form(text: str) -> bool:
    """Nothing but a legal form, perhaps with the country: (M) SDN BHD."""
    rest = _BESIDE_A_FORM.sub(" ", LEGAL.sub(" ", text))
    return bool(LEGAL.search(text)) and len(_letters(rest)) <= 3


@lru_cache(maxsize=1024)
def _clean(text: str) -> str:
    """The name without greeting, registration number and what it was called before."""
    text = _GREETING.sub("", text)
    for tail in (_FORMERLY, _NUMBERED, _REGISTRATION):
        shorter = tail.sub("", text)
        text = shorter if re.search(r"[^\W\d_]{3}", shorter) else text
    text = text.rstrip()
    for misread, form in _REPAIRS:
        text = misread.sub(form, text)
    text = _INITIALS.sub(lambda match: match[0].translate(_AS_LETTERS), text)  # O.1.Y. O.I.¥.
    text = _FIGURE_IN_WORD.sub(_as_letters, text)
    return text.strip(" *-_=~:;,|#<>\u2022'\"`").lstrip(". ")


def _as_letters(figures: re.Match[str]) -> str:
    """The letters that figures inside a word are: Li11y, F1SH, 0'Briens."""
    return figures[0].translate(_SMALL if (figures[1] or "").islower() else _LARGE)
