"""What docs/ tells to type and to write into files holds; recipes have tests of their own."""

import configparser
import re
import shlex
import subprocess
import sys

import pytest

from providers.llama import TRANSCRIBERS
from settings import VARIABLES, Settings, read_settings
from tests.conftest import ROOT
from tests.fakes import png

DOCS = {path.name: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}


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
    serve = re.search(r"(?m)^serve:.*\n\t(.*)$", (ROOT / "Makefile").read_text())[1]
    command = serve.replace("$(BIN)", ".venv/bin").replace("--host $(HOST) ", "")
    expected = command.replace("$(PORT)", "3000")
    assert service["ExecStart"] == f"{service['WorkingDirectory']}/{expected}"


@pytest.mark.slow
def test_the_nightly_backup_is_made_beside_the_server(serve, tmp_path):
    server = serve()
    server.wait(server.upload(png(), "mistral"))
    line = re.search(r"ExecStart=(/bin/sh .*)", OPERATE)[1].replace("%%", "%")
    line = line.replace("/mnt/backups", str(tmp_path / "mnt"))
    line = line.replace(".venv/bin/flask", f"{sys.executable} -m flask --app tests.fakes")
    environ = {"DATA_DIR": str(server.data), "PATH": "/usr/bin:/bin"}
    subprocess.run(shlex.split(line), cwd=ROOT, env=environ, check=True, timeout=60)
    (backup,) = (tmp_path / "mnt").iterdir()
    assert re.fullmatch(r"receipts-\d{4}-\d\d-\d\d", backup.name)
    assert (backup / "receipts.db").is_file()


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
