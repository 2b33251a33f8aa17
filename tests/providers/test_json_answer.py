"""JSON of any shape is parsed into what can be stored, and searched without an error."""

import json

import pytest

from engines.decoder import Jpeg
from providers import paddle_api_answer, textract_answer
from providers.json_answer import dig, dig_list, dig_number, parse, without_images
from tests.providers.contract import CAFE


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
        (b'{"a": %s, "b": 2}' % (b"9" * 5000), {"a": None, "b": 2}),
    ],
)
def test_whatever_is_parsed_can_be_stored(data, value):
    assert parse(data) == value


def test_digging_finds_nothing_where_the_shape_is_another():
    assert dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    for other in (None, [], {}, "a", {"a": {}}, {"a": []}, {"a": [1]}):
        assert dig(other, "a", 0, "b") is None
        assert dig_list(other, "a", 0, "b") == []
        assert dig_number(other, "a", 0, "b") is None
    assert dig_number({"a": [2.5, True, "2"]}, "a", 0) == 2.5
    assert dig_number([True], 0) is dig_number(["2"], 0) is None


@pytest.mark.parametrize("confidence", ["NaN", "Infinity", "1E+9999999", "null", '"high"', "[]"])
def test_a_confidence_that_is_no_number_does_not_cost_a_billed_answer(confidence):
    words = json.dumps(CAFE).replace("0.99", confidence)
    read = paddle_api_answer.read_results(
        [parse(words)], Jpeg(b"", (480, 360), 480, 360), model="m", raw=None
    )
    assert (read.text, read.pages[0].lines[0].confidence) == ("CORNER CAFE", 0)
    value = f'{{"Text": "3.70", "Confidence": {confidence}}}'
    words = f'[{{"SummaryFields": [{{"Type": {{"Text": "TOTAL"}}, "ValueDetection": {value}}}]}}]'
    receipt = textract_answer.read_answer({"ExpenseDocuments": parse(words)}, (480, 360)).receipt
    assert (str(receipt.total), receipt.warnings) == ("3.70", ("low_confidence",))


def test_a_picture_sent_back_is_not_kept():
    answer = {"image": "data:image/png;base64,iVBORw0K", "b": ["/9j/4AAQ" * 200, "text"]}
    assert without_images(answer) == {"image": "[image]", "b": ["[image]", "text"]}
