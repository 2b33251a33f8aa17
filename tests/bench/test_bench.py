"""The benchmarks run, each in a small way, and print what they measured."""

import json
import os
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import db
from bench import accuracy, archive, receipts, train, upload
from bench.server import serving
from fields import learned
from providers import PROVIDERS
from result import Receipt
from settings import read_settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def test_drawn_receipts_are_pictures_and_a_dataset_takes_their_place(tmp_path):
    drawn = receipts.receipts(tmp_path / "images", 2)
    assert receipts.receipts(tmp_path / "none", 3, tmp_path) == [drawn[0], drawn[1], drawn[0]]
    content = receipts.jpeg(300_000)
    assert len(content) == 300_000
    for file in (*drawn, BytesIO(content)):
        with Image.open(file) as image:
            assert image.format == "JPEG"


def test_a_filled_archive_is_one_that_jobs_could_have_filled(tmp_path):
    archive.fill(tmp_path / "data", 100)
    with closing(db.connect(tmp_path / "data" / "receipts.db")) as connection:
        counts = [
            db.count_jobs(connection, db.JobListing(status=status, search=text))
            for status, text in ((None, None), ("failed", None), (None, "receipt.jpg"))
        ]
        assert counts == [100, 3, 100]
        assert db.next_job_id(connection) == 101


def test_every_question_of_the_archive_finds_jobs(tmp_path):
    archive.fill(tmp_path / "data", 100)
    with serving(tmp_path / "data") as server:
        (job, *_), *lists = archive.questions(100).values()
        assert server.get(job)["id"] == 50
        assert [paths for paths in lists if not server.get(paths[0])["data"]] == []


def test_uploads_are_stored_and_wait(tmp_path):
    with serving(tmp_path / "data") as server:
        job = server.upload(receipts.jpeg(50_000), "none")
        assert server.get(f"/ocr-jobs/{job}")["files"][0]["originalName"] == "receipt.jpg"
        clients = [sys.executable, "-m", "bench.upload", str(server.port), "16"]
        subprocess.run(clients, cwd=ROOT, check=True, timeout=60)
        assert server.get("/ocr-jobs")["pagination"]["total"] == 1 + upload.CLIENTS


def test_the_training_makes_the_same_weights_again_and_tells_of_sources_left_out(tmp_path):
    rows = [[[text, 0.9, None]] for text in ("CORNER CAFE", "14.03.2026", "TOTAL EUR 3.70")]
    fields = {"merchant": "CORNER CAFE", "date": "2026-03-14", "total": 3.7}
    path = tmp_path / "readings.jsonl"
    path.write_text(json.dumps({"image": "a.png", "rows": rows, "fields": fields}))

    def trained(out, *options):
        command = [sys.executable, "-m", "bench.train", f"cafe={path}", "--drawn=8", f"--out={out}"]
        ran = subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        return out.read_bytes(), ran.stdout.decode()

    weights, said = trained(tmp_path / "a.json")
    assert trained(tmp_path / "b.json", "--quick")[0] == weights
    ways = [line[29:46].strip() for line in said.splitlines() if line.startswith("cafe")]
    assert ways == ["without source", "without merchant", "before"]
    assert json.loads(weights).keys() == learned.WEIGHTS.keys()


def test_four_receipts_of_one_shop_teach_as_much_as_two_shops():
    *four, other, nameless = train._counts(["cafe"] * 4 + ["bar", None])
    assert sum(four) == pytest.approx(2 * other) == pytest.approx(2 * nameless)
    assert sum([*four, other, nameless]) == pytest.approx(6)


def test_the_training_takes_the_rows_that_the_service_read_the_fields_from():
    image = ROOT / "samples" / "receipt.jpg"
    rows = train._read("tesseract", image)
    text = PROVIDERS["tesseract"].ocr(image, read_settings(os.environ)).text
    assert [[word for word, *_ in row] for row in rows] == [
        row.split() for row in text.splitlines()
    ]


def test_make_bench_takes_its_options():
    shown = subprocess.run(
        [sys.executable, "-m", "bench.table", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for option in ("--dataset", "--jobs", "--parts"):
        assert option in shown.stdout


@pytest.mark.parametrize("rows", [3, 24])
def test_a_drawn_receipt_is_as_long_as_its_rows(rows):
    assert receipts.drawn(rows=rows).size == (760, 44 * (rows + 3))


def test_fields_are_counted_by_whether_they_are_in_review():
    truth = [{"total": 9.5, "date": "2020-02-01", "merchant": "CORNER CAFE LTD"}] * 3 + [{}]
    found = ("CORNER CAFÉ LTD.", "2020-02-01", "9.50", ()), ("CAFE", None, "9.00", ())
    found += ("CORN", "2020-02-07", "9.50", ("date", "total")), (None, None, "1.00", ())
    read = [
        Receipt("rules", merchant=merchant, date=day, total=Decimal(total), review=review)
        for merchant, day, total, review in found
    ]
    assert list(accuracy.doubts(truth, read)) == [
        "total: right 1 of 2 not in review, 1 of 1 in review",
        "date: right 1 of 2 not in review, 0 of 1 in review",
        "merchant: right 3 of 3 not in review, 0 of 0 in review",
    ]
