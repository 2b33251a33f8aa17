"""Which library runs the models here, and that both find the same."""

import numpy as np
import pytest
from PIL import Image

from engines import paddle_models, runtimes
from engines.detector import find
from tests.conftest import ROOT
from tests.fakes import drawn


@pytest.mark.parametrize("flags", ["fma avx avx2", "avx2 avx512f amx_bf16", None])
def test_the_detector_runs_on_openvino_where_the_processor_has_avx_512(tmp_path, flags):
    cpuinfo = tmp_path / "cpuinfo"
    if flags:  # macOS has no such file
        cpuinfo.write_text(f"model name\t: A processor\nflags\t\t: fpu {flags}\n")
    has_avx_512 = "avx512f" in (flags or "")
    assert runtimes.detects_on_openvino(cpuinfo) == has_avx_512
    detector, recogniser = runtimes.runs_on(cpuinfo).split(", ")
    assert ("OpenVINO" in detector, "ONNX Runtime" in recogniser) == (has_avx_512, True)


@pytest.mark.slow
def test_boxes_are_those_of_the_whole_network_whose_last_step_is_left_out_here():
    whole = runtimes.detector_network(paddle_models.weights(paddle_models.DET_FILE).read_bytes())
    cut = paddle_models.load("", "").detector
    thresholds = dict(
        zip(("min_pixel", "min_piece", "growth"), paddle_models.THRESHOLDS, strict=True)
    )
    wanted = cut._replace(run=whole, probability=np.asarray, **thresholds)
    picture = np.asarray(Image.open(ROOT / "samples/receipt.jpg").convert("RGB"))[:, :, ::-1]
    assert np.array_equal(find(cut, picture, 1280), find(wanted, picture, 1280))


@pytest.mark.slow
def test_the_detector_finds_the_same_boxes_on_openvino():
    """Where it does not pay too, so that this is tested on every processor."""
    model = paddle_models.detector_model()
    detector = paddle_models.load("", "").detector
    ours = detector._replace(run=runtimes.openvino_network(model))
    theirs = detector._replace(run=runtimes.onnx_network(model))
    for image in (drawn(), Image.open(ROOT / "samples/receipt.jpg").convert("RGB")):
        picture = np.asarray(image)[:, :, ::-1]
        found, wanted = (find(each, picture, 1280) for each in (ours, theirs))
        assert len(wanted) >= 5
        assert np.allclose(found, wanted, atol=1)  # pixels: sums are rounded in another order
