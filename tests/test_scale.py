"""The list of a million jobs is as quick as that of a thousand, and says the same."""

import json
import string
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import db
from bench.archive import fill
from worker import upkeep

pytestmark = pytest.mark.slow

WORDS = st.sampled_from(
    """
    a|ab|abc|ABCabc|Straße|STRASSE|Café|Cafe\u0301|50%|5_0|"|'|NEAR(a b)|a\nb|b\0c|日本語|r.jpg
    |İ|-abc|abc*|name:abc|
    """.strip().split("|")
)
TEXTS = st.lists(WORDS | st.text(string.printable, max_size=4), max_size=3).map(" ".join)
FILE_NAMES = TEXTS.map(lambda text: "".join(c for c in text if c.isprintable()))
STATUSES = st.sampled_from(db.STATUSES)
JOBS = st.lists(
    st.tuples(st.none() | TEXTS, st.lists(FILE_NAMES, max_size=3), STATUSES), max_size=8
)


@pytest.fixture
def connection(tmp_path):
    db.create(tmp_path / "receipts.db")
    with closing(db.connect(tmp_path / "receipts.db")) as connection:
        yield connection


def add(connection, name=None, files=("receipt.jpg",), status="completed"):
    """The id of a job of this status, searchable."""
    job_id = db.add_job(connection, name)
    for number, original_name in enumerate(files):
        db.add_file(
            connection,
            job_id,
            original_name=original_name,
            storage_key=f"uploads/{job_id}/{number}",
            media_type="image/jpeg",
            size=1,
            sha256="",
        )
    db.add_to_search(connection, job_id)
    connection.execute("UPDATE job SET status = ? WHERE id = ?", (status, job_id))
    return job_id


def listed(connection, **asked):
    """The ids on a page, and how many there are in all."""
    listing = db.JobListing(**{"sort": "id", "direction": "asc", "limit": 100} | asked)
    with db.snapshot(connection):
        total = db.count_jobs(connection, listing)
        jobs = db.list_jobs(connection, listing, total)
    return [job["id"] for job in jobs], total


def plan(connection, query, **values):
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
    return "; ".join(row["detail"] for row in rows)


def holds(connection, job_id, text):
    """What a search means, without any index."""
    names = [row["originalName"] for row in db.list_files(connection, job_id)]
    row = connection.execute("SELECT name FROM job WHERE id = ?", (job_id,)).fetchone()
    return any(db.folded(text) in db.folded(name) for name in (row["name"], *names))


@pytest.mark.parametrize("status", [None, "completed"])
@pytest.mark.parametrize("column", db.SORTS.values())
@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_every_order_has_its_index_so_that_no_page_needs_sorting(connection, status, column, order):
    where = "WHERE status = :status" if status else ""
    query = f"SELECT id, name, status FROM job {where} ORDER BY {column} {order}, id {order}"
    found = plan(connection, query, status=status)
    assert "TEMP B-TREE" not in found
    assert "INDEX" in found or (column, status) == ("id", None)


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sort", db.RECEIPT_SORTS)
def test_no_page_of_all_receipts_needs_sorting(connection, sort, backwards, direction):
    """The one in the middle took a second and more of a million."""
    for _ in range(4):
        (file,) = db.list_files(connection, add(connection))
        db.add_receipt(connection, file["id"])
    listing = db.ReceiptListing(sort=sort, direction=direction)
    where = db._receipts_where(connection, listing, 4, 3, backwards, is_near=True)
    assert "TEMP B-TREE" not in plan(connection, f"SELECT id FROM receipt {where}")


@pytest.mark.parametrize("limit", [2, 20])  # near pages are looked for in another way
@pytest.mark.parametrize("oldest", [True, False])
@pytest.mark.parametrize("sort", db.RECEIPT_SORTS)
def test_words_on_the_oldest_receipts_are_found_on_every_page(connection, sort, oldest, limit):
    """To walk to them from the newest took 3 s of a million."""
    ids = range(1, 401)
    for number in ids:
        db.add_receipt(connection, db.list_files(connection, add(connection))[0]["id"])
        is_found = (number <= 200) == oldest
        db.set_words(connection, number, "bakery" if is_found else "garage")
    found = []
    for page in range(1, 200 // limit + 1):
        listing = db.ReceiptListing(search="bakery", sort=sort, page=page, limit=limit)
        found += [row["id"] for row in db.list_receipts(connection, listing, 200)]
    assert found == sorted((i for i in ids if (i <= 200) == oldest), reverse=True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """4,000 receipts of ten years, in the order of their dates."""
    data = tmp_path_factory.mktemp("archive") / "data"
    fill(data, 4000)
    with closing(db.connect(data / "receipts.db")) as connection:
        yield connection


@pytest.fixture
def another(archive):
    """Another connection with the same database."""
    with closing(_connected_as(archive)) as connection:
        yield connection


@pytest.fixture
def third(archive):
    with closing(_connected_as(archive)) as connection:
        yield connection


def _connected_as(connection):
    (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
    return db.connect(Path(path))


@pytest.mark.parametrize("sort", db.RECEIPT_SORTS)
@pytest.mark.parametrize("search", [None, "grocer", "0007"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"states": ("review",)},
        {"last_date": "2017-02-28"},
        {"first_date": "2015-02-01", "last_date": "2015-02-28", "states": ("review", "confirmed")},
        {"first_date": "2019-01-01", "currency": "EUR", "least": 500_000},
    ],
)
def test_every_page_is_a_part_of_all_that_is_asked_for(archive, asked, search, sort):
    """Each is found in its way: among the first, along all of the order, or by an index."""
    listing = db.ReceiptListing(**asked, search=search, sort=sort)
    all_ids = [*db.list_receipt_ids(archive, listing)]
    assert len(all_ids) == sum(row["count"] for row in db.sum_receipts(archive, listing))
    for limit in (1, 50):
        last = max(1, -(-len(all_ids) // limit))
        for page in {1, 2, 7, last // 3 or 1, last // 2 or 1, last}:
            part = db.list_receipts(archive, replace(listing, page=page, limit=limit), len(all_ids))
            assert [row["id"] for row in part] == all_ids[(page - 1) * limit :][:limit]


@pytest.mark.parametrize("percent", [50, 60, 90, 97, 100])
@pytest.mark.parametrize(
    "asked",
    [
        *({}, {"states": ("ok", "duplicate")}, {"currency": "CHF"}, {"last_date": "2019-12-31"}),
        {"merchant": "Shop 7"},
    ],
)
def test_sums_of_a_word_are_exact_however_many_receipts_have_it(archive, asked, percent):
    """They are added up, or those of the others subtracted, at once or currency by currency."""
    ids = tuple(n for n in range(1, 4001) if n * 7 % 100 < percent)
    with db.snapshot(archive):
        archive.execute(
            f"""
            UPDATE receipt_search SET words = words || 'common '
            WHERE rowid & {db.MAX_ID} IN {db.LISTED}
            """,
            (json.dumps(ids),),
        )
        found = db.sum_receipts(archive, db.ReceiptListing(**asked, search="common"))
    assert found == db.sum_receipts(archive, db.ReceiptListing(**asked, ids=ids))
    assert found or "merchant" in asked  # that one has two receipts


@pytest.mark.parametrize(
    "asked",
    [
        *({"search": word} for word in ("grocer", "odd", "unpaired", "receipt", "nowhere")),
        *({"search": "odd", "currency": "CHF"}, {"search": "unpaired", "states": ("review",)}),
        *({"least": 500_000}, {"least": 500_000, "search": "odd"}),
    ],
)
def test_two_connections_add_up_what_one_does(archive, another, asked):
    """grocer is on 1 of 5, odd on half, unpaired on 3 of 4, receipt on all."""
    listing = db.ReceiptListing(**asked)
    with db.snapshots(archive, another) as second:
        assert second is another
        found = db.sum_receipts(archive, listing, second=second)
    assert found == db.sum_receipts(archive, listing)
    assert found or asked == {"search": "nowhere"}


def test_the_second_connection_adds_up_half_of_a_search(archive, another):
    """Counted in steps of SQLite's machine, since a time is the processor's."""
    steps = {archive: 0, another: 0}

    def count(connection):
        steps[connection] += 1

    with db.snapshots(archive, another) as second:
        for connection in steps:
            connection.set_progress_handler(partial(count, connection), 10)
        db.sum_receipts(archive, db.ReceiptListing(search="odd"), second=second)
    for connection in steps:
        connection.set_progress_handler(None, 1)
    assert steps[another] > 0.6 * steps[archive]


def test_the_second_connection_is_not_used_where_it_sees_another_state(archive, another, third):
    """Another connection commits after the first began, before the second did."""

    def commit(statement):
        if statement == "BEGIN":
            with third:
                db.add_job(third, "late")

    another.set_trace_callback(commit)
    with db.snapshots(archive, another) as second:
        assert second is None
    another.set_trace_callback(None)
    with db.snapshots(archive, another) as second:
        assert second is another


def test_a_month_of_long_ago_is_found_without_a_look_at_all_that_came_later(archive):
    """A page of it took 76 ms of a million."""
    month = db.ReceiptListing(first_date="2015-02-01", last_date="2015-02-28", states=("ok",))
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    total = sum(row["count"] for row in db.sum_receipts(archive, month))
    archive.set_progress_handler(count, 1)
    found = db.list_receipts(archive, month, total)
    archive.set_progress_handler(None, 1)
    assert len(found) == total > 10 and steps < 5000


@pytest.mark.parametrize("limit", [2, 20])
@pytest.mark.parametrize("oldest", [True, False])
@pytest.mark.parametrize("status", [None, "failed"])
@pytest.mark.parametrize("sort", ["createdAt", "status"])
def test_text_in_the_oldest_jobs_is_found_on_every_page(connection, sort, status, oldest, limit):
    ids = range(1, 401)
    for number in ids:
        name = "bakery" if (number <= 200) == oldest else "garage"
        add(connection, name, status="failed" if number % 2 else "completed")
    connection.commit()
    wanted = [i for i in ids if (i <= 200) == oldest and (i % 2 or not status)]
    found = []
    for page in range(1, len(wanted) // limit + 1):
        asked = {"search": "baker", "sort": sort, "status": status, "page": page, "limit": limit}
        page_ids, total = listed(connection, direction="desc", **asked)
        assert total == len(wanted)
        found += page_ids
    in_order = sorted(wanted, key=lambda i: (i % 2, i) if sort == "status" else i, reverse=True)
    assert found == in_order


def test_jobs_to_delete_for_their_age_are_found_by_an_index(connection):
    query = "SELECT id FROM job WHERE updated_at < :t AND status IN ('completed', 'failed')"
    assert "job_status_updated" in plan(connection, query, t="")


def test_a_search_of_three_characters_uses_the_index_of_texts(connection):
    query = f"SELECT count(*) FROM job_search WHERE {db._found('abc')}"
    assert "VIRTUAL TABLE INDEX" in plan(connection, query, phrase='"abc"')


def test_receipts_of_a_file_change_without_a_look_at_those_of_others(connection):
    """Nearly a million may be of the same state: by that index each file takes 0.4 s."""
    statements = []
    connection.set_trace_callback(statements.append)
    db.fail_receipts(connection, 1)
    connection.set_trace_callback(None)
    (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'receipt_waits'")
    statements.append(trigger["sql"].partition("BEGIN")[2].partition(";")[0])
    for statement in statements[-2:]:
        found = plan(connection, statement.replace("new.file_id", "1"))
        assert "receipt USING INDEX sqlite_autoindex_receipt_1 (file_id=?)" in found


@settings(max_examples=60, deadline=None)
@given(jobs=JOBS, text=TEXTS, deleted=st.sets(st.integers(0, 7)))
def test_a_search_finds_what_holds_the_text_and_nothing_else(tmp_path_factory, jobs, text, deleted):
    path = tmp_path_factory.mktemp("search") / "receipts.db"
    db.create(path)
    with closing(db.connect(path)) as connection:
        ids = [add(connection, *job) for job in jobs]
        for number, job_id in enumerate(ids):
            if number in deleted:
                for file in db.list_files(connection, job_id)[:1]:
                    db.delete_file(connection, job_id, file["id"])
        wanted = [job_id for job_id in ids if not text or holds(connection, job_id, text)]
        connection.commit()
        assert listed(connection, search=text or None) == (wanted, len(wanted))


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 9), st.none() | STATUSES), max_size=40))
def test_counts_are_those_of_the_jobs_whatever_happened(tmp_path_factory, changes):
    """A status for a job, or None to delete it; a job that is not there is added."""
    path = tmp_path_factory.mktemp("counts") / "receipts.db"
    db.create(path)
    with closing(db.connect(path)) as connection:
        ids = {}
        for number, status in changes:
            if status is None:
                db.delete_job(connection, ids.pop(number, 0))
            elif number in ids:
                connection.execute("UPDATE job SET status = ? WHERE id = ?", (status, ids[number]))
            else:
                ids[number] = add(connection, status=status)
            if number % 3 == 0:
                connection.rollback()
                ids = {n: i for n, i in ids.items() if db.get_status(connection, i)}
            connection.commit()
        for status in (None, *db.STATUSES):
            where = "WHERE status = ?" if status else ""
            counted = connection.execute(
                f"SELECT count(*) FROM job {where}", [status] if status else []
            ).fetchone()[0]
            assert db.count_jobs(connection, db.JobListing(status=status)) == counted


@pytest.mark.parametrize("text", [None, "abc", "ab", "rare"])
@pytest.mark.parametrize("status", [None, "failed"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", db.SORTS)
def test_pages_in_a_row_are_the_whole_list(connection, sort, direction, status, text):
    """Read from the front, from the back, by the index of texts and by that of the order."""
    for number in range(60):
        name = ["abc", None, "xabcx", "rare" if number == 7 else "ab"][number % 4]
        add(connection, name, status=db.STATUSES[number % 3 + 1])
    connection.execute("UPDATE job SET updated_at = id % 7, created_at = id % 5")
    connection.commit()
    jobs = [
        ((job["id"] if sort == "id" else job[db.SORTS[sort]] or "", job["id"]), job)
        for job in connection.execute("SELECT * FROM job").fetchall()
        if status in (None, job["status"]) and (not text or holds(connection, job["id"], text))
    ]
    ids = [key[1] for key, _ in sorted(jobs, key=lambda job: job[0], reverse=direction == "desc")]
    pages = []
    asked = {"sort": sort, "direction": direction, "limit": 7, "status": status, "search": text}
    for number in range(1, len(ids) // 7 + 3):
        page, total = listed(connection, page=number, **asked)
        assert total == len(ids)
        pages += page
    assert pages == ids


def test_of_deleted_names_nothing_stays_in_the_index(connection):
    for number in range(200):
        add(connection, f"job {number}")
    secret = add(connection, "Zyzzyva", ["quux.jpg"])
    connection.commit()
    with connection:
        db.delete_job(connection, secret)
    for _ in range(2):  # the second time there is nothing to do
        upkeep.merge_search(connection)
    kept = b"".join(row["block"] for row in connection.execute("SELECT block FROM job_search_data"))
    assert b"zyz" not in kept
    assert b"quu" not in kept
    assert listed(connection, search="job 1")[1] == 111
