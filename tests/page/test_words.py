"""What the page says stands in static/words/, alike in every language."""

import json
import re

import pytest

from result import ERRORS, PRINTED, WARNINGS, camel_name
from tests.conftest import ROOT

STATIC = ROOT / "static"
STRING = r'"(?:[^"\\]|\\.)*"'
NOT_SAID = {  # keys of the keyboard, headers, ids, and the name
    *("Escape", "Enter", "Files", "Bearer ", "Retry-After", "Content-Type", "X-Name"),
    *("Idempotency-Key", "input-error", "input-about", " · Open Receipt OCR", "icon-"),
}
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


def words_of_fields():
    """The names by which the page looks up what each field of a receipt is called."""
    code = (STATIC / "fields.js").read_text("utf-8")
    said_as = dict(re.findall(r'(\w+): "(\w+)"', re.search(r"const WORDS = {.*?};", code, re.S)[0]))
    return {said_as.get(name, name) for name in (camel_name(field.name) for field in PRINTED)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_all_words_of_english_and_of_the_fields(language):
    """English may leave out a field: the page then says its name."""
    english, own = set(words("en")), set(words(language))
    wanted = english if language == "en" else english | words_of_fields()
    assert wanted - own == set(), f"add these to static/words/{language}.js"
    assert own - wanted == set(), f"nothing says these: remove them in static/words/{language}.js"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_order_and_the_values_of_english(language):
    english, own = words("en"), words(language)
    edit = f"edit static/words/{language}.js"
    assert [name for name in own if name in english] == list(english), f"{edit}: order as in en.js"
    for name in english:
        wanted = places(english[name])[-1]
        assert all(found == wanted for found in places(own[name])), f"{edit}: {name}"


def test_every_error_and_warning_has_its_sentence():
    wanted = {f"error.{code}" for code in ERRORS} | {f"warning.{name}" for name in WARNINGS}
    found = {name for name in words("en") if name.startswith(("error.", "warning."))}
    assert found == wanted, "static/words/*.js have a sentence for each of result.py, and no other"


def test_every_word_that_is_asked_for_exists_and_every_word_is_asked_for():
    paths = [STATIC / "index.html", *STATIC.glob("*.js")]
    code = "".join(path.read_text("utf-8") for path in paths)
    asked = set(re.findall(r'\bsay\(\s*"(\w+)"|data-say(?:-label)?="(\w+)"', code))
    asked = {name for pair in asked for name in pair if name}
    assert asked - set(words("en")) == set(), "add these to each of static/words/*.js"
    fields = re.findall(r"\w+(?=:)", (STATIC / "fields.js").read_text("utf-8"))
    mentioned = {*fields, *re.findall(r'"([\w.]+)"', code), *re.findall(r"`(\w+\.)\$", code)}
    unused = {name for name in words("en") if not {name, name.split(".")[0] + "."} & mentioned}
    assert unused == set(), "remove these from each of static/words/*.js"


def texts_of(code):
    """The literals of a module, without what stands in ${} and without comments."""
    code = re.sub(r"^\s*(//|\*|/\*).*$|\s// .*$", "", code, flags=re.M)
    code = re.sub(r"^import .*?;$", "", code, flags=re.M | re.S)
    code = re.sub(r"(?<=[(=,]) ?/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\n\\])+/", "", code)  # patterns
    templates = [re.sub(r"\$\{[^{}]*\}", "", text) for text in re.findall(r"`([^`]*)`", code)]
    return [text[1:-1] for text in re.findall(STRING, code)] + templates


def is_prose(text):
    """Whether it has a word with a capital, or two words side by side, and is no class."""
    names = set(re.findall(r"\.([a-z][\w-]*)", (STATIC / "page.css").read_text("utf-8")))
    if set(text.split()) <= names | NOT_SAID:
        return False
    return bool(re.search(r"\b[A-Z][a-z]+\b|[a-z] [a-z]", text)) and text not in NOT_SAID


def test_no_module_says_a_word_of_its_own():
    found = {
        (path.name, text)
        for path in STATIC.glob("*.js")
        for text in texts_of(path.read_text("utf-8"))
        if is_prose(text)
    }
    assert found == set(), "put these texts into static/words/*.js and say() them by name"


def test_the_page_itself_says_only_its_name_and_that_it_needs_javascript():
    html = re.sub(r"<noscript>.*?</noscript>", "", (STATIC / "index.html").read_text("utf-8"))
    said = {text.strip() for text in re.findall(r">([^<]+)<", html)} - {""}
    assert said == {"Open Receipt OCR"}


def test_a_made_up_sentence_would_be_found():
    code = (
        'h("p", { class: "small" }, "Not a word"); h("b", {}, `and ${n} more words`); // No one\n'
    )
    assert [text for text in texts_of(code) if is_prose(text)] == ["Not a word", "and  more words"]
