"""Each word of each file of fields/lexicon is understood; each language has a receipt."""

import json
from itertools import combinations

import pytest

from fields.labels import TOPICS, plain, topics
from fields.lexicon import COUNTRIES, LANGUAGES, words
from fields.receipt import read_receipt
from fields.text import rows_from_text
from result import OcrResult, ocr_data
from tests.conftest import ROOT

FILES = LANGUAGES | COUNTRIES
RECEIPTS = ROOT / "tests/fields/receipts"


def entries(section):
    """(file, key, word) of each word in this section of any file, misread ones too."""
    for name, file in FILES.items():
        part = dict(file.get(section, {}))
        for kind in (part.pop("misread", {}), part):
            yield from ((name, key, word) for key, listed in kind.items() for word in listed)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_receipt_of_each_language_is_read(name):
    rows = rows_from_text((RECEIPTS / f"{name}.txt").read_text("utf-8"))
    found = json.loads(ocr_data(OcrResult("", "", (), read_receipt(rows), "")))["receipt"]
    wanted = json.loads((RECEIPTS / f"{name}.json").read_text("utf-8"))
    assert {key: value for key, value in found.items() if value} == wanted


def test_a_topic_is_found_by_each_of_its_words():
    assert {key for _, key, _ in entries("topics")} == set(TOPICS)
    lost = [entry for entry in entries("topics") if entry[1] not in topics(entry[2].lower())]
    assert lost == []


def test_no_word_has_two_topics_but_those_of_the_whole_sum():
    phrases = {topic: set(map(plain, words("topics", topic))) for topic in TOPICS}
    for one, other in combinations(TOPICS, 2):
        if (one, other) != ("total", "grand"):
            assert phrases[one] & phrases[other] == set()


def test_no_file_has_a_key_that_no_rule_asks_for():
    assert {key for _, key, _ in entries("labels")} == {"ordinary", "beside", "short"}
