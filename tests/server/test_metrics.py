"""Metrics and log lines show how the server does, and nothing of what was read."""

import json
import logging
import re
import time

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from result import OcrResult, ProviderError, Receipt
from server import logs
from settings import read_settings
from tests.fakes import fake, png, until, upload, wait
from tests.server.test_lifecycle import WAITRESS

SHOP = "SECRET-SHOP"


@pytest.fixture
def app(make_app, gate):
    def fail(path, settings):
        raise ProviderError("unreadable", f"{SHOP} cannot be read")

    def die(path, settings):
        raise RuntimeError(f"cannot open {path}")

    result = OcrResult(SHOP, SHOP, (), Receipt("rules", merchant=SHOP), "fake 1")
    providers = {
        "fake": fake(ocr=lambda path, settings: result),
        "failing": fake(ocr=fail),
        "dying": fake(ocr=die),
        "gated": gate.provider,
    }
    return make_app(providers, {"OCR_WORKERS": "1"})


def numbers(client):
    """{(name, labels by name): value} of all samples."""
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def formatted(message, *args, **fields):
    record = logging.LogRecord("app", logging.INFO, "", 0, message, args, None)
    return logs.OneLine(read_settings(fields.get("env", {}))).format(record)


# Numbers


def test_jobs_are_counted_by_status(client):
    wait(client, upload(client, "fake", "failing"))
    found = numbers(client)
    assert found["receipts_jobs", "completed"] == 1
    assert found["receipts_jobs", "pending"] == 0
    client.delete("/ocr-jobs/1")
    assert numbers(client)["receipts_jobs", "completed"] == 0


def test_receipts_are_counted_by_state(client):
    wait(client, upload(client, "fake", "failing", "fake"))
    client.post("/receipts/confirm", json={"ids": [1]})
    found = numbers(client)
    counts = {name[1]: n for name, n in found.items() if name[0] == "receipts_stored"}
    assert counts == {"reading": 0, "failed": 1, "review": 0, "ok": 1, "confirmed": 1}
    client.delete("/ocr-jobs/1")
    assert numbers(client)["receipts_stored", "confirmed"] == 0


def test_unfinished_executions_are_counted_by_status(client, gate):
    upload(client, "gated")
    gate.wait_for_start()
    upload(client, "fake", "fake")
    found = numbers(client)
    assert found["receipts_executions", "running"] == 1
    assert found["receipts_executions", "pending"] == 2
    gate.open()
    wait(client, 2)
    assert numbers(client)["receipts_executions", "running"] == 0


def test_the_queue_has_its_depth_and_how_long_the_oldest_waits(client, gate, db):
    assert numbers(client)["receipts_queue_oldest_seconds",] == 0
    upload(client, "gated")
    gate.wait_for_start()
    upload(client, "fake", "fake")
    db.execute("UPDATE execution SET created_at = '2020-01-01T00:00:00Z' WHERE id = 2")
    found = numbers(client)
    assert found["receipts_queue_depth",] == 2
    assert found["receipts_executions", "running"] == 1
    assert found["receipts_queue_oldest_seconds",] > 6 * 365 * 86400


def test_seconds_and_failures_are_told_by_provider_and_code(client):
    wait(client, upload(client, "fake", "failing", "dying"))
    found = until(
        lambda: numbers(client), lambda n: n.get(("receipts_execution_seconds_count", "dying"))
    )
    assert found["receipts_execution_seconds_count", "fake"] == 1
    assert found["receipts_execution_failures_total", "unreadable", "failing"] == 1
    assert found["receipts_execution_failures_total", "internal_error", "dying"] == 1
    assert ("receipts_execution_failures_total", "unreadable", "fake") not in found


def test_no_label_holds_a_file_or_a_merchant(client):
    files = [(png(), f"{SHOP}.png"), (png(), f"{SHOP}-2.png")]
    wait(client, upload(client, "fake", "failing", files=files, jobName=SHOP))
    assert SHOP not in client.get("/metrics").text
    labels = {
        label
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {"status", "state", "provider", "code", "le"}


def test_the_scraper_chooses_the_format(client):
    plain = client.get("/metrics")
    assert plain.mimetype == "text/plain"
    wanted = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert wanted.mimetype == "application/openmetrics-text"
    assert {family.name for family in open_metrics(wanted.text)} >= {"receipts_jobs"}


def test_two_applications_count_apart(make_app, tmp_path):
    one = make_app(data=tmp_path / "one").test_client()
    other = make_app(data=tmp_path / "other").test_client()
    wait(one, upload(one, "fake"))
    assert numbers(one)["receipts_jobs", "completed"] == 1
    assert numbers(other)["receipts_jobs", "completed"] == 0


def test_metrics_want_the_key_like_the_rest(make_app):
    client = make_app(env={"API_KEY": "sesame-sesame"}).test_client()
    assert client.get("/metrics").status_code == 401
    headers = {"Authorization": "Bearer sesame-sesame"}
    assert client.get("/metrics", headers=headers).status_code == 200


def test_counts_are_read_and_not_made_when_somebody_looks(client, db):
    db.execute("UPDATE job_count SET n = 1000000 WHERE status = 'completed'")
    started = time.process_time()
    assert numbers(client)["receipts_jobs", "completed"] == 1e6
    assert time.process_time() - started < 1


# Lines


def test_a_sane_request_id_is_taken_and_given_back(client):
    response = client.get("/health", headers={"X-Request-ID": "abc-123_x.y"})
    assert response.headers["X-Request-ID"] == "abc-123_x.y"


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 65, "é", "a;b", "<x>"])
def test_another_one_is_replaced_by_a_new_one(shared_client, sent):
    headers = {} if sent is None else {"X-Request-ID": sent}
    given = [
        shared_client.get("/health", headers=headers).headers["X-Request-ID"] for _ in range(2)
    ]
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in given)
    assert given[0] != given[1]


@pytest.mark.parametrize("path", ["/nothing", "/ocr-jobs/99", "/ocr-jobs?page=x"])
def test_errors_bear_the_id_too(shared_client, path):
    assert shared_client.get(path, headers={"X-Request-ID": "me"}).headers["X-Request-ID"] == "me"


@pytest.mark.slow
def test_every_line_of_a_request_bears_its_id_and_no_other_line_does(serve):
    server = serve()
    headers = {"X-Request-ID": "my-upload"}
    requests.post(
        f"{server.url}/ocr-jobs/upload",
        files={"file": (f"{SHOP}.png", png())},
        data={"ocrProvider_0": "mistral", "jobName": SHOP},
        headers=headers,
        timeout=10,
    )
    server.wait(1)
    requests.get(f"{server.url}/ocr-jobs?search={SHOP}", headers=headers, timeout=10)
    lines = server.log.read_text().splitlines()
    marked = [line.split("[my-upload] ")[1] for line in lines if "my-upload" in line]
    assert [re.sub(r"\d+\.\d+", "N", line) for line in marked] == [
        "job 1: files uploaded: 1",
        "POST /ocr-jobs/upload: 200 in N s",
        "GET /ocr-jobs: 200 in N s",
    ]
    assert any("execution 1: mistral completed" in line for line in lines)
    assert not [line for line in lines if SHOP in line]


@pytest.mark.slow
def test_lines_are_json_objects_when_asked(serve):
    server = serve(LOG_FORMAT="json")
    requests.get(f"{server.url}/providers", headers={"X-Request-ID": "me"}, timeout=10)
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    (line,) = [entry for entry in map(json.loads, lines) if entry["request"] == "me"]
    assert (line["level"], line["logger"]) == ("INFO", "app")
    assert line["message"].startswith("GET /providers: 200 in ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", line["time"])


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_is_one_line_without_secrets_and_names_of_files(log_format):
    env = {"OPENAI_API_KEY": "sk-very-secret", "LOG_FORMAT": log_format}
    path = "data/uploads/7/ALDI_2026.jpg"
    line = formatted("a\nb %s sk-very-secret", path, env=env)
    assert "\n" not in line
    assert "sk-very-secret" not in line
    assert "ALDI" not in line
    assert "uploads/7/[file]" in line


def test_a_provider_that_dies_over_a_file_does_not_log_its_name(client, caplog):
    wait(client, upload(client, "dying", files=[(png(), f"{SHOP}.png")]))
    until(lambda: "cannot open" in caplog.text)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert SHOP in caplog.text
    assert SHOP not in logs.OneLine(read_settings({})).format(record)


@pytest.mark.slow
def test_the_production_server_writes_the_same_lines(serve):
    server = serve(*WAITRESS)
    requests.get(f"{server.url}/providers", headers={"X-Request-ID": "me"}, timeout=10)
    until(lambda: "[me] GET /providers: 200 in " in server.log.read_text())
