"""Pixels and labels of every numeric type: exact grey levels come back, others are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_collection import tiny_part

from digitnn.data.formats.values import as_labels, as_pixels
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
            r"x: expected images of shape \(n, 28, 28\) or \(n, 784\), got \(5, 783",
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


@pytest.mark.parametrize(
    "labels",
    [
        DATA.labels.astype(np.int32),
        DATA.labels.astype(np.float64),
        DATA.labels[:, None],
        DATA.labels[None, :].astype(np.float32),
        DATA.labels.astype(str),
        DATA.labels.astype("S1"),
        np.eye(10)[DATA.labels],
        np.eye(10, dtype=bool)[DATA.labels],
    ],
)
def test_labels_of_every_form_come_back(labels):
    found = as_labels(labels, "y")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, DATA.labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([3, 10]), "y: label 1 is 10; labels are 0 to 9"),
        (np.array([3, -1]), "label 1 is -1"),
        (np.array([3, 1.5]), "y must be integers, got float64: label 1 is 1.5"),
        (np.array([np.nan]), "label 0 is nan"),
        (np.array([1e30]), "label 0 is 1e"),
        (np.array(["3", "three"]), "label 'three'; labels are 0 to 9"),
        (np.ones((3, 10)), "row 0 is not one-hot"),
        (np.eye(10)[[1, 2]] * 0.5, "row 0 is not one-hot"),
        (np.full((3, 10), "a"), "one-hot labels must be numbers"),
        (np.zeros((3, 4)), r"expected labels of shape \(n,\) or one-hot \(n, 10\), got \(3, 4\)"),
        (np.zeros((3, 1, 1)), "expected labels of shape"),
    ],
)
def test_what_is_no_label_is_named(labels, message):
    with pytest.raises(FormatError, match=message):
        as_labels(labels, "y")
