"""Reads the query parameters of the list and the exports."""

from typing import Literal

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

import db
from db import Listing

MAX_PAGE = 10**12  # times 100 it still is an integer to SQLite
MAX_ID = 10**18 - 1  # 18 digits, as in the routes


def read_listing(args: MultiDict[str, str]) -> Listing:
    """The parameters of a request. Raises BadRequest naming the parameter and what it takes."""
    sort, direction = _sort(args.get("sort", "createdAt:desc"))
    return Listing(
        page=_whole_number("page", args.get("page", "1"), MAX_PAGE),
        limit=_whole_number("limit", args.get("limit", "20"), 100),
        sort=sort,
        direction=direction,
        status=_status(args.get("status")),
        search=args.get("search") or None,
        job=_whole_number("job", args["job"], MAX_ID) if "job" in args else None,
    )


def _whole_number(name: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and 1 <= int(value) <= most):
        raise BadRequest(f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return int(value)


def _sort(value: str) -> tuple[str, Literal["asc", "desc"]]:
    field, colon, direction = value.partition(":")
    if field not in db.SORTS or direction not in (("asc", "desc") if colon else ("",)):
        raise BadRequest(
            f"sort must be one of {', '.join(db.SORTS)}, then :asc or :desc, not {value!r}"
        )
    return field, "desc" if direction == "desc" else "asc"


def _status(value: str | None) -> str | None:
    if value is not None and value not in db.STATUSES:
        raise BadRequest(f"status must be one of {', '.join(db.STATUSES)}, not {value!r}")
    return value
