"""The merchant's name. Pure: rows of the receipt in.

Each row of the head is a candidate, and so is a chain, or the name in a web address, that stands
anywhere.
"""

from collections.abc import Iterator, Sequence, Set
from operator import attrgetter
from typing import NamedTuple

from fields.address import find_address
from fields.chains import chain_of_logo, names_only, rows_of_chain
from fields.company_names import ENDS_IN_FORM, LEGAL, is_form, letters_of, name_in
from fields.labels import Row, plain
from fields.learned import against, probabilities
from fields.lexicon import CURRENCY_NAMES, rule, words
from fields.name_features import Head, could_be_name, local_words, span_of
from result import Evidence

MAX_ROWS = 16  # of the head, and 4 of the foot
MIN_PROBABILITY = 0.05  # a name with less is none
MIN_RIVAL = 0.25  # one with more is taken before one that only describes
MIN_SURE = 0.97  # a name with more stays, though a chain is named twice
# Where a chain's name is a row of its own, or part of the likeliest row, 172 of 174 names are
# right: of labelled readings whose merchants were left out of the training.
WHOLE_CHAIN = 0.95
LONG_ABBREVIATION = 5  # characters, with its full stop: Bros.
MAX_ROWS_APART = 3  # a company and its chain
_NO_NAMES = CURRENCY_NAMES.union(plain(" ".join(words("merchant", "names"))).split())
_NUMBER_LABEL = rule(
    r"\b<numbers.number>\b ?[.:;#]|^<numbers.company>\b\.? ?\w*\.? <numbers.number>\b"
    r"|^<merchant.numbered>\b\.? ?(?:#|<numbers.number>\b)"
)


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
    """The merchant with the likeliest name, and its address; no name where none is likely."""
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
    address = find_address(rows[: MAX_ROWS + 2], last) or find_address(rows[: best.row], -1)
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
    has_more = LEGAL.search(name.text) and not ENDS_IN_FORM.search(name.text)
    return bool(chains) and (chain_of_logo(name.text) in chains or bool(has_more))


def _is_site(site: str, others: Sequence[Name]) -> bool:
    """Whether the name of a web address is that of another row, or holds it, or is part of it."""
    letters = letters_of(site)
    names = (letters_of(name.text) for name in others if not name.features["web"])
    return bool(letters) and any(
        name != letters and ((len(name) > 3 and name in letters) or letters in name)
        for name in names
    )


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
            named = rows_of_chain(chain.text, rows)
            whole = [row for row in named if names_only(chain.text, row)]
            is_beside = best.features["form"] and abs(chain.row - best.row) <= MAX_ROWS_APART
            has_form = any(LEGAL.search(row.text) for row in whole)
            is_sure = has_form or (best.chance < MIN_SURE and (len(named) > 1 or whole))
            if named and (is_beside or is_sure):
                yield chain


def _probability(best: Name, names: Sequence[Name], rows: Sequence[Row]) -> float:
    """How probable it is that this name is right, beside the other names."""
    probability = against(best.chance, _rivals(best, names))
    is_whole = bool(best.features["exact chain"])
    if is_whole and best.features["chain name"]:
        is_whole = any(names_only(best.text, row) for row in rows_of_chain(best.text, rows))
    return max(probability, WHOLE_CHAIN) if is_whole else probability


def _rivals(best: Name, names: Sequence[Name]) -> Iterator[float]:
    """The chances of the other names, of those with one inside another the highest."""
    seen = [letters_of(best.text)]
    for name in sorted(names, key=_chance, reverse=True):
        letters = letters_of(name.text)
        if letters and not any(letters in other or other in letters for other in seen):
            seen.append(letters)
            yield name.chance


def _confidence(row: Row, name: str) -> float:
    """The lowest confidence of the name's print; 0 where it was cut, or is a slogan."""
    if name.count("(") != name.count(")") or _is_sentence(name):
        return 0.0
    return row.lowest_confidence(*span_of(row, name))


def _is_sentence(name: str) -> bool:
    """Whether it is a slogan: two words or more that end with a full stop, as "More saving." does.

    A short last word may be an abbreviation.
    """
    is_long = len(name.rpartition(" ")[2]) > LONG_ABBREVIATION
    return " " in name and name.endswith((".", "!", "?")) and is_long and not LEGAL.search(name)


def find_names(rows: Sequence[Row]) -> list[Name]:
    """The candidates: the first and last rows, chains, and the names in web addresses."""
    head = Head(rows)
    places = [*range(min(len(rows), MAX_ROWS)), *range(max(MAX_ROWS, len(rows) - 4), len(rows))]
    names = [(name_in(rows[index].text), index, "row") for index in places]
    logos = [(chain, index, "chain") for name, index, _ in names if (chain := chain_of_logo(name))]
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
    """Whether it is a country, a currency or little but a number's label: Company No : SA."""
    found = plain(name).split()  # none of another script
    if found and _NO_NAMES.issuperset(found):
        return True
    rest, count = _NUMBER_LABEL.subn("", name)
    return count > 0 and sum(map(str.isalpha, rest)) < 5


def _whole_name(rows: Sequence[Row], best: Name, kinds: Set[int]) -> tuple[str, int]:
    """The name with the row its legal form stands on, or one of `kinds`; its last row.

    `kinds` are the rows that say what kind of business this is: DELPHIN, and APOTHEKE below it.
    A chain on a row that ends in a legal form yields to that row: Müller to Büro Müller GmbH.
    """
    text, index = best.text, best.row
    whole_row = name_in(rows[index].text)
    if best.features["chain name"] and ENDS_IN_FORM.search(whole_row):
        return whole_row, index
    following = name_in(rows[index + 1].text) if index + 1 < len(rows) else ""
    if index + 1 in kinds or (not LEGAL.search(text) and is_form(following)):
        return f"{text} {following}", index + 1
    if index > 0 and (index - 1 in kinds or is_form(text)):
        return f"{name_in(rows[index - 1].text)} {text}", index
    if best.features["only business"] and following and _may_complete(text, rows[index + 1]):
        return f"{text} {following}", index + 1
    return text, index


def _may_complete(business: str, row: Row) -> bool:
    """Whether the row may be the name of such a business: no town, and not all of the name."""
    name = plain(row.text)
    return could_be_name(row) and plain(business) not in name and not local_words(name.split())
