"""JSON of any shape is parsed into what can be stored, and searched without an error."""

import pytest

from providers.json_answer import dig, dig_list, parse, without_images


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        (rb'{"\ud800": "\udfffx\ud83d\ude00"}', {"\ufffd": "\ufffdx😀"}),
        (b"\xff", None),
        (b"<html>", None),
        (b"", None),
        (b"[" * 100_000, None),
        (b"[" * 66 + b"]" * 66, None),
        (b"9" * 5000, None),
    ],
)
def test_whatever_is_parsed_can_be_stored(data, value):
    assert parse(data) == value


def test_digging_finds_nothing_where_the_shape_is_another():
    assert dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    for other in (None, [], {}, "a", {"a": {}}, {"a": []}, {"a": [1]}):
        assert dig(other, "a", 0, "b") is None
        assert dig_list(other, "a", 0, "b") == []


def test_a_picture_sent_back_is_not_kept():
    answer = {"image": "data:image/png;base64,iVBORw0K", "b": ["/9j/4AAQ" * 200, "text"]}
    assert without_images(answer) == {"image": "[image]", "b": ["[image]", "text"]}
