"""Receipts are exported as a table that opens right, counts right and runs nothing."""

import csv
import io
import json
import re
import tracemalloc
from dataclasses import replace
from decimal import Decimal

import pytest

import db as queries
from db import JobListing
from result import Item, OcrResult, ProviderError, Receipt, ocr_data, placed
from server.exports import ITEM_COLUMNS, RECEIPT_COLUMNS, as_csv, as_json
from tests.conftest import ROOT
from tests.fakes import fake, png, upload, wait

CAFE = Receipt(
    "rules",
    merchant="Café Größe",
    date="2026-03-14",
    currency="EUR",
    items=(
        Item("Flat White", Decimal(2), Decimal("3.90"), Decimal("7.80")),
        Item("Voucher", amount=Decimal("-1.50")),
    ),
    subtotal=Decimal("12.00"),
    tax=Decimal("1.20"),
    total=Decimal("13.20"),
    warnings=("total_mismatch", "date_in_future"),
)
HEAD = "job,file,merchant,date,currency,subtotal,tax,total,provider,warnings"


def ask(client, url):
    """The whole response, its file closed."""
    with client.get(url) as response:
        response.get_data()
        return response


def reading(receipt):
    result = OcrResult("", "", (), receipt, "fake 1")
    return fake(ocr=lambda path, settings: result)


def failing(path, settings):
    raise ProviderError("unreadable", "blank")


@pytest.fixture
def app(make_app, gate):
    providers = {
        "cafe": reading(CAFE),
        "refund": reading(replace(CAFE, total=Decimal("-7.8"), warnings=())),
        "evil": reading(Receipt("model", merchant='=HYPERLINK("x")', total=Decimal("-1"))),
        "empty": reading(Receipt("rules")),
        "failing": fake(ocr=failing),
        "gated": gate.provider,
    }
    return make_app(providers)


def table(client, query=""):
    """The rows of the CSV, as a spreadsheet has them: lists of text, without the head."""
    text = ask(client, f"/ocr-jobs/export.csv{query}").data.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def test_a_receipt_is_a_row_with_its_numbers_as_numbers(client):
    wait(client, upload(client, "cafe", files=[(png(), "a, b.png")]))
    response = ask(client, "/ocr-jobs/export.csv")
    assert response.data.decode() == (
        f"\ufeff{HEAD}\r\n"
        '1,"a, b.png",Café Größe,2026-03-14,EUR,12,1.2,13.2,cafe,total_mismatch date_in_future\r\n'
    )
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=receipts.csv"


@pytest.mark.parametrize(
    ("format", "lines"),
    [
        ("actual", ["Date,Payee,Notes,Amount", "2026-03-14,Café Größe,receipt-1,-13.2"]),
        (
            "firefly",
            [
                "date,amount,currency_code,description,opposing_name,internal_reference",
                "2026-03-14,-13.2,EUR,Café Größe,Café Größe,receipt-1",
            ],
        ),
        (
            "ledger",
            [
                "date,description,amount,currency,code",
                "2026-03-14,Café Größe,-13.2,EUR,receipt-1",
            ],
        ),
    ],
)
def test_money_tools_get_their_columns_and_what_was_paid_as_negative(client, format, lines):
    wait(client, upload(client, "cafe", "failing", files=[(png(), "a.png"), (png(), "b.png")]))
    response = ask(client, f"/receipts/export.csv?format={format}")
    assert response.data.decode().splitlines() == lines
    guide = (ROOT / "docs/money.md").read_text("utf-8")
    assert f"export.csv?format={format}" in guide
    for column in lines[0].split(","):
        assert re.search(rf"\b{column}\b", guide), column


def test_a_dinars_three_places_are_four_for_money_tools(make_app):
    dinar = replace(CAFE, total=Decimal("1.234"), currency="KWD")
    client = make_app({"dinar": reading(dinar)}).test_client()
    wait(client, upload(client, "dinar"))
    for name in ("actual", "firefly", "ledger"):
        assert b"-1.2340" in ask(client, f"/receipts/export.csv?format={name}").data


def test_a_row_for_each_item_is_nothing_for_money_tools(client):
    response = ask(client, "/receipts/export.csv?format=actual&items=1")
    assert response.status_code == 400 and "leave out items=1" in response.json["details"]
    assert ask(client, "/receipts/export.csv?format=ynab").status_code == 400


def test_the_same_as_json(client):
    wait(client, upload(client, "cafe", files=[(png(), "a.png")]))
    response = ask(client, "/ocr-jobs/export.json")
    assert response.json == [
        {
            "job": 1,
            "file": "a.png",
            "merchant": "Café Größe",
            "date": "2026-03-14",
            "currency": "EUR",
            "subtotal": 12,
            "tax": 1.2,
            "total": 13.2,
            "provider": "cafe",
            "warnings": ["total_mismatch", "date_in_future"],
        }
    ]
    assert list(response.json[0]) == HEAD.split(",")
    assert response.content_type == "application/json"
    assert response.headers["Content-Disposition"] == "attachment; filename=receipts.json"


def test_an_item_is_a_row_when_asked(client):
    wait(client, upload(client, "cafe", files=[(png(), "a.png")]))
    response = ask(client, "/ocr-jobs/export.csv?items=1")
    assert response.data.decode("utf-8-sig").splitlines() == [
        "job,file,merchant,date,currency,description,quantity,unitPrice,amount,provider",
        "1,a.png,Café Größe,2026-03-14,EUR,Flat White,2,3.9,7.8,cafe",
        "1,a.png,Café Größe,2026-03-14,EUR,Voucher,,,-1.5,cafe",
    ]
    assert response.headers["Content-Disposition"] == "attachment; filename=items.csv"
    items = ask(client, "/ocr-jobs/export.json?items=1").json
    assert [(item["description"], item["amount"]) for item in items] == [
        ("Flat White", 7.8),
        ("Voucher", -1.5),
    ]


def test_each_receipt_of_a_file_is_a_row(make_app):
    two = (placed(CAFE), placed(replace(CAFE, merchant="Bar", items=CAFE.items[:1]), 1))
    result = OcrResult("", "", (), CAFE, "fake 1", receipts=two)
    client = make_app({"two": fake(ocr=lambda *_: result)}).test_client()
    wait(client, upload(client, "two"))
    assert [row[2] for row in table(client)] == ["Café Größe", "Bar"]
    assert [row[2] for row in table(client, "?items=1")] == ["Café Größe"] * 2 + ["Bar"]


@pytest.mark.parametrize(("query", "columns"), [("", RECEIPT_COLUMNS), ("?items=1", ITEM_COLUMNS)])
def test_a_key_without_a_column_is_left_out_and_moves_no_other(client, db, query, columns):
    wait(client, upload(client, "cafe"))
    known = table(client, query)
    for path in ("source", "items[0].source", "items[1].source"):
        db.execute(
            "UPDATE execution SET ocr_data = json_set(ocr_data, ?, 'new')",
            (f"$.receipts[0].{path}",),
        )
    assert table(client, query) == known
    for row in ask(client, f"/ocr-jobs/export.json{query}").json:
        assert tuple(row) == columns


def test_a_negative_total_stays_a_number_and_a_formula_becomes_text(client):
    wait(client, upload(client, "refund"))
    wait(client, upload(client, "evil", files=[(png(), "@SUM(A1).png")]))
    evil, refund = table(client)
    assert refund[7] == "-7.8"
    assert evil[1:3] == ["'@SUM(A1).png", '\'=HYPERLINK("x")']
    assert evil[7] == "-1"


def exported(make_app, merchants):
    """The merchants' names in the CSV and in the JSON of one receipt of each."""
    providers = {f"p{n}": reading(replace(CAFE, merchant=m)) for n, m in enumerate(merchants)}
    client = make_app(providers).test_client()
    for name in providers:
        wait(client, upload(client, name))
    rows = ask(client, "/ocr-jobs/export.json?sort=id:asc").json
    return [row[2] for row in table(client, "?sort=id:asc")], [row["merchant"] for row in rows]


def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(make_app):
    cells = {
        **{f"{sign}1+1": f"'{sign}1+1" for sign in "=+-@\uff1d\uff0b\uff0d\uff20"},
        "Tea;=1+1": "Tea;'=1+1",  # a German Excel separates by semicolons
        "Tea; -20%": "Tea;' -20%",
        "Tea - 20%": "Tea - 20%",
        'say "hi"': 'say "hi"',
        "2026-03-14": "2026-03-14",
        "": "",
    }
    assert exported(make_app, cells) == ([*cells.values()], [*cells])


def test_line_breaks_and_tabs_stay_in_their_cell(make_app):
    cells = {"a\tb": "a\tb", "\ta": "'\ta", "\r=1": "'\r=1", "a\nb": "a\nb", "\n=1": "'\n=1"}
    assert exported(make_app, cells)[0] == [*cells.values()]


def test_a_file_that_was_not_read_is_a_row_that_says_why(client, gate):
    wait(client, upload(client, "failing", "empty"))
    upload(client, "gated")
    gate.wait_for_start()
    running, failed, empty = table(client)
    assert running == ["2", "0.png", *[""] * 7, "running"]
    assert failed == ["1", "0.png", *[""] * 7, "unreadable"]
    assert empty == ["1", "1.png", *[""] * 6, "empty", ""]
    assert table(client, "?items=1") == []


def test_what_was_read_last_counts(client):
    wait(client, upload(client, "cafe"))
    client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "refund"})
    client.get("/ocr-jobs/1?wait=20")
    client.post("/ocr-jobs/1/files/1/executions", data={"ocrProvider": "failing"})
    client.get("/ocr-jobs/1?wait=20")
    (row,) = table(client)
    assert row[7:] == ["-7.8", "refund", ""]


def test_the_lists_filters_and_orders_apply_and_pages_do_not(client, gate):
    for name in ("beta", "Älpha", "gamma"):
        wait(client, upload(client, "cafe", jobName=name))
    upload(client, "gated", jobName="pending")
    assert [row[0] for row in table(client, "?status=completed&sort=id:asc")] == ["1", "2", "3"]
    assert [row[0] for row in table(client, "?sort=name:asc&status=completed")] == ["1", "3", "2"]
    assert [row[0] for row in table(client, "?search=älph")] == ["2"]
    assert [row[0] for row in table(client, "?search=ä")] == ["2"]
    assert [row[0] for row in table(client, "?limit=1&page=2&status=completed")] == ["3", "2", "1"]
    assert table(client, "?search=nothing") == []
    assert ask(client, "/ocr-jobs/export.json?search=nothing").json == []


def test_one_job_is_exported_by_its_id(client):
    wait(client, upload(client, "cafe"))
    wait(client, upload(client, "cafe", "empty"))
    assert [row[0] for row in table(client, "?job=1")] == ["1"]
    assert [row[0] for row in table(client, "?job=2&status=failed")] == ["2", "2"]
    items = ask(client, "/ocr-jobs/export.json?job=1&items=1").json
    assert [(row["job"], row["description"]) for row in items] == [
        (1, "Flat White"),
        (1, "Voucher"),
    ]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_job_that_does_not_exist_has_no_export(shared_client, suffix):
    response = ask(shared_client, f"/ocr-jobs/export.{suffix}?job=7")
    assert (response.status_code, response.json["details"]) == (404, "Job 7 does not exist")


@pytest.mark.parametrize("query", ["status=x", "sort=x", "items=yes", "job=x", "job=0", "job="])
def test_a_parameter_that_is_none_is_400(shared_client, query):
    for suffix in ("csv", "json"):
        response = ask(shared_client, f"/ocr-jobs/export.{suffix}?{query}")
        assert response.status_code == 400
        assert query.split("=")[0] in response.json["details"]


def test_the_columns_are_told_when_there_is_nothing(client):
    assert ask(client, "/ocr-jobs/export.csv").data.decode("utf-8-sig") == f"{HEAD}\r\n"


def filled(path, count):
    """A database of that many jobs with a receipt each."""
    queries.create(path)
    connection = queries.connect(path)
    for trigger in ("execution_added", "job_added"):
        connection.execute(f"DROP TRIGGER {trigger}")  # only to fill it quickly
    many = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    with connection:
        connection.execute(
            f"""{many} INSERT INTO job (status, created_at, updated_at)
            SELECT 'completed', '2026', '2026' FROM n"""
        )
        connection.execute(
            f"""{many}
            INSERT INTO file (job_id, original_name, storage_key, media_type, size, sha256)
            SELECT i, 'a.png', i, '', 0, i FROM n"""
        )
        connection.execute(
            f"""{many} INSERT INTO receipt (file_id, added_at, updated_at)
            SELECT i, '2026', '2026' FROM n"""
        )
        data = ocr_data(OcrResult("m", "t" * 100, (), CAFE, "fake 1"))
        connection.execute(
            f"""{many} INSERT INTO execution
            (file_id, provider, status, ocr_data, created_at, updated_at)
            SELECT i, 'fake', 'completed', ?, '', '' FROM n""",
            (data,),
        )
    connection.close()
    return path


@pytest.mark.slow
@pytest.mark.parametrize("form", [as_csv, as_json])
def test_memory_does_not_grow_with_the_number_of_jobs(tmp_path, form):
    asked = JobListing()
    peaks = {}
    for count in (500, 8_000):
        path = filled(tmp_path / f"{count}.db", count)
        tracemalloc.start()
        size = sum(len(part) for part in form(path, asked, False))
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > 80 * count
    assert peaks[8_000] - peaks[500] < 8_000 * 16  # ids take 8 bytes, and grow by doubling
    assert peaks[8_000] < 1_000_000


def test_a_client_that_reads_slowly_holds_no_transaction(tmp_path):
    path = filled(tmp_path / "receipts.db", 1_000)
    rows = as_json(path, JobListing(sort="id", direction="asc"), False)
    first = next(rows)
    writer = queries.connect(path)
    with writer:
        writer.execute("DELETE FROM job WHERE id = 1000")
    busy, _, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    assert len(json.loads(first + "".join(rows))) == 999
    writer.close()
