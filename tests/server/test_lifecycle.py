"""Real servers keep their promises: started in any way, killed at any moment."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
import requests

import db
from server import docs
from tests.conftest import FLASK, PRODUCTION, ROOT
from tests.fakes import drawn, needs, png, until

pytestmark = pytest.mark.slow

WAITRESS = (*PRODUCTION, "--threads=8")


def rows(data, query):
    """The answer of a query to a server's database, while it runs or after."""
    with closing(sqlite3.connect(data / "receipts.db")) as connection:
        return connection.execute(query).fetchall()


def statuses(data):
    """Of every execution, by job."""
    query = "SELECT job_id, e.status FROM execution e JOIN file ON file.id = file_id ORDER BY e.id"
    return rows(data, query)


def started(data):
    """(job id, process id) of each time a provider started."""
    path = data / "started"
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(int(number) for number in line.split()) for line in lines]


def go(data):
    """Let the slow provider finish, now and from now on."""
    (data / "go").touch()


def stat(pid):
    """The state and the parent of a process; a process that has ended is a zombie at most."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "Z", 0
    return state, int(parent)


def gone(pid):
    return stat(pid)[0] == "Z"


def children(pid):
    everyone = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [one for one in everyone if stat(one)[1] == pid]


def ended_orderly(data):
    return (data / "lock").read_bytes() == b"ended  \n"


# Killed


def test_killed_while_running_all_runs_at_the_next_start_without_a_request(serve, tmp_path):
    data = tmp_path / "data"
    server = serve(OCR_WORKERS="1")
    jobs = [server.upload(png(), name) for name in ("slow", "mistral", "openai")]
    until(lambda: started(data))
    server.end()
    assert statuses(data) == [(jobs[0], "running"), (jobs[1], "pending"), (jobs[2], "pending")]
    go(data)
    serve(OCR_WORKERS="1", up=False)
    until(lambda: statuses(data), lambda found: found == [(n, "completed") for n in jobs])
    assert [job for job, _ in started(data)] == [jobs[0]] * 2


def test_killed_while_uploading_every_acknowledged_upload_is_there_whole_and_no_other(
    serve, tmp_path
):
    data, server = tmp_path / "data", serve(OCR_WORKERS="1")
    contents = [png((n, n)) + os.urandom(200_000) for n in range(1, 4)]
    acknowledged = []

    def keep_uploading(number):
        content = contents[number]
        while True:
            try:
                acknowledged.append((server.upload(content, "mistral"), content))
            except requests.RequestException:
                return

    def half_an_upload():
        connection = socket.create_connection(("127.0.0.1", server.port))
        head = "POST /ocr-jobs/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
        head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        head += 'Content-Disposition: form-data; name="file"; filename="half.png"\r\n\r\n'
        connection.sendall(head.encode() + png() + b"\0" * 100_000)
        return connection

    half = half_an_upload()
    threads = [threading.Thread(target=keep_uploading, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 20)
    assert any((data / "incoming").glob("tmp*"))
    server.end()
    half.close()
    for thread in threads:
        thread.join()

    server = serve()
    stored = {key for (key,) in rows(data, "SELECT storage_key FROM file")}
    on_disk = {str(p.relative_to(data)) for p in (data / "uploads").rglob("*") if p.is_file()}
    assert stored == on_disk
    assert not any((data / "incoming").glob("tmp*"))  # engines have directories of other names
    for job_id, content in acknowledged:
        assert (data / f"uploads/{job_id}/receipt.jpg").read_bytes() == content
        assert server.wait(job_id)["status"] == "completed"
    assert rows(data, "PRAGMA integrity_check") == [("ok",)]


def test_an_image_that_kills_the_process_twice_is_failed_and_the_others_are_read(serve, tmp_path):
    data = tmp_path / "data"
    server = serve(OCR_WORKERS="1")
    killer = server.upload(png(), "killer")
    assert server.process.wait(60) == -signal.SIGKILL
    with closing(db.connect(data / "receipts.db")) as connection, connection:
        file_id = connection.execute("SELECT id FROM file").fetchone()["id"]
        db.add_execution(connection, file_id, "mistral")
    assert serve(OCR_WORKERS="1", up=False).process.wait(60) == -signal.SIGKILL
    job = serve(OCR_WORKERS="1").wait(killer)
    crashed, other = job["files"][0]["executions"]
    assert (crashed["status"], crashed["error"]["code"]) == ("failed", "crashed")
    assert "twice" in crashed["error"]["message"]
    assert (job["status"], other["status"]) == ("completed", "completed")
    assert len(started(data)) == 2


CRASHES = "SELECT status, crashes FROM execution"
END_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]


def test_no_signal_however_often_counts_as_a_crash(serve, tmp_path):
    """Twice within the seconds of grace, under both servers; a second Ctrl-C ends at once."""
    commands = {"flask": (*FLASK, "run"), "waitress": WAITRESS}
    ends = {f"{name}-{how.name}": (commands[name], how) for name in commands for how in END_SIGNALS}
    servers = {
        name: serve(*command, data=tmp_path / name, up=False, OCR_WORKERS="1")
        for name, (command, _) in ends.items()
    }
    for name, server in servers.items():
        server.wait_until_up().upload(png(), "slow")
        until(lambda name=name: started(tmp_path / name))
    for name, server in servers.items():
        server.process.send_signal(ends[name][1])
        until(lambda name=name: ended_orderly(tmp_path / name))
        server.process.send_signal(ends[name][1])
    for name, server in servers.items():
        interrupted = ends[name][1] == signal.SIGINT
        assert server.process.wait(60) == (130 if interrupted else 0), server.log.read_text()
        assert rows(tmp_path / name, CRASHES) == [("running", 0)], name
    assert "Traceback" not in server.log.read_text()
    data = tmp_path / "flask-SIGHUP"
    go(data)
    serve(data=data, up=False)
    until(lambda: rows(data, CRASHES), lambda found: found == [("completed", 0)])
    assert len(started(data)) == 2


@pytest.mark.parametrize("module", ["waitress", "flask", "commands"])
def test_ctrl_c_before_there_is_anything_to_stop_ends_without_a_traceback(serve, module):
    command = (sys.executable, "-X", "importtime", "-m", "server", "--port={port}")
    server = serve(*command, up=False)
    imported = re.compile(rf"\| +{module}[.\n]")
    until(lambda: imported.search(server.log.read_text()), seconds=30)
    assert server.end(signal.SIGINT) in (-signal.SIGINT, 1)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("command", [(), WAITRESS], ids=["flask run", "waitress"])
def test_the_log_begins_with_what_a_user_wants_to_know_and_says_what_an_end_waits_for(
    serve, command
):
    server = serve(*command, OCR_WORKERS="1")
    server.upload(png(), "slow")
    until(lambda: started(server.data))
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "1 executions get 5 s to end; Ctrl-C ends at once" in server.log.read_text())
    lines = [line.split(" INFO ", 1)[-1] for line in server.log.read_text().splitlines()]
    begin = lines.index(f"Open Receipt OCR {docs.version()} is on http://localhost:{server.port}")
    assert lines[begin + 1 : begin + 5] == [
        f"    data:        {server.data}",
        "    reads with:  mistral, openai, slow, killer",
        "    models:      on paper",
        "    answers:     this machine only; to let a phone in, see docs/phone.md",
    ]
    assert not any("development server" in line or "queue depth" in line for line in lines)


def test_the_log_says_what_other_machines_type(serve):
    env = {"API_KEY": "sesame-sesame", "TRUSTED_HOSTS": "nas.lan,192.168.1.20"}
    server = serve(*WAITRESS, "--host=0.0.0.0", **env)
    port = server.port
    line = f"    for others:  http://192.168.1.20:{port}, http://nas.lan:{port}"
    assert line in server.log.read_text()


def test_a_kill_counts_as_a_crash_but_not_in_the_grace_of_an_orderly_end(serve, tmp_path):
    data = tmp_path / "data"
    server = serve()
    server.upload(png(), "slow")
    until(lambda: started(data))
    server.process.send_signal(signal.SIGTERM)
    until(lambda: ended_orderly(data))
    server.end()
    server = serve()
    until(lambda: len(started(data)) == 2)
    assert rows(data, CRASHES) == [("running", 0)]
    server.end()
    go(data)
    serve(up=False)
    until(lambda: rows(data, CRASHES), lambda found: found == [("completed", 1)])


# Started


def test_a_second_server_on_one_data_directory_refuses_loudly(serve, tmp_path):
    first = serve()
    for command in ((*FLASK, "run"), WAITRESS):
        log = tmp_path / "server.log"
        log.write_text("")
        assert serve(*command, up=False).process.wait(60) != 0
        assert f"Another server is using {tmp_path / 'data'}" in log.read_text()
        assert "DATA_DIR" in log.read_text()
    assert first.wait(first.upload(png(), "mistral"))["status"] == "completed"


def test_the_reloader_has_exactly_one_worker_in_its_child(serve, tmp_path):
    data, watched = tmp_path / "data", tmp_path / "watched.py"
    watched.touch()
    server = serve(*FLASK, "run", "--debug", "--extra-files", str(watched))
    job_id = server.upload(png(), "slow")
    ((_, child),) = until(lambda: started(data))
    assert child != server.process.pid
    assert ended_orderly(data)  # already: at SIGTERM the parent kills its child
    go(data)
    server.wait(job_id)

    watched.write_text("# changed")
    until(lambda: gone(child))
    server.wait_until_up()
    assert server.wait(server.upload(png(), "slow"))["status"] == "completed"
    first, second = started(data)
    assert (first[0], second[0]) == (1, 2)
    assert second[1] not in (child, server.process.pid)


def test_flask_routes_and_flask_shell_start_no_worker_and_need_no_lock(serve, tmp_path):
    data = tmp_path / "data"
    server = serve(OCR_WORKERS="1")
    server.upload(png(), "slow")
    until(lambda: started(data))
    server.upload(png(), "mistral")
    environ = os.environ | {"FLASK_APP": "tests.fakes", "DATA_DIR": str(data)}

    def flask(command):
        return subprocess.run(
            [*FLASK, command],
            cwd=ROOT,
            env=environ,
            input="print('the shell ran')\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout

    assert "/ocr-jobs/upload" in flask("routes")  # beside the server
    server.end()
    assert "the shell ran" in flask("shell")  # and alone, with work left over
    assert statuses(data) == [(1, "running"), (2, "pending")]
    assert len(started(data)) == 1


def test_waitress_serves_and_runs_what_is_left_over(serve, tmp_path):
    data = tmp_path / "data"
    server = serve(*WAITRESS)
    assert server.wait(server.upload(png(), "mistral"))["status"] == "completed"
    response = requests.get(f"{server.url}/ocr-jobs/1/files/1", timeout=10)
    assert (response.content, response.headers["Content-Type"]) == (png(), "image/png")
    server.upload(png(), "slow")
    until(lambda: started(data))
    server.end()
    go(data)
    serve(*WAITRESS, up=False)
    until(lambda: statuses(data), lambda found: found == [(1, "completed"), (2, "completed")])


def test_a_setting_that_makes_no_sense_stops_the_start_and_is_named(serve, tmp_path):
    server = serve(up=False, OCR_WORKERS="many")
    assert server.process.wait(60) != 0
    assert "OCR_WORKERS must be a whole number of 1 or more" in server.log.read_text()


def test_both_local_engines_read_without_network_in_production_and_die_with_the_server(
    serve, tmp_path
):
    nowhere = "http://127.0.0.1:9"
    proxies = {name: nowhere for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    server = serve(*WAITRESS, "--app=app:create_app", HOME=str(tmp_path), **proxies)
    receipt = BytesIO()
    drawn().save(receipt, "JPEG", quality=90)
    jobs = [server.upload(receipt.getvalue(), name) for name in ("paddle-ocr-local", "tesseract")]
    for job_id in jobs:
        ((execution,),) = [f["executions"] for f in server.wait(job_id, seconds=60)["files"]]
        assert execution["error"] is None
        assert "TOTALEUR3.70" in "".join(json.loads(execution["ocrData"])["text"].split())
    engines = children(server.process.pid)
    assert len(engines) == 3  # one a provider, and the decoder that checks uploads
    server.end()
    until(lambda: all(gone(pid) for pid in engines))


# The reference's own examples; their port is replaced only where 3000 is taken

UPLOAD = r"""
curl -X POST http://localhost:3000/ocr-jobs/upload \
-F "file=@receipt.jpg" \
-F "ocrProvider_0=mistral" \
-F "jobName=Weekly Groceries"
"""

UPLOAD_MULTIPLE = r"""
curl -X POST http://localhost:3000/ocr-jobs/upload \
-F "file=@receipt1.jpg" \
-F "ocrProvider_0=mistral" \
-F "file=@receipt2.jpg" \
-F "ocrProvider_1=openai" \
-F "jobName=Batch OCR"
"""

MONITOR = """\
#!/bin/bash
JOB_ID=$1
while true; do
STATUS=$(curl -s http://localhost:3000/ocr-jobs/$JOB_ID | jq -r '.status')
echo "Job status: $STATUS"
if [ "$STATUS" = "completed" ] || [ "$STATUS" = "failed" ]; then
break
fi
sleep 2
done
"""

EXTRACT = r"""
curl -s http://localhost:3000/ocr-jobs/123 | \
jq '.files[0].executions[0].ocrData | fromjson'
"""

JAVASCRIPT = """
const FormData = require('form-data');
const fs = require('fs');
const axios = require('axios');
async function uploadReceipt(filePath, provider) {
const form = new FormData();
form.append('file', fs.createReadStream(filePath));
form.append('ocrProvider_0', provider);
form.append('jobName', 'Receipt');
const response = await axios.post(
'http://localhost:3000/ocr-jobs/upload',
form,
{ headers: form.getHeaders() }
);
return response.data.id;
}
async function waitForCompletion(jobId) {
while (true) {
const response = await axios.get(
`http://localhost:3000/ocr-jobs/${jobId}`
);
if (response.data.status === 'completed') {
return response.data;
}
await new Promise(resolve => setTimeout(resolve, 1000));
}
}
"""
USE_JAVASCRIPT = """
uploadReceipt('receipt.jpg', 'mistral').then(waitForCompletion)
  .then(job => console.log(JSON.stringify(job)));
"""

PYTHON = """
import requests
import time
import json
def upload_receipt(file_path, provider):
    with open(file_path, 'rb') as f:
        files = {'file': f}
        data = {'ocrProvider_0': provider}
        response = requests.post(
            'http://localhost:3000/ocr-jobs/upload',
            files=files,
            data=data
        )
    return response.json()['id']
def wait_for_completion(job_id):
    while True:
        response = requests.get(f'http://localhost:3000/ocr-jobs/{job_id}')
        data = response.json()
        if data['status'] == 'completed':
            return data
        time.sleep(1)
"""
USE_PYTHON = "print(json.dumps(wait_for_completion(upload_receipt('receipt.jpg', 'mistral'))))"


@pytest.fixture
def reference(serve, tmp_path):
    """`reference(text, program, *arguments)`: what an example prints, run beside receipt.jpg.

    The server is `flask run` on the port of .flaskenv; its first job has the reference's id, 123.
    """
    for name in ("receipt.jpg", "receipt1.jpg", "receipt2.jpg"):
        drawn().save(tmp_path / name)
    (tmp_path / "data").mkdir()
    db.create(tmp_path / "data/receipts.db")
    with closing(db.connect(tmp_path / "data/receipts.db")) as connection, connection:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('job', 122)")
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", 3000)) == 0
    server = serve() if taken else serve(port=3000, FLASK_RUN_PORT=None)
    server.wait_until_up()

    def run(text, program="bash", *arguments, **env):
        if taken:
            text = text.replace("localhost:3000", f"localhost:{server.port}")
        (tmp_path / "example").write_text(text)
        done = subprocess.run(
            [program, "example", *arguments],
            cwd=tmp_path,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@needs("curl", "jq")
def test_the_curl_and_bash_examples_of_the_reference_run_as_they_are(reference, tmp_path):
    assert json.loads(reference(UPLOAD)) == {"id": 123}
    assert reference(MONITOR, "bash", "123").endswith("Job status: completed\n")
    job = json.loads(reference("curl http://localhost:3000/ocr-jobs/123"))
    (file,) = job["files"]
    (execution,) = file["executions"]
    assert (job["id"], job["name"], job["status"]) == (123, "Weekly Groceries", "completed")
    assert (file["id"], file["storageKey"]) == (1, "uploads/123/receipt.jpg")
    assert (execution["id"], execution["ocrProvider"]) == (1, "mistral")
    assert json.loads(execution["ocrData"])["markdown"].startswith("# Receipt\n\n")
    assert json.loads(reference(EXTRACT))["markdown"] == "# Receipt\n\nmistral"

    listing = 'curl "http://localhost:3000/ocr-jobs?page=1&limit=10&sort=createdAt:desc"'
    assert json.loads(reference(listing)) == {
        "data": [{name: job[name] for name in ("id", "name", "status", "createdAt")}],
        "pagination": {"total": 1, "page": 1, "limit": 10, "pages": 1},
    }
    reference("curl http://localhost:3000/ocr-jobs/123/files/1 -o same.jpg")
    assert (tmp_path / "same.jpg").read_bytes() == (tmp_path / "receipt.jpg").read_bytes()

    batch = json.loads(reference(UPLOAD_MULTIPLE))["id"]
    reference(MONITOR, "bash", str(batch))
    files = json.loads(reference(f"curl http://localhost:3000/ocr-jobs/{batch}"))["files"]
    assert [(f["originalName"], f["executions"][0]["ocrProvider"]) for f in files] == [
        ("receipt1.jpg", "mistral"),
        ("receipt2.jpg", "openai"),
    ]

    success = {"success": True}
    delete = "curl -X DELETE http://localhost:3000/ocr-jobs/123"
    assert json.loads(reference(f"{delete}/files/1")) == success
    assert json.loads(reference(delete)) == success
    assert json.loads(reference(delete))["statusCode"] == 404
    assert json.loads(reference("curl -s http://localhost:3000/health"))["status"] == "ok"


@pytest.fixture
def node_modules():
    """Where the JavaScript example's two packages are; fetched once."""
    home = ROOT / ".cache" / "node"
    if not (home / "node_modules" / "form-data").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        packages = ["axios@1.21.1", "form-data@4.0.6"]
        subprocess.run(
            [*install, *packages], cwd=home, check=True, capture_output=True, timeout=120
        )
    return home / "node_modules"


@needs("npm")
def test_the_python_and_javascript_examples_of_the_reference_run_as_they_are(
    reference, node_modules
):
    job = json.loads(reference(PYTHON + USE_PYTHON, sys.executable))
    assert (job["id"], job["name"], job["files"][0]["originalName"]) == (123, None, "receipt.jpg")
    script = JAVASCRIPT + USE_JAVASCRIPT
    job = json.loads(reference(script, "node", NODE_PATH=str(node_modules)))
    assert (job["id"], job["name"], job["files"][0]["originalName"]) == (
        124,
        "Receipt",
        "receipt.jpg",
    )
    assert json.loads(job["files"][0]["executions"][0]["ocrData"])["text"] == "# Receipt\n\nmistral"
