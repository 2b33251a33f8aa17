"""What the page says stands in static/words/, alike in every language."""

import json
import re

import pytest

from tests.conftest import ROOT

STATIC = ROOT / "static"
STRING = r'"(?:[^"\\]|\\.)*"'
LANGUAGES = sorted(path.stem for path in (STATIC / "words").glob("*.js"))


def words(language):
    """The object that the file exports: a text, or one for each plural form, by name."""
    text = (STATIC / f"words/{language}.js").read_text("utf-8").partition("export default")[2]
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    text = re.sub(rf"({STRING})|(\w+)(?=:)", lambda at: at[1] or f'"{at[2]}"', text)
    return json.loads(re.sub(r",(\s*})", r"\1", text).rstrip(";\n"))


def places(text):
    """The {names} in a text, whatever their order."""
    forms = text.values() if isinstance(text, dict) else [text]
    return [set(re.findall(r"{\w+}", form)) for form in forms]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_all_that_english_says_with_the_same_values(language):
    english, own = words("en"), words(language)
    assert list(own) == list(english)
    for name, text in own.items():
        assert all(found == places(english[name])[-1] for found in places(text)), name


def test_every_word_that_is_asked_for_exists_and_every_word_is_asked_for():
    paths = [STATIC / "index.html", *STATIC.glob("*.js")]
    code = "".join(path.read_text("utf-8") for path in paths)
    asked = set(re.findall(r'\bsay\(\s*"(\w+)"|data-say(?:-label)?="(\w+)"', code))
    asked = {name for pair in asked for name in pair if name}
    assert asked - set(words("en")) == set()
    mentioned = set(re.findall(r"\w+", code))
    assert {name for name in words("en") if "." not in name} - mentioned == set()
