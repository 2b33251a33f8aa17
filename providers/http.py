"""Calls remote vendors over HTTP: time and size limits, retries, and what an answer means.

All vendors share one pooled session. A call ends at its deadline whatever the server does, and its
answer at a byte limit; redirects are not followed. Keys stay in headers: nothing here logs, and no
exception carries a URL, a header or a body.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from providers.json_answer import parse
from providers.redact import quote
from result import ErrorCode, ProviderError
from settings import Settings

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 120  # of silence; a model thinks before its first byte
MAX_TRIES = 4
MAX_ANSWER_BYTES = 4 * 2**20
# What reading an answer of an unexpected shape may raise.
SHAPE_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

T = TypeVar("T")


class Clock(Protocol):
    """What retries and polling need of the module `time`."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Vendor:
    """A remote service: its name in messages and the variables that set it, "" for none."""

    name: str
    key_variable: str
    url_variable: str
    model_variable: str = ""
    default_url: str = ""
    key_optional: bool = False
    is_free: bool = False  # a server of one's own: a call to it can be cancelled

    def key(self, settings: Settings) -> str:
        return str(settings[self.key_variable])

    def bearer(self, settings: Settings) -> dict[str, str]:
        """The header that carries the key; none without a key."""
        return {"Authorization": f"Bearer {key}"} if (key := self.key(settings)) else {}

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
    """A failed call.

    retry: whether it may be repeated. delay: seconds the vendor asked to wait. billed: the vendor
    may have charged, so it is repeated at most once (a GET is never billed). tries: limit in all.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retry: bool = False,
        delay: float | None = None,
        billed: bool = False,
        tries: int = MAX_TRIES,
    ) -> None:
        super().__init__(code, message)
        self.retry, self.delay, self.billed, self.tries = retry, delay, billed, tries


@dataclass(frozen=True)
class Client:
    """Calls one vendor during one execution.

    `classify` gives the failure that an answer reports, None if it reports none. `deadline` is on
    the clock; a wait that would pass it is not begun.
    """

    vendor: Vendor
    settings: Settings
    classify: "Classify"
    deadline: float
    clock: Clock = time
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(
        self, method: str, url: str, *, read_timeout_s: float = READ_TIMEOUT_S, **request: Any
    ) -> Answer:
        """The first answer without a failure. Raises ProviderError.

        `request` is what requests.request takes besides headers: json, data, files.
        """
        import tenacity  # here, as sockets below: a server that calls no vendor needs neither

        backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)
        failures: list[Failure] = []

        def once() -> Answer:
            outcome = self._send(method, url, read_timeout_s, request)
            if isinstance(outcome, Answer):
                return outcome
            failures.append(outcome)
            raise outcome

        return tenacity.Retrying(
            sleep=self.clock.sleep,
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, Failure) and _may_help(method, failures)
            ),
            wait=lambda state: _wait_s(failures[-1], backoff(state)),
            stop=lambda state: self.clock.monotonic() + state.upcoming_sleep >= self.deadline,
            reraise=True,
        )(once)

    def poll(self, ask: Callable[[], T | None], waits_s: Iterable[float]) -> T:
        """The first answer of `ask` that is not None; it is called after each of `waits_s`.

        Raises ProviderError timeout where the next wait would pass the deadline.
        """
        for wait in waits_s:
            if self.clock.monotonic() + wait >= self.deadline:
                break
            self.clock.sleep(wait)
            if (result := ask()) is not None:
                return result
        advice = "did not finish within OCR_TIMEOUT_S; try again later or raise OCR_TIMEOUT_S"
        raise self.failure("timeout", advice)

    def _send(
        self, method: str, url: str, read_timeout_s: float, request: Mapping[str, Any]
    ) -> Answer | Failure:
        """Try once. Failures are returned: a raised one would carry requests' exception along."""
        from providers import sockets

        paid_vendor = "" if self.vendor.is_free else self.vendor.name
        sockets.begin_call(self.deadline, read_timeout_s, paid_vendor)
        try:
            with sockets.session.request(
                method,
                url,
                headers=self.headers,
                timeout=(
                    min(CONNECT_TIMEOUT_S, sockets.left_s()),
                    min(read_timeout_s, sockets.left_s()),
                ),
                stream=True,
                allow_redirects=False,
                **request,
            ) as response:
                outcome = _read_answer(self.vendor, response)
        except sockets.ERRORS as error:
            fault = sockets.fault_in(error)
            return _connection_failure(self.vendor, urlsplit(url).hostname, fault)
        return outcome if isinstance(outcome, Failure) else self.classify(outcome, self) or outcome

    def failure(
        self, code: ErrorCode, advice: str, vendor_message: object = None, **retry: Any
    ) -> Failure:
        """A failure whose message is the vendor's name, our advice and the vendor's message."""
        name, quoted = self.vendor.name, quote(vendor_message, self.vendor.key(self.settings))
        return Failure(
            code, f"{name} {advice}" + (f" ({name}: {quoted})" if quoted else ""), **retry
        )

    def status_failure(
        self, answer: Answer, vendor_message: object = None, delay: float | None = None
    ) -> Failure | None:
        """What the HTTP status alone means; None for success.

        A vendor's `classify` handles what the vendor does differently and leaves the rest to this.
        """
        status = answer.status
        if 200 <= status < 300:
            return None
        if status in (400, 403, 429) and _NO_CREDIT.search(str(vendor_message)):
            status = 402  # xAI has sent both 403 and 429 for it
        code, advice = _meaning(self.vendor, status, self.vendor.model(self.settings))
        retry = status in (408, 429) or (status >= 500 and status not in (501, 505))
        delay = retry_after(answer.headers) if delay is None else delay
        return self.failure(code, advice, vendor_message, retry=retry, delay=delay)

    def not_its_api(self) -> Failure:
        """The failure for an answer that is not this vendor's, as a captive portal's page."""
        advice = f"did not answer as its API does; check {self.vendor.url_variable}"
        return self.failure("bad_answer", advice)


_NO_CREDIT = re.compile(
    r"\bcredits\b|credit balance|spending limit|insufficient balance|billing to be enabled",
    re.IGNORECASE,
)
Classify = Callable[[Answer, Client], Failure | None]


def _may_help(method: str, failures: list[Failure]) -> bool:
    """Whether to try again: never after the repetition of a call that may have been billed."""
    last = failures[-1]
    repeated = method != "GET" and any(failure.billed for failure in failures[:-1])
    return last.retry and not repeated and len(failures) < last.tries


def _wait_s(failure: Failure, backoff_s: float) -> float:
    """Seconds until the next try: what the vendor asked for, else twice as long each time."""
    return backoff_s if failure.delay is None else failure.delay


def _connection_failure(vendor: Vendor, host: str | None, fault: str) -> Failure:
    """The failure for one of the faults of providers/sockets.py."""
    check = f"check {vendor.url_variable} and the network"
    match fault:
        case "timeout":
            advice = "did not answer in time; try again later or raise OCR_TIMEOUT_S"
            return Failure("timeout", f"{vendor.name} {advice}", retry=True, billed=True)
        case "connection":
            return Failure("unreachable", f"{host} cannot be reached; {check}", retry=True)
        case "cut short":
            message = f"{host} closed the connection before its answer was complete; {check}"
            return Failure("unreachable", message, retry=True, billed=True)
    return Failure("unreachable", f"{fault} failed for {host}; {check}")


def _read_answer(vendor: Vendor, response: Any) -> Answer | Failure:
    """The answer in a response of requests."""
    if 300 <= response.status_code < 400:
        return Failure(
            "unreachable",
            f"{urlsplit(response.url).hostname} redirects to another address, where a key is not "
            f"sent; set {vendor.url_variable} to the final address",
        )
    data = bytearray()
    while chunk := response.raw.read1(65536, decode_content=True):
        data += chunk
        if len(data) > MAX_ANSWER_BYTES:
            return Failure(
                "too_large",
                f"{vendor.name} answered with more than {MAX_ANSWER_BYTES} bytes; send fewer "
                f"pages, or check {vendor.url_variable}",
            )
    return Answer(response.status_code, response.headers, bytes(data), parse(data))


def _meaning(vendor: Vendor, status: int, model: str | None) -> tuple[ErrorCode, str]:
    """The error code, and the sentence after the vendor's name."""
    match status:
        case 401:
            return "bad_key", f"does not accept the key; check {vendor.key_variable}"
        case 402:
            return "quota", "reports that the account has no credit; check its limits"
        case 403:
            return "forbidden", f"does not permit this with {vendor.key_variable}; check its rights"
        case 404 if model:
            variables = f"{vendor.model_variable} and {vendor.url_variable}"
            return "unknown_model", f"has no model {model}; check {variables}"
        case 404:
            return "unknown_model", f"has nothing at this address; check {vendor.url_variable}"
        case 408:
            return "timeout", "did not receive the image in time; check the network"
        case 413:
            return "too_large", "rejects the file as too large; send a smaller one"
        case 429:
            return "rate_limited", "reports that its rate limit is exceeded; try again later"
        case _ if status >= 500:
            return "server_error", f"reports an internal error (HTTP {status}); try again later"
    return "refused", f"rejects the request (HTTP {status}); check the file and the settings"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by Retry-After, a number or a date (RFC 9110, 10.2.3), or retry-after-ms."""
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = headers.get("Retry-After", "").strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def _url_fault(url: str) -> str | None:
    """What is wrong with a base URL. The URL itself is not repeated: it may hold a password."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\\]", url) or not url.isprintable():
        return "is not an http or https URL"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "must be a plain URL, without user, ? or #"
    return None
