"""What a person does of an evening: photograph, check, correct, find, export and share."""

import pytest

from tests.fakes import until
from tests.page.conftest import DESK, PHONE, Page, pile, start_chromium

pytestmark = pytest.mark.slow

DROP = """const files = new DataTransfer();
for (const [name, bytes] of arguments[0])
  files.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
document.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true}));"""
TOTALS = {"CORNER CAFE": "3.70", "SHOP 4": "5.50", "SHOP 9": "10.50"}  # of those read wrongly


@pytest.fixture
def home(chromium, serve, tmp_path):
    """The page of a server without receipts."""
    server = serve(FLASK_APP="tests.page.readers")
    page = Page(chromium, server.url, tmp_path / "downloads")
    yield page
    assert page.faults() == []


def test_an_evening_with_receipts(home, picture, tmp_path):
    _try_the_sample(home)
    _photograph(home, picture("photo.png"))
    _drop(home, range(12))
    keys = _check_all(home, 13)
    assert keys == 13 + sum(2 + len(total) for total in TOTALS.values())
    link = _find_fuel_of_march(home)
    home.click("#export")
    home.click(".menu button", "CSV, a row a receipt")
    _, *rows = home.downloaded("receipts.csv").decode("utf-8-sig").splitlines()
    assert len(rows) == 1
    assert "FUEL 7" in rows[0] and "8.5" in rows[0]
    _see_shared(link, tmp_path)


def _try_the_sample(page):
    page.open("#/receipts")
    page.see(".empty", "Nothing has been read yet")
    page.click(".empty a", "Try it with a sample")
    page.see(".queue b", "sample.jpg")
    page.choose(".queue select", "careful")
    page.click("#send", "Read 1 file")
    page.see(".fields td", "CORNER CAFE")


def _photograph(page, path):
    page.size(*PHONE)
    page.open("#/")
    page.see("h1")
    page.all("#shoot")[0].send_keys(str(path))  # which only a finger sees
    page.choose(".queue select", "doubtful")
    page.click("#send")
    page.see("#sum", "€8.70")
    bottom = page.read("#sum", "one.getBoundingClientRect().bottom")
    assert page.run("return scrollY") == 0 and 0 < bottom < PHONE[1]


def _drop(page, numbers):
    page.size(*DESK)
    page.open("#/")
    page.see("#pick")
    page.run(DROP, [(name, list(data)) for _, (name, data) in pile(*numbers)])
    page.choose("#provider-all", "pile")
    page.click("#send", "12")
    page.see("#file-list")
    page.gone("#file-list .state.reading")
    page.see(".decide", "13 to check")


def _check_all(page, count):
    """Confirm one receipt after the other, and put wrong totals right; the keys that it took."""
    page.open("#/receipts?state=review")
    page.click(".receipts li a")
    page.see(".decide", f"{count} to check")
    keys = 0
    for left in range(count, 0, -1):
        title = page.read("h1")
        if title in TOTALS:
            page.press("ENTER")
            page.see("#input-total:focus")
            page.type(":focus", TOTALS[title])
            page.press("ENTER")
            page.see("#confirm:focus")
            keys += 2 + len(TOTALS[title])
        page.press_key("c")
        keys += 1
        if left > 1:
            until(lambda: page.read("h1") != title)  # noqa: B023
    page.see(".heading .state", "Confirmed")
    return keys


def _find_fuel_of_march(page):
    page.click(".top a", "Receipts")
    page.click(".notice a", "Show all")  # nothing is to be checked any more
    page.see("#sums", "14 receipts")
    page.type("#search", "fuel")
    page.see("#sums", "1 receipt · €8.50")
    page.click(".filters summary")
    page.type("#from", "03012026")
    until(lambda: "from=2026-03-01" in page.hash())
    page.type("#to", "03312026")
    until(lambda: "to=2026-03-31" in page.hash())
    page.browser.refresh()
    page.see(".receipts li:only-child .title", "FUEL 7")
    return page.browser.current_url


def _see_shared(link, tmp_path):
    browser = start_chromium(tmp_path / "other")
    try:
        other = Page(browser, link, tmp_path / "others")
        browser.get(link)
        other.see(".receipts li:only-child .title", "FUEL 7")
        other.see("#sums", "€8.50")
    finally:
        browser.quit()
