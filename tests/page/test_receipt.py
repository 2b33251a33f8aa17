"""A person checks and corrects receipts, in a real Chromium against a real server."""

from io import BytesIO

import pillow_heif
import pytest

from tests.fakes import drawn, png, until
from tests.page.conftest import PHONE, pile

pytestmark = pytest.mark.slow

SHOWN = "one.getAttribute('href')"
SUFFIXES = {"PDF": "pdf", "TIFF": "tif", "HEIF": "heic"}
BOX = """const [box] = [document.querySelector(arguments[0]).getBoundingClientRect()];
return [box.top, box.bottom].map(Math.round)"""


def _pages(form, count):
    pillow_heif.register_heif_opener()
    buffer = BytesIO()
    pages = [drawn((f"PAGE {n}",), (300, 200)) for n in range(count)]
    pages[0].save(buffer, form, save_all=True, append_images=pages[1:])
    return [("file", (f"bill.{SUFFIXES[form]}", buffer.getvalue()))]


# What is seen


def test_on_a_phone_the_total_is_seen_without_scrolling_and_its_place_above_it(page, picture):
    page.size(*PHONE)
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "doubtful")
    page.click("#send")
    page.see("#sum", "€8.70")
    page.see(".doubts", "Total")
    page.see(".paper image")
    assert page.run("return scrollY") == 0
    assert all(
        0 < edge < 740 for css in ("#sum", ".doubts", ".sheet") for edge in page.run(BOX, css)
    )
    page.click("#field-total")
    page.see("#input-total:focus")
    page.see(".paper .pointed")
    (top, bottom), (field, _) = (page.run(BOX, css) for css in (".paper .pointed", "#input-total"))
    assert 0 < top < bottom < field < 740


def test_on_a_tablet_the_picture_stands_beside_the_fields(page, receipt):
    page.size(768, 1024)
    page.open(f"#/receipts/{receipt('doubtful')['id']}")
    page.see(".paper image")
    side = "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()"
    picture, fields = (page.run(side, css) for css in (".sheet .scroll", ".result"))
    assert picture["right"] <= fields["left"] and picture["top"] == pytest.approx(fields["top"], 2)
    assert page.wider_than_seen() == 0


HELD = """const asked = fetch;
window.fetch = async (path, ...rest) => {
  const answer = await asked(path, ...rest);
  if (String(path).includes("receipts/") && !window.held) {
    window.held = true;
    await new Promise((resolve) => (window.letGo = resolve));
  }
  return answer;
};
location.hash = arguments[0];"""


def test_a_reading_that_ends_while_the_view_is_loading_is_shown(page, receipt, server, go):
    it = receipt("gated", wait=("running",))
    page.open("#/")
    page.see("#pick")
    page.run(HELD, f"#/receipts/{it['id']}")
    until(lambda: page.run("return Boolean(window.letGo)"))
    go.touch()
    server.wait(it["jobId"])
    page.run("window.letGo()")
    assert page.see("#sum", "€3.70")


NO_PICTURES = """const asked = fetch;
window.fetch = (path, ...rest) =>
  String(path).includes("/preview") ? new Promise(() => {}) : asked(path, ...rest);
location.hash = arguments[0];"""


def test_what_was_read_keeps_its_place_when_the_picture_comes(page, receipt):
    page.size(*PHONE)
    it = receipt("doubtful")
    page.open("#/")
    page.see("#pick")
    page.run(NO_PICTURES, f"#/receipts/{it['id']}")
    page.see(".paper .box")
    top = page.read("#field-total", "one.getBoundingClientRect().top + scrollY")
    assert page.all(".paper image") == []
    page.browser.refresh()
    page.see(".paper image")
    assert page.read("#field-total", "one.getBoundingClientRect().top + scrollY") == top


def test_a_field_leads_to_its_place_and_the_picture_back_to_it(page, receipt):
    page.open(f"#/receipts/{receipt('doubtful')['id']}")
    page.see(".paper image")
    page.focus("#field-date")
    page.see(".paper .pointed.place[data-row='date']")
    page.reads(".caption", "2026-03-14 09:41 (98% sure)")
    page.click(".paper .box[data-row='4']")
    page.see("#field-total:focus", "€8.70")
    page.see("#field-total .origin", "read from the picture, probably wrong")


def test_a_field_without_a_box_is_found_by_what_is_printed(page):
    page.open("#/")
    found = page.run_async(
        "import('/static/fields.js').then(({fieldList, namesOf}) => {"
        "const lines = (text) => ({text, lines: []});"
        "const none = Object.fromEntries(namesOf({}).map((name) => [name, null]));"
        "const read = {total: 3.7, time: '19:43', currency: 'EUR', paymentMethod: 'cash',"
        " discount: -0.5, cardLast4: '4200', merchantPhone: '030 123456', receiptNumber: '4-77'};"
        "const taxes = [{rate: 19, amount: 0.5}, {rate: 7, amount: 0.2}];"
        "const receipt = {...none, ...read, items: [], taxes};"
        "const printed = ['CAFE', '03/14/26 7:43 PM', 'CASHIER 3', 'TOTAL 3.70', 'CASH 20.00',"
        " 'BUN 0.50', 'RABATT -0,50', 'A 19,0 % 2,63 0,50', 'B 7% 2.86 0.20', 'Tel 030 123456',"
        " '**** 4200', 'Tel 030 123456', 'Bon 4-77', 'CARD 4200'];"
        "const list = fieldList({receipt, rows: printed.map(lines)});"
        "arguments[0](list.filter(({value}) => value).map(({name, row}) => [name, row])); })"
    )
    assert dict(found) == {
        **{"total": "3", "time": "1", "currency": "3", "paymentMethod": "4", "discount": "6"},
        **{"taxes": "7 8", "merchantPhone": "9", "cardLast4": "10", "receiptNumber": "12"},
    }


def test_a_field_that_the_page_does_not_know_comes_last_as_text(page):
    page.open("#/")
    last, kind = page.run_async(
        "import('/static/fields.js').then(({fieldList, kindOf}) => {"
        "const receipt = {taxes: [], items: [], loyaltyNumber: '88-17', warnings: []};"
        "const list = fieldList({receipt, rows: []});"
        "arguments[0]([list.at(-1), kindOf('loyaltyNumber')]); })"
    )
    assert (last["label"], last["value"], last["isShown"]) == ("Loyalty number", "88-17", True)
    assert kind == "text"


@pytest.mark.parametrize(("form", "count"), [("PDF", 10), ("TIFF", 2)])
def test_a_file_of_pages_is_shown_page_by_page(page, receipt, form, count):
    files = _pages(form, count)
    page.open(f"#/receipts/{receipt('ten' if count == 10 else 'paged', files=files)['id']}")
    page.see(".tools", f"1 / {count}")
    first = page.read(".paper image", SHOWN)
    page.click("#sheet-right")
    page.see(".tools", f"2 / {count}")
    page.see(f".paper image:not([href='{first}'])")
    second = page.read(".paper image", SHOWN)
    page.click("#sheet-left")
    page.see(".tools", f"1 / {count}")
    assert page.see(f".paper image:not([href='{second}'])")


def test_a_heic_is_shown_as_every_browser_can(page, receipt):
    page.open(f"#/receipts/{receipt('careful', files=_pages('HEIF', 1))['id']}")
    shown = page.read(".paper image", SHOWN)
    size = (
        "const image = new Image(); image.src = arguments[0]; const done = arguments[1];"
        "image.decode().then(() => done([image.naturalWidth, image.naturalHeight]))"
    )
    assert page.run_async(size, shown) == [300, 200]


def test_a_long_receipt_is_shown_photo_by_photo(page, receipt):
    files = [("file", (f"{width}.png", png((width, 8)))) for width in (10, 11, 12)]
    page.open(f"#/receipts/{receipt('part', 'part', 'part', files=files)['id']}")
    page.see("#sum", "29.60")
    page.see(".tools", "1 / 3")
    for number in (2, 3):
        before = page.read(".paper image", SHOWN)
        page.click("#sheet-right")
        page.see(".tools", f"{number} / 3")
        page.see(f".paper image:not([href='{before}'])")
    assert page.faults() == []


def test_the_picture_is_enlarged_and_turned_for_the_eye_only(page, receipt):
    page.open(f"#/receipts/{receipt('careful')['id']}")
    page.see(".paper image")
    page.press_key("+")
    page.see(".paper[style*='150%']")
    page.press_key("r")
    page.see(".paper[viewBox='0 0 360 480']")
    page.press_key("-")
    assert page.see(".paper[style*='100%']")


def test_of_many_files_the_one_that_is_shown_is_in_sight_and_its_state_is_that_of_now(
    page, receipt
):
    page.size(*PHONE)
    first = receipt(*["pile"] * 8, files=pile(*range(8)), name="Row")
    page.open(f"#/receipts/{first['id'] + 7}?search=row")
    page.see("#file-list [aria-current]", "FUEL 7")
    box = page.read("#file-list [aria-current]", "one.getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= PHONE[0]
    page.press_key("c")
    page.see("h1", "SHOP")
    assert page.see("#file-list li:last-child .confirmed")


def test_the_last_receipt_to_check_leaves_none(page, receipt):
    page.open(f"#/receipts/{receipt('doubtful', name='Alone')['id']}?search=alone")
    page.see(".decide", "1 to check")
    page.press_key("c")
    page.see(".heading .state", "Confirmed")
    until(lambda: "to check" not in page.read(".decide"))


def test_a_field_is_typed_in_the_whole_width_of_a_phone_and_items_in_that_of_a_tablet(
    page, receipt
):
    page.size(320, 640)
    page.open(f"#/receipts/{receipt('careful')['id']}")
    page.click("#field-merchant")
    assert page.read("#input-merchant", "one.offsetWidth") > 220
    page.press("ESCAPE")
    page.size(768, 1024)
    page.click("#field-items")
    assert page.read("#input-items", "one.offsetWidth") > 220


def test_receipts_of_one_file_are_linked_and_outlined(page, receipt):
    first = receipt("double")
    page.open(f"#/receipts/{first['id']}")
    page.see(".paper .frame")
    page.click("#file-list a", "BAKERY")
    page.see("h1", "BAKERY")
    assert page.see("#file-list [aria-current]", "2 / 2")


# Keys, and what lies around


def test_help_shows_the_keys_and_switches_letters_off(page, receipt):
    page.open(f"#/receipts/{receipt('careful')['id']}")
    page.see(".paper image")
    page.press_key("?")
    page.see("#help .keys", "Confirm, and go on")
    page.click("#help label")
    page.press("ESCAPE")
    page.gone("#help[open]")  # what had the focus in it takes no keys meanwhile
    page.press_key("c")
    page.press_key("?")
    assert page.all("#help[open]") == []
    page.see(".heading .state", "Read")


def test_the_menu_of_downloads_fits_a_phone_and_closes(page, receipt):
    page.open(f"#/receipts/{receipt('careful')['id']}")
    page.size(*PHONE)
    page.click("#downloads")
    box = page.read(".menu ul", "one.getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= PHONE[0]
    page.click("h1")
    page.gone(".menu[open]")


@pytest.mark.parametrize(
    ("control", "shown"),
    [
        ("#field-total", "#input-total"),
        ("#field-items", ".typing"),
        ("#tab-readings", ".compare"),
        ("#show-help", "#help"),
    ],
)
def test_axe_finds_nothing_wrong_with_what_is_opened(page, job, receipt, axe, control, shown):
    page.open(f"#/receipts/{receipt(('doubtful', 'careful'))['id']}")
    page.see(".paper image")
    page.click(control)
    page.see(shown)
    found = axe()
    page.colors("dark")
    page.size(320, 640)
    assert (found, axe(), page.wider_than_seen()) == ([], [], 0)
