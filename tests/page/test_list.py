"""The list of receipts: found by what they say, added up, selected, exported."""

import json
import re
import sqlite3

import pytest
import requests
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.conftest import ROOT
from tests.fakes import until
from tests.page.conftest import PHONE, Page

pytestmark = pytest.mark.slow

ASKED = "return performance.getEntriesByType('resource').map(({name}) => name)"


@pytest.fixture(scope="module")
def made():
    """Whether `listed` has made its jobs."""
    return []


@pytest.fixture
def listed(job, made):
    """Two jobs: one of three receipts called Weekly, and one that failed; made once."""
    if not made:
        made += job("careful", "hasty", "hostile", name="Weekly"), job("broken", name="Weekly two")


def test_a_row_says_what_the_receipt_says_and_what_to_look_at(page, listed):
    page.open("#/receipts?search=weekly&sort=addedAt:asc")
    page.see(".receipts .title", "CORNER CAFE")
    titles = ["CORNER CAFE", "CORNER CAFE", "<script>alert(1)</script>", "0.png"]
    page.reads(".receipts .title", *titles)
    page.reads(".receipts .sum", "€3.70", "€3.70", "€1.00", "")
    page.see(".receipts li:first-child .facts", "Mar 14, 2026 · Weekly · 2 items")
    page.see(".receipts li:nth-child(4) .state.failed", "Failed")
    page.see(".receipts li:nth-child(2) .state.duplicate", "Duplicate")
    page.see("#sums", "4 receipts · €8.40")


def test_a_row_says_of_a_picture_without_its_end_to_send_it_again(page, server):
    photo = (ROOT / "samples" / "receipt.jpg").read_bytes()
    job_id = server.upload(photo[: len(photo) // 3], "doubtful")
    server.wait(job_id)
    page.open(f"#/receipts?job={job_id}")
    page.see(".receipts .marks", "The picture ends early")


def test_a_sum_of_receipts_without_a_currency_says_so(page, server, job):
    job_id = job("careful")
    url = f"{server.url}/receipts"
    (row,) = requests.get(url, {"job": job_id}, timeout=30).json()["data"]
    change = {"updatedAt": row["updatedAt"], "set": {"currency": None}}
    assert requests.patch(f"{url}/{row['id']}", json=change, timeout=30).ok
    page.open(f"#/receipts?job={job_id}")
    page.see("#sums", "1 receipt · 3.70 without currency")


def test_a_page_of_the_list_is_one_request_besides_its_pictures(page, listed):
    page.open("#/receipts?search=weekly")
    page.see(".receipts .title", "CORNER CAFE")
    asked = until(
        lambda: [url for url in page.run(ASKED) if not re.search("/(static|preview)", url)]
    )
    assert asked == [f"{page.url}/receipts?search=weekly&limit=50"]


def test_each_row_shows_its_picture(page, listed):
    page.open("#/receipts?search=weekly")
    assert page.read(".receipts .thumb img", "one.naturalWidth") > 100


def test_filters_order_and_page_are_in_the_url(page, listed):
    page.size(360, 500)
    page.open("#/receipts?search=weekly&limit=1&sort=addedAt:asc")
    page.see(".pages", "1 to 1 of 4")
    page.click(".pages a", "Next")
    page.see(".pages", "2 to 2 of 4")
    assert page.run("return scrollY") == 0
    page.press("ENTER")  # the link to the next page has the focus still
    page.see(".pages", "3 to 3 of 4")
    page.browser.back()
    page.see(".pages", "2 to 2 of 4")
    page.choose("#sort", "Highest total")
    page.see(".receipts .sum", "€3.70")
    assert "sort=total%3Adesc" in page.hash() and "page=" not in page.hash()
    page.choose("#state", "Failed")
    page.see(".receipts li:only-child .title", "0.png")
    page.click(".filters summary")
    page.type("#from", "01012026")
    until(lambda: "from=2026-01-01" in page.hash())
    page.see(".notice", "No receipt matches")
    page.browser.refresh()
    assert page.read("#state", "one.value") == "failed"
    assert page.read("#from", "one.value") == "2026-01-01"
    page.click(".notice a", "Show all")
    page.see(".receipts .title", "CORNER CAFE")
    assert page.read("#state", "one.value") == ""


def test_typing_searches_and_keeps_the_focus(page, listed):
    page.open("#/receipts")
    page.type("#search", "weekly two")
    page.see(".receipts li:only-child .title", "0.png")
    assert page.see("#search:focus")


def test_merchant_and_currency_filter_when_they_are_whole(page, listed):
    page.open("#/receipts?search=weekly&merchant=nobody")
    page.see(".notice", "No receipt matches")
    page.click("#merchant")
    until(lambda: page.run("return document.querySelector('#merchants option')?.value"))
    page.replace_text("corner")
    page.replace_text("corner cafe")
    page.press("ENTER")
    page.see("#sums", "2 receipts")
    assert "merchant=corner+cafe" in page.hash()
    page.type("#currency", "us")
    page.press_key("d")
    page.press("ENTER")
    page.see(".notice:not(.error)", "No receipt matches")
    assert "currency=USD" in page.hash()


def test_the_way_back_from_a_receipt_leads_to_the_list_as_it_was_filtered(page, listed):
    page.open("#/receipts?search=weekly&sort=total%3Adesc")
    page.click(".receipts li:nth-child(2) a")
    page.click("#file-list a", "<script>")
    page.see("h1", "<script>")
    page.click(".top a", "Receipts")
    page.see("#sums", "4 receipts")
    assert page.hash() == "#/receipts?search=weekly&sort=total%3Adesc"
    page.click(".top a", "Receipts")  # and then to all of them
    until(lambda: page.hash() == "#/receipts")


def test_an_address_the_server_refuses_says_why(page):
    page.open("#/receipts?sort=colour")
    assert page.see(".notice.error", "sort must be one of")


def test_a_range_is_selected_with_shift_and_added_up(page, listed):
    page.open("#/receipts?search=weekly&sort=addedAt:asc")
    page.click(".receipts li:nth-child(1) input")
    last = page.see(".receipts li:nth-child(3) input")
    ActionChains(page.browser).key_down(Keys.SHIFT).click(last).key_up(Keys.SHIFT).perform()
    page.see("#sums", "3 selected · €8.40")
    page.click("#choose-none")
    page.see("#sums", "4 receipts")
    page.gone(".receipts .chosen")


def test_the_keyboard_goes_from_row_to_row_and_selects(page, listed):
    page.open("#/receipts?search=weekly&sort=addedAt:asc")
    page.focus(".receipts li:nth-child(1) input")
    page.press("ARROW_DOWN")
    page.see(".receipts li:nth-child(2) input:focus")
    ActionChains(page.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_DOWN).key_up(
        Keys.SHIFT
    ).perform()
    page.see(".receipts li:nth-child(3) input:focus")
    assert page.see("#sums", "2 selected · €4.70")


def test_months_are_added_up_and_lead_to_their_receipts(page, listed):
    page.open("#/receipts?search=weekly")
    page.click(".months summary")
    page.see(".months td", "€3.70")
    page.click(".months a", "March 2026")
    page.see(".receipts li:only-child .facts", "Mar 14, 2026")
    assert "from=2026-03-01&to=2026-03-31&currency=EUR" in page.hash()


def test_what_is_selected_is_exported_confirmed_and_deleted(page, server, job):
    job("careful", "hasty", name="Taxes")
    page.open("#/receipts?search=taxes&sort=addedAt:asc")
    page.click(".receipts li:nth-child(1) input")
    page.click("#export")
    page.click(".menu button", "CSV, a row a receipt")
    assert len(page.downloaded("receipts.csv").decode("utf-8-sig").splitlines()) == 2
    page.click("#confirm")
    page.see(".receipts li:nth-child(1) .state", "Confirmed")
    page.see("#sums", "2 receipts")
    page.click("#choose-all")
    page.click("#delete")
    page.see("#question-title", "Delete 2 receipts?")
    page.click("#question-yes")
    page.see(".notice", "No receipt matches")
    assert requests.get(f"{server.url}/receipts?search=taxes", timeout=30).json()["data"] == []


def test_all_that_match_are_selected_over_pages(page, server, job):
    job("careful", "broken", "double", "hostile", name="Many")
    page.open("#/receipts?search=many&limit=2")
    page.click(".receipts li:nth-child(2) input")
    page.click(".pages a", "Next")
    page.see(".pages", "3 to 4 of 5")
    page.see("#sums", "1 selected")
    page.click(".receipts li:nth-child(2) input")
    page.see("#sums", "2 selected")
    page.click("#choose-matching", "Select all 5 that match")
    page.see("#sums", "5 selected · €4.70")
    page.click(".pages a", "Next")
    page.see(".pages", "5 to 5 of 5")
    page.see("#sums", "5 selected · €4.70")
    assert not any("export" in url for url in page.run(ASKED))  # a hundred thousand take seconds
    page.click("#export")
    page.click(".menu button", "CSV, a row a receipt")
    assert len(page.downloaded("receipts.csv").decode("utf-8-sig").splitlines()) == 6
    page.click("#confirm")
    page.see("#live", "4 confirmed")
    page.click("#choose-all")
    page.click("#choose-matching")
    page.see("#sums", "5 selected")
    page.click("#delete")
    page.see("#question-title", "Delete 5 receipts?")
    page.click("#question-yes")
    page.see(".notice", "No receipt matches")


def test_files_of_before_an_upgrade_are_told_until_they_are_filled_in(page, listed, server):
    with sqlite3.connect(server.data / "receipts.db") as database:
        database.execute("INSERT INTO unfilled VALUES (3)")
    page.open("#/receipts")
    assert page.see(".notice", "still being filled in: 2.")
    with sqlite3.connect(server.data / "receipts.db") as database:
        database.execute("DELETE FROM unfilled")
    page.gone("main .notice")


def test_all_that_the_filters_find_is_exported(page, listed):
    page.open("#/receipts?search=weekly&max=2")
    page.see(".receipts li:only-child")
    page.network(offline=True)
    page.click("#export")
    page.click(".menu button", "JSON")
    page.see(".toast", "The server does not answer")
    page.network()
    page.see("#export .icon-download")  # it is done, and can be pressed again
    page.click("#export")
    page.click(".menu button", "JSON")
    assert [row["total"] for row in json.loads(page.downloaded("receipts.json"))] == [1]


def test_the_list_follows_what_is_read_and_then_asks_no_more(page, job, go):
    job("gated", name="Slow", wait=("running",))
    page.open("#/receipts?search=slow")
    page.see(".receipts .state.reading", "Reading")
    go.touch()
    page.see(".receipts .sum", "€3.70")
    page.gone(".icon-running")


def test_the_list_comes_back_with_the_server(chromium, serve, tmp_path, picture):
    here = serve(FLASK_APP="tests.page.readers")
    here.wait(here.upload(picture().read_bytes(), "careful"))
    page = Page(chromium, here.url, tmp_path)
    page.open("#/receipts")
    page.see(".receipts .title", "CORNER CAFE")
    here.end()
    page.type("#search", "cafe")
    page.see(".notice.error", "Trying again")
    page.see(".receipts .title", "CORNER CAFE")
    serve(FLASK_APP="tests.page.readers", port=here.port)
    assert page.see("#sums", "1 receipt")
    page.gone(".notice.error")


def test_what_another_window_does_is_shown_on_the_way_back(page, receipt, server):
    it = receipt("careful", name="Elsewhere")
    page.open("#/receipts?search=elsewhere")
    page.see(".receipts .title", "CORNER CAFE")
    requests.post(f"{server.url}/receipts/confirm", json={"ids": [it["id"]]}, timeout=30)
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.see(".receipts .state", "Confirmed")


def test_a_long_name_and_a_large_total_fit_a_phone_and_the_selection_stays_in_sight(page, job):
    for _ in range(2):
        job("long", name="Long")
    page.size(*PHONE)
    page.open("#/receipts?search=long")
    page.see(".receipts .title", "Gesellschaft")
    assert page.read(".receipts .sum", "one.offsetHeight") < 30  # one row
    assert page.read(".receipts .title", "one.offsetHeight") < 80  # three
    page.click(".receipts a")
    assert page.read(".fields th", "one.offsetWidth") > 90
    assert page.read(".fields td", "one.scrollWidth - one.clientWidth") == 0
    page.open("#/receipts?search=long")
    page.click(".receipts input")
    page.size(PHONE[0], 420)
    page.run("scrollTo(0, 9999)")
    assert page.read(".bar", "one.getBoundingClientRect().top") == 0
