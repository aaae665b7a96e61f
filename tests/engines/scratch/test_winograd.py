"""Winograd's minimal filtering against the sums that it stands for."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.engines.scratch import winograd as module
from digitnn.engines.scratch.winograd import MAX_POINTS, Winograd, minimal_filtering, winograd
from digitnn.engines.scratch.workspace import Workspace
from digitnn.network.layers import Conv2d

SIZES = [(m, k) for k in range(2, MAX_POINTS) for m in range(1, MAX_POINTS - k + 2)]


@pytest.mark.parametrize(("m", "k"), SIZES)
def test_minimal_filtering_is_a_correlation(m, k, rng):
    a, b, g = minimal_filtering(m, k)
    assert (a.shape, b.shape, g.shape) == ((m, m + k - 1), (m + k - 1,) * 2, (m + k - 1, k))
    inputs, weights = rng.normal(size=m + k - 1), rng.normal(size=k)
    expected = sliding_window_view(inputs, k) @ weights
    np.testing.assert_allclose(a @ ((g @ weights) * (b @ inputs)), expected, atol=1e-13)


@pytest.mark.parametrize(("m", "k"), SIZES)
def test_the_transforms_of_inputs_and_outputs_are_exact_in_single_precision(m, k):
    a, b, _ = minimal_filtering(m, k)
    np.testing.assert_array_equal(a, a.astype(np.float32))
    np.testing.assert_array_equal(b, b.astype(np.float32))


def absolute_bound(found: Winograd, x, kernels, k):
    """The sum of the absolute values of all terms of each output.

    Each rounding error is at most 2^-24 of a partial sum, which is at most this.
    """
    down, across = found.down, found.across
    p, q, u = len(down.g), len(across.g), kernels.shape[3]
    inputs = np.einsum("yh,zw,hwnc->yznc", *map(np.abs, (down.b, across.b, x)))
    weights = np.einsum("pi,qj,ijcu->pqcu", *map(np.abs, (down.g, across.g, kernels)))
    grouped = inputs.reshape(p, -1, q, inputs.shape[1] // q, *inputs.shape[2:])
    products = np.einsum("psqtnc,pqcu->psqtnu", grouped, weights)
    products = products.reshape(*inputs.shape[:3], u)
    return np.einsum("ay,bz,yznu->abnu", *map(np.abs, (down.a, across.a)), products)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("pixels", [(12, 12), (5, 9), (7, 4), (3, 3)])
@pytest.mark.parametrize("k", [2, 3])
def test_planes_of_any_size_are_convolved_up_to_rounding(k, pixels, padding, rng, monkeypatch):
    monkeypatch.setattr(module, "MAX_SHARE", np.inf)  # also where it takes more multiplications
    conv, (h, w), n, c = Conv2d(24, k, padding=min(padding, k - 1)), pixels, 3, 20
    x = rng.normal(size=(h, w, n, c)).astype(np.float32)
    kernels = rng.normal(size=(k, k, c, 24)).astype(np.float32)
    found = winograd(conv, (c, h, w), kernels.reshape(-1, 24))
    assert found is not None
    pad = ((conv.padding,) * 2,) * 2
    windows = sliding_window_view(np.pad(x, (*pad, (0, 0), (0, 0))), (k, k), axis=(0, 1))
    expected = np.einsum("abncij,ijcu->abnu", windows.astype(np.float64), kernels)
    roundings = c + h + w + sum(found.down.a.shape + found.across.a.shape) + k * k
    tolerance = roundings * 2.0**-24 * absolute_bound(found, x, kernels, k)
    error = np.abs(found(x, Workspace()) - expected)
    assert error.shape == expected.shape
    assert (error <= tolerance).all()
    assert tolerance.max() < 0.01 * np.abs(expected).max()  # else any answer would pass


def test_a_convolution_of_five_by_five_pixels_takes_two_tiles_of_three():
    found = winograd(Conv2d(128, 3, padding=1), (80, 5, 5), np.zeros((720, 128), np.float32))
    assert found is not None
    assert found.kernels.shape == (5, 1, 5, 80, 128)
    assert found.down.a.shape == (5, 10)
    assert found.down.b.shape == (10, 5)


@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (Conv2d(64, 3, stride=2), (64, 12, 12)),
        (Conv2d(64, 1), (64, 12, 12)),
        (Conv2d(64, MAX_POINTS), (64, 12, 12)),
        (Conv2d(32, 5), (1, 28, 28)),
        (Conv2d(64, 3, padding=1), (32, 200, 200)),
    ],
    ids=["stride", "one pixel", "large kernel", "one channel", "large planes"],
)
def test_there_is_none_where_it_would_not_pay(conv, shape):
    kernels = np.zeros((conv.kernel**2 * shape[0], conv.channels), np.float32)
    assert winograd(conv, shape, kernels) is None
