"""Cuts an ONNX model before its last layer, and gives that layer's weights.

The package onnx can do so too, and takes 31 MB. An ONNX file is a protobuf message, whose encoding
is https://protobuf.dev/programming-guides/encoding/; the numbers of its fields are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from collections.abc import Iterator, Sequence
from typing import Any

GRAPH, METADATA = 7, 14  # of the model
NODE, INITIALIZER, OUTPUT = 1, 5, 12  # of the graph
NODE_OUTPUT = 2
VALUE_NAME = 1
KEY, VALUE = 1, 2  # of the metadata
DIMENSION, TENSOR_NAME, TENSOR_BYTES = 1, 8, 9
LENGTH = 2  # kind of a field written as its length and its bytes; the others here are numbers


def cut(model: bytes, tensor: str, constants: Sequence[str]) -> bytes:
    """The model up to the node that makes the tensor, which is then its only output.

    `constants` are those that no node needs any more.
    """
    names = [name.encode() for name in constants]
    parts = list(_fields(_graph(model)))
    made = [tensor.encode() in _all(node, NODE_OUTPUT) for node in _all(_graph(model), NODE)]
    nodes = [written for number, _, written in parts if number == NODE][: made.index(True) + 1]
    others = [
        written
        for number, content, written in parts
        if number not in (NODE, OUTPUT)
        and not (number == INITIALIZER and _all(content, TENSOR_NAME)[0] in names)
    ]
    output = _field(OUTPUT, _field(VALUE_NAME, tensor.encode()))
    rest = [written for number, _, written in _fields(memoryview(model)) if number != GRAPH]
    return b"".join([*rest, _field(GRAPH, b"".join([*nodes, *others, output]))])


def constant(model: bytes, name: str) -> Any:
    """The float32 array of that name. Raises StopIteration where the model has none."""
    import numpy as np

    tensors = _all(_graph(model), INITIALIZER)
    tensor = next(tensor for tensor in tensors if name.encode() in _all(tensor, TENSOR_NAME))
    (values,) = _all(tensor, TENSOR_BYTES)
    # A copy: numpy would make one at every product of an array that begins at an odd address.
    return np.frombuffer(values, "<f4").reshape(_all(tensor, DIMENSION)).copy()


def metadata(model: bytes) -> dict[str, str]:
    """What the model's authors wrote beside it."""
    entries = _all(memoryview(model), METADATA)
    pairs = (map(_all, (entry, entry), (KEY, VALUE)) for entry in entries)
    return {str(key, "utf-8"): str(value, "utf-8") for (key,), (value,) in pairs}


def _graph(model: bytes) -> Any:
    (graph,) = _all(memoryview(model), GRAPH)  # a view: the graph is all of the file's 20 MB
    return graph


def _all(message: Any, wanted: int) -> list[Any]:
    return [content for number, content, _ in _fields(message) if number == wanted]


def _fields(message: Any) -> Iterator[tuple[int, Any, Any]]:
    """Each field's number, its content, and the bytes that it is written in."""
    at = 0
    while at < len(message):
        start = at
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        end = at + value if key & 7 == LENGTH else at
        yield key >> 3, message[at:end] if key & 7 == LENGTH else value, message[start:end]
        at = end


def _varint(message: Any, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and where it ends."""
    value = shift = 0
    while message[at] > 127:
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | LENGTH) + _number(len(content)) + content


def _number(value: int) -> bytes:
    return bytes([value & 127 | 128]) + _number(value >> 7) if value > 127 else bytes([value])
