"""Reads a multipart upload, checks its files and providers, and stores it as a job.

All or nothing: the first part that cannot be accepted fails the request, with a message naming it.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, ServiceUnavailable, UnprocessableEntity
from werkzeug.wrappers import Request

import db
from engines import decoder
from providers.base import available
from result import ProviderError
from server.multipart import Body
from server.service import Service
from settings import Settings
from storage import Arrival, IncomingFile, Storage, TooLarge, storage_name, synced

log = logging.getLogger(__name__)

PROVIDER_FIELD = re.compile(r"ocrProvider_(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class UploadedFile:
    """A file as received, and the providers that read it."""

    original_name: str
    name: str  # on disk
    media_type: str
    size: int  # bytes
    sha256: str
    providers: tuple[str, ...]


@dataclass(frozen=True)
class Upload:
    job_name: str | None
    files: tuple[UploadedFile, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of all that was asked for, equal for a repeated upload."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


def max_body_bytes(settings: Settings) -> int:
    """The largest request body: every file at its limit, and a megabyte for the rest."""
    return settings.max_files_per_job * settings.max_file_size_bytes + 1024 * 1024


def read_upload(request: Request, directory: Path, service: Service) -> Upload:
    """The upload, its files durable in `directory`. Raises BadRequest or RequestEntityTooLarge."""
    if request.mimetype != "multipart/form-data":
        raise BadRequest(
            f"The body must be multipart/form-data, not {request.mimetype or 'untyped'};"
            " send the picture with curl -F file=@receipt.jpg -F ocrProvider_0=tesseract"
        )
    body = Body(directory, service.settings)
    body.read(request)
    if not body.files:
        raise BadRequest("The field 'file' is missing; with curl add -F file=@receipt.jpg")
    # Some programs can set only the URL, so fields may be query parameters too.
    fields = MultiDict([*((f.name, f.text) for f in body.fields), *request.args.items(multi=True)])
    names = [file.name or "" for file in body.files]
    chosen = _providers(fields, names, service)
    with synced(directory):  # fsync runs meanwhile: it takes as long as the checks
        return Upload(
            fields.get("jobName"),
            tuple(
                _uploaded(number, file, chosen[number], service.settings)
                for number, file in enumerate(body.files)
            ),
        )


def _uploaded(
    number: int, file: IncomingFile, providers: tuple[str, ...], settings: Settings
) -> UploadedFile:
    """The file as it is stored; one that came without a name is called `upload.jpeg` or so."""
    media_type = _media_type(number, file.name, file.path, settings)
    name = f"upload.{media_type.rpartition('/')[2]}" if file.name is None else file.name
    return UploadedFile(name, file.path.name, media_type, file.size, file.sha256, providers)


def _providers(
    form: MultiDict[str, str], names: list[str], service: Service
) -> list[tuple[str, ...]]:
    """For each file the names of its providers, each known and available."""
    chosen: list[list[str]] = [[] for _ in names]
    for field, name in form.items(multi=True):
        if not field.startswith("ocrProvider_"):
            continue
        number = _file_number(field, len(names))
        check_provider(f"{field}, file {names[number]!r}", name, service)
        if name in chosen[number]:
            raise BadRequest(f"{field} asks for {name!r} twice; once is enough")
        chosen[number].append(name)
    for number, name in enumerate(names):
        if not chosen[number]:
            raise BadRequest(
                f"ocrProvider_{number} is missing: no provider is chosen for file {number}"
                f" ({name!r}); add one of: {_choices(service)}"
            )
    return [tuple(names) for names in chosen]


def _file_number(field: str, count: int) -> int:
    match = PROVIDER_FIELD.fullmatch(field)
    if not match:
        raise BadRequest(
            f"{field!r} is not a provider field; number them ocrProvider_0, ocrProvider_1 and so on"
        )
    if int(match[1]) >= count:
        raise BadRequest(
            f"{field} has no file: the last file that came is that of ocrProvider_{count - 1}"
        )
    return int(match[1])


def check_provider(where: str, name: str, service: Service) -> None:
    """Refuse a provider that is unknown or unavailable, by a BadRequest that names it."""
    if name not in service.providers:
        raise BadRequest(
            f"Provider {name!r} is not available: no provider has that name ({where});"
            f" use one of: {_choices(service)}"
        )
    if reason := service.providers[name].unavailable(service.settings):
        raise BadRequest(f"Provider {name!r} is not available: {reason} ({where})")


def _choices(service: Service) -> str:
    able = available(service.providers, service.settings)
    return ", ".join(able) or "none yet, GET /providers says why"


def _media_type(number: int, original_name: str | None, path: Path, settings: Settings) -> str:
    try:
        return decoder.check(path, settings)
    except ProviderError as error:
        if original_name is None:
            raise BadRequest(
                f"The field 'file' (index {number}) holds no file: it came without a name, and"
                f" {error.message}; with curl write -F file=@receipt.jpg"
            ) from None
        raise BadRequest(
            f"The field 'file' cannot take {original_name!r} (index {number}): {error.message}"
        ) from None


# The job


def check_queue(service: Service, connection: sqlite3.Connection) -> None:
    """Refuse more work while MAX_PENDING executions wait, by ServiceUnavailable."""
    most = service.settings.max_pending
    if db.count_executions(connection, "pending") >= most:
        message = f"{most} executions are waiting already; try again when some are done"
        raise ServiceUnavailable(message, retry_after=30)


def stored_upload(
    service: Service, connection: sqlite3.Connection, request: Request, key: str | None
) -> int:
    """The id of the job made of this request, or of the earlier one with this Idempotency-Key."""
    if key is not None and not 1 <= len(key) <= 255:
        raise BadRequest(f"Idempotency-Key must have 1 to 255 characters, not {len(key)}")
    with service.storage.incoming() as arrival:
        upload = read_upload(request, arrival.directory, service)
        return _stored(service, connection, arrival, upload, key)


def stored_file(service: Service, path: Path, provider: str) -> int:
    """The id of the job made of a file of this machine, now or earlier by its name and content.

    Raises ProviderError for a file that cannot be read, ServiceUnavailable while too many wait.
    """
    with service.borrowed() as connection:
        check_queue(service, connection)
        with service.storage.incoming() as arrival:
            upload = _copied(path, arrival.directory, provider, service.settings)
            key = f"watch-{upload.fingerprint}"
            return _stored(service, connection, arrival, upload, key)


def _copied(path: Path, directory: Path, provider: str, settings: Settings) -> Upload:
    """An upload of one file, durable in `directory`. Raises ProviderError for no receipt."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    copy = IncomingFile(directory / storage_name(name, ()), settings.max_file_size_bytes)
    try:
        with path.open("rb") as source, closing(copy):
            shutil.copyfileobj(source, copy)
    except TooLarge:
        most = settings.max_file_size_bytes
        message = f"it has more than {most} bytes; see MAX_FILE_SIZE_BYTES"
        raise ProviderError("too_large", message) from None
    with synced(directory):
        media_type = decoder.check(copy.path, settings)
    file = UploadedFile(name, copy.path.name, media_type, copy.size, copy.sha256, (provider,))
    return Upload(None, (file,))


def _stored(
    service: Service,
    connection: sqlite3.Connection,
    arrival: Arrival,
    upload: Upload,
    key: str | None,
) -> int:
    with service.writing():
        with db.transaction(connection):
            if key and (stored := db.get_upload_key(connection, key)):
                return _job_of(stored, key, upload)
            job_id, executions = _add_upload(connection, service.storage, upload, key)
            db.add_arrival(connection, arrival.directory.name, job_id)
        service.worker.check_database()  # or it may be in a file that was deleted meanwhile
        arrival.is_named = True
        service.storage.adopt(arrival.directory.name, job_id)
    log.info("job %d: files uploaded: %d", job_id, len(upload.files))
    service.worker.submit(executions)
    return job_id


def _job_of(stored: dict[str, Any], key: str, upload: Upload) -> int:
    """The job that an earlier upload with this key became, if it asked for the same."""
    if stored["fingerprint"] != upload.fingerprint:
        raise UnprocessableEntity(
            f"Idempotency-Key {key!r} came with another upload; use a new key"
        )
    return int(stored["job_id"])


def _add_upload(
    connection: sqlite3.Connection, storage: Storage, upload: Upload, key: str | None
) -> tuple[int, list[tuple[int, str]]]:
    """The id of the new job, and (id, provider) of its executions."""
    if storage.has_job(db.next_job_id(connection)):  # left by a database that was lost since
        db.raise_sequence(connection, "job", max(storage.job_ids()))
    job_id = db.add_job(connection, upload.job_name)
    executions = [
        execution for file in upload.files for execution in _add_file(connection, job_id, file)
    ]
    db.add_to_search(connection, job_id)
    if key:
        db.add_upload_key(connection, key, upload.fingerprint, job_id)
    return job_id, executions


def _add_file(
    connection: sqlite3.Connection, job_id: int, file: UploadedFile
) -> list[tuple[int, str]]:
    """(id, provider) of the new file's executions."""
    file_id = db.add_file(
        connection,
        job_id,
        original_name=file.original_name,
        storage_key=f"uploads/{job_id}/{file.name}",
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
    )
    db.set_words(connection, db.add_receipt(connection, file_id), "")
    return [(db.add_execution(connection, file_id, name), name) for name in file.providers]
