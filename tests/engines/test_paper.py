"""A photo of a receipt becomes what a scan of it would be."""

import numpy as np
import pytest
from PIL import Image

from engines.paper import Bend, cut_out, evenly_lit, letter_height, levelled, row_bend
from tests.fakes import drawn


def on_a_table(receipt, table=40):
    """A photo of 800 x 700 with the receipt, a little turned, on a dark table."""
    photo = Image.new("L", (800, 700), table)
    turned = receipt.convert("L").rotate(4, expand=True, fillcolor=table)
    photo.paste(turned, (150, 160))
    return np.array(photo)


def test_the_paper_is_cut_out_of_a_photo():
    (cut,) = cut_out(on_a_table(drawn()))
    height, width = cut.gray.shape
    assert abs(cut.left - 150) < 25 and abs(cut.top - 160) < 25
    assert abs(width - 504) < 50 and abs(height - 392) < 50
    assert (cut.gray < 60).mean() < 0.05  # print, and hardly any table


def test_each_paper_is_cut_out_of_a_photo_of_two():
    photo = np.hstack([on_a_table(drawn())] * 2)
    one, other = cut_out(photo)
    assert abs(one.left - 150) < 25 and abs(other.left - 950) < 25


@pytest.mark.parametrize("table", [255, 240])
def test_a_picture_in_which_no_paper_stands_out_stays_whole(table):
    photo = on_a_table(drawn(), table)
    (cut,) = cut_out(photo)
    assert cut.gray is photo and (cut.left, cut.top) == (0, 0)


def test_the_height_of_letters_is_measured():
    small, large = (drawn().resize((480 * n, 360 * n)).convert("L") for n in (1, 2))
    assert 17 <= letter_height(np.array(small)) <= 23  # capitals and figures of 28-pixel print
    assert 36 <= letter_height(np.array(large)) <= 44
    assert letter_height(np.full((100, 100), 255, "uint8")) is None


def test_paper_in_a_shadow_becomes_white_and_its_print_stays_dark():
    light = np.linspace(0.35, 1, 480)
    shaded = (np.array(drawn().convert("L")) * light).astype("uint8")
    even = evenly_lit(shaded)
    assert (even[:25] > 250).all()  # above the first row
    assert even.min() < 20


def printed():
    rows = [f"{n} COFFEE AND TOAST WITH BUTTER AND JAM {n}.50" for n in range(1, 12)]
    return drawn(rows, (900, 720)).convert("L")


@pytest.mark.parametrize("tilt", [-7, 4, 12])
def test_tilted_rows_become_level(tilt):
    tilted = np.array(printed().rotate(-tilt, expand=True, fillcolor=255))
    bend = row_bend(tilted)
    assert bend.slope == pytest.approx(np.tan(np.radians(tilt)), abs=0.015)
    assert _white_rows(levelled(tilted, bend)) > 2 * _white_rows(tilted)


def test_rows_that_fan_out_and_curve_become_level():
    bent = levelled(np.array(printed()), Bend(0.03, 0.1, 0.1))
    bend = row_bend(bent)
    assert _white_rows(levelled(bent, bend)) > 1.4 * _white_rows(bent)
    assert bend.fallen(0.3, bend.level(0.3, 0.4)) == pytest.approx(0.4)


def _white_rows(gray):
    """How many rows of pixels have no print."""
    return (gray > 128).all(axis=1).sum()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3000), (3000, 1)])
def test_a_strip_of_a_pixel_is_no_error(shape):
    strip = np.full(shape, 200, "uint8")
    assert cut_out(strip)[0].gray is strip
    assert letter_height(strip) is None
    assert row_bend(strip) == Bend()
    assert evenly_lit(levelled(strip, Bend())).shape == shape
