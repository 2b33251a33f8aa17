"""Checks before every route: the Host, the client's address, and the API key or the Origin.

Web pages of other sites must not reach a server on this machine. A foreign name that resolves to it
(DNS rebinding) is refused by its Host, a form or script of another site by its Origin; with an
API key by that, since such a page cannot send it. No response has CORS headers.

With TRUSTED_PROXIES, Host and address are those that the proxy names in X-Forwarded-*, and what the
proxy itself sent must pass too: a page of a rebound name can write these headers.
"""

import hmac
import ipaddress
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, TooManyRequests, Unauthorized
from werkzeug.wrappers import Request

from settings import Settings

LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s/@:\[\]]+))(?::[0-9]*)?", re.IGNORECASE)
UNIX_SOCKET = {"", "localhost", "<local>"}  # REMOTE_ADDR in gunicorn, waitress and werkzeug
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
PROBES = {"/health", "/ready"}  # open to every client
# Need no key: the page holds no data and asks for the key, the description is the same everywhere.
OPEN_PATHS = {"/", "/docs", "/openapi.json", *PROBES}
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
LET_IN = {
    "this machine": "this machine only; to let a phone in, see docs/phone.md",
    "key": "everyone who sends the API_KEY",
    "everyone": "everyone, without a key: set API_KEY, or remove ALLOW_REMOTE",
}
MAX_WRONG_KEYS = 10  # of one client in WINDOW_S
WINDOW_S = 60


class WrongKeys:
    """Counts the wrong keys of each client in a minute, so that keys cannot be guessed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._ends = clock, 0.0
        self._counts: Counter[str] = Counter()

    def check(self, client: str) -> None:
        """Refuse a client that sent too many. Raises TooManyRequests.

        It is refused with the right key too, or a program could try a million to find that.
        """
        seconds = int(self._ends - self._clock()) + 1
        if self._clock() < self._ends and self._counts[client] >= MAX_WRONG_KEYS:
            raise TooManyRequests(
                f"{client} sent {MAX_WRONG_KEYS} wrong API keys within a minute; wait {seconds} s,"
                " then the right one is taken (clients behind a proxy count as one unless"
                " TRUSTED_PROXIES is set)",
                retry_after=seconds,
            )

    def add(self, client: str) -> None:
        if self._clock() >= self._ends:
            self._counts, self._ends = Counter(), self._clock() + WINDOW_S
        self._counts[client] += 1


def check(request: Request, settings: Settings, wrong_keys: WrongKeys) -> None:
    """Refuse a request by BadRequest, Forbidden, Unauthorized or TooManyRequests, or let it in."""
    peer = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    for host in (peer.get("HTTP_HOST") or "", request.headers.get("Host", "")):
        _check_host(host, settings)
    for address in (peer["REMOTE_ADDR"], request.remote_addr):
        _check_address(request.path, address or "", settings)
    if not settings.api_key:
        _check_origin(request, settings)
    elif request.path not in OPEN_PATHS and not request.path.startswith("/static/"):
        _check_key(request, settings.api_key, wrong_keys)


def client(request: Request) -> str:
    """The client to count: its address, or the /64 of it that IPv6 gives to one customer."""
    ip = _ip(request.remote_addr or "")
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(ip), 64), strict=False))
    return str(ip or request.remote_addr or "")


def who_is_let_in(settings: Settings) -> Literal["this machine", "key", "everyone"]:
    """The clients that are answered: those on this machine, those with the key, or everyone."""
    if settings.api_key:
        return "key"
    return "everyone" if settings.allow_remote else "this machine"


def _check_host(header: str, settings: Settings) -> None:
    allowed = LOCAL_NAMES | settings.trusted_hosts
    match = HOST_HEADER.fullmatch(header)  # `name:port` or `[::1]:port`
    name = (match[1] or match[2]).lower() if match else ""
    if not name or allowed.isdisjoint((name, header.lower())):
        raise BadRequest(
            f"The Host {header!r} is not one of this server's names; add the name to TRUSTED_HOSTS"
            " in its environment or .env, or use http://localhost on its own machine"
        )


def _check_address(path: str, address: str, settings: Settings) -> None:
    """Refuse other machines unless there is a key, or ALLOW_REMOTE=1."""
    if who_is_let_in(settings) != "this machine" or path in PROBES or _is_loopback(address):
        return
    raise Forbidden(
        f"This server answers only its own machine, and the request came from {address};"
        " set API_KEY in its environment or .env and send the key,"
        " or set ALLOW_REMOTE=1 where something else guards the port"
    )


def _is_loopback(address: str) -> bool:
    """Whether the peer is a process of this machine: 127.0.0.0/8, ::1 or a Unix socket."""
    ip = _ip(address)
    return address in UNIX_SOCKET or (ip is not None and ip.is_loopback)


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, as IPv4 where it is one; None for anything else."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _check_origin(request: Request, settings: Settings) -> None:
    """Refuse a change that a page of another site asks for.

    By fetch metadata (https://www.w3.org/TR/fetch-metadata/), which browsers send to https:// and
    to localhost; else by Origin.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    host = request.headers["Host"].lower()
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or _is_own(origin, host, settings)
    if not allowed:
        raise Forbidden(
            f"A page of another site may not change anything here: the page's Origin is"
            f" {origin or site!r}, this server's Host {host!r}; if this is the server's own page"
            " behind a proxy, let the proxy send the Host with its port ($http_host in nginx), or"
            " add the Origin's name and port to TRUSTED_HOSTS: see docs/proxies.md"
        )


def _is_own(origin: str, host: str, settings: Settings) -> bool:
    """Whether the page came from this host, or from a name in TRUSTED_HOSTS that has a port."""
    try:
        url = urlsplit(origin.lower())
        with_port = url.netloc + ("" if url.port else DEFAULT_PORTS.get(url.scheme, ""))
    except ValueError:
        return False
    return host in (url.netloc, with_port) or with_port in settings.trusted_hosts


def _check_key(request: Request, key: str, wrong_keys: WrongKeys) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
    if given:
        wrong_keys.check(client(request))
    if not hmac.compare_digest(given.encode("latin-1"), key.encode()):  # WSGI: bytes as latin-1
        if given:
            wrong_keys.add(client(request))
        problem = "Wrong API key" if given else "This server needs its API key"
        raise Unauthorized(
            f"{problem}: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "receipts"}),
        )
