"""Distorted images: known moves to the bit, SciPy's sampling, and draws that keep their limits."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from digitnn.data.augmentation.apply import augment_batch
from digitnn.data.augmentation.distortion import (
    Distortion,
    affine_points,
    distort,
    sample,
    smooth_noise,
)
from digitnn.errors import UsageError
from digitnn.network.codec import to_json

FULL = Distortion(degrees=10, scale=0.1, shear=0.1, shift=1.5, elastic=0.7, smoothness=4)
CENTRE = 13.5


def points(n=1, degrees=0.0, scale=(1.0, 1.0), shear=0.0, shift=(0.0, 0.0), h=28, w=28):
    """The points of n equal maps."""
    each = [np.full(n, degrees), np.tile(scale, (n, 1)), np.full(n, shear), np.tile(shift, (n, 1))]
    return affine_points(h, w, *(amounts.astype(float) for amounts in each))


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (40, 28, 28)).astype(np.uint8)


@pytest.fixture(scope="module")
def blobs():
    """A soft blob of ink in the middle of each of 400 images."""
    y, x = np.indices((28, 28)) - CENTRE
    blob = 255 * np.exp(-((y / 5) ** 2 + (x / 3) ** 2))
    return np.repeat(np.rint(blob).astype(np.uint8)[None], 400, axis=0)


def test_no_distortion_returns_equal_images_in_an_array_of_their_own(images, rng):
    same = distort(images, Distortion(), rng)
    np.testing.assert_array_equal(same, images)
    assert same.dtype == np.uint8
    assert not np.shares_memory(same, images)


@pytest.mark.parametrize(("down", "across"), [(1, 0), (0, 1), (-2, 3), (30, 0), (0, -28)])
def test_a_shift_by_whole_pixels_moves_each_pixel_and_brings_in_paper(images, down, across):
    moved = sample(images, points(len(images), shift=(down, across)))
    wide = np.pad(images, ((0, 0), (30, 30), (30, 30)))
    expected = wide[:, 30 - down : 58 - down, 30 - across : 58 - across]
    np.testing.assert_array_equal(moved, expected)


def test_a_shift_by_half_a_pixel_is_the_mean_of_two():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 5, 7] = 200
    moved = sample(image, points(shift=(0.0, 0.5)))
    assert moved[0, 5, 6:10].tolist() == [0, 100, 100, 0]
    assert moved.sum() == 200


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_a_turn_by_90_degrees_is_that_of_numpy(images, quarters):
    turned = sample(images, points(len(images), degrees=90 * quarters))
    np.testing.assert_array_equal(turned, np.rot90(images, quarters, axes=(1, 2)))


def test_twice_the_scale_takes_each_pixel_half_as_far_from_the_centre():
    y, x = points(scale=(2.0, 1.0))[:, 0]
    np.testing.assert_allclose(y[:, 3], CENTRE + (np.arange(28) - CENTRE) / 2)
    np.testing.assert_array_equal(x[3], np.arange(28))


def test_a_shear_moves_each_row_sideways_by_its_distance_from_the_centre():
    y, x = points(shear=0.5)[:, 0]
    np.testing.assert_array_equal(y[:, 9], np.arange(28))
    np.testing.assert_allclose(x[:, 9], 9 - 0.5 * (np.arange(28) - CENTRE))


def test_ink_is_scaled_then_slanted_then_turned_then_shifted(rng):
    degrees, shear = rng.uniform(-60, 60, 5), rng.uniform(-1, 1, 5)
    scale, shift = rng.uniform(0.5, 2, (5, 2)), rng.uniform(-4, 4, (5, 2))
    found = affine_points(20, 24, degrees, scale, shear, shift)
    for i, angle in enumerate(np.radians(degrees)):
        y, x = found[:, i] - np.array([9.5, 11.5])[:, None, None]  # where the ink comes from
        y, x = y * scale[i, 0], x * scale[i, 1]
        x = x + shear[i] * y
        y, x = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
        y, x = y + shift[i, 0] + 9.5, x + shift[i, 1] + 11.5
        np.testing.assert_allclose([y, x], np.indices((20, 24)), atol=1e-4)


def test_sampling_is_that_of_scipy_on_random_points_inside_and_out(images, rng):
    where = rng.uniform(-6, 34, (2, len(images), 28, 28)).astype(np.float32)
    ours = sample(images, where)
    theirs = [
        ndimage.map_coordinates(image.astype(float), at, order=1, mode="grid-constant", cval=0)
        for image, at in zip(images, where.swapaxes(0, 1), strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, atol=0.5 + 1e-3)  # rounded to whole grey levels


def test_images_need_not_be_square(rng):
    images = rng.integers(0, 256, (3, 20, 31)).astype(np.uint8)
    np.testing.assert_array_equal(distort(images, Distortion(), rng), images)
    assert distort(images, FULL, rng).shape == (3, 20, 31)


@pytest.mark.parametrize("smoothness", [0.5, 3.0, 4.0, 8.0])
def test_smooth_noise_has_mean_0_and_deviation_1_at_every_pixel(smoothness, rng):
    fields = smooth_noise(20_000, 28, 12, smoothness, rng)
    assert fields.shape == (2, 20_000, 28, 12)
    np.testing.assert_allclose(fields.mean(axis=1), 0, atol=0.04)
    np.testing.assert_allclose(fields.std(axis=1), 1, atol=0.03)


@pytest.mark.parametrize("smoothness", [2.0, 4.0])
def test_smooth_noise_correlates_as_white_noise_after_a_gaussian_filter(smoothness, rng):
    ours = smooth_noise(20_000, 28, 28, smoothness, rng)
    response = np.zeros((101, 101))
    response[50, 50] = 1
    response = ndimage.gaussian_filter(response, smoothness, truncate=8)
    for down, across in [(0, 0), (0, 3), (4, 0), (3, 5), (9, 9)]:
        theirs = (response * np.roll(response, (down, across), (0, 1))).sum() / (response**2).sum()
        for y, x in [(0, 0), (12, 8)]:  # at the edge and within
            products = ours[:, :, y, x] * ours[:, :, y + down, x + across]
            np.testing.assert_allclose(products.mean(axis=1), theirs, atol=0.05)
    assert abs((ours[0, :, 9, 9] * ours[1, :, 9, 9]).mean()) < 0.03  # down and across: independent


def test_elastic_is_the_deviation_of_the_displacement_in_pixels(rng):
    ramp = np.repeat(np.arange(28, dtype=np.uint8)[None, :, None] * 8, 28, axis=2)
    bent = distort(np.repeat(ramp, 2000, axis=0), Distortion(elastic=0.9), rng)
    rows_moved = (bent[:, 10:18, 8:20] / 8.0 - np.arange(10, 18)[:, None]).std()
    assert rows_moved == pytest.approx(0.9, abs=0.03)


def moments(images):
    """Ink, centre and spread of each image: total, mean (y, x), covariance."""
    ink = images.reshape(len(images), -1).astype(float)
    where = np.indices(images.shape[1:]).reshape(2, -1)
    total = ink.sum(axis=1)
    centre = ink @ where.T / total[:, None]
    from_centre = where - centre[:, :, None]
    spread = np.einsum("np,nip,njp->nij", ink, from_centre, from_centre) / total[:, None, None]
    return total, centre, spread


def test_shifts_fill_their_limits_evenly_and_keep_to_them(blobs, rng):
    total, centre, _ = moments(distort(blobs, Distortion(shift=2), rng))
    moved = centre - CENTRE
    assert np.abs(moved).max() == pytest.approx(2, abs=0.05)
    np.testing.assert_allclose(moved.std(axis=0), 2 / np.sqrt(3), rtol=0.08)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.15
    np.testing.assert_allclose(total, moments(blobs)[0], rtol=0.02)


def test_scales_of_height_and_width_differ_and_keep_to_their_limits(blobs, rng):
    total, _, spread = moments(distort(blobs, Distortion(scale=0.2), rng))
    stretched = np.sqrt(spread[:, [0, 1], [0, 1]] / moments(blobs)[2][:, [0, 1], [0, 1]])
    assert stretched.min() == pytest.approx(0.8, abs=0.03)
    assert stretched.max() == pytest.approx(1.2, abs=0.03)
    assert abs(np.corrcoef(stretched.T)[0, 1]) < 0.15
    np.testing.assert_allclose(total / moments(blobs)[0], stretched.prod(axis=1), rtol=0.03)


def test_turns_keep_to_their_limits_either_way(blobs, rng):
    _, _, spread = moments(distort(blobs, Distortion(degrees=20), rng))
    axis = np.linalg.eigh(spread)[1][:, :, 1]
    turned = np.degrees(np.arctan(axis[:, 1] / axis[:, 0]))
    assert turned.min() == pytest.approx(-20, abs=0.8)
    assert turned.max() == pytest.approx(20, abs=0.8)
    assert turned.std() == pytest.approx(20 / np.sqrt(3), rel=0.08)


def test_slants_keep_to_their_limits_either_way(blobs, rng):
    _, _, spread = moments(distort(blobs, Distortion(shear=0.3), rng))
    slant = spread[:, 0, 1] / spread[:, 0, 0]
    assert slant.min() == pytest.approx(-0.3, abs=0.02)
    assert slant.max() == pytest.approx(0.3, abs=0.02)


def test_all_together_keep_about_as_much_ink(blobs, rng):
    total = moments(distort(blobs, FULL, rng))[0] / moments(blobs)[0]
    assert total.mean() == pytest.approx(1, abs=0.02)
    assert 0.6 < total.min() < total.max() < 1.5


def test_seed_and_step_decide_the_batch_and_nothing_else_does(images):
    first = augment_batch(images, FULL, seed=3, step=7)
    augment_batch(images, FULL, seed=3, step=8)
    np.testing.assert_array_equal(augment_batch(images, FULL, seed=3, step=7), first)
    for seed, step in [(3, 8), (4, 7), (7, 3)]:
        assert (augment_batch(images, FULL, seed, step) != first).any()
    twice = augment_batch(np.repeat(images[:1], 2, axis=0), FULL, 0, 0)
    assert (twice[0] != twice[1]).any()


def test_batches_made_by_several_threads_are_those_made_by_one(images):
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda step: augment_batch(images, FULL, 0, step), range(24)))
    for step, batch in enumerate(found):
        np.testing.assert_array_equal(batch, augment_batch(images, FULL, 0, step))


@pytest.mark.parametrize("field", ["degrees", "scale", "shear", "shift", "elastic", "smoothness"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "5", None])
def test_what_is_no_finite_amount_is_refused_by_name(field, value):
    expected = f"^Distortion: {field} must be a finite number of at least 0, got {value!r}$"
    with pytest.raises(UsageError, match=expected):
        replace(FULL, **{field: value})


def test_a_scale_that_would_leave_nothing_and_noise_that_is_not_smooth_are_refused():
    with pytest.raises(UsageError, match=r"^Distortion: scale must be .* below 1, got 1\.0$"):
        Distortion(scale=1.0)
    with pytest.raises(UsageError, match=r"^Distortion: smoothness must be .* above 0, got 0$"):
        Distortion(smoothness=0)


def test_a_distortion_is_written_as_plain_values():
    value = to_json(FULL, "augmentation")
    assert json.loads(json.dumps(value)) == value
    assert value == {
        "augmentation": "Distortion",
        "degrees": 10,
        "scale": 0.1,
        "shear": 0.1,
        "shift": 1.5,
        "elastic": 0.7,
        "smoothness": 4,
    }
