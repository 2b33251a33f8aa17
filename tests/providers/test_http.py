import gzip
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import pairwise

import pytest

from providers import http
from providers.redact import quote
from result import ProviderError
from settings import read_settings
from tests.providers.conftest import Reply

KEY = "acme-4f9a1b7c2d"
ACME = http.Vendor(
    name="Acme",
    key_variable="OPENAI_API_KEY",
    url_variable="OPENAI_BASE_URL",
    model_variable="OPENAI_MODEL",
)
SETTINGS = read_settings({"OPENAI_API_KEY": KEY})
GOOD = Reply(body={"ok": True})


def judge(answer):
    return http.http_failure(ACME, answer, SETTINGS, http.dig(answer.body, "error"))


def post(url, timeout_s=5.0, **options):
    options = {"judge": judge, "json": {"image": "…"}} | options
    return http.call(
        ACME,
        "POST",
        f"{url}/read",
        deadline=time.monotonic() + timeout_s,
        headers={"Authorization": f"Bearer {KEY}"},
        **options,
    )


def fails(url, timeout_s=5.0, **options):
    """The error's code and message, and the seconds it took."""
    start = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        post(url, timeout_s, **options)
    error = caught.value
    assert KEY not in error.message
    assert error.__cause__ is None and error.__context__ is None  # they would carry the headers
    return error.code, error.message, time.monotonic() - start


def gaps(stub):
    times = [request.at for request in stub.requests]
    return [later - earlier for earlier, later in pairwise(times)]


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


def test_silence_ends_at_the_deadline_without_another_try(http_stub):
    http_stub.reply(Reply(delay_s=9))
    code, message, seconds = fails(http_stub.url, 0.3)
    assert (code, len(http_stub.requests)) == ("timeout", 1)
    assert 0.3 <= seconds < 0.6
    assert "OCR_TIMEOUT_S" in message


@pytest.mark.parametrize("body", ["", "x" * 1000], ids=["headers", "body"])
def test_a_drip_ends_at_the_deadline(http_stub, body):
    http_stub.reply(Reply(body=body, drip_s=0.05))
    code, _, seconds = fails(http_stub.url, 0.4)
    assert code == "timeout"
    assert 0.4 <= seconds < 0.7


def test_an_endless_answer_ends_at_the_byte_cap(http_stub):
    http_stub.reply(Reply(body="x" * 10_000, endless=True))
    code, message, _ = fails(http_stub.url, max_bytes=100_000)
    assert (code, len(http_stub.requests)) == ("too_large", 1)
    assert "100000 bytes" in message


def test_a_bomb_is_measured_unpacked(http_stub):
    packed = gzip.compress(b"\0" * 10_000_000)
    http_stub.reply(Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    assert fails(http_stub.url)[0] == "too_large"


def test_a_server_that_does_not_read_ends_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        code, _, seconds = fails(url, 0.4, json={"image": "x" * 20_000_000})
    assert code == "timeout"
    assert 0.4 <= seconds < 1.0


@pytest.fixture
def tls_drip(tmp_path):
    """A server that drips over TLS: its URL, and the certificate to trust it by."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    run([*shlex.split(command), *names])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    over = threading.Event()

    def drip(server):
        while not over.is_set():
            with (
                suppress(OSError),
                server.accept()[0] as connection,
                context.wrap_socket(connection, server_side=True) as tls,
            ):
                tls.recv(65536)
                while not over.wait(0.05):
                    tls.send(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        yield f"https://localhost:{server.getsockname()[1]}", tmp_path / "cert.pem"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_drip_over_tls_ends_at_the_deadline(tls_drip, monkeypatch):
    url, certificate = tls_drip
    assert fails(url)[0] == "unreachable"  # nobody vouches for the certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert fails(url.replace("localhost", "127.0.0.1"))[0] == "unreachable"  # it is localhost's
    code, _, seconds = fails(url, 0.4)
    assert code == "timeout"
    assert 0.4 <= seconds < 0.8


# Trying again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(http_stub, status):
    http_stub.reply(Reply(status, headers={"Retry-After": "0"}), GOOD)
    assert post(http_stub.url).body == {"ok": True}
    assert len(http_stub.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 415, 422, 501])
def test_what_is_final_is_not(http_stub, status):
    http_stub.reply(Reply(status))
    fails(http_stub.url)
    assert len(http_stub.requests) == 1


def test_the_wait_asked_for_in_seconds_is_kept(http_stub):
    http_stub.reply(Reply(429, headers={"Retry-After": "1"}), GOOD)
    post(http_stub.url)
    assert 1 <= gaps(http_stub)[0] < 1.4


def test_the_wait_asked_for_as_a_date_is_kept(http_stub):
    until = datetime.now(UTC) + timedelta(seconds=2)  # a date has whole seconds: 1 to 2 from now
    http_stub.reply(Reply(503, headers={"Retry-After": format_datetime(until, usegmt=True)}), GOOD)
    post(http_stub.url)
    assert 0.9 <= gaps(http_stub)[0] < 2.4


def test_a_wait_that_would_pass_the_deadline_is_not_begun(http_stub):
    http_stub.reply(Reply(429, headers={"Retry-After": "6"}), GOOD)
    code, _, seconds = fails(http_stub.url, 5.0)
    assert (code, len(http_stub.requests)) == ("rate_limited", 1)
    assert seconds < 0.5


def test_four_tries_are_enough(http_stub):
    http_stub.reply(Reply(503, headers={"Retry-After": "0"}))
    assert fails(http_stub.url)[0] == "server_error"
    assert len(http_stub.requests) == http.TRIES


def test_a_dropped_call_may_have_been_billed_so_it_is_repeated_once(http_stub):
    http_stub.reply(Reply(drop=True))
    assert fails(http_stub.url)[0] == "unreachable"
    assert len(http_stub.requests) == 2


def test_after_the_repetition_of_a_billed_call_nothing_else_is_tried(http_stub):
    http_stub.reply(Reply(body="x" * 100, cut=True), Reply(503, headers={"Retry-After": "0"}), GOOD)
    assert fails(http_stub.url)[0] == "server_error"
    assert len(http_stub.requests) == 2


def test_a_get_costs_nothing_and_is_repeated_as_often_as_any(http_stub):
    http_stub.reply(GOOD)
    billed = http.Failure("server_error", "no", retry=True, delay=0, billed=True)
    with pytest.raises(http.Failure):
        http.call(
            ACME,
            "GET",
            http_stub.url,
            deadline=time.monotonic() + 5,
            judge=lambda answer: billed,
        )
    assert len(http_stub.requests) == http.TRIES


def test_silence_may_have_been_billed_too(http_stub):
    http_stub.reply(Reply(delay_s=9))
    assert fails(http_stub.url, read_timeout_s=0.1)[0] == "timeout"
    assert len(http_stub.requests) == 2


def test_nobody_there_is_tried_until_somebody_is():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    code, message, seconds = fails(url, 1.2)
    assert code == "unreachable"
    assert "OPENAI_BASE_URL" in message
    assert 0.5 < seconds < 1.2  # one wait, and the next would have passed the deadline


def test_a_host_without_an_address_is_unreachable():
    assert fails("http://nowhere.invalid", 0.4)[0] == "unreachable"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_not_followed(http_stub, status):
    http_stub.reply(Reply(status, headers={"Location": f"{http_stub.url}/elsewhere"}))
    code, message, _ = fails(http_stub.url)
    assert (code, len(http_stub.requests)) == ("unreachable", 1)
    assert "OPENAI_BASE_URL" in message


def test_a_bug_in_a_judge_is_not_an_answer(http_stub):
    http_stub.reply(GOOD)
    with pytest.raises(ZeroDivisionError):
        post(http_stub.url, judge=lambda answer: 1 / 0)


# Messages


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "refused", "the settings"),
        (401, "bad_key", "OPENAI_API_KEY"),
        (402, "quota", "credit"),
        (403, "forbidden", "OPENAI_API_KEY"),
        (404, "unknown_model", "OPENAI_MODEL"),
        (413, "too_large", "a smaller one"),
        (501, "server_error", "later"),
    ],
)
def test_every_status_has_a_code_and_an_advice(http_stub, status, code, advice):
    http_stub.reply(Reply(status, {"error": f"No luck with {KEY} today."}))
    found, message, _ = fails(http_stub.url)
    assert found == code
    assert advice in message
    assert message.endswith("(Acme: No luck with [secret] today.)")


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


# Answers


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        (rb'{"\ud800": "\udfffx\ud83d\ude00"}', {"\ufffd": "\ufffdx😀"}),
        (b"\xff", None),
        (b"<html>", None),
        (b"", None),
        (b"[" * 100_000, None),
        (b"[" * 66 + b"]" * 66, None),
        (b"9" * 5000, None),
    ],
)
def test_whatever_is_parsed_can_be_stored(data, value):
    assert http.parse(data) == value


def test_digging_finds_nothing_where_the_shape_is_another():
    assert http.dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    for other in (None, [], {}, "a", {"a": {}}, {"a": []}, {"a": [1]}):
        assert http.dig(other, "a", 0, "b") is None
        assert http.dig_list(other, "a", 0, "b") == []


def test_a_picture_sent_back_is_not_kept():
    answer = {"image": "data:image/png;base64,iVBORw0K", "b": ["/9j/4AAQ" * 200, "text"]}
    assert http.without_images(answer) == {"image": "[image]", "b": ["[image]", "text"]}


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
