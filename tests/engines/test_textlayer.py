"""A PDF's own text is taken where it is what the page shows, and only there."""

import os
import subprocess
from resource import RUSAGE_CHILDREN, getrusage
from time import process_time

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont
from pypdfium2 import PdfDocument

from bench.exact import text_pdf
from engines.reading import read_pages
from engines.textlayer import read_text_page
from fields.known import is_known
from providers import PROVIDERS
from providers.local import result_from_reading
from result import Line
from settings import Settings
from tests.conftest import ROOT
from tests.pdfs import HELVETICA, pdf, stream, text

ROWS = [
    *((40, 340, "Corner Cafe"), (40, 310, "Flat White"), (220, 310, "7.80")),
    *((40, 280, "Total EUR"), (220, 280, "13.20"), (40, 250, "14/03/2026 09:41")),
]
ONE_THREAD = {"OMP_THREAD_LIMIT": "1"}
TEXT = ["Corner Cafe", "Flat White 7.80", "Total EUR 13.20", "14/03/2026 09:41"]


def unread(picture):
    raise AssertionError("no row needs to be read as a picture")


def read(data, read_page=unread, page=0):
    with PdfDocument(data) as document:
        return read_text_page(document, page, is_known, read_page, set())


def texts(found):
    return [" ".join(line.text for line in row) for row in found.rows]


def reads(*words):
    """An engine that reads these words, whatever it sees."""
    return lambda picture: [[Line(word, 0.9, (0, 0, 9, 9)) for word in words]]


def test_rows_keep_their_columns():
    assert texts(read(pdf(text(ROWS)))) == TEXT


def test_boxes_are_in_the_pixels_of_the_picture():
    found = read(pdf(text(ROWS)))
    assert (found.page.width, found.page.height) == (
        625,
        834,
    )  # of 300 x 400 points, at 150 dpi
    total = next(line for row in found.rows for line in row if line.text == "13.20")
    left, top, right, bottom = total.box
    assert abs(left - 220 * 150 / 72) <= 1
    assert top < (400 - 280) * 150 / 72 < bottom < top + 40
    assert 40 < right - left < 60
    assert total.confidence == 1.0


def test_a_narrow_page_has_more_pixels():
    page = read(pdf(text(ROWS), size=(280, 400))).page
    assert (page.width, page.height) == (1167, 1667)


@pytest.mark.parametrize(
    ("degrees", "matrix"),
    [(90, "0 1 -1 0 400 0"), (180, "-1 0 0 -1 300 400"), (270, "0 -1 1 0 0 300")],
)
def test_a_page_that_is_turned_is_read_as_it_is_shown(degrees, matrix):
    size = (300, 400) if degrees == 180 else (400, 300)
    print_ = f"q {matrix} cm {text(ROWS)} Q"
    found = read(pdf(print_, size=size, page=f"/Rotate {degrees}"))
    assert (found.page.width, found.page.height) == (625, 834)
    assert texts(found) == TEXT
    left, top, *_ = found.rows[0][0].box
    assert (abs(left - 83) < 3, top < 140) == (True, True)


def test_text_on_its_side_is_left_to_the_engine():
    assert read(pdf(f"q 0 1 -1 0 400 0 cm {text(ROWS)} Q", size=(400, 300))) is None


def test_ligatures_are_the_letters_they_are_made_of():
    font = HELVETICA.replace(
        "/WinAnsiEncoding", "<< /BaseEncoding /WinAnsiEncoding /Differences [1 /fi 2 /fl] >>"
    )
    rows = [*ROWS, (40, 220, "Of\x01ce \x02our")]
    assert texts(read(pdf(text(rows), fonts={"F1": font})))[-1] == "Office flour"


# Fonts with a table of what their letters mean


def to_unicode(pairs):
    rows = "\n".join(f"<{ord(code):02x}> <{ord(letter):04x}>" for code, letter in pairs.items())
    return stream(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(pairs)} beginbfchar\n{rows}\nendbfchar endcmap end end"
    )


def test_hebrew_rows_begin_on_the_right():
    table = to_unicode(dict(zip("abcde", "\u05d0\u05d1\u05d2\u05d3\u05d4", strict=True)))
    font = HELVETICA.replace(" >>", " /ToUnicode 1 0 R >>")
    # "abc de" is drawn from the left: the reader begins with e
    rows = [*ROWS, (200, 220, "abc"), (170, 220, "de"), (40, 220, "5.00"), (90, 220, "VAT No")]
    found = read(pdf(text(rows), fonts={"F1": font}, objects=[table]))
    words = [line.text for line in found.rows[-1]]
    assert words == ["\u05d2\u05d1\u05d0", "\u05d4\u05d3", "VAT", "No", "5.00"]


def test_words_that_chromium_wrote_from_left_to_right_are_in_reading_order():
    """The file is a page of Chromium 156 in DejaVu Sans, with `dir="rtl"`."""
    assert texts(read((ROOT / "tests/data/arabic.pdf").read_bytes())) == [
        "مقهى الزاوية",
        "فَاتُورَة مبسطة",
        "قهوة عربية لأن الإجمالي",
        "رقم: 0042 صنف12قطعة",
        "حساب ضريبة القيمة المضافة 19.50",
        "שלום Corner Cafe قهوة",
    ]


def test_print_of_two_sizes_on_one_line_is_a_row():
    large = text([(220, 220, "21.00")], points=26)
    found = read(pdf(text([*ROWS, (40, 220, "To pay")]) + large))
    assert texts(found)[-1] == "To pay 21.00"


@pytest.mark.parametrize("sign", ["\ufffd", "\ue000", "\x03"])
def test_letters_that_mean_nothing_are_left_to_the_engine(sign):
    table = to_unicode({letter: sign for letter in "aeiot"})
    font = HELVETICA.replace(" >>", " /ToUnicode 1 0 R >>")
    assert read(pdf(text(ROWS), fonts={"F1": font}, objects=[table])) is None


def test_the_part_of_a_font_without_a_table_is_left_to_the_engine():
    """Chromium's own subset of DejaVu Sans, whose codes are numbers of glyphs."""
    data = (ROOT / "tests/data/arabic.pdf").read_bytes()
    assert read(data.replace(b"/ToUnicode", b"/NoUnicode")) is None


def shifted(rows, table=False):
    """A PDF whose font draws for each code the letter before it; a `table` says the code's own."""
    codes = range(0x21, 0x7F)
    names = " ".join(f"/g{code}" for code in codes)
    glyphs = [stream(f"700 0 d0 BT /F0 1000 Tf <{code - 1:02x}> Tj ET") for code in codes]
    procedures = " ".join(f"/g{code} {n} 0 R" for n, code in enumerate(codes, 2))
    font = (
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 1000] /FontMatrix [.001 0 0 .001 0 0] "
        f"/FirstChar {codes[0]} /LastChar {codes[-1]} /Widths [{'700 ' * len(codes)}] "
        f"/Encoding << /Differences [{codes[0]} {names}] >> /CharProcs << {procedures} >> "
        f"/Resources << /Font << /F0 {HELVETICA} >> >> >>"
    )
    if table:
        font = font.removesuffix(">>") + f"/ToUnicode {len(glyphs) + 2} 0 R >>"
        glyphs.append(to_unicode({chr(code): chr(code) for code in codes}))
    drawn = [(x, y, "".join(chr(ord(c) + 1) if c != " " else c for c in t)) for x, y, t in rows]
    return pdf(text(drawn), fonts={"F1": "1 0 R"}, objects=[font, *glyphs])


def test_a_font_without_a_table_is_left_to_the_engine():
    assert read(shifted(ROWS), reads("Corner", "Cafe")) is None


def test_a_font_with_a_wrong_table_is_left_to_the_engine():
    assert read(shifted(ROWS, table=True), reads("Corner", "Cafe")) is None
    found = read(shifted(ROWS, table=True), reads("2501403137", "1:;52"))
    assert texts(found)[0] == "Dpsofs Dbgf"


UNKNOWN = [(40, y, row) for y, row in ((340, "Lorem ipsum dolor"), (310, "sit amet consetetur"))]


def test_a_font_of_unknown_words_is_taken_where_the_engine_reads_the_same():
    data = pdf(text(UNKNOWN))
    assert texts(read(data, reads("sit", "amet", "consetetur"))) == [row for _, _, row in UNKNOWN]
    assert read(data, reads("tju", "bnfu", "dpotfufuvs")) is None
    assert read(data, reads()) is None


def test_a_font_is_looked_at_once_in_a_document():
    calls = []

    def engine(picture):
        calls.append(picture)
        return reads("sit", "amet", "consetetur")(picture)

    with PdfDocument(pdf(text(UNKNOWN), text(UNKNOWN))) as document:
        trusted = set()
        assert all(read_text_page(document, n, is_known, engine, trusted) for n in (0, 1))
    assert len(calls) == 1


# Pictures of print


def scan(rows=ROWS, size=(600, 800)):
    picture = Image.new("L", size, "white")
    draw = ImageDraw.Draw(picture)
    for x, y, row in rows:
        draw.text((x * 2, size[1] - y * 2 - 24), row, "black", font=ImageFont.load_default(24))
    return picture


def image(picture):
    dictionary = f"/Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} "
    return stream(picture.tobytes(), dictionary + "/ColorSpace /DeviceGray /BitsPerComponent 8")


BAD_OCR = [(x, y, t.replace("a", "o").replace("3", "8")) for x, y, t in ROWS]
PAGE, STRIP = "q 300 0 0 400 0 0 cm /I Do Q", "q 150 0 0 200 0 200 cm /I Do Q"


@pytest.mark.parametrize("drawn", [PAGE, STRIP])
def test_the_hidden_text_over_a_scan_is_not_taken(drawn):
    hidden = text(BAD_OCR).replace("BT ", "BT 3 Tr ")
    data = pdf(f"{drawn} {hidden}", images={"I": "1 0 R"}, objects=[image(scan())])
    assert read(data) is None


@pytest.mark.parametrize("strips", [1, 2, 10])
def test_text_under_a_scan_is_not_taken(strips):
    high = 800 // strips
    parts = [image(scan().crop((0, high * n, 600, high * (n + 1)))) for n in range(strips)]
    drawn = " ".join(
        f"q 300 0 0 {high / 2} 0 {400 - high / 2 * (n + 1)} cm /I{n} Do Q" for n in range(strips)
    )
    images = {f"I{n}": f"{n + 1} 0 R" for n in range(strips)}
    assert read(pdf(f"{text(BAD_OCR)} {drawn}", images=images, objects=parts)) is None


def test_a_line_of_text_over_print_that_is_a_picture_is_not_taken():
    stamp = text([(40, 20, "Scanned with a telephone, page 1 of 1")], 8)
    strip = "q 180 0 0 280 60 60 cm /I Do Q"
    data = pdf(f"{strip} {stamp}", images={"I": "1 0 R"}, objects=[image(scan())])
    assert read(data) is None


def test_a_logo_and_lines_are_no_reason_to_doubt_the_text():
    logo = "0 0 0 rg 40 360 60 30 re f 0.5 w 20 20 260 370 re S 20 300 m 280 300 l S "
    assert texts(read(pdf(logo + text(ROWS)))) == TEXT


def test_print_on_a_coloured_bar_is_text():
    bar = "0.1 0.2 0.4 rg 0 360 300 40 re f 0 0 300 200 re f 1 1 1 rg "
    title = text([(40, 375, "Our Shop"), (40, 100, "Thank you")], 16)
    assert texts(read(pdf(f"{bar} {title} 0 0 0 rg {text(ROWS)}"))) == [
        *("Our Shop", *TEXT),
        "Thank you",
    ]


def test_words_that_cannot_be_seen_are_left_out():
    white = f"1 1 1 rg {text([(40, 200, 'Total 99.99')])} 0 0 0 rg "
    assert texts(
        read(pdf(white + text([*ROWS, *((40, y, "Tea 1.00 EUR") for y in (60, 80))])))
    ) == [
        *TEXT,
        *["Tea 1.00 EUR"] * 2,
    ]


def test_a_page_of_white_text_is_left_to_the_engine():
    assert read(pdf(f"1 1 1 rg {text(ROWS)}")) is None


@pytest.mark.parametrize("kind", ["Widget /FT /Tx /T (a)", "FreeText", "Stamp", "Ink"])
def test_fields_and_notes_are_left_to_the_engine_and_an_unseen_signature_is_not(kind):
    def note(area, kind=kind):
        return f"/Annots [<< /Type /Annot /Subtype /{kind} /Rect [{area}] >>]"

    assert read(pdf(text(ROWS), page=note("40 100 200 120"))) is None
    assert texts(read(pdf(text(ROWS), page=note("0 0 0 0")))) == TEXT
    assert texts(read(pdf(text(ROWS), page=note("40 100 200 120", "Link")))) == TEXT


def test_a_figure_that_is_printed_over_another_is_left_to_the_engine():
    painted = f"{text(ROWS)} 1 g 215 275 60 14 re f 0 g"
    assert read(pdf(f"{painted} {text([(220, 280, '99.90')])}")) is None
    bold = text([(x + 0.3, y, row) for x, y, row in ROWS])
    assert texts(read(pdf(f"{text(ROWS)} {bold}"))) == TEXT


def test_a_page_number_alone_is_no_text():
    assert read(pdf(text([(140, 20, "Page 1 of 1")]))) is None


# Codes between words

SHAPES = {"QRCode": (80, 80), "DataMatrix": (30, 30), "PDF417": (120, 40), "Code128": (130, 30)}


def squares(format, width, height):
    """A code drawn as rectangles, of this size in points."""
    code = zxingcpp.create_barcode("REF 0042", getattr(zxingcpp.BarcodeFormat, format))
    drawn = zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    modules = np.asarray(drawn)
    rows, columns = modules.shape
    x, y = width / columns, height / rows
    return " ".join(
        f"{column * x:.2f} {height - (row + 1) * y:.2f} {x:.2f} {y:.2f} re f"
        for row in range(rows)
        for column in range(columns)
        if not modules[row, column]
    )


@pytest.mark.parametrize("format", SHAPES)
@pytest.mark.parametrize("place", [(40, 40), (47, 53)])
def test_a_code_that_is_drawn_with_lines_is_found_between_words(format, place):
    drawn = f" 0 g q 1 0 0 1 {place[0]} {place[1]} cm {squares(format, *SHAPES[format])} Q "
    note = text([(40, 200, "Show the code at the till 4711 10.00")])
    found = read(pdf(text(ROWS) + note + drawn))
    assert [code.text for code in found.codes] == ["REF 0042"]


def test_a_code_whose_bars_are_letters_of_a_font_is_found():
    font = (
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 130 30] /FontMatrix [.01 0 0 .01 0 0] "
        "/FirstChar 97 /LastChar 97 /Widths [130] /Encoding << /Differences [97 /bars] >> "
        "/CharProcs << /bars 2 0 R >> >>"
    )
    bars = stream(f"130 0 d0 {squares('Code128', *SHAPES['Code128'])}")
    word = " BT /F2 100 Tf 40 60 Td (a) Tj ET"
    page = pdf(text(ROWS) + word, fonts={"F1": HELVETICA, "F2": "1 0 R"}, objects=[font, bars])
    assert [code.text for code in read(page).codes] == ["REF 0042"]


# With the engines


def with_code(rows):
    """A page with text and a QR code of it, drawn as squares."""
    code = zxingcpp.create_barcode("https://example.com/1", zxingcpp.BarcodeFormat.QRCode)
    drawn = zxingcpp.write_barcode_to_image(code, scale=1)
    picture = Image.frombuffer("L", drawn.shape[::-1], bytes(drawn))
    return pdf(
        text(rows) + " q 80 0 0 80 40 40 cm /I Do Q",
        images={"I": "1 0 R"},
        objects=[image(picture)],
    )


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["paddle-ocr-local", "tesseract"])
def test_pages_with_text_and_scanned_ones_of_one_file_are_one_receipt(tmp_path, provider):
    path = tmp_path / "mixed.pdf"
    path.write_bytes(
        pdf(text(ROWS), PAGE, images={"I": "1 0 R"}, objects=[image(scan(BAD_OCR, (600, 800)))])
    )
    result = PROVIDERS[provider].ocr(path, Settings())
    assert [page.source for page in result.pages] == ["text", "ocr"]
    assert result.model.endswith(" + PDF text")
    assert result.text.startswith("Corner Cafe\nFlat White   7.80\nTotal EUR   13.20\n")


@pytest.mark.slow
def test_a_page_of_text_is_exact_with_its_codes(tmp_path):
    path = tmp_path / "shop.pdf"
    path.write_bytes(with_code(ROWS))
    result = PROVIDERS["tesseract"].ocr(path, Settings())
    assert (result.model, result.pages[0].source) == ("PDF text", "text")
    assert (result.receipt.date, str(result.receipt.total)) == ("2026-03-14", "13.20")
    assert [code.text for code in result.codes] == ["https://example.com/1"]


@pytest.mark.slow
@pytest.mark.parametrize("table", [False, True])
def test_a_font_that_draws_other_letters_is_read_as_it_looks(tmp_path, table):
    path = tmp_path / "shifted.pdf"
    path.write_bytes(shifted(ROWS, table))
    result = PROVIDERS["tesseract"].ocr(path, Settings())
    assert result.pages[0].source == "ocr"
    assert "13.20" in result.text


@pytest.mark.slow
def test_ten_dense_pages_of_text_cost_less_than_one_page_read_as_a_picture(tmp_path):
    """Of CPU, side by side: `python -m bench.exact` has the seconds."""
    path, page = text_pdf(tmp_path), tmp_path / "page.png"
    with PdfDocument(path) as document:
        document[0].render(scale=200 / 72).to_pil().save(page)
    result_from_reading(
        read_pages(path, Settings().limits, unread, is_known), model="none"
    )  # loads
    started = process_time()
    reading = read_pages(path, Settings().limits, unread, is_known)
    result = result_from_reading(reading, model="none")
    ours = process_time() - started
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(["tesseract", page, "-"], env=os.environ | ONE_THREAD, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    assert ours < after.ru_utime - before.ru_utime
    assert str(result.receipt.total) == "109.00"
