"""An ONNX model is cut before its last layer, whose weights come as an array."""

import numpy as np
import onnxruntime
import pytest

from engines import onnx_file, paddle_models
from engines.runtimes import onnx_network


def test_a_cut_model_ends_at_the_tensor_and_leaves_out_what_comes_after():
    whole = paddle_models.weights(paddle_models.DET_FILE).read_bytes()
    cut = onnx_file.cut(whole, paddle_models.LOG_ODDS, ())
    picture = np.random.default_rng(1).random((1, 3, 64, 32), "float32")
    outputs, probabilities = onnx_network(cut)(picture), onnx_network(whole)(picture)
    assert np.allclose(1 / (1 + np.exp(-outputs)), probabilities, atol=1e-5)


def test_the_weights_of_the_last_layer_are_left_out_and_given():
    whole = paddle_models.weights(paddle_models.REC_FILE).read_bytes()
    weights, bias = (onnx_file.constant(whole, name) for name in paddle_models.LAST_LAYER)
    assert weights.flags.aligned and bias.flags.aligned
    assert weights.shape == (120, 18710) and bias.shape == (18710,)
    cut = onnx_file.cut(whole, paddle_models.FEATURES, paddle_models.LAST_LAYER)
    assert len(whole) - len(cut) == pytest.approx(weights.nbytes + bias.nbytes, rel=0.01)


def test_the_characters_are_those_that_onnx_runtime_finds():
    path = paddle_models.weights(paddle_models.REC_FILE)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert onnx_file.metadata(path.read_bytes()) == session.get_modelmeta().custom_metadata_map


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31])
def test_a_number_is_read_as_it_is_written(value):
    written = onnx_file._number(value)
    assert onnx_file._varint(written + b"\x05", 0) == (value, len(written))
