"""A receipt's fields as they count: as read, then with a learned name, then as corrected. Pure.

A row is that of schema.sql: position, corrections, learned, chosen, confirmed_at and so on.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from fields.checks import check, is_sure, reviewed
from fields.shops import keys_of
from result import (
    EVIDENCED,
    Evidence,
    Json,
    Receipt,
    ReceiptWarning,
    as_json,
    camel_name,
    from_json,
    key_of,
)

EMPTY = as_json(Receipt("rules"))  # of which nothing was read
WEAK = {"no_text", "not_a_receipt"}  # warnings of a reading that gives way to a good one
# Columns of a receipt's row that a reading leaves as they are, and those that are fields of it.
KEPT = ("execution_id", "chosen", "learned", "joined", "corrections", "changed", "confirmed_at")
LISTED = (
    *("merchant", "date", "time", "currency", "payment_method"),
    *("subtotal", "tax", "tip", "total"),
)


def receipts_in(reading: Json) -> list[Json]:
    """The receipts of a stored reading; an empty one where it has none."""
    return reading.get("receipts") or [reading.get("receipt") or {}]


def receipt_at(reading: Json, position: int) -> Json | None:
    """The receipt at this position of a reading, None where it has none."""
    found = receipts_in(reading) if reading else []
    return found[position] if position < len(found) else None


def reading_of(row: Mapping[str, Any], reading: Json) -> Json:
    """The reading of all photos of the row's receipt; that of its file where it is on no other."""
    joined: Json | None = json.loads(row["joined"]) if row["joined"] else None
    return joined or reading


def receipt_of(row: Mapping[str, Any], reading: Json) -> Json:
    """What was read of the row's receipt."""
    return receipt_at(reading_of(row, reading), row["position"]) or EMPTY


def keys_in(row: Mapping[str, Any], reading: Json) -> dict[str, str | None]:
    """What tells the shop; of several receipts in a file none has the head of the text."""
    receipt, is_alone = receipt_of(row, reading), len(receipts_in(reading)) == 1
    text = reading.get("text") or "" if is_alone else ""
    return keys_of(receipt.get("merchantTaxId"), receipt.get("merchantPhone"), text)._asdict()


def is_good(reading: Json) -> bool:
    return not WEAK & set(receipts_in(reading)[0].get("warnings") or ())


def first_reading(completed: Iterable[tuple[int, str]]) -> tuple[int, Json] | None:
    """The first good one of (execution id, ocrData), or the first while none is good."""
    first = None
    for execution_id, text in completed:
        reading = json.loads(text)
        if is_good(reading):
            return execution_id, reading
        first = first or (execution_id, reading)
    return first


def is_settled(row: Mapping[str, Any]) -> bool:
    """Whether no other reading takes the place of the one that counts: it is good, or touched."""
    is_good = not WEAK & set(json.loads(row["warnings"]))
    return bool(row["execution_id"] and (is_touched(row) or is_good))


def is_touched(row: Mapping[str, Any]) -> bool:
    """Whether a person chose its reading, corrected or confirmed it."""
    return bool(row["chosen"] or row["confirmed_at"] or row["corrections"] != "{}")


def counted(receipt: Json, row: Mapping[str, Any], today: date) -> Json:
    """A receipt's fields as they count: as read, then with a learned name, then as corrected.

    Warnings and `review` are those of these fields.
    """
    corrections = json.loads(row["corrections"])
    new = ({"merchant": row["learned"]} if row["learned"] else {}) | corrections
    if new:
        receipt = _checked(receipt | new | _sources(receipt, new, corrections), corrections, today)
    return receipt | {"review": []} if row["confirmed_at"] else receipt


def _sources(receipt: Json, changed: Json, corrections: Json) -> Json:
    """The evidence of the receipt, and the items with theirs, where fields were changed."""
    evidence = dict(receipt.get("evidence") or {})
    for name in changed.keys() & set(map(camel_name, EVIDENCED)):
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


def _checked(receipt: Json, corrections: Json, today: date) -> Json:
    """The receipt with the warnings that still hold, and what is to be reviewed of it."""
    fields = from_json(receipt)
    kept = [w for w in fields.warnings if not _is_outdated(w, fields, corrections)]
    found = check(fields, today if "date" in corrections else None)
    fields = reviewed(replace(fields, warnings=(*found, *kept)))
    review = [name for name in fields.review if name not in corrections]
    return receipt | {"warnings": list(fields.warnings), "review": review}


def _is_outdated(warning: ReceiptWarning, fields: Receipt, corrections: Json) -> bool:
    """Whether a warning of the reading is found anew, or speaks of what has been corrected."""
    if warning == "low_confidence":
        return is_sure(fields)
    if warning in ("date_ambiguous", "date_in_future"):
        return "date" in corrections
    return warning in ("total_mismatch", "items_mismatch")


def columns_of(receipt: Json, row: Mapping[str, Any]) -> dict[str, Any]:
    """What db.change_receipt records of a receipt whose fields are those that count."""
    return {
        **{name: row[name] for name in KEPT},
        **{name: receipt.get(camel_name(name)) for name in LISTED},
        "state": _state(receipt, row),
        "item_count": len(receipt.get("items") or ()),
        "review": json.dumps(receipt.get("review") or []),
        "warnings": json.dumps(receipt.get("warnings") or []),
        "key": key_of(receipt),
    }


def _state(receipt: Json, row: Mapping[str, Any]) -> str:
    if row["confirmed_at"]:
        return "confirmed"
    if row["execution_id"] is None and row["corrections"] == "{}":
        return "reading"  # until db.fail_receipts finds that nothing is pending
    doubtful = receipt.get("review") or WEAK & set(receipt.get("warnings") or ())
    return "review" if doubtful else "ok"


def text_of(receipt: Json, reading: Json) -> str:
    """What the receipt is found by, beside the names of its file and job."""
    items = [item.get("description") for item in receipt.get("items") or ()]
    return "\n".join(filter(None, [receipt.get("merchant"), *items, reading.get("text")]))
