"""What docs/ tells to type and to write into files holds; recipes have tests of their own."""

import configparser
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import requests
import yaml

from providers.llama import TRANSCRIBERS
from settings import VARIABLES, Settings, read_settings
from tests.conftest import PRODUCTION, ROOT, free_port
from tests.fakes import needs, png, until

DOCS = {path.name: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}

HERE = "by this file"
RECIPES, PROXIES = "by test_recipes.py", "by server/test_proxies.py"
# How each fenced block of README and docs/ is run, or why it is not, by its page and first line.
BLOCKS = {
    ("README.md", "make run      #"): "by .ci/run, but for the server it starts",
    ("README.md", "curl -F file=@samples"): "by test_readme.py",
    ("README.md", "{"): "by test_readme.py",
    ("README.md", "curl -F file=@a.jpg"): "by test_readme.py",
    ("README.md", ".venv/bin/flask ocr"): "by test_readme.py",
    ("README.md", "make test"): "by .ci/run, but for make bench",
    ("exact.md", '{"format": "QRCode"'): "not run: an answer, shown in part",
    ("exact.md", '{"receipts": [{"merchant"'): "not run: an answer, shown in part",
    ("money.md", "curl -o actual.csv"): HERE,
    ("money.md", "skip 1"): HERE,
    ("money.md", "from beancount.core"): "not run: by hand, as the page says; 12 packages more",
    ("operate.md", "useradd"): "not run: changes the machine",
    ("operate.md", "[Unit]"): HERE,
    ("operate.md", "systemctl stop"): HERE,
    ("operate.md", "git pull"): "not run: installs for a minute; by hand, as the page says",
    ("phone.md", "# make one"): HERE,
    ("phone.md", "nas.lan, 192.168.1.20 {"): HERE,
    ("providers.md", "llama-server -hf"): "not run: the page says so; loads 3 GB",
    ("providers.md", "LLAMA_CPP_BASE_URL"): HERE,
    ("providers.md", "LLAMA_CPP_MODEL=GLM"): HERE,
    ("proxies.md", "TRUSTED_PROXIES=1"): HERE,
    ("proxies.md", "limit_conn_zone"): PROXIES,
    ("proxies.md", "    location /receipts/"): PROXIES,
    ("proxies.md", "nas.lan {"): PROXIES,
    ("proxies.md", "labels:"): "not run: the page says so; no package of Traefik",
    ("receipts.md", "curl -X PATCH"): HERE,
    ("recipes.md", "CONTENT_EXTRACTION"): RECIPES,
    ("recipes.md", "shell_command:"): RECIPES,
    ("recipes.md", '{"nodes"'): RECIPES,
    ("watch.md", "WATCH_DIR"): HERE,
    ("watch.md", '    volumes: ["receipts:/data"'): HERE,
}


def fenced(text):
    return re.findall(r"(?ms)^```\w*\n(.*?)^```$", text)


def test_every_fenced_block_is_run_or_has_a_reason():
    pages = DOCS | {"README.md": (ROOT / "README.md").read_text("utf-8")}
    used = set()
    for page, text in pages.items():
        for block in fenced(text):
            known = {key for key in BLOCKS if key[0] == page and block.startswith(key[1])}
            assert known, f"{page} has a block that is not in BLOCKS: {block[:60]!r}"
            used |= {max(known, key=lambda key: len(key[1]))}
    assert set(BLOCKS) == used


def block(page, begin):
    return next(found for found in fenced(DOCS[page]) if found.startswith(begin))


def units():
    """The systemd units of docs/operate.md, by the name before each."""
    parts = re.split(r"`/etc/systemd/system/(\S+)`", OPERATE)[1:]
    texts = [re.search(r"```ini\n(.*?)```", part, re.S)[1] for part in parts[1::2]]
    return {name: unit(text) for name, text in zip(parts[::2], texts, strict=True)}


def unit(text):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read_string(text)
    return parsed


OPERATE = DOCS["operate.md"]


def test_the_unit_runs_what_make_serve_runs():
    service = units()["receipts.service"]["Service"]
    serve = re.search(r"(?m)^run serve:.*\n\t@(.*)$", (ROOT / "Makefile").read_text())[1]
    command = serve.replace("$(BIN)", ".venv/bin").replace("--host $(HOST) ", "")
    expected = command.replace("$(PORT)", "3000")
    assert service["ExecStart"] == f"{service['WorkingDirectory']}/{expected}"


@pytest.mark.slow
@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path):
    parts = re.split(r"`/etc/systemd/system/(\S+)`", OPERATE)[1:]
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        text = fenced(part)[0].replace("/opt/receipts/.venv/bin/python", sys.executable)
        (tmp_path / name).write_text(text.replace("User=receipts", "User=daemon"))
    command = ["systemd-analyze", "verify", *tmp_path.iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.slow
def test_the_nightly_backup_is_made_beside_the_server_and_can_be_restored(serve, tmp_path):
    server = serve()
    server.wait(server.upload(png(), "mistral"))
    line = re.search(r"ExecStart=(/bin/sh .*)", OPERATE)[1].replace("%%", "%")
    line = line.replace("/mnt/backups", str(tmp_path / "mnt"))
    line = line.replace(".venv/bin/flask", f"{sys.executable} -m flask --app tests.fakes")
    environ = {"DATA_DIR": str(server.data), "PATH": "/usr/bin:/bin"}
    subprocess.run(shlex.split(line), cwd=ROOT, env=environ, check=True, timeout=60)
    (backup,) = (tmp_path / "mnt").iterdir()
    assert re.fullmatch(r"receipts-\d{4}-\d\d-\d\d", backup.name)
    server.wait(server.upload(png((9, 9)), "mistral"))
    server.end(signal.SIGTERM)
    line = re.search(r"-- (.venv/bin/flask restore .*)", OPERATE)[1]
    line = re.sub(r"/mnt/backups/\S+", str(backup), line)
    line = line.replace(".venv/bin/flask", f"{sys.executable} -m flask --app tests.fakes")
    subprocess.run(shlex.split(line), cwd=ROOT, env=environ, check=True, timeout=60)
    with closing(sqlite3.connect(server.data / "receipts.db")) as connection:
        assert connection.execute("SELECT id FROM job").fetchall() == [(1,)]


@pytest.mark.slow
@needs("curl", "hledger")
def test_money_tools_get_their_files_and_hledger_reads_its_own(serve, tmp_path):
    server = serve()
    server.wait(server.upload(png(), "mistral"))
    receipt = requests.get(f"{server.url}/receipts/1", timeout=20).json()
    fields = {"merchant": "Café", "date": "2026-03-14", "total": 13.2, "currency": "EUR"}
    change = {"updatedAt": receipt["updatedAt"], "set": fields}
    assert requests.patch(f"{server.url}/receipts/1", json=change, timeout=20).ok
    commands = block("money.md", "curl").replace("localhost:3000", server.url)
    commands = commands.replace("curl ", "curl -fsS ")
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True, timeout=60)
    (tmp_path / "ledger.csv.rules").write_text(block("money.md", "skip 1"))
    command = re.search(r"`(hledger -f ledger.csv print)`", DOCS["money.md"])[1]
    printed = subprocess.run(
        shlex.split(command), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert printed.split("\n")[0] == "2026-03-14 (receipt-1) Café"
    assert re.findall(r"(?m)^ +(\S+) +(\S+)$", printed) == [
        ("assets:cash", "EUR-13.2"),
        ("expenses:unknown", "EUR13.2"),
    ]
    heads = [(tmp_path / f"{name}.csv").read_text()[:4] for name in ("actual", "firefly")]
    assert heads == ["Date", "date"]


@pytest.mark.slow
@needs("curl", "openssl", "caddy")
def test_a_phone_reaches_the_page_over_https_with_caddys_own_certificate(serve, tmp_path, proxies):
    env = dict(re.findall(r"(?m)^([A-Z_]+)=(\S+)", block("phone.md", "# make one")))
    secret = re.search(r"make one: (.*)", DOCS["phone.md"])[1]
    env["API_KEY"] = subprocess.check_output(shlex.split(secret), text=True).strip()
    server, port = serve(*PRODUCTION, **env, TRUSTED_PROXIES="1"), free_port()
    text = block("phone.md", "nas.lan").replace("127.0.0.1:3000", f"127.0.0.1:{server.port}")
    sites = f"https://nas.lan:{port}, https://127.0.0.1:{port} {{\n\tbind 127.0.0.1"
    text = text.replace("nas.lan, 192.168.1.20 {", sites)
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    (tmp_path / "Caddyfile").write_text(options + text)
    command = ["caddy", "run", "--config", tmp_path / "Caddyfile"]
    home = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    proxies.append(subprocess.Popen(command, env=home, stderr=subprocess.DEVNULL))
    root = tmp_path / re.search(r"/(caddy/pki/\S+root.crt)`", DOCS["phone.md"])[1]
    for host in ("nas.lan", "127.0.0.1"):
        ask = ["curl", "-sS", "--cacert", root, "--resolve", f"{host}:{port}:127.0.0.1"]
        address = f"https://{host}:{port}"
        until(lambda ask=ask, address=address: "<title>" in output([*ask, address]))
        assert "401" in output([*ask, f"{address}/receipts"])
        key = ["-H", f"Authorization: Bearer {env['API_KEY']}"]
        assert '"data"' in output([*ask, *key, f"{address}/receipts"])


def output(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


@pytest.mark.slow
@needs("curl")
def test_the_correction_that_is_shown_corrects(serve):
    server = serve()
    server.wait(server.upload(png(), "mistral"))
    (receipt,) = requests.get(f"{server.url}/receipts", timeout=20).json()["data"]
    command = block("receipts.md", "curl").replace("localhost:3000/receipts/7", "URL")
    command = command.replace("URL", f"{server.url}/receipts/1")
    command = re.sub(r'(?<="updatedAt": ")[^"]+', receipt["updatedAt"], command)
    answer = output(["bash", "-c", command])
    assert '"state":"confirmed"' in answer and '"total":13.2' in answer


def test_the_folder_of_a_container_is_mounted_where_it_is_watched():
    shown = yaml.safe_load(block("watch.md", "    volumes"))
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    (service,) = compose["services"].values()
    assert shown["volumes"][:-1] == service["volumes"]
    assert shown["volumes"][-1].split(":")[1] == shown["environment"]["WATCH_DIR"]


def test_the_page_of_vendors_names_variables_and_default_models_as_they_are():
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]", DOCS["providers.md"]))
    assert len(named) > 5 and named <= set(VARIABLES)
    defaults = set(re.findall(r"`([a-z0-9.-]+)`, the default", DOCS["providers.md"]))
    settings = Settings()
    models = {settings.gemini_model, settings.openai_model, settings.xai_model}
    assert defaults == models


def test_the_transcribers_of_the_page_of_vendors_are_known():
    shown = re.findall(r"(?m)^LLAMA_CPP_MODEL=(\S+)", DOCS["providers.md"])
    known = [part for name in shown for part in TRANSCRIBERS if part in name.lower()]
    assert known == list(TRANSCRIBERS)


def test_the_settings_that_docs_show_are_settings():
    for name in ("phone.md", "watch.md", "proxies.md", "providers.md"):
        for block in re.findall(r"```sh\n(.*?)```", DOCS[name], re.S):
            lines = re.findall(r"(?m)^([A-Z_]+)=(\S+)", block)
            assert read_settings(dict(lines)) is not None
            for variable, _ in lines:
                assert variable in (ROOT / ".env.example").read_text()


def test_every_link_between_the_pages_leads_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), (page.name, link)
