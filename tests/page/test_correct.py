"""A person corrects and confirms receipts, in a real Chromium against a real server."""

import pytest
import requests

from tests.fakes import until
from tests.page.conftest import PHONE, get, pile

pytestmark = pytest.mark.slow


def _patch(server, receipt, **changes):
    body = {"updatedAt": receipt["updatedAt"], **changes}
    answer = requests.patch(f"{server.url}/receipts/{receipt['id']}", json=body, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def test_a_field_is_corrected_and_the_correction_taken_back(page, receipt, server):
    it = receipt("careful")
    page.open(f"#/receipts/{it['id']}")
    page.click("#field-merchant", "CORNER CAFE")
    page.replace_text("Corner Café")
    page.press("ESCAPE")
    page.see("#field-merchant:focus", "CORNER CAFE")
    page.click("#field-merchant")
    page.replace_text("Corner Café")
    page.press("ENTER")
    page.see("h1", "Corner Café")
    page.see("#field-merchant:focus .origin", "corrected by hand")
    assert get(server, f"receipts/{it['id']}")["corrections"] == {"merchant": "Corner Café"}
    page.press("ENTER")
    page.see("#input-about", "read as CORNER CAFE")
    page.click("#take-back")
    page.see("h1", "CORNER CAFE")
    assert get(server, f"receipts/{it['id']}")["corrections"] == {}


def test_items_are_added_changed_and_removed(page, receipt, server):
    it = receipt("careful")
    page.open(f"#/receipts/{it['id']}")
    page.click("#field-items")
    page.replace_text("OAT MILK")
    page.click("[aria-label='Remove line 2']")
    page.click("#add-item")
    page.type(":focus", "BUTTER")
    page.type("#input-items-1-3", "1,75")
    page.press("ENTER")
    page.see(".items tbody", "BUTTER")
    items = get(server, f"receipts/{it['id']}")["receipt"]["items"]
    assert [(item["description"], item["amount"]) for item in items] == [
        ("OAT MILK", 1.2),
        ("BUTTER", 1.75),
    ]


def test_taxes_are_corrected_rate_by_rate(page, receipt, server):
    it = receipt("careful")
    page.open(f"#/receipts/{it['id']}")
    page.click("#field-taxes", "10%: €0.34")
    page.type("#input-taxes-0-1", "0")
    page.click("#add-item")
    page.type(":focus", "5,5")
    page.type("#input-taxes-1-1", "1.20")
    page.press("ENTER")
    page.see("#field-taxes:focus", "10%: €0.34 · 5.5%: €1.20")
    taxes = [{"rate": 10, "amount": 0.34}, {"rate": 5.5, "amount": 1.2}]
    assert get(server, f"receipts/{it['id']}")["receipt"]["taxes"] == taxes


def test_a_receipt_that_failed_is_filled_in_by_hand(page, receipt, server):
    it = receipt("broken")
    page.open(f"#/receipts/{it['id']}")
    page.see("h2", "Fill it in by hand")
    page.press("ENTER")
    for name, value in (("merchant", "KIOSK"), ("date", "03142026"), ("total", "5.50")):
        page.see(f"#input-{name}:focus")
        page.type(":focus", value)
        page.press("ENTER")
    page.see("#confirm:focus")
    page.press_key("c")
    row = until(lambda: get(server, f"receipts/{it['id']}"), lambda row: row["confirmedAt"])
    assert (row["merchant"], row["date"], row["total"]) == ("KIOSK", "2026-03-14", 5.5)


def test_a_wrong_value_says_so_beside_the_field(page, receipt):
    page.open(f"#/receipts/{receipt('careful')['id']}")
    page.click("#field-total")
    page.replace_text("about 5")
    page.press("ENTER")
    page.see("#input-error", "That is no number")
    page.see("#input-total[aria-invalid]:focus")
    page.press("ESCAPE")
    page.click("#field-currency")
    page.replace_text("E")
    page.press("ENTER")
    assert page.see("#input-error", "urrency")


def test_fifty_receipts_are_checked_with_few_keys(page, receipt, server):
    """One key a receipt that is right; two, and the new value, more for one that is not."""
    first = receipt(*["pile"] * 50, files=pile(*range(50)), name="Shoebox")
    page.open(f"#/receipts/{first['id']}?search=shoebox&state=review&sort=date:asc")
    page.see(".decide", "50 to check")
    keys = 0
    for number in range(50):
        page.see("h1", f"{number}")
        if number % 5 == 4:
            page.press("ENTER")
            page.see("#input-total:focus")
            page.type(":focus", f"{number + 1}.50")
            page.press("ENTER")
            page.see("#confirm:focus")
            keys += 2 + len(f"{number + 1}.50")
        page.press_key("c")
        keys += 1
    page.see("#live", "No other receipt needs a look")
    page.see(".heading .state", "Confirmed")
    rows = get(server, f"receipts?job={first['jobId']}&sort=date:asc&limit=50")["data"]
    assert [(row["total"], row["state"]) for row in rows] == [
        (number + 1.5, "confirmed") for number in range(50)
    ]
    assert keys == 50 + 10 * (2 + len("10.50")) - len("5")


def test_the_same_receipt_in_two_windows_shows_both_values(page, receipt, server):
    it = receipt("doubtful")
    page.open(f"#/receipts/{it['id']}")
    page.click("#field-total")
    it = _patch(server, it, set={"total": 4.7, "time": "10:00"})
    page.replace_text("3.70")
    page.press("ENTER")
    page.see(".edit .conflict", "changed this to €4.70. You typed 3.70")
    page.see(".notice.conflict", "Time: not found → 10:00")
    page.click("#mine")
    page.see("#sum", "€3.70")
    assert get(server, f"receipts/{it['id']}")["receipt"]["total"] == 3.7
    _patch(server, get(server, f"receipts/{it['id']}"), set={"total": 5})
    page.press_key("c")
    page.see(".notice.conflict", "€3.70 → €5.00")
    assert get(server, f"receipts/{it['id']}")["state"] != "confirmed"
    page.press_key("c")
    assert until(lambda: get(server, f"receipts/{it['id']}")["state"] == "confirmed")


def test_what_is_typed_is_not_lost_without_a_server_or_by_a_reload(page, receipt):
    page.open(f"#/receipts/{receipt('doubtful')['id']}")
    page.click("#field-total")
    page.replace_text("3.70")
    page.network(offline=True)
    page.press("ENTER")
    page.see("#input-error", "Not saved yet")
    page.network()
    page.browser.refresh()
    page.see("#input-total:focus")
    assert page.read("#input-total", "one.value") == "3.70"
    page.press("ENTER")
    page.see("#sum", "€3.70")


# Several readings


def test_another_reading_counts_only_when_a_person_chooses_it(page, receipt, server):
    it = receipt("doubtful")
    page.open(f"#/receipts/{it['id']}")
    page.choose("#again-provider", "careful")
    page.click("#again")
    page.see(".notice", "This reading does not count")
    page.see("#sum", "€8.70")
    page.click("#tab-readings")
    assert page.read(".compare .differs") == "Total\t€8.70\t€8.70\t€3.70"
    page.click(".compare button", "Use this")
    page.see("#sum", "€3.70")
    assert get(server, f"receipts/{it['id']}")["chosen"]
    assert page.run("return localStorage.getItem('provider')") is None  # of the next upload


def test_what_is_being_read_can_be_cancelled(page, receipt, go):
    it = receipt("gated", wait=("running",))
    page.open(f"#/receipts/{it['id']}")
    page.see(".heading .state", "Reading")
    page.click("#cancel")
    page.see(".heading .state", "Failed")
    assert page.see(".notice.error", "cancelled")


def test_on_a_phone_what_saves_is_in_sight_as_soon_as_a_field_is_corrected(page, receipt):
    page.size(*PHONE)
    page.open(f"#/receipts/{receipt('doubtful')['id']}")
    page.click("#field-total")
    page.see("#input-total:focus")
    edges = [
        page.read(css, f"one.getBoundingClientRect().{edge}")
        for css, edge in ((".edit .actions", "bottom"), (".decide", "top"))
    ]
    assert edges[0] <= edges[1]
