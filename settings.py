"""Every setting there is: read from the environment and checked once, when the server starts."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit

MAKE_SECRET = "make one with: echo whsec_$(head -c 32 /dev/urandom | base64)"
SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)(_ID)?$")
MAX_THREADS = 1000
MIN_SECRET_LENGTH = 6  # characters; a shorter value may be a common word
MIN_LIKENESS = 0.83  # of a name to that of a setting: OCR_TIMEOUT to OCR_TIMEOUT_S is .92


class Limits(NamedTuple):
    """The largest picture that is read. Engines' processes get this alone, so they get no keys."""

    pages: int
    pixels: int  # width x height


# From a variable's text to its value; a ValueError continues the sentence that its name begins.


def _whole_number(text: str, least: int, most: int) -> int:
    if not re.fullmatch("[0-9]{1,19}", text) or not least <= int(text) < 2**63:
        raise ValueError(f"must be a whole number of {least} or more, not {text!r}")
    if int(text) > most:
        raise ValueError(f"must be {most} or less, not {text}")
    return int(text)


def _one_of(text: str, *choices: str) -> str:
    if text not in choices:
        raise ValueError(f"must be {' or '.join(choices)}, not {text!r}")
    return text


def _flag(text: str) -> bool:
    return _one_of(text, "0", "1") == "1"


def _host_names(text: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())


def _rate(text: str) -> str:
    from limits import parse_many  # only where it is used: 0.1 s

    try:
        parse_many(text)
    except ValueError:
        raise ValueError(f"must look like 10/second;1000/day, not {text!r}") from None
    return text


def _webhook_url(text: str) -> str:
    try:
        is_url = urlsplit(text).scheme in ("http", "https") and urlsplit(text).hostname
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError("must be an http:// or https:// URL")  # not repeated: it may hold a secret
    return text


def _webhook_key(text: str) -> bytes:
    """The key in a secret; the Standard Webhooks specification wants 24 to 64 bytes."""
    if not text.startswith("whsec_"):
        raise ValueError(f"must begin with whsec_; {MAKE_SECRET}")
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError(f"must be base64 after whsec_; {MAKE_SECRET}") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"must hold 24 to 64 bytes, not {len(key)}; {MAKE_SECRET}")
    return key


def _text(default: Any, meaning: str = "", parse: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"meaning": meaning, "parse": parse})


def _secret(meaning: str = "", parse: Callable[[str], Any] = str, default: Any = "") -> Any:
    return field(default=default, metadata={"meaning": meaning, "parse": parse}, repr=False)


def _number(default: int | None, meaning: str, least: int = 1, most: int = 2**63 - 1) -> Any:
    return _text(default, meaning, partial(_whole_number, least=least, most=most))


@dataclass(frozen=True)
class Settings:
    """The value of each variable; the field's name in upper case is the variable."""

    # The server
    data_dir: str = _text("data", "database and uploaded files")
    api_key: str = _secret("wanted with every request when set: Authorization: Bearer ...")
    allow_remote: bool = _text(
        False, "1 lets other machines in without a key, where something else guards the port", _flag
    )
    trusted_hosts: frozenset[str] = _text(
        frozenset(), "names it is reached by besides localhost: nas.lan,192.168.1.20", _host_names
    )
    trusted_proxies: int = _number(0, "proxies before it; X-Forwarded-* of as many count", least=0)
    rate_limit: str = _text("", "per client, as in 10/second;2000/day; none by default", _rate)
    max_file_size_bytes: int = _number(20 * 2**20, "of one file; 413 beyond")
    max_files_per_job: int = _number(50, "413 beyond")
    max_image_pixels: int = _number(100_000_000, "width x height; 400 beyond")
    max_pages: int = _number(20, "of a PDF or TIFF; 400 beyond")
    preview_cache_mb: int = _number(
        500, "of data/previews, the pictures that the page shows; the oldest go", least=0
    )
    max_pending: int = _number(10_000, "executions waiting; 503 beyond")
    max_waiting: int = _number(250, "requests that wait for a job; fewer than the server's threads")
    log_format: Literal["text", "json"] = _text(
        "text", "or json: an object a line", lambda text: _one_of(text, "text", "json")
    )
    webhook_url: str = _secret(
        "gets finished jobs and confirmed receipts, signed with WEBHOOK_SECRET", _webhook_url
    )
    webhook_secret: bytes = _secret(f"by standardwebhooks.com; {MAKE_SECRET}", _webhook_key, b"")
    watch_dir: str = _text("", "a directory whose pictures and PDFs become jobs: docs/watch.md")
    watch_provider: str = _text("", "reads them; unset: the best that runs on this machine")
    watch_rest_s: int = _number(5, "seconds that a file there must be unchanged", most=86_400)
    job_retention_days: int = _number(0, "days that finished jobs are kept; 0 for ever", least=0)

    # The worker
    ocr_workers: int | None = _number(
        None, "local executions at once; unset: as many as cores", most=MAX_THREADS
    )
    ocr_warm: bool = _text(
        True, "0 loads paddle-ocr-local with the first receipt and not with the server", _flag
    )
    remote_workers: int = _number(8, "remote executions at once", most=MAX_THREADS)
    ocr_timeout_s: int = _number(
        300, "of one execution, in seconds, retries included", most=1_000_000
    )
    ocr_memory_mb: int = _number(
        2048,
        "of a process that decodes or reads a file; `too_large` beyond; not of llama.cpp",
        least=128,
        most=1_000_000,
    )

    # The providers
    paddle_ocr_det_dir: str = _text("")
    paddle_ocr_rec_dir: str = _text("")
    tesseract_language: str = _text("eng", "as `tesseract --list-langs` shows them: deu+eng")
    llama_cpp_base_url: str = _text("", "http://localhost:8080/v1")
    llama_cpp_api_key: str = _secret()
    llama_cpp_model: str = _text("")
    llama_cpp_model_path: str = _text("")
    llama_cpp_mmproj_path: str = _text("")
    llama_cpp_threads: int = _number(1, "of the model in-process", most=MAX_THREADS)
    gemini_api_key: str = _secret()
    gemini_model: str = _text("gemini-3.8-flash")
    gemini_base_url: str = _text("https://generativelanguage.googleapis.com")
    openai_api_key: str = _secret()
    openai_model: str = _text("gpt-6-luna")
    openai_base_url: str = _text("https://api.openai.com/v1")
    mistral_api_key: str = _secret()
    mistral_model: str = _text("mistral-ocr-latest")
    mistral_base_url: str = _text("https://api.mistral.ai/v1")
    xai_api_key: str = _secret()
    xai_model: str = _text("grok-4.3")
    xai_base_url: str = _text("https://api.x.ai/v1")
    tab_scanner_api_key: str = _secret()
    tab_scanner_base_url: str = _text("https://api.tabscanner.com")
    aws_access_key_id: str = _secret()
    aws_secret_access_key: str = _secret()
    aws_session_token: str = _secret()
    aws_region: str = _text("")
    aws_default_region: str = _text("", "where AWS_REGION is not set")
    aws_endpoint_url_textract: str = _text("", "by default that of the region")
    aws_endpoint_url: str = _text("", "where AWS_ENDPOINT_URL_TEXTRACT is not set")
    paddle_ocr_endpoint: str = _text("")
    paddle_ocr_api_key: str = _secret()
    paddleocr_base_url: str = _text("", "PaddleOCR's own names, where those two are not set")
    paddleocr_access_token: str = _secret()

    # What the log must not show: the values of all variables that are named as keys are
    secrets: tuple[str, ...] = field(default=(), repr=False)
    near_misses: tuple[str, ...] = ()  # sentences about variables that are nearly named as ours

    def __getitem__(self, variable: str) -> Any:
        """The value of the variable of this name."""
        return getattr(self, variable.lower())

    @property
    def limits(self) -> Limits:
        return Limits(self.max_pages, self.max_image_pixels)


VARIABLES: dict[str, Field[Any]] = {
    field.name.upper(): field for field in fields(Settings) if field.metadata
}


def read_settings(env: Mapping[str, str]) -> Settings:
    """The settings in these variables; an empty one counts as unset.

    Raises ValueError, a sentence that names the first variable whose value cannot be used.
    """
    texts = {name: text for name in VARIABLES if (text := env.get(name, "").strip())}
    if "WEBHOOK_URL" in texts and "WEBHOOK_SECRET" not in texts:
        raise ValueError(f"WEBHOOK_URL needs a WEBHOOK_SECRET; {MAKE_SECRET}")
    values = {VARIABLES[name].name: _parsed(name, text) for name, text in texts.items()}
    return Settings(**values, secrets=_secrets(env), near_misses=_near_misses(env))


def _parsed(name: str, text: str) -> Any:
    try:
        return VARIABLES[name].metadata["parse"](text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _secrets(env: Mapping[str, str]) -> tuple[str, ...]:
    """The values of our own keys, as they are and as they stand in a URL."""
    values = [value.strip() for name, value in env.items() if SECRET_NAME.search(name)]
    long = [value for value in values if len(value) >= MIN_SECRET_LENGTH]
    return tuple(
        form for value in long for form in (value, quote(value, safe=""), quote_plus(value))
    )


def _near_misses(env: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each variable that may be a misspelt setting; AWS has many of its own."""
    others = [name for name in env if name not in VARIABLES and not name.startswith("AWS_")]
    near = {name: get_close_matches(name, VARIABLES, 1, MIN_LIKENESS) for name in others}
    return tuple(
        f"{name} is no setting; is {found[0]} meant?" for name, found in near.items() if found
    )


def deadline(settings: Settings) -> float:
    """When an execution that starts now must be over, on the clock of time.monotonic()."""
    return time.monotonic() + settings.ocr_timeout_s
