"""Disturbed images: each kind alone does what it says, shares are kept, the seed decides."""

from dataclasses import fields, replace

import numpy as np
import pytest

from digitnn.data.augmentation.apply import augment_batch
from digitnn.data.augmentation.distortion import Distortion
from digitnn.data.augmentation.disturbance import Disturbance, disturb
from digitnn.errors import UsageError

PROBABILITIES = [field.name for field in fields(Disturbance) if field.name != "shape"]
NOTHING = Disturbance(**dict.fromkeys(PROBABILITIES, 0.0))
"""Even so nothing is plain."""


@pytest.fixture
def strokes():
    """400 upright strokes, 4 pixels wide, 16 high, of ink 200."""
    images = np.zeros((400, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 200
    return images


def only(rng, images, **shares):
    return disturb(images, replace(NOTHING, **shares), rng)


def test_without_any_share_images_stay(strokes, rng):
    np.testing.assert_array_equal(only(rng, strokes), strokes)


def test_plain_images_are_kept_from_all_else(strokes, rng):
    kept = only(rng, strokes, plain=0.3, uneven=1.0, grainy=1.0, negative=1.0)
    share = (kept == strokes).all(axis=(1, 2)).mean()
    assert 0.22 < share < 0.38


@pytest.mark.parametrize("name", [name for name in PROBABILITIES if name != "plain"])
def test_a_share_of_the_images_is_changed_each_in_its_own_way(name, strokes, rng):
    changed = only(rng, strokes, **{name: 0.4})
    different = (changed != strokes).any(axis=(1, 2))
    expected = 0.8 if name == "hollow" else 0.4  # as many again get another pen
    assert abs(different.mean() - expected) < 0.1
    assert len({image.tobytes() for image in changed[different]}) > 0.5 * different.sum()


def test_the_shape_is_distorted_as_told(strokes, rng):
    moved = disturb(strokes, replace(NOTHING, shape=Distortion(shift=3)), rng)
    columns = moved.sum(axis=1) @ np.arange(28) / moved.sum(axis=(1, 2)) - 13.5
    assert -3 <= columns.min() < -2
    assert 2 < columns.max() <= 3


def test_hollow_strokes_lose_what_was_ink(strokes, rng):
    hollow = only(rng, strokes, hollow=1.0)
    inside = hollow[:, 8:20, 13:15]
    assert not inside.any()
    assert (hollow.max(axis=(1, 2)) > 200).all()


def test_a_negative_is_one_from_side_to_side(strokes, rng):
    negative = only(rng, strokes, negative=1.0)
    inverted = negative == 255 - strokes
    assert ((negative == strokes) | inverted).all()
    whole_rows, whole_columns = inverted.all(axis=2), inverted.all(axis=1)
    by_row = (inverted == whole_rows[:, :, None]).all(axis=(1, 2))
    by_column = (inverted == whole_columns[:, None, :]).all(axis=(1, 2))
    assert (by_row | by_column).all()
    assert 0.3 < by_row.mean() < 0.7


def test_an_uneven_ground_leaves_the_stroke_darker_than_its_surroundings(strokes, rng):
    uneven = only(rng, strokes, uneven=1.0).astype(int)
    stroke, beside = uneven[:, 13, 14], uneven[:, 13, 17]
    assert (stroke >= beside).mean() > 0.97
    assert beside.max() > 100


def test_a_stroke_across_only_adds_ink(strokes, rng):
    crossed = only(rng, strokes, crossed=1.0)
    assert (crossed >= strokes).all()
    added = (crossed > strokes).mean(axis=(1, 2))
    assert 0.01 < np.median(added) < 0.15


def test_a_kernel_neither_makes_nor_loses_much_ink(strokes, rng):
    smeared = only(rng, strokes, smeared=1.0)
    ratio = smeared.sum(axis=(1, 2)) / strokes[0].sum()
    assert ratio.min() > 0.9
    assert ratio.max() < 1.55
    assert (smeared.max(axis=(1, 2)) <= 255).all()


def test_a_step_of_a_training_decides_what_is_drawn(strokes):
    limits = Disturbance()
    once = augment_batch(strokes, limits, seed=5, step=7)
    np.testing.assert_array_equal(once, augment_batch(strokes, limits, seed=5, step=7))
    assert (once != augment_batch(strokes, limits, seed=5, step=8)).any()
    assert (once.dtype, once.shape) == (np.uint8, strokes.shape)
    assert augment_batch(strokes[:0], limits, 0, 0).shape == (0, 28, 28)
    assert augment_batch(strokes[:1], limits, 0, 0).shape == (1, 28, 28)


@pytest.mark.parametrize("name", [field.name for field in fields(Disturbance)][1:])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "0.5"])
def test_a_share_is_a_probability(name, value):
    with pytest.raises(
        UsageError, match=f"Disturbance: {name} must be .* at least 0 and at most 1"
    ):
        Disturbance(**{name: value})
