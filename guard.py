"""Who may ask? Checks that come before any route: the Host, the Origin and the API key.

Web pages elsewhere must not reach a server on this machine: a name that points here is refused by
its Host (DNS rebinding), a form or script of another site by its Origin. No CORS headers anywhere.
"""

import hmac
import logging
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import urlsplit

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Request

from providers.base import Env

log = logging.getLogger(__name__)

LOCAL = {"localhost", "127.0.0.1", "::1"}
SAFE = {"GET", "HEAD", "OPTIONS"}
OPEN = {"/", "/health", "/ready"}  # without a key: the page holds nothing, and asks for one


def check(request: Request, env: Env) -> None:
    """Raises BadRequest, Forbidden or Unauthorized."""
    _check_host(request.headers.get("Host", ""), env)
    _check_origin(request)
    _check_key(request, env)


def warn_if_open(host: str, env: Env) -> None:
    """Say loudly that anyone on the network can read the receipts and spend the keys."""
    if host not in LOCAL and not env.get("API_KEY"):
        log.warning(
            "ANYONE WHO REACHES %s CAN READ YOUR RECEIPTS AND USE YOUR PAID KEYS: set API_KEY,"
            " or bind to 127.0.0.1",
            host,
        )


def bound_host(arguments: Sequence[str]) -> str:
    """The host a server's command line binds to: of --host, --listen or --bind, in either form."""
    words = [part for argument in arguments for part in argument.split("=", 1)]
    for option, value in pairwise(words):
        if option in ("--host", "-h", "--listen", "--bind", "-b"):
            return _host_name(value).replace("*", "0.0.0.0")
    return "127.0.0.1"


def _check_host(header: str, env: Env) -> None:
    allowed = LOCAL | {name.strip().lower() for name in env.get("TRUSTED_HOSTS", "").split(",")}
    name = _host_name(header)
    if not name or name not in allowed:
        raise BadRequest(
            f"The Host {header!r} is not one of this server's names; use http://localhost,"
            " or add the name to TRUSTED_HOSTS"
        )


def _check_origin(request: Request) -> None:
    """Fetch metadata (https://www.w3.org/TR/fetch-metadata/), or Origin from older browsers."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    if not allowed:
        raise Forbidden(
            f"A page of another site ({origin or site}) may not change anything here;"
            " use this server's own page, or a client that is no browser"
        )


def _check_key(request: Request, env: Env) -> None:
    key = env.get("API_KEY", "")
    if not key or request.path in OPEN or request.path.startswith("/static/"):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise Unauthorized(
            "This server wants its API_KEY: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "receipts"}),
        )


def _host_name(header: str) -> str:
    """The name in `name:port`, `[::1]:port` or a URL; "" for what is none."""
    try:
        return (urlsplit(header if "//" in header else f"//{header}").hostname or "").lower()
    except ValueError:
        return ""
