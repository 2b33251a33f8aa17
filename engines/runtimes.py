"""Runs networks: on ONNX Runtime, or on OpenVINO where that is faster on this processor.

With AVX-512, OpenVINO takes 0.29 of the CPU time of ONNX Runtime to find rows, and 1.04 to 1.10 of
it to read them. On an AMD with AVX2 alone it takes 1.06, and 1.06 to 1.25. The boxes are the same.
"""

import importlib.util
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")

Network = Callable[[Any], Any]  # from an array of pictures to the array of what it makes of them


def detector_network(onnx: bytes) -> Network:
    """The network that finds rows, on what is faster here; from the bytes of an ONNX file."""
    return openvino_network(onnx) if detects_on_openvino() else onnx_network(onnx)


def detects_on_openvino(cpuinfo: Path = CPUINFO) -> bool:
    """Whether OpenVINO is installed, and faster at the detector on this processor."""
    with suppress(OSError):  # there is none on macOS
        if "avx512f" in cpuinfo.read_text("utf-8"):
            return importlib.util.find_spec("openvino") is not None
    return False


def runs_on(cpuinfo: Path = CPUINFO) -> str:
    """What runs our own models here, in words."""
    onnx_runtime = f"ONNX Runtime {version('onnxruntime')}"
    openvino = f"OpenVINO {version('openvino')}" if detects_on_openvino(cpuinfo) else ""
    return f"detector on {openvino or onnx_runtime}, recogniser on {onnx_runtime}"


def onnx_network(onnx: bytes | str) -> Network:
    """The network on ONNX Runtime, in one thread: two are slower when every core has its worker."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return lambda pictures: session.run(None, {session.get_inputs()[0].name: pictures})[0]


def openvino_network(onnx: bytes) -> Network:
    """The network on OpenVINO, in one thread, and not in bfloat16 on AMX: docs/limits.md says why.

    What it prepares for each size of picture is not kept: for 24 sizes that is 200 MB, and no time.
    """
    import openvino

    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    options |= {"CPU_RUNTIME_CACHE_CAPACITY": 0}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(onnx), "CPU", options)
    return lambda pictures: compiled([pictures])[0]
