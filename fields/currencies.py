"""The currency that was paid in, as ISO 4217, and its country's dates. Pure: printed text in.

All evidence counts: a code or sign beside an amount, a country's towns, law, phone numbers and web
addresses, its tax with one of its rates or with a right number, its language. No single ordinary
word is enough.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from fields.dates import find_dates
from fields.labels import plain, topics
from fields.lexicon import COUNTRIES, LANGUAGES, one_of
from fields.money import Style
from fields.tax_ids import is_right, printed_tax_ids

Key = TypeVar("Key")
Value = TypeVar("Value")

# Points for each row with a sign, for a place or a law, and for a hint (tax name, rate).
SIGN, PLACE, HINT = 3, 2, 1
MIN_POINTS = 2
MAX_DOLLARS = 3  # rows with $ that count: a shop in Malaysia prints it on all
MIN_WORDS = 1.5  # of a language that no other one has; a word of two languages counts half

_PAID_IN = {name: file for name, file in COUNTRIES.items() if "currency" in file}
_MONEY: dict[str, dict[str, Any]] = {name: file["currency"] for name, file in _PAID_IN.items()}
_CODE: dict[str, str] = {name: money["code"] for name, money in _MONEY.items()}
_ALSO = {name: money.get("also", ()) for name, money in _MONEY.items()}
_WORDS = {money["code"] for money in _MONEY.values() if "is_word" in money}
_DOLLARS = {money["code"] for money in _MONEY.values() if "dollar" in money}
# How amounts are written in each currency, as far as that is the same in all its countries.
STYLES = {
    money["code"]: Style(decimal_sign=money.get("decimal"), cents=money.get("cents", 2))
    for money in _MONEY.values()
}


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, set[Value]]:
    """The values of each key."""
    found = defaultdict[Key, set[Value]](set)
    for key, value in pairs:
        found[key].add(value)
    return dict(found)


def _compiled(patterns: Iterable[tuple[str, str]]) -> dict[str, re.Pattern[str]]:
    """One pattern for each currency, or for each country."""
    return {
        name: re.compile("|".join(sorted(ways)), re.MULTILINE)
        for name, ways in _grouped(patterns).items()
    }


def _signs(money: dict[str, Any]) -> Iterator[str]:
    """The patterns that show the currency itself."""
    code = money["code"]
    if "is_word" not in money:  # A PEN 1.49 is no sol; TOTAL PEN 1.49 is, by _codes_of_label
        yield rf"(?<!\w){code}[ .:]?[-$€£]? ?\d|\d ?{code}(?!\w)|^\W*{code}\W*$"
    yield from map(_alone, money.get("signs", ()))
    yield from map(_before, money.get("before", ()))
    # no part of a word: S0DA is no 0 DA
    yield from (rf"(?<![^\W\d])\d ?{re.escape(sign)}(?!\w)" for sign in money.get("behind", ()))
    # not the word: CONTACT US 03 1234567
    yield from (rf"\b{s}\d[\d,]*\.\d\d\b" for s in money.get("before_cents", ()))


def _shared(money: dict[str, Any]) -> Iterator[str]:
    """The patterns of signs that other currencies have too: kr, ¥, Rs."""
    yield from map(_alone, money.get("shared", ()))
    yield from map(_before, money.get("shared_before", ()))


def _alone(sign: str) -> str:
    """The pattern of the sign, no part of a word."""
    start, end = (r"(?<!\w)" if sign[0].isalpha() else ""), r"(?![^\W\d])"
    return start + re.escape(sign) + (end if sign[-1].isalpha() else "")


def _before(sign: str) -> str:
    """The pattern of the sign before an amount."""
    return rf"(?<!\w){re.escape(sign)}\.? ?\d"


def _places(money: dict[str, Any]) -> Iterator[str]:
    """The patterns, in lower case, that only this country's receipts have."""
    glued = [word for word in money.get("words", ()) if "*" in word]
    yield from [rf"(?<!\w){one_of(glued)}(?!\w)"] if glued else []
    yield from money.get("patterns", ())


_SIGNS = _compiled((money["code"], way) for money in _MONEY.values() for way in _signs(money))
_SHARED = _compiled((money["code"], way) for money in _MONEY.values() for way in _shared(money))
_PLACES = _compiled((name, way) for name, money in _MONEY.items() for way in _places(money))
_NAMED_BY = ("signs", "shared", "before", "shared_before", "behind", "before_cents")
_NAMES = _grouped(  # what of each currency its patterns look for
    (money["code"], name)
    for money in _MONEY.values()
    for name in (money["code"], *chain(*(money.get(key, ()) for key in _NAMED_BY)))
)
_PHONES = _grouped(  # the form of a phone number that countries share, with their currencies
    (re.compile(money["phone_form"]), money["code"])
    for money in _MONEY.values()
    if "phone_form" in money
)
_DOLLAR = re.compile(r"(?<![A-Z])\$ ?\d")
_POINTS = re.compile(r"\$ ?\d{1,3}\.\d{3}(?!\d)")  # thousands as in Chile, or a gallon's price
_CENTS = re.compile(r"\$ ?[\d,]*\.\d\d(?!\d)")
_DOMAIN = re.compile(r"(?:www\.|@|//)[\w.\-]{1,60}\.([a-z]{2})(?![\w.])")
_PHONE = re.compile(r"(?:\+|\b00) ?(\d[\d \-.()]{8,})")
_GUESTS = re.compile(r"\bgst:? ?\d{1,2}(?![\d.,%])")  # Gst 2, which is no tax
_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,2})?) ?%")


_TAXES = {
    name: set(map(plain, file.get("tax", {}).get("names", ()))) for name, file in _PAID_IN.items()
}
_RATES = {name: set(file.get("tax", {}).get("rates", ())) for name, file in _PAID_IN.items()}


class Vote(NamedTuple):
    """What speaks for a country, or for a currency."""

    name: str  # ISO 3166, or ISO 4217
    points: int
    what: str


def _words_of_countries() -> Iterator[Vote]:
    """The words that speak for a country."""
    for name, money in _MONEY.items():
        for key, points in (("words", PLACE), ("hints", HINT)):
            yield from (Vote(name, points, plain(word)) for word in money.get(key, ()))


def _names_of_one_currency() -> Iterator[Vote]:
    """The chains of more than 4 letters and names of tax numbers that only one currency has."""
    countries = _grouped(
        (plain(word), name)
        for name, file in _PAID_IN.items()
        for section, key in (("merchant", "chains"), ("numbers", "tax_id"))
        for word in file.get(section, {}).get(key, ())
    )
    for what, names in countries.items():
        if len({_CODE[name] for name in names}) == 1 and len(what.replace(" ", "")) > 4:
            yield from (Vote(name, HINT, what) for name in names)


_VOTES = _grouped(
    (vote.what, vote) for vote in chain(_words_of_countries(), _names_of_one_currency())
)
_STARTS = {word for phrase in chain(_VOTES, *_TAXES.values()) for word in phrase.split()[:1]}
_LONGEST = max(len(phrase.split()) for phrase in _VOTES)  # in words
_LANGUAGES = _grouped(  # of each word of a label, of more than 3 letters or Chinese
    (word, language)
    for language, file in LANGUAGES.items()
    for topic, labels in file["topics"].items()
    for word in plain(" ".join(labels)).split()
    if topic != "misread" and (len(word) > 3 or not word.isascii())
)


class Home(NamedTuple):
    """What the country of a receipt decides; None where the country is not known."""

    currency: str | None
    country: str | None = None  # ISO 3166; None too where several pay in the currency
    month_first: bool | None = None  # its dates begin with the month: 3/14/2026
    year_first: str = ""  # signs: a date that has these begins with the year, 26/03/14


def find_home(texts: Sequence[str]) -> Home:
    """The currency that most speaks for, and the order of its dates.

    No currency where too little speaks for one, or as much for another. A lone dollar sign is that
    of the country which other evidence names, else the American; not that before 12.500.
    """
    whole = "\n".join(texts)
    signs = _rows_with(_SIGNS, whole, texts)
    signs.update(code for text in texts for code in _codes_of_label(text))
    evidence = _evidence(texts)
    votes = _points(_of_currencies(evidence))
    for code, count in (signs + _rows_with(_SHARED, whole, texts)).items():
        votes[code] += SIGN * count
    dollars = sum(bool(_DOLLAR.search(text)) for text in texts)
    has_points = _POINTS.search(whole) and not _CENTS.search(whole)
    for code in _likeliest(_DOLLARS - {"USD"} if has_points else _DOLLARS, votes):
        votes[code] += 2 * min(dollars, MAX_DOLLARS)
    for form, codes in _PHONES.items():
        for code in _likeliest(codes, votes) if form.search(whole) else ():
            votes[code] += PLACE
    own = {_CODE[vote.name] for vote in evidence}
    ranks = {code: (votes[code], signs[code], code in own) for code in votes}
    highest = max(ranks.values(), default=(0, 0, False))
    best = [code for code, rank in ranks.items() if rank == highest]
    if highest[0] < MIN_POINTS or len(best) > 1:
        return Home(None)
    name, is_known = _likeliest_country(best[0], evidence)
    file = _PAID_IN[name]
    country = name if is_known else None
    return Home(best[0], country, "month_first" in file, file.get("year_first", ""))


def _of_currencies(evidence: set[Vote]) -> set[Vote]:
    """The same for currencies; what places a country speaks for all it is paid in."""
    found = {vote._replace(name=_CODE[vote.name]) for vote in evidence}
    places = [vote for vote in evidence if vote.points == PLACE]
    return found | {vote._replace(name=code) for vote in places for code in _ALSO[vote.name]}


def _points(votes: Iterable[Vote]) -> Counter[str]:
    """The points of each country, or of each currency."""
    points = Counter[str]()
    for vote in votes:
        points[vote.name] += vote.points
    return points


def _likeliest_country(currency: str, evidence: set[Vote]) -> tuple[str, bool]:
    """Of the currency's countries the one that most speaks for, else one with the month first.

    And whether that is known: it is the only one, or something speaks for it alone.
    """
    points = _points(evidence)
    homes = [name for name in _PAID_IN if currency in (_CODE[name], *_ALSO[name])]
    best = max(homes, key=lambda name: (points[name], "month_first" in _PAID_IN[name]))
    most = [name for name in homes if points[name] == points[best]]
    return best, len(homes) == 1 or (points[best] > 0 and len(most) == 1)


def _likeliest(codes: Collection[str], votes: Counter[str]) -> list[str]:
    """The currency that other evidence names, else the American; none where it names several."""
    most = max(votes[code] for code in codes)
    likely = [code for code in codes if votes[code] == most]
    return ["USD"] if "USD" in likely else likely if len(likely) == 1 else []


def _rows_with(
    patterns: dict[str, re.Pattern[str]], whole: str, texts: Sequence[str]
) -> Counter[str]:
    """How many rows have each currency's pattern."""
    printed = {code: way for code, way in patterns.items() if any(s in whole for s in _NAMES[code])}
    return Counter(code for text in texts for code, way in printed.items() if way.search(text))


def _codes_of_label(text: str) -> set[str]:
    """The codes that stand on a row which is called something: TOTAL EUR, but not MODA CAD.

    A word is followed by a number or by nothing: TOTAL GEL 12, but not INCLUSIVE OF ALL TAXES.
    """
    codes = _SIGNS.keys() & set(re.split(r"\W+", text))
    codes -= _WORDS - set(re.findall(r"\b([A-Z]{3})\W*(?=\d|$)", text))
    return codes if codes and topics(text) else set()


def _evidence(texts: Sequence[str]) -> set[Vote]:
    """What else than signs speaks for countries."""
    whole = "\n".join(texts).lower()
    read = plain(_GUESTS.sub(" ", whole)).split()
    starts = [i for i, word in enumerate(read) if word in _STARTS]
    spans = {" ".join(read[i : i + n]) for n in range(1, _LONGEST + 1) for i in starts}
    found = {vote for span in spans & _VOTES.keys() for vote in _VOTES[span]}
    rates = {Decimal(rate.replace(",", ".")) for rate in _RATE.findall(whole)}
    language = _language_of(set(read))
    phones = [re.sub(r"\D", "", number) for number in _PHONE.findall(whole)]
    month_first = any(d.month_first and not d.day_first for text in texts for d in find_dates(text))
    numbers = list(printed_tax_ids(texts))
    domains = {"GB" if name == "uk" else name.upper() for name in _DOMAIN.findall(whole)}
    for name, file in _PAID_IN.items():
        has_tax = bool(spans & _TAXES[name])
        has_phone = any(number.startswith(file.get("phone", "-")) for number in phones)
        seen = (
            (PLACE, "place", name in _PLACES and _PLACES[name].search(whole)),
            (HINT, "tax", has_tax),
            (HINT, "rate", has_tax and rates & _RATES[name]),
            (PLACE, "tax number", has_tax and any(is_right(number, name) for number in numbers)),
            (PLACE, "phone or web", has_phone or name in domains),
            (HINT, "dates", month_first and "month_first" in file),
            (PLACE, "language", language in file.get("languages", ())),
        )
        found |= {Vote(name, points, what) for points, what, is_so in seen if is_so}
    return found


def _language_of(read: set[str]) -> str | None:
    """The language that most words of labels are of; None where there are few or as many."""
    shares = defaultdict[str, float](float)
    for word in sorted(read & _LANGUAGES.keys()):
        for language in _LANGUAGES[word]:
            shares[language] += 1 / len(_LANGUAGES[word])
    most = max(shares.values(), default=0.0)
    likely = [language for language, share in shares.items() if share > most - 0.5]
    return likely[0] if most >= MIN_WORDS and len(likely) == 1 else None
