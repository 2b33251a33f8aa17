"""The topics and the numbers of a printed row. Pure: text in, a Row out."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from typing import NamedTuple

from fields import lexicon
from fields.dates import find_dates
from fields.money import LONGEST, UNKNOWN, Amount, Style, find_amounts, style_of
from fields.text import is_column
from fields.vocabulary import Phrase, phrase_finder
from result import Box, Line

TOPICS = (
    *("subtotal", "total", "grand", "rounding", "discount", "tax", "incl", "excl", "count"),
    *("cash", "card", "wallet", "change", "tip", "service", "points"),
)
_SUMS = {"total", "grand", "subtotal", "cash", "card", "change", "tax", "tip", "service"}

_COUNTED = lexicon.rule(r"(?<=\w )\(?\d{1,3} <topics.count>(?:\(s\))?\)?(?=\W.*\d[.,]\d\d(?!\d))")
_COLUMNS = re.compile(r"(?<=\d) (?=\d{3}[.,]\d\d(?!\d))")
_BLANKS = re.compile(r"(?<![\d.,'])(?<![\d.,'] )\d{1,3}(?: \d{3})+(?=\W*$)")
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # wide signs of Chinese
_CAPITAL = r"[A-Z\u00c0-\u00de.]"
# CREDlT, l.G.V., lL
_MISREAD_I = re.compile(
    rf"(?<![\w.])(?={_CAPITAL}{{0,20}}l{{1,3}}\.?[A-Z])(?:{_CAPITAL}|l){{2,30}}(?!\w)"
)

UNSURE = 0.6  # the confidence of a figure that may be another one


class Piece(NamedTuple):
    """A line of a row: where its text starts and ends there, and what the engine says of it."""

    start: int
    end: int
    confidence: float  # 1 where the engine gives none
    box: Box | None
    unsure: tuple[int, ...] = ()  # places in the row's text of figures that may be others


class Row(NamedTuple):
    """A printed row: its text, its topics and the numbers on it, left to right."""

    text: str
    topics: frozenset[str]
    numbers: tuple[Amount, ...]
    amounts: tuple[Amount, ...]  # the numbers that are money
    pieces: tuple[Piece, ...] = ()
    page: int = 0  # the first is 0

    @property
    def height(self) -> int:
        """The height of its tallest piece, in pixels; 0 without boxes."""
        return max((p.box[3] - p.box[1] for p in self.pieces if p.box), default=0)

    def between(self, start: int, end: int) -> list[Piece]:
        """The pieces between two places of its text."""
        return [piece for piece in self.pieces if piece.start < end and start < piece.end]

    def is_apart(self, start: int) -> bool:
        """Whether a gap of two letters is before this place; True where boxes are missing."""
        pieces = [piece for piece in self.between(start - 2, start + 1) if piece.box]
        if not (pieces and self.text[start - 2 : start].strip()):
            return True
        left, right = pieces[0], pieces[-1]
        return left is not right and is_column(self._line(left), self._line(right))

    def _line(self, piece: Piece) -> Line:
        return Line(self.text[piece.start : piece.end], box=piece.box)

    def lowest_confidence(self, start: int, end: int) -> float:
        """The confidence of the faintest piece, or figure, between two places of its text."""
        pieces = self.between(start, end)
        unsure = (start <= place < end for piece in pieces for place in piece.unsure)
        return min([UNSURE if any(unsure) else 1.0, *(piece.confidence for piece in pieces)])

    def box(self, start: int, end: int) -> Box | None:
        """The box around the pieces between two places of its text."""
        return around(piece.box for piece in self.between(start, end))


def around(boxes: Iterable[Box | None]) -> Box | None:
    """The smallest box that holds all of them; None where there is none."""
    sides = list(zip(*filter(None, boxes), strict=True))
    if not sides:
        return None
    return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


def read_rows(
    rows: Sequence[Sequence[Line]], pages: Iterable[int] = repeat(0), usual: Style = UNKNOWN
) -> list[Row]:
    """The rows, their numbers read in the style that most of them are written in, or the usual."""
    figures = list(map(_figures, rows))
    if usual.decimal_sign == ".":  # where no blank sets thousands apart: 2 110.00 are two numbers
        figures = [_COLUMNS.sub("\t", text) for text in figures]
    style = style_of(figures, usual)
    if style.is_whole:
        figures = _joined(figures)
    return [_read_row(*row, style) for row in zip(rows, figures, pages, strict=False)]


def _joined(figures: list[str]) -> list[str]:
    """The rows with 15'980 for a 15 980 at the end of a sum's row, if two sums are written so."""
    spaced = {n for n, text in enumerate(figures) if _BLANKS.search(text) and topics(text) & _SUMS}
    if len(spaced) < 2:
        return figures
    return [
        _BLANKS.sub(lambda match: match[0].replace(" ", "'"), text) if n in spaced else text
        for n, text in enumerate(figures)
    ]


def _read_row(row: Sequence[Line], figures: str, page: int, style: Style) -> Row:
    text = _without_count(text_of(row))
    found, numbers = topics(text), list(find_amounts(figures, style))
    is_sum = found & _SUMS and not found & {"count", "points"}
    is_bare = numbers and not any(n.is_money or n.unit not in ("", "%") for n in numbers)
    if style.is_whole and is_sum and is_bare and not numbers[-1].unit:
        is_last = not re.search(r"\w", text[numbers[-1].end :])
        numbers[-1] = numbers[-1]._replace(is_money=is_last)  # AMOUNT DUE 27500, VAT 11% 178
    amounts = tuple(number for number in numbers if number.is_money)
    return Row(text, found, tuple(numbers), amounts, tuple(_pieces(row)), page)


def _without_count(text: str) -> str:
    """The text with blanks for what is counted behind a label: TOTAL 5 ARTICLES 33.12."""
    counted = _COUNTED.search(text)
    if not counted or "total" not in topics(text[: counted.start()]):
        return text
    return _covered(text, *counted.span(), " ")


def _covered(text: str, start: int, end: int, sign: str) -> str:
    """The text with this sign instead of each one between two places."""
    return text[:start] + sign * (end - start) + text[end:]


def _figures(row: Sequence[Line]) -> str:
    """The text without dates; two columns of figures stay two: 235 and 470.00."""
    text, end = text_of(row), 0
    for day in find_dates(text):
        text = _covered(text, day.start, day.end, "/")
    for line, right in pairwise(row):
        end += len(line.text) + 1
        is_figure = text[end - 2 : end - 1].isdigit() and text[end : end + 1].isdigit()
        if is_figure and is_column(line, right):
            text = _covered(text, end - 1, end, "\t")
    return text


def text_of(row: Sequence[Line]) -> str:
    """The text of a row as the rules look at it, of the same length as it was read."""
    text = " ".join(line.text for line in row)[:LONGEST]
    return _MISREAD_I.sub(lambda word: word[0].replace("l", "I"), text.translate(_NARROW))


def _pieces(row: Sequence[Line]) -> Iterator[Piece]:
    start = 0
    for line in row:
        end = start + len(line.text)
        unsure = tuple(start + place for place in line.unsure)
        confidence = 1.0 if line.confidence is None else line.confidence
        yield Piece(start, end, confidence, line.box, unsure)
        start = end + 1


_SLIPS = str.maketrans("015|8", "olsib")
# Greek and Cyrillic letters as a Latin recogniser reads their capitals (EYNOAO, CYMMA, NTOr), and
# Latin letters that no accent makes.
_LATIN = str.maketrans(
    dict(
        zip(
            "αβγδεζηθικλμνξοπρσςτυφχψωабвгґдеєжзиіклмнопрстуфхцчшщъьэюяјћђџłøđðı",
            "abfaezhoikamneonpeetyoxyqabbrraeexenikamhonpctyoxuywwbbeorjhhuloddi",
            strict=True,
        ),
        æ="ae",
        œ="oe",
        ß="ss",
        ы="bl",
    )
)
# Chinese and Japanese set no blanks: each character is a word.
_CHARACTER = re.compile(r"([\u3040-\u30ff\u3400-\u9fff])")
_DOTTED = re.compile(r"(?<![\w.])(?:[^\W\d_]\.)+[^\W\d_](?!\w)\.?")
_GLUED = lexicon.rule(r"(?<=[a-z]{4})(?=<currency.glued>\b)")


@lru_cache(maxsize=2048)
def plain(text: str) -> str:
    """Lower case, accents off, as Latin letters; all but letters and digits as single spaces."""
    kept = text.lower()
    if not kept.isascii():
        flat = unicodedata.normalize("NFKD", kept)
        kept = "".join(c for c in flat if not unicodedata.combining(c)).translate(_LATIN)
        kept = _CHARACTER.sub(r" \1 ", kept)
    kept = _DOTTED.sub(lambda word: word[0].replace(".", "") + " ", kept)  # I.V.A.
    kept = _GLUED.sub(" ", kept)  # TOTALRM
    kept = re.sub(r"(?<=[a-z]{3})[!\]](?![\w\]])", "l", kept)  # Tota] Tote!
    return re.sub(r"[\W_]+", " ", kept).strip()


def topics(text: str) -> frozenset[str]:
    """The topics whose phrases are in the text; a long word may have one letter misread."""
    apart = _PARTS.sub(" ", text)
    return _topics(plain(apart)) | _topics(plain(text))


# TotalGST, VAT9%; but MwSt and PayPal are one word
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z]{3})(?=\d{1,2}(?:[.,]\d{1,2})? ?%)")


@lru_cache(maxsize=4096)
def _topics(text: str) -> frozenset[str]:
    words = text.split()
    found = list(_find_phrases([*map(_letters, words)]))
    named = {start + n for start, phrase in found for n in range(len(phrase))}
    others = (n for n, word in enumerate(words) if not (n in named or _is_beside(word)))
    end = next(others, len(words))  # of the words that the row starts with and that are a label
    return frozenset(
        topic
        for start, phrase in found
        for topic in _TOPICS_OF[phrase]
        if end == len(words)
        or len(phrase) > 1
        or ((start < end or topic in _ANYWHERE) and _ORDINARY.isdisjoint((*phrase, words[start])))
    )


def _is_beside(word: str) -> bool:
    """Whether the word is an amount, a currency or a tax letter, and no part of a name."""
    return len(word) <= 2 or not word.isalpha() or word in _BESIDE


def _letters(word: str) -> str:
    """The word with digits read as the letters they look like, if it has letters at all."""
    return word.translate(_SLIPS) if re.search("[a-z]", word) else word


def _words(key: str) -> frozenset[str]:
    return frozenset(map(plain, lexicon.words("labels", key)))


# Words that things are called as well (TIP TOP BREAD, BAR SOAP, CARTA IGIENICA): topics only where
# all other words of the row are topics, sums or currencies too.
_ORDINARY = _words("ordinary")
_ANYWHERE = {"total", "grand", "subtotal", "tax", "incl", "excl", "rounding"}  # not only in front
_BESIDE = _words("beside") | lexicon.CURRENCY_NAMES


def _phrases(topic: str) -> Iterator[Phrase]:
    """The words of each phrase of the topic, and a long phrase as one word: GRANDTOTAL."""
    for phrase in map(plain, lexicon.words("topics", topic)):
        yield tuple(map(_letters, phrase.split()))
        joined = phrase.replace(" ", "")
        if " " in phrase and len(joined) > 7:  # totalht is too like the Swedish totalt
            yield (_letters(joined),)


_TOPICS_OF = defaultdict[Phrase, list[str]](list)
for _topic in TOPICS:
    for _phrase in set(_phrases(_topic)):
        _TOPICS_OF[_phrase].append(_topic)
_find_phrases = phrase_finder(_TOPICS_OF.keys())
