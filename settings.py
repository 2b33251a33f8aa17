"""Reads settings from the environment."""

import time
from collections.abc import Mapping

Env = Mapping[str, str]


def setting(env: Env, name: str, default: int, least: int = 1) -> int:
    """A whole number of `least` or more from the environment. Raises ValueError naming it."""
    value = env.get(name, "").strip() or str(default)
    if not value.isascii() or not value.isdigit() or not least <= int(value) < 2**63:
        raise ValueError(f"{name} must be a whole number of {least} or more, not {value!r}")
    return int(value)


def deadline(env: Env) -> float:
    """When an execution that starts now must be over, on the clock of time.monotonic()."""
    return time.monotonic() + setting(env, "OCR_TIMEOUT_S", 300)
