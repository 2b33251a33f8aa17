"""Makes a photo of a receipt look like a scan: the paper alone, evenly lit, letters of one height.

All pictures here are arrays of grays, 0 (black) to 255. OpenCV is imported where it is used.
"""

from typing import Any, NamedTuple

LONG_SIDE = 300  # pixels, of the picture in which the paper is looked for
SHARES = 0.12, 0.93  # of the picture that papers cover: less is a window, more is all of it
MIN_SHARE = 0.02  # of one of several
MAX_SHEETS = 12
MIN_SOLID = 0.8  # of the hull around it that is bright: else it is no sheet
MIN_CONTRAST = 50  # grays between the paper and what is around it
LETTERS = 5, 80  # pixels that the height of a letter may have
MIN_LETTERS = 20  # fewer say nothing of the print's height


class Cut(NamedTuple):
    """A part of a picture, and where its left top corner was there."""

    gray: Any
    left: int
    top: int


def cut_out(gray: Any) -> list[Cut]:
    """The papers from the top down, each with all around it in its colour.

    The picture itself where none stands out.
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
    """The corners around each bright sheet, as arrays; the smaller ones beside a large enough."""
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
    """The corners around a sheet; None where it is small, or no sheet."""
    import cv2
    import numpy as np

    outlines, _ = cv2.findContours(sheet, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outlines))
    inside: Any = cv2.fillConvexPoly(np.zeros(sheet.shape, "uint8"), hull, (1,))
    is_solid = sheet.sum() >= MIN_SOLID * inside.sum() and inside.mean() > MIN_SHARE
    return hull if is_solid else None


def letter_height(gray: Any) -> float | None:
    """The median height of what may be letters, in pixels; None where there are too few."""
    import cv2
    import numpy as np

    window = 15 if max(gray.shape) < 700 else 25
    soft = cv2.GaussianBlur(gray, (3, 3), 0)
    ink = cv2.adaptiveThreshold(
        soft, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, 12
    )
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    width, height, area = stats[1:, 2:5].T
    least, most = LETTERS
    shaped = (0.15 * height < width) & (width < 1.6 * height) & (area > 0.15 * width * height)
    heights = height[(least <= height) & (height <= most) & shaped]
    return float(np.median(heights)) if len(heights) >= MIN_LETTERS else None


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
