"""One call to a vendor: its limits of time and size, its retries, and what its messages say."""

import gzip
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers import http
from providers.json_answer import dig
from providers.redact import quote
from result import ProviderError
from settings import read_settings
from tests.fakes import needs
from tests.providers.conftest import Reply
from tests.providers.contract import Waits

KEY = "acme-4f9a1b7c2d"
ACME = http.Vendor("Acme", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL")
SETTINGS = read_settings({"OPENAI_API_KEY": KEY})
GOOD = Reply(body={"ok": True})
LONG_S = 10  # no test of a deadline takes longer, whatever else the machine does


def classify(answer, client):
    return client.status_failure(answer, dig(answer.body, "error"))


def client(timeout_s=60.0, waits=None, classify=classify):
    clock, deadline = Waits() if waits is None else waits, time.monotonic() + timeout_s
    return http.Client(ACME, SETTINGS, classify, deadline, clock, ACME.bearer(SETTINGS))


def post(url, **options):
    options = {"json": {"image": "…"}} | options
    return client().call("POST", f"{url}/read", **options)


def fails(url, timeout_s=60.0, **options):
    """The error's code and message, and the seconds it took."""
    options = {"json": {"image": "…"}} | options
    start = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        client(timeout_s).call("POST", f"{url}/read", **options)
    error = caught.value
    assert KEY not in error.message
    assert error.__cause__ is None and error.__context__ is None  # they would carry the headers
    return error.code, error.message, time.monotonic() - start


def waits_after(stub, *replies):
    """The waits that a call asks for until its answer is good."""
    stub.reply(*replies, GOOD)
    waits = Waits()
    assert client(waits=waits).call("POST", stub.url).body == {"ok": True}
    return waits


# Success


def test_an_answer_comes_with_its_status_headers_and_json(http_stub):
    http_stub.reply(Reply(201, {"ok": True}, {"X-Request-Id": "7"}))
    answer = post(http_stub.url)
    assert (answer.status, answer.headers["x-request-id"], answer.body) == (201, "7", {"ok": True})
    request = http_stub.request
    assert (request.method, request.path, request.json) == ("POST", "/read", {"image": "…"})
    assert request.headers["Authorization"] == f"Bearer {KEY}"


def test_a_packed_answer_is_unpacked(http_stub):
    packed = gzip.compress(b'{"ok": true}')
    http_stub.reply(Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    assert post(http_stub.url).body == {"ok": True}


def test_a_chunked_answer_is_put_together(http_stub):
    body = b'4\r\n{"ok\r\n8\r\n": true}\r\n0\r\n\r\n'
    http_stub.reply(Reply(body=body, headers={"Transfer-Encoding": "chunked"}))
    assert post(http_stub.url).body == {"ok": True}


def test_cookies_are_not_kept(http_stub):
    http_stub.reply(Reply(body={}, headers={"Set-Cookie": "session=1"}))
    post(http_stub.url)
    post(http_stub.url)
    assert [request.headers["Cookie"] for request in http_stub.requests] == [None, None]


# Time and size


@pytest.mark.parametrize("body", ["", "x" * 1000], ids=["headers", "body"])
def test_a_drip_ends_at_the_deadline(http_stub, body):
    http_stub.reply(Reply(body=body, drip_s=0.05))
    code, _, seconds = fails(http_stub.url, 0.3)
    assert code == "timeout"
    assert 0.3 <= seconds < LONG_S


def test_a_bomb_is_measured_unpacked(http_stub):
    packed = gzip.compress(b"\0" * 10_000_000)
    http_stub.reply(Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    code, message, _ = fails(http_stub.url)
    assert code == "too_large"
    assert f"{http.MAX_ANSWER_BYTES} bytes" in message


def test_a_server_that_does_not_read_ends_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        code, _, seconds = fails(url, 0.3, json={"image": "x" * 20_000_000})
    assert code == "timeout"
    assert seconds < LONG_S


@needs("openssl")
def test_a_drip_over_tls_ends_at_the_deadline(tls_drip, monkeypatch):
    url, certificate = tls_drip
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert fails(url.replace("localhost", "127.0.0.1"))[0] == "unreachable"  # it is localhost's
    code, _, seconds = fails(url, 0.4)
    assert code == "timeout"
    assert 0.4 <= seconds < LONG_S


# Retries


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(http_stub, status):
    assert len(waits_after(http_stub, Reply(status))) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 415, 422, 501])
def test_what_is_final_is_not(http_stub, status):
    http_stub.reply(Reply(status))
    fails(http_stub.url)
    assert len(http_stub.requests) == 1


def test_waits_double_from_half_a_second_with_jitter(http_stub):
    waits = waits_after(http_stub, *[Reply(503)] * 3)
    assert all(least <= wait <= least + 0.5 for wait, least in zip(waits, (0.5, 1, 2), strict=True))


def test_the_wait_asked_for_in_seconds_is_kept(http_stub):
    assert waits_after(http_stub, Reply(429, headers={"Retry-After": "31"})) == [31]


def test_the_wait_asked_for_as_a_date_is_kept(http_stub):
    until = datetime.now(UTC) + timedelta(seconds=40)
    busy = Reply(503, headers={"Retry-After": format_datetime(until, usegmt=True)})
    (wait,) = waits_after(http_stub, busy)
    assert 30 < wait <= 40


def test_after_the_repetition_of_a_billed_call_nothing_else_is_tried(http_stub):
    http_stub.reply(Reply(body="x" * 100, cut=True), Reply(503), GOOD)
    assert fails(http_stub.url)[0] == "server_error"
    assert len(http_stub.requests) == 2


def test_a_get_costs_nothing_and_is_repeated_as_often_as_any(http_stub):
    http_stub.reply(GOOD)
    billed = http.Failure("server_error", "no", retry=True, billed=True)
    with pytest.raises(http.Failure):
        client(classify=lambda answer, client: billed).call("GET", http_stub.url)
    assert len(http_stub.requests) == http.MAX_TRIES


def test_silence_may_have_been_billed_too(http_stub):
    http_stub.reply(Reply(delay_s=9))
    assert fails(http_stub.url, read_timeout_s=0.1)[0] == "timeout"
    assert len(http_stub.requests) == 2


def test_a_host_without_an_address_is_unreachable():
    assert fails("http://nowhere.invalid")[0] == "unreachable"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_not_followed(http_stub, status):
    http_stub.reply(Reply(status, headers={"Location": f"{http_stub.url}/elsewhere"}))
    assert fails(http_stub.url)[0] == "unreachable"
    assert len(http_stub.requests) == 1


def test_a_bug_in_classify_is_not_an_answer(http_stub):
    http_stub.reply(GOOD)
    with pytest.raises(ZeroDivisionError):
        client(classify=lambda answer, client: 1 / 0).call("GET", http_stub.url)


# Messages


def test_a_vendors_message_follows_ours_without_the_key(http_stub):
    http_stub.reply(Reply(401, {"error": f"No luck with {KEY} today."}))
    assert fails(http_stub.url)[1] == (
        "Acme does not accept the key; check OPENAI_API_KEY (Acme: No luck with [secret] today.)"
    )


@pytest.mark.parametrize(
    ("sentence", "quoted"),
    [
        ("Rate limit reached.", "Rate limit reached."),
        ("two\n lines\x00 ", "two lines"),
        (f"Incorrect API key provided: {KEY}.", "Incorrect API key provided: [secret]."),
        ("Incorrect key: acme-***c2d. See x.", "Incorrect key: [secret]. See x."),
        ("Incorrect key: te***ey.", "Incorrect key: [secret]."),
        ("Key ac…2d and ac...2d and ac••••2d", "Key [secret] and [secret] and [secret]"),
        ("Key 4f9a1b7c2d", "Key [secret]"),
        ("Key ac####2d and acme#c2d", "Key [secret] and [secret]#c2d"),
        ("Key acme-4f9XXXXXX", "Key [secret]XXXXXX"),
        ("Key my_acme-4f9a", "Key my_[secret]"),
        ("Key acme-.. ending in 7c2d.", "Key [secret].. ending in [secret]."),
        ("Key acme-4f[...]b7c2d", "Key [secret][...][secret]"),
        ("A placement at 77c2dx", "A placement at 77c2dx"),
        ("Sent Bearer abc.def-123", "Sent Bearer [secret]"),
        ("Sent sk-proj-0123456789abcdef", "Sent [secret]"),
        ("GET https://a.example/v1?key=abc failed", "GET https://a.example/v1?key=[secret] failed"),
        ("GET https://me:pw@a.example/ failed", "GET https://[secret]@a.example/ failed"),
        ("with api_key=abc", "with api_key=[secret]"),
        ("Bad data:image/jpeg;base64,/9j/4AAQ+k== here", "Bad [image] here"),
        ("Bad " + "QUJD" * 30, "Bad [data]"),
        ("<!DOCTYPE html><p>no</p>", ""),
        ("no <b>way</b>", ""),
        ('{"input": "abc"}', ""),
        ("[1]", ""),
        ("", ""),
        (None, ""),
        ({"message": "x"}, ""),
    ],
)
def test_only_a_clean_sentence_is_quoted(sentence, quoted):
    assert quote(sentence, KEY) == quoted


def test_a_quotation_has_300_characters_at_most():
    assert quote("word " * 100) == ("word " * 100)[:299] + "…"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3), ("0.5", 0.5), ("-3", None), ("soon", None), ("", None), ("inf", None), ("٣", None)],
)
def test_a_wait_is_a_number_or_nothing(value, seconds):
    assert http.retry_after({"Retry-After": value}) == seconds


def test_a_date_gone_by_asks_for_no_wait():
    assert http.retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


def test_openai_counts_in_milliseconds():
    assert http.retry_after({"retry-after-ms": "250", "Retry-After": "1"}) == 0.25


# Settings


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": " "}, "OPENAI_API_KEY is not set"),
        ({"OPENAI_API_KEY": "a b"}, "OPENAI_API_KEY has characters that no key has; copy it again"),
        ({"OPENAI_API_KEY": "clé"}, "OPENAI_API_KEY has characters that no key has; copy it again"),
        ({"OPENAI_API_KEY": "k"}, None),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": ""}, None),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://10.0.0.1:8080/v1/"}, None),
    ],
)
def test_unavailable_names_the_variable(variables, reason):
    assert ACME.unavailable(read_settings(variables)) == reason


@pytest.mark.parametrize(
    "url",
    [
        *("api.acme.example", "ftp://acme.example", "http://", "http://a:b", "http://a:99999"),
        *("http://[::1", "http://a b", "https://a/\nHost: b", "http://me:secret@a", "http://a?b=c"),
        *("http://a#b", "http://a\\b"),
    ],
)
def test_a_malformed_base_url_is_a_reason_that_does_not_repeat_it(url):
    settings = replace(SETTINGS, openai_base_url=url)
    assert ACME.unavailable(settings).startswith("OPENAI_BASE_URL ")
    assert url not in ACME.unavailable(settings)
    assert ACME.host(settings) is None


def test_empty_variables_are_unset():
    empty = read_settings({"OPENAI_BASE_URL": " ", "OPENAI_MODEL": ""})
    assert ACME.url(empty) == "https://api.openai.com/v1"
    assert (ACME.model(empty), ACME.host(empty)) == ("gpt-6-luna", "api.openai.com")
