"""Pieces of text are found in what the detector's network gives for each pixel."""

import cv2
import numpy as np
import pytest

from engines.detector import Detector, find


@pytest.mark.parametrize(
    ("bend", "probability", "count"), [(0, 0.95, 1), (24, 0.95, 1), (24, 0.6, 0)]
)
def test_a_row_on_curved_paper_is_found_though_it_fills_half_of_its_rectangle(
    bend, probability, count
):
    across = np.arange(20, 300)
    below = 60 + bend * np.sin(np.pi * (across - 20) / 280)
    pixels = np.zeros((128, 320), "float32")
    row = np.stack([across, below], axis=1).astype("int32")
    cv2.polylines(pixels, [row], False, probability, thickness=12)
    detector = Detector(
        lambda seen: pixels[None, None], np.asarray, (0, 0, 0), (1, 1, 1), 0.3, 0.6, 1.5
    )
    assert len(find(detector, np.zeros((128, 320, 3), "uint8"), 320)) == count
