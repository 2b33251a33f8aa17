"""The production server, waitress, so that no thread waits for a client.

Waitress takes a whole request before a thread works on it, and keeps what a slow client has not
read yet in a temporary file. `Parser` drops the bodies of requests that will be refused.
"""

import errno
import pkgutil
import resource
import socket
from collections.abc import Sequence
from typing import Any

import click
from waitress.buffers import BytesIOBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request

from server import access, errors, lifecycle
from server.service import Service

MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}  # what a machine without IPv6 says of ::1
MAX_FILES = 4096  # open ones: for each connection its socket and what it sends or gets
SEND_BYTES = 2**17  # in the kernel for each connection, and read at once from a file
OPTIONS = {
    "connection_limit": 800,
    "asyncore_use_poll": True,  # select() ends at 1,024 open files
    "recv_bytes": 2**18,
    "outbuf_overflow": 2**18,  # bytes that a client has not read yet; more go to a file
    "outbuf_high_watermark": 2**30,  # only beyond it a thread would wait for the client
    "clear_untrusted_proxy_headers": False,  # TRUSTED_PROXIES says what counts
}


@click.command()
@click.option("--host", default="localhost", show_default=True)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--threads",
    default=300,
    show_default=True,
    type=click.IntRange(1),
    help="MAX_WAITING of them may wait",
)
@click.option("--app", "factory", default="app:create_app", show_default=True)
def serve(host: str, port: int, threads: int, factory: str) -> None:
    """Run the production server; localhost is both 127.0.0.1 and ::1."""
    sockets = listeners(lifecycle.LOOPBACK if host == "localhost" else (host,), port)
    _allow_files()
    app = pkgutil.resolve_name(factory)()
    size = app.config["MAX_CONTENT_LENGTH"] + 1
    channels: dict[int, Any] = {}
    server = create_server(
        app, channels, sockets=sockets, threads=threads, max_request_body_size=size, **OPTIONS
    )
    for each in channels.values():
        each.channel_class = Channel
    server.run()


def listeners(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """A socket for each address, those but the first if they exist. Raises SystemExit."""
    found: list[socket.socket] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            found.append(socket.create_server((address, port), family=family))
            found[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        except OSError as error:
            if not (found and error.errno in MISSING):
                advice = "stop what listens there, or take another port: make run PORT=3100"
                if error.errno in (*MISSING, socket.EAI_NONAME):
                    advice = "--host must be an address of this machine, 0.0.0.0 for all of them"
                reason = f"{error.strerror}; {advice}"
                raise SystemExit(f"Cannot listen on port {port}: {reason}") from None
    return found


def _allow_files() -> None:
    """Let this process open more files than the usual 1,024, where the system permits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Parser(HTTPRequestParser):
    """Keeps the body of a request only if the request will be let in.

    Waitress stores a body before it asks the application. That of a refused request is read, so
    that the client gets the answer, and dropped.
    """

    def __init__(self, channel: "Channel") -> None:
        super().__init__(channel.adj)
        self._channel = channel

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None and not self._is_let_in():
            self.body_rcv.buf = Dropped()

    def _is_let_in(self) -> bool:
        service: Service = self._channel.server.application.extensions["receipts"]
        asked = WSGITask(self._channel, self).get_environment()
        proxies = service.settings.trusted_proxies
        # It changes `asked` for the application that it calls, here one that does nothing.
        ProxyFix(lambda *_: (), *[proxies] * 5)(asked, lambda *_: print)
        try:
            access.check(Request(asked), service.settings, access.WrongKeys())
        except HTTPException:
            return False
        return True


class Refusal(ErrorTask):
    """Answers in the API's form what waitress refuses before it asks the application."""

    def execute(self) -> None:
        error, limits = self.request.error, self.channel.adj
        details = {
            400: f"The request is malformed: {error.body}",
            413: f"The body has more than {limits.max_request_body_size} bytes; send less at once",
            431: f"The headers have more than {limits.max_request_header_size} bytes; send less",
        }.get(error.code, error.body)
        data = errors.as_json(error.code, error.reason, details)
        headers = [("Content-Type", "application/json")]
        error.to_response = lambda _: (f"{error.code} {error.reason}", headers, data)
        super().execute()


class Channel(HTTPChannel):
    """A connection whose requests are read by `Parser`."""

    error_task_class = Refusal

    def parser_class(self, _adj: Any) -> Parser:
        return Parser(self)


class Dropped(BytesIOBasedBuffer):
    """A buffer that keeps nothing."""

    def append(self, data: bytes) -> None: ...
