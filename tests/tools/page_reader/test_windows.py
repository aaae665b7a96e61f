"""The windows that the glyph network learns from: what counts as a glyph, and as which."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from page_glyphs import DarkBoxes

from digitnn.reader.page.glyph_network import NONE, SIDE, windows
from digitnn.reader.page.network import CHARACTERS, OTHER
from tools.page_reader.scenes import Scene
from tools.page_reader.windows import (
    MIN_HEIGHT,
    clear_characters,
    false_boxes,
    moved,
    true_characters,
    turned_windows,
    windows_of,
)

BOXES = np.array([(20, 30, 40, 60), (60, 30, 80, 60), (100, 54, 104, 58)], np.float32)


def scene(characters=("3", "x", "."), **changed) -> Scene:
    picture = np.full((96, 128), 255, np.uint8)
    for left, top, right, bottom in BOXES.astype(int)[: len(characters)]:
        picture[top:bottom, left:right] = 0
    n = len(characters)
    made = Scene(picture, BOXES[:n].copy(), characters, np.full(n, 30, np.float32),
                 np.ones(n, np.float32))  # fmt: skip
    return replace(made, **changed)


def true(*box, **changed) -> int:
    return int(true_characters(np.array([box], np.float32), scene(**changed))[0])


def test_a_box_has_the_class_of_the_glyph_that_it_holds():
    assert true(21, 28, 42, 61) == 3
    assert true(58, 30, 79, 62) == OTHER
    assert true(101, 53, 106, 58) == CHARACTERS.index(".")


@pytest.mark.parametrize(
    "half", [(20, 30, 29, 60), (31, 30, 40, 60), (20, 30, 40, 44), (20, 46, 40, 60)]
)
def test_a_half_of_a_digit_is_none(half):
    assert true(*half) == NONE


def test_two_digits_together_are_none():
    assert true(20, 30, 80, 60) == NONE


def test_a_thin_one_may_be_found_wider_or_narrower():
    thin = np.array([(20, 30, 26, 60)], np.float32)
    for box in ((20, 30, 23, 60), (16, 30, 30, 60)):
        assert true(*box, characters=("1",), boxes=thin) == 1


@pytest.mark.parametrize(
    "box",
    [
        (0, 70, 20, 95),  # nothing
        (18, 30, 21, 60),  # the left edge of the 3
        (20, 54, 40, 66),  # its foot
        (10, 10, 90, 90),  # both glyphs, and paper
    ],
)
def test_a_box_of_no_glyph_or_of_a_small_part_is_none(box):
    assert true(*box) == NONE


def test_a_box_that_holds_a_large_part_is_unclear():
    assert true(20, 30, 40, 51) == -1


@pytest.mark.parametrize(
    "changed", [{"visible": np.full(3, 0.5, np.float32)},
                {"heights": np.full(3, MIN_HEIGHT - 1, np.float32)}]
)  # fmt: skip
def test_what_is_cut_off_or_too_small_is_unclear(changed):
    assert_array_equal(clear_characters(scene(**changed)), [-1, -1, -1])
    assert true(21, 28, 42, 61, **changed) == -1
    assert true(20, 54, 40, 66, **changed) == -1
    assert true(0, 70, 20, 95, **changed) == NONE


def test_without_glyphs_every_box_is_none():
    assert_array_equal(true_characters(BOXES, scene(())), [NONE] * 3)


def test_moved_boxes_are_near_the_true_ones(rng):
    boxes = np.repeat(BOXES[:1], 2000, axis=0)
    found = moved(boxes, rng)
    assert found.dtype == np.float32
    sides, truth = found[:, 2:] - found[:, :2], boxes[:, 2:] - boxes[:, :2]
    middles = (found[:, 2:] + found[:, :2] - boxes[:, 2:] - boxes[:, :2]) / 2
    assert abs(np.log(sides / truth).std() - 0.07) < 0.01
    assert abs(middles.std() / 30 - 0.05) < 0.01
    assert abs(middles.mean()) < 0.2


def test_false_boxes_are_of_halves_pairs_and_any_place():
    """Of many glyphs: more are none than characters, and each way to be wrong occurs."""
    n = 60
    boxes = np.array([(20 * k, 30, 20 * k + 18, 60) for k in range(n)], np.float32)
    many = Scene(np.full((96, 20 * n), 255, np.uint8), boxes, ("3",) * n,
                 np.full(n, 30, np.float32), np.ones(n, np.float32))  # fmt: skip
    found = np.concatenate([false_boxes(many, np.random.default_rng(k)) for k in range(20)])
    sides = found[:, 2:] - found[:, :2]
    assert ((sides[:, 0] < 12) & (sides[:, 1] == 30)).sum() > 20  # left or right parts
    assert ((sides[:, 0] == 18) & (sides[:, 1] < 20)).sum() > 20  # upper or lower parts
    assert ((sides[:, 0] == 38) & (sides[:, 1] == 30)).sum() > 10  # pairs
    classes = true_characters(found, many)
    assert (classes == NONE).sum() > 3 * (classes == 3).sum()


def test_some_scenes_are_turned():
    kinds = [
        len(windows_of(scene(), DarkBoxes(), np.random.default_rng(seed)).images)
        for seed in range(120)
    ]
    assert 1 <= sum(n <= 1 for n in kinds) <= 20  # the 3 alone, which is then no digit


def test_windows_show_the_glyphs_of_their_classes_and_what_the_page_network_reports():
    """The page network of this test takes every dark box for a seven."""
    rng = np.random.default_rng(1)  # the first draw of which turns no scene
    network = DarkBoxes()
    found = windows_of(scene(), network, rng)
    assert found.images.shape == (len(found.characters), SIDE, SIDE)
    assert len(network.seen) == 1
    counts = np.bincount(found.characters, minlength=NONE + 1)
    assert counts[3] == counts[OTHER] == 2  # its true box, and the reported one
    assert counts[CHARACTERS.index(".")] == 1  # which is too small for the page network
    assert counts[NONE] >= 1
    reported = windows(scene().picture, BOXES[:1])[0].astype(int)
    distances = np.abs(found.images[found.characters == 3] - reported).mean(axis=(1, 2))
    assert distances.min() < 5


@pytest.mark.parametrize(("quarters", "kept"), [(1, "23457"), (2, "347"), (3, "23457")])
def test_turned_digits_are_no_digits_if_they_cannot_be_read_so(quarters, kept, rng):
    for digit in "0123456789":
        found = turned_windows(scene((digit, "x", ".")), quarters, rng)
        assert found.characters.tolist() == ([OTHER] if digit in kept else [])


def test_turned_windows_show_the_turned_glyph(rng):
    grey = np.random.default_rng(0).integers(0, 256, (96, 128)).astype(np.uint8)
    upright = windows(grey, BOXES[:1])[0].astype(int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.page_reader.windows.moved", lambda boxes, rng: boxes)
        (window,) = turned_windows(scene(picture=grey), 1, rng).images
    assert np.abs(window - np.rot90(upright)).mean() < 3
    assert np.abs(window - upright).mean() > 10
