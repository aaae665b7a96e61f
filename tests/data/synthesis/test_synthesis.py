from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from numpy.testing import assert_array_equal
from small_trainings import CNN

from digitnn.data.augmentation.resampling import bounding_boxes, fit_to_image
from digitnn.data.dataset import NON_DIGIT, Dataset
from digitnn.data.synthesis import SyntheticMix, generate
from digitnn.data.synthesis.digits import DRAWERS
from digitnn.data.synthesis.fonts import LETTERS, draw_characters
from digitnn.data.synthesis.generate import (
    add_synthetic,
    blots,
    draw_all,
    half_digits,
    touching_pairs,
)
from digitnn.data.synthesis.pen import arc, draw, smooth
from digitnn.data.synthesis.shapes import FIGURES, scribble
from digitnn.errors import DataError, UsageError
from digitnn.network.layers import SoftmaxCrossEntropy
from digitnn.runs.experiment import TrainingData, training_set

FONTS = [Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    images = draw_all([DRAWERS[i % 10] for i in range(100)], rng())
    return Dataset(images, (np.arange(100) % 10).astype(np.uint8), "drawn")


def longest_sides(ink):
    return bounding_boxes(ink)[1].max(axis=1)


def test_a_pen_leaves_a_line_of_its_width_on_twenty_pixels():
    image = draw([[(0, 0), (0, 5)]], 3)
    rows = np.flatnonzero(image.max(axis=1) > 127)
    assert (rows[0], rows[-1]) == (4, 23)
    assert image[14].sum() / 255 == pytest.approx(3, abs=0.05)
    assert image[14].argmax() in (12, 13, 14)


def test_a_stroke_of_one_point_is_a_dot():
    image = draw([[(3, 7)]], 4)
    assert image.sum() / 255 == pytest.approx(np.pi * 4, rel=0.05)


def test_an_arc_keeps_its_radii_and_a_spline_goes_through_its_points():
    ring = np.array(arc((1, 2), (3, 4), 0, 360))
    np.testing.assert_allclose(((ring - [1, 2]) / [3, 4]).__pow__(2).sum(axis=1), 1)
    points = [(0.0, 0.0), (1.0, 2.0), (3.0, 1.0)]
    curve = smooth(points, steps=4)
    assert [curve[0], curve[4], curve[8]] == points


@pytest.mark.parametrize(
    "drawer", [*DRAWERS, *dict.fromkeys(FIGURES), scribble], ids=lambda d: d.__name__
)
def test_every_drawing_fits_its_box_and_differs_from_the_next(drawer):
    images = draw_all([drawer] * 20, rng(3))
    assert longest_sides(images > 127).min() >= 18
    assert longest_sides(images > 127).max() <= 21
    assert len({image.tobytes() for image in images}) == 20


def test_a_half_is_half_of_a_digit_and_never_of_one_whose_half_is_a_digit(digits):
    with pytest.raises(ValueError, match="empty"):
        half_digits(digits[digits.labels == 1], 4, rng())
    found = half_digits(digits[np.isin(digits.labels, (0, 2))], 40, rng())
    assert found.shape == (40, 28, 28)
    tops = found[20:30]  # of 0: closed above, open below
    assert (tops[:, :13, 13:15].max(axis=(1, 2)) > 200).all()
    assert tops[:, 16:, 13:15].max() < 100


def test_glued_digits_are_two_side_by_side_that_touch(digits):
    from scipy.ndimage import label

    zeros = digits[digits.labels == 0]
    found = touching_pairs(zeros, 30, rng())

    def width_by_height(images):
        return (images > 90).any(axis=1).sum(axis=1) / (images > 90).any(axis=2).sum(axis=1)

    assert width_by_height(found).mean() > 1.6 * width_by_height(zeros.images).mean()
    joined = [label(image > 60, np.ones((3, 3)))[1] == 1 for image in found]
    assert np.mean(joined) > 0.8


def test_fitted_puts_the_longest_side_on_twenty_pixels():
    page = np.zeros((1, 60, 60), np.float32)
    page[0, 5:45, 10:20] = 0.5
    found = fit_to_image(page)[0]
    assert found.max() == 255
    rows = np.flatnonzero(found.max(axis=1) > 127)
    assert (rows[0], len(rows)) == (4, 20)


def test_lettering_says_what_it_drew():
    images, characters = draw_characters(FONTS, "T-", 40, rng())
    assert set(characters) == {"T", "-"}
    heights = (images > 127).any(axis=2).sum(axis=1)
    assert {(c, bool(h > 12)) for c, h in zip(characters, heights, strict=True)} == {
        ("T", True),
        ("-", False),
    }


def test_no_letter_is_a_digit_to_anybody():
    assert not set(LETTERS) & set("0123456789OoIilZzSsbGgq|/")


def test_blots_are_neither_blank_nor_alike():
    found = blots(30, rng())
    assert (found.max(axis=(1, 2)) == 255).all()
    assert len({image.tobytes() for image in found}) == 30


def test_what_is_beside_comes_after_the_digits_with_its_labels(digits, monkeypatch):
    monkeypatch.setattr(generate, "fetch_fonts", lambda known: FONTS)
    beside = SyntheticMix(20, 10, 30, 20, 10, 12, 11, 0, 5)
    found = add_synthetic(digits, beside)
    assert found.has_non_digits
    assert_array_equal(found.images[:100], digits.images)
    assert_array_equal(found.labels[:100], digits.labels)
    assert_array_equal(found.labels[100:120], np.arange(20) % 10)
    assert (found.labels[120:130] < 10).all()
    assert (found.labels[130:] == NON_DIGIT).all()
    assert len(found) == 100 + 20 + 10 + 88
    again = add_synthetic(digits, beside)
    assert found.fingerprint() == again.fingerprint()


def test_nothing_is_fetched_for_what_is_not_wanted(digits, monkeypatch):
    def refuse(*_):
        raise AssertionError("fetched")

    monkeypatch.setattr(generate, "fetch_fonts", refuse)
    monkeypatch.setattr(generate, "load", refuse)
    found = add_synthetic(digits, SyntheticMix(0, 0, 0, 0, 0, 0, 4, 0, 0))
    assert len(found) == 104


def test_only_a_mixed_dataset_may_hold_what_is_no_digit(digits):
    labels = np.full(2, NON_DIGIT, np.uint8)
    with pytest.raises(DataError, match="label 0 is 10"):
        Dataset(digits.images[:2], labels)
    mixed = Dataset(digits.images[:2], labels, has_non_digits=True)
    assert mixed[:1].has_non_digits
    assert mixed.counts().tolist() == [0] * 10


def test_a_count_below_nothing_is_refused():
    with pytest.raises(UsageError, match="letters must be"):
        SyntheticMix(letters=-1)


def test_a_recipe_learns_from_what_is_beside_the_split_if_it_asks_for_it(digits):
    data = TrainingData("mnist", None, digits[:80], digits[80:])
    few = replace(
        CNN,
        loss=SoftmaxCrossEntropy(no_digit=True),
        synthetic_mix=SyntheticMix(20, 0, 0, 10, 0, 0, 0, 0, 0),
    )
    assert len(training_set(few, data)) == 110
    assert training_set(few, data).has_non_digits
    assert training_set(CNN, data) is data.train
