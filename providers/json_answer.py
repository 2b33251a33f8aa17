"""Parses a vendor's JSON and finds values in it, whatever its shape. Pure."""

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

MAX_DIGITS = 300  # of a whole number; int() itself refuses 4,301
MAX_DEPTH = 64  # no known vendor's answer is nested deeper than 15
_IMAGE = re.compile(r"data:[\w/+.-]*;base64,[\w+/=-]*|[A-Za-z0-9+/_-]{1000,}={0,2}")


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _short(digits: str) -> int | None:
    return int(digits) if len(digits) < MAX_DIGITS else None


def parse(data: bytes | bytearray | str, number: Callable[[str], object] = _finite) -> object:
    """The JSON value, fit to be stored; None if it is none or is nested too deep.

    `number` makes the numbers that have a point or an exponent.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
        value = json.loads(
            text, parse_float=number, parse_int=_short, parse_constant=lambda _: None
        )
        return _storable(value)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _storable(value: object, depth: int = 0) -> object:
    """The value with lone surrogates (JSON can hold them, UTF-8 cannot) replaced."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {str(_storable(k)): _storable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_storable(v, depth + 1) for v in value]
    return value


def dig(value: object, *path: str | int) -> Any:
    """What is at `path` of a parsed answer; None where the answer is not of that shape."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def dig_number(value: object, *path: str | int) -> float | None:
    """The number at `path`; None where there is none, as for NaN."""
    found = dig(value, *path)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def dig_list(value: object, *path: str | int) -> list[Any]:
    """The list at `path`; an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def dig_objects(value: object, *path: str | int) -> list[dict[str, Any]]:
    """The JSON objects in the list at `path`."""
    return [part for part in dig_list(value, *path) if isinstance(part, dict)]


def without_images(value: object) -> object:
    """An answer without the pictures that some vendors send back."""
    if isinstance(value, str):
        return _IMAGE.sub("[image]", value)
    if isinstance(value, dict):
        return {name: without_images(part) for name, part in value.items()}
    return [without_images(part) for part in value] if isinstance(value, list) else value
