"""The recogniser's last layer, computed here, gives what the whole network gives."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from engines import ctc, onnx_file, paddle_models
from engines.recogniser import SURELY_LATIN, Layer, recogniser
from engines.runtimes import onnx_network

KNOWN = ctc.alphabet(["none", "A", "次", "B", "计", " "])
A, OTHER, B = 1, 2, 3


def drawn_row(text):
    """As a recogniser sees a row: 1 x 3 x LINE_HEIGHT x width, from -1 to 1."""
    row = Image.new("RGB", (400, paddle_models.LINE_HEIGHT), "white")
    ImageDraw.Draw(row).text((6, 4), text, "black", ImageFont.load_default(32))
    return (np.asarray(row).transpose(2, 0, 1).astype("float32") / 127.5 - 1)[None]


def read(*steps):
    """The probabilities of steps, each given as the last layer's outputs by index."""
    outputs = np.zeros((len(steps), len(KNOWN.characters)), "float32")
    for row, step in zip(outputs, steps, strict=True):
        row[list(step)] = list(step.values())
    identity = Layer(np.eye(len(KNOWN.characters), dtype="float32"), 0 * outputs[0], KNOWN)
    return recogniser(lambda row: outputs[None], identity)(None)


@pytest.mark.slow
def test_a_row_has_the_probabilities_that_the_whole_network_gives():
    model = paddle_models.weights(paddle_models.REC_FILE).read_bytes()
    characters = onnx_file.metadata(model)["character"].splitlines()
    row = drawn_row("TOTAL 13.20 EUR")
    probabilities, known = paddle_models.load("", "").recogniser(row)
    wanted = onnx_network(model)(row)[0]
    assert len(known.characters) < 1000 < wanted.shape[1] == len(characters) + 2
    latin = ctc.alphabet(["blank", *characters, " "]).latin
    assert np.allclose(probabilities, wanted[:, latin], atol=0.02)


def test_a_row_that_is_surely_latin_is_read_among_latin_characters_alone():
    probabilities, known = read({A: SURELY_LATIN + 3}, {B: SURELY_LATIN + 1})
    assert known.characters == ["none", "A", "B", " "]
    assert ctc.decode(probabilities, known)[0] == "AB"
    assert probabilities.sum(1) == pytest.approx(1)


def test_a_row_with_a_likelier_other_character_is_read_among_all():
    probabilities, known = read({A: SURELY_LATIN + 3}, {A: 5, OTHER: 12})
    assert known is KNOWN
    assert probabilities[1, OTHER] > 0.99


def test_a_doubtful_latin_character_has_the_confidence_it_has_among_all():
    probabilities, known = read({A: 5, OTHER: 4.5})
    assert known is KNOWN
    assert probabilities[0, A] == pytest.approx(np.exp(5) / (np.exp([5, 4.5]).sum() + 4))


def test_a_doubtful_character_that_no_other_comes_near_stays_latin():
    assert read({A: 9, OTHER: 2})[1].characters == ["none", "A", "B", " "]
