"""Errors as responses: HTTP errors, disk errors and database errors in one JSON format."""

import errno
import json
import shutil
import sqlite3
from http import HTTPStatus
from pathlib import Path

from werkzeug.exceptions import (
    HTTPException,
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


class InsufficientStorage(HTTPException):
    code = HTTPStatus.INSUFFICIENT_STORAGE
    description = "The disk is full: nothing was stored; free some space and send it again"


def as_response(error: HTTPException, request: Request) -> Response:
    """The error as JSON, with the headers that belong to it, such as Allow."""
    details = _details(error, request)
    body = {"statusCode": error.code, "message": error.name, "details": details}
    response = error.get_response()
    response.set_data(json.dumps(body, separators=(",", ":")) + "\n")
    response.mimetype = "application/json"
    return response


def _details(error: HTTPException, request: Request) -> str | None:
    """The error's own sentence; ours in place of werkzeug's, which say less."""
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.path} takes {methods} and not {request.method}"
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
