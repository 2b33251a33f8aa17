"""Open Receipt OCR: upload photos of receipts, get their text and fields.

`flask run` serves it on port 3000. Routes here are thin: they read the request, ask db and storage,
and answer; uploads are read in upload.py, executions are run in worker.py.
"""

import atexit
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from dotenv import load_dotenv
from flask import Blueprint, Flask, Response, abort, current_app, g, request, send_file
from flask.cli import ScriptInfo
from flask.helpers import get_debug_flag
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as BaseResponse

import db
from providers import PROVIDERS
from providers.base import Env, Provider, setting
from storage import Storage, sync
from upload import max_body_bytes, read_upload
from worker import Worker

log = logging.getLogger(__name__)
api = Blueprint("api", __name__)
JOB = "/ocr-jobs/<int(max=9223372036854775807):job_id>"  # SQLite's integers have 64 bits
FILE = f"{JOB}/files/<int(max=9223372036854775807):file_id>"


@dataclass(frozen=True)
class Service:
    """What the routes of one application share."""

    database: Path
    storage: Storage
    providers: Mapping[str, Provider]
    env: Env
    worker: Worker


# The API


@api.post("/ocr-jobs/upload")
def upload_job() -> dict[str, int]:
    """Store the uploaded files as a job and queue an execution for each."""
    at = service()
    with at.storage.incoming() as directory:
        upload = read_upload(request, directory, at.providers, at.env)
        sync(directory)
        executions = []
        with get_db() as connection:
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
            with at.storage.adopted(directory, job_id):
                connection.commit()  # in here, so that a failed commit takes the files along
    at.worker.submit(executions)
    return {"id": job_id}


@api.get(JOB)
def get_job(job_id: int) -> dict[str, Any]:
    """The job with its files and what was read from them."""
    return db.get_job(get_db(), job_id) or abort(404, f"Job {job_id} does not exist")


@api.get("/ocr-jobs")
def list_jobs() -> dict[str, Any]:
    """A page of jobs, newest first unless `sort` says otherwise."""
    page, limit = _whole_number("page", 1, 2**63 // 100), _whole_number("limit", 20, 100)
    sort, direction = _sort()
    chosen = {"status": _status(), "search": request.args.get("search") or None}
    total = db.count_jobs(get_db(), **chosen)
    jobs = db.list_jobs(
        get_db(),
        sort=sort,
        direction=direction,
        limit=limit,
        offset=(page - 1) * limit,
        **chosen,
    )
    pages = -(-total // limit)
    return {
        "data": jobs,
        "pagination": {"total": total, "page": page, "limit": limit, "pages": pages},
    }


@api.delete(JOB)
def delete_job(job_id: int) -> dict[str, bool]:
    """Remove a job with its files; a pending one is cancelled, a running one refuses."""
    with get_db() as connection:
        if not db.delete_job(connection, job_id):
            if db.job_exists(connection, job_id):
                abort(409, f"Job {job_id} is being processed; delete it when it is completed")
            abort(404, f"Job {job_id} does not exist")
        with service().storage.discarded_job(job_id):
            connection.commit()  # in here, so that a failed commit brings the files back
    return {"success": True}


@api.get(FILE)
def get_file(job_id: int, file_id: int) -> Response:
    """The original upload, byte for byte."""
    file = _file_or_404(job_id, file_id)
    try:
        response = send_file(
            service().storage.path(file["storage_key"]),
            mimetype=file["media_type"],
            etag=file["sha256"],
        )
    except FileNotFoundError:
        abort(404, f"The bytes of file {file_id} are gone from the data directory")
    response.headers["Content-Disposition"] = _disposition(file["original_name"])
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@api.delete(FILE)
def delete_file(job_id: int, file_id: int) -> dict[str, bool]:
    """Remove one file of a job; the running one refuses."""
    with get_db() as connection:
        key = _file_or_404(job_id, file_id)["storage_key"]
        if not db.delete_file(connection, job_id, file_id):
            _file_or_404(job_id, file_id)
            abort(409, f"File {file_id} is being processed; delete it when that is done")
        with service().storage.discarded_file(key):
            connection.commit()
    return {"success": True}


@api.get("/health")
def health() -> dict[str, str]:
    """That the server answers, and its time."""
    return {"status": "ok", "timestamp": db.now()}


@api.get("/providers")
def list_providers() -> dict[str, list[dict[str, Any]]]:
    """Every provider, whether it can run here, and where it would send a picture."""
    env = service().env
    return {"data": [_described(name, p, env) for name, p in service().providers.items()]}


def _described(name: str, provider: Provider, env: Env) -> dict[str, Any]:
    reason = provider.unavailable(env)
    return {
        "name": name,
        "kind": provider.kind,
        "available": reason is None,
        "reason": reason,
        "model": provider.model(env),
        "sendsTo": provider.sends_to(env),
    }


# What requests may ask


def _whole_number(name: str, default: int, most: int) -> int:
    value = request.args.get(name, str(default))
    digits = value.isascii() and value.isdigit() and len(value) < 20  # int() refuses 5,000
    if not (digits and 1 <= int(value) <= most):
        abort(400, f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return int(value)


def _sort() -> tuple[str, str]:
    value = request.args.get("sort", "createdAt:desc")
    field, colon, direction = value.partition(":")
    if field not in db.SORTS or direction not in (("asc", "desc") if colon else ("",)):
        abort(400, f"sort must be one of {', '.join(db.SORTS)}, then :asc or :desc, not {value!r}")
    return field, direction or "asc"


def _status() -> str | None:
    value = request.args.get("status")
    if value is not None and value not in db.STATUSES:
        abort(400, f"status must be one of {', '.join(db.STATUSES)}, not {value!r}")
    return value


def _file_or_404(job_id: int, file_id: int) -> dict[str, Any]:
    return db.get_file(get_db(), job_id, file_id) or abort(
        404, f"File {file_id} does not exist in job {job_id}"
    )


def _disposition(name: str) -> str:
    """Both forms of RFC 6266: an ASCII one for old clients, and the name itself."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


# Errors: raised anywhere, formatted here


@api.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> BaseResponse:
    """Every error, unhandled exceptions included, in the API's one format."""
    details = error.description
    if isinstance(error, NotFound) and details == NotFound.description:
        details = f"There is nothing at {request.method} {request.path}"
    body = {"statusCode": error.code, "message": error.name, "details": details}
    response = error.get_response()  # the original keeps headers such as Allow
    response.set_data(current_app.json.response(body).get_data())
    response.mimetype = "application/json"
    return response


# Putting it together


def service() -> Service:
    at: Service = current_app.extensions["receipts"]
    return at


def get_db() -> sqlite3.Connection:
    """This request's connection, opened on first use."""
    if "db" not in g:
        g.db = db.connect(service().database)
    connection: sqlite3.Connection = g.db
    return connection


def close_db(_error: BaseException | None) -> None:
    if connection := g.pop("db", None):
        connection.close()


def serving() -> bool:
    """Whether this process will answer requests, and so shall run executions.

    Not for `flask routes`, `flask shell` and the like, nor for the reloader's parent, which loads
    the application too and then only watches; yes for a production server, which has no command.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.find_object(ScriptInfo) is None:
        return True
    if context.info_name != "run":
        return False
    reload = context.params.get("reload")
    reloads = get_debug_flag() if reload is None else reload
    return not reloads or os.environ.get("WERKZEUG_RUN_MAIN") == "true"


def stop_on_sigterm() -> None:
    """End as after Ctrl-C, with atexit, unless the server at hand has a way of its own."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def create_app(
    data: str | Path | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
    env: Env = os.environ,
) -> Flask:
    """The application, with its files and database under `data` (default $DATA_DIR or ./data)."""
    if env is os.environ:
        load_dotenv(".env")  # `flask` has done so already, a production server has not
    for name in ("MAX_PAGES", "MAX_IMAGE_PIXELS", "OCR_TIMEOUT_S"):
        setting(env, name, 1)  # a mistake is told now, not at the first upload
    root = Path(data or env.get("DATA_DIR") or "data").resolve()
    storage = Storage(root)
    storage.create()
    database = root / "receipts.db"
    db.create(database)
    worker = Worker(database, storage, providers, env)

    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the reference puts id first
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(env)
    app.extensions["receipts"] = Service(database, storage, providers, env, worker)
    app.register_blueprint(api)
    app.teardown_appcontext(close_db)
    if serving():
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        for name, provider in providers.items():
            if reason := provider.unavailable(env):
                log.info("Provider %r is not available: %s", name, reason)
        worker.start()
        atexit.register(worker.stop)
        stop_on_sigterm()
    return app
