"""Reads pages with PaddleOCR's models. Runs in a child process."""

import math
import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from engines.detector import find
from engines.paddle_models import LINE_HEIGHT, Models, are_turned, load, read_row
from engines.reading import read_pages, read_parts
from engines.rows import group_rows, with_boxes
from engines.slopes import row_slopes
from engines.textlayer import Knows
from result import Box, Line, Reading, Rows
from settings import Limits

LARGE_PIXELS = 12_000_000  # pages are reduced by round(sqrt(pixels / this)): 2x from 27 megapixels
# Pixels of the long side of the picture the detector sees: words F1 .915; .912 at 960 and at 1600.
LONG_SIDE = 1280
LONGEST_SIDE = 4000  # the same of a long receipt, or of a part of a longer one
# If the rows are lower than this in that picture, the receipt is looked at again without the page
# around it: F1 rises from .68 to .90 for rows of 7 pixels, and is the same from 11 pixels on.
MIN_ROW_PIXELS = 13
SMALL_SHARE = 0.35  # of the page's area that a small receipt covers at most
MARGIN = 0.05  # of the receipt's long side
SHORT_SIDE = 420  # pixels that a long receipt keeps at least; its long side may then be longer
STEP_PIXELS = 8  # of the recogniser's input for one step of its output
SAMPLE_LINES = 8  # the longest; they decide which way is up
SURELY_UPRIGHT = 0.3  # mean probability of being turned: 271 of 293 upright photos have less


def read(image: Path, det_dir: str, rec_dir: str, limits: Limits, knows: Knows) -> Reading:
    """The pages with their lines, the printed rows of all, and the codes.

    The directories hold the models; "" for our own. `knows` is that of read_pages.
    """
    models = load(det_dir, rec_dir)
    return read_pages(image, limits, partial(_read_whole_page, models), knows)


def look(
    image: Path, det_dir: str, rec_dir: str, limits: Limits, places: Sequence[tuple[int, Box]]
) -> list[Rows]:
    """The printed rows of parts of pages."""
    read_page = partial(_read_whole_page, load(det_dir, rec_dir))
    return read_parts(image, limits, read_page, places)


def warm(det_dir: str, rec_dir: str) -> None:
    """Load what `read` needs, so that its first call takes no longer than the next."""
    _read_whole_page(load(det_dir, rec_dir), Image.new("RGB", (64, 64)))


def _read_whole_page(models: Models, page: Image.Image) -> Rows:
    import cv2
    import numpy as np

    factor = max(1, round((page.width * page.height / LARGE_PIXELS) ** 0.5))
    smaller = page.reduce(factor) if factor > 1 else page
    # The models want BGR.
    bgr = cv2.cvtColor(np.asarray(smaller), cv2.COLOR_RGB2BGR)
    page.close()  # 160 MB at 40 megapixels
    return with_boxes(_read_page(models, bgr), partial(_enlarged, factor=factor))


def _read_page(models: Models, picture: Any) -> Rows:
    """The rows of a page that may lie on its side or upside down, with boxes as it lies."""
    import numpy as np

    turns = 0  # quarter turns against the clock that make it upright
    quads = _detect(models, picture)
    if _is_sideways(quads):
        turns, picture = 1, _turned(picture, 1)
        quads = _detect(models, picture)
    if quads and _is_upside_down(models, picture, quads):
        turns, picture = turns + 2, _turned(picture, 2)
        quads = _detect(models, picture)
    lines = _recognise(models, picture, quads)
    kept = [number for number, line in enumerate(lines) if line.text]
    slopes = row_slopes(np.array(quads, "float64")[kept]) if kept else []
    rows = group_rows([lines[number] for number in kept], slopes)
    return with_boxes(rows, partial(_turned_back, shape=picture.shape, turns=turns))


def _turned(picture: Any, turns: int) -> Any:
    """A contiguous copy. cv2 copies a non-contiguous array on every call, here once a text line."""
    import numpy as np

    return np.ascontiguousarray(np.rot90(picture, turns))


def _detect(models: Models, picture: Any) -> list[Any]:
    """The quadrilaterals around the pieces of text: corners from the top left, clockwise.

    A small receipt on a large page is found on the page, and its rows once more in the receipt.
    """
    import numpy as np

    quads = _find(models, picture)
    if not _has_fine_print(quads, picture):
        return quads
    height, width = picture.shape[:2]
    left, top, right, bottom = _around(quads, width, height)
    if (right - left) * (bottom - top) > SMALL_SHARE * width * height:
        return quads
    receipt = _find(models, picture[top:bottom, left:right])
    return [quad + np.array([left, top], "float32") for quad in receipt]


def _find(models: Models, picture: Any) -> list[Any]:
    """The quadrilaterals around the pieces of text; a picture that is too long is read in parts."""
    import numpy as np

    height, width = picture.shape[:2]
    found = []
    for start, stop, first, last in _parts(max(height, width), min(height, width)):
        part = picture[start:stop] if height >= width else picture[:, start:stop]
        shift = (0, start) if height >= width else (start, 0)
        quads = [
            quad + np.array(shift, "float32") for quad in find(models.detector, part, _limit(part))
        ]
        found += [q for q in quads if first <= q[:, int(height >= width)].mean() < last]
    return found


def _parts(long: int, short: int) -> Iterator[tuple[int, int, float, float]]:
    """Each part of a picture's long side: its start and stop, and the range of its own text.

    They overlap by half the short side, some ten rows: a row cut in one is whole in the other.
    """
    most, overlap = max(LONGEST_SIDE, LONGEST_SIDE * short // SHORT_SIDE), short // 2
    count = max(1, math.ceil((long - overlap) / (most - overlap)))
    step = math.ceil((long - overlap) / count)
    for number in range(count):
        start, stop = number * step, min(long, (number + 1) * step + overlap)
        first = start + overlap / 2 if number else 0
        yield start, stop, first, stop - overlap / 2 if number < count - 1 else long


def _limit(picture: Any) -> int:
    """The long side of what the detector sees, in pixels."""
    short, long = sorted(picture.shape[:2])
    return min(LONGEST_SIDE, max(LONG_SIDE, SHORT_SIDE * long // short))


def _has_fine_print(quads: Sequence[Any], picture: Any) -> bool:
    """Whether the print is too small for the detector, which saw a reduced picture."""
    short, long = sorted(picture.shape[:2])
    scale = max(LONG_SIDE / long, SHORT_SIDE / short)  # of the picture, or of each of its parts
    heights = [float((quad.max(axis=0) - quad.min(axis=0)).min()) for quad in quads]
    return bool(heights) and scale < 1 and statistics.median(heights) * scale < MIN_ROW_PIXELS


def _around(quads: Sequence[Any], width: int, height: int) -> Box:
    """The box of all pieces of text, with a margin."""
    import numpy as np

    corners = np.concatenate(quads)
    margin = MARGIN * np.ptp(corners, axis=0).max()
    left, top = (corners.min(axis=0) - margin).clip(0).astype(int)
    right, bottom = (corners.max(axis=0) + margin).clip(None, [width, height]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _recognise(models: Models, picture: Any, quads: Sequence[Any]) -> list[Line]:
    """A line for each quadrilateral, in the same order; its text is "" where nothing can be read.

    One by one: padding lines to the width of the longest costs a sixth of the time and spaces.
    """
    lines = []
    for quad in quads:
        text, confidence, unsure = read_row(models.recogniser, _crop(picture, quad))
        lines.append(Line(text, round(confidence, 4), _box(quad), unsure))
    return lines


def _crop(picture: Any, quad: Any) -> Any:
    """The piece of the picture as the recogniser wants it: straight, and LINE_HEIGHT high."""
    import cv2
    import numpy as np

    sides = [float(np.linalg.norm(quad[i] - quad[(i + 1) % 4])) for i in range(4)]
    width, height = (max(1, round(max(pair))) for pair in (sides[::2], sides[1::2]))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], "float32")
    crop = cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(quad, corners),
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
        flags=cv2.INTER_CUBIC,
    )
    if height >= 1.5 * width:
        crop, width, height = np.rot90(crop), height, width
    steps = max(2, round(width * LINE_HEIGHT / height / STEP_PIXELS))
    return cv2.resize(crop, (steps * STEP_PIXELS, LINE_HEIGHT), interpolation=cv2.INTER_AREA)


def _box(quad: Any) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def _is_sideways(quads: Sequence[Any]) -> bool:
    """Whether most of the longer pieces of text run up or down the picture."""
    sizes = [quad.max(axis=0) - quad.min(axis=0) for quad in quads]
    long = [
        height > width for width, height in sizes if max(width, height) > 2 * min(width, height)
    ]
    return sum(long) * 2 > len(long)


def _is_upside_down(models: Models, picture: Any, quads: Sequence[Any]) -> bool:
    """Whether the longest lines look upside down, and more so than after a half turn.

    This is right for all of 293 photos, and for all of them turned.
    """
    import numpy as np

    sample = sorted(quads, key=lambda quad: -float(np.ptp(quad[:, 0])))[:SAMPLE_LINES]
    rows = [_crop(picture, quad) for quad in sample]
    turned = are_turned(models.classifier, rows)
    around = [row[::-1, ::-1] for row in rows]
    return turned > SURELY_UPRIGHT and turned > are_turned(models.classifier, around)


def _turned_back(box: Box, shape: Sequence[int], turns: int) -> Box:
    """The box on the page as it lay before `turns` quarter turns."""
    height, width = shape[:2]
    for _ in range(turns):
        left, top, right, bottom = box
        box = (height - bottom, left, height - top, right)
        height, width = width, height
    return box


def _enlarged(box: Box, factor: int) -> Box:
    left, top, right, bottom = box
    return left * factor, top * factor, right * factor, bottom * factor
