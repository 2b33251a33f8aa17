"""Applications, clients, receipts and servers that every test may ask for."""

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
import requests

from app import create_app
from db import connect
from tests.fakes import LONG_S, Gate, drawn, fake, until

# Its limit of 200 ms an example measures how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
FEW_THREADS = {"OCR_WORKERS": "2", "REMOTE_WORKERS": "2"}  # as many as a test keeps busy
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 2**30  # a disk in memory, where there is one, with room
FLASK = (sys.executable, "-m", "flask")
PRODUCTION = (sys.executable, "-m", "server", "--port={port}", "--app=tests.fakes:create_app")
NGINX_CONF = """
daemon off;
user {user};
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {servers}
}}
"""


def pytest_ignore_collect(collection_path, config):
    """Leave out files whose every test is slow, where those are not wanted: a second each time."""
    if config.option.markexpr == "not slow" and collection_path.suffix == ".py":
        return "\npytestmark = pytest.mark.slow" in collection_path.read_text("utf-8") or None
    return None


def pytest_configure(config):
    """Have the quick tests write to memory: on a disk they wait for it half of their time."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    if config.option.markexpr == "not slow" and has_room:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def paid_gate():
    return Gate("ACME")


@pytest.fixture
def stored(tmp_path):
    """`stored(content)`: a file with these bytes and a name that says nothing."""

    def store(content):
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return store


@pytest.fixture
def make_app(tmp_path, gate, paid_gate):
    """`make_app(providers, env, data)`: an application, its worker stopped at the end."""
    apps = []

    def make(providers=None, env=None, data=None):
        data, providers = data or tmp_path / "data", providers or {"fake": fake()}
        apps.append(create_app(data, providers, FEW_THREADS | (env or {}), serve=True))
        return apps[-1]

    yield make
    for each in (gate, paid_gate):
        each.open()  # or the worker would wait for it
    for app in apps:
        app.extensions["receipts"].stop()


@pytest.fixture(scope="module")
def share_app(tmp_path_factory):
    """`share_app(providers, env)`: an application for all tests of a module, which leave it as it
    is or do not mind what is stored there already."""
    apps = []

    def make(providers=None, env=None):
        data = tmp_path_factory.mktemp("shared") / "data"
        apps.append(create_app(data, providers or {"fake": fake()}, env or {}, serve=True))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["receipts"].stop()


@pytest.fixture(scope="module")
def shared_client(share_app):
    return share_app().test_client()


@pytest.fixture
def app(gate, paid_gate, make_app):
    return make_app({"fake": fake(), "gated": gate.provider, "paid": paid_gate.provider})


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def db(app):
    """The application's database, to look into and to change behind its back."""
    with contextlib.closing(connect(app.extensions["receipts"].database)) as connection:
        connection.isolation_level = None
        yield connection


@pytest.fixture
def receipt(tmp_path):
    """A photo of a small receipt."""
    path = tmp_path / "receipt.jpg"
    drawn().save(path, quality=90)
    return path


# Each once, below those that the system gives to connections, in an order of this process.
PORTS = iter(random.SystemRandom().sample(range(20_000, 32_000), 12_000))


def free_port():
    """A port on which nothing listens, and on which no other server of these tests will."""
    for port in PORTS:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class Server:
    """A server in a process of its own, in a session of its own so that nothing survives."""

    def __init__(self, command, port, data, env):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.data, self.log = data, data.parent / "server.log"
        variables = os.environ | {"DATA_DIR": str(data), "FLASK_RUN_PORT": str(port)}
        variables |= {"OCR_WARM": "0"} | env
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={name: value for name, value in variables.items() if value is not None},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_up(self):
        until(self._is_up)
        return self

    def _is_up(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.RequestException:  # the reloader's socket waits, say
            return False

    def end(self, how=signal.SIGKILL):
        """The exit status after this signal."""
        self.process.send_signal(how)
        return self.process.wait(60)

    def upload(self, content, provider, name="receipt.jpg"):
        response = requests.post(
            f"{self.url}/ocr-jobs/upload",
            files={"file": (name, content)},
            data={"ocrProvider_0": provider},
            timeout=20,
        )
        assert response.ok, response.text
        return response.json()["id"]

    def job(self, job_id):
        return requests.get(f"{self.url}/ocr-jobs/{job_id}", timeout=20).json()

    def wait(self, job_id, *statuses, seconds=LONG_S):
        wanted = statuses or ("completed", "failed")
        return until(lambda: self.job(job_id), lambda job: job["status"] in wanted, seconds)


@pytest.fixture
def serve(tmp_path):
    """`serve(*command)`: a server of tests/fakes.py, `flask run` by default, up and answering.

    `env` are variables, None for one that must not be set; a command may hold "{port}".
    """
    servers = []

    def start(*command, port=None, data=tmp_path / "data", up=True, **env):
        port = port or free_port()
        command = [word.format(port=port) for word in command or (*FLASK, "run")]
        servers.append(Server(command, port, data, {"FLASK_APP": "tests.fakes"} | env))
        return servers[-1].wait_until_up() if up else servers[-1]

    yield start
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(60)


@pytest.fixture
def proxies():
    """A list of processes that are ended when the test is over."""
    running = []
    yield running
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture
def caddy(tmp_path, proxies):
    """`caddy(text, server)`: the port of a Caddy with this Caddyfile, by plain http."""
    assert shutil.which("caddy"), "Caddy is not installed: apt-get install caddy"

    def start(text, server):
        port, log = free_port(), tmp_path / "caddy.log"
        text = text.replace("nas.lan {", f"http://nas.lan:{port} {{\n\tbind 127.0.0.1")
        text = text.replace("127.0.0.1:3000", f"127.0.0.1:{server.port}")
        (tmp_path / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{text}")
        command = ["caddy", "run", "--config", tmp_path / "Caddyfile"]
        env = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        with log.open("wb") as file:
            proxies.append(subprocess.Popen(command, env=env, stderr=file))
        until(lambda: _answers(proxies[-1], port, log))
        return port

    return start


@pytest.fixture
def nginx(tmp_path, proxies):
    """`nginx(text, server)`: the port of an nginx with this configuration before the server."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program, "nginx is not installed: apt-get install nginx-light"

    def start(text, server, port=None):
        port, here = port or free_port(), tmp_path / "nginx"
        here.mkdir()
        text = text.replace("127.0.0.1:3000", f"127.0.0.1:{server.port}")
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")  # may be 30006
        whole = NGINX_CONF.format(user=getpass.getuser(), directory=here, servers=text)
        (here / "nginx.conf").write_text(whole)
        log = here / "error.log"
        command = [program, "-c", here / "nginx.conf", "-e", log]
        proxies.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        until(lambda: _answers(proxies[-1], port, log))
        return port

    return start


def _answers(process, port, log):
    assert process.poll() is None, log.read_text()
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=5) is not None
    except requests.RequestException:
        return False
