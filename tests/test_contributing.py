"""CONTRIBUTING.md names files that exist and fits on one page."""

import re

from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
NAMED = re.findall(r"`([\w./-]+(?:\.\w+|/))`", TEXT)
TREE = re.findall(r"(?:^|  )([a-z]+(?:\.py|/)) ", TEXT, re.M)


def test_each_file_it_names_exists():
    assert len(NAMED) > 20
    missing = [name for name in (*NAMED, *TREE) if not (ROOT / name).exists()]
    assert missing == [], "CONTRIBUTING.md names what is not there"


def test_its_tree_has_every_part_of_the_service():
    parts = {path.name for path in ROOT.glob("*.py")}
    parts |= {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")} - {"tests/"}
    assert parts <= set(TREE), "add the part to the tree at the top of CONTRIBUTING.md"


def test_it_stays_one_page():
    assert len(TEXT.splitlines()) <= 100
