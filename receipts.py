"""The receipts of a file: which reading counts, and what their fields are now.

The reading that counts is the first good one, until a person chooses another. A later one replaces
nothing by itself.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import db
from fields.checks import JUDGED, MIN_PROBABILITY_UNWARNED, check, is_doubtful, reviewed
from fields.shops import keys_of
from result import EVIDENCED, Evidence, Json, Receipt, ReceiptWarning, as_json, from_json, key_of

EMPTY = as_json(Receipt("rules"))  # of which nothing was read
WEAK = {"no_text", "not_a_receipt"}  # warnings of a reading that gives way to a good one
MAX_LISTED = 20  # ids in a sentence
MAX_AMOUNT = 10**10  # larger ones are misread numbers, and a million of these would not add up


def add(connection: sqlite3.Connection, file_id: int) -> None:
    """Add the row of a new file's receipt, of which nothing is read yet."""
    db.set_words(connection, db.add_receipt(connection, file_id), "")


def complete(connection: sqlite3.Connection, execution_id: int, claim: str, ocr_data: str) -> bool:
    """Record a result, which counts if none did; whether it was recorded, as for db.complete."""
    file_id = db.complete(connection, execution_id, claim, ocr_data)
    if file_id is not None:
        count_first(connection, file_id)
    return file_id is not None


def count_first(connection: sqlite3.Connection, file_id: int) -> None:
    """Have the first good reading of a file count, or the first of all while none is good.

    Nothing changes where a good one counts, or a person has touched a receipt of the file.
    """
    rows = db.list_receipts_of(connection, file_id)
    if any(map(_is_settled, rows)):
        return
    first = first_reading(connection, file_id)
    if first and first[0] not in {row["execution_id"] for row in rows}:
        count(connection, file_id, *first)


def first_reading(connection: sqlite3.Connection, file_id: int) -> tuple[int, Json] | None:
    """The execution's id and the first good reading of a file, or the first while none is good."""
    first = None
    for execution_id, text in db.list_completed(connection, file_id):
        reading = json.loads(text)
        if is_good(reading):
            return execution_id, reading
        first = first or (execution_id, reading)
    return first


def read_old(connection: sqlite3.Connection, files: int) -> bool:
    """Fill in the receipts of so many files of an older release; whether there were any."""
    file_ids = db.list_unfilled(connection, files)
    for file_id in file_ids:
        count_first(connection, file_id)
        db.fail_receipts(connection, file_id)
        for row in db.list_receipts_of(connection, file_id):
            if row["execution_id"] is None:
                db.set_words(connection, row["id"], "")
    if file_ids:
        db.set_unfilled(connection, file_ids[-1])
    return bool(file_ids)


def count(connection: sqlite3.Connection, file_id: int, execution_id: int, reading: Json) -> None:
    """Have this reading count for all receipts of the file.

    What was corrected before there was any reading stays as it was corrected.
    """
    _add_rows(connection, file_id, reading)
    db.delete_receipts_from(connection, file_id, len(receipts_in(reading)))
    for row in db.list_receipts_of(connection, file_id):
        _put(connection, _read_as(connection, row, execution_id, reading), reading)


def _add_rows(connection: sqlite3.Connection, file_id: int, reading: Json) -> list[int]:
    """Add the rows of the reading's receipts that no reading had before; their ids."""
    there = len(db.list_receipts_of(connection, file_id))
    positions = range(there, len(receipts_in(reading)))
    return [db.add_receipt(connection, file_id, position) for position in positions]


def _read_as(
    connection: sqlite3.Connection, row: Json, execution_id: int | None, reading: Json
) -> Json:
    """The row with this reading as the one that counts, and the name that was learned for it."""
    name = db.get_learned(connection, _keys(row, reading))
    is_news = name != _read(row, reading).get("merchant")
    return row | {"execution_id": execution_id, "learned": name if is_news else None}


def _put(connection: sqlite3.Connection, row: Json, reading: Json, seen: str | None = None) -> bool:
    """Change a row so that it shows its receipt as it counts; whether it was changed.

    It is not where `seen` is given and not the row's updated_at.
    """
    receipt = counted(_read(row, reading), row)
    if not db.change_receipt(connection, row["id"], seen, **columns_of(receipt, row)):
        return False
    db.set_words(connection, row["id"], text_of(receipt, reading))
    return True


def receipts_in(reading: Json) -> list[Json]:
    """The receipts of a stored reading; an empty one where it has none."""
    return reading.get("receipts") or [reading.get("receipt") or {}]


def counted(receipt: Json, row: Mapping[str, Any]) -> Json:
    """A receipt's fields as they count: as read, then with a learned name, then as corrected.

    Warnings and `review` are those of these fields.
    """
    corrections = json.loads(row["corrections"])
    changed = ({"merchant": row["learned"]} if row["learned"] else {}) | corrections
    if changed:
        receipt = _checked(receipt | changed | _sources(receipt, changed, corrections), corrections)
    return receipt | {"review": []} if row["confirmed_at"] else receipt


def _sources(receipt: Json, changed: Json, corrections: Json) -> Json:
    """The evidence of the receipt, and the items with theirs, where fields were changed."""
    evidence = dict(receipt.get("evidence") or {})
    for name in changed.keys() & set(EVIDENCED):
        source = "corrected" if name in corrections else "learned"
        place = evidence.get(name) or vars(Evidence())
        evidence[name] = place | {"probability": None, "source": source}
    if "items" not in corrections:
        return {"evidence": evidence}
    by_hand = vars(Evidence(source="corrected"))
    return {
        "evidence": evidence,
        "items": [item | {"evidence": by_hand} for item in corrections["items"]],
    }


def _checked(receipt: Json, corrections: Json) -> Json:
    """The receipt with the warnings that still hold, and what is to be reviewed of it."""
    fields = from_json(receipt)
    kept = [w for w in fields.warnings if not _is_outdated(w, fields, corrections)]
    today = date.today() if "date" in corrections else None
    fields = reviewed(replace(fields, warnings=(*check(fields, today), *kept)))
    review = [name for name in fields.review if name not in corrections]
    return receipt | {"warnings": list(fields.warnings), "review": review}


def _is_outdated(warning: ReceiptWarning, fields: Receipt, corrections: Json) -> bool:
    """Whether a warning of the reading is found anew, or speaks of what has been corrected."""
    if warning == "low_confidence":
        return all(_is_sure(getattr(fields.evidence, name)) for name in JUDGED)
    if warning in ("date_ambiguous", "date_in_future"):
        return "date" in corrections
    return warning in ("total_mismatch", "items_mismatch")


def _is_sure(evidence: Evidence | None) -> bool:
    if evidence is None or evidence.source in ("learned", "corrected"):
        return evidence is not None
    return evidence.probability is not None and not is_doubtful(evidence, MIN_PROBABILITY_UNWARNED)


def columns_of(receipt: Json, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the row for a receipt whose fields are those that count."""
    return {
        "execution_id": row["execution_id"],
        "chosen": row["chosen"],
        "state": _state(receipt, row["confirmed_at"]),
        "merchant": receipt.get("merchant"),
        "date": receipt.get("date"),
        "time": receipt.get("time"),
        "total": units(receipt.get("total")),
        "subtotal": units(receipt.get("subtotal")),
        "tax": units(receipt.get("tax")),
        "tip": units(receipt.get("tip")),
        "currency": receipt.get("currency"),
        "item_count": len(receipt.get("items") or ()),
        "payment_method": receipt.get("paymentMethod"),
        "review": json.dumps(receipt.get("review") or []),
        "warnings": json.dumps(receipt.get("warnings") or []),
        "learned": row["learned"],
        "corrections": row["corrections"],
        "changed": row["changed"],
        "confirmed_at": row["confirmed_at"],
        "key": key_of(receipt),
    }


def _read(row: Mapping[str, Any], reading: Json) -> Json:
    """What was read of the row's receipt."""
    return _at(reading, row["position"]) or EMPTY


def _keys(row: Mapping[str, Any], reading: Json) -> dict[str, str | None]:
    """What tells the shop; of several receipts in a file none has the head of the text."""
    receipt, is_alone = _read(row, reading), len(receipts_in(reading)) == 1
    text = reading.get("text") or "" if is_alone else ""
    return keys_of(receipt.get("merchantTaxId"), receipt.get("merchantPhone"), text)._asdict()


# What a person changes


class Change(NamedTuple):
    """What a person wants of a receipt that was as it was at `seen`, its updated_at."""

    seen: str
    corrections: Json = {}  # noqa: RUF012 # by the API's names, fit to be stored
    taken_back: tuple[str, ...] = ()
    reading: int | Literal[False] | None = False  # None: the first good one; False: as it is
    confirmed: bool | None = None  # None: as it is


class Stale(Exception):
    """The receipt was changed after it was seen; the text names what was changed."""


class Refused(Exception):
    """A change that is impossible as the receipt is; the text is a sentence."""


class NoReading(Exception):
    """The execution that is chosen did not read the receipt; the text is a sentence."""


def change(connection: sqlite3.Connection, receipt_id: int, wanted: Change) -> bool:
    """Change a receipt; whether it is there. The caller has begun a transaction.

    Raises Stale, Refused or NoReading, and then the caller must roll back.
    """
    row = db.get_receipt_row(connection, receipt_id)
    if row is None:
        return False
    readings = {i: json.loads(data) for i, data in db.list_completed(connection, row["file_id"])}
    new = _with_reading(connection, row, wanted.reading, readings)
    reading = readings.get(new["execution_id"], {})
    new |= _with_corrections(row, wanted)
    if "merchant" in (*wanted.corrections, *wanted.taken_back):
        _learn(connection, new, reading)
        new = _read_as(connection, new, new["execution_id"], reading)
    if wanted.confirmed is not None:
        new["confirmed_at"] = _confirmed_at(new) if wanted.confirmed else None
    new["changed"] = _changed(row, new)
    if not _put(connection, new, reading, wanted.seen):
        raise Stale(_changes_since(row, wanted.seen))
    for other in _add_rows(connection, row["file_id"], reading):
        added = db.get_receipt_row(connection, other) or {}
        _put(connection, _read_as(connection, added, new["execution_id"], reading), reading)
    return True


def confirm(connection: sqlite3.Connection, ids: Collection[int]) -> None:
    """Confirm all of these. Raises Missing or Refused; the caller has begun a transaction."""
    _check_there(connection, ids)
    if unread := db.list_unread(connection, ids):
        raise Refused(f"Nothing was read or filled in yet of receipts {_listed(unread)}")
    db.confirm_receipts(connection, ids)


def files_of(connection: sqlite3.Connection, ids: Collection[int]) -> list[tuple[int, int]]:
    """(job id, file id) of the files that have these receipts and no others.

    Raises Missing, and Refused where a file has others.
    """
    _check_there(connection, ids)
    if others := db.list_beside(connection, ids):
        raise Refused(f"Receipts {_listed(others)} are in the same files; name them too")
    return db.list_files_of(connection, ids)


class Missing(Exception):
    """There are no such receipts; the text is a sentence."""


def _check_there(connection: sqlite3.Connection, ids: Collection[int]) -> None:
    if missing := set(ids) - db.list_there(connection, ids):
        raise Missing(f"Receipts {_listed(missing)} do not exist")


def _listed(ids: Iterable[int]) -> str:
    first = sorted(ids)
    return ", ".join(map(str, first[:MAX_LISTED])) + (" ..." if first[MAX_LISTED:] else "")


def _with_reading(
    connection: sqlite3.Connection,
    row: Json,
    wanted: int | Literal[False] | None,
    readings: Mapping[int, Json],
) -> Json:
    """The row with the wanted one of its file's readings as the one that counts."""
    if wanted is False:
        return dict(row)
    fit = [i for i, reading in readings.items() if _at(reading, row["position"])]
    if wanted is None:
        good = [i for i in fit if is_good(readings[i])]
        execution_id = next(iter([*good, *fit]), row["execution_id"])
    elif wanted in fit:
        execution_id = wanted
    else:
        found = ", ".join(map(str, fit)) or "none"
        raise NoReading(f"executionId must be one that read this receipt ({found}), not {wanted}")
    reading = readings.get(execution_id, {})
    chosen = {"chosen": int(wanted is not None)}
    return _read_as(connection, row, execution_id, reading) | chosen


def _with_corrections(row: Json, wanted: Change) -> Json:
    """The column of the corrections that there are then."""
    corrections = json.loads(row["corrections"]) | wanted.corrections
    kept = {name: corrections[name] for name in corrections if name not in wanted.taken_back}
    return {"corrections": json.dumps(kept, ensure_ascii=False)}


def _learn(connection: sqlite3.Connection, row: Json, reading: Json) -> None:
    """Have the corrected name of the merchant hold for the next receipt of this shop.

    One that is taken back, or is what was read, is forgotten.
    """
    keys, name = _keys(row, reading), json.loads(row["corrections"]).get("merchant")
    db.forget_learned(connection, keys)
    if name and any(keys.values()) and name != _read(row, reading).get("merchant"):
        db.add_learned(connection, name, keys)


def _confirmed_at(row: Json) -> str:
    if row["execution_id"] is None and row["corrections"] == "{}":
        raise Refused(f"Receipt {row['id']} cannot be confirmed: nothing was read or filled in yet")
    return row["confirmed_at"] or db.now()


def _changed(old: Json, new: Json) -> str:
    """By what was changed, now or before, the updated_at before that change."""
    before, after = json.loads(old["corrections"]), json.loads(new["corrections"])
    names = [name for name in before | after if before.get(name, ()) != after.get(name, ())]
    names += [
        public
        for public, column in (("executionId", "execution_id"), ("confirmed", "confirmed_at"))
        if old[column] != new[column]
    ]
    return json.dumps(json.loads(old["changed"]) | dict.fromkeys(names, old["updated_at"]))


def _changes_since(row: Json, seen: str) -> str:
    """The names of what was changed since then; a later reading leaves none."""
    names = [name for name, before in json.loads(row["changed"]).items() if before >= seen]
    return ", ".join(names) or "the reading that counts"


def units(number: float | None) -> int | None:
    """An amount as it is stored, in ten-thousandths; None for one that cannot be an amount."""
    if number is None or not abs(number) < MAX_AMOUNT:
        return None
    return round(Decimal(str(number)) * db.UNITS)


def text_of(receipt: Json, reading: Json) -> str:
    """What the receipt is found by, beside the names of its file and job."""
    items = [item.get("description") for item in receipt.get("items") or ()]
    return "\n".join(filter(None, [receipt.get("merchant"), *items, reading.get("text")]))


def described(connection: sqlite3.Connection, receipt_id: int) -> Json | None:
    """A receipt with its fields, and with what each execution read of it; None if there is none."""
    shown = db.get_receipt(connection, receipt_id)
    row = db.get_receipt_row(connection, receipt_id)
    if shown is None or row is None:
        return None
    executions = db.list_executions(connection, row["file_id"])
    readings = {e["id"]: json.loads(e["ocrData"]) for e in executions if e["ocrData"]}
    reading = readings.get(row["execution_id"], {})
    receipt, corrections = _at(reading, row["position"]), json.loads(row["corrections"])
    is_known = receipt or corrections
    return shown | {
        "receipt": counted(_fields(receipt or EMPTY), row) if is_known else None,
        "page": receipt.get("page", 0) if receipt else None,
        "box": receipt.get("box") if receipt else None,
        "corrections": corrections,
        "executionId": row["execution_id"],
        "chosen": bool(row["chosen"]),
        "readings": [
            _reading(execution, readings.get(execution["id"], {}), row["position"])
            for execution in executions
        ],
        "pages": [
            {"width": page["width"], "height": page["height"]} for page in reading.get("pages", ())
        ],
    }


def _reading(execution: Mapping[str, Any], reading: Json, position: int) -> Json:
    return {
        "executionId": execution["id"],
        "provider": execution["ocrProvider"],
        "model": reading.get("model"),
        "status": execution["status"],
        "createdAt": execution["createdAt"],
        "receipt": _fields(receipt) if (receipt := _at(reading, position)) else None,
    }


def _at(reading: Json, position: int) -> Json | None:
    """The receipt at this position of a reading, None where it has none."""
    found = receipts_in(reading) if reading else []
    return found[position] if position < len(found) else None


def _fields(receipt: Json) -> Json:
    """A receipt without its place in the file, which is shown beside it."""
    return {name: value for name, value in receipt.items() if name not in ("page", "box")}


def _is_settled(row: Mapping[str, Any]) -> bool:
    """Whether no other reading takes the place of the one that counts: it is good, or touched."""
    is_touched = row["chosen"] or row["confirmed_at"] or row["corrections"] != "{}"
    is_good = not WEAK & set(json.loads(row["warnings"]))
    return bool(row["execution_id"] and (is_touched or is_good))


def is_good(reading: Json) -> bool:
    return not WEAK & set(receipts_in(reading)[0].get("warnings") or ())


def _state(receipt: Json, confirmed_at: str | None) -> str:
    if confirmed_at:
        return "confirmed"
    doubtful = receipt.get("review") or WEAK & set(receipt.get("warnings") or ())
    return "review" if doubtful else "ok"
