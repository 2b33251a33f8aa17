"""The release has one number, and every file that repeats it or a tool's version agrees."""

import logging
import re

import yaml

from server import docs
from tests.conftest import ROOT


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


def test_every_requirement_has_its_licence_listed():
    listed = (ROOT / "docs/licences.md").read_text("utf-8").lower()
    required = re.findall(r"(?m)^([a-z][\w-]*)==", (ROOT / "requirements.txt").read_text("utf-8"))
    assert [name for name in required if name not in listed] == []
