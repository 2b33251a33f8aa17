"""Which reading of a file counts: the first good one, until a person chooses another.

A receipt on photos that were uploaded together counts once.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping
from datetime import date

import db
from fields.corrected import (
    columns_of,
    counted,
    first_reading,
    is_settled,
    is_touched,
    keys_in,
    reading_of,
    receipt_of,
    receipts_in,
    text_of,
)
from providers.long_receipts import long_receipts
from result import Json

log = logging.getLogger(__name__)


def record(
    connection: sqlite3.Connection, execution_id: int, claim: str, code: str | None, text: str
) -> bool:
    """Record how an execution ended, and make a good result count. Returns whether db.end did."""
    file_id = db.end(connection, execution_id, claim, code, text)
    if file_id is None:
        return False
    if code is None:
        count_first(connection, file_id)
    join_files(connection, db.job_of(connection, file_id))
    return True


def count_first(connection: sqlite3.Connection, file_id: int) -> None:
    """Make the first good reading of a file count, or the first of all while none is good.

    Nothing changes where a good one counts, or a person has touched a receipt of the file. A file
    that goes on with the receipt of another has none.
    """
    rows = db.list_receipts_of(connection, file_id)
    if not rows or any(map(is_settled, rows)):
        return
    first = first_reading(db.list_completed(connection, file_id))
    if first and first[0] not in {row["execution_id"] for row in rows}:
        count(connection, file_id, *first)


def read_old(connection: sqlite3.Connection, files: int) -> bool:
    """Fill in the receipts of so many files of an older release. Returns whether there were any.

    Receipts of a file whose stored readings make no sense stay without fields, as `reading`.
    """
    file_ids = db.list_unfilled(connection, files)
    for file_id in file_ids:
        try:
            _read_old_file(connection, file_id)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.exception("file %d: its stored readings cannot be understood", file_id)
    if file_ids:
        db.set_unfilled(connection, file_ids[-1])
    return bool(file_ids)


def _read_old_file(connection: sqlite3.Connection, file_id: int) -> None:
    for row in db.list_receipts_of(connection, file_id):
        db.set_words(connection, row["id"], "")
    count_first(connection, file_id)
    db.set_receipt_keys(connection, file_id)
    db.fail_receipts(connection, file_id)


def count(connection: sqlite3.Connection, file_id: int, execution_id: int, reading: Json) -> None:
    """Make this reading count for all receipts of the file; corrections made before it stay."""
    db.delete_receipts_from(connection, file_id, len(receipts_in(reading)))
    for row in db.list_receipts_of(connection, file_id):
        put_receipt(connection, read_as(connection, row, execution_id, reading), reading, None)
    add_receipts(connection, file_id, execution_id, reading)


def add_receipts(
    connection: sqlite3.Connection, file_id: int, execution_id: int | None, reading: Json
) -> None:
    """Add the receipts of this reading of a file that no reading had before."""
    there = len(db.list_receipts_of(connection, file_id))
    for position in range(there, len(receipts_in(reading))):
        db.add_receipt(connection, file_id, position)
    for row in db.list_receipts_of(connection, file_id)[there:]:
        put_receipt(connection, read_as(connection, row, execution_id, reading), reading, None)


def read_as(
    connection: sqlite3.Connection, row: Json, execution_id: int | None, reading: Json
) -> Json:
    """The row with this reading as the one that counts, and the name that was learned for it."""
    name = db.get_learned(connection, keys_in(row, reading))
    is_news = name != receipt_of(row, reading).get("merchant")
    return row | {"execution_id": execution_id, "learned": name if is_news else None}


def put_receipt(connection: sqlite3.Connection, row: Json, reading: Json, seen: str | None) -> bool:
    """Store a row's receipt as it counts now. Returns False if its updated_at is not `seen`."""
    receipt = counted(receipt_of(row, reading), row, date.today())
    if not db.change_receipt(connection, row["id"], seen, **columns_of(receipt, row)):
        return False
    db.set_words(connection, row["id"], text_of(receipt, reading_of(row, reading)))
    return True


# Photos of one long receipt, uploaded together


def join_files(connection: sqlite3.Connection, job_id: int) -> None:
    """Make photos that continue the receipt of an earlier photo count together with it.

    Such a file has no receipt of its own. All follows from the readings that count, in whatever
    order they came: to be called when a job's last file is read, when a file is deleted and when
    another reading is chosen. Confirmed receipts stay as they are.
    """
    files = db.list_joinable(connection, job_id)
    if len(files) < 2 and all(row["id"] and not row["joined"] for row in files):
        return
    joined = _joined({row["part"]: _to_join(connection, row) for row in files})
    parts = {part for reading in joined.values() for part in reading["files"][1:]}
    for row in files:
        if row["part"] in parts:
            db.delete_receipts_from(connection, row["part"], 0)
        elif row["id"] is None:
            db.add_receipt(connection, row["part"])
            count_first(connection, row["part"])
        else:
            _set_joined(connection, row, joined.get(row["part"]))


def _joined(readings: Mapping[int, Json | None]) -> dict[int, Json]:
    """The readings of receipts that are on several files, by the first file of each."""
    there = {file_id: reading for file_id, reading in readings.items() if reading}
    found = {}
    for numbers, reading in long_receipts([*there.values()]):
        files = [[*there][number] for number in numbers]
        pages = [
            {"fileId": file_id, "page": number, "width": page["width"], "height": page["height"]}
            for file_id in files
            for number, page in enumerate(there[file_id].get("pages") or ())
        ]
        found[files[0]] = reading | {"files": files, "pages": pages}
    return found


def _to_join(connection: sqlite3.Connection, row: Json) -> Json | None:
    """The reading of a file that counts; None where a person changed its receipt alone."""
    completed = db.list_completed(connection, row["part"])
    if row["id"] is None:
        first = first_reading(completed)
        return first[1] if first else None
    if row["joined"] is None and is_touched(row):
        return None
    text = dict(completed).get(row["execution_id"])
    return json.loads(text) if text else None


def _set_joined(connection: sqlite3.Connection, row: Json, reading: Json | None) -> None:
    """Make the receipt what was read of it on all its files, or for None on its own file alone."""
    joined = json.dumps(reading, ensure_ascii=False) if reading else None
    if joined == row["joined"]:
        return
    own = json.loads(dict(db.list_completed(connection, row["part"]))[row["execution_id"]])
    new = read_as(connection, row | {"joined": joined}, row["execution_id"], own)
    put_receipt(connection, new, own, None)
