"""A recogniser's probabilities become text: Latin where it is unsure, Han and kana where sure."""

import numpy as np
import pytest

from engines import ctc

KNOWN = ctc.alphabet(["none", *"0123456789S$:x.TEL年月日合计次\uff1a\uffe5 "])
CHARACTERS = ["", *KNOWN.characters[1:]]


def read(*steps):
    """The text of steps, each a dict of characters and their probabilities; "" is none."""
    table = np.zeros((len(steps), len(CHARACTERS)))
    for row, step in zip(table, steps, strict=True):
        for character, probability in step.items():
            row[CHARACTERS.index(ctc.plain(character))] = probability
    return ctc.decode(table, KNOWN)


def surely(text):
    """Each character at .99, with nothing between two."""
    return [step for c in text for step in ({c: 0.99, "x": 0.01}, {"": 0.99})]


@pytest.mark.parametrize("text", ["2019年3月22日", "合计:3.00", "TEL 3", "合计"])
def test_sure_characters_of_any_script_are_kept(text):
    steps = [{" ": 0.9} if step == {" ": 0.99, "x": 0.01} else step for step in surely(text)]
    assert read(*steps)[0] == text


def test_full_width_signs_and_digits_become_plain_ones():
    assert [ctc.plain(c) for c in "\uff1a\uffe5\uff11\uff08年a"] == [":", "¥", "1", "(", "年", "a"]
    assert read(*surely("合计\uff1a3.00"))[0] == "合计:3.00"


def test_a_doubtful_character_among_latin_ones_is_read_as_the_likeliest_latin_one():
    found = read(*surely("2"), {"次": 0.6, "x": 0.3}, *surely("1.20"))
    assert found.text == "2x1.20"
    assert 0.8 < found.confidence < 0.9


def test_a_doubtful_line_of_another_script_stays_as_it_is():
    assert read({"合": 0.5, "x": 0.4}, {"计": 0.5, "x": 0.4})[0] == "合计"


def test_a_character_in_two_steps_is_one_and_two_are_parted_by_none():
    one, none = {"1": 0.9}, {"": 0.9}
    assert read(one, one)[0] == "1"
    assert read(one, none, one)[0] == "11"


def test_a_space_the_recogniser_hesitates_about_is_one():
    gap = {"": 0.6, " ": 0.35}
    assert read({"T": 0.9}, gap, {"E": 0.9})[0] == "T E"
    assert read({"T": 0.9}, gap | {" ": 0.2}, {"E": 0.9})[0] == "TE"
    assert read({"T": 0.9}, gap | {" ": 0.05}, {":": 0.9})[0] == "T :"


def test_nothing_is_read_from_none():
    assert read({"": 0.9}, {"": 0.9}) == ("", 0.0, ())


def test_the_places_of_doubtful_figures_are_told_and_of_no_other_characters():
    doubtful = [{"8": 0.5, "6": 0.4}, {"": 0.9}]
    steps = [*surely("T"), {" ": 0.9}, *surely("1"), *doubtful, *surely("."), *doubtful]
    assert read(*steps)[::2] == ("T 18.8", (3, 5))
    assert read({"T": 0.5, "L": 0.4}, {"": 0.9}, *surely("2"))[::2] == ("T2", ())
    assert read({"8": 0.5, "$": 0.3}, {"": 0.9}, *surely("1.20"))[::2] == ("$1.20", ())


@pytest.mark.parametrize(
    ("first", "rest", "text"),
    [
        ({"8": 0.6, "$": 0.3}, "97.74", "$97.74"),
        ({"8": 0.95, "$": 0.02}, "2.23", "$2.23"),
        ({"8": 0.99}, "97.74", "897.74"),
        ({"S": 0.99}, "93.58", "$93.58"),
        ({"8": 0.6, "$": 0.3}, "97", "897"),  # no price
        ({"S": 0.6, "$": 0.3}, "L1", "SL1"),
    ],
)
def test_a_price_begins_with_a_dollar_where_its_first_figure_may_be_one(first, rest, text):
    assert read(first, {"": 0.9}, *surely(rest))[0] == text
    assert read(*surely("x"), {" ": 0.9}, first, {"": 0.9}, *surely(rest))[0].startswith(
        "x " + text
    )
