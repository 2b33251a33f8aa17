"""Errors as responses: HTTP errors, disk errors and database errors in one JSON format."""

import errno
import json
import shutil
import sqlite3
from http import HTTPStatus
from pathlib import Path

from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
)
from werkzeug.wrappers import Request, Response

import db

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNWRITABLE = {
    *(errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ENODEV, errno.ESTALE),  # the disk has gone
}
SQLITE_NEEDS_BYTES = 1024 * 1024
MAX_DETAILS = 4000  # characters


class InsufficientStorage(HTTPException):
    code = HTTPStatus.INSUFFICIENT_STORAGE
    description = "The disk is full: nothing was stored; free some space and send it again"


def as_response(error: HTTPException, request: Request) -> Response:
    """The error as JSON, with the headers that belong to it, such as Allow."""
    response = error.get_response()
    response.set_data(as_json(response.status_code, error.name, _details(error, request)))
    response.mimetype = "application/json"
    return response


def as_json(status_code: int, message: str, details: str | None) -> bytes:
    """The body of an answer; details that repeat a long part of the request lose their middle."""
    if details and len(details) > MAX_DETAILS:
        details = f"{details[: MAX_DETAILS // 2]} ... {details[-MAX_DETAILS // 2 :]}"
    body = {"statusCode": status_code, "message": message, "details": details}
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _details(error: HTTPException, request: Request) -> str | None:
    """The error's sentence, or a better one where it is werkzeug's or flask-limiter's."""
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.path} takes {methods} and not {request.method}"
    if limit := getattr(error, "limit", None):  # flask-limiter's own sentence is "10 per 1 second"
        return f"RATE_LIMIT lets each client send {limit.limit}; Retry-After says when to try again"
    if error.description == InternalServerError.description:
        return "The server has a bug, which it has logged under this answer's X-Request-ID"
    if error.description == NotFound.description:
        return f"There is nothing at {request.method} {request.path}"
    if error.description == RequestEntityTooLarge.description:
        return f"The body has more than {request.max_content_length} bytes; send less at once"
    return error.description


def from_disk(error: sqlite3.DatabaseError | OSError, data: Path) -> HTTPException | None:
    """The HTTP error for an error of the database or a file in `data`; None if it is a bug."""
    if isinstance(error, OSError):
        if error.errno in DISK_FULL:
            return InsufficientStorage()
        return _unwritable() if error.errno in UNWRITABLE else None
    if isinstance(error, db.Unusable):
        return ServiceUnavailable(str(error), retry_after=10)
    primary = db.error_code(error)
    if primary == sqlite3.SQLITE_FULL:
        return InsufficientStorage()
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ServiceUnavailable("The database is locked; try again", retry_after=1)
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        # SQLITE_FULL does not always come
        full = data.exists() and shutil.disk_usage(data).free < SQLITE_NEEDS_BYTES
        return InsufficientStorage() if full else _unwritable()
    if primary in db.DAMAGED:
        advice = "stop the server and restore a backup: flask restore"
        return ServiceUnavailable(f"The database is damaged ({error}); {advice}", retry_after=10)
    return None


def _unwritable() -> HTTPException:
    return ServiceUnavailable(
        "The data directory cannot be written; check its owner, its mode and its disk",
        retry_after=10,
    )
