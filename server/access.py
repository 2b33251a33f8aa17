"""Who may ask? Checks that come before any route: the Host, the Origin and the API key.

Web pages elsewhere must not reach a server on this machine: a name that points here is refused by
its Host (DNS rebinding), a form or script of another site by its Origin. No CORS headers anywhere.
"""

import hmac
import logging
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized
from werkzeug.wrappers import Request

from settings import Env

log = logging.getLogger(__name__)

LOCAL = {"localhost", "127.0.0.1", "::1"}
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s/@:\[\]]+))(?::[0-9]*)?", re.IGNORECASE)
BINDING = re.compile(r"(?:--host|--listen|--bind|-h|-b)(?:=(.*)|$)|-b(.+)")
OPEN_BY_DEFAULT = {"waitress-serve": "0.0.0.0"}
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
    """The host a server's command line binds to; the first that is not of this machine alone.

    `--host NAME`, `--listen=*:3000`, `-b [::]:3000` and the like; a Unix socket is 127.0.0.1.
    """
    hosts = []
    for word, following in pairwise([*arguments, ""]):
        if match := BINDING.fullmatch(word):
            value = next((group for group in match.groups() if group is not None), following)
            hosts.append("127.0.0.1" if value.startswith(("unix:", "/")) else _bound_name(value))
    if not hosts:
        hosts = [OPEN_BY_DEFAULT.get(Path(arguments[0]).name if arguments else "", "127.0.0.1")]
    return next((host for host in hosts if host not in LOCAL), hosts[0])


def _bound_name(value: str) -> str:
    """The name in `name`, `name:port` or `[::]:port`; 0.0.0.0 for all addresses."""
    name = _host_name(value) or value
    return "0.0.0.0" if name == "*" or re.fullmatch(r"(:[0-9]+)?", name) else name


def _check_host(header: str, env: Env) -> None:
    allowed = LOCAL | {name.strip().lower() for name in env.get("TRUSTED_HOSTS", "").split(",")}
    name = _host_name(header)
    if not name or name not in allowed:
        raise BadRequest(
            f"The Host {header!r} is not one of this server's names; add the name to TRUSTED_HOSTS"
            " in its environment or .env, or use http://localhost on its own machine"
        )


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


def _check_key(request: Request, env: Env) -> None:
    key = env.get("API_KEY", "")
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
