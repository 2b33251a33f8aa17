"""Finds the pieces of text of a picture with PP-OCR's detector.

Its network gives the probability of each pixel to lie inside a piece of text, or rather in the
middle of one, so that neighbours stay apart: https://arxiv.org/abs/1911.08947 ("DB"). What is done
before and after is what paddlex 3.7.2 does (inference/models/text_detection/processors.py), but
that it loses rows on curved paper.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

MOST_PIECES = 1000
LEAST_PIXELS = 3  # the short side of a piece, in the picture that the network sees
MIN_CURVED_PIECE = 0.9  # least mean in the outline: curved rows have .91 to .96, noise .3 to .9
STEP = 32  # the sides of that picture are multiples of it


class Detector(NamedTuple):
    """A network, with what its authors chose for it."""

    run: Callable[[Any], Any]  # from pictures x 3 x height x width to the same x 1 x ... x ...
    probability: Callable[[Any], Any]  # of pixels, from what `run` gives for them
    mean: Sequence[float]  # of each colour, from 0 to 1, in the order of the picture
    deviation: Sequence[float]
    min_pixel: float  # least that `run` gives for a pixel of text
    min_piece: float  # least mean probability of the pixels of a piece
    growth: float  # a piece is larger than its middle by so many areas by perimeters


def find(detector: Detector, picture: Any, long_side: int) -> list[Any]:
    """The quadrilaterals around pieces of text: float32 corners from the top left, clockwise.

    `picture` is an array of height x width x 3, BGR. The network sees it reduced to `long_side`
    pixels if it is larger.
    """
    import cv2
    import numpy as np

    mean, deviation = (np.array(each, "float32") for each in (detector.mean, detector.deviation))
    colours = cv2.split(_resized(picture, long_side))
    scaled = zip(colours, deviation**-1 / 255, mean / deviation, strict=True)
    seen = np.stack([colour * scale - shift for colour, scale, shift in scaled])
    pixels = detector.run(seen[None])[0, 0]
    middles = (pixels > detector.min_pixel).astype("uint8")
    contours, _ = cv2.findContours(middles, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    size = np.array(picture.shape[1::-1], "float32")
    scale = size / np.array(pixels.shape[::-1], "float32")
    found = ((outline, cv2.minAreaRect(outline)) for outline in contours[:MOST_PIECES])
    pieces = [
        _grown(piece, detector.growth)
        for outline, piece in found
        if min(piece[1]) >= LEAST_PIXELS and _is_text(detector, pixels, outline, piece)
    ]
    return [
        (_corners(piece) * scale).round().clip(0, size)
        for piece in pieces
        if min(piece[1]) >= LEAST_PIXELS + 2
    ]


def _resized(picture: Any, long_side: int) -> Any:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1, long_side / max(height, width))
    size = [max(STEP, round(int(side * scale) / STEP) * STEP) for side in (width, height)]
    return cv2.resize(picture, size)


def _is_text(detector: Detector, pixels: Any, outline: Any, piece: Any) -> bool:
    """The pixels of the piece are probable, or those of a row so curved that it leaves it empty."""
    import cv2

    return (
        _mean(detector, pixels, cv2.boxPoints(piece)) >= detector.min_piece
        or _mean(detector, pixels, outline[:, 0]) >= MIN_CURVED_PIECE
    )


def _mean(detector: Detector, pixels: Any, corners: Any) -> float:
    """The mean probability of the pixels inside these corners."""
    import cv2
    import numpy as np

    last = np.array(pixels.shape[::-1]) - 1
    left, top = np.floor(corners.min(axis=0)).clip(0, last).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).clip(0, last).astype(int)
    mask: Any = np.zeros((bottom - top + 1, right - left + 1), "uint8")
    inside: Any = (corners - np.array([left, top])).astype("int32")
    cv2.fillPoly(mask, [inside], [1])
    around = detector.probability(pixels[top : bottom + 1, left : right + 1])
    return float(cv2.mean(around, mask)[0])


def _grown(piece: Any, growth: float) -> Any:
    """The rectangle around a piece whose middle is given: its centre, size and angle."""
    import cv2
    import numpy as np
    import pyclipper

    corners = cv2.boxPoints(piece)
    around = pyclipper.PyclipperOffset()  # in whole pixels, as its authors measured the growth
    around.AddPath(corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    more = cv2.contourArea(corners) * growth / cv2.arcLength(corners, True)
    return cv2.minAreaRect(np.array(around.Execute(more)[0]))


def _corners(piece: Any) -> Any:
    """Four points, from the top left, clockwise."""
    import cv2
    import numpy as np

    found = cv2.boxPoints(piece)
    found = found[found[:, 0].argsort(kind="stable")]
    left, right = (pair[pair[:, 1].argsort(kind="stable")] for pair in (found[:2], found[2:]))
    return np.array([left[0], right[0], right[1], left[1]])
