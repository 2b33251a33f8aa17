"""Checks before every route: the Host, the client's address, the Origin and the API key.

Web pages of other sites must not reach a server on this machine. A foreign name that resolves to it
(DNS rebinding) is refused by its Host, a form or script of another site by its Origin. No response
has CORS headers.
"""

import hmac
import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Request

from settings import Settings

LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
HOST_HEADER = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s/@:\[\]]+))(?::[0-9]*)?", re.IGNORECASE)
UNIX_SOCKET = {"", "localhost", "<local>"}  # REMOTE_ADDR in gunicorn, waitress and werkzeug
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
PROBES = {"/health", "/ready"}  # open to every client
OPEN_PATHS = {"/", *PROBES}  # need no key: the page holds no data, and asks for the key


def check(request: Request, settings: Settings) -> None:
    """Refuse a request that must not be answered: BadRequest, Forbidden or Unauthorized."""
    _check_host(request.headers.get("Host", ""), settings)
    _check_address(request, settings)
    _check_origin(request)
    _check_key(request, settings)


def who_is_let_in(settings: Settings) -> Literal["this machine", "key", "everyone"]:
    """The clients that are answered: those on this machine, those with the key, or everyone."""
    if settings.api_key:
        return "key"
    return "everyone" if settings.allow_remote else "this machine"


def _check_host(header: str, settings: Settings) -> None:
    allowed = LOCAL_NAMES | settings.trusted_hosts
    name = _host_name(header)
    if not name or name not in allowed:
        raise BadRequest(
            f"The Host {header!r} is not one of this server's names; add the name to TRUSTED_HOSTS"
            " in its environment or .env, or use http://localhost on its own machine"
        )


def _check_address(request: Request, settings: Settings) -> None:
    """Refuse other machines unless there is a key, or ALLOW_REMOTE=1.

    REMOTE_ADDR is the peer of the connection; X-Forwarded-For is not read, since any client can
    write it.
    """
    address = request.remote_addr or ""
    if who_is_let_in(settings) != "this machine" or request.path in PROBES or _is_loopback(address):
        return
    raise Forbidden(
        f"This server answers only its own machine, and the request came from {address};"
        " set API_KEY in its environment or .env and send the key,"
        " or set ALLOW_REMOTE=1 where something else guards the port"
    )


def _is_loopback(address: str) -> bool:
    """Whether the peer is a process of this machine: 127.0.0.0/8, ::1 or a Unix socket."""
    if address in UNIX_SOCKET:
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def _check_origin(request: Request) -> None:
    """Refuse a change that a page of another site asks for.

    By fetch metadata (https://www.w3.org/TR/fetch-metadata/), in older browsers by Origin.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or _origin_host(origin) == request.headers["Host"].lower()
    if not allowed:
        raise Forbidden(
            f"A page of another site ({origin or site}) may not change anything here;"
            " use this server's own page, or a program that is not a browser"
        )


def _check_key(request: Request, settings: Settings) -> None:
    key = settings.api_key
    if not key or request.path in OPEN_PATHS or request.path.startswith("/static/"):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
    if not hmac.compare_digest(given.encode("latin-1"), key.encode()):  # WSGI: bytes as latin-1
        problem = "Wrong API key" if given else "This server needs its API key"
        raise Unauthorized(
            f"{problem}: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "receipts"}),
        )


def _host_name(header: str) -> str:
    """The name in `name:port` or `[::1]:port`, without the brackets; "" for anything else."""
    match = HOST_HEADER.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""


def _origin_host(origin: str) -> str:
    """`name:port` of an Origin; "" for `null` and for anything malformed."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
