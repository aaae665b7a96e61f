"""From luminance to ink: polarity, lighting, noise, faint ink."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pictures import five, picture
from scipy import ndimage

from digitnn.reader.ink.ink import box_mean, dilate_by_square, find_ink, otsu

INK = 1 - five(240) / 255.0
SLOPE = np.linspace(0.4, 1, 240)


def agreement(found, ink=INK):
    """Intersection over union of what is more ink than paper."""
    a, b = found > 0.5, ink > 0.5
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("side", [8, 28, 100, 700])
@pytest.mark.parametrize("paper", [255, 0])
def test_ink_is_found_in_either_polarity(side, paper):
    found = find_ink(five(side, pen=12, paper=paper, ink=255 - paper))
    assert found.light_paper == (paper == 255)
    assert_allclose(found.ink, 1 - five(side, pen=12) / 255.0, atol=0.25)


def test_soft_edges_stay_soft():
    ink = find_ink(five(28)).ink
    assert ((ink > 0.2) & (ink < 0.8)).sum() > 10


@pytest.mark.parametrize("slope", [SLOPE, SLOPE[:, None], SLOPE[::-1] * SLOPE[:, None]])
def test_light_from_one_side_is_removed(slope):
    found = find_ink(picture(230 * slope * (1 - 0.6 * INK)).grey)
    assert not found.evenly_lit
    assert found.light_paper
    assert agreement(found.ink) > 0.9
    assert "uneven light taken out" in found.notes


def test_a_shadow_is_not_ink():
    light = np.where(np.add.outer(np.arange(240), np.arange(240)) > 250, 1, 0.55)
    light = ndimage.gaussian_filter(light, 2)
    found = find_ink(picture(230 * light * (1 - 0.6 * INK)).grey)
    assert agreement(found.ink) > 0.8


def test_a_hard_edge_of_shadow_leaves_no_line():
    light = np.where(np.add.outer(np.arange(240), 2 * np.arange(240)) > 330, 1, 0.6)
    found = find_ink(picture(230 * SLOPE * light * (1 - 0.6 * INK)).grey)
    assert (found.ink[ndimage.maximum_filter(INK, 9) == 0] > 0.3).mean() < 0.001


def test_soft_edges_of_tiny_digits_are_no_shadow():
    for side in (9, 11, 14, 20):
        assert find_ink(five(side, pen=10)).evenly_lit


def test_chalk_on_an_unevenly_lit_board_is_ink():
    found = find_ink(picture(230 * SLOPE * (0.15 + 0.75 * INK)).grey)
    assert not found.light_paper
    assert agreement(found.ink) > 0.85


def test_noise_is_not_ink(rng):
    grain = rng.normal(scale=20, size=INK.shape)
    found = find_ink(picture(200 * (1 - 0.5 * INK) + grain).grey)
    assert agreement(found.ink) > 0.85
    assert (found.ink[INK == 0] > 0.5).mean() < 0.005


def test_faint_ink_is_stretched():
    found = find_ink(picture(220 * (1 - 0.12 * INK)).grey)
    assert agreement(found.ink) > 0.95
    assert "faint ink stretched, contrast 0.12" in found.notes


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_plain_picture_has_no_ink(level):
    found = find_ink(np.full((50, 80), level, np.uint8))
    assert found.blank
    assert found.notes == ("no ink",)
    assert not found.ink.any()


@pytest.mark.parametrize("scale", [1, 3, 6])
def test_noisy_unevenly_lit_paper_has_no_ink(scale, rng):
    paper = 200 * SLOPE + rng.normal(scale=scale, size=(240, 240))
    assert find_ink(picture(paper).grey).blank


def test_large_pictures_are_reduced_by_an_integer_factor():
    found = find_ink(five(700), max_side=200)
    assert found.reduction == 4
    assert found.ink.shape == (175, 175)


def test_box_mean_agrees_with_scipy(rng):
    values = rng.random((30, 17)).astype(np.float32)
    assert_allclose(
        box_mean(values, 2), ndimage.uniform_filter(values, 5, mode="nearest"), rtol=1e-5
    )
    assert_array_equal(box_mean(values, 0), values)


def test_dilation_by_a_square_agrees_with_scipy(rng):
    values = rng.random((30, 17)).astype(np.float32)
    for size in (1, 2, 3, 6, 7):
        every = ndimage.maximum_filter(values, size, origin=-((size - 1) // 2) - (size % 2 == 0))
        assert_array_equal(dilate_by_square(values, size), every[: 31 - size, : 18 - size])


def test_otsus_threshold_lies_in_the_middle_of_the_gap():
    assert otsu(np.array([10] * 5 + [200] * 3, np.uint8)) == 105
    assert otsu(np.array([50, 50, 52, 90, 91, 91], np.uint8)) in range(52, 90)


def test_half_a_page_in_shadow_is_not_ink():
    grey = five(300, pen=3).astype(float)
    grey[160:] *= 0.55
    found = find_ink(picture(grey).grey)
    assert not found.evenly_lit
    assert found.light_paper
    written = five(300, pen=3) < 128
    assert found.ink[written].mean() > 0.7
    assert found.ink[~written].mean() < 0.05


def test_thick_marker_strokes_are_evenly_lit():
    assert find_ink(five(100, pen=16)).evenly_lit


def test_the_polarity_can_be_inverted():
    grey = five()
    usual, inverted = find_ink(grey), find_ink(grey, inverted=True)
    assert usual.light_paper
    assert not inverted.light_paper
    assert inverted.ink[0, 0] > 0.9 > 0.1 > usual.ink[0, 0]


def test_the_gap_between_trouser_legs_is_not_ink():
    grey = np.full((200, 200), 225, np.uint8)
    grey[20:, 50:95] = grey[20:, 107:150] = grey[20:60, 50:150] = 90
    found = find_ink(grey, 512)
    gap = found.ink[80:180, 98:104]
    assert gap.max(initial=0) < 0.2
    assert found.light_paper


def test_chalk_stays_ink_where_the_board_has_a_bright_corner():
    across = np.linspace(30, 120, 200)
    grey = np.broadcast_to(across, (200, 200)).copy()
    strokes = five(200, pen=12) < 128
    grey[strokes] = 235
    found = find_ink(grey.astype(np.uint8), 512)
    assert not found.light_paper
    assert agreement(found.ink, strokes) > 0.8
