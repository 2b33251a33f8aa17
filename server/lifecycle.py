"""How a server process starts and ends: its settings, its worker, signals and exit."""

import atexit
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

import click
from flask import Flask, request
from flask.cli import ScriptInfo
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader, make_server

import db
from providers.base import available
from server import access, docs, logs, watch
from server.service import Service
from settings import Settings

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1")  # a client may take either for localhost
ANY = ("0.0.0.0", "::")  # all addresses of this machine
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def serving() -> bool:
    """Whether this process is a server: `flask run`, or no `flask` command at all, as waitress.

    Not for `flask routes`, `flask shell` and the like, nor for the reloader's parent, which loads
    the application too and then only watches.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.find_object(ScriptInfo) is None:
        return True
    if context.info_name != "run":
        return False
    reload = context.params.get("reload")
    reloads = get_debug_flag() if reload is None else reload
    return not reloads or is_running_from_reloader()


def stop_with_process(service: Service) -> None:
    """Stop the worker when this process exits, or gets one of END_SIGNALS for the first time.

    A signal becomes a normal exit, so that atexit hooks run. It is left alone where the server has
    a handler of its own, or where it is ignored from the start (nohup). Waitress then waits 5 s for
    requests; meanwhile no execution starts, and waiting requests are answered.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        service.worker.close()
        _ignore_end_signals()
        service.waiting.close()
        if number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        sys.exit(0)

    atexit.register(service.stop)
    atexit.register(_ignore_end_signals)  # before that: the last registered runs first
    if threading.current_thread() is threading.main_thread():
        for number in END_SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, stop)


def _ignore_end_signals() -> None:
    """Ignore further signals during the end, which takes 10 s at most; Ctrl-C ends it at once.

    A terminal that is closed sends SIGHUP, its shell another, and `make` passes SIGTERM on.
    """
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))


def serve_ipv6_too(app: Flask) -> None:
    """Have `flask run`, which binds 127.0.0.1 alone, answer on ::1 as well."""
    context = click.get_current_context(silent=True)
    if not context or context.info_name != "run":
        return
    if context.params["host"] not in ("localhost", LOOPBACK[0]):
        return
    port, certificate = context.params["port"], context.params.get("cert")
    with (
        suppress(OSError),  # this machine has no ::1, or the production server listens on it
        socket.create_server((LOOPBACK[1], port), family=socket.AF_INET6) as listener,
    ):
        server = make_server(
            LOOPBACK[1], port, app, True, ssl_context=certificate, fd=listener.fileno()
        )
        threading.Thread(target=server.serve_forever, name="ipv6", daemon=True).start()


def limit_rate(app: Flask, rate: str) -> None:
    """Answer each client at most at this rate ("10/second;1000/day"), then 429 with Retry-After."""
    from flask_limiter import Limiter

    limiter = Limiter(
        lambda: access.client(request),
        app=app,
        application_limits=[rate],  # over all routes together
        headers_enabled=True,
        storage_uri="memory://",
    )
    for endpoint in ("api.health", "api.ready", "static"):
        limiter.exempt(app.view_functions[endpoint])


def run_worker(service: Service) -> None:
    """Open the data, start the worker and log what serves. Raises SystemExit for unusable data."""
    service.storage.create()
    with ExitStack() as start, db.explained(service.database):
        lock = start.enter_context(service.storage.lock())  # first: another server may have it
        db.create(service.database)
        logs.write_to_stderr(service.settings)
        service.webhook.start()  # before the worker, whose recovery may end jobs
        # The reloader ends its child by SIGKILL when it gets SIGTERM itself.
        service.worker.start(lock, crashes_count=not is_running_from_reloader())
        start.pop_all()
    if service.settings.watch_dir:
        watch.start(service)
    _log_start(service)
    if service.settings.ocr_warm:
        for name in available(service.providers, service.settings):
            service.providers[name].warm(service.settings)


def _log_start(service: Service) -> None:
    able = available(service.providers, service.settings)
    others = [name for name in service.providers if name not in able]
    log.info("Open Receipt OCR %s%s", docs.version(), f" is on {url}" if (url := _url()) else "")
    log.info("    data:        %s", service.storage.root)
    log.info("    reads with:  %s", ", ".join(able) or "nothing yet")
    for runs_on in filter(None, (service.providers[name].runs_on() for name in able)):
        log.info("    models:      %s", runs_on)
    if others:
        log.info("    not set up:  %s", ", ".join(others))
        log.info("                 `.venv/bin/flask doctor` says what each needs")
    if service.settings.watch_dir:
        log.info("    watches:     %s", Path(service.settings.watch_dir).absolute())
    let_in = access.who_is_let_in(service.settings)
    log.info("    answers:     %s", access.LET_IN[let_in])
    if let_in != "this machine" and (others := _urls_for_others(service.settings)):
        log.info("    for others:  %s", ", ".join(others))
    for near_miss in service.settings.near_misses:
        log.warning(near_miss)
    if let_in == "everyone":
        log.warning("ANYONE WHO REACHES THE PORT CAN READ YOUR RECEIPTS AND USE YOUR PAID KEYS")


def _url() -> str:
    """The URL that this server's command listens on; "" under another program's server."""
    context = click.get_current_context(silent=True)
    if not context or not context.params.get("port"):
        return ""
    host = context.params["host"]
    if host in (*LOOPBACK, *ANY):
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{context.params['port']}"


def _urls_for_others(settings: Settings) -> list[str]:
    """The URLs for other machines, by TRUSTED_HOSTS, if it listens on all addresses."""
    context = click.get_current_context(silent=True)
    if not context or context.params.get("host") not in ANY:
        return []
    names = sorted(name for name in settings.trusted_hosts if ":" not in name)
    return [f"http://{name}:{context.params['port']}" for name in names]
