"""The container does what is tested here. There is no Docker, so its files are read."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from fnmatch import fnmatch

import pytest
import requests
import yaml

from tests.conftest import ROOT, free_port
from tests.fakes import until


def instructions():
    """(keyword, rest) of each instruction of the Dockerfile, its lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def of(keyword):
    return [rest.strip() for found, rest in instructions() if found == keyword]


def in_image(path):
    """Whether the build gets that file, by .dockerignore: the last rule that matches decides.

    A rule of ours holds for a name at the root and all below it, or with **/ anywhere.
    """
    included = True
    for rule in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = rule.removeprefix("!").removeprefix("**/")
        parents = path.split("/") if rule.lstrip("!").startswith("**/") else path.split("/")[:1]
        if rule and not rule.startswith("#") and any(fnmatch(part, pattern) for part in parents):
            included = rule.startswith("!")
    return included


def test_the_command_is_that_of_make_serve(tmp_path):
    made = subprocess.run(
        ["make", "--no-print-directory", "-n", "serve", "HOST=0.0.0.0", f"VENV={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    command = made.stdout.replace("\\\n", " ").splitlines()[-1].split()
    (ours,) = of("CMD")
    assert [command[0].replace(str(tmp_path), ".venv"), *command[1:]] == json.loads(ours)


def test_it_is_installed_by_the_makefile_and_packages_that_ci_installs_too():
    installed, _, made = of("RUN")
    assert made == "PIP_NO_CACHE_DIR=1 make .venv/ready OPENVINO=yes"
    packages = re.search(r"--no-install-recommends ([\w -]+?) +&&", installed)[1].split()
    ci = (ROOT / ".ci/run").read_text("utf-8")
    assert set(packages) <= set(re.findall(r"[\w-]+", ci))
    assert "make .venv/ready-dev" in ci or "make test" in ci
    copied = ["Makefile", "requirements.txt", "constraints.txt", "requirements-openvino.txt"]
    assert of("COPY")[0].split()[:-1] == copied


def test_it_is_slim_runs_as_nobody_special_and_has_one_port_and_one_volume():
    assert re.fullmatch(r"python:3\.1\d[\w.]*-slim\S*@sha256:[0-9a-f]{64}", *of("FROM"))
    assert of("USER") == ["receipts"]
    assert [keyword for keyword, _ in instructions()].index("USER") > [
        keyword for keyword, _ in instructions()
    ].index("COPY")
    assert (of("EXPOSE"), of("VOLUME")) == (["3000"], ["/data"])
    assert {"DATA_DIR=/data", "ALLOW_REMOTE=1"} < set(of("ENV")[0].split())


def test_the_image_has_the_server_and_none_of_the_secrets_data_and_tests():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    kept = {path for path in tracked if in_image(path)}
    assert {
        "app.py",
        "schema.sql",
        "migrations/2.sql",
        "providers/base.py",
        "engines/process.py",
        "fields/receipt.py",
        "fields/lexicon/languages/de.toml",
        "server/upload.py",
        "commands/doctor.py",
        "static/index.html",
    } < kept
    assert {"samples/receipt.jpg", "Makefile", "constraints.txt"} < kept
    for path in (".env", "data/receipts.db", "tests/fakes.py", ".git/config", ".venv/ready"):
        assert not in_image(path)
    assert not in_image("providers/__pycache__/base.cpython-311.pyc")


@pytest.mark.slow
def test_what_is_in_the_image_serves_and_its_health_check_tells(tmp_path):
    for path in ROOT.rglob("*"):
        name = str(path.relative_to(ROOT))
        if path.is_file() and in_image(name) and not name.startswith("."):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, tmp_path / name)
    port = free_port()
    (command,), (check,) = map(json.loads, of("CMD")), of("HEALTHCHECK")
    words = [str(port) if word == "3000" else word for word in command[1:]]
    probe = json.loads(re.search(r"CMD (\[.*\])", check)[1])[2].replace("3000", str(port))
    with pytest.raises(urllib.request.URLError):
        exec(probe, {})
    server = subprocess.Popen(
        [sys.executable, *words],
        cwd=tmp_path,
        env=os.environ | {"DATA_DIR": str(tmp_path / "data"), "API_KEY": "sesame-sesame"},
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port), seconds=30)
        exec(probe, {})
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).ok
        assert requests.get(f"http://127.0.0.1:{port}/ocr-jobs", timeout=30).status_code == 401
    finally:
        server.terminate()
        assert server.wait(60) == 0


def answers(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.RequestException:
        return False


def test_compose_has_one_service_that_only_this_machine_reaches():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    (service,) = compose["services"].values()
    assert (service["build"], service["ports"]) == (".", ["127.0.0.1:3000:3000"])
    assert service["volumes"] == ["receipts:/data"]


def test_compose_bounds_what_the_container_may_write_take_and_start():
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"].values()
    assert (service["read_only"], service["tmpfs"]) == (True, ["/tmp:size=256m"])
    assert service["mem_limit"] and service["pids_limit"] > 300  # the server's threads
    assert service["environment"] == {"TZ": "${TZ:-UTC}"}


def test_compose_keeps_one_volume():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    assert list(compose["volumes"]) == ["receipts"]
