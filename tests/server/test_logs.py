"""Every log line is one line, and no secret gets into the log, the API or the database.

`create_app` makes an application for a server; the errors of its providers hold secrets.
"""

import json
import logging
import re
from urllib.parse import quote

import pytest
import requests

import app
from result import ProviderError
from server import logs
from settings import Settings, read_settings
from tests.fakes import fake, only_execution, png, upload, wait

OURS = {  # what the server's own variables hold
    "API_KEY": "our-own+key/1",
    "OPENAI_API_KEY": "sk-ours-0123456789",
    "AWS_SECRET_ACCESS_KEY": "wJalr/XUt+nFEMI",
    "AWS_SESSION_TOKEN": "session-0123456789",
    "WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
}
THEIRS = "SECRETsecret42"  # what only looks like one
MESSAGES = (
    f"GET https://h.example/v1?key={THEIRS}&x=1 failed",
    f"GET https://h.example/v1?a=b&api_key={THEIRS} failed",
    f"sent Authorization: Bearer {THEIRS}, got 401",
    f"sent 'authorization': 'Basic {THEIRS}'",
    f"https://user:{THEIRS}@h.example/ is down",
    f"X-Amz-Signature: ?X-Amz-Signature={THEIRS}",
    f"&access_token={THEIRS}",
)
ALL = (*MESSAGES, *OURS.values(), *(quote(value, safe="") for value in OURS.values()))
WHOLE_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ .+")


def create_app():
    def refuses(path, settings):
        raise ProviderError("http_error", " | ".join(ALL))

    def breaks(path, settings):
        raise ValueError("\n".join(ALL))

    return app.create_app(providers={"refuses": fake(ocr=refuses), "breaks": fake(ocr=breaks)})


def holds_a_secret(text):
    return [secret for secret in (THEIRS, *OURS.values()) if secret in text]


@pytest.mark.parametrize("text", ALL)
def test_what_is_a_secret_or_looks_like_one_is_not_written(text):
    redacted = logs.redacted(f"before {text} after", read_settings(OURS).secrets)
    assert holds_a_secret(redacted) == []
    assert "[secret]" in redacted and redacted.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        *("job 1: 2 files", "see https://h.example/docs?page=2", "OPENAI_API_KEY is not set"),
        *("a@b.c", "return read(*words, **options)", "the token is invalid", "/srv/receipts" * 7),
    ],
)
def test_what_is_no_secret_stays(text):
    assert (
        logs.redacted(text, read_settings(OURS | {"SHORT_KEY": "on", "HOME": "files"}).secrets)
        == text
    )


@pytest.mark.parametrize("message", ["a\nb", "a\r\nb\n", "a\u2028b\x85c", "\x1b[31mred", "\0"])
def test_a_line_is_one_line_whatever_it_holds(message):
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "got %r %s", (message, message), None)
    for log_format in ("text", "json"):
        line = logs.OneLine(Settings(log_format=log_format)).format(record)
        assert line.splitlines() == [line] and line.isprintable()


def test_a_traceback_is_one_line_without_secrets():
    try:
        raise ValueError("\n".join(ALL))
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "oops", (), None)
        record.exc_info = (ValueError, error, error.__traceback__)
    for log_format in ("text", "json"):
        line = logs.OneLine(read_settings(OURS | {"LOG_FORMAT": log_format})).format(record)
        assert "Traceback" in line and "ValueError" in line
        assert line.splitlines() == [line] and holds_a_secret(line) == []


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_of_a_providers_error_gets_anywhere(serve, tmp_path, log_format):
    server = serve(FLASK_APP="tests.server.test_logs", LOG_FORMAT=log_format, **OURS)
    headers = {"X-API-Key": OURS["API_KEY"]}
    told = []
    for provider in ("refuses", "breaks"):
        response = requests.post(
            f"{server.url}/ocr-jobs/upload?wait=20",
            files={"file": ("evil\tname.png".replace("\t", " "), png())},
            data={"ocrProvider_0": provider},
            headers=headers,
            timeout=30,
        )
        told.append(response.text)
        assert only_execution(response.json())["status"] == "failed"
    for path in ("/metrics", "/providers", "/ocr-jobs", "/ready", "/nowhere?key=" + THEIRS):
        told.append(requests.get(server.url + path, headers=headers, timeout=10).text)
    for wrong in ({"X-API-Key": THEIRS}, {"Authorization": f"Bearer {THEIRS}"}):
        told.append(requests.get(f"{server.url}/ocr-jobs", headers=wrong, timeout=10).text)
    log = server.log.read_text()
    assert holds_a_secret(log) == [], log
    assert [holds_a_secret(text) for text in told] == [[]] * len(told)
    stored = b"".join(p.read_bytes() for p in tmp_path.joinpath("data").rglob("*") if p.is_file())
    assert [s for s in (THEIRS, *OURS.values()) if s.encode() in stored] == []
    assert "ValueError" in log  # the traceback is there, without them


def is_line(line, log_format):
    if log_format == "json":
        return set(json.loads(line)) >= {"time", "level", "message"}
    return bool(WHOLE_LINE.fullmatch(line))


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_log_lines_stay_whole_whatever_a_name_or_an_address_holds(serve, log_format):
    server = serve(LOG_FORMAT=log_format)
    for name in ("a\u2028b.png", "\u202egpj.png", "2026-01-01 00:00:00,000 ERROR forged.png"):
        server.wait(server.upload(png(), "mistral", name))
    for path in ("/x%0A2026-01-01%20ERROR%20forged", "/%1b[31m", "/ocr-jobs?search=%0aforged"):
        requests.get(server.url + path, timeout=10)
    lines = server.log.read_text().splitlines()
    ours = [line for line in lines if "ocr-jobs" in line or "job" in line or "forged" in line]
    assert len(ours) >= 6
    assert [line for line in ours if not is_line(line, log_format)] == []
    assert not any("gpj" in line or "forged.png" in line for line in lines)  # no names of files


def test_neither_logs_nor_answers_hold_the_trace_of_a_bug(client, app, caplog):
    @app.get("/bug")
    def bug():
        raise ValueError(f"https://h.example/?key={THEIRS}")

    response = client.get("/bug")
    assert response.status_code == 500 and THEIRS not in response.text


def test_an_error_message_in_the_database_is_redacted(make_app):
    def ocr(path, settings):
        raise ProviderError("http_error", MESSAGES[0])

    client = make_app({"bad": fake(ocr=ocr)}).test_client()
    execution = only_execution(wait(client, upload(client, "bad")))
    assert execution["error"]["message"] == "GET https://h.example/v1?key=[secret]&x=1 failed"


# Modes


@pytest.mark.slow
def test_everything_in_the_data_directory_is_for_its_owner_only(serve, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "receipts.db").touch(mode=0o644)  # as an earlier version might have left them
    server = serve()
    server.wait(server.upload(png(), "mistral"))
    paths = [data, *data.rglob("*")]
    names = {path.name for path in paths}
    assert {"receipts.db", "receipts.db-wal", "receipts.db-shm", "uploads", "receipt.jpg"} <= names
    modes = {str(path): oct(path.stat().st_mode & 0o777) for path in paths}
    allowed = {"0o700": "a directory", "0o600": "a file"}
    assert [(p, mode) for p, mode in modes.items() if mode not in allowed] == []
