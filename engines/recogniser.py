"""Reads rows of text with PP-OCR's recogniser, whose last layer is computed here.

That layer has an output for each of 18,710 characters, and 693 of them are Latin. Where no other
can be meant only these are computed, which takes a fifth off the time of a row (with AVX-512).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from engines import ctc

# A step is taken for Latin if its output for the likeliest Latin character, or for "none", is this
# or more. Each of 396 rows drawn in Chinese and Japanese has a step below it. So have receipts in
# Latin letters, 1.4 % of 100,000 steps; what is below is compared with all characters.
SURELY_LATIN = 15
LESS_LIKELY = 3  # by a factor of exp(3), and so of no weight in a probability

# From a row, 1 x 3 x 48 x width, to its probabilities, steps x characters, and their meaning.
Recogniser = Callable[[Any], tuple[Any, ctc.Alphabet]]


class Layer(NamedTuple):
    """The last layer, for all characters or for some."""

    weights: Any  # features x characters
    bias: Any
    known: ctc.Alphabet


def recogniser(run: Callable[[Any], Any], last: Layer) -> Recogniser:
    """`run` is the network before its last layer: from rows to rows x steps x features."""
    import numpy as np

    latin = last.known.latin
    characters = [last.known.characters[number] for number in latin]
    weights = np.ascontiguousarray(last.weights[:, latin])
    latin_only = Layer(weights, last.bias[latin], ctc.alphabet(characters))

    def recognise(row: Any) -> tuple[Any, ctc.Alphabet]:
        features = run(row)[0]
        outputs = _outputs(features, latin_only)
        if _may_have_others(features, outputs.max(1), last):
            return _softmax(_outputs(features, last)), last.known
        return _softmax(outputs), latin_only.known

    return recognise


def _may_have_others(features: Any, latin: Any, last: Layer) -> bool:
    """Whether at some step another character comes near the likeliest of `latin`."""
    import numpy as np

    unsure = latin < SURELY_LATIN
    others = _outputs(features[unsure], last)
    others[:, last.known.latin] = -np.inf
    return bool((others.max(1) > latin[unsure] - LESS_LIKELY).any())


def _outputs(features: Any, layer: Layer) -> Any:
    return features @ layer.weights + layer.bias


def _softmax(outputs: Any) -> Any:
    import numpy as np

    powers = np.exp(outputs - outputs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
