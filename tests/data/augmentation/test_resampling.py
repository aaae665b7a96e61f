import numpy as np
import pytest

from digitnn.data.augmentation.resampling import bounding_boxes, resample_windows, window_weights

RNG = np.random.default_rng(0)


def test_the_window_of_the_whole_image_at_its_own_size_is_the_image():
    images = RNG.random((3, 8, 8), np.float32)
    whole = resample_windows(
        images, np.zeros((3, 2), np.float32), np.full((3, 2), 8, np.float32), 8
    )
    np.testing.assert_allclose(whole, images, atol=1e-6)


def test_halved_each_pixel_is_a_weighted_mean_and_the_ink_stays():
    images = np.zeros((1, 8, 8), np.float32)
    images[0, 3:5, 3:5] = 1
    small = resample_windows(
        images, np.zeros((1, 2), np.float32), np.full((1, 2), 8, np.float32), 4
    )
    assert small.sum() * 4 == pytest.approx(images.sum(), rel=1e-5)
    np.testing.assert_allclose(small[0], small[0].T, atol=1e-6)


def test_enlarged_a_slope_stays_a_slope():
    slope = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 8, 8))
    start, extent = np.array([[2, 2]], np.float32), np.array([[2, 2]], np.float32)
    found = resample_windows(slope, start, extent, 4)[0, 0]
    np.testing.assert_allclose(found, [1.75, 2.25, 2.75, 3.25], atol=1e-6)


def test_each_image_has_its_own_window():
    images = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None], (2, 8, 8))
    starts = np.array([[0, 0], [4, 0]], np.float32)
    found = resample_windows(images, starts, np.full((2, 2), 4, np.float32), 4)
    np.testing.assert_allclose(found[:, :, 1], [[0, 1, 2, 3], [4, 5, 6, 7]], atol=1e-6)


def test_what_lies_outside_is_paper():
    shares = window_weights(np.array([-4], np.float32), np.array([4], np.float32), 8, 4)
    assert shares.shape == (1, 4, 8)
    assert shares[0, :3].sum() == 0


def test_boxes_are_where_something_is_set_and_everything_where_nothing_is():
    ink = np.zeros((2, 6, 7), bool)
    ink[0, 2:5, 3:4] = True
    starts, extents = bounding_boxes(ink)
    assert starts.tolist() == [[2, 3], [0, 0]]
    assert extents.tolist() == [[3, 1], [6, 7]]
