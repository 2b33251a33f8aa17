"""Probabilities that were learned from labelled receipts. Pure, but for its file read at import.

`python -m bench.train` writes weights.json: for each question a list of trees. A leaf is a number,
a node `[feature, limit, at most limit, above]`; the leaves of all trees add up to the log-odds.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Features = Mapping[str, float]
FIRST = 30  # trees
FAR_BEHIND = 2.5  # log-odds

WEIGHTS: dict[str, Any] = json.loads(Path(__file__).with_name("weights.json").read_text("utf-8"))


def probabilities(question: str, candidates: Sequence[Features]) -> list[float]:
    """How probable it is of each candidate that the answer is yes, 0 to 1.

    The first trees choose those that the others look at: all trees for all take five times as long.
    """
    first, others = WEIGHTS[question][:FIRST], WEIGHTS[question][FIRST:]
    odds = [_sum(first, features) for features in candidates]
    least = max(odds, default=0.0) - FAR_BEHIND
    return [
        chance(sum_ if sum_ < least else sum_ + _sum(others, features))
        for sum_, features in zip(odds, candidates, strict=True)
    ]


def against(chance: float, others: Iterable[float]) -> float:
    """The chance of a candidate that is alone right: of two at 0.9 each is right at 0.47."""
    odds = [math.exp(log_odds(one)) for one in (chance, *others)]
    return odds[0] / (1 + sum(odds))


def chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def log_odds(chance: float) -> float:
    return math.log(max(chance, 1e-9) / max(1 - chance, 1e-9))


def _sum(trees: Sequence[Any], features: Features) -> float:
    odds = 0.0
    for node in trees:
        while type(node) is list:
            node = node[2] if features[node[0]] <= node[1] else node[3]
        odds += node
    return odds
