"""CONTRIBUTING.md names files that exist and fits on one page."""

import re

import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
NAMED = re.findall(r"`([\w./-]+(?:\.\w+|/))`", TEXT)
TREE = re.findall(r"(?:^|  )([a-z]+(?:\.py|/)) ", TEXT, re.M)


@pytest.mark.parametrize("name", sorted({*NAMED, *TREE}))
def test_a_file_it_names_exists(name):
    assert (ROOT / name).exists()


def test_its_tree_has_every_part_of_the_service():
    parts = {path.name for path in ROOT.glob("*.py")}
    parts |= {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")} - {"tests/"}
    assert parts <= set(TREE)


def test_it_stays_one_page():
    assert len(TEXT.splitlines()) <= 100
