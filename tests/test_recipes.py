"""The recipes for other programs work as they are written, at the server's side of them.

Each is done as the program does it, from its public source or documentation: Papra
(apps/papra-server, custom-http.content-extraction-strategy.*), Home Assistant's shell_command and
webhook trigger, and n8n's HTTP Request node.
"""

import base64
import json
import queue
import re
import shlex
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jinja2
import pytest
import requests
import yaml
from werkzeug.serving import make_server

from providers import PROVIDERS
from tests.conftest import ROOT
from tests.fakes import fake, needs

pytestmark = pytest.mark.slow

KEY = "sesame-sesame"
TEXT = (ROOT / "docs/recipes.md").read_text("utf-8")


def block(language, marker):
    """The first fenced block that holds the marker."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return next(found for found in blocks if marker in found)


@pytest.fixture
def listening(make_app):
    """`listening(providers, env)`: the address of a server with a key, known as receipts.lan."""
    servers = []

    def start(providers=None, env=None):
        env = {"API_KEY": KEY, "TRUSTED_HOSTS": "receipts.lan"} | (env or {})
        app = make_app(providers or {"tesseract": PROVIDERS["tesseract"]}, env)
        servers.append(make_server("127.0.0.1", 0, app, threaded=True))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def here(recipe, address):
    """The recipe for this server: its own key and address."""
    return recipe.replace("KEY", KEY).replace("receipts.lan:3000", address)


# Papra


def papra(recipe, path):
    """What Papra makes of the document: POST it as the form field `file`, take the whole body."""
    settings = dict(line.split("=", 1) for line in recipe.splitlines() if line)
    of = {
        name.removeprefix("CONTENT_EXTRACTION_CUSTOM_HTTP_"): value
        for name, value in settings.items()
    }
    assert of["RESPONSE_FORMAT"] == "text"
    assert settings["CONTENT_EXTRACTION_STRATEGY"].split(",")[0] == "custom-http"
    response = requests.post(
        of["URL"],
        headers=json.loads(of["HEADERS"]) | {"sec-fetch-mode": "cors", "user-agent": "node"},
        files={"file": (path.name, path.read_bytes(), "image/jpeg")},
        timeout=int(of["REQUEST_TIMEOUT_MS"]) / 1000,
    )
    response.raise_for_status()  # ofetch throws for these, and Papra takes the next strategy
    return response.text


def test_papra_gets_the_text_of_a_document(listening):
    recipe = here(block("sh", "CUSTOM_HTTP_URL"), listening())
    text = papra(recipe, ROOT / "samples/receipt.jpg")
    assert text.startswith("CORNER CAFE\n")
    assert "13.20" in text


def test_papra_takes_its_next_strategy_for_what_is_not_read_in_time(listening, gate, receipt):
    recipe = here(block("sh", "CUSTOM_HTTP_URL"), listening({"tesseract": gate.provider}))
    with pytest.raises(requests.HTTPError, match="409"):
        papra(recipe.replace("wait=110", "wait=1"), receipt)


def test_papra_gives_up_no_sooner_than_the_server_answers(listening):
    recipe = block("sh", "CUSTOM_HTTP_URL")
    wait_s = int(re.search(r"wait=(\d+)", recipe)[1])
    assert wait_s * 1000 < int(re.search(r"TIMEOUT_MS=(\d+)", recipe)[1])


# Home Assistant


@needs("curl")
def test_home_assistants_command_reads_a_picture(listening, tmp_path):
    recipe = yaml.safe_load(here(block("yaml", "shell_command"), listening()))
    program, arguments = recipe["shell_command"]["read_receipt"].split(" ", 1)
    picture = tmp_path / "my receipt.jpg"
    picture.write_bytes((ROOT / "samples/receipt.jpg").read_bytes())
    rendered = jinja2.Template(arguments).render(path=picture)
    done = subprocess.run([program, *shlex.split(rendered)], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    said = jinja2.Environment()
    said.filters["from_json"] = json.loads
    answer = "(response.stdout | from_json).files[0].executions[0].ocrData | from_json"
    assert answer in " ".join(TEXT.split())
    reading = said.compile_expression(answer)(response={"stdout": done.stdout})
    assert reading["receipt"]["total"] == 13.2


class HomeAssistant(BaseHTTPRequestHandler):
    """Its /api/webhook/<id>: any JSON by POST, answered by 200 without a body."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.put((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_home_assistant_hears_of_every_job(listening, receipt):
    recipe = yaml.safe_load(block("yaml", "shell_command"))
    ((automation,),) = [recipe["automation"]]
    ((trigger,),) = [automation["triggers"]]
    assert f"/api/webhook/{trigger['webhook_id']}`" in TEXT
    assert trigger["allowed_methods"] == ["POST"]
    home = ThreadingHTTPServer(("127.0.0.1", 0), HomeAssistant)
    home.got = queue.Queue()
    threading.Thread(target=home.serve_forever, args=(0.01,), daemon=True).start()
    env = {
        "WEBHOOK_URL": f"http://127.0.0.1:{home.server_port}/api/webhook/{trigger['webhook_id']}",
        "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"k" * 32).decode(),
    }
    address = listening({"tesseract": fake()}, env)
    requests.post(
        f"http://{address}/ocr-jobs/upload",
        headers={"X-API-Key": KEY},
        files={"file": receipt.read_bytes()},
        data={"ocrProvider_0": "tesseract"},
        timeout=10,
    )
    path, event = home.got.get(timeout=10)
    home.shutdown()
    home.server_close()
    assert path == f"/api/webhook/{trigger['webhook_id']}"
    message = automation["actions"][0]["data"]["message"]
    said = jinja2.Template(message).render(trigger={"json": event})
    assert said == "Job 1 is completed"


# n8n


def test_n8ns_node_reads_a_file(listening):
    (node,) = json.loads(here(block("json", "n8n-nodes-base"), listening()))["nodes"]
    asked = node["parameters"]
    assert asked["contentType"] == "multipart-form-data"
    binary = {"data": (ROOT / "samples/receipt.jpg").read_bytes()}
    files, fields = {}, {}
    for field in asked["bodyParameters"]["parameters"]:
        if field["parameterType"] == "formBinaryData":
            content = binary[field["inputDataFieldName"]]
            files[field["name"]] = ("receipt.jpg", content, "image/jpeg")
        else:
            fields[field["name"]] = field["value"]
    response = requests.request(
        asked["method"],
        asked["url"],
        headers={
            header["name"]: header["value"] for header in asked["headerParameters"]["parameters"]
        }
        | {"accept": "application/json,text/html,application/xml,text/*;q=0.9,*/*;q=0.7"},
        files=files,
        data=fields,
        timeout=asked["options"]["timeout"] / 1000,
    )
    answer = "JSON.parse($json.files[0].executions[0].ocrData).receipt"
    assert answer in TEXT
    reading = json.loads(response.json()["files"][0]["executions"][0]["ocrData"])
    assert reading["receipt"]["total"] == 13.2


# The fields in the URL


def test_fields_of_an_upload_may_stand_in_its_url(client):
    response = client.post(
        "/ocr-jobs/upload?ocrProvider_0=fake&jobName=From+afar",
        data={"file": ((ROOT / "samples/receipt.jpg").open("rb"), "a.jpg")},
    )
    assert client.get(f"/ocr-jobs/{response.json['id']}").json["name"] == "From afar"


def test_a_field_in_the_url_is_checked_like_any_other(client):
    response = client.post(
        "/ocr-jobs/upload?ocrProvider_1=fake",
        data={
            "file": ((ROOT / "samples/receipt.jpg").open("rb"), "a.jpg"),
            "ocrProvider_0": "fake",
        },
    )
    assert response.status_code == 400
    assert response.json["details"].startswith("ocrProvider_1 has no file")
