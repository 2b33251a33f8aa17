"""New receipts: limits before sending, files that are refused, what other apps share, languages."""

import pytest
import requests

from tests.page.conftest import PHONE, Page

pytestmark = pytest.mark.slow


def test_a_broken_file_is_marked_and_the_others_are_read(page, picture, tmp_path, server):
    (tmp_path / "notes.png").write_text("no picture")
    page.open("#/")
    page.type("#pick", f"{picture('a.png')}\n{tmp_path / 'notes.png'}\n{picture('b.png')}")
    page.see(".queue li:nth-child(2) .small", "10 byte")
    page.choose("#provider-all", "careful")
    page.type("#job-name", "All but one")
    page.click("#send", "Read 3 files")
    page.see(".refused b", "notes.png")
    page.see(".problem", "The server cannot take this file: its content is not a picture")
    page.see(".toast", "1 file was not sent")
    jobs = requests.get(f"{server.url}/ocr-jobs?search=All+but+one", timeout=30).json()["data"]
    names = [file["originalName"] for job in jobs for file in server.job(job["id"])["files"]]
    assert names == ["a.png", "b.png"]


def test_what_the_server_would_refuse_is_told_before_sending(chromium, serve, tmp_path, picture):
    here = serve(FLASK_APP="tests.page.readers", MAX_FILE_SIZE_BYTES="20000", MAX_FILES_PER_JOB="2")
    (tmp_path / "large.png").write_bytes(bytes(30_000))
    (tmp_path / "none.png").write_bytes(b"")
    page = Page(chromium, here.url, tmp_path)
    page.open("#/")
    page.see(".drop .small", "HEIC, PDF, up to 20 kB each and 2 at once")
    page.type("#pick", f"{tmp_path / 'large.png'}\n{tmp_path / 'none.png'}\n{picture()}")
    page.see(".queue li:nth-child(1) .problem", "Larger than 20 kB")
    page.see(".queue li:nth-child(2) .problem", "This file is empty.")
    page.see("#send", "Read 1 file")
    assert page.all(".queue li:nth-child(3) .problem") == []


def test_a_phone_with_twelve_files_has_the_button_that_sends_in_sight(page, picture):
    page.size(*PHONE)
    page.open("#/")
    page.type("#pick", "\n".join(str(picture(f"{number}.png")) for number in range(12)))
    page.see(".queue li:nth-child(12)")
    for top in (0, 700, 1500):
        page.run("scrollTo(0, arguments[0])", top)
        assert 0 < page.read("#send", "one.getBoundingClientRect().bottom") <= PHONE[1], top
    page.click("#send", "Read 12 files")
    page.see("#file-list li:nth-child(12)")


def test_a_large_upload_tells_which_of_its_files_is_sent(page, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(bytes(2_000_000))
    page.open("#/")
    page.type("#pick", f"{tmp_path / 'a.png'}\n{tmp_path / 'b.png'}")
    page.network(upload=50_000)
    page.click("#send")
    assert page.see(".sending span", "1 of 2 · ")
    page.click(".sending button", "Cancel")
    page.network()
    page.gone(".sending")


def test_the_provider_to_read_again_with_is_not_that_of_the_next_upload(page, job, picture):
    page.open(f"#/jobs/{job('careful')}")
    page.choose("#again-provider", "hasty")
    page.open("#/")
    page.type("#pick", str(picture()))
    assert page.read(".queue select", "one.value") == "tesseract"


def test_what_is_not_set_up_is_not_said_to_run_on_this_machine(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    here = page.read(".queue select", "one.querySelector('optgroup').textContent")
    assert "tesseract" in here and "absent" not in here


def test_the_choice_for_all_follows_the_files_and_keeps_their_comparisons(page, picture):
    page.open("#/")
    page.type("#pick", f"{picture('a.png')}\n{picture('b.png')}")
    page.click(".more", "Compare with another")
    page.choose("#provider-all", "hasty")
    page.see("#provider-all-where", "stays on this machine")
    assert len(page.all(".extra select")) == 1
    page.choose(".queue li:nth-child(2) select", "elsewhere")
    page.reads("#provider-all-where", "")


def test_the_page_can_be_installed(server):
    manifest = requests.get(f"{server.url}/static/manifest.webmanifest", timeout=30)
    assert manifest.headers["Content-Type"].startswith("application/manifest+json")
    assert {icon["sizes"] for icon in manifest.json()["icons"]} == {"192x192", "512x512"}
    for icon in manifest.json()["icons"]:
        assert (
            requests.get(f"{server.url}/static/{icon['src']}", timeout=30).content[:4] == b"\x89PNG"
        )


@pytest.mark.parametrize(
    ("language", "title", "sum_"),
    [
        ("de-DE", "Belege", "3,70\xa0€"),
        ("fr-FR", "Tickets", "3,70\xa0€"),
        ("nl-NL", "Receipts", "€3.70"),
    ],
)
def test_the_browsers_language_is_spoken(page, job, language, title, sum_):
    job("careful", name="Spoken")
    page.speak(language)
    page.open("#/receipts?search=spoken")
    page.see("h1", title)
    page.see(".receipts .sum", sum_)
    spoken = "en" if language == "nl-NL" else language[:2]
    assert page.read("html", "one.lang") == spoken


def test_what_the_server_says_is_told_in_the_browsers_language(page, job):
    job("broken", name="Kaputt")
    page.speak("de-DE")
    page.open("#/receipts?search=kaputt")
    page.see(".state.failed", "Fehlgeschlagen: Das Programm ist abgestürzt.")
    page.click(".receipts li a")
    page.see(".notice.error b", "broken konnte diese Datei nicht lesen.")
    page.open("#/receipts?sort=colour")
    assert page.see(".notice.error", "Der Server nimmt das nicht an. sort must be one of")


def test_the_skip_link_stays_on_its_view(page):
    page.open("#/receipts")
    page.see("h1")
    page.run("document.getElementById('skip').click()")
    assert page.hash() == "#/receipts"
    page.see("main:focus")


def test_a_menu_is_whole_on_a_phone_and_closes_when_the_page_is_pressed(page, job):
    job("careful")
    page.open("#/receipts")
    page.size(*PHONE)
    page.click("#export")
    box = page.read(".menu ul", "one.getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= PHONE[0]
    page.click("h1")
    page.gone(".menu[open]")
