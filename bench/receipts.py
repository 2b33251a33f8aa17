"""The receipts of the benchmarks: drawn on the spot, or those of a dataset's images/."""

import random
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ARTICLES = ("FLAT WHITE", "CROISSANT", "ORANGE JUICE", "BREAD", "MILK 1L", "TOMATOES", "OLIVE OIL")


def receipts(directory: Path, count: int, dataset: Path | None = None) -> list[Path]:
    """So many files; of a dataset from all over it, and over and over if it has fewer."""
    if dataset:
        found = sorted(p for p in (dataset / "images").iterdir() if p.suffix in (".jpg", ".png"))
        return [found[number * max(1, len(found) // count) % len(found)] for number in range(count)]
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        drawn(rows=24, seed=number).save(path, quality=85)
    return paths


def drawn(rows: int, seed: int = 0, width: int = 760, line: int = 44) -> Image.Image:
    """A receipt of so many printed rows on speckled paper, `line` pixels apart."""
    chance = random.Random(seed)
    image = Image.effect_noise((width, line * (rows + 3)), 12).convert("RGB").point(_paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(line * 0.62)
    total = 0
    for number in range(rows):
        cents = chance.randrange(100, 4000)
        left, right = chance.choice(ARTICLES), f"{cents / 100:.2f}"
        if number == rows - 1:
            left, right = "TOTAL EUR", f"{total / 100:.2f}"
        total += cents
        top = line * (number + 1)
        draw.text((line, top), left, (40, 40, 46), font)
        draw.text((width - line, top), right, (40, 40, 46), font, anchor="ra")
    return image


def jpeg(size: int) -> bytes:
    """A photo of a receipt of at most so many bytes, and not much less."""
    image = drawn(rows=32, width=1100)
    for quality in range(95, 10, -1):
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= size:
            break
    return buffer.getvalue().ljust(size, b"\0")  # what follows the end of a JPEG is nobody's


def _paper(value: int) -> int:
    return min(255, 110 + value)
