"""The session of requests that calls vendors, whose sockets end at the deadline of their call.

The timeouts of requests are per read: a server that drips a byte a second, headers included,
outlives them, and a large upload has only the connect timeout. These sockets know the deadline of
their thread's call. It is imported with the first call: with requests it takes 4 MB.
"""

import socket
import ssl
import threading
import time
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal

import requests
import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from engines import running

LONGEST_S = 2_000_000.0  # a socket's timeout is counted in milliseconds, in 32 bits
ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)  # of a call
TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
Fault = Literal["certificate verification", "TLS handshake", "connection", "timeout", "cut short"]

_call = threading.local()


def begin_call(deadline: float, silence_s: float, paid_vendor: str = "") -> None:
    """Set the limits of this thread: reads end after `silence_s`, everything at the deadline.

    The deadline is on the clock of time.monotonic(). `paid_vendor` may charge for what is sent, so
    that the execution cannot be cancelled any more.
    """
    _call.deadline, _call.silence_s, _call.paid_vendor = deadline, silence_s, paid_vendor


def left_s() -> float:
    """Seconds that this thread's call still has. Raises TimeoutError when it has none."""
    left: float = _call.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return min(left, LONGEST_S)


class _Socket(socket.socket):
    """A socket that knows the limits of its thread's call."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(min(_call.silence_s, left_s()))
        # Not self.shutdown: that of ssl.SSLSocket drops the TLS state this thread is reading with.
        with running.ended_by(partial(socket.socket.shutdown, self, socket.SHUT_RDWR)):
            return super().recv_into(*args)

    def sendall(self, *args: Any) -> None:
        self._begin_send()
        return super().sendall(*args)

    def _begin_send(self) -> None:
        running.begin_request(_call.paid_vendor)
        self.settimeout(left_s())


class _TlsSocket(_Socket, ssl.SSLSocket):
    def send(self, *args: Any) -> int:  # sendall calls it until all is sent
        self._begin_send()
        return super().send(*args)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _Socket(fileno=super()._new_conn().detach())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = _TlsSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        schemes = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {**schemes, "http": _Pool}


def new_session() -> requests.Session:
    """A session whose calls end at their deadline; it keeps no cookies and reads no ~/.netrc."""
    session = requests.Session()
    session.auth = lambda request: request  # else ~/.netrc replaces our Authorization header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # none is kept
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_connections=16, pool_maxsize=32))
    return session


session = new_session()  # of all vendors


def fault_in(error: Exception) -> Fault:
    """What failed, which the urllib3 error inside an error of requests tells apart."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.exceptions.SSLError):
        return "certificate verification" if "CERTIFICATE" in str(error) else "TLS handshake"
    if isinstance(error, requests.ConnectTimeout):
        return "connection"
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return "connection"
    parts = (error, *getattr(reason, "args", ()))
    return "timeout" if any(isinstance(part, TIMEOUTS) for part in parts) else "cut short"
