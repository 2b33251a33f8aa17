"""Each receipt has a row with its fields as they count, to be listed, found and added up."""

import json
from contextlib import closing
from dataclasses import fields, replace
from decimal import Decimal

import pytest

import db
from db import connect
from result import FileReceipt, Item, OcrResult, ProviderError, Receipt
from tests.fakes import fake, only_execution, png, upload, wait

CAFE = Receipt(
    "rules",
    merchant="Café Größe",
    date="2026-03-14",
    time="09:41",
    currency="EUR",
    items=(Item("Flat White", Decimal(2), Decimal("3.90"), Decimal("7.80")), Item("Croissant")),
    tax=Decimal("1.20"),
    total=Decimal("13.20"),
    payment_method="card",
)
DOUBTFUL = replace(CAFE, total=Decimal("18.2"), review=("total",), warnings=("total_mismatch",))


def reading(receipt, text="CAFÉ GRÖSSE\nTisch 7"):
    result = OcrResult(text, text, (), receipt, "fake 1")
    return fake(ocr=lambda path, settings: result)


def failing(path, settings):
    raise ProviderError("bad_image", "blank")


@pytest.fixture
def app(make_app, gate):
    providers = {
        "cafe": reading(CAFE),
        "doubtful": reading(DOUBTFUL),
        "blank": reading(Receipt("rules", warnings=("no_text",)), ""),
        "failing": fake(ocr=failing),
        "gated": gate.provider,
    }
    return make_app(providers)


def ask(client, url="/receipts"):
    with client.get(url) as response:
        assert response.status_code == 200, response.text
        return response.json if response.is_json else response.text.lstrip("\ufeff")


def only_receipt(client):
    (receipt,) = ask(client)["data"]
    return receipt


def again(client, job_id, provider):
    """Read the job's only file again; the job once that has ended."""
    (file,) = client.get(f"/ocr-jobs/{job_id}").json["files"]
    url = f"/ocr-jobs/{job_id}/files/{file['id']}/executions"
    assert client.post(url, data={"ocrProvider": provider}).status_code == 200
    return wait(client, job_id)


def test_a_receipt_is_listed_with_its_fields(client):
    wait(client, upload(client, "cafe", files=[(png(), "a.png")], jobName="Lunch"))
    receipt = only_receipt(client)
    assert receipt.pop("addedAt").endswith("Z") and receipt.pop("updatedAt")[-5] == "."
    assert receipt == {
        "id": 1,
        "jobId": 1,
        "fileId": 1,
        "position": 0,
        "fileName": "a.png",
        "jobName": "Lunch",
        "state": "ok",
        "merchant": "Café Größe",
        "date": "2026-03-14",
        "time": "09:41",
        "total": 13.2,
        "currency": "EUR",
        "tax": 1.2,
        "itemCount": 2,
        "paymentMethod": "card",
        "review": [],
        "warnings": [],
        "corrected": [],
        "duplicateOf": None,
        "confirmedAt": None,
        "error": None,
        "provider": "cafe",
    }


def test_a_receipt_is_there_while_its_file_waits_and_says_who_reads_it(client, gate):
    upload(client, "gated", files=[(png(), "a.png")])
    receipt = only_receipt(client)
    assert (receipt["state"], receipt["fileName"]) == ("reading", "a.png")
    assert (receipt["total"], receipt["provider"], receipt["error"]) == (None, "gated", None)


def test_a_file_that_cannot_be_read_is_a_failed_receipt_with_the_reason(client):
    job_id = upload(client, "failing")
    wait(client, job_id)
    receipt = only_receipt(client)
    assert receipt["state"] == "failed"
    assert receipt["error"] == {"code": "bad_image", "message": "blank"}
    again(client, job_id, "cafe")
    assert (only_receipt(client)["state"], only_receipt(client)["error"]) == ("ok", None)


def test_a_failed_receipt_is_being_read_when_it_is_read_again(client, gate):
    job_id = upload(client, "failing")
    wait(client, job_id)
    client.post(f"/ocr-jobs/{job_id}/files/1/executions", data={"ocrProvider": "gated"})
    gate.wait_for_start()
    assert (only_receipt(client)["state"], only_receipt(client)["error"]) == ("reading", None)


def test_reading_again_replaces_nothing(client):
    job_id = upload(client, "cafe")
    wait(client, job_id)
    before = only_receipt(client)
    again(client, job_id, "doubtful")
    again(client, job_id, "failing")
    assert only_receipt(client) == before


def test_a_good_reading_takes_the_place_of_one_without_text(client):
    job_id = upload(client, "blank")
    wait(client, job_id)
    assert only_receipt(client)["state"] == "review"
    assert only_receipt(client)["warnings"] == ["no_text"]
    again(client, job_id, "failing")
    assert only_receipt(client)["provider"] == "blank"
    again(client, job_id, "doubtful")
    assert (only_receipt(client)["state"], only_receipt(client)["review"]) == ("review", ["total"])
    again(client, job_id, "cafe")
    assert only_receipt(client)["total"] == 18.2


def test_a_receipt_tells_what_each_execution_read(client):
    job_id = upload(client, "cafe")
    wait(client, job_id)
    job = again(client, job_id, "failing")
    first, second = job["files"][0]["executions"]
    receipt = ask(client, "/receipts/1")
    assert only_receipt(client).items() <= receipt.items()
    data = json.loads(first["ocrData"])
    assert receipt["receipt"] == data["receipt"]
    assert (receipt["executionId"], receipt["chosen"], receipt["corrections"]) == (1, False, {})
    assert (receipt["page"], receipt["box"], receipt["pages"]) == (0, None, [])
    assert receipt["readings"] == [
        {
            "executionId": 1,
            "fileId": 1,
            "provider": "cafe",
            "model": "fake 1",
            "status": "completed",
            "createdAt": first["createdAt"],
            "receipt": data["receipt"],
        },
        {
            "executionId": 2,
            "fileId": 1,
            "provider": "failing",
            "model": None,
            "status": "failed",
            "createdAt": second["createdAt"],
            "receipt": None,
        },
    ]


def test_a_receipt_that_is_not_there_is_404(client):
    response = client.get("/receipts/7")
    assert (response.status_code, response.json["details"]) == (404, "Receipt 7 does not exist")


def test_a_deleted_job_has_no_receipts(client):
    job_id = upload(client, "cafe")
    only_execution(wait(client, job_id))
    client.delete(f"/ocr-jobs/{job_id}")
    assert ask(client) == {
        "data": [],
        "pagination": {"total": 0, "page": 1, "limit": 20, "pages": 0},
        "duplicates": 0,
        "sums": [],
        "unfilled": 0,
    }


def test_receipts_of_one_job_are_listed(client):
    for name in ("cafe", "doubtful"):
        only_execution(wait(client, upload(client, name)))
    assert [row["jobId"] for row in ask(client, "/receipts?job=2")["data"]] == [2]
    assert ask(client, "/receipts?job=3")["data"] == []


def test_sums_are_of_all_pages_by_currency(client):
    for name in ("cafe", "doubtful", "failing"):
        wait(client, upload(client, name))
    assert ask(client, "/receipts?limit=1")["sums"] == [
        {"currency": "EUR", "count": 2, "total": 31.4, "tax": 2.4},
        {"currency": None, "count": 1, "total": 0, "tax": 0},
    ]


# The filters


def shop(merchant, date, total, currency="EUR", item="Water"):
    """A provider that reads a receipt of this shop."""
    printed = {"merchant": merchant, "date": date, "currency": currency, "items": (Item(item),)}
    return reading(Receipt("rules", total=Decimal(total), **printed), f"{merchant}\n{item}")


@pytest.fixture
def shops(make_app):
    return client_of_shops(make_app)


@pytest.fixture(scope="module")
def same_shops(share_app):
    """As shops, for tests that change nothing."""
    return client_of_shops(share_app)


def client_of_shops(make_app):
    """A client of a server with six receipts; the last one is the first one again."""
    providers = {
        "aldi": shop("Aldi Süd", "2026-03-14", "13.20", item="Crème fraîche"),
        "cafe": shop("Café Größe", "2026-03-31", "4", item="KIRMIZI ŁÓDŹ"),
        "fuel": shop("Tokyo Fuel", "2026-02-28", "5000", "JPY", item="牛乳 200ml"),
        "none": shop("", None, "0.05", None),
        "failing": fake(ocr=failing),
    }
    client = make_app(providers).test_client()
    for number, name in enumerate([*providers, "aldi"]):
        files = [(png((8, 9 + number)), f"{name}-{number}.png")]
        wait(client, upload(client, name, files=files, jobName=f"Trip {number}"))
    return client


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("sort=addedAt:asc", [1, 2, 3, 4, 5, 6]),
        ("sort=date:asc", [3, 1, 6, 2, 4, 5]),
        ("sort=date:desc", [2, 6, 1, 3, 5, 4]),
        ("sort=total:desc", [3, 6, 1, 2, 4, 5]),
        ("sort=total:asc", [4, 2, 1, 6, 3, 5]),
        ("sort=merchant", [4, 1, 6, 2, 3, 5]),
        ("from=2026-03-01", [6, 2, 1]),
        ("to=2026-03-30", [6, 3, 1]),
        ("from=2026-03-14&to=2026-03-14", [6, 1]),
        ("min=4", [6, 3, 2, 1]),
        ("max=4.00", [4, 2]),
        ("min=13.2&max=13.2", [6, 1]),
        ("currency=jpy", [3]),
        ("currency=", [6, 5, 4, 3, 2, 1]),
        ("merchant=+aldi+s%C3%BCd+", [6, 1]),
        ("state=failed", [5]),
        ("state=duplicate", [6]),
        ("state=failed,duplicate", [6, 5]),
        ("state=ok", [6, 4, 3, 2, 1]),
        ("state=reading,review,confirmed", []),
        ("job=3", [3]),
        ("ids=3,1,9", [3, 1]),
        ("search=ald", [6, 1]),
        ("search=SUD", [6, 1]),
        ("search=grosse", [2]),
        ("search=k%C4%B1rm%C4%B1z%C4%B1+%C5%82odz", [2]),
        ("search=cr%C3%A8me", [6, 1]),
        ("search=creme+sud", [6, 1]),
        ("search=creme+tokyo", []),
        ("search=trip+3", [4]),
        ("search=fail", [5]),
        ("search=%E4%B9%B3", [3]),
        ("search=a", []),
        ("search=200", [3]),
        ("search=udi", []),
        ("search=%22*", []),
        ("search=water+or", []),
        ("search=trip&to=2026-02-28", [3]),  # its dates are rarer than its word
        ("search=trip&from=2027-01-01", []),
        ("state=failed&sort=merchant:desc", [5]),
        ("search=aldi&state=duplicate&from=2026-03-01&currency=EUR&min=1", [6]),
    ],
)
def test_receipts_are_found_by(same_shops, query, ids):
    found = ask(same_shops, f"/receipts?{query}")
    assert [receipt["id"] for receipt in found["data"]] == ids
    assert found["pagination"]["total"] == len(ids) == sum(s["count"] for s in found["sums"])
    assert found["duplicates"] == (6 in ids)
    urls = [f"/receipts?{query}&limit=1&page={n + 1}" for n in range(len(ids))]
    pages = [ask(same_shops, url)["data"] for url in urls]
    assert [receipt["id"] for page in pages for receipt in page] == ids
    exported = ask(same_shops, f"/receipts/export.json?{query}")
    assert [row["id"] for row in exported] == ids


@pytest.mark.parametrize(
    "query",
    [
        *("from=2026-02-30", "to=yesterday", "min=x", "max=1e9", "state=done", "ids=1,x"),
        *("currency=EURO", "currency=%E2%82%AC", "search=" + "+".join(map(str, range(65)))),
        *("serach=aldi", "From=2026-03-14", "format=ledger", "by=month", "search=aldi&Page=2"),
        *("sort=id", "sort=date:up", "page=0", "limit=101", "from=20260314", "ids=0"),
    ],
)
def test_a_filter_that_is_wrong_is_400_and_named(same_shops, query):
    response = same_shops.get(f"/receipts?{query}")
    assert response.status_code == 400
    assert query.rpartition("&")[2].partition("=")[0] in response.json["details"]


def test_every_word_of_a_long_search_counts(same_shops):
    """Each letter of Chinese or Japanese is a word."""
    words = [*(w[:n] for w in ("kirmizi", "lodz", "cafe", "grosse") for n in range(2, 8)), "trip"]
    for last, ids in (("1", [2]), ("kirmizit", [])):
        found = ask(same_shops, f"/receipts?search={'+'.join([*words, last])}")["data"]
        assert [receipt["id"] for receipt in found] == ids


def test_sums_are_by_currency_whatever_is_asked_for(shops):
    everything = [
        {"currency": "EUR", "count": 3, "total": 30.4, "tax": 0},
        {"currency": None, "count": 2, "total": 0.05, "tax": 0},
        {"currency": "JPY", "count": 1, "total": 5000, "tax": 0},
    ]
    for query in ("", "state=ok,failed", "ids=1,2,3,4,5,6", "search=trip"):
        assert ask(shops, f"/receipts?{query}")["sums"] == everything, query


def test_receipts_are_added_up_by_month_merchant_and_currency(shops):
    def row(count, duplicates, total, **names):
        return names | {"count": count, "duplicates": duplicates, "total": total, "tax": 0}

    assert ask(shops, "/receipts/summary")["data"] == [
        row(3, 1, 30.4, month="2026-03", currency="EUR"),
        row(1, 0, 5000, month="2026-02", currency="JPY"),
        row(2, 0, 0.05, month=None, currency=None),
    ]
    assert ask(shops, "/receipts/summary?by=merchant&search=trip")["data"][1] == row(
        2, 1, 26.4, merchant="Aldi Süd", currency="EUR"
    )
    assert ask(shops, "/receipts/summary?by=currency&from=2026-03-20")["data"] == [
        row(1, 0, 4, currency="EUR")
    ]
    assert shops.get("/receipts/summary?by=year").status_code == 400


def test_the_export_has_the_items_too(shops):
    text = ask(shops, "/receipts/export.csv?ids=1,3&sort=addedAt:asc&items=1")
    assert text.splitlines() == [
        "id,job,file,merchant,date,currency,description,quantity,unitPrice,amount,provider",
        "1,1,aldi-0.png,Aldi Süd,2026-03-14,EUR,Crème fraîche,,,,aldi",
        "3,3,fuel-2.png,Tokyo Fuel,2026-02-28,JPY,牛乳 200ml,,,,fuel",
    ]
    head, first, second = ask(shops, "/receipts/export.csv?ids=6,5").splitlines()
    assert head.startswith("id,job,file,merchant,date,time,currency,subtotal,tax,tip,total,")
    assert first == "6,6,aldi-5.png,Aldi Süd,2026-03-14,,EUR,,,,13.2,,1,ok,aldi,,,,1"
    assert second == "5,5,failing-4.png,,,,,,,,,,0,failed,,,,,"


# Duplicates


def duplicates(client):
    return {r["id"]: r["duplicateOf"] for r in ask(client, "/receipts?sort=addedAt:asc")["data"]}


def test_a_duplicate_leads_to_the_first_one_that_is_there(shops):
    assert duplicates(shops) == {1: None, 2: None, 3: None, 4: None, 5: None, 6: 1}
    wait(shops, upload(shops, "aldi", files=[(png((9, 9)), "a.png")]))
    assert duplicates(shops)[7] == 1
    shops.delete("/ocr-jobs/1")
    assert duplicates(shops) == {2: None, 3: None, 4: None, 5: None, 6: None, 7: 6}
    assert ask(shops)["duplicates"] == 1
    shops.delete("/ocr-jobs/6")
    assert duplicates(shops)[7] is None


def test_the_same_bytes_are_a_duplicate_before_they_are_read(client, gate):
    upload(client, "gated")
    upload(client, "gated")
    assert duplicates(client) == {1: None, 2: 1}


def test_a_receipt_whose_fields_change_is_a_duplicate_of_others(client, db):
    for color in ("red", "blue", "green"):
        wait(client, upload(client, "cafe", files=[(png(color=color), "a.png")]))
    assert duplicates(client) == {1: None, 2: 1, 3: 1}
    db.execute("UPDATE receipt SET key = 'another' WHERE id = 1")
    assert duplicates(client) == {1: None, 2: None, 3: 2}
    db.execute("UPDATE receipt SET key = (SELECT key FROM receipt WHERE id = 2) WHERE id = 1")
    assert duplicates(client) == {1: None, 2: 1, 3: 1}


@pytest.fixture
def rows(shops):
    """The database of the server with six receipts."""
    database = shops.application.extensions["receipts"].database
    with closing(connect(database)) as connection:
        connection.isolation_level = None
        yield connection


def test_the_sums_that_are_kept_are_those_of_the_rows(shops, rows):
    def kept():
        return [tuple(row) for row in rows.execute("SELECT * FROM receipt_sum ORDER BY 1, 2, 3, 4")]

    def added_up():
        return [
            tuple(row)
            for row in rows.execute(
                """
                SELECT CASE column1 WHEN 0 THEN '*' WHEN 1 THEN ifnull(date, '')
                        ELSE '=' || ifnull(merchant, '') END,
                    ifnull(currency, ''), state,
                    duplicate_of IS NOT NULL, count(*), sum(ifnull(total, 0)), sum(ifnull(tax, 0))
                FROM (VALUES (0), (1), (2)) JOIN receipt GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
                """
            )
        ]

    assert kept() == added_up()
    shops.delete("/ocr-jobs/1")
    assert kept() == added_up()
    rows.execute(
        "UPDATE receipt SET key = 'same', total = total + 1, currency = 'CHF', date = NULL,"
        " merchant = 'Aldi'"
    )
    assert kept() == added_up()
    columns = "id, place, total, tax, duplicate_of, currency, date, state"
    numbers = rows.execute(f"SELECT {columns} FROM receipt_number ORDER BY id").fetchall()
    assert numbers == rows.execute(f"SELECT {columns} FROM receipt ORDER BY id").fetchall()
    rows.execute("DELETE FROM job")
    assert kept() == added_up() == []
    assert rows.execute("SELECT count(*) FROM receipt_search").fetchone()[0] == 0
    assert rows.execute("SELECT count(*) FROM receipt_number").fetchone()[0] == 0


def test_sums_are_exact_where_a_float_would_not_be(shops, rows):
    most = 10**14 - 1  # the largest amount, in ten-thousandths
    rows.executemany(
        """
        INSERT INTO receipt (file_id, position, currency, merchant, total, added_at, updated_at)
        VALUES (1, ?, 'KWD', 'Gold', ?, '', '')
        """,
        [(position, most - position % 2) for position in range(1, 91)],
    )
    rows.execute(
        """
        UPDATE receipt_search SET words = ' gold ∀ '
        WHERE rowid IN (SELECT place FROM receipt WHERE merchant = 'Gold')
        """
    )
    for query in ("currency=KWD", "min=1&currency=KWD", "merchant=gold", "search=gold&min=9e9"):
        (row,) = ask(shops, f"/receipts?{query.replace('9e9', '9000000000')}")["sums"]
        assert row["total"] == (90 * most - 45) / 10_000, query
        assert row["total"] != sum((most - p % 2) / 10_000 for p in range(1, 91))


def test_sums_that_no_integer_of_sqlite_holds_are_no_error(shops, rows):
    rows.execute("UPDATE receipt SET total = 1 << 62, currency = 'EUR', merchant = 'Aldi'")
    for query in ("", "search=trip", "search=trip&min=1", "from=2026-01-01", "merchant=aldi"):
        (row,) = ask(shops, f"/receipts?{query}")["sums"]
        assert row["total"] == pytest.approx(row["count"] * 2**62 / 10_000)
    for by in ("month", "merchant", "currency"):
        assert ask(shops, f"/receipts/summary?by={by}")["data"]
    rows.execute("UPDATE receipt SET total = 20000")
    assert ask(shops)["sums"][0]["total"] == pytest.approx(12, abs=1)  # to the digits of a float


@pytest.mark.parametrize("lacking", [(), (1,), (4,), (5,), (1, 2, 3)])
@pytest.mark.parametrize(
    "query",
    [
        *("", "currency=EUR", "from=2026-03-01", "state=ok", "state=duplicate"),
        *("merchant=ALDI+SÜD", "min=5", "ids=1,4,6"),
    ],
)
def test_sums_of_most_receipts_are_those_of_each_that_is_found(shops, rows, query, lacking):
    """Those that lack a word, or have another total, are subtracted where they are fewer."""
    rows.execute(f"UPDATE job SET name = 'Walk' WHERE id IN ({','.join(map(str, lacking))})")
    for receipt_id in lacking:
        db.set_words(rows, receipt_id, "")
    for asked in ("search=trip", "search=trip+png", "search=tri", "min=0.01", "max=5000"):
        found = [row["id"] for row in ask(shops, f"/receipts?{query}&{asked}&limit=100")["data"]]
        ids = ",".join(map(str, found))
        for by in ("month", "merchant", "currency"):
            path = f"/receipts/summary?by={by}"
            assert ask(shops, f"{path}&{query}&{asked}") == ask(shops, f"{path}&ids={ids}"), asked
        for sort in ("date", "total:desc", "addedAt:asc"):
            pages = [
                ask(shops, f"/receipts?{query}&{asked}&limit=1&sort={sort}&page={page + 1}")["data"]
                for page in range(len(found))
            ]
            assert sorted(page[0]["id"] for page in pages) == sorted(found), asked


def test_a_search_is_added_up_with_two_connections(shops):
    ask(shops, "/receipts?search=aldi")
    used = set()
    for connection in shops.application.extensions["receipts"].idle:

        def note(statement, connection=connection):
            if "BETWEEN" in statement and "receipt_search" in statement:
                used.add(connection)

        connection.set_trace_callback(note)
    assert ask(shops, "/receipts?search=aldi")["sums"]
    assert len(used) == 2


@pytest.mark.parametrize("longer", [3, 40])
def test_sums_of_a_search_are_those_of_the_rows_whatever_their_currencies(shops, rows, longer):
    currencies = ("USD", "USN", "EUC", "UED", None, "EUR")
    for receipt_id, currency in enumerate(currencies, 1):
        rows.execute("UPDATE receipt SET currency = ? WHERE id = ?", (currency, receipt_id))
    for number in range(longer):
        rows.execute(
            "INSERT INTO receipt_search (rowid, words) VALUES (?, ?)",
            (1000 + number, f" tripods{number:02} "),
        )
    for search in ("trip", "tri", "tr", "tripo", "trip aldi", "trip 4"):
        found = ask(shops, f"/receipts?search={search}&sort=addedAt:asc&limit=100")
        ids = [receipt["id"] for receipt in found["data"]]
        added_up = rows.execute(
            f"""
            SELECT currency, count(*), total(total) / 10000, total(tax) FROM receipt
            WHERE id IN ({",".join(map(str, ids)) or 0}) GROUP BY currency
            """
        )
        sums = {tuple(row.values()) for row in found["sums"]}
        assert sums == {tuple(row) for row in added_up}, search
        assert len(ids) == {"trip": 6, "tri": 6, "tr": 6, "trip aldi": 2}.get(
            search, 0 if search == "tripo" else 1
        )


def test_a_change_makes_updated_at_later(client, db):
    wait(client, upload(client, "cafe"))
    moments = []
    for state in ("review", "ok", "review"):
        db.execute("UPDATE receipt SET state = ?", (state,))
        moments.append(only_receipt(client)["updatedAt"])
    assert len(set(moments)) == 3 and moments == sorted(moments)
    db.execute("UPDATE receipt SET updated_at = '2999-01-01T00:00:00.999Z'")
    db.execute("UPDATE receipt SET state = 'ok'")
    assert only_receipt(client)["updatedAt"] == "2999-01-01T00:00:01.000Z"


def test_each_receipt_of_a_file_has_a_row(make_app):
    two = [
        FileReceipt("rules", merchant=name, total=Decimal(n), page=n, box=(0, n, 9, 9))
        for n, name in enumerate(("Aldi", "Lidl"))
    ]
    result = OcrResult("", "", (), Receipt(**fields_of(two[0])), "fake 1", receipts=tuple(two))
    client = make_app({"two": fake(ocr=lambda *_: result)}).test_client()
    wait(client, upload(client, "two"))
    rows = ask(client, "/receipts?sort=addedAt:asc")["data"]
    assert [(r["id"], r["position"], r["merchant"]) for r in rows] == [
        (1, 0, "Aldi"),
        (2, 1, "Lidl"),
    ]
    second = ask(client, "/receipts/2")
    assert (second["page"], second["box"], second["receipt"]["total"]) == (1, [0, 1, 9, 9], 1)
    assert [reading["receipt"]["merchant"] for reading in second["readings"]] == ["Lidl"]


def fields_of(receipt):
    return {field.name: getattr(receipt, field.name) for field in fields(Receipt)}


def test_a_total_that_is_no_amount_is_left_out(make_app):
    huge = reading(Receipt("rules", total=Decimal("1e30"), tax=Decimal("9999999999.9999")))
    client = make_app({"huge": huge}).test_client()
    wait(client, upload(client, "huge"))
    assert (only_receipt(client)["total"], only_receipt(client)["tax"]) == (None, 9999999999.9999)
