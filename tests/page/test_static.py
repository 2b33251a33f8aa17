"""What the page loads stays small, and none of its rules is for something that is gone."""

import re

from tests.conftest import ROOT

STATIC = ROOT / "static"
SUFFIXES = {".js", ".css", ".html", ".webmanifest"}


def text_of(*patterns):
    return "".join(path.read_text("utf-8") for name in patterns for path in ROOT.glob(name))


def test_the_page_has_at_most_4000_lines():
    files = [path for path in STATIC.rglob("*") if path.suffix in SUFFIXES]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 4000


def test_no_line_of_a_module_is_longer_than_120_characters():
    lines = text_of("static/*.js").splitlines()
    drawn = re.compile(r'^ +"M')  # the path of an icon
    assert [line for line in lines if len(line) > 120 and not drawn.match(line)] == []


def test_every_class_and_id_with_a_rule_is_on_the_page():
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", "", text_of("static/page.css"), flags=re.S)
    names = set(re.findall(r"[.#]([a-zA-Z][\w-]*)", selectors))
    code = text_of("static/*.js", "static/*.html", "templates/*.html")
    made = {"icon-running", "field-items"}  # by icon("running") and by the name of a field
    unused = names - set(re.findall(r"[\w-]+", code))
    assert unused == made, "remove the rules of the others from static/page.css"
