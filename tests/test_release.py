"""The release has one number, and every file that repeats it or a tool's version agrees."""

import logging
import re
from importlib.metadata import metadata

import yaml

from server import docs
from tests.conftest import ROOT
from tests.test_pins import closure, lines


def test_the_newest_entry_of_the_changelog_is_this_release():
    released = re.findall(
        r"(?m)^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8")
    )
    assert released[0] == docs.version()


def test_the_log_says_at_the_start_which_release_this_is(make_app, caplog):
    with caplog.at_level(logging.INFO):
        make_app()
    assert f"Open Receipt OCR {docs.version()}\n" in caplog.text


def test_the_hook_before_commits_runs_the_ruff_that_is_pinned():
    (hooks,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    pinned = re.search(r"(?m)^ruff==(\S+)", (ROOT / "requirements-dev.txt").read_text())
    assert hooks["rev"] == f"v{pinned[1]}"


def test_the_workflow_runs_what_runs_here():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert [job["steps"][-1]["run"] for job in jobs.values()] == [".ci/run"]


def test_each_package_that_is_installed_has_its_own_licence_in_the_table():
    text = (ROOT / "docs/licences.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| ([a-z][\w, -]*) \| ([A-Z]+)", text)
    listed = {name: licence for names, licence in rows for name in names.split(", ")}
    for name in sorted(closure(lines("requirements.txt"))):
        about = metadata(name)
        own = [about.get("License-Expression"), about.get("License"), *classifiers(about)]
        words = {"ZPL": "ZPL", "PSF": "PSF|Python Software", "MPL": "MPL"}
        licence = listed.get(name)
        assert licence, f"{name} is not in docs/licences.md: {own}"
        assert re.search(words.get(licence, licence), " ".join(filter(None, own)), re.I), name
    optional = lines("requirements-openvino.txt") + lines("requirements-llama.txt")
    assert {requirement.name for requirement in optional} <= set(listed)


def classifiers(about):
    return [line for line in about.get_all("Classifier") or () if line.startswith("License")]
