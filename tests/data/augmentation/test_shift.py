"""Moving images by whole pixels."""

from collections import Counter

import numpy as np
import pytest

from digitnn.data.augmentation.distortion import Shift, shift
from digitnn.errors import UsageError


def test_every_image_is_moved_by_whole_pixels_and_all_ways_are_equally_likely(rng):
    images = np.zeros((9000, 28, 28), np.uint8)
    images[:, 10, 20] = 200
    moved = shift(images, Shift(1), rng)
    n, rows, columns = np.nonzero(moved)
    assert (moved[n, rows, columns] == 200).all()
    np.testing.assert_array_equal(n, np.arange(9000))
    found = Counter(zip(rows.tolist(), columns.tolist(), strict=True))
    assert found.keys() == {(y, x) for y in (9, 10, 11) for x in (19, 20, 21)}
    assert all(850 < count < 1150 for count in found.values())  # 1000 +- 30


def test_a_whole_digit_keeps_its_form(digits, rng):
    image = digits.images[:1]
    moved = shift(np.repeat(image, 20, axis=0), Shift(2), rng)
    padded = np.pad(image[0], 2)
    ways = [padded[y : y + 28, x : x + 28].tobytes() for y in range(5) for x in range(5)]
    assert {one.tobytes() for one in moved} <= set(ways)
    assert len({one.tobytes() for one in moved}) > 5


def test_what_leaves_is_gone_and_what_comes_in_is_paper():
    images = np.full((200, 28, 28), 255, np.uint8)
    moved = shift(images, Shift(28), np.random.default_rng(0))
    assert set(np.unique(moved)) == {0, 255}
    assert (moved.reshape(200, -1).max(axis=1) == 0).any()  # 28 pixels away nothing is left


def test_none_is_moved_by_zero_pixels_and_nothing_given_is_changed(digits, rng):
    before = digits.images.copy()
    np.testing.assert_array_equal(shift(digits.images, Shift(0), rng), before)
    shift(digits.images, Shift(3), rng)
    np.testing.assert_array_equal(digits.images, before)


@pytest.mark.parametrize("pixels", [-1, 29, 1.0, True, "1"])
def test_other_numbers_of_pixels_are_refused(pixels):
    with pytest.raises(UsageError, match="whole number of at least 0 and at most 28, got"):
        Shift(pixels)
