"""What people see and change of the receipts of a file."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

from werkzeug.exceptions import BadRequest, Conflict, NotFound

import db
from fields.corrected import EMPTY, counted, is_good, keys_in, reading_of, receipt_at, receipt_of
from result import Json
from worker.readings import add_receipts, join_files, put_receipt, read_as

MAX_LISTED = 20  # ids in a sentence
# What a person changes beside corrections: its name in the API, and the column that tells it.
CHANGED_COLUMNS = (
    ("merchant", "learned"),
    ("executionId", "execution_id"),
    ("confirmed", "confirmed_at"),
)


def described(connection: sqlite3.Connection, receipt_id: int) -> Json | None:
    """A receipt with its fields, and with what each execution read of it; None if there is none."""
    shown = db.get_receipt(connection, receipt_id)
    row = db.get_receipt_row(connection, receipt_id)
    if shown is None or row is None:
        return None
    files = json.loads(row["joined"] or "{}").get("files") or [row["file_id"]]
    executions = [
        {**run, "fileId": part} for part in files for run in db.list_executions(connection, part)
    ]
    readings = {e["id"]: json.loads(e["ocrData"]) for e in executions if e["ocrData"]}
    own = readings.get(row["execution_id"], {})
    reading = reading_of(row, own)
    readings[row["execution_id"]] = own | reading
    receipt, corrections = receipt_at(reading, row["position"]), json.loads(row["corrections"])
    is_known = receipt or corrections or shown["state"] == "failed"
    return shown | {
        "receipt": counted(_fields(receipt or EMPTY), row, date.today()) if is_known else None,
        "page": receipt.get("page", 0) if receipt else None,
        "box": receipt.get("box") if receipt else None,
        "corrections": corrections,
        "executionId": row["execution_id"],
        "chosen": bool(row["chosen"]),
        "readings": [
            _reading(execution, readings.get(execution["id"], {}), row["position"])
            for execution in executions
        ],
        "files": files,
        "pages": [
            {
                "fileId": page.get("fileId", row["file_id"]),
                "page": page.get("page", number),
                "width": page["width"],
                "height": page["height"],
            }
            for number, page in enumerate(reading.get("pages", ()))
        ],
    }


def _reading(execution: Mapping[str, Any], reading: Json, position: int) -> Json:
    return {
        "executionId": execution["id"],
        "fileId": execution["fileId"],
        "provider": execution["ocrProvider"],
        "model": reading.get("model"),
        "status": execution["status"],
        "createdAt": execution["createdAt"],
        "receipt": _fields(receipt) if (receipt := receipt_at(reading, position)) else None,
    }


def _fields(receipt: Json) -> Json:
    """A receipt without its place in the file, which is shown beside it."""
    return {name: value for name, value in receipt.items() if name not in ("page", "box")}


class Change(NamedTuple):
    """What a person wants of a receipt that was as it was at `seen`, its updated_at."""

    seen: str
    corrections: Json = {}  # noqa: RUF012 # by the API's names, fit to be stored
    taken_back: tuple[str, ...] = ()
    reading: int | Literal[False] | None = False  # None: the first good one; False: as it is
    confirmed: bool | None = None  # None: as it is


def change(connection: sqlite3.Connection, receipt_id: int, wanted: Change) -> bool:
    """Change a receipt. Returns whether it exists. The caller has begun a transaction.

    Raises Conflict or BadRequest, and then the caller must roll back.
    """
    row = db.get_receipt_row(connection, receipt_id)
    if row is None:
        return False
    readings = {i: json.loads(data) for i, data in db.list_completed(connection, row["file_id"])}
    new = _with_reading(connection, row, wanted.reading, readings) | _with_corrections(row, wanted)
    reading = readings.get(new["execution_id"], {})
    forgotten: list[str] = []
    if "merchant" in (*wanted.corrections, *wanted.taken_back):
        forgotten = _learn(connection, new, reading)
        new = read_as(connection, new, new["execution_id"], reading)
    if wanted.confirmed is not None:
        new["confirmed_at"] = _confirmed_at(new) if wanted.confirmed else None
    new["changed"] = _changed(row, new)
    if not put_receipt(connection, new, reading, wanted.seen):
        raise Conflict(
            f"The receipt was changed meanwhile: {_changes_since(row, wanted.seen)}; get it again,"
            " then send its new updatedAt"
        )
    db.fail_receipts(connection, row["file_id"])
    add_receipts(connection, row["file_id"], new["execution_id"], reading)
    _name_anew(connection, forgotten)
    join_files(connection, db.job_of(connection, row["file_id"]))
    return True


def _with_reading(
    connection: sqlite3.Connection,
    row: Json,
    wanted: int | Literal[False] | None,
    readings: Mapping[int, Json],
) -> Json:
    """The row with the wanted one of its file's readings as the one that counts."""
    if wanted is False:
        return dict(row)
    fit = [i for i, reading in readings.items() if receipt_at(reading, row["position"])]
    if wanted is None:
        good = [i for i in fit if is_good(readings[i])]
        execution_id = next(iter([*good, *fit]), row["execution_id"])
    elif wanted in fit:
        execution_id = wanted
    else:
        found = ", ".join(map(str, fit)) or "none"
        raise BadRequest(f"executionId must be one that read this receipt ({found}), not {wanted}")
    reading = readings.get(execution_id, {})
    chosen = {"chosen": int(wanted is not None)}
    return read_as(connection, row, execution_id, reading) | chosen


def _with_corrections(row: Json, wanted: Change) -> Json:
    """The column `corrections` as the change leaves it."""
    corrections = json.loads(row["corrections"]) | wanted.corrections
    kept = {name: corrections[name] for name in corrections if name not in wanted.taken_back}
    return {"corrections": json.dumps(kept, ensure_ascii=False)}


def _learn(connection: sqlite3.Connection, row: Json, reading: Json) -> list[str]:
    """Learn the corrected name of the merchant for later receipts of this shop.

    A name that is taken back, or is what was read, is forgotten. Returns the names learned before.
    """
    keys, name = keys_in(row, reading), json.loads(row["corrections"]).get("merchant")
    forgotten = db.forget_learned(connection, keys)
    if name and any(keys.values()) and name != receipt_of(row, reading).get("merchant"):
        db.add_learned(connection, name, keys)
    return forgotten


def _name_anew(connection: sqlite3.Connection, forgotten: list[str]) -> None:
    """Rename the receipts that have one of these names only because it was learned."""
    for row in db.list_named(connection, forgotten):
        reading = json.loads(db.get_reading(connection, row["execution_id"]) or "{}")
        new = read_as(connection, row, row["execution_id"], reading)
        if new["learned"] != row["learned"]:
            new["changed"] = _changed(row, new)
            put_receipt(connection, new, reading, None)


def _confirmed_at(row: Json) -> str:
    if row["execution_id"] is None and row["corrections"] == "{}":
        raise Conflict(
            f"Receipt {row['id']} cannot be confirmed: nothing was read or filled in yet"
        )
    return row["confirmed_at"] or db.now()


def _changed(old: Json, new: Json) -> str:
    """The column `changed` after this change: for each name the updated_at before it."""
    before, after = json.loads(old["corrections"]), json.loads(new["corrections"])
    names = [name for name in before | after if before.get(name, ()) != after.get(name, ())]
    names += [public for public, column in CHANGED_COLUMNS if old[column] != new[column]]
    return json.dumps(json.loads(old["changed"]) | dict.fromkeys(names, old["updated_at"]))


def _changes_since(row: Json, seen: str) -> str:
    """The names of what was changed since then; a later reading leaves none."""
    names = [name for name, before in json.loads(row["changed"]).items() if before >= seen]
    return ", ".join(names) or "the reading that counts"


def confirm(connection: sqlite3.Connection, ids: Collection[int]) -> None:
    """Confirm all of these. Raises NotFound or Conflict; the caller has begun a transaction."""
    _check_there(connection, ids)
    if unread := db.list_unread(connection, ids):
        raise Conflict(f"Nothing was read or filled in yet of receipts {_listed(unread)}")
    db.confirm_receipts(connection, ids)


def files_of(connection: sqlite3.Connection, ids: Collection[int]) -> list[tuple[int, int]]:
    """(job id, file id) of the files that have these receipts and no others.

    Raises NotFound, and Conflict where a file has others.
    """
    _check_there(connection, ids)
    if others := db.list_beside(connection, ids):
        raise Conflict(f"Receipts {_listed(others)} are in the same files; name them too")
    return db.list_files_of(connection, ids)


def _check_there(connection: sqlite3.Connection, ids: Collection[int]) -> None:
    if missing := set(ids) - db.list_there(connection, ids):
        raise NotFound(f"Receipts {_listed(missing)} do not exist")


def _listed(ids: Iterable[int]) -> str:
    first = sorted(ids)
    return ", ".join(map(str, first[:MAX_LISTED])) + (" ..." if first[MAX_LISTED:] else "")
