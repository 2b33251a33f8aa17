"""The page is for everyone: keyboard, screen reader, phone, light and dark."""

from itertools import cycle

import pytest

pytestmark = pytest.mark.slow

LANGUAGES = ("en-US", "de-DE", "fr-FR", "es-ES", "pt-BR")
SMALL = """return [
  ...document.querySelectorAll('button, select, summary, a.button, .top a, .runs a')]
.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.9)
.map((one) => one.outerHTML)"""
VIEWS = (
    *("new", "queue", "receipts", "chosen", "empty", "fields", "text", "raw", "compare", "failed"),
    *("delete", "key", "months"),
)


@pytest.fixture(scope="module")
def shown():
    """The jobs that the views show, made once."""
    return {}


@pytest.fixture
def show(page, job, picture, shown):
    """`show("text")`: go to a view and wait until it is there."""
    if not shown:
        shown["read"] = job(("careful", "hasty"), "long", name="A week of receipts")
        shown["failed"] = job("broken")

    def compare():
        page.open(f"#/jobs/{shown['read']}")
        page.click(".runs a", "hasty")
        page.choose("#compare", "careful")
        page.see(".compare")

    def go(hash_, css):
        page.open(hash_)
        page.see(css)

    def queue():
        go("#/", "h1")
        page.type("#pick", f"{picture('a.png')}\n{picture('b.png')}")
        page.see("#provider-all")
        page.click(".providers summary")

    def chosen():
        go("#/receipts", ".receipts .sum")
        page.click(".filters summary")
        page.click(".choose input")
        page.click("#export")

    def months():
        go("#/receipts", ".receipts .sum")
        page.click(".months summary")
        page.see(".months td")

    def delete():
        go(f"#/jobs/{shown['read']}", ".paper image")
        page.click("#delete-job")

    def key():
        go("#/", "h1")
        page.run("document.getElementById('key-dialog').showModal()")

    views = {
        "new": lambda: go("#/", ".recent .sum"),
        "receipts": lambda: go("#/receipts", ".receipts .sum"),
        "chosen": chosen,
        "months": months,
        "empty": lambda: go("#/receipts?search=nothing+like+it", ".notice"),
        "queue": queue,
        "fields": lambda: go(f"#/jobs/{shown['read']}", ".paper image"),
        "text": lambda: go(f"#/jobs/{shown['read']}?view=text", ".paper image"),
        "raw": lambda: go(f"#/jobs/{shown['read']}?view=raw", ".paper image"),
        "compare": compare,
        "failed": lambda: go(f"#/jobs/{shown['failed']}", "#retry"),
        "delete": delete,
        "key": key,
    }
    return lambda name: views[name]()


@pytest.mark.parametrize(("view", "language"), list(zip(VIEWS, cycle(LANGUAGES), strict=False)))
def test_axe_finds_nothing_wrong_and_all_fits_a_small_phone_and_a_thumb(
    page, show, axe, view, language
):
    page.speak(language)
    show(view)
    found = axe()
    page.colors("dark")
    page.size(320, 640)
    assert (found, axe(), page.wider_than_seen(), page.run(SMALL)) == ([], [], 0, [])


@pytest.mark.parametrize("view", ["new", "queue", "chosen", "months", "fields", "failed"])
def test_a_view_enlarged_to_400_percent_in_forced_colours_is_whole(page, show, axe, view):
    """1280 x 1024 at 400 % are 320 x 256; German has the longest words; nothing moves."""
    page.speak("de-DE")
    page.size(320, 256)
    page.media(forced_colors="active", prefers_reduced_motion="reduce")
    show(view)
    fixed = page.run(
        "return [...document.querySelectorAll('.bar, .sheet, .decide')]"
        ".filter((one) => getComputedStyle(one).position !== 'static').map((one) => one.className)"
    )
    moving = page.run("return document.getAnimations().filter((one) => one.playState == 'running')")
    assert (axe(), page.wider_than_seen(), fixed, moving) == ([], 0, [], [])


def test_a_receipt_is_read_with_the_keyboard_alone(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "careful")
    page.run("document.getElementById('send').focus()")
    page.press("ENTER")
    page.see("#title:focus")
    page.see(".paper")
    page.run("arguments[0].focus()", page.see("#tab-fields"))
    page.press("ARROW_RIGHT")
    page.see("#tab-text:focus")
    page.run("document.querySelector('.rows [tabindex=\"0\"]').focus()")
    page.press("ARROW_DOWN", "ARROW_DOWN")
    page.see(":focus", "MILK 1.20")
    assert page.run("return document.querySelector('.paper .pointed').dataset.row") == "2"
    page.press("END")
    page.see(":focus", "TOTAL EUR 3.70")


def test_escape_closes_a_question_and_gives_the_focus_back(page, job):
    page.open(f"#/jobs/{job('careful')}")
    page.see("#delete-job").send_keys("\n")
    page.see("#question-title")
    page.press("ESCAPE")
    page.gone("#question[open]")
    assert page.see("#delete-job:focus")


def test_a_new_view_has_the_focus_on_its_heading_and_in_the_title(page, job):
    job("careful")
    page.open("#/receipts")
    page.click(".receipts li:first-child a")
    page.see("h1:focus", "CORNER CAFE")
    assert page.browser.title == "CORNER CAFE · Open Receipt OCR"


def test_states_are_said_to_a_screen_reader(page, job, go):
    page.open(f"#/jobs/{job('gated', wait=('running',))}")
    page.see(".waiting")
    go.touch()
    assert page.see("#live", "0.png: read by gated")
