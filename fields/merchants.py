"""The merchant's name, address, phone and tax number. Pure: rows of the receipt in."""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fields.dates import find_dates
from fields.labels import Row, plain, vocabulary, within_one_edit
from fields.lexicon import COUNTRIES, CURRENCY_NAMES, rule, words
from result import Line

HEADER_ROWS = 14
MIN_NAME_SCORE = 3.0  # a name with less is doubtful
MIN_WORD_CONFIDENCE = 0.82  # a name with a fainter word is doubtful; 98 % of the others are right
MIN_SCORE_OF_ITS_OWN = 4.6  # below, which place and size alone reach, a chain named elsewhere wins


# Legal forms end a company's name; a row that has one is the name.
LEGAL = rule(r"\b(?:<~legal.forms+ordinary>\b|<~legal.initials>\b(?=\.?$))\.?")
_CERTAIN_LEGAL = rule(  # those that are no ordinary word or initials
    r"\b<~legal.forms+words>\b|\b<~legal.initials> ?\(\d|& ?<legal.partners>\b"
    r"|^<legal.prefixes>\.? "
)
_BESIDE_A_FORM = rule(r"\(\w{1,3}\)|&|\b<legal.partners>\b\.?")
# By law the company's name is on every Malaysian receipt, whatever the shop above it is called.
_MANDATORY = rule(r"\b<~legal.mandatory>\b|\b<~legal.initials> ?\(\d")
_REPAIRS = [
    (re.compile(pattern), form)
    for file in COUNTRIES.values()
    for pattern, form in file.get("legal", {}).get("repairs", ())
]
_FILLING = words("merchant", "filling")
_ADDRESS = set(plain(" ".join(words("merchant", "streets", "places"))).split())
_STREET_ENDING = rule(r"<merchant.street_endings>\b")
_NO_NAMES = CURRENCY_NAMES.union(plain(" ".join(words("merchant", "names"))).split())
_OTHER = rule(r"\b<merchant.not_a_name>\b")
_OWNER = rule(r"^\W*<merchant.owner>\b")
_WEB = rule(r"www\.|http|@[\w-]+\.[a-z]|\.com\b|\.co\.|\.<merchant.domains>\b")
_PHONE = rule(r"\b<numbers.phone>\b[ .:#\-/no]*(?P<number>\+?\(?\d[\d ()./\-]{5,18}\d)")
_BARE_PHONE = re.compile(r"(?<![\d.])(?:\+?1[ -.])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)")
_TAX_ID = rule(
    r"\b<~numbers.tax_id>\b[ .\-]*<numbers.number+tax_number>?[ .:#\-/()a-z]{0,14}?"
    r"(?P<number>(?:[A-Z]{2,3}[ -]?)?[\dOo][\dOo /.\-]{6,20}[\dA-Z]\b)"
)
_NUMBER_LABEL = rule(
    r"\b<numbers.number>\b ?[.:;#]|^<numbers.company>\b\.? ?\w*\.? <numbers.number>\b"
)
_IDENTITY = rule(r"#|\b<numbers.identity>\b.*\d{6}")
_INITIALS = re.compile(r"(?<!\w)(?=\S{0,20}[A-Z])(?:[A-Z015¥$]\.){2,}")
_AS_LETTERS = str.maketrans("015¥$", "OISYS")
_GREETING = rule(r"^<merchant.greeting>\s+")
_FORMERLY = rule(r"(?<!\s)\s+\(?<merchant.former>\b.*$")
_NUMBERED = re.compile(  # (519537-X), 273500-U (KJ1), ( ROC : SA0416111-K )
    r"(?<!\s)\s*(?:[\(\[{][^()]{0,80}\d{4}|(?<!\d)\d{5,}\s{0,3}[-\u00b7.:]?\s{0,3}[A-Z]\b).*$"
)
_REGISTRATION = rule(
    r"(?<!\s)\s*[\(\[{]?\s{0,3}(?:<numbers.registration>\b[ .]{0,3}<numbers.registration>?[ .]{0,3}"
    r"<numbers.number>?[ .:]{0,3})?[\(\[{]?\s{0,3}(?:[a-z]{1,3}[ -]?)??\d{5,12}"
    r"(?:\s{0,3}[-·. ]?\s{0,3}[a-z0-9])?\s{0,3}[\)\]}]*\s*$"
)
# Chains whose name is often a logo the engine cannot read, but stands in a sentence or an address.
_CHAIN_WORDS = {
    name: tuple(plain(name.replace("'", "")).split()) for name in words("merchant", "chains")
}
_of_a_chain = vocabulary({word for words in _CHAIN_WORDS.values() for word in words})
_business = vocabulary(set(map(plain, words("merchant", "business"))))


class Merchant(NamedTuple):
    name: str | None
    address: str | None
    phone: str | None
    tax_id: str | None
    is_legible: bool


def find_merchant(rows: Sequence[Sequence[Line]], read: Sequence[Row]) -> Merchant:
    """The best row of the head; where none is good, the chain the rest of the receipt names."""
    scores = _scores(rows, read)
    best = max(range(len(scores)), key=scores.__getitem__, default=0)
    points = scores[best] if scores else 0.0
    name, last = _whole_name(read, best, scores) if points > 0 else (None, -1)
    if points < MIN_SCORE_OF_ITS_OWN:
        name = _chain_elsewhere(read) or name
    return Merchant(
        _logo(name) or name,
        _address(read, last, len(scores)),
        _phone(read),
        _tax_id(read),
        is_legible=points >= MIN_NAME_SCORE and name is not None and _is_legible(read[best], name),
    )


def _is_legible(row: Row, name: str) -> bool:
    """Each of its words is, and it was not cut in the midst of its brackets."""
    start = max(0, row.text.find(name[:4]))
    is_whole = name.count("(") == name.count(")")
    return is_whole and row.lowest_confidence(start, start + len(name)) >= MIN_WORD_CONFIDENCE


def _scores(rows: Sequence[Sequence[Line]], read: Sequence[Row]) -> list[float]:
    """Points of each row of the head for being the name."""
    heights = [_height(row) for row in rows]
    middle = statistics.median_high(heights) if heights else 0
    scores = [
        _score(i, read[i], heights[i] / middle if middle else 1.0) for i in range(_header(read))
    ]
    for index in range(1, len(scores)):
        scores[index] -= 9.0 * bool(_OWNER.search(read[index - 1].text))
    return scores


def is_head(row: Row) -> bool:
    """The row has a phone number, a tax number, a web address or a date: no thing with a price."""
    text = row.text
    return bool(
        _PHONE.search(text)
        or _TAX_ID.search(text)
        or _WEB.search(text)
        or next(find_dates(text), None)
    )


def _header(rows: Sequence[Row]) -> int:
    """How many rows stand before the first date or price, but at least 4."""
    for index, row in enumerate(rows[:HEADER_ROWS]):
        if index >= 4 and (row.amounts or next(find_dates(row.text), None)):
            return index
    return min(len(rows), HEADER_ROWS)


def _height(row: Sequence[Line]) -> float:
    """The height of the row's tallest line, in pixels."""
    return max((line.box[3] - line.box[1] for line in row if line.box), default=0)


class _Candidate(NamedTuple):
    """A row of the head that may be the merchant's name."""

    rows_above: int
    row: Row
    size: float  # height of its print; 1 is the receipt's median
    name: str  # without registration number and greeting
    words: tuple[str, ...]

    @property
    def texts(self) -> str:
        return f"{self.row.text}\n{self.name}"

    @property
    def is_owner(self) -> bool:
        return bool(_OWNER.search(self.row.text))


def _names_business(c: _Candidate) -> bool:
    """One of its words is a kind of business, and one is not."""
    return any(map(_is_business, c.words)) and not all(
        _is_business(word) or word in _FILLING for word in c.words
    )


def _share_of_digits(c: _Candidate) -> float:
    digits = sum(character.isdigit() for character in c.name)
    return digits / max(1, _letter_count(c) + digits) if digits > 2 else 0.0


def _letter_count(c: _Candidate) -> int:
    return sum(character.isalpha() for character in c.name)


def _has_number(c: _Candidate) -> bool:
    text = c.row.text
    return bool(_PHONE.search(text) or _TAX_ID.search(text) or next(find_dates(text), None))


class Feature(NamedTuple):
    name: str
    points: float  # for each 1 of what it measures
    measure: Callable[[_Candidate], float]


FEATURES = (
    Feature("first row", 0.5, lambda c: c.rows_above == 0),
    Feature("rows above", -0.45, lambda c: min(2.5 / 0.45, c.rows_above)),
    Feature("large print", 2.0, lambda c: min(0.75, max(0.0, c.size - 1.2))),
    Feature("legal form", 5.0, lambda c: not c.is_owner and bool(_CERTAIN_LEGAL.search(c.texts))),
    Feature("form by law", 4.0, lambda c: not c.is_owner and bool(_MANDATORY.search(c.texts))),
    Feature("business", 2.0, _names_business),
    Feature("chain", 4.5, lambda c: bool(_chain(c.words))),
    Feature("owner", -3.0, lambda c: c.is_owner),
    Feature("in brackets", -2.0, lambda c: c.row.text.startswith("(")),
    Feature("country or currency", -6.0, lambda c: _NO_NAMES.issuperset(c.words)),
    Feature("lower case", -1.5, lambda c: c.row.text.islower() and len(c.words) > 1),
    Feature("street", -4.0, lambda c: _is_street(c.row) or not _ADDRESS.isdisjoint(c.words)),
    Feature("not a name", -4.0, lambda c: bool(_OTHER.search(c.row.text))),
    Feature("phone, tax number or date", -6.0, _has_number),
    Feature("digits", -5.0, _share_of_digits),
    Feature("fewer than 3 letters", -5.0, lambda c: _letter_count(c) < 3),
    Feature("faint print", -3.0, lambda c: c.row.confidence < 0.75),
    Feature("amount", -6.0, lambda c: bool(c.row.amounts)),
    Feature("web address", -5.0, lambda c: bool(_WEB.search(c.row.text))),
    Feature("label of a number", -5.0, lambda c: bool(_NUMBER_LABEL.search(c.name))),
    Feature("more than 7 words", -1.0, lambda c: len(c.words) > 7),
)
POINTS_OF_ANY_ROW = 3.0


def _score(index: int, row: Row, size: float) -> float:
    name = _clean(row.text)
    candidate = _Candidate(index, row, size, name, tuple(plain(name).split()))
    points = sum(feature.points * feature.measure(candidate) for feature in FEATURES)
    return POINTS_OF_ANY_ROW + points


def _is_business(word: str) -> bool:
    """It says what kind of business this is, one letter in eight misread allowed."""
    return any(wanted == word or len(wanted) >= 8 for wanted in _business(word))


def _chain(words: Sequence[str]) -> str | None:
    """The chain the words begin with or contain, one letter in five misread allowed."""
    candidates = [_of_a_chain(word) for word in words]
    known = frozenset[str]().union(*candidates)
    for name, wanted in _CHAIN_WORDS.items():
        if known.issuperset(wanted):
            for start in range(len(words) - len(wanted) + 1):
                if all(word in candidates[start + number] for number, word in enumerate(wanted)):
                    return name
    return None


def _logo(name: str | None) -> str | None:
    """The chain whose logo was misread as this name (LDL, LiDLde, RSSMANN); None for any other."""
    words = plain(name or "").split()
    stem = re.sub(r"(?:de|com)$", "", words[0]) if len(words) == 1 else ""
    chains = (chain for chain, wanted in _CHAIN_WORDS.items() if len(wanted) == 1)
    for chain in chains:
        wanted = _CHAIN_WORDS[chain][0]
        if wanted != stem and len(stem) >= 3 and len(wanted) >= 4 and within_one_edit(stem, wanted):
            return chain
    return None


def _chain_elsewhere(rows: Sequence[Row]) -> str | None:
    """The chain a web address, a company's name or two rows without a price name."""
    found: Counter[str] = Counter()
    for row in rows:
        chain = _chain(plain(row.text).split()) if not row.amounts else None
        if chain:
            found[chain] += 2 if _CERTAIN_LEGAL.search(row.text) or _WEB.search(row.text) else 1
    chain, count = found.most_common(1)[0] if found else (None, 0)
    return chain if count >= 2 else None


def _whole_name(rows: Sequence[Row], best: int, scores: Sequence[float]) -> tuple[str, int]:
    """The name with the row its legal form stands on, registration numbers off; its last row."""
    text = _clean(rows[best].text)
    following = _clean(rows[best + 1].text) if best + 1 < len(scores) else ""
    if not LEGAL.search(text) and _is_form(following):
        return f"{text} {following}", best + 1
    if best > 0 and _is_form(text) and scores[best - 1] > -1:
        return f"{_clean(rows[best - 1].text)} {text}", best
    return text, best


def _is_form(text: str) -> bool:
    """Nothing but a legal form, perhaps with the country: (M) SDN BHD."""
    rest = _BESIDE_A_FORM.sub(" ", LEGAL.sub(" ", text))
    return bool(LEGAL.search(text)) and len(plain(rest).replace(" ", "")) <= 3


def _clean(text: str) -> str:
    """The name without greeting, registration number and what it was called before."""
    text = _GREETING.sub("", text)
    for tail in (_FORMERLY, _NUMBERED, _REGISTRATION):
        shorter = tail.sub("", text)
        text = shorter if re.search("[A-Za-z]{3}", shorter) else text
    text = text.rstrip()
    for misread, form in _REPAIRS:
        text = misread.sub(form, text)
    text = _INITIALS.sub(lambda match: match[0].translate(_AS_LETTERS), text)  # O.1.Y. O.I.¥.
    return text.strip(" *-_=~:;,|#<>\u2022'\"`").lstrip(". ")


def _address(rows: Sequence[Row], after: int, header: int) -> str | None:
    """The rows of street, town and postcode below the name."""
    found: list[str] = []
    for row in rows[after + 1 : header + 2]:
        if _PHONE.search(row.text) or row.amounts or next(find_dates(row.text), None):
            if found:
                break
            continue
        if _is_street(row):
            found.append(row.text.strip(" ,*"))
        elif found and (_OTHER.search(row.text) or _TAX_ID.search(row.text)):
            break
    return ", ".join(found) or None


def _is_street(row: Row) -> bool:
    """The row names a street, or a postcode with its town."""
    text = row.text
    if _TAX_ID.search(text) or _IDENTITY.search(text):
        return False
    return bool(
        _ADDRESS & set(plain(text).split())
        or re.search(r"(?<!\d)\d{4,5}(?!\d)\s+[A-Za-z]|\b[A-Z]{2},? \d{5}\b", text)
        or _STREET_ENDING.search(text)
    )


def _phone(rows: Sequence[Row]) -> str | None:
    for row in rows:
        match = _PHONE.search(row.text)
        if match:
            return match["number"].strip(" .-/")
    for row in rows[:HEADER_ROWS]:
        bare = _BARE_PHONE.search(row.text)
        if bare:
            return bare[0].strip()
    return None


def _tax_id(rows: Sequence[Row]) -> str | None:
    for row in rows:
        match = _TAX_ID.search(row.text)
        if match and sum(c.isdigit() for c in match["number"]) >= 7:
            return match["number"].strip(" .-/")
    return None
