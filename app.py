"""Open Receipt OCR: upload photos of receipts, get their text and fields.

`flask run` serves it on port 3000. Routes here are thin: they read the request, ask db and storage,
and answer. An upload becomes a job in server/upload.py, executions are run in worker/; what
happens when the server starts and ends is in server/lifecycle.py.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dotenv import load_dotenv
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
)
from werkzeug.exceptions import Conflict, HTTPException, InternalServerError, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter
from werkzeug.wrappers import Response as BaseResponse

import commands
import db
from db import Listing
from engines import decoder
from engines.running import Billed
from providers import PROVIDERS
from providers.base import Provider
from result import Json
from server import access, answers, corrections, docs, errors, exports, logs, receipts
from server.answers import RETRY_AFTER_S, Waiting, preferred, seconds_wanted
from server.lifecycle import limit_rate, run_worker, serve_ipv6_too, serving, stop_with_process
from server.metrics import Metrics
from server.multipart import MAX_NAME_BYTES
from server.parameters import read_groups, read_listing, read_preview, read_receipt_listing
from server.previews import Previews, page_of
from server.service import Service, get_service
from server.upload import check_provider, check_queue, max_body_bytes, stored_upload
from server.webhook import Webhook
from settings import Settings, read_settings
from storage import Storage
from worker import Ended, Worker

log = logging.getLogger(__name__)
api = Blueprint("api", __name__)
JOB = "/ocr-jobs/<id:job_id>"
FILE = f"{JOB}/files/<id:file_id>"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types share"
)
RECEIPT = "/receipts/<id:receipt_id>"
NO_RECEIPT = "Receipt {} does not exist"
NO_FILE = "File {} does not exist in job {}"
GONE = "The bytes of file {} are gone from the data directory"
SMALL_BODY_BYTES = 64 * 1024  # of a request that brings no file


class Id(IntegerConverter):
    """An id of at most 18 digits, so that it fits SQLite's 64 bits; <int(max=)> answers 405."""

    regex = "[0-9]{1,18}"


# The API


@api.post("/ocr-jobs/upload")
def upload_job() -> dict[str, int] | Response:
    """Store the uploaded files as a job; answer its id, or with `wait` the job itself."""
    seconds, key = seconds_wanted(request), request.headers.get("Idempotency-Key")
    if not (key and db.get_upload_key(get_db(), key)):
        check_queue(get_service(), get_db())
    job_id = stored_upload(get_service(), get_db(), request, key)
    return {"id": job_id} if seconds is None else _job_response(job_id, seconds)


@api.get(JOB)
def get_job(job_id: int) -> Response:
    """The job with its files and readings as JSON, or only their text."""
    return _job_response(job_id, seconds_wanted(request) or 0)


def _job_response(job_id: int, seconds: int) -> Response:
    """Answer with the job when it has ended or the seconds are over, in the accepted format."""
    if seconds:
        give_turn_back()  # or those who wait would hold up the others
        get_service().waiting.wait(job_id, seconds, lambda: _has_ended(job_id))
    job = db.get_job(get_db(), job_id) or abort(404, f"Job {job_id} does not exist")

    @after_this_request
    def describe(response: Response) -> Response:
        response.headers["Vary"] = "Accept, Prefer"
        if job["status"] not in db.FINAL:
            response.headers["Retry-After"] = RETRY_AFTER_S
        if "wait" not in request.args and (applied := preferred(request)) is not None:
            response.headers["Preference-Applied"] = f"wait={applied}"
        return response

    media_type = answers.media_type_wanted(request.accept_mimetypes)
    if media_type == "application/json":
        return jsonify(job)
    return Response(answers.text_of(job, media_type), mimetype=media_type)


def _has_ended(job_id: int) -> bool:
    """Whether the job is completed, failed or deleted."""
    status = db.get_status(get_db(), job_id)
    close_db()  # hundreds may wait: their connections would use up the open files
    return status in (None, *db.FINAL)


@api.get("/ocr-jobs")
def list_jobs() -> dict[str, Any]:
    """A page of jobs, newest first unless `sort` says otherwise."""
    listing = read_listing(request.args)
    with db.snapshot(get_db()):
        total = db.count_jobs(get_db(), listing)
        jobs = db.list_jobs(get_db(), listing, total)
    return {"data": jobs, "pagination": _pagination(total, listing)}


def _pagination(total: int, listing: Listing) -> dict[str, int]:
    return {
        "total": total,
        "page": listing.page,
        "limit": listing.limit,
        "pages": -(-total // listing.limit),
    }


@api.get("/ocr-jobs/export.csv", defaults={"suffix": "csv"})
@api.get("/ocr-jobs/export.json", defaults={"suffix": "json"})
def export_jobs(suffix: str) -> Response:
    """The list's jobs, or one: a row for each file, with `items=1` for each item."""
    listing = read_listing(request.args)
    if listing.job is not None and db.get_status(get_db(), listing.job) is None:
        abort(404, f"Job {listing.job} does not exist")
    return _export_response(exports.WRITERS[suffix], suffix, listing)


def _export_response(
    rows: Callable[[Path, Any, bool], Iterator[str]], suffix: str, listing: Listing
) -> Response:
    items = exports.wants_items(request.args)
    close_db()  # the export has a connection of its own
    service, name = get_service(), f"{'items' if items else 'receipts'}.{suffix}"
    service.worker.check_database()
    texts = rows(service.database, listing, items)
    file = exports.written(texts, service.storage, service.export_turn)
    return send_file(file, exports.MEDIA_TYPES[suffix], as_attachment=True, download_name=name)


@api.delete(JOB)
def delete_job(job_id: int) -> dict[str, bool]:
    """Delete a job with its files and cancel its executions; 409 if one may have been paid for."""
    return _delete(job_id, None, f"Job {job_id} does not exist")


def _delete(job_id: int, file_id: int | None, missing: str) -> dict[str, bool]:
    with get_service().writing():
        gone = get_service().worker.delete(get_db(), job_id, file_id)
    if not gone:
        abort(404, missing)
    get_service().deleted(get_db(), job_id)
    return {"success": True}


@api.get(FILE)
def get_file(job_id: int, file_id: int) -> Response:
    """The original upload, byte for byte."""
    file = _file_or_404(job_id, file_id)
    asked = request.headers.get("Range", "").lower()
    if "," in asked or not asked.startswith("bytes="):
        # Werkzeug would answer 416, but a Range may be ignored (RFC 9110, 14.2).
        request.environ.pop("HTTP_RANGE", None)
    try:
        response = send_file(
            get_service().storage.path(file["storage_key"]),
            mimetype=file["media_type"],
            etag=file["sha256"],
        )
    except FileNotFoundError:
        abort(404, GONE.format(file_id))
    response.headers["Content-Disposition"] = _disposition(file["original_name"])
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@api.get(f"{FILE}/preview")
def get_preview(job_id: int, file_id: int) -> Response:
    """A page of a file as an upright JPEG, whatever its format."""
    page = page_of(_file_or_404(job_id, file_id), *read_preview(request.args))
    previews = get_service().previews
    data = previews.kept(page)
    if data is None:
        give_turn_back()  # the answer may take some seconds
        close_db()
        try:
            data = previews.made(page)
        except FileNotFoundError:
            abort(404, GONE.format(file_id))
    if data is None:
        abort(404, f"File {file_id} has no page {page.number}; the first is 0")
    response = Response(data, mimetype="image/jpeg")
    response.set_etag(page.tag, weak=True)  # another release may make it in another way
    response.headers["Cache-Control"] = "private, no-cache"  # ask: it may have been deleted
    response.make_conditional(request)
    return response


@api.delete(FILE)
def delete_file(job_id: int, file_id: int) -> dict[str, bool]:
    """Delete one file of a job and cancel its executions, as for a job."""
    return _delete(job_id, file_id, NO_FILE.format(file_id, job_id))


@api.post(f"{FILE}/executions")
def read_again(job_id: int, file_id: int) -> dict[str, int]:
    """Read a file again, with the same provider or another; earlier readings are kept."""
    request.max_content_length = SMALL_BODY_BYTES
    service, provider = get_service(), request.values.get("ocrProvider")
    _file_or_404(job_id, file_id)
    check_queue(service, get_db())
    if provider is None:
        abort(400, "The field 'ocrProvider' is missing; with curl add -F ocrProvider=tesseract")
    check_provider("ocrProvider", provider, service)
    with get_db() as connection:
        execution_id = db.add_rerun(connection, file_id, provider)
    if execution_id is None:
        _file_or_404(job_id, file_id)
        abort(409, f"{provider!r} is already reading file {file_id}, or is about to")
    service.worker.submit([(execution_id, provider)])
    return {"id": execution_id}


@api.delete(f"{FILE}/executions/<id:execution_id>")
def cancel_execution(job_id: int, file_id: int, execution_id: int) -> dict[str, bool]:
    """End an execution that is pending or running; 409 if one may have been paid for."""
    with get_service().writing():
        ended = get_service().worker.cancel(get_db(), job_id, file_id, execution_id)
    if not ended:
        abort(404, f"File {file_id} of job {job_id} has no unfinished execution {execution_id}")
    return {"success": True}


@api.get("/receipts")
def list_receipts() -> dict[str, Any]:
    """A page of receipts, those added last first unless `sort` says otherwise, and their sums."""
    listing = read_receipt_listing(request.args)
    with get_service().borrowed() as other, db.snapshots(get_db(), other) as second:
        listing = db.narrowed(get_db(), listing)
        sums = db.sum_receipts(get_db(), listing, second=second)
        unfilled = db.count_unfilled(get_db())
        total = sum(row["count"] for row in sums)
        data = db.list_receipts(get_db(), listing, total)
    return {
        "data": data,
        "pagination": _pagination(total, listing),
        "duplicates": sum(row.pop("duplicates") for row in sums),
        "sums": sums,
        "unfilled": unfilled,
    }


@api.get("/receipts/summary")
def sum_receipts() -> dict[str, Any]:
    """The list's receipts added up by month, merchant or currency."""
    listing, by = read_receipt_listing(request.args, "by"), read_groups(request.args)
    return {"data": db.sum_receipts(get_db(), listing, by)}


@api.get("/receipts/export.csv", defaults={"suffix": "csv"})
@api.get("/receipts/export.json", defaults={"suffix": "json"})
def export_receipts(suffix: str) -> Response:
    """The list's receipts, or those of `ids`, with `items=1` a row for each item."""
    columns = exports.money_columns(request.args) if suffix == "csv" else None
    rows = partial(exports.as_money, columns) if columns else exports.WRITERS[suffix]
    return _export_response(rows, suffix, read_receipt_listing(request.args, "items", "format"))


@api.get(RECEIPT)
def get_receipt(receipt_id: int) -> Json:
    """A receipt with its fields as they count now, and what each execution read."""
    with db.snapshot(get_db()):
        found = receipts.described(get_db(), receipt_id)
    return found or abort(404, NO_RECEIPT.format(receipt_id))


@api.post("/receipts/confirm")
def confirm_receipts() -> dict[str, int]:
    """Confirm several receipts, all or none."""
    return {"confirmed": corrections.confirm(get_service(), get_db(), request)}


@api.post("/receipts/delete")
def delete_receipts() -> dict[str, int]:
    """Delete several receipts with their files, all or none; as for a file."""
    return {"deleted": corrections.delete(get_service(), get_db(), request)}


@api.patch(RECEIPT)
def change_receipt(receipt_id: int) -> Json:
    """Correct fields, choose the reading that counts, confirm or reopen a receipt."""
    return corrections.change(get_service(), get_db(), receipt_id, request) or abort(
        404, NO_RECEIPT.format(receipt_id)
    )


@api.get("/")
def page() -> Response:
    """The web page; all it loads is in static/, all it shows comes from the API."""
    response = current_app.send_static_file("index.html")
    response.headers["Content-Security-Policy"] = PAGE_CSP
    return response


@api.post("/static/share")
def share() -> BaseResponse:
    """Redirect to the page, which asks to share again: its service worker was not installed yet."""
    return redirect("../#/?unshared", 303)


@api.get("/health")
def health() -> dict[str, str]:
    """Answer that the server is up, and its time."""
    return {"status": "ok", "timestamp": db.now()}


@api.get("/ready")
def ready() -> dict[str, str]:
    """Answer whether uploads can be stored and will be read; a 503 says why not."""
    if faults := get_service().faults():
        raise ServiceUnavailable("; ".join(faults), retry_after=10)
    return health()


@api.get("/metrics")
def get_metrics() -> Response:
    """Numbers for Prometheus."""
    data, media_type = get_service().metrics.exposed(request.headers.get("Accept", ""))
    return Response(data, content_type=media_type)


@api.get("/openapi.json")
def describe_api() -> Response:
    """The description of this API for programs, with the prefix that a proxy gives it."""
    return jsonify(docs.read() | {"servers": [{"url": request.script_root or "/"}]})


@api.get("/docs")
def show_docs() -> Response:
    """The description of this API as a page for people."""
    response = Response(render_template("docs.html", **docs.page()))
    response.headers["Content-Security-Policy"] = docs.CSP
    return response


@api.get("/providers")
def list_providers() -> dict[str, Any]:
    """Every provider, whether it can run here, where it sends pictures; the limits of uploads."""
    settings = get_service().settings
    return {
        "data": [_described(name, p, settings) for name, p in get_service().providers.items()],
        "limits": {
            "files": settings.max_files_per_job,
            "fileBytes": settings.max_file_size_bytes,
            "formats": decoder.FORMATS,
        },
    }


def _described(name: str, provider: Provider, settings: Settings) -> dict[str, Any]:
    reason = provider.unavailable(settings)
    return {
        "name": name,
        "kind": provider.kind,
        "available": reason is None,
        "reason": reason,
        "model": provider.model(settings),
        "sendsTo": provider.sends_to(settings),
    }


def _file_or_404(job_id: int, file_id: int) -> dict[str, Any]:
    return db.get_file(get_db(), job_id, file_id) or abort(404, NO_FILE.format(file_id, job_id))


def _disposition(name: str) -> str:
    """The Content-Disposition for a name, in ASCII for old clients and as it is (RFC 6266).

    A name of an older release may be so long that no client takes the header: its end is given.
    """
    name = name[-MAX_NAME_BYTES:]
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


# Around every request


@api.before_app_request
def start_request() -> None:
    g.started = time.monotonic()
    g.request_id = logs.take_request_id(request.headers.get("X-Request-ID", ""))


@api.before_app_request
def guard_request() -> None:
    access.check(request, get_service().settings, get_service().wrong_keys)


@api.before_app_request
def take_turn() -> None:
    """Wait until few enough GET requests are being answered."""
    if request.method == "GET" and request.path not in access.PROBES:
        get_service().turns.acquire()
        g.has_turn = True


def give_turn_back() -> None:
    if g.pop("has_turn", False):
        get_service().turns.release()


@api.after_app_request
def protect(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["X-Request-ID"] = g.request_id
    return response


@api.after_app_request
def log_request(response: Response) -> Response:
    """Log one line, without the query, which may hold what the user searches for."""
    if request.path not in access.PROBES:
        line = (request.method, request.path, response.status_code, time.monotonic() - g.started)
        log.info("%s %s: %d in %.3f s", *line)
    return response


@api.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> BaseResponse:
    """Format every error, unhandled exceptions included, as the API's JSON."""
    return errors.as_response(error, request)


@api.app_errorhandler(Billed)
def billed_error(error: Billed) -> BaseResponse:
    return http_error(
        Conflict(f"{error} is reading it and may charge for that already; wait until it has ended")
    )


@api.app_errorhandler(sqlite3.DatabaseError)
@api.app_errorhandler(OSError)
def disk_error(error: sqlite3.DatabaseError | OSError) -> BaseResponse:
    """Answer what is wrong with the disk or the database; a 500 where it is a bug."""
    answer = errors.from_disk(error, get_service().storage.root)
    log.error("%s %s: %s", request.method, request.path, error, exc_info=not answer)
    return http_error(answer or InternalServerError(original_exception=error))


# Putting it together


def get_db() -> sqlite3.Connection:
    """This request's connection, taken on first use."""
    if "db" not in g:
        g.db = get_service().take_connection()
    return g.db


def end_request(_error: BaseException | None) -> None:
    close_db()
    give_turn_back()
    logs.request_id.set("")


def close_db() -> None:
    if connection := g.pop("db", None):
        get_service().give_back(connection)


def create_app(
    data: str | Path | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
    env: Mapping[str, str] = os.environ,
    serve: bool | None = None,
) -> Flask:
    """The application, with its files and database under `data` (default $DATA_DIR or ./data).

    Only a server opens these; a command that needs them does so itself. With `serve` True the
    worker starts, and the caller stops it; with False nothing starts. With None the worker starts
    only if this process is a server (lifecycle.serving), and stops when the process exits.
    """
    settings = _settings(env)
    service = _service(Path(data or settings.data_dir).resolve(), providers, settings)
    app = _flask(service)
    process_serves = serve is None and serving()
    if process_serves:
        service.storage.take_temporary_files()
        stop_with_process(service)  # first: what runs from now on may be put back
    if serve or process_serves:
        run_worker(service)
    if process_serves:
        serve_ipv6_too(app)
    return app


def _settings(env: Mapping[str, str]) -> Settings:
    """The settings in these variables. Raises SystemExit, a sentence, for a bad value."""
    if env is os.environ:
        load_dotenv(".env")  # `flask` has done so already, a production server has not
    try:
        return read_settings(env)
    except ValueError as error:
        raise SystemExit(str(error)) from None


def _flask(service: Service) -> Flask:
    """Flask with the routes and commands of this service."""
    app, settings = Flask(__name__), service.settings
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the reference puts id first
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(settings)
    app.extensions["receipts"] = service
    app.url_map.converters["id"] = Id
    app.register_blueprint(api)
    commands.add_commands(app)
    app.teardown_appcontext(end_request)
    if proxies := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, *[proxies] * 5)  # type: ignore[method-assign]
    if settings.rate_limit:
        limit_rate(app, settings.rate_limit)
    return app


def _service(root: Path, providers: Mapping[str, Provider], settings: Settings) -> Service:
    """All that the routes share, with its data under `root`; nothing of it runs yet."""
    storage, database = Storage(root), root / "receipts.db"

    def ended(execution: Ended) -> None:
        service.metrics.count(execution)
        service.changed(execution.job_id)

    service = Service(
        database,
        storage,
        providers,
        settings,
        Worker(database, storage, providers, settings, ended),
        Waiting(settings.max_waiting),
        Webhook(database, settings),
        Metrics(database),
        Previews(storage, settings),
    )
    return service
