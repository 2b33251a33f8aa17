"""/openapi.json describes every route, and the server gives no other answers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from tests.fakes import png, upload, wait

DOCUMENT = json.loads(Path("openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
]


def resolved(thing):
    """What a reference stands for."""
    while "$ref" in thing:
        found = DOCUMENT
        for name in thing["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        thing = found
    return thing


def validator(schema):
    return jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})


def test_every_route_is_in_the_document_and_nothing_else_is(app):
    routes = {
        (re.sub(r"<.*?(\w+)>", lambda m: "{" + camel(m[1]) + "}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith("/static/")  # the page's own
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, method, _ in OPERATIONS}
    assert routes == described, "describe the routes of app.py in openapi.json, and no others"


def camel(name):
    return re.sub("_(.)", lambda m: m[1].upper(), name)


def test_the_document_is_served_as_it_is_in_the_repository(client):
    with client.get("/openapi.json") as response:
        assert (response.mimetype, response.json) == ("application/json", DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_operation_says_what_it_does_and_how_it_fails(app):
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    for path, method, operation in OPERATIONS:
        codes = set(operation["responses"])
        assert operation["summary"] and operation["tags"], path
        assert {"400", "500"} <= codes, path
        assert ("401" in codes) == ("security" not in operation), path
        assert ("403" in codes) == (method != "get"), path


def test_every_reference_leads_somewhere_and_every_component_is_used():
    text = json.dumps(DOCUMENT)
    used = set(re.findall(r'"#/components/(\w+)/(\w+)"', text))
    parts = ("schemas", "responses", "parameters")
    there = {(part, name) for part in parts for name in DOCUMENT["components"][part]}
    assert used | {("schemas", "OcrData")} == there | {("schemas", "OcrData")}


def test_every_example_fits_its_schema():
    contents = [
        content
        for _, _, operation in OPERATIONS
        for response in operation["responses"].values()
        for content in resolved(response).get("content", {}).values()
        if "example" in content
    ]
    assert contents, "openapi.json has no example"
    for content in contents:
        validator(content["schema"]).validate(content["example"])


def fits(response, path, method):
    """Whether the document knows this answer: its status, its media type and its body."""
    operation = DOCUMENT["paths"][path][method]
    answer = resolved(operation["responses"][str(response.status_code)])
    if response.status_code == 304:
        return True
    content = answer["content"].get(response.mimetype) or answer["content"]["*/*"]
    if response.mimetype == "application/json":
        validator(content["schema"]).validate(response.json)
    return True


CHANGE = {
    "set": {
        "merchant": "A",
        "items": [{"description": "Bun", "quantity": 2, "amount": 2.5}],
        "taxes": [],
    }
}
# What is asked one after the other, and the status of the answer; those of PATCH get `updatedAt`.
EVERYDAY = [
    ("get", "/ocr-jobs/1", {}, 200),
    ("get", "/ocr-jobs/1", {"headers": {"Accept": "text/plain"}}, 200),
    ("get", "/ocr-jobs/1", {"headers": {"Accept": "text/markdown"}}, 200),
    ("get", "/ocr-jobs/2", {"headers": {"Accept": "text/plain"}}, 409),
    ("get", "/ocr-jobs/9", {}, 404),
    ("delete", "/ocr-jobs/2", {}, 409),
    ("get", "/ocr-jobs/1/files/1", {}, 200),
    ("get", "/ocr-jobs/1/files/1", {"headers": {"Range": "bytes=0-3"}}, 206),
    ("get", "/ocr-jobs/1/files/1", {"headers": {"Range": "bytes=9999-"}}, 416),
    ("get", "/ocr-jobs/1/files/1", {"headers": {"If-None-Match": "*"}}, 304),
    ("get", "/ocr-jobs/1/files/1/preview", {}, 200),
    ("get", "/ocr-jobs/1/files/1/preview?page=1", {}, 404),
    ("get", "/ocr-jobs/1/files/1/preview?width=0", {}, 400),
    ("post", "/ocr-jobs/1/files/1/executions?ocrProvider=fake", {}, 200),
    ("post", "/ocr-jobs/1/files/1/executions", {}, 400),
    ("get", "/ocr-jobs", {}, 200),
    ("get", "/ocr-jobs?limit=0", {}, 400),
    ("get", "/ocr-jobs/export.csv?items=1", {}, 200),
    ("get", "/ocr-jobs/export.json", {}, 200),
    ("get", "/providers", {}, 200),
    ("get", "/metrics", {}, 200),
    ("get", "/health", {}, 200),
    ("get", "/ready", {}, 200),
    ("get", "/", {}, 200),
    ("patch", "/receipts/1", {"json": {"updatedAt": "2026"}}, 409),
    ("patch", "/receipts/1", {"json": CHANGE | {"executionId": 9}}, 400),
    ("patch", "/receipts/1", {"data": "{}"}, 415),
    ("patch", "/receipts/1", {"json": CHANGE}, 200),
    ("patch", "/receipts/99", {"json": CHANGE}, 404),
    ("post", "/receipts/confirm", {"json": {"ids": [1, 2]}}, 200),
    ("post", "/receipts/confirm", {"json": {"ids": [99]}}, 404),
    ("post", "/receipts/delete", {"json": {"ids": []}}, 400),
    ("post", "/receipts/delete", {"json": {"ids": [3]}}, 409),
    ("get", "/receipts/1", {}, 200),
    ("delete", "/ocr-jobs/1/files/2", {}, 200),
    ("delete", "/ocr-jobs/1", {}, 200),
    ("delete", "/ocr-jobs/1", {"headers": {"Origin": "http://evil"}}, 403),
]


def path_of(url):
    """The path of the document that this URL is one of."""
    patterns = {path: re.sub("{[A-Za-z]+}", "[0-9]+", path) for path in DOCUMENT["paths"]}
    return next(p for p, pattern in patterns.items() if re.fullmatch(pattern, url.split("?")[0]))


def test_what_the_api_answers_in_everyday_use_is_in_the_document(client, paid_gate):
    upload(client, "fake", "fake", jobName="x")
    done = wait(client, 1)
    validator(DOCUMENT["components"]["schemas"]["OcrData"]).validate(
        json.loads(done["files"][0]["executions"][0]["ocrData"])
    )
    assert done["files"][1]["duplicateOf"] == {"jobId": 1, "fileId": 1}
    upload(client, "paid")
    paid_gate.wait_for_start()
    seen = client.get("/receipts/1").json["updatedAt"]
    for method, url, options, status in EVERYDAY:
        if method == "delete" and status == 200:
            wait(client, 1)
        if method == "patch" and "json" in options:
            options = {"json": {"updatedAt": seen} | options["json"]}
        with client.open(url, method=method.upper(), **options) as response:
            assert (response.status_code, url) == (status, url)
            assert fits(response, path_of(url), method)


@pytest.mark.slow
def test_no_generated_request_gets_an_answer_that_is_not_in_the_document(serve, tmp_path):
    """schemathesis: values from the schemas and against them, a few hundred requests."""
    server = serve(MAX_FILE_SIZE_BYTES="100000")
    for number in range(12):  # of which some will be deleted
        server.upload(png((8, 8 + number)), "mistral")
    command = [
        *(Path(sys.executable).parent / "schemathesis", "run", f"{server.url}/openapi.json"),
        *("--checks", "all", "--exclude-checks", UNFIT, "--max-examples", "10"),
        *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--request-timeout", "20"),
        *("--continue-on-failure", "--no-color", "--suppress-health-check", "all"),
        *("--no-shrink", "--workers", "1"),  # of two exports at once one is answered 503
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
    assert server.process.poll() is None
    log = server.log.read_text()
    assert " 500 " not in log and "Traceback" not in log


# Random bytes are no picture and so are refused, some malformed headers count as none.
UNFIT = "positive_data_acceptance,negative_data_rejection,missing_required_header"
