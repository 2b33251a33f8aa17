"""Checks before every route: the Host, the client's address, the Origin and the API key.

Web pages elsewhere must not reach a server on this machine: a name that points here is refused by
its Host (DNS rebinding), a form or script of another site by its Origin. No CORS headers anywhere.
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

LOCAL = {"localhost", "127.0.0.1", "::1"}
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s/@:\[\]]+))(?::[0-9]*)?", re.IGNORECASE)
UNIX_SOCKET = {"", "localhost", "<local>"}  # a peer's address to gunicorn, waitress, werkzeug
SAFE = {"GET", "HEAD", "OPTIONS"}
PROBES = {"/health", "/ready"}  # answered whoever asks
OPEN = {"/", *PROBES}  # without a key: the page holds nothing, and asks for one


def check(request: Request, settings: Settings) -> None:
    """Raises BadRequest, Forbidden or Unauthorized."""
    _check_host(request.headers.get("Host", ""), settings)
    _check_address(request, settings)
    _check_origin(request)
    _check_key(request, settings)


def who_is_let_in(settings: Settings) -> Literal["this machine", "key", "everyone"]:
    """Whose requests are answered: this machine's, those with the key, or everyone's."""
    if settings.api_key:
        return "key"
    return "everyone" if settings.allow_remote else "this machine"


def _check_host(header: str, settings: Settings) -> None:
    allowed = LOCAL | settings.trusted_hosts
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
    """Fetch metadata (https://www.w3.org/TR/fetch-metadata/), or Origin from older browsers."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or _origin_host(origin) == request.headers["Host"].lower()
    if not allowed:
        raise Forbidden(
            f"A page of another site ({origin or site}) may not change anything here;"
            " use this server's own page, or a client that is no browser"
        )


def _check_key(request: Request, settings: Settings) -> None:
    key = settings.api_key
    if not key or request.path in OPEN or request.path.startswith("/static/"):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
    if not hmac.compare_digest(given.encode("latin-1"), key.encode()):  # WSGI: bytes as latin-1
        problem = "The key that came is not this server's" if given else "This server wants its"
        raise Unauthorized(
            f"{problem} API_KEY: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "receipts"}),
        )


def _host_name(header: str) -> str:
    """The name in `name:port` or `[::1]:port`, without the brackets; "" for anything else."""
    match = HOST.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""


def _origin_host(origin: str) -> str:
    """`name:port` of an Origin; "" for `null` and for what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
