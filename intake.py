"""How does an upload become a job? Its files and rows come to be together, or not at all."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from werkzeug.exceptions import BadRequest, Conflict, UnprocessableEntity
from werkzeug.wrappers import Request

import db
from service import Service
from upload import Upload, read_upload

log = logging.getLogger(__name__)


def stored_upload(
    at: Service, connection: sqlite3.Connection, request: Request, key: str | None
) -> int:
    """The id of the job made of this request, or of the earlier one with this Idempotency-Key."""
    with _only_upload(at.uploading, key), at.storage.incoming() as directory:
        upload = read_upload(request, directory, at.providers, at.env)
        if key and (stored := db.get_upload_key(connection, key)):
            if stored["fingerprint"] != upload.fingerprint:
                raise UnprocessableEntity(
                    f"Idempotency-Key {key!r} came with another upload; use a new key"
                )
            return int(stored["job_id"])
        job_id, executions = at.commits.write(
            connection, partial(_add_upload, at, upload, directory, key)
        )
    log.info("job %d: %d files", job_id, len(upload.files))
    at.worker.submit(executions)
    return job_id


def _add_upload(
    at: Service,
    upload: Upload,
    directory: Path,
    key: str | None,
    connection: sqlite3.Connection,
    until_commit: ExitStack,
) -> tuple[int, list[tuple[int, str]]]:
    """The ids of the job and its executions; a failed commit takes the files along."""
    executions = []
    job_id = db.add_job(connection, upload.job_name)
    for file in upload.files:
        file_id = db.add_file(
            connection,
            job_id,
            original_name=file.original_name,
            storage_key=f"uploads/{job_id}/{file.name}",
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
        )
        for provider in file.providers:
            executions.append((db.add_execution(connection, file_id, provider), provider))
    db.add_to_search(connection, job_id)
    if key:
        db.add_upload_key(connection, key, upload.fingerprint, job_id)
    until_commit.enter_context(at.storage.adopted(directory, job_id))
    return job_id, executions


@contextmanager
def _only_upload(uploading: dict[str, object], key: str | None) -> Iterator[None]:
    """While an upload with an Idempotency-Key is under way, another with it gets a 409."""
    if key is None:
        yield
        return
    if not 1 <= len(key) <= 255:
        raise BadRequest(f"Idempotency-Key must have 1 to 255 characters, not {len(key)}")
    this = object()
    if uploading.setdefault(key, this) is not this:
        raise Conflict(
            f"The upload with Idempotency-Key {key!r} is still under way; try again soon"
        )
    try:
        yield
    finally:
        del uploading[key]
