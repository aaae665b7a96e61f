"""Pixels of every numeric type and size: exact grey levels come back, others are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_collection import tiny_part

from digitnn.data.formats.values import as_pixels, square_side
from digitnn.errors import FormatError

DATA = tiny_part(30, seed=5)
FLAT = DATA.images.reshape(30, 784)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(784,), (28, 28), (1, 28, 28), (28, 28, 1)])
def test_grey_levels_of_any_type_and_shape_come_back_exactly(dtype, shape):
    found = as_pixels(FLAT.astype(dtype).reshape(30, *shape), "x")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, DATA.images)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_scaled_by_255_or_256_come_back_exactly(dtype):
    np.testing.assert_array_equal(as_pixels((FLAT / 255).astype(dtype), "x"), DATA.images)
    np.testing.assert_array_equal(as_pixels((FLAT / 256).astype(dtype), "x"), DATA.images)


def test_a_scale_holds_for_all_blocks_of_a_large_array(monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.values._BLOCK", 7)
    sparse = np.zeros((30, 784))
    sparse[29] = np.arange(784) % 256 / 256  # the first blocks fit both scales
    np.testing.assert_array_equal(as_pixels(sparse, "x")[29].ravel(), np.arange(784) % 256)


@given(st.integers(0, 255), st.sampled_from([255.0, 256.0]), st.sampled_from(["f2", "f4", "f8"]))
def test_every_level_survives_scaling_unless_its_type_is_too_coarse(level, scale, dtype):
    values = np.zeros((1, 784), dtype)
    values[0, 0], values[0, 1] = level / scale, 1 / scale
    try:
        found = as_pixels(values, "x")
    except FormatError:
        assert dtype == "f2"
    else:
        assert found.ravel()[:2].tolist() == [level, 1]


def test_truth_values_are_levels_as_they_are():
    assert as_pixels(np.ones((2, 784), bool), "x").max() == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((5, 783)),
            r"x: expected images of shape \(n, h, w\), or flat rows .* or more, got \(5, 783",
        ),
        (np.zeros(784), r"got \(784,\)"),
        (np.zeros((5, 784), complex), "pixels must be numbers, got complex128"),
        (np.full((5, 784), 256), "pixel 0 of image 0 is 256, which is not 0 to 255"),
        (np.full((5, 784), -1), "pixel 0 of image 0 is -1"),
        (np.full((5, 784), 255.5), "is 255.5, which is not 0 to 255"),
        (np.full((5, 784), np.nan), "is nan, which is not 0 to 255"),
        (np.full((5, 784), -0.42), "not standardised ones"),
        (np.full((5, 784), 7.5), "is 7.5, which is no whole number"),
        (np.full((5, 784), 0.5013), r"is 0.5013, which is not k / 255 or k / 256"),
    ],
)
def test_what_is_no_grey_level_is_named_with_its_place(values, message):
    with pytest.raises(FormatError, match=message):
        as_pixels(values, "x")


def test_the_first_wrong_pixel_is_named_in_a_later_block(monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.values._BLOCK", 7)
    values = FLAT.astype(np.int64)
    values[20, 300] = 999
    with pytest.raises(FormatError, match="pixel 300 of image 20 is 999"):
        as_pixels(values, "x")


@pytest.mark.parametrize("shape", [(5, 9), (64, 48), (8, 8), (1, 1)])
def test_images_of_any_size_keep_it(shape):
    images = np.random.default_rng(0).integers(17, 256, (3, *shape), np.uint8)
    for axes in (images, images[:, None], images[..., None]):
        np.testing.assert_array_equal(as_pixels(axes.astype(np.float32), "x"), images)


def test_flat_rows_are_square_images_from_seven_pixels_a_side():
    assert [square_side(n) for n in (36, 49, 63, 64, 784, 785)] == [None, 7, None, 8, 28, None]
    images = np.arange(128).reshape(2, 8, 8) % 250
    np.testing.assert_array_equal(as_pixels(images.reshape(2, 64), "x"), images)
    with pytest.raises(FormatError, match="flat rows of a square number of pixels"):
        as_pixels(np.zeros((5, 4)), "x")  # the iris flowers are no images


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_levels_up_to_sixteen_are_scaled_with_a_note(dtype, caplog):
    levels = np.resize(np.arange(17), (2, 64)).astype(dtype)
    found = as_pixels(levels, f"digits of {np.dtype(dtype)}")
    assert found.reshape(-1)[:17].tolist() == [round(n * 255 / 16) for n in range(17)]
    assert caplog.messages == [
        f"digits of {np.dtype(dtype)}: grey levels 0 to 16, scaled to 0 to 255"
    ]
    assert as_pixels(levels + levels.dtype.type(1), "x").max() == 17  # any higher level: as it is
