"""The page is for everyone: keyboard, screen reader, phone, light and dark."""

from itertools import cycle

import pytest
import requests

pytestmark = pytest.mark.slow

LANGUAGES = ("en-US", "de-DE", "fr-FR", "es-ES", "pt-BR")
SMALL = """return [
  ...document.querySelectorAll('button, select, summary, a.button, .top a, .runs a')]
.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.9)
.map((one) => one.outerHTML)"""
CUT = """const pen = document.createElement("canvas").getContext("2d");
const arrow = 20;
return [...document.querySelectorAll(".filters select")].flatMap((one) => {
  const {font, paddingLeft, paddingRight} = getComputedStyle(one);
  pen.font = font;
  const room = one.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - arrow;
  const isCut = (text) => pen.measureText(text).width > room;
  return [...one.options].map(({text}) => text).filter(isCut);
});"""  # the choices that end in "..."
SCROLLBAR = 15  # pixels, that a phone has not


def go(page, place, css, *clicks):
    """Open a view, wait until it is there, and click these."""
    page.open(place)
    page.see(css)
    for click in clicks:
        page.click(click)


def queue(page, picture, jobs):
    go(page, "#/", "h1")
    page.type("#pick", f"{picture('a.png')}\n{picture('b.png')}")
    page.see("#provider-all")
    page.click(".providers summary")


def compare(page, picture, jobs):
    page.open(f"#/jobs/{jobs['read']}")
    page.click(".runs a", "hasty")
    page.choose("#compare", "careful")
    page.see(".compare")


def key(page, picture, jobs):
    go(page, "#/", "h1")
    page.run("document.getElementById('key-dialog').showModal()")


def months(page, picture, jobs):
    go(page, "#/receipts", ".receipts .sum", ".months summary")
    page.see(".months td")


# How each view is reached: by a function, or by what `go` takes.
VIEWS = {
    "new": ("#/", ".recent .sum"),
    "queue": queue,
    "receipts": ("#/receipts", ".receipts .sum"),
    "chosen": ("#/receipts", ".receipts .sum", ".filters summary", ".choose input", "#export"),
    "empty": ("#/receipts?search=nothing+like+it", ".notice"),
    "fields": ("#/jobs/{read}", ".paper image"),
    "text": ("#/jobs/{read}?view=text", ".paper image"),
    "raw": ("#/jobs/{read}?view=raw", ".paper image"),
    "compare": compare,
    "failed": ("#/jobs/{failed}", "#retry"),
    "delete": ("#/jobs/{read}", ".paper image", "#delete-job"),
    "key": key,
    "months": months,
}


@pytest.fixture(scope="module")
def jobs():
    """The jobs that the views show, made once."""
    return {}


@pytest.fixture
def show(page, job, picture, jobs):
    """`show("text")`: go to a view and wait until it is there."""
    if not jobs:
        jobs["read"] = job(("careful", "hasty"), "long", name="A week of receipts")
        jobs["failed"] = job("broken")

    def show_view(name):
        if callable(VIEWS[name]):
            return VIEWS[name](page, picture, jobs)
        place, *others = VIEWS[name]
        return go(page, place.format(**jobs), *others)

    return show_view


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


def test_forced_colours_show_which_of_many_files_is_open(page, job):
    job_id = job("careful", "hasty")
    page.media(forced_colors="active")
    page.open(f"#/jobs/{job_id}")
    assert page.read(".strip a[aria-current]", "getComputedStyle(one).borderStyle") == "double"


@pytest.mark.parametrize("language", LANGUAGES)
def test_orders_states_and_the_buttons_of_a_confirmed_receipt_fit_a_small_phone(
    page, receipt, server, language
):
    receipt("doubtful")  # so that another is to be checked
    ids = [receipt("careful")["id"]]
    requests.post(f"{server.url}/receipts/confirm", json={"ids": ids}, timeout=30)
    page.speak(language)
    for width in (320, 360):
        page.size(width + SCROLLBAR, 640)
        page.open("#/receipts")
        page.see(".receipts .sum")
        assert page.run(CUT) == []
        page.open(f"#/receipts/{ids[0]}")
        page.see("#confirm:enabled")
        assert page.wider_than_seen() == 0


def test_a_receipt_is_read_with_the_keyboard_alone(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "careful")
    page.focus("#send")
    page.press("ENTER")
    page.see("#title:focus")
    page.see(".paper")
    page.focus("#tab-fields")
    page.press("ARROW_RIGHT")
    page.see("#tab-text:focus")
    page.focus(".rows [tabindex='0']")
    page.press("ARROW_DOWN", "ARROW_DOWN")
    page.see(":focus", "MILK 1.20")
    page.see(".paper .pointed[data-row='2']")
    page.press("END")
    page.see(":focus", "TOTAL EUR 3.70")


def test_escape_closes_a_question_and_gives_the_focus_back(page, job):
    page.open(f"#/jobs/{job('careful')}")
    page.type("#delete-job", "\n")
    page.see("#question-title")
    page.press("ESCAPE")
    page.gone("#question[open]")
    assert page.see("#delete-job:focus")


def test_a_new_view_has_the_focus_on_its_heading_and_in_the_title(page, job):
    job("careful")
    page.open("#/receipts")
    page.click(".receipts li:first-child a")
    page.see("h1:focus", "CORNER CAFE")
    assert page.read("h1", "document.title") == "CORNER CAFE · Open Receipt OCR"


def test_states_are_said_to_a_screen_reader(page, job, go):
    page.open(f"#/jobs/{job('gated', wait=('running',))}")
    page.see(".waiting")
    go.touch()
    assert page.see("#live", "0.png: read by gated")
