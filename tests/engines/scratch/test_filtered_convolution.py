"""Convolution by minimal filtering in training, against finite differences and direct products."""

import numpy as np
import pytest
from gradients import assert_is_gradient

from digitnn.engines.scratch import convolution, winograd
from digitnn.engines.scratch.convolution import correlate, pixels_last
from digitnn.engines.scratch.winograd import axes
from digitnn.network.layers import Conv2d

CASES = [
    (Conv2d(24, 5), (20, 9, 12)),
    (Conv2d(24, 3, padding=1), (20, 7, 7)),
    (Conv2d(16, 3), (12, 10, 5)),
    (Conv2d(16, 2, padding=1), (12, 6, 9)),
]
cases = pytest.mark.parametrize(("conv", "shape"), CASES, ids=str)


@pytest.fixture(autouse=True)
def filtered(monkeypatch):
    """Filter also where it takes more multiplications."""
    monkeypatch.setattr(winograd, "MAX_SHARE", np.inf)
    axes.cache_clear()
    yield
    axes.cache_clear()


def drawn(conv, shape, rng, n=3):
    """x and weights with the memory layout of a training."""
    (c, h, w), k, u = shape, conv.kernel, conv.channels
    x = pixels_last(rng.normal(size=(h, w, n, c)))
    return x, rng.normal(size=(u, k, k, c)).transpose(0, 3, 1, 2)


def directly(conv, weight, x, monkeypatch):
    """The output, and the backward function, by products of patches."""
    with monkeypatch.context() as patch:
        patch.setattr(convolution, "axes", lambda conv, shape: None)
        return correlate(conv, weight, x)


@cases
def test_gradients_are_the_slopes_of_finite_differences(conv, shape, rng):
    x, weight = drawn(conv, shape, rng)
    assert axes(conv, shape) is not None
    y, backward = correlate(conv, weight, x)
    dy = rng.normal(size=y.shape)
    dx, dweight = backward(dy, True, True)
    assert_is_gradient(dx, lambda x: np.vdot(dy, correlate(conv, weight, x)[0]), x, rng)
    assert_is_gradient(dweight, lambda w: np.vdot(dy, correlate(conv, w, x)[0]), weight, rng)
    np.testing.assert_array_equal(backward(dy, True, False)[0], dx)
    np.testing.assert_array_equal(backward(dy, False, True)[1], dweight)
    assert backward(dy, True, False)[1] is None
    assert backward(dy, False, True)[0] is None


@cases
def test_results_are_those_of_direct_products_to_rounding(conv, shape, rng, monkeypatch):
    """Double precision, some 1,000 summands of size 1, points that stretch rounding 100 times."""
    x, weight = drawn(conv, shape, rng)
    y, backward = correlate(conv, weight, x)
    expected_y, expected_backward = directly(conv, weight, x, monkeypatch)
    dy = rng.normal(size=y.shape)
    found = [y, *backward(dy, True, True)]
    for mine, other in zip(found, [expected_y, *expected_backward(dy, True, True)], strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-11 * np.abs(other).max())


def test_single_precision_is_off_by_a_hundred_thousandth_of_the_largest_number(rng, monkeypatch):
    """Seen: 1e-6 for y, 4e-6 for dweight; direct products are off by 4e-7."""
    conv, shape = Conv2d(64, 5), (32, 12, 12)
    x, weight = drawn(conv, shape, rng, n=32)
    y, backward = correlate(conv, weight.astype(np.float32), x.astype(np.float32))
    expected_y, expected_backward = directly(conv, weight, x, monkeypatch)
    dy = rng.normal(size=y.shape)
    found = [y, *backward(dy.astype(np.float32), True, True)]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    for mine, other in zip(found, [expected_y, *expected_backward(dy, True, True)], strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5 * np.abs(other).max())


def test_strides_and_first_layers_are_not_filtered(monkeypatch):
    monkeypatch.undo()
    axes.cache_clear()
    assert axes(Conv2d(16, 3, stride=2), (16, 12, 12)) is None
    assert axes(Conv2d(32, 5), (1, 28, 28)) is None
    assert axes(Conv2d(64, 5), (32, 12, 12)) is not None
