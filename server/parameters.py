"""Reads the query parameters of the lists, the exports and the previews."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

import db
from db import JobListing, ReceiptListing

MAX_PAGE = 10**12  # times 100 it still is an integer to SQLite
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CURRENCY = re.compile(r"[A-Za-z]{3}")
AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")
MAX_ID = 10**18 - 1  # 18 digits, as in the routes
RECEIPT_PARAMETERS = (
    *("search", "from", "to", "min", "max", "currency", "merchant", "state", "job", "ids"),
    *("sort", "page", "limit"),
)


def read_listing(args: MultiDict[str, str]) -> JobListing:
    """The parameters of a request. Raises BadRequest naming the parameter and what it takes."""
    return JobListing(**_common(args, "createdAt", db.SORTS), status=_status(args.get("status")))


def _common(args: MultiDict[str, str], sort: str, sorts: Mapping[str, str]) -> dict[str, Any]:
    """What both lists take; they are sorted by `sort`, the latest first, unless told otherwise."""
    field, direction = _sort(args.get("sort", f"{sort}:desc"), sorts)
    return {
        "page": _whole_number("page", args.get("page", "1"), MAX_PAGE),
        "limit": _whole_number("limit", args.get("limit", "20"), 100),
        "sort": field,
        "direction": direction,
        "search": args.get("search") or None,
        "job": _whole_number("job", args["job"], MAX_ID) if "job" in args else None,
    }


def read_preview(args: MultiDict[str, str]) -> tuple[int, int]:
    """The page, the first is 0, and the width in pixels. Raises BadRequest as read_listing."""
    page = _whole_number("page", args.get("page", "0"), MAX_PAGE, least=0)
    return page, _whole_number("width", args.get("width", "800"), MAX_PAGE)


def _whole_number(name: str, value: str, most: int, least: int = 1) -> int:
    is_number = value.isascii() and value.isdigit() and len(value) < 20
    if not (is_number and least <= int(value) <= most):
        raise BadRequest(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def read_receipt_listing(args: MultiDict[str, str], *others: str) -> ReceiptListing:
    """The parameters of the list of receipts, on a route that takes `others` too.

    A misspelt filter would list, add up or export all receipts: it is refused.
    """
    known = (*RECEIPT_PARAMETERS, *others)
    if unknown := [name for name in args if name not in known]:
        raise BadRequest(f"{unknown[0]!r} is not one of the parameters {', '.join(known)}")
    _check_words(args.get("search", ""))
    return ReceiptListing(
        **_common(args, "addedAt", db.RECEIPT_SORTS),
        first_date=_date("from", args.get("from")),
        last_date=_date("to", args.get("to")),
        least=_amount("min", args.get("min")),
        most=_amount("max", args.get("max")),
        currency=_currency(args.get("currency")),
        merchant=args.get("merchant", "").strip() or None,
        states=_states(args.get("state")),
        ids=_ids(args["ids"]) if "ids" in args else None,
    )


def read_groups(args: MultiDict[str, str]) -> Sequence[str]:
    """What a summary is by: keys of db.RECEIPT_GROUPS."""
    by = args.get("by", "month")
    if by not in db.RECEIPT_GROUPS:
        raise BadRequest(f"by must be one of {', '.join(db.RECEIPT_GROUPS)}, not {by!r}")
    return tuple(dict.fromkeys((by, "currency")))


def _check_words(search: str) -> None:
    if (count := len(db.words_of(search).split())) > db.MAX_WORDS:
        raise BadRequest(f"search must have at most {db.MAX_WORDS} words, not {count}")


def _currency(value: str | None) -> str | None:
    if value and not CURRENCY.fullmatch(value):
        raise BadRequest(f"currency must be three letters such as EUR, not {value!r}")
    return value.upper() if value else None


def _ids(value: str) -> tuple[int, ...]:
    return tuple(_whole_number("each of ids", one, MAX_ID) for one in value.split(",") if one)


def _date(name: str, value: str | None) -> str | None:
    if not value:
        return None
    try:
        if DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise BadRequest(f"{name} must be a date such as 2026-03-14, not {value!r}")


def _amount(name: str, value: str | None) -> int | None:
    """The amount in ten-thousandths."""
    if not value:
        return None
    if not AMOUNT.fullmatch(value):
        raise BadRequest(f"{name} must be an amount such as 13.20, not {value!r}")
    return int(Decimal(value) * db.UNITS)


def _states(value: str | None) -> tuple[str, ...]:
    states = tuple(value.split(",")) if value else ()
    if not set(states) <= set(db.RECEIPT_STATES):
        raise BadRequest(
            f"state must be some of {', '.join(db.RECEIPT_STATES)}, joined by commas, not {value!r}"
        )
    return states


def _sort(value: str, sorts: Mapping[str, str]) -> tuple[str, Literal["asc", "desc"]]:
    field, colon, direction = value.partition(":")
    if field not in sorts or direction not in (("asc", "desc") if colon else ("",)):
        raise BadRequest(
            f"sort must be one of {', '.join(sorts)}, then :asc or :desc, not {value!r}"
        )
    return field, "desc" if direction == "desc" else "asc"


def _status(value: str | None) -> str | None:
    if value is not None and value not in db.STATUSES:
        raise BadRequest(f"status must be one of {', '.join(db.STATUSES)}, not {value!r}")
    return value
