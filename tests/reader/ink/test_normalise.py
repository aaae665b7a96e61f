"""Normalisation of a single digit to an image as in MNIST."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pictures import five, picture

from digitnn.data.fetch.sources import load
from digitnn.errors import PictureError
from digitnn.reader.ink.components import bounding_box
from digitnn.reader.ink.normalise import (
    MIN_STROKE_WIDTH,
    area_weights,
    centre_by_mass,
    dilate_by_disc,
    normalise,
    scale_to_box,
    stroke_width,
)

SCALED = normalise(picture(five(400, pen=12))).image.astype(int)


def extent(image):
    left, top, right, bottom = bounding_box(image > 0)
    return right - left, bottom - top


def test_a_normalised_image_is_left_unchanged():
    again = normalise(picture(SCALED)).image
    assert np.abs(again - SCALED).mean() < 0.5


@pytest.mark.parametrize("side", [28, 40, 100, 1500])
@pytest.mark.parametrize("paper", [255, 0])
def test_size_and_polarity_make_no_difference(side, paper):
    image = normalise(picture(five(side, pen=12, paper=paper, ink=255 - paper))).image
    assert np.abs(image - SCALED).mean() < 9


def test_the_longest_side_is_twenty_and_the_mass_in_the_middle():
    assert max(extent(SCALED)) == 20
    for axis in (0, 1):
        mean = (SCALED.sum(axis=1 - axis) * np.arange(28)).sum() / SCALED.sum()
        assert abs(mean - 14) <= 0.5
    assert SCALED.max() == 255


def test_the_smallest_bitmaps_are_enlarged_softly():
    image = normalise(picture(np.where(five(8, pen=12) < 128, 0, 255))).image
    assert max(extent(image)) == 20
    assert ((image > 40) & (image < 215)).sum() > 20


@pytest.mark.parametrize(("side", "pen"), [(28, 4), (400, 0.5), (3000, 0.1)])
def test_a_thin_pen_does_not_vanish(side, pen):
    found = normalise(picture(five(side, pen=pen)))
    assert stroke_width(found.image / np.float32(255)) >= MIN_STROKE_WIDTH * 0.8
    assert found.image.max() == 255
    assert any("thickened" in note for note in found.notes)


def test_thick_strokes_stay_thick():
    found = normalise(picture(five(200, pen=20)))
    assert stroke_width(found.image / np.float32(255)) > 4
    assert not any("thickened" in note for note in found.notes)


def test_specks_and_parts_of_neighbours_are_left_out():
    grey = five(200, pen=12).copy()
    grey[20:23, 20:23] = 0  # a speck
    grey[:110, 190:] = 0  # a neighbour's stroke, cut by the border
    assert np.abs(normalise(picture(grey)).image - SCALED).mean() < 6


def test_a_broken_stroke_is_kept():
    grey = five(200, pen=12).copy()
    grey[50:62] = 255
    _, top, _, bottom = normalise(picture(grey)).box
    assert top < 50
    assert bottom > 150


def test_ink_that_touches_the_border_is_kept_up_to_it():
    grey = five(100, pen=12)[:80, 36:]
    left, top, right, bottom = normalise(picture(grey)).box
    assert (left, bottom) == (0, 80)
    assert abs(top - 12) <= 1
    assert abs(right - 38) <= 1


def test_the_box_is_in_pixels_of_the_picture():
    grey = np.full((1400, 2000), 255, np.uint8)
    grey[300:700, 1000:1400] = five(400)
    left, top, right, bottom = normalise(picture(grey)).box
    assert_allclose([left, top, right, bottom], [1116, 356, 1288, 636], atol=8)


@pytest.mark.parametrize("level", [0, 255])
def test_no_ink_is_an_error_that_names_the_picture(level):
    with pytest.raises(PictureError, match="five: no ink"):
        normalise(picture(np.full((30, 30), level)))


@pytest.mark.parametrize("scale", [10, 12])
def test_strong_noise_in_dim_light_is_not_ink(scale, rng):
    paper = 200 * np.linspace(0.4, 1, 240) + rng.normal(scale=scale, size=(240, 240))
    with pytest.raises(PictureError, match="five: no ink"):
        normalise(picture(paper))


def test_scaling_takes_the_mean_of_each_area(rng):
    shares = area_weights(45, 20)
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert_allclose(shares.sum(axis=0), 20 / 45, rtol=1e-5)
    square = rng.random((40, 40)).astype(np.float32)
    means = square.reshape(20, 2, 20, 2).mean(axis=(1, 3))
    assert_allclose(scale_to_box(square), means / means.max(), rtol=1e-5)
    column = np.zeros((21, 21), np.float32)
    column[:, 10] = 1  # Pillow's box filter loses it
    assert scale_to_box(column).max() == 1


def test_the_width_of_strokes_is_measured_in_pixels():
    bar = np.zeros((100, 300), np.float32)
    bar[40:46, 20:280] = 1
    assert stroke_width(bar) == pytest.approx(6 * 4 / np.pi, rel=0.05)
    disc = (np.hypot(*np.ogrid[-60:61, -60:61]) <= 50).astype(np.float32)
    assert stroke_width(disc) == pytest.approx(50, rel=0.05)


def test_strokes_are_thickened_by_a_disc():
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    grown = dilate_by_disc(point, 5)
    assert grown[10, 5] == grown[15, 10] == 1
    assert grown[10, 4] == grown[5, 5] == 0
    assert grown.sum() == pytest.approx(np.pi * 5.5**2, rel=0.1)


def test_centring_moves_no_ink_out_of_the_image():
    lopsided = np.zeros((20, 20), np.float32)
    lopsided[:, 0] = lopsided[0] = 0.01
    lopsided[-1, -1] = 1
    image = centre_by_mass(lopsided)
    assert image.sum() == np.rint(lopsided * 255).sum()


@pytest.mark.real_data
def test_mnists_own_images_come_back_nearly_unchanged():
    images = load("mnist").images[-300:]
    again = np.stack([normalise(picture(255.0 - image)).image for image in images])
    differences = np.abs(again.astype(int) - images).mean(axis=(1, 2))
    assert np.median(differences) < 0.5
    assert np.percentile(differences, 90) < 1.5  # the thinnest twentieth is thickened


def seven(dot: tuple[int, int, int] | None = None) -> np.ndarray:
    """A 7 on 200 x 200 with a pen of 16, and a dot: its left, its top, its side."""
    grey = np.full((200, 200), 255, np.uint8)
    grey[40:56, 60:130] = 0
    grey[40:140, 114:130] = 0
    if dot is not None:
        x, y, side = dot
        grey[y : y + side, x : x + side] = 0
    return grey


@pytest.mark.parametrize("dot", [(114, 160, 18), (90, 12, 16)], ids=["below", "above"])
def test_a_dot_below_or_above_is_kept(dot):
    _, top, _, bottom = normalise(picture(seven(dot))).box
    assert top <= min(dot[1], 40) + 1
    assert bottom >= max(dot[1] + dot[2], 140) - 1


@pytest.mark.parametrize(
    "dot",
    [(150, 124, 13), (114, 160, 4), (30, 60, 13)],
    ids=["a full stop beside it", "a speck", "beside it on the left"],
)
def test_dots_elsewhere_and_specks_are_left_out(dot):
    assert normalise(picture(seven(dot))).box == normalise(picture(seven())).box


@pytest.mark.parametrize("turns", range(4))
def test_a_strip_along_a_side_is_not_a_digit(turns):
    grey = np.full((200, 200), 250, np.uint8)
    grey[:, :14] = 10
    with pytest.raises(PictureError, match="no ink that hangs together"):
        normalise(picture(np.rot90(grey, turns)))
    grey[60:140, 100:112] = 10  # beside a digit it does not matter
    expected = np.zeros((200, 200), bool)
    expected[60:140, 100:112] = True
    box = normalise(picture(np.rot90(grey, turns))).box
    assert np.abs(np.subtract(box, bounding_box(np.rot90(expected, turns)))).max() <= 2


def test_a_1_that_fills_its_bitmap_is_a_digit():
    grey = np.full((32, 6), 255, np.uint8)
    grey[:, 1:5] = 0
    grey[:8, 0] = grey[24:, 5] = 0
    assert normalise(picture(grey)).box == (0, 0, 6, 32)
