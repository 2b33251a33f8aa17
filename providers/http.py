"""How does one call to a remote vendor go?

One pooled session for all vendors. A call ends at its deadline whatever the server does, its answer
at a byte cap; redirects are not followed; only what may help is tried again. Keys stay in headers:
nothing here logs, and no exception carries a URL, a header or a body.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from math import isfinite
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3

from providers.redact import quote
from providers.sockets import DeadlineAdapter, begin_call, left_s
from result import ErrorCode, ProviderError
from settings import Settings

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 120  # of silence; a model thinks before its first byte
TRIES = 4
MAX_ANSWER_BYTES = 4 * 2**20
SURPRISES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # see not_its_api
MAX_DEPTH = 64  # of an answer's JSON; none that we know goes beyond 15


@dataclass(frozen=True)
class Vendor:
    """A remote service: its name in messages and the variables that set it, "" for none."""

    name: str
    key_variable: str
    url_variable: str
    default_url: str = ""
    model_variable: str = ""
    key_optional: bool = False

    def key(self, settings: Settings) -> str:
        return str(settings[self.key_variable])

    def url(self, settings: Settings) -> str:
        """The base URL, without a slash at its end."""
        return (settings[self.url_variable] or self.default_url).rstrip("/")

    def model(self, settings: Settings) -> str | None:
        return settings[self.model_variable] or None if self.model_variable else None

    def host(self, settings: Settings) -> str | None:
        """Where the image goes; None while the URL is missing or malformed."""
        return None if _url_fault(self.url(settings)) else urlsplit(self.url(settings)).hostname

    def unavailable(self, settings: Settings) -> str | None:
        key = self.key(settings)
        if not key and not self.key_optional:
            return f"{self.key_variable} is not set"
        if not (key.isascii() and key.isprintable()) or " " in key:
            return f"{self.key_variable} has characters that no key has; copy it again"
        if not self.url(settings):
            return f"{self.url_variable} is not set"
        fault = _url_fault(self.url(settings))
        return f"{self.url_variable} {fault}" if fault else None


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes
    body: object  # the parsed JSON; None where it is none


class Failure(ProviderError):
    """Why a call gave no result, and whether to try again.

    After `delay` seconds where the vendor asks for a wait; once more at most where the call may
    already have been `billed`, which a GET never is; until there were `tries` in all.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retry: bool = False,
        delay: float | None = None,
        billed: bool = False,
        tries: int = TRIES,
    ) -> None:
        super().__init__(code, message)
        self.retry, self.delay, self.billed, self.tries = retry, delay, billed, tries


Judge = Callable[[Answer], Failure | None]


def call(
    vendor: Vendor,
    method: str,
    url: str,
    *,
    deadline: float,
    judge: Judge,
    read_timeout_s: float = READ_TIMEOUT_S,
    max_bytes: int = MAX_ANSWER_BYTES,
    **request: Any,
) -> Answer:
    """The first answer that `judge` finds no failure in. Raises ProviderError.

    `deadline` is on the clock of time.monotonic(); `request` is what requests.request takes
    (headers, json, data, files). A wait that would pass the deadline is not begun.
    """
    failures: list[Failure] = []

    def once() -> Answer:
        outcome = _send(vendor, method, url, deadline, read_timeout_s, max_bytes, request)
        if isinstance(outcome, Answer):
            failure = judge(outcome)
            if failure is None:
                return outcome
        else:
            failure = outcome
        failures.append(failure)
        raise failure

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, Failure) and _may_help(method, failures)
        ),
        wait=_wait,
        stop=tenacity.stop_before_delay(deadline - time.monotonic()),
        reraise=True,
    )(once)


def _may_help(method: str, failures: list[Failure]) -> bool:
    """Whether another try may: never once one failed that may have been billed and was repeated."""
    last = failures[-1]
    repeated = method != "GET" and any(failure.billed for failure in failures[:-1])
    return last.retry and not repeated and len(failures) < last.tries


_backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: what the vendor asked for, else twice as long each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Failure) and error.delay is not None:
        return error.delay
    return _backoff(state)


def _send(
    vendor: Vendor,
    method: str,
    url: str,
    deadline: float,
    read_timeout_s: float,
    max_bytes: int,
    request: Mapping[str, Any],
) -> Answer | Failure:
    """One try. Failures are returned, so that no exception of requests hangs on to them."""
    host = urlsplit(url).hostname
    check = f"check {vendor.url_variable} and the network"
    begin_call(deadline, read_timeout_s)
    try:
        timeout = (min(CONNECT_TIMEOUT_S, left_s()), min(read_timeout_s, left_s()))
        with _session.request(
            method, url, timeout=timeout, stream=True, allow_redirects=False, **request
        ) as response:
            return _answer(vendor, response, max_bytes)
    except requests.exceptions.SSLError:
        return Failure("unreachable", f"{host} has no TLS that we can trust; {check}")
    except requests.exceptions.ConnectTimeout:
        return Failure("unreachable", f"{host} does not take our call; {check}", retry=True)
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return _timeout(vendor)
    except requests.exceptions.ConnectionError as error:
        return _broken(vendor, host, error)
    except (urllib3.exceptions.HTTPError, requests.exceptions.RequestException, OSError):
        return Failure(
            "unreachable",
            f"the connection to {host} broke before the answer was whole; {check}",
            retry=True,
            billed=True,
        )


def _timeout(vendor: Vendor) -> Failure:
    return Failure(
        "timeout",
        f"{vendor.name} did not answer in time; try again later or raise OCR_TIMEOUT_S",
        retry=True,
        billed=True,
    )


def _broken(
    vendor: Vendor, host: str | None, error: requests.exceptions.ConnectionError
) -> Failure:
    """requests has one error for "nobody there" and "hung up on us"; urllib3's tells which."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return Failure(
            "unreachable",
            f"{host} cannot be reached; check {vendor.url_variable} and the network",
            retry=True,
        )
    if any(isinstance(part, TimeoutError) for part in getattr(reason, "args", ())):
        return _timeout(vendor)
    return Failure(
        "unreachable",
        f"{host} hung up without an answer; check {vendor.url_variable}, or try again later",
        retry=True,
        billed=True,
    )


def _answer(vendor: Vendor, response: requests.Response, max_bytes: int) -> Answer | Failure:
    if 300 <= response.status_code < 400:
        return Failure(
            "unreachable",
            f"{urlsplit(response.url).hostname} redirects to another address, where a key is not "
            f"sent; set {vendor.url_variable} to the final address",
        )
    data = bytearray()
    while chunk := response.raw.read1(65536, decode_content=True):
        data += chunk
        if len(data) > max_bytes:
            return Failure(
                "too_large",
                f"{vendor.name} answered with more than {max_bytes} bytes; send fewer pages, or "
                f"check {vendor.url_variable}",
            )
    return Answer(response.status_code, response.headers, bytes(data), parse(data))


# What an answer says


def failure(
    vendor: Vendor,
    settings: Settings,
    code: ErrorCode,
    advice: str,
    said: object = None,
    **retry: Any,
) -> Failure:
    """A failure whose message is the vendor's name, our `advice` and what the vendor `said`."""
    quoted = quote(said, vendor.key(settings))
    message = f"{vendor.name} {advice}" + (f" ({vendor.name}: {quoted})" if quoted else "")
    return Failure(code, message, **retry)


def http_failure(
    vendor: Vendor,
    answer: Answer,
    settings: Settings,
    said: object = None,
    delay: float | None = None,
) -> Failure | None:
    """What the HTTP status alone says, None for success.

    A provider's judge handles what its vendor does differently and leaves the rest to this.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    code, advice = _meaning(vendor, status, vendor.model(settings))
    retry = status in (408, 429) or (status >= 500 and status not in (501, 505))
    wait = retry_after(answer.headers) if delay is None else delay
    return failure(vendor, settings, code, advice, said, retry=retry, delay=wait)


def _meaning(vendor: Vendor, status: int, model: str | None) -> tuple[ErrorCode, str]:
    """The error code, and the sentence after the vendor's name."""
    match status:
        case 401:
            return "bad_key", f"does not accept the key; check {vendor.key_variable}"
        case 402:
            return "quota", "wants the account to be topped up; check its credit and limits"
        case 403:
            return "forbidden", (
                f"does not let this key do that; check what {vendor.key_variable} is allowed to"
            )
        case 404 if model:
            return "unknown_model", (
                f"has no model {model}; check {vendor.model_variable} and {vendor.url_variable}"
            )
        case 404:
            return "unknown_model", f"has nothing there; check {vendor.url_variable}"
        case 408:
            return "timeout", "waited too long for the image; check the network"
        case 413:
            return "too_large", "finds the file too large; send a smaller one"
        case 429:
            return "rate_limited", "is asked too often with this key; try again later"
        case _ if status >= 500:
            return "server_error", f"has a fault of its own (HTTP {status}); try again later"
    return "refused", f"refused the request (HTTP {status}); check the file and the settings"


def not_its_api(vendor: Vendor) -> Failure:
    """For an answer that is none of this vendor's: a captive portal's page, another service.

    Reading one of another shape may raise any of SURPRISES.
    """
    return Failure(
        "bad_answer",
        f"{vendor.name} did not answer as its API does; check {vendor.url_variable}",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the vendor asks us to wait.

    Retry-After is a number or an HTTP date (RFC 9110, 10.2.3); OpenAI adds retry-after-ms.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if re.fullmatch(_NUMBER, milliseconds, re.ASCII):
        return float(milliseconds) / 1000
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(_NUMBER, value, re.ASCII):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


_NUMBER = r"\d{1,9}(\.\d{1,9})?"


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def parse(data: bytes | bytearray | str, number: Callable[[str], object] = _finite) -> object:
    """The JSON value, None if it is none (or nested too deep); all of it can be stored.

    `number` makes the numbers that have a point or an exponent.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
        return _storable(json.loads(text, parse_float=number, parse_constant=lambda _: None))
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _storable(value: object, depth: int = 0) -> object:
    """The value with lone surrogates (JSON can hold them, UTF-8 cannot) replaced."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {str(_storable(k)): _storable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_storable(v, depth + 1) for v in value]
    return value


def dig(value: object, *path: str | int) -> Any:
    """What stands at `path` of a parsed answer; None where the answer is not of that shape."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def dig_list(value: object, *path: str | int) -> list[Any]:
    """The list that stands at `path`; an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def without_images(value: object) -> object:
    """An answer without the pictures some vendors send back."""
    if isinstance(value, str):
        return _IMAGE.sub("[image]", value)
    if isinstance(value, dict):
        return {name: without_images(part) for name, part in value.items()}
    return [without_images(part) for part in value] if isinstance(value, list) else value


_IMAGE = re.compile(r"data:[\w/+.-]*;base64,[\w+/=-]*|[A-Za-z0-9+/_-]{1000,}={0,2}")


def _url_fault(url: str) -> str | None:
    """What is wrong with a base URL. The URL itself is not repeated: it may hold a password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\\]", url) or not url.isprintable():
        return "is not an http or https URL"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "must be a plain URL, without user, ? or #"
    return None


def _new_session() -> requests.Session:
    session = requests.Session()
    session.auth = lambda request: request  # else ~/.netrc replaces our Authorization header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # none is kept
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(pool_connections=16, pool_maxsize=32))
    return session


_session = _new_session()


# Waiting for a result

T = TypeVar("T")


def poll(ask: Callable[[], T | None], waits_s: Iterable[float], deadline: float, name: str) -> T:
    """What `ask` answers once that is not None, asked after each of the endless `waits_s`.

    `deadline` is on the clock of time.monotonic(). Raises ProviderError timeout instead of waiting
    beyond it.
    """
    for wait in waits_s:
        if time.monotonic() + wait >= deadline:
            break
        time.sleep(wait)
        if (result := ask()) is not None:
            return result
    raise ProviderError(
        "timeout", f"{name} was still reading at OCR_TIMEOUT_S; try again later or raise it"
    )
