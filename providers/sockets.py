"""Sockets that end a connection at the deadline of their call.

The timeouts of requests are per read: a server that drips a byte a second, headers included,
outlives them, and a large upload has only the connect timeout. These sockets know the deadline of
their thread's call.
"""

import socket
import ssl
import threading
import time
from functools import partial
from typing import Any

import requests
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from engines import running

LONGEST_S = 2_000_000.0  # a socket's timeout is counted in milliseconds, in 32 bits

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
    def recv_into(self, *args: Any) -> int:
        self.settimeout(min(_call.silence_s, left_s()))
        with running.ended_by(partial(self.shutdown, socket.SHUT_RDWR)):
            return super().recv_into(*args)

    def sendall(self, *args: Any) -> None:
        running.begin_request(_call.paid_vendor)
        self.settimeout(left_s())
        return super().sendall(*args)


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any) -> int:
        self.settimeout(min(_call.silence_s, left_s()))
        with running.ended_by(partial(socket.socket.shutdown, self, socket.SHUT_RDWR)):
            return super().recv_into(*args)

    def send(self, *args: Any) -> int:  # sendall calls it until all is sent
        running.begin_request(_call.paid_vendor)
        self.settimeout(left_s())
        return super().send(*args)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _Socket(fileno=super()._new_conn().detach())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class DeadlineAdapter(requests.adapters.HTTPAdapter):
    """An adapter for requests.Session.mount whose connections use these sockets."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = _TlsSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        schemes = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {**schemes, "http": _Pool}
