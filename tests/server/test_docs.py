"""The page /docs: every command on it is run, every answer compared with its example."""

import html
import json
import re
import shlex
import shutil
import subprocess
from io import BytesIO
from urllib.parse import urljoin

import pytest
import requests

from providers import PROVIDERS
from server.docs import CSP, groups, prose, read
from tests.conftest import FLASK, ROOT
from tests.fakes import needs, until, upload, wait

DOCUMENT = read()
OPERATIONS = [operation for found in groups(DOCUMENT).values() for operation in found]
CALLED = [
    one for one in OPERATIONS if one["operationId"] != "cancelExecution"
]  # of what has ended: 404
RECEIPT = (ROOT / "samples/receipt.jpg").read_bytes()


def fits(example, answer):
    """Whether an answer has just what its example has; null fits what is missing."""
    if example is None or answer is None:
        return True
    if isinstance(example, dict):
        return list(example) == list(answer) and all(fits(example[n], answer[n]) for n in example)
    if isinstance(example, list):
        return all(fits(example[0], one) for one in answer) if example else True
    kinds = [float if type(value) is int else type(value) for value in (example, answer)]
    return kinds[0] is kinds[1]


# The page


def test_every_operation_of_the_document_is_on_the_page(client):
    response = client.get("/docs")
    assert response.content_type == "text/html; charset=utf-8"
    text = html.unescape(response.text)
    for path, methods in DOCUMENT["paths"].items():
        for method in set(methods) - {"parameters"}:
            assert f"<code>{method.upper()} {path}</code>" in text
            assert methods[method]["summary"] in text
    for operation in OPERATIONS:
        assert all(f"<code>{field['name']}</code>" in text for field in operation["fields"])


def test_every_field_error_code_and_warning_is_on_the_page_with_its_meaning(client):
    text = client.get("/docs").text
    for schema in DOCUMENT["components"]["schemas"].values():
        for name, about in schema.get("properties", {}).items():
            assert f"<code>{name}</code>" in text
            assert prose(about.get("description", "")) in text
        for word, meaning in schema.get("x-enumDescriptions", {}).items():
            assert f"<code>{word}</code></th><td>{prose(meaning)}</td>" in text


def test_every_route_is_in_the_document(app):
    routes = {re.sub(r"<.*?(\w+)>", "{}", rule.rule) for rule in app.url_map.iter_rules()}
    documented = {re.sub(r"\{\w+\}", "{}", path) for path in DOCUMENT["paths"]}
    assert {route for route in routes if not route.startswith("/static/")} == documented


def test_nothing_on_the_page_comes_from_elsewhere_or_runs(client):
    response = client.get("/docs")
    assert response.headers["Content-Security-Policy"] == CSP
    assert "unsafe" not in CSP and "http" not in CSP
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", response.text)
    linked = re.findall(r'(?:src|href)="([^"#]+)"', response.text)
    assert linked and not [link for link in linked if ":" in link or link.startswith("/")]
    for link in set(linked):
        with client.get(urljoin("/docs", link)) as loaded:
            assert loaded.status_code == 200, link


def test_the_page_and_the_document_need_no_key(make_app):
    client = make_app(env={"API_KEY": "sesame-sesame"}).test_client()
    assert client.get("/docs").status_code == 200
    assert client.get("/openapi.json").status_code == 200


def test_markup_in_the_document_is_text():
    assert prose("a `<b>` <i>") == "a <code>&lt;b&gt;</code> &lt;i&gt;"


# The commands and the answers


@pytest.mark.slow
@needs("curl")
def test_every_command_on_the_page_works_and_answers_as_its_example(serve, tmp_path):
    server = serve(*FLASK, "run", FLASK_APP="app", MISTRAL_API_KEY=None)
    shutil.copyfile(ROOT / "samples/receipt.jpg", tmp_path / "receipt.jpg")
    commands = re.findall(r'class="call"><code>(.*?)</code>', html_of(server))
    assert len(commands) == len(OPERATIONS)
    answers = {}
    for operation in sorted(CALLED, key=order):
        call, name = operation["call"], operation["operationId"]
        assert call in map(html.unescape, commands)
        until(lambda: server.job(1).get("status") not in ("pending", "running"))
        if name == "changeReceipt":  # of what was seen
            seen = requests.get(f"{server.url}/receipts/1").json()["updatedAt"]
            call = call.replace("2026-03-14T09:41:00.123Z", seen)
        answers[name] = run(call, server, tmp_path)
        if name == "uploadJob":  # one more to delete
            run(call, server, tmp_path)
    for operation in CALLED:
        media_type, body = answers[operation["operationId"]]
        examples = examples_of(operation)
        if media_type == "application/json" and media_type in examples:
            assert fits(examples[media_type], json.loads(body)), operation["operationId"]
        if media_type == "text/csv":
            assert body.splitlines()[0].lstrip("\ufeff") == examples[media_type].splitlines()[0]


def order(operation):
    """The upload first, and what is deleted last, a file before its job."""
    is_first, is_deletion = operation["operationId"] == "uploadJob", operation["method"] == "DELETE"
    return not is_first, is_deletion, -len(operation["path"])


def examples_of(operation):
    """What the operation answers, by media type."""
    content = operation["responses"]["200"].get("content", {})
    return {name: about["example"] for name, about in content.items() if "example" in about}


def html_of(server):
    command = ["curl", "-sS", f"{server.url}/docs"]
    return subprocess.check_output(command, timeout=20).decode()


def run(call, server, directory):
    """The media type and body of a command's answer, which must be 200."""
    words = shlex.split(call.replace("localhost:3000", server.url))
    done = subprocess.run(
        [*words, "-sS", "-w", "\n%{http_code} %{content_type}"],
        cwd=directory,
        capture_output=True,
        timeout=60,
        check=True,
    )
    body, _, last = done.stdout.rpartition(b"\n")
    status, content_type = last.decode().split(" ", 1)
    assert status == "200", (call, body)
    return content_type.split(";")[0], body.decode("utf-8", "replace")


@pytest.mark.slow
def test_the_text_and_markdown_of_a_job_are_as_their_examples(make_app):
    client = make_app({"tesseract": PROVIDERS["tesseract"]}).test_client()
    wait(client, upload(client, "tesseract", files=[(RECEIPT, "a.jpg")]))
    get_job = next(operation for operation in OPERATIONS if operation["operationId"] == "getJob")
    examples = examples_of(get_job)
    for media_type in ("text/plain", "text/markdown"):
        answer = client.get("/ocr-jobs/1", headers={"Accept": media_type})
        assert answer.mimetype == media_type
        first, expected = (text.split("\n")[0] for text in (answer.text, examples[media_type]))
        assert first.lstrip("# ") == expected.lstrip("# ")  # an engine may see no heading


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("BadRequest", ("POST", "/ocr-jobs/upload?ocrProvider_0=invalid", {})),
        ("NotFound", ("GET", "/ocr-jobs/123", {})),
        ("Forbidden", ("DELETE", "/ocr-jobs/1", {"Origin": "https://example.com"})),
    ],
)
def test_the_examples_of_errors_are_what_is_said(client, name, ask):
    method, url, headers = ask
    data = {"file": (BytesIO(RECEIPT), "receipt.jpg")} if method == "POST" else None
    response = client.open(url, method=method, headers=headers, data=data)
    example = DOCUMENT["components"]["responses"][name]["content"]["application/json"]["example"]
    said, expected = response.json["details"], example["details"]
    assert {**response.json, "details": ""} == {**example, "details": ""}
    assert said.split(";")[0] == expected.split(";")[0]


def test_the_example_of_a_missing_key_is_what_is_said(make_app):
    client = make_app(env={"API_KEY": "sesame-sesame"}).test_client()
    content = DOCUMENT["components"]["responses"]["Unauthorized"]["content"]
    assert client.get("/ocr-jobs").json == content["application/json"]["example"]
