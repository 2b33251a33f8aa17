"""A person reads receipts with the page, in a real Chromium against a real server."""

import csv
import json

import pytest
import requests

from tests.fakes import ROWS
from tests.page.conftest import SHARE, Page, upload_and_see
from tests.page.readers import CAREFUL, FAILURE, HOSTILE, REASON

pytestmark = pytest.mark.slow

HELD = """
const [bytes, name, kind] = arguments;
const files = new DataTransfer();
files.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
const on = (type) => document.dispatchEvent(kind === "paste"
  ? new ClipboardEvent(type, {clipboardData: files, bubbles: true, cancelable: true})
  : new DragEvent(type, {dataTransfer: files, bubbles: true, cancelable: true}));
for (const type of kind === "paste" ? ["paste"] : ["dragover", "drop"]) on(type);
"""


# From a picture to its text


def test_a_picked_picture_is_read_by_tesseract(page, picture):
    upload_and_see(page, picture("cafe.png"))
    assert len(page.all(".paper .box")) >= len(ROWS)


def test_each_file_has_its_own_provider_and_live_state(page, picture, go):
    page.open("#/")
    page.type("#pick", f"{picture('a.png')}\n{picture('b.png')}\n{picture('c.png')}")
    for number, name in enumerate(("careful", "gated", "broken"), 1):
        page.choose(f".queue li:nth-child({number}) select", name)
    page.type("#job-name", "Three at once")
    page.click("#send", "Read 3 files")
    page.see("#file-list li:nth-child(1) .state", "Read")
    page.see(".subheading", "Three at once")
    page.see("#file-list li:nth-child(2) .state", "Reading")
    page.see("#file-list li:nth-child(3) .state", "Failed")
    go.touch()
    assert page.see("#file-list li:nth-child(2) .state.ok")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_pictures_can_be_dropped_and_pasted_on_any_view(page, picture, kind):
    page.open("#/receipts")
    page.see("h1", "Receipts")
    page.run(HELD, list(picture().read_bytes()), "held.png", kind)
    page.see(".queue b", "held.png")
    assert page.hash() == "#/"


def test_a_phone_has_a_button_for_its_camera(page):
    page.open("#/")
    page.see("#pick:not([capture])")
    assert len(page.all("#shoot[capture='environment']")) == 1  # which only a finger sees


def test_the_choice_of_a_provider_is_remembered(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "hasty")
    page.open("#/")
    page.type("#pick", str(picture()))
    assert page.read(".queue select", "one.value") == "hasty"


def test_a_provider_that_cannot_run_is_greyed_with_its_reason(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    absent = "one.querySelector('[value=absent]:disabled').text"
    assert page.read(".queue select", absent) == f"absent ({REASON})"
    page.click(".providers summary")
    page.see(".providers li.off", f"Not available: {REASON}")


def test_a_file_can_be_read_by_several_providers_at_once(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "careful")
    page.click(".more", "Compare with another")
    page.choose(".extra select", "hasty")
    page.click("#send")
    page.see(".runs li:nth-child(2) .state", "Done")
    assert [text.split("\n")[0] for text in page.texts(".runs li")] == ["careful", "hasty"]


def test_an_upload_shows_its_progress_and_can_be_cancelled(page, tmp_path):
    (tmp_path / "large.png").write_bytes(bytes(3_000_000))
    page.open("#/")
    page.type("#pick", str(tmp_path / "large.png"))
    page.network(upload=100_000)
    page.click("#send")
    page.see(".sending span", "of 3 MB sent")
    assert 0 < page.read("progress", "one.value") < 1
    page.click(".sending button", "Cancel")
    page.network()
    page.gone(".sending")
    page.see(".queue b", "large.png")
    assert page.see("#send:enabled")


def test_it_says_where_a_picture_is_sent(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "careful")
    page.reads(".queue .where", "The picture stays on this machine.")
    page.choose(".queue select", "elsewhere")
    page.reads(".queue .where", "The picture is sent to api.example.org.")


def test_a_refused_upload_says_why_and_keeps_the_files(page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page.open("#/")
    page.type("#pick", str(tmp_path / "notes.png"))
    page.click("#send")
    page.see(".queue .problem", "its content is not a picture we can read; send JPEG, PNG")
    page.see(".queue b", "notes.png")
    page.click(".queue button[aria-label='Remove notes.png']")
    page.gone(".queue li")
    assert page.see("#pick:focus")


def test_a_broken_connection_is_said_and_sending_again_works(page, picture):
    page.open("#/")
    page.type("#pick", str(picture()))
    page.choose(".queue select", "careful")
    page.network(offline=True)
    page.click("#send")
    page.see(".toast", "The connection ended")
    page.network()
    page.click("#send")
    page.see(".fields")
    page.gone(".toast")


# What was read


def test_fields_are_a_table(page, job):
    page.open(f"#/jobs/{job('careful')}")
    page.see(".fields")
    assert [" ".join(row.split()) for row in page.texts("div > .fields tr")] == [
        "Merchant CORNER CAFE",
        "Date March 14, 2026",
        "Total €3.70",
        "Time 09:41",
        "Currency EUR",
        "Tax €0.34",
        "Tax by rate 10%: €0.34",
    ]
    page.reads(".items tbody tr", "MILK\t1.20", "BREAD\t2.50")
    page.see(".warnings", "which number of the date is the day")


def test_what_was_not_found_says_so(page, job):
    page.open(f"#/jobs/{job('hasty')}")
    page.see(".fields")
    page.see("#field-date", "not found")
    page.see("#field-total .origin", "as a code on it says, almost certainly right")
    page.click(".rest summary")
    assert page.see(".rest .fields tr", "not found")


def test_markdown_and_raw_are_shown_and_the_tab_is_in_the_url(page, job):
    page.open(f"#/jobs/{job('careful')}")
    page.click("#tab-markdown")
    page.see("pre", "# CORNER CAFE")
    page.click("#tab-raw")
    assert json.loads(page.read("pre"))["receipt"]["total"] == 3.7
    page.browser.refresh()
    page.see("pre", '"merchant"')


def test_a_line_pointed_at_is_marked_on_the_picture(page, job):
    page.open(f"#/jobs/{job('careful')}?view=text")
    page.click(".rows li", "BREAD")
    page.see(".paper .pointed[data-row='3']")
    page.reads(".caption", "BREAD 2.50 (98% sure)")


def test_a_box_pointed_at_marks_its_line(page, job):
    page.open(f"#/jobs/{job('careful')}?view=text")
    page.click(".paper .box[data-row='2']")
    page.reads(".rows .pointed", "MILK 1.20")
    page.see(":focus", "MILK 1.20")


def test_fields_are_found_on_the_picture(page, job):
    page.open(f"#/jobs/{job('careful')}")
    page.see(".paper")  # drawn when the picture is decoded, which may be after the fields
    page.click("#field-total", "€3.70")
    assert page.see(".paper .pointed[data-row='4']")


def test_doubtful_words_are_marked(page, job):
    page.open(f"#/jobs/{job('careful')}?view=text")
    page.reads(".rows .doubtful", "TOTAL EUR 3.70")
    assert page.read(".rows .doubtful", "one.title") == "40% sure"


def test_a_merchant_called_script_is_text(page, job):
    page.open(f"#/jobs/{job('hostile')}?view=text")
    page.see("h1", HOSTILE[0])
    page.reads(".rows li", *HOSTILE)
    page.click("#tab-fields")
    page.see(".fields td", HOSTILE[0])
    page.open("#/receipts")
    page.see(".receipts .title", HOSTILE[0])
    assert page.all("main script, main img[src='x']") == []


def test_two_readings_stand_side_by_side_with_differences_marked(page, job):
    page.open(f"#/jobs/{job('hasty')}")
    page.choose("#again-provider", "careful")
    page.click("#again")
    page.see(".runs li:nth-child(2) [aria-current] .state", "Done")
    page.click(".runs a", "hasty")
    page.choose("#compare", "careful")
    page.see(".result", "3 of 6 rows are the same")
    page.reads(
        ".compare .differs",
        "Date\tnot found\tMarch 14, 2026",
        "Items\t0\t2",
        "Time\tnot found\t09:41",
        "Tax\tnot found\t€0.34",
        "Tax by rate\tnot found\t10%: €0.34",
        "MTLK 1.20\tMILK 1.20",
        "not found\tBREAD 2.50",
        "THANK YOU\tnot found",
    )
    assert "MTLK" in page.texts(".compare mark")
    page.browser.back()
    page.see(".fields")


def test_a_receipt_that_is_here_already_is_pointed_out(page, job, picture):
    files = [("file", ("bus.png", picture(rows=("BUS 2.00",)).read_bytes()))]
    first, second = job("paged", files=files), job("paged", files=files)
    page.open(f"#/jobs/{second}")
    page.click(".summary a", "receipt")
    assert page.see(".small", f"Job {first} ·")


# Again, and away


def test_a_file_can_be_read_again_and_the_history_stays(page, job):
    page.open(f"#/jobs/{job('hasty')}")
    page.see(".fields")
    page.choose("#again-provider", "careful")
    page.click("#again")
    page.see(".runs li:nth-child(2) [aria-current] .state", "Done")
    assert [text.split("\n")[0] for text in page.texts(".runs li")] == ["hasty", "careful"]
    page.see(".fields td", "March 14, 2026")


def test_a_failure_says_why_and_can_be_tried_again(page, job):
    page.open(f"#/jobs/{job('broken')}")
    page.see(".notice.error", "The engine broke down.")
    page.see(".notice.error .small", FAILURE)
    page.click("#retry")
    assert page.see(".runs li:nth-child(2) .state", "Failed")


def test_what_is_being_read_cannot_be_read_twice_at_once_but_deleted(page, job, server, go):
    job_id = job("gated", wait=("running",))
    page.open(f"#/jobs/{job_id}")
    page.see(".waiting", "gated is reading")
    page.choose("#again-provider", "gated")
    page.click("#again")
    page.see(".toast", "is already reading file")
    page.click("#delete-job")
    page.click("#question-yes")
    page.see("h1", "Receipts")
    assert server.job(job_id)["statusCode"] == 404


def test_deleting_asks_first(page, job, server):
    job_id = job("careful", name="Wrong one")
    page.open(f"#/jobs/{job_id}")
    page.click("#delete-job")
    page.see("#question-title", "Delete “Wrong one”?")
    page.click("#question button", "Keep")
    assert server.job(job_id)["name"] == "Wrong one"
    page.click("#delete-job")
    page.click("#question-yes")
    page.see("h1", "Receipts")
    assert server.job(job_id)["statusCode"] == 404
    page.open(f"#/jobs/{job_id}")
    page.see("h1", "There is no such receipt")
    page.see(".notice", f"Job {job_id} does not exist")


def test_one_file_of_several_can_be_deleted(page, job, server):
    job_id = job("careful", "hasty")
    page.open(f"#/jobs/{job_id}")
    page.see("#file-list [aria-current]")
    page.click("#file-list li:nth-child(2) a")
    page.see(".subheading", "1.png")
    page.click("#delete-file")
    page.click("#question-yes")
    page.gone("#file-list")
    assert [file["originalName"] for file in server.job(job_id)["files"]] == ["0.png"]


# Taking it elsewhere


def test_a_job_is_saved_as_json_csv_and_markdown(page, job):
    job_id = job("careful", "hostile", name="To save")
    page.open(f"#/jobs/{job_id}")
    for kind in ("JSON", "CSV, a row a receipt", "CSV, a row an item", "Markdown"):
        page.click("#downloads")
        page.click(".menu button", kind)
    saved = json.loads(page.downloaded(f"receipt-{job_id}.json").decode())
    assert json.loads(saved["files"][0]["executions"][0]["ocrData"])["receipt"]["total"] == 3.7
    rows = csv.DictReader(page.downloaded(f"receipt-{job_id}.csv").decode("utf-8-sig").splitlines())
    assert [(row["job"], row["file"], row["merchant"], row["total"]) for row in rows] == [
        (str(job_id), "0.png", "CORNER CAFE", "3.7"),
        (str(job_id), "1.png", HOSTILE[0], "1"),
    ]
    assert "MILK,,,1.2,careful\r\n" in page.downloaded(f"receipt-{job_id}-items.csv").decode()
    assert "# CORNER CAFE" in page.downloaded(f"receipt-{job_id}.md").decode()


def test_copy_puts_the_text_on_the_clipboard(page, job):
    page.open("#/")
    page.browser.set_permissions("clipboard-read", "granted")
    page.open(f"#/jobs/{job('careful')}?view=text")
    page.click("#copy")
    page.see("#live", "Copied")
    page.see("#copy .done", "Copied")
    copied = page.run_async("navigator.clipboard.readText().then(arguments[0])")
    assert copied == "\n".join(CAREFUL)


# The key, and a server that is away


def test_a_photo_is_shared_and_the_key_asked_once_opens_everything(
    chromium, serve, tmp_path, picture
):
    locked = serve(FLASK_APP="tests.page.readers", API_KEY="s3cret")
    page = Page(chromium, locked.url, tmp_path)
    page.open("#/")
    page.see("#key")
    page.share(picture(), "Ünïcode photo.png")
    page.type("#key", "wrong")
    page.click("#key-dialog .primary")
    page.see("#key-error", "The server did not accept that key.")
    page.type("#key", "s3cret")
    page.click("#key-dialog .primary")
    page.see(".queue b", "Ünïcode photo.png")
    assert page.hash() == "#/"
    page.choose(".queue select", "careful")
    page.click("#send")
    page.see(".fields td", "CORNER CAFE")
    page.see(".paper image")
    page.click(".top a", "Receipts")
    page.see(".receipts .thumb img")
    page.click(".receipts a")
    page.see(".paper image")
    page.browser.refresh()
    page.see(".fields td", "CORNER CAFE")
    page.click("#downloads")
    page.click(".menu button", "CSV, a row a receipt")
    assert b"CORNER CAFE" in page.downloaded("receipt-1.csv")
    page.click("#forget-key")
    page.see("#key-dialog h2")
    page.click("#key-cancel")
    page.see(".notice.error", "wants a key")
    assert page.faults() == []


@pytest.mark.parametrize("env", [{}, {"API_KEY": "s3cret"}])
def test_a_share_without_a_service_worker_asks_for_another(chromium, serve, tmp_path, picture, env):
    page = Page(chromium, serve(FLASK_APP="tests.page.readers", **env).url, tmp_path)
    page.open("openapi.json")  # where no service worker is registered
    page.run(SHARE, "photo.png", list(picture().read_bytes()))
    if env:
        page.type("#key", "s3cret")
        page.click("#key-dialog .primary")
    page.see(".toast", "share it once more")
    page.share(picture(), "photo.png")
    assert page.see(".queue b", "photo.png")


def test_a_server_that_is_away_is_said_so(chromium, serve, tmp_path, picture):
    gone = serve(FLASK_APP="tests.page.readers")
    page = Page(chromium, gone.url, tmp_path)
    page.open("#/")
    page.type("#pick", str(picture()))
    page.see("#send")
    gone.end()
    page.click("#send")
    page.see(".toast", "The connection ended")
    page.click(".top a", "Receipts")
    assert page.see(".notice.error", "The server does not answer")


def test_a_job_is_followed_again_when_the_server_is_back(page, job, go):
    page.open(f"#/jobs/{job('gated', wait=('running',))}")
    page.see(".waiting", "gated is reading")
    page.network(offline=True)
    page.see(".toast", "Trying again")
    page.network()
    go.touch()
    assert page.see(".fields")
    page.gone(".toast")


def test_the_page_may_load_and_run_its_own_files_only(page, server):
    policy = requests.get(server.url, timeout=30).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
