"""Makes a photo of a receipt look like a scan: the paper alone, evenly lit, its rows level.

All pictures here are arrays of grays, 0 (black) to 255. OpenCV is imported where it is used.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

LONG_SIDE = 300  # pixels, of the picture in which the paper is looked for
SHARES = 0.12, 0.93  # of the picture that all papers cover: less is a window, more is no cut
MIN_SHARE = 0.02  # of the picture that each of them covers
MAX_SHEETS = 12
MIN_SOLID = 0.8  # of the hull around a sheet that is bright
MIN_CONTRAST = 50  # grays between the paper and what is around it
LETTERS = 5, 80  # pixels that the height of a letter may have
MIN_LETTERS = 20  # fewer say nothing of the print's height or of its rows
# The search for a bend. Each turn changes one of its numbers (0 slope, 1 curve, 2 fan): by which
# step, and by how many steps at most to either side
SEARCH = (
    *((0, 0.01, 35), (2, 0.02, 15), (0, 0.004, 4), (1, 0.02, 10)),
    *((0, 0.004, 4), (2, 0.01, 4), (1, 0.01, 4)),
)
MIN_GAIN = 10  # divided by the number of letters; a smaller one is chance


class Cut(NamedTuple):
    """A part of a picture, and where its left top corner was there."""

    gray: Any
    left: int
    top: int


class Bend(NamedTuple):
    """How the printed rows of a picture fall: a tilt, the paper's curve, and their fanning out.

    Places are in widths of the picture from its middle. `level` may be of numbers or of arrays.
    """

    slope: float = 0.0
    curve: float = 0.0
    fan: float = 0.0

    def level(self, x: Any, y: Any) -> Any:
        """How high the row through this place stands in the middle of the picture."""
        return y - self.slope * x - self.curve * x * x - self.fan * x * y

    def fallen(self, x: Any, level: Any) -> Any:
        """How high the row that stands at `level` in the middle is at x."""
        return (level + self.slope * x + self.curve * x * x) / (1 - self.fan * x)


def cut_out(gray: Any) -> list[Cut]:
    """Each sheet of paper from the top down, in a picture that is painted like it all around.

    Where no paper stands out, this is the picture itself.
    """
    cuts = [_cut(gray, hull) for hull in _hulls(gray)]
    return sorted(cuts, key=lambda cut: cut.top) or [Cut(gray, 0, 0)]


def _cut(gray: Any, hull: Any) -> Cut:
    import cv2
    import numpy as np

    inside: Any = cv2.fillConvexPoly(np.zeros(gray.shape, "uint8"), hull, (1,))
    (left, top), (right, bottom) = hull.min(axis=0).clip(0), hull.max(axis=0)
    part = slice(top, bottom + 1), slice(left, right + 1)
    colour = np.median(gray[inside == 1]).astype("uint8")
    return Cut(np.where(inside[part] == 1, gray[part], colour), int(left), int(top))


def _hulls(gray: Any) -> list[Any]:
    """The corners around each bright sheet, as arrays; [] if these are no papers on a table."""
    import cv2
    import numpy as np

    scale = LONG_SIDE / max(gray.shape)
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.morphologyEx(cv2.GaussianBlur(small, (0, 0), 3), cv2.MORPH_CLOSE, np.ones((9, 9)))
    _, bright = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
    order = sorted(range(1, count), key=lambda n: -stats[n, cv2.CC_STAT_AREA])[:MAX_SHEETS]
    found = [_hull((labels == number).astype("uint8")) for number in order]
    hulls = [hull for hull in found if hull is not None]
    inside: Any = np.zeros(small.shape, "uint8")
    for hull in hulls:
        cv2.fillConvexPoly(inside, hull, (1,))
    if not hulls or not SHARES[0] < inside.mean() < SHARES[1]:
        return []
    contrast = small[inside == 1].mean() - small[inside == 0].mean()
    return [(hull[:, 0] / scale).astype("int32") for hull in hulls if contrast >= MIN_CONTRAST]


def _hull(sheet: Any) -> Any:
    """The corners around a bright area; None if it is too small or too ragged for a sheet."""
    import cv2
    import numpy as np

    outlines, _ = cv2.findContours(sheet, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outlines))
    inside: Any = cv2.fillConvexPoly(np.zeros(sheet.shape, "uint8"), hull, (1,))
    is_solid = sheet.sum() >= MIN_SOLID * inside.sum() and inside.mean() > MIN_SHARE
    return hull if is_solid else None


def letter_height(gray: Any) -> float | None:
    """The median height of what may be letters, in pixels; None where there are too few."""
    import numpy as np

    _, _, heights = _letters(gray)
    return float(np.median(heights)) if len(heights) >= MIN_LETTERS else None


def _letters(gray: Any) -> tuple[Any, Any, Any]:
    """The middle, the bottom and the height of what may be letters, in pixels, as arrays."""
    import cv2

    window = 15 if max(gray.shape) < 700 else 25
    soft = cv2.GaussianBlur(gray, (3, 3), 0)
    ink = cv2.adaptiveThreshold(
        soft, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, 12
    )
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    left, top, width, height, area = stats[1:].T
    least, most = LETTERS
    shaped = (0.15 * height < width) & (width < 1.6 * height) & (area > 0.15 * width * height)
    found = (least <= height) & (height <= most) & shaped
    return (left + width / 2)[found], (top + height)[found], height[found]


def row_bend(gray: Any) -> Bend:
    """The bend that puts the letters on the sharpest rows; no bend if there are too few letters."""
    import numpy as np

    x, y, heights = _letters(gray)
    if len(heights) < MIN_LETTERS:
        return Bend()
    middle = np.median(heights)
    usual = (0.6 * middle < heights) & (heights < 1.7 * middle)
    x, y = (
        (side[usual] - size / 2) / gray.shape[1]
        for side, size in ((x, gray.shape[1]), (y, gray.shape[0]))
    )
    bin_size = middle / gray.shape[1] / 3

    def sharpness(bend: Sequence[float]) -> float:
        bins = (Bend(*bend).level(x, y) / bin_size).astype(int)
        counts = np.bincount(bins - bins.min())
        return float(((counts[:-1] + counts[1:]) ** 2).sum())

    best = [0.0, 0.0, 0.0]
    for which, step, reach in SEARCH:
        tried = [[*best] for _ in range(-reach, reach + 1)]
        for number, bend in enumerate(tried, -reach):
            bend[which] += step * number
        sharpest = max(tried, key=sharpness)
        if sharpness(sharpest) > (1 + MIN_GAIN / len(x)) * sharpness(best):
            best = sharpest
    return Bend(*best)


def levelled(gray: Any, bend: Bend) -> Any:
    """The picture with its rows level."""
    import cv2
    import numpy as np

    height, width = gray.shape
    x = (np.arange(width, dtype="float32")[None] - width / 2) / width
    level = (np.arange(height, dtype="float32")[:, None] - height / 2) / width
    rows = (bend.fallen(x, level) * width + height / 2).astype("float32")
    columns = np.broadcast_to(np.arange(width, dtype="float32"), rows.shape).copy()
    return cv2.remap(gray, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def evenly_lit(gray: Any) -> Any:
    """The picture with its paper white everywhere, under a lamp's light or a shadow too."""
    import cv2
    import numpy as np

    height, width = gray.shape
    factor = max(1, max(gray.shape) // 600)
    size = max(1, width // factor), max(1, height // factor)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((7, 7))), 21)
    ink = gray / np.maximum(cv2.resize(paper, (width, height)), 1).astype("float32")
    darkest = min(float(np.percentile(ink, 3)), 0.75)
    return (np.clip((ink - darkest) / (0.92 - darkest), 0, 1) * 255).astype("uint8")
