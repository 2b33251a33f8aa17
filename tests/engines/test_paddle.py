"""What PP-OCR's recogniser says of a row stays with its line, however the page lies."""

import numpy as np

from engines import ctc
from engines.paddle import _enlarged, _recognise, _turned_back
from engines.paddle_models import Models
from engines.rows import with_boxes

KNOWN = ctc.alphabet(["none", *"68. "])
DOUBTFUL = [[0.1, 0.4, 0.5, 0, 0], [0.9, 0, 0, 0.1, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]  # 8.6


def test_a_line_keeps_the_places_of_its_doubtful_figures():
    models = Models(None, lambda row: (np.array(DOUBTFUL), KNOWN), None)
    quad = np.array([[10, 20], [90, 20], [90, 40], [10, 40]], "float32")
    (line,) = _recognise(models, np.zeros((100, 200, 3), "uint8"), [quad])
    assert (line.text, line.unsure) == ("8.6", (0,))
    rows = with_boxes([[line]], lambda box: _enlarged(_turned_back(box, (100, 200), 1), 2))
    ((turned,),) = rows
    assert (turned.box, turned.unsure) == ((120, 20, 160, 180), (0,))
