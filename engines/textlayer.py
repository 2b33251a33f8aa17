"""Reads the text that a PDF's page holds, where it is what the page shows. Runs in a child.

A page is left to the engine if its text is hidden over a scanned picture, if print is missing from
its text, being a picture or filled into a form, or if a font draws other letters than it names.
"""

import ctypes
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from unicodedata import bidirectional, category, normalize

from PIL import Image

from engines.codes import find_codes
from engines.ctc import LAST_LATIN
from engines.images import pdf_scale
from engines.rows import box_of
from result import Box, Line, Page, PageReading, Rows

Knows = Callable[[str], bool]
ReadPage = Callable[[Image.Image], Rows]
Place = Callable[[float, float], tuple[float, float]]

DPI = 150  # a QR code's modules of 0.4 mm are 2.4 pixels
MAX_CHARACTERS = 50_000
MIN_CHARACTERS = 20  # fewer are a page number or a scanner's advertisement
MAX_BAD_SHARE = 0.02  # of the characters: they stand for no letter
MAX_ASIDE_SHARE = 0.2  # of the words: they are hidden, or do not run from left to right
MAX_IMAGE_SHARE = 0.5  # of the page's area; more is a scan
MIN_FIELD_AREA = 1  # square points; a signature that is not shown has none
CELL = 15  # pixels: the side of the squares in which ink and text are compared
DARK = 160  # of 255; a pixel below is ink
# Print changes so often between light and dark, across a square and down it. A line or a bar code
# does so in one direction only.
MIN_CHANGES = 3
MAX_UNCOVERED_SHARE = 0.5  # of the squares with print; logos and photos look like print
MIN_KNOWN_ROWS = 2  # of a font, to prove that it draws the letters it names
MIN_FONT_LETTERS = 8  # a font with fewer holds signs
MAX_SAMPLES = 3
MIN_SIMILARITY = 0.8  # of a sample's text and what the engine reads
NOTES = ("WIDGET", "FREETEXT", "STAMP", "INK")  # PDFium's names of those that are drawn
HIDDEN = (3, 7)  # text render modes: invisible, and only to clip (ISO 32000-1, table 106)
HYPHEN = "\x02"  # what PDFium makes of a hyphen at the end of a row
FIRST_FOREIGN = "\u0300"  # no letter below is a vowel mark, or written from right to left
# Ligatures, and the forms of Hebrew and Arabic letters: people type their parts.
FORMS = {*range(0xFB00, 0xFE00), *range(0xFE70, 0xFEFF)}


class Word(NamedTuple):
    """Characters without a space between them."""

    line: Line
    font: str
    is_aside: bool  # hidden, or not running from left to right


def read_text_page(
    pdf: Any, number: int, knows: Knows, read_page: ReadPage, trusted: set[str]
) -> PageReading | None:
    """The printed rows of a page, and its codes; None where its text is not what it shows.

    `pdf` is a document of pypdfium2, the first page's number is 0. `knows` tells of a row whether
    it has a word, a date or an amount as receipts have them. Where it knows no rows of a font,
    `read_page` reads one as a picture, and has to agree. `trusted` are the fonts of the PDF that
    are known to draw their letters; those of this page are added.
    """
    page = pdf[number]
    text = page.get_textpage()
    if not MIN_CHARACTERS <= text.count_chars() <= MAX_CHARACTERS:
        return None
    if _is_scan(page) or _has_notes(page):
        return None
    scale = pdf_scale(page.get_size(), DPI)
    drawn = page.render(scale=scale, grayscale=True)
    picture, edges = drawn.to_pil(), _edges(drawn.to_numpy())
    words = list(_words(text, _place(page, picture.size)))
    codes = find_codes(picture, number) if _may_have_codes(words, edges) else []
    words = _shown(words, [code.box for code in codes], edges)
    rows = _rows([word.line for word in words])
    samples = _samples(words, rows, knows, trusted)
    if not words or _is_overprinted(rows) or not _agrees(samples, picture, read_page):
        return None
    trusted.update(word.font for word in words if word.font)
    shown = Page(picture.width, picture.height, source="text")
    return PageReading(shown, rows, codes)


def _is_scan(page: Any) -> bool:
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    width, height = page.get_size()
    images = page.get_objects([FPDF_PAGEOBJ_IMAGE], max_depth=2)  # of a scan often strips
    bounds = (image.get_bounds() for image in images)
    area = sum((right - left) * (top - bottom) for left, bottom, right, top in bounds)
    return area > MAX_IMAGE_SHARE * width * height


def _has_notes(page: Any) -> bool:
    """Whether the page shows form fields, notes or stamps, whose words are not among its text."""
    from pypdfium2 import raw

    area = raw.FS_RECTF()
    kinds = {getattr(raw, f"FPDF_ANNOT_{kind}") for kind in NOTES}
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, number)
        is_shown = raw.FPDFAnnot_GetSubtype(note) in kinds
        raw.FPDFAnnot_GetRect(note, area)
        raw.FPDFPage_CloseAnnot(note)
        if is_shown and (area.right - area.left) * (area.top - area.bottom) > MIN_FIELD_AREA:
            return True
    return False


def _place(page: Any, size: tuple[int, int]) -> Place:
    """A function that turns a point of the page, in points, into pixels of its upright picture."""
    from pypdfium2.raw import FPDF_PageToDevice

    def device(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        FPDF_PageToDevice(page, 0, 0, size[0] * 16, size[1] * 16, 0, x, y, across, down)
        return across.value / 16, down.value / 16

    (x0, y0), right, up = device(0, 0), device(1000, 0), device(0, 1000)
    (a, b), (c, d) = (((x - x0) / 1000, (y - y0) / 1000) for x, y in (right, up))
    return lambda x, y: (x0 + a * x + c * y, y0 + b * x + d * y)


def _words(page: Any, place: Place) -> Iterator[Word]:
    """The words of a page's text; none if too many of its characters stand for no letter."""
    from pypdfium2.raw import FPDFText_GetUnicode, FPDFText_HasUnicodeMapError

    text, count = page.raw, page.count_chars()  # each call with `page` itself would cost a lookup
    characters = [chr(FPDFText_GetUnicode(text, n)) for n in range(count)]
    printed = [n for n, character in enumerate(characters) if not character.isspace()]
    bad = sum(
        FPDFText_HasUnicodeMapError(text, n) == 1 or _is_no_letter(characters[n]) for n in printed
    )
    if bad > MAX_BAD_SHARE * len(printed):
        return
    looks: dict[int, tuple[str, bool]] = {}
    for is_space, run in groupby(range(count), lambda n: characters[n].isspace()):
        if is_space:
            continue
        numbers = _as_read(list(run), characters, text, place)
        if word := "".join(_plain(characters[n]) for n in numbers):
            yield _word(text, word, numbers[0], numbers[-1], place, looks)


def _as_read(
    numbers: list[int], characters: Sequence[str], text: Any, place: Place
) -> Sequence[int]:
    """The characters of a word in the order they are read.

    Of the Hebrew and Arabic words that Chromium writes from left to right, PDFium turns only some
    (pypdfium2 5.15, Chromium 156). So their letters are ordered by their right edges, which a vowel
    mark does not reach over; figures and Latin letters between them run from left to right.
    """
    if all(characters[n] < FIRST_FOREIGN for n in numbers):
        return numbers
    is_foreign = {n: bidirectional(characters[n]) in ("R", "AL", "NSM") for n in numbers}
    if not any(is_foreign.values()):
        return numbers
    numbers = sorted(numbers, key=lambda n: _corners(text, n, place)[1][0], reverse=True)
    runs = [(is_right, list(run)) for is_right, run in groupby(numbers, is_foreign.get)]
    return [number for is_right, run in runs for number in (run if is_right else run[::-1])]


@lru_cache(maxsize=4096)
def _is_no_letter(character: str) -> bool:
    """A control character, one for private use, or the sign for an unknown one."""
    is_sign = character != HYPHEN and category(character) in ("Cc", "Co", "Cn", "Cs")
    return is_sign or character == "\ufffd"


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character == HYPHEN:
        return "-"
    if category(character)[0] == "C":
        return ""
    return normalize("NFKC", character) if ord(character) in FORMS else character


def _word(
    text: Any, word: str, first: int, last: int, place: Place, looks: dict[int, tuple[str, bool]]
) -> Word:
    """The word from its first to its last character; `looks` keeps how objects of text look."""
    from pypdfium2 import raw

    corners = [*_corners(text, first, place), *_corners(text, last, place)]
    across, down = zip(*corners, strict=True)
    box = (int(min(across)), int(min(down)), math.ceil(max(across)), math.ceil(max(down)))
    drawn = raw.FPDFText_GetTextObject(text, first)
    key = ctypes.cast(drawn, ctypes.c_void_p).value or 0
    if key not in looks:
        looks[key] = _look(drawn)
    font, is_hidden = looks[key]
    is_aside = is_hidden or not _is_upright(raw.FPDFText_GetCharAngle(text, first), place)
    return Word(Line(word, 1.0, box), font, is_aside)


def _corners(text: Any, number: int, place: Place) -> list[tuple[float, float]]:
    """Two opposite corners of a character in the picture, the left one first."""
    from pypdfium2 import raw

    area = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text, number, area)
    return sorted([place(area.left, area.bottom), place(area.right, area.top)])


def _is_upright(angle: float, place: Place) -> bool:
    """Whether print at this angle, clockwise in radians, runs from left to right in the picture."""
    (x0, y0), (x, y) = place(0, 0), place(100 * math.cos(angle), -100 * math.sin(angle))
    return x - x0 > 10 * abs(y - y0)


def _look(drawn: Any) -> tuple[str, bool]:
    """The name of an object's font, and whether its text is hidden.

    The name has the letters that tell subsets apart; it is "" where the font has none.
    """
    from pypdfium2 import raw

    font, name = raw.FPDFTextObj_GetFont(drawn) if drawn else None, ctypes.create_string_buffer(128)
    if font:
        raw.FPDFFont_GetBaseFontName(font, name, 128)
    is_hidden = bool(drawn) and raw.FPDFTextObj_GetTextRenderMode(drawn) in HIDDEN
    return name.value.decode("utf-8", "replace"), is_hidden


def _edges(picture: Any) -> Any:
    """How often light and dark change in each square, across it and down it."""
    import numpy as np

    height, width = picture.shape
    high, wide = -(-height // CELL), -(-width // CELL)
    dark = np.zeros((high * CELL + 1, wide * CELL + 1), "uint8")  # with an edge, left and above
    np.less(picture, DARK, out=dark[1 : height + 1, 1 : width + 1].view(bool))
    inner = dark[1:, 1:]
    changes = inner ^ dark[1:, :-1], inner ^ dark[:-1, 1:]
    by_row = [change.reshape(high, CELL, -1).sum(1, "uint8") for change in changes]
    return np.array([rows.reshape(high, wide, CELL).sum(2, "uint8") for rows in by_row])


def _may_have_codes(words: Sequence[Word], edges: Any) -> bool:
    """Whether bars are anywhere, or other print than words, as large as a code.

    Lines are one square thick. The search for codes takes as long as all else of a page.
    """
    across, down = edges >= MIN_CHANGES
    free = across | down
    for word in words:
        free[_cells(box_of(word.line))] &= word.is_aside
    free |= across & ~down
    return bool((free[1:, 1:] & free[1:, :-1] & free[:-1, 1:] & free[:-1, :-1]).any())


def _shown(words: Sequence[Word], codes: Sequence[Box], edges: Any) -> list[Word]:
    """The words that can be seen; none if too few can, or if they cover too little of the print.

    `codes` are the boxes of bar codes and QR codes, which do not count as print.
    """
    found = (edges >= MIN_CHANGES).all(axis=0)
    for code in codes:
        found[_cells(code)] = False
    free, shown = found.copy(), []
    for word in words:
        area = _cells(box_of(word.line))
        free[area] = False
        if not word.is_aside and found[area].any():
            shown.append(word)
    is_covered = free.sum() <= MAX_UNCOVERED_SHARE * found.sum()
    return shown if is_covered and len(shown) >= (1 - MAX_ASIDE_SHARE) * len(words) else []


def _cells(box: Box) -> tuple[slice, slice]:
    """The squares that a box touches, as indices of the array of all."""
    left, top, right, bottom = box
    across = slice(max(0, left) // CELL, max(0, right) // CELL + 1)
    return slice(max(0, top) // CELL, max(0, bottom) // CELL + 1), across


def _rows(lines: Sequence[Line]) -> Rows:
    """Words grouped by their height on the page: a row is level, unlike that of a photo."""
    rows: Rows = []
    for line in sorted(lines, key=_middle):
        if rows and _is_beside(line, rows[-1][0]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_in_reading_order(_once(row)) for row in rows]


def _once(row: Sequence[Line]) -> list[Line]:
    """A row from left to right, without the words that are printed twice to look bold."""
    found: list[Line] = []
    for line in sorted(row, key=box_of):
        if not (found and found[-1].text == line.text and _is_over(found[-1], line)):
            found.append(line)
    return found


def _is_overprinted(rows: Rows) -> bool:
    """Whether another word is printed over one, as over a figure that was painted out."""
    levels = (sorted(row, key=box_of) for row in rows)
    return any(_is_over(*pair) for row in levels for pair in pairwise(row))


def _is_over(one: Line, other: Line) -> bool:
    (left, _, right, _), (start, _, end, _) = box_of(one), box_of(other)
    return 2 * (min(right, end) - max(left, start)) > min(right - left, end - start)


def _is_beside(line: Line, first: Line) -> bool:
    """Whether their middles are level, or their feet where one is printed larger."""
    feet = abs(box_of(line)[3] - box_of(first)[3])
    apart = min(_middle(line) - _middle(first), feet)
    return apart <= min(_height(line), _height(first)) / 2


def _middle(line: Line) -> float:
    return (box_of(line)[1] + box_of(line)[3]) / 2


def _height(line: Line) -> int:
    return box_of(line)[3] - box_of(line)[1]


def _in_reading_order(row: list[Line]) -> list[Line]:
    """A row with Hebrew or Arabic words begins on the right; other words in it keep their order."""
    if not any(_has(line, "R", "AL") for line in row):
        return row
    runs = [(is_latin, list(run)) for is_latin, run in groupby(row[::-1], lambda w: _has(w, "L"))]
    return [line for is_latin, run in runs for line in (run[::-1] if is_latin else run)]


def _has(line: Line, *kinds: str) -> bool:
    return any(bidirectional(character) in kinds for character in line.text)


def _samples(words: Sequence[Word], rows: Rows, knows: Knows, trusted: set[str]) -> Rows:
    """One row of each font that is not yet known to draw the letters it names.

    Letters of another script than Latin prove a font: a missing or wrong table of its characters
    gives Latin letters and signs.
    """
    font_of = {id(word.line): word.font for word in words}
    by_font: dict[str, list[tuple[str, list[Line]]]] = defaultdict(list)
    for row in rows:
        for font in {font_of[id(line)] for line in row} - trusted:
            text = " ".join(line.text for line in row if font_of[id(line)] == font)
            by_font[font].append((text, row))
    return [
        max(own, key=lambda one: _count(one[0]))[1]
        for own in by_font.values()
        if _is_doubtful([text for text, _ in own], knows)
    ][:MAX_SAMPLES]


def _is_doubtful(texts: Sequence[str], knows: Knows) -> bool:
    letters = [character for text in texts for character in text if character.isalpha()]
    is_foreign = sum(letter > LAST_LATIN for letter in letters) * 2 > len(letters)
    is_short = sum(map(_count, texts)) < MIN_FONT_LETTERS
    return not (is_short or is_foreign) and sum(map(knows, texts)) < MIN_KNOWN_ROWS


def _count(text: str) -> int:
    return sum(map(str.isalnum, text))


def _agrees(samples: Rows, picture: Image.Image, read_page: ReadPage) -> bool:
    """Whether the engine reads the samples as their text says."""
    if not samples:
        return True
    crops = [picture.crop(_around(row)) for row in samples]
    paper = Image.new("L", (max(c.width for c in crops), sum(c.height for c in crops)), "white")
    for number, crop in enumerate(crops):
        paper.paste(crop, (0, sum(other.height for other in crops[:number])))
    read = read_page(paper.resize((paper.width * 2, paper.height * 2)).convert("RGB"))
    return SequenceMatcher(None, _letters(samples), _letters(read)).ratio() >= MIN_SIMILARITY


def _around(row: Sequence[Line]) -> Box:
    lefts, tops, rights, bottoms = zip(*map(box_of, row), strict=True)
    margin = max(bottoms) - min(tops)
    above, below = min(tops) - margin // 2, max(bottoms) + margin // 2
    return min(lefts) - margin, above, max(rights) + margin, below


def _letters(rows: Rows) -> str:
    text = "".join(line.text.lower() for row in rows for line in row)
    return "".join(filter(str.isalnum, text))
