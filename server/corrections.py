"""Reads from JSON what people change of receipts, and changes it.

A correction is checked as a model's answer is, but nothing is dropped or guessed: the request is
refused with a sentence for each value that its field cannot hold.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal, get_args

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request

import db
from providers import vision
from result import MAX_TEXT_LENGTH, PRINTED, Json, camel_name, one_line
from server import receipts
from server.parameters import MAX_ID
from server.receipts import Change
from server.service import Service
from worker.upkeep import collect_garbage

MAX_BODY_BYTES = 512 * 1024  # of JSON; a thousand items take 200 kB
MAX_IDS = 1000  # in one request
MAX_FAULTS = 20  # in one answer
MAX_SHOWN = 60  # characters of a value that is refused
KEYS = ("updatedAt", "set", "unset", "executionId", "confirmed")

Reader = Callable[[object], Any]  # raises Unfit


def change(
    service: Service, connection: sqlite3.Connection, receipt_id: int, request: Request
) -> Json | None:
    """Make the change that the request asks for. Returns the receipt, None if it does not exist."""
    wanted = read_change(read_json(request))
    with service.writing(), db.transaction(connection):
        if not receipts.change(connection, receipt_id, wanted):
            return None
        changed = receipts.described(connection, receipt_id)
    service.webhook.wake()
    return changed


def confirm(service: Service, connection: sqlite3.Connection, request: Request) -> int:
    """Confirm all receipts that the request names. Returns their number."""
    ids = read_ids(read_json(request))
    with service.writing(), db.transaction(connection):
        receipts.confirm(connection, ids)
    service.webhook.wake()
    return len(ids)


def delete(service: Service, connection: sqlite3.Connection, request: Request) -> int:
    """Delete all receipts that the request names, with their files and jobs left without any.

    Returns the number of receipts. Raises what receipts.files_of and Worker.delete raise.
    """
    ids = read_ids(read_json(request))
    service.storage.check_writable()
    with service.writing(), db.transaction(connection):
        jobs = service.worker.delete_files(connection, receipts.files_of(connection, ids))
    collect_garbage(connection, service.storage)
    service.deleted(connection, *jobs)
    return len(ids)


# The request


def read_json(request: Request) -> Json:
    """The JSON object in the body. Raises BadRequest, UnsupportedMediaType or too large."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(
            f"The body must be application/json, not {request.mimetype or 'untyped'};"
            " with curl add -H 'Content-Type: application/json'"
        )
    request.max_content_length = MAX_BODY_BYTES
    try:
        value = json.loads(
            request.get_data(), parse_float=_number, parse_int=_number, parse_constant=str
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise BadRequest(f"The body must be a JSON object, not {_shown(value)}")
    return value


def _number(digits: str) -> Decimal | str:
    """The number; one that no receipt has, as 1E+9999999, stays text, which no field takes."""
    number = vision.decimal(digits)
    return digits if number is None else number


def read_ids(body: Json) -> list[int]:
    """The ids in {"ids": [1, 2]}, each once. Raises BadRequest."""
    ids = body.get("ids") if body.keys() == {"ids"} else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS or not all(map(_is_id, ids)):
        raise BadRequest(f'The body must be {{"ids": [1, 2]}} with 1 to {MAX_IDS} ids of receipts')
    return sorted({int(one) for one in ids})


def _is_id(value: object) -> bool:
    return isinstance(value, Decimal) and 0 < value <= MAX_ID and not value % 1


def read_change(body: Json) -> Change:
    """The change that a PATCH asks for. Raises BadRequest with a sentence for each fault."""
    faults = [_unknown_key(name, body[name]) for name in body if name not in KEYS]

    def read(name: str, value: object, reader: Reader) -> Any:
        try:
            return reader(value)
        except Unfit as fault:
            faults.append(f"{name}{fault.where} must be {fault}, not {_shown(fault.value)}")
            return None

    if "updatedAt" not in body:
        faults.append("updatedAt is missing; send that of the receipt as you saw it")
    seen = read("updatedAt", body["updatedAt"], _text) if "updatedAt" in body else ""
    values: Json = read("set", body.get("set", {}), _object) or {}
    unset: list[Any] = read("unset", body.get("unset", []), _list) or []
    faults += _unknown_fields([*values, *unset])
    known = {name: value for name, value in values.items() if name in READERS}
    found = {name: read(name, value, READERS[name]) for name, value in known.items()}
    faults += [f"{name} is both in set and in unset" for name in found if name in unset]
    execution: int | Literal[False] | None = False
    if "executionId" in body:
        execution = read("executionId", body["executionId"], _or_null(_execution))
    confirmed = read("confirmed", body["confirmed"], _flag) if "confirmed" in body else None
    if faults:
        more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise BadRequest("; ".join(faults[:MAX_FAULTS]) + more)
    return Change(seen, found, tuple(unset), execution, confirmed)


def _unknown_key(name: str, value: object) -> str:
    if name in READERS:
        return f'{name} belongs in set: {{"set": {{"{name}": {_shown(value)}}}}}'
    return f"{_shown(name)} is not one of {', '.join(KEYS)}"


def _unknown_fields(names: Sequence[object]) -> list[str]:
    """A fault for each of these that is no field; only the first lists the fields."""
    unknown = [_shown(name) for name in names if name not in [*READERS]]
    first = [f"{name} is not one of the fields {', '.join(READERS)}" for name in unknown[:1]]
    return first + [f"{name} is not a field either" for name in unknown[1:]]


def _shown(value: object) -> str:
    if isinstance(value, str | Decimal):
        text = repr(value) if isinstance(value, str) else str(value)
    else:
        text = json.dumps(value, default=float)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


# What fields hold


class Unfit(Exception):
    """A value that a field cannot hold; the text says what it holds."""

    def __init__(self, wanted: str, value: object, where: str = "") -> None:
        super().__init__(wanted)
        self.value, self.where = value, where


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise Unfit("an object with fields and their values", value)
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) > vision.MAX_ITEMS:
        raise Unfit(f"a list of at most {vision.MAX_ITEMS}", value)
    return value


def _execution(value: object) -> int:
    if not isinstance(value, Decimal) or not _is_id(value):
        raise Unfit("the id of an execution, or null", value)
    return int(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("true or false", value)
    return value


def _text(value: object) -> str:
    text = one_line(value) if isinstance(value, str) else ""
    if not 0 < len(text) <= MAX_TEXT_LENGTH:
        raise Unfit(f"a text of 1 to {MAX_TEXT_LENGTH} characters", value)
    return text


def _amount(value: object) -> float:
    if not isinstance(value, Decimal) or abs(value) >= db.MAX_AMOUNT or value != round(value, 4):
        raise Unfit(f"a number below {db.MAX_AMOUNT} with at most 4 places", value)
    return int(value) if value == int(value) else float(value)


def _checked_as(name: str, wanted: str, is_as_written: bool = True) -> Reader:
    """Reads what is also taken from a model for this field; dates and times only as written."""

    def read(value: object) -> object:
        found = vision.checked(name, value) if isinstance(value, str) else None
        if found is None or (is_as_written and found != value):
            raise Unfit(wanted, value)
        return found

    return read


def _or_null(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _parts(**readers: Reader) -> Reader:
    """Reads a list of objects of such parts, none of which has to be there."""

    def read(value: object) -> list[Json]:
        return [part(one, f"[{number}]") for number, one in enumerate(_list(value))]

    def part(value: object, where: str) -> Json:
        if not isinstance(value, dict) or not value.keys() <= {*readers, "evidence"}:
            raise Unfit(f"an object of {', '.join(readers)}", value, where)
        found = {}
        for name, reader in readers.items():
            try:
                found[name] = reader(value.get(name))
            except Unfit as fault:
                raise Unfit(str(fault), fault.value, f"{where}.{name}") from None
        return found

    return read


_NUMBER = _or_null(_amount)
_SPECIAL: dict[str, Reader] = {
    "date": _checked_as("date", "a date as in 2026-03-14"),
    "time": _checked_as("time", "a time as in 09:41"),
    "currency": _checked_as("currency", "a currency's code as in EUR", is_as_written=False),
    "cardLast4": _checked_as("card_last4", "four digits"),
    "discount": lambda value: -abs(_amount(value)),
}
_LISTS: dict[str, Reader] = {
    "items": _parts(description=_text, quantity=_NUMBER, unitPrice=_NUMBER, amount=_NUMBER),
    "taxes": _parts(rate=_NUMBER, amount=_NUMBER),
}
_PLAIN = {str | None: _text, Decimal | None: _amount}
# The fields that can be corrected, and what reads their values.
READERS: dict[str, Reader] = {
    name: _LISTS.get(name) or _or_null(_SPECIAL.get(name) or _PLAIN[get_args(field.type)[0]])
    for field in PRINTED
    if (name := camel_name(field.name))
}
