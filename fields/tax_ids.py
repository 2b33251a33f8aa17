"""The tax number of the shop, its check digits right where python-stdnum knows them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.util import get_cc_module

from fields.labels import Row
from fields.lexicon import COUNTRIES, rule

MIN_DIGITS = 7
# Not the UID of a card terminal, the MF of an Italian till, the TRN of a sale, a TAX INVOICE's.
_OTHER = r"uid\W{0,4}\d|mf\b[^/\n]{0,40}$|trn\b(?!\W*\d{15}\b)|tax\W{0,4}<numbers.receipt>\b"
_INDIAN = r"\d\d[A-Z]{5}[\dA-Z]{8}"
_MEXICAN = r"(?-i:[A-Z&]{3,4})\d{6}[\dA-Z]{3}"
_PREFIX = (
    r"(?<![^\W\d_])(?!<numbers.number+tax_number>|<~numbers.tax_id>\b)(?-i:[A-Z]{1,3}\d?)[ -]{0,2}"
)
_DIGITS = (  # not 105.00 13.65
    r"(?!\d+[.,]\d\d(?![\d.,]))(?:\d|[Oo](?=\d))[\dOo /.\-]{6,20}[\dA-Z]"
    r"(?:/[\dA-Z]{1,3})*(?:\.? ?B\d\d| ?R[CPT] ?\d{4})?"  # the Netherlands, Canada
)
TAX_ID = rule(
    rf"(?:\b(?!{_OTHER})<~numbers.tax_id>\b[ .\-]{{0,4}}<numbers.number+tax_number>?"
    r"[ .:#\-/()a-z]{0,14}?|\b(?=<numbers.tax_id_start>))"
    rf"(?P<number>{_INDIAN}|{_MEXICAN}|(?:{_PREFIX})?{_DIGITS})(?!\w)"
)
tax_id_in = lru_cache(maxsize=4096)(TAX_ID.search)  # a row is asked for it up to ten times


def find_tax_id(rows: Sequence[Row], country: str | None) -> str | None:
    """The first with right check digits, else the first that the country's rules do not refuse."""
    numbers = list(printed_tax_ids([row.text for row in rows]))
    if not country:
        return next(iter(numbers), None)
    right = (n for n in numbers if is_right(n, country))
    return next(chain(right, (n for n in numbers if not is_misread(n, country))), None)


def printed_tax_ids(texts: Iterable[str]) -> Iterator[str]:
    numbers = (found["number"].strip(" .-/") for text in texts if (found := tax_id_in(text)))
    return (number for number in numbers if sum(map(str.isdigit, number)) >= MIN_DIGITS)


def is_misread(number: str, country: str) -> bool:
    """It has the form of a number of the country (ISO 3166), and other check digits."""
    errors = _errors(number, country)
    return None not in errors and any(isinstance(error, InvalidChecksum) for error in errors)


def is_right(number: str, country: str) -> bool:
    """It has the form of a number of the country, and its check digits where it has some."""
    return None in _errors(number, country)


@lru_cache(maxsize=1024)
def _errors(number: str, country: str) -> tuple[ValidationError | None, ...]:
    """What each rule of the country that we know says against the number; None if nothing."""
    return tuple(
        _error(number, country.lower(), name)
        for name in COUNTRIES[country].get("numbers", {}).get("stdnum", ())
    )


def _error(number: str, country: str, name: str) -> ValidationError | None:
    rules = get_cc_module(country, name)
    assert rules, f"expected a module of python-stdnum, found {country}.{name}"
    try:
        rules.validate(number)
    except ValidationError as error:
        return error
    return None
