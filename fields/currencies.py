"""The currency that was paid in, as ISO 4217, and its country's dates. Pure: printed text in.

All evidence counts: a code or sign beside an amount, a country's towns, law, phone numbers and web
addresses, its tax with one of its rates or with a right number, its language. No single ordinary
word is enough.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from fields.dates import find_dates
from fields.labels import plain, topics
from fields.lexicon import COUNTRIES, LANGUAGES, one_of
from fields.money import Style
from fields.tax_ids import is_right, printed_tax_ids

# Points for each row with a sign, for a place or a law, and for a hint (tax name, rate).
SIGN, PLACE, HINT = 3, 2, 1
MIN_POINTS = 2
MAX_DOLLARS = 3  # rows with $ that count: a shop in Malaysia prints it on all
MIN_WORDS = 1.5  # of a language that no other one has; a word of two languages counts half

_NAMED_BY = ("signs", "shared", "before", "shared_before", "behind", "before_cents")


def _signs(currency: dict[str, Any]) -> Iterator[str]:
    """The patterns that show the currency itself."""
    code = currency["code"]
    if "is_word" not in currency:  # A PEN 1.49 is no sol; TOTAL PEN 1.49 is, by _codes_of_label
        yield rf"(?<!\w){code}[ .:]?[-$€£]? ?\d|\d ?{code}(?!\w)|^\W*{code}\W*$"
    yield from map(_alone, currency.get("signs", ()))
    yield from (rf"(?<!\w){re.escape(sign)}\.? ?\d" for sign in currency.get("before", ()))
    # no part of a word: S0DA is no 0 DA
    yield from (rf"(?<![^\W\d])\d ?{re.escape(sign)}(?!\w)" for sign in currency.get("behind", ()))
    # not the word: CONTACT US 03 1234567
    yield from (rf"\b{s}\d[\d,]*\.\d\d\b" for s in currency.get("before_cents", ()))


def _shared(currency: dict[str, Any]) -> Iterator[str]:
    """The patterns of signs that other currencies have too: kr, ¥, Rs."""
    yield from map(_alone, currency.get("shared", ()))
    yield from (rf"(?<!\w){re.escape(sign)}\.? ?\d" for sign in currency.get("shared_before", ()))


def _alone(sign: str) -> str:
    """The pattern of the sign, no part of a word."""
    start, end = (r"(?<!\w)" if sign[0].isalpha() else ""), r"(?![^\W\d])"
    return start + re.escape(sign) + (end if sign[-1].isalpha() else "")


def _places(country: dict[str, Any]) -> Iterator[str]:
    """The patterns, in lower case, that only this country's receipts have."""
    glued = [word for word in country["currency"].get("words", ()) if "*" in word]
    yield from [rf"(?<!\w){one_of(glued)}(?!\w)"] if glued else []
    yield from country["currency"].get("patterns", ())


def _joined(all_ways: Iterator[tuple[str, str]]) -> dict[str, re.Pattern[str]]:
    """One pattern for each currency, or for each country."""
    found = defaultdict[str, set[str]](set)
    for name, way in all_ways:
        found[name].add(way)
    return {name: re.compile("|".join(sorted(ways)), re.MULTILINE) for name, ways in found.items()}


_PAID_IN = {name: file for name, file in COUNTRIES.items() if "currency" in file}
_CODE = {name: file["currency"]["code"] for name, file in _PAID_IN.items()}
_WORDS = {_CODE[name] for name, file in _PAID_IN.items() if "is_word" in file["currency"]}
_ALSO = {name: file["currency"].get("also", ()) for name, file in _PAID_IN.items()}
_DOLLARS = {_CODE[name] for name, file in _PAID_IN.items() if "dollar" in file["currency"]}
_DOLLAR = re.compile(r"(?<![A-Z])\$ ?\d")
_POINTS = re.compile(r"\$ ?\d{1,3}\.\d{3}(?!\d)")  # thousands as in Chile, or a gallon's price
_CENTS = re.compile(r"\$ ?[\d,]*\.\d\d(?!\d)")
# The form of a phone number that countries share, with their currencies.
_PHONES = defaultdict[re.Pattern[str], set[str]](set)
for _name, _file in _PAID_IN.items():
    if "phone_form" in _file["currency"]:
        _PHONES[re.compile(_file["currency"]["phone_form"])].add(_CODE[_name])
# How amounts are written in each currency, as far as that is the same in all its countries.
STYLES = {
    _CODE[name]: Style(
        decimal_sign=file["currency"].get("decimal"), cents=file["currency"].get("cents", 2)
    )
    for name, file in _PAID_IN.items()
}
_SIGNS = _joined(
    (_CODE[n], way) for n, file in _PAID_IN.items() for way in _signs(file["currency"])
)
_SHARED = _joined((_CODE[n], w) for n, file in _PAID_IN.items() for w in _shared(file["currency"]))
_NAMES = defaultdict[str, set[str]](set)  # what of each currency its patterns look for
for _name, _file in _PAID_IN.items():
    _lists = [_file["currency"].get(key, ()) for key in _NAMED_BY]
    _NAMES[_CODE[_name]].update([_CODE[_name]], *_lists)
_PLACES = _joined((n, way) for n, file in _PAID_IN.items() for way in _places(file))
_DOMAIN = re.compile(r"(?:www\.|@|//)[\w.\-]{1,60}\.([a-z]{2})(?![\w.])")
_PHONE = re.compile(r"(?:\+|\b00) ?(\d[\d \-.()]{8,})")
_GUESTS = re.compile(r"\bgst:? ?\d{1,2}(?![\d.,%])")  # Gst 2, which is no tax
_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,2})?) ?%")
_TAXES = {
    name: {tuple(plain(word).split()) for word in file.get("tax", {}).get("names", ())}
    for name, file in _PAID_IN.items()
}
_RATES = {name: set(file.get("tax", {}).get("rates", ())) for name, file in _PAID_IN.items()}


def _phrases() -> Iterator[tuple[tuple[str, ...], tuple[str, int]]]:
    """Each word of a country, with the country and its points."""
    for name, file in _PAID_IN.items():
        for key, points in (("words", PLACE), ("hints", HINT)):
            for word in file["currency"].get(key, ()):
                yield tuple(plain(word).split()), (name, points)


def _names_of_one_currency() -> Iterator[tuple[tuple[str, ...], tuple[str, int]]]:
    """Chains of more than 4 letters and names of tax numbers that only one currency has."""
    found = defaultdict[tuple[str, ...], set[str]](set)
    for name, file in _PAID_IN.items():
        for section, key in (("merchant", "chains"), ("numbers", "tax_id")):
            for word in file.get(section, {}).get(key, ()):
                found[tuple(plain(word).split())].add(name)
    for phrase, names in found.items():
        if len({_CODE[name] for name in names}) == 1 and len("".join(phrase)) > 4:
            yield from ((phrase, (name, HINT)) for name in names)


def _spoken() -> Iterator[tuple[str, str]]:
    """Each word of a language's labels, of more than 3 letters or Chinese, and the language."""
    for name, file in LANGUAGES.items():
        lists = (words for topic, words in file["topics"].items() if topic != "misread")
        yield from (
            (w, name)
            for words in lists
            for x in words
            for w in plain(x).split()
            if w[3:] or not w.isascii()
        )


_OF_PHRASE = defaultdict[tuple[str, ...], set[tuple[str, int]]](set)
for _phrase, _vote in chain(_phrases(), _names_of_one_currency()):
    _OF_PHRASE[_phrase].add(_vote)
_OF_WORD = defaultdict[str, set[str]](set)
for _word, _language in _spoken():
    _OF_WORD[_word].add(_language)
_LONGEST = max(map(len, _OF_PHRASE))  # in words
_STARTS = {
    word for some in (_OF_PHRASE, *_TAXES.values()) for phrase in some for word in phrase[:1]
}


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
    votes = Counter({code: SIGN * count for code, count in signs.items()})
    votes.update({code: SIGN * n for code, n in _rows_with(_SHARED, whole, texts).items()})
    evidence = _evidence(texts)
    votes.update(_spoken_for(evidence))
    dollars = sum(bool(_DOLLAR.search(text)) for text in texts)
    has_points = _POINTS.search(whole) and not _CENTS.search(whole)
    for code in _likeliest(_DOLLARS - {"USD"} if has_points else _DOLLARS, votes):
        votes[code] += 2 * min(dollars, MAX_DOLLARS)
    for form, codes in _PHONES.items():
        for code in _likeliest(codes, votes) if form.search(whole) else ():
            votes[code] += PLACE
    own = {_CODE[name] for name, *_ in evidence}
    best = sorted(((votes[c], signs[c], c in own, c) for c in votes), reverse=True)[:2]
    is_open = not best or best[0][0] < MIN_POINTS or (len(best) > 1 and best[0][:3] == best[1][:3])
    if is_open:
        return Home(None)
    name, is_known = _likeliest_country(best[0][3], evidence)
    file = _PAID_IN[name]
    country = name if is_known else None
    return Home(best[0][3], country, "month_first" in file, file.get("year_first", ""))


def _spoken_for(evidence: set[tuple[str, int, str]]) -> Counter[str]:
    """The points of each currency; what places a country speaks for all it is paid in."""
    found = {(_CODE[name], points, what) for name, points, what in evidence}
    found |= {(c, n, what) for name, n, what in evidence if n == PLACE for c in _ALSO[name]}
    votes = Counter[str]()
    for code, points, _ in found:
        votes[code] += points
    return votes


def _likeliest_country(currency: str, evidence: set[tuple[str, int, str]]) -> tuple[str, bool]:
    """Of the currency's countries the one that most speaks for, else one with the month first.

    And whether that is known: it is the only one, or something speaks for it alone.
    """
    votes = Counter[str]()
    for name, points, _ in evidence:
        votes[name] += points
    homes = [name for name in _PAID_IN if currency in (_CODE[name], *_ALSO[name])]
    best = max(homes, key=lambda name: (votes[name], "month_first" in _PAID_IN[name]))
    most = [name for name in homes if votes[name] == votes[best]]
    return best, len(homes) == 1 or (votes[best] > 0 and len(most) == 1)


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


def _evidence(texts: Sequence[str]) -> set[tuple[str, int, str]]:
    """Country and points of each other thing that speaks for it, and what that is."""
    whole = "\n".join(texts).lower()
    read = plain(_GUESTS.sub(" ", whole)).split()
    starts = [i for i, word in enumerate(read) if word in _STARTS]
    spans = {tuple(read[i : i + n]) for n in range(1, _LONGEST + 1) for i in starts}
    found = {(*vote, " ".join(p)) for p in spans & _OF_PHRASE.keys() for vote in _OF_PHRASE[p]}
    found |= {(name, PLACE, "place") for name, way in _PLACES.items() if way.search(whole)}
    rates = {Decimal(rate.replace(",", ".")) for rate in _RATE.findall(whole)}
    language = _language_of(set(read))
    phones = [re.sub(r"\D", "", number) for number in _PHONE.findall(whole)]
    month_first = any(d.month_first and not d.day_first for text in texts for d in find_dates(text))
    numbers = list(printed_tax_ids(texts))
    domains = {"GB" if name == "uk" else name.upper() for name in _DOMAIN.findall(whole)}
    for name, file in _PAID_IN.items():
        if spans & _TAXES[name]:
            found.add((name, HINT, "tax"))
            found |= {(name, HINT, "rate")} if rates & _RATES[name] else set()
            is_right_number = any(is_right(number, name) for number in numbers)
            found |= {(name, PLACE, "tax number")} if is_right_number else set()
        is_home = name in domains or any(n.startswith(file.get("phone", "-")) for n in phones)
        found |= {(name, PLACE, "phone or web")} if is_home else set()
        found |= {(name, HINT, "dates")} if month_first and "month_first" in file else set()
        if language in file.get("languages", ()):
            found.add((name, PLACE, "language"))
    return found


def _language_of(read: set[str]) -> str | None:
    """The language that most words of labels are of; None where there are few or as many."""
    shares = defaultdict[str, float](float)
    for word in read & _OF_WORD.keys():
        for language in _OF_WORD[word]:
            shares[language] += 1 / len(_OF_WORD[word])
    best = sorted(shares.items(), key=lambda item: -item[1])[:2]
    if not best or best[0][1] < MIN_WORDS or (len(best) > 1 and best[1][1] > best[0][1] - 0.5):
        return None
    return best[0][0]
