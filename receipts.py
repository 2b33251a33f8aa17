"""The receipts of a file: which reading counts, and what their fields are now.

The reading that counts is the first good one, until a person chooses another. A later one replaces
nothing by itself.
"""

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import db
from result import Json, key_of

WEAK = {"no_text", "not_a_receipt"}  # warnings of a reading that gives way to a good one
MAX_AMOUNT = 10**10  # larger ones are misread numbers, and a million of these would not add up


def add(connection: sqlite3.Connection, file_id: int) -> None:
    """Add the row of a new file's receipt, of which nothing is read yet."""
    db.set_words(connection, db.add_receipt(connection, file_id), "")


def complete(connection: sqlite3.Connection, execution_id: int, claim: str, ocr_data: str) -> bool:
    """Record a result, which counts if none did; whether it was recorded, as for db.complete."""
    file_id = db.complete(connection, execution_id, claim, ocr_data)
    if file_id is None:
        return False
    reading = json.loads(ocr_data)
    rows = db.list_receipts_of(connection, file_id)
    is_read = any(row["execution_id"] for row in rows)
    if not any(map(_is_settled, rows)) and (_is_good(reading) or not is_read):
        count(connection, file_id, execution_id, reading)
    return True


def count(connection: sqlite3.Connection, file_id: int, execution_id: int, reading: Json) -> None:
    """Have this reading count for all receipts of the file, of which none is corrected."""
    found = receipts_in(reading)
    for position, receipt in enumerate(found):
        columns = columns_of(receipt, execution_id)
        receipt_id = db.put_receipt(connection, file_id, position, **columns)
        db.set_words(connection, receipt_id, text_of(receipt, reading))
    db.delete_receipts_from(connection, file_id, len(found))


def receipts_in(reading: Json) -> list[Json]:
    """The receipts of a stored reading; an empty one where it has none."""
    return reading.get("receipts") or [reading.get("receipt") or {}]


def counted(receipt: Json, corrections: Json) -> Json:
    """A receipt's fields as they count: as they were read, then as they were corrected."""
    evidence = receipt.get("evidence") or {}
    corrected = {name: {**(evidence.get(name) or {}), **CORRECTED} for name in corrections}
    return {
        **receipt,
        **corrections,
        "review": [name for name in receipt.get("review", []) if name not in corrections],
        "evidence": evidence | corrected,
    }


CORRECTED = {"probability": None, "source": "corrected"}  # evidence of a corrected field


def columns_of(
    receipt: Json,
    execution_id: int,
    corrections: Json | None = None,
    chosen: bool = False,
    confirmed_at: str | None = None,
) -> dict[str, Any]:
    """The columns of the row for a receipt whose fields are those that count."""
    return {
        "execution_id": execution_id,
        "chosen": chosen,
        "state": _state(receipt, confirmed_at),
        "merchant": receipt.get("merchant"),
        "date": receipt.get("date"),
        "time": receipt.get("time"),
        "total": units(receipt.get("total")),
        "tax": units(receipt.get("tax")),
        "currency": receipt.get("currency"),
        "item_count": len(receipt.get("items") or ()),
        "payment_method": receipt.get("paymentMethod"),
        "review": json.dumps(receipt.get("review") or []),
        "warnings": json.dumps(receipt.get("warnings") or []),
        "corrections": json.dumps(corrections or {}, ensure_ascii=False),
        "confirmed_at": confirmed_at,
        "key": key_of(receipt),
    }


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
    return shown | {
        "receipt": counted(_fields(receipt), corrections) if receipt else None,
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
    return bool(is_touched or (row["execution_id"] and not WEAK & set(json.loads(row["warnings"]))))


def _is_good(reading: Json) -> bool:
    return not WEAK & set(receipts_in(reading)[0].get("warnings") or ())


def _state(receipt: Json, confirmed_at: str | None) -> str:
    if confirmed_at:
        return "confirmed"
    doubtful = receipt.get("review") or WEAK & set(receipt.get("warnings") or ())
    return "review" if doubtful else "ok"
