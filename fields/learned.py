"""Probabilities that were learned from labelled receipts. Pure, but for its file read at import.

`python -m bench.train` writes weights.json: for each question a list of trees. A leaf is a number,
a node `[feature, limit, at most limit, above]`; the leaves of all trees add up to the log-odds.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Features = Mapping[str, float]

WEIGHTS: dict[str, Any] = json.loads(Path(__file__).with_name("weights.json").read_text("utf-8"))


def probability(question: str, features: Features) -> float:
    """How probable it is that the answer is yes, 0 to 1."""
    return chance(sum(_leaf(tree, features) for tree in WEIGHTS[question]))


def chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def log_odds(chance: float) -> float:
    return math.log(max(chance, 1e-9) / max(1 - chance, 1e-9))


def _leaf(node: Any, features: Features) -> float:
    while type(node) is list:
        node = node[2] if features[node[0]] <= node[1] else node[3]
    return float(node)
