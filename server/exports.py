"""Receipts as CSV or JSON: a row for each file or receipt, or for each item.

Memory stays the same however many there are: ids of jobs or receipts take 8 bytes each, what is
exported of them is read some at a time. The export is written to a file first, so that neither a
thread nor a connection to the database waits for a client that is slow.
"""

import csv
import io
import json
import re
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import IO, Any

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, ServiceUnavailable

import db
from db import JobListing, ReceiptListing
from server.errors import InsufficientStorage
from storage import Storage

Row = dict[str, Any]
Asked = JobListing | ReceiptListing

ABOUT = ("merchant", "date", "currency")
SUMS = ("subtotal", "tax", "total")
ITEM = ("description", "quantity", "unitPrice", "amount")
RECEIPT_COLUMNS = ("job", "file", *ABOUT, *SUMS, "provider", "warnings")
ITEM_COLUMNS = ("job", "file", *ABOUT, *ITEM, "provider")
# Of the list of receipts; the two above are of the list of jobs, whose columns stay as they are.
ROW_COLUMNS = (
    *("id", "job", "file", "merchant", "date", "time", "currency"),
    *("subtotal", "tax", "tip", "total", "paymentMethod", "itemCount"),
    *("state", "provider", "review", "warnings", "corrected", "duplicateOf"),
)
ROW_ITEM_COLUMNS = ("id", *ITEM_COLUMNS)
MONEY = {  # the columns that a money tool's import takes, and what is in them: docs/money.md
    "actual": {"Date": "date", "Payee": "merchant", "Notes": "reference", "Amount": "amount"},
    "firefly": {
        **{"date": "date", "amount": "amount", "currency_code": "currency"},
        **{"description": "merchant", "opposing_name": "merchant"},
        "internal_reference": "reference",
    },
    "ledger": {
        **{"date": "date", "description": "merchant", "amount": "amount"},
        **{"currency": "currency", "code": "reference"},
    },
}
AT_ONCE = 50  # jobs or receipts
MIB = 2**20
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}

# A cell that begins like this is a formula to a spreadsheet (the list is OWASP's "CSV Injection",
# with the full-width forms), and where ";" is the separator also what comes after one.
FORMULA = re.compile(r"^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|(?<=;)(?=\s*[=+\-@])")


def wants_items(args: MultiDict[str, str]) -> bool:
    value = args.get("items", "0")
    if value not in ("0", "1"):
        raise BadRequest(f"items must be 1 for a row for each item, or 0, not {value!r}")
    return value == "1"


def money_columns(args: MultiDict[str, str]) -> dict[str, str] | None:
    """The columns of `format=`; None without one."""
    name = args.get("format")
    if name is not None and name not in MONEY:
        raise BadRequest(f"format must be one of {', '.join(MONEY)}, not {name!r}")
    if name is not None and wants_items(args):
        raise BadRequest(f"format={name} has a row for each receipt; leave out items=1")
    return MONEY[name] if name else None


def written(texts: Iterable[str], storage: Storage, turn: Lock) -> IO[bytes]:
    """A file without a name that holds these texts, to be read from its beginning.

    Raises ServiceUnavailable while another thread has the turn, since each export keeps the
    interpreter busy, and InsufficientStorage when the disk is nearly full: exports that clients
    are slow to read leave room for uploads.
    """
    if not turn.acquire(blocking=False):
        raise ServiceUnavailable(
            "Another export is being written; ask again in some seconds", retry_after=5
        )
    file = storage.scratch()
    try:
        for text in texts:
            file.write(text.encode())
            if file.tell() > MIB and (faults := storage.faults()):
                raise InsufficientStorage(f"The export was given up. {'; '.join(faults)}")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    finally:
        turn.release()
    return file


def as_csv(database: Path, listing: Asked, items: bool) -> Iterator[str]:
    """RFC 4180, in batches; the byte order mark tells Excel that it is UTF-8."""
    yield "\ufeff" + ",".join(_columns(listing, items)) + "\r\n"
    yield from map(_as_csv, _batches(database, listing, items))


def as_money(
    columns: Mapping[str, str], database: Path, listing: ReceiptListing, items: bool
) -> Iterator[str]:
    """CSV of what was spent, in batches; a receipt without a date or a total is left out."""
    yield ",".join(columns) + "\r\n"
    for batch in _batches(database, listing, items):
        spent = [_spent(row) for row in batch if row["date"] and row["total"] is not None]
        yield _as_csv([{name: row[key] for name, key in columns.items()} for row in spent])


def _spent(row: Row) -> Row:
    """The row with what money tools want: an amount that is negative for what was paid."""
    merchant, reference = row["merchant"] or "Unknown", f"receipt-{row['id']}"
    return row | {"merchant": merchant, "amount": _amount(-row["total"]), "reference": reference}


def _amount(number: float) -> Decimal:
    """The number, a dinar's three places as four: importers take 1.234 for a thousand and more.

    Actual Budget and Firefly III's data importer do so (shared/util.ts, Converter/Amount.php).
    """
    exact = Decimal(str(number))
    return exact.quantize(Decimal("0.0001")) if exact.as_tuple().exponent == -3 else exact


def as_json(database: Path, listing: Asked, items: bool) -> Iterator[str]:
    """An array with an object a line, in batches."""
    before = "[\n"
    for batch in _batches(database, listing, items):
        if batch:
            yield before + ",\n".join(json.dumps(row, ensure_ascii=False) for row in batch)
            before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


WRITERS = {"csv": as_csv, "json": as_json}


def _columns(listing: Asked, items: bool) -> Sequence[str]:
    if isinstance(listing, ReceiptListing):
        return ROW_ITEM_COLUMNS if items else ROW_COLUMNS
    return ITEM_COLUMNS if items else RECEIPT_COLUMNS


def _batches(database: Path, listing: Asked, items: bool) -> Iterator[list[Row]]:
    """The rows of some jobs or receipts at a time, each with exactly its columns in their order."""
    columns = _columns(listing, items)
    with closing(db.connect(database)) as connection:
        ids = array("q", _ids(connection, listing))
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE].tolist()
            if isinstance(listing, ReceiptListing):
                receipts: Iterable[Row] = db.list_exported(connection, some, items)
            else:
                receipts = _of_jobs(connection, some)
            rows = (row for receipt in receipts for row in _rows(receipt, items))
            yield [{name: row.get(name) for name in columns} for row in rows]


def _ids(connection: sqlite3.Connection, listing: Asked) -> Iterable[int]:
    if isinstance(listing, ReceiptListing):
        return db.list_receipt_ids(connection, listing)
    return db.list_job_ids(connection, listing) if listing.job is None else [listing.job]


def _of_jobs(connection: sqlite3.Connection, job_ids: list[int]) -> Iterator[Row]:
    """What was read; for a file that could not be read one whose warning is the error's code."""
    for file in db.list_readings(connection, job_ids):
        unread = [{"warnings": [file["unread"]]}]
        receipts = json.loads(file["receipts"] or "[]") if file["provider"] else unread
        source = {"job": file["job"], "file": file["file"], "provider": file["provider"]}
        for receipt in receipts:  # null where a reading has none
            yield {"warnings": []} | (receipt or {}) | source


def _rows(receipt: Row, items: bool) -> list[Row]:
    """The receipt, or a row for each of its items."""
    return [receipt | item for item in receipt.get("items", ())] if items else [receipt]


def _as_csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str | float | None:
    """A number as a number, text so that no spreadsheet computes it."""
    if isinstance(value, list):
        value = " ".join(value)
    return FORMULA.sub("'", value) if isinstance(value, str) else value
