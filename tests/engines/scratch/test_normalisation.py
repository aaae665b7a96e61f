"""BatchNorm as it learns, against the three oracles, running statistics included.

As it predicts, it is in the table of `test_scratch_layers`.
"""

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient
from whole_batches import norm_whole

from digitnn.engines.pytorch.modules import MODULES
from digitnn.engines.scratch.convolution import pixels_last
from digitnn.engines.scratch.normalisation import batch_norm
from digitnn.network.layers import BatchNorm

LAYER = BatchNorm(momentum=0.3, epsilon=1e-3)
both_shapes = pytest.mark.parametrize("shape", [(6, 5), (4, 3, 2, 5)], ids=["vectors", "planes"])


def random_params(shape, rng):
    params = {name: rng.normal(size=s) for name, s in LAYER.parameter_shapes(shape[1:]).items()}
    buffers = LAYER.buffer_shapes(shape[1:])
    return params | {name: rng.uniform(0.5, 2, size=s) for name, s in buffers.items()}


def test_output_dx_and_statistics_are_those_known_by_hand():
    """0 and 2 have mean 1 and variance 1, or 2 without bias; s = sqrt(1 + 3)."""
    params = {
        "weight": np.array([8.0]),
        "bias": np.array([100.0]),
        "running_mean": np.array([10.0]),
        "running_var": np.array([20.0]),
    }
    layer = BatchNorm(momentum=0.25, epsilon=3.0)
    y, backward, statistics = norm_whole(layer, params, np.array([[0.0], [2.0]]))
    np.testing.assert_array_equal(y, [[96], [104]])
    np.testing.assert_array_equal(statistics["running_mean"], [0.75 * 10 + 0.25 * 1])
    np.testing.assert_array_equal(statistics["running_var"], [0.75 * 20 + 0.25 * 2])
    dx, gradients = backward(np.array([[1.0], [0.0]]))
    np.testing.assert_array_equal(dx, [[1.5], [-1.5]])
    np.testing.assert_array_equal(gradients["weight"], [-0.5])
    np.testing.assert_array_equal(gradients["bias"], [1])


@both_shapes
def test_gradients_are_the_slopes_of_finite_differences(shape, rng):
    x, params = rng.normal(2, 3, size=shape), random_params(shape, rng)
    _, backward, _ = norm_whole(LAYER, params, x)
    dy = rng.normal(size=shape)
    dx, gradients = backward(dy)
    assert_is_gradient(dx, lambda x: np.vdot(dy, norm_whole(LAYER, params, x)[0]), x, rng)
    assert list(gradients) == ["weight", "bias"]
    for name, gradient in gradients.items():

        def loss(p, name=name):
            return np.vdot(dy, norm_whole(LAYER, {**params, name: p}, x)[0])

        assert_is_gradient(gradient, loss, params[name], rng)


@pytest.mark.engines
@both_shapes
def test_three_batches_are_normalised_as_by_pytorch(shape, rng):
    params = random_params(shape, rng)
    module = MODULES[BatchNorm](LAYER, shape[1:]).double().train()
    module.load_state_dict({name: torch.tensor(p) for name, p in params.items()})
    close = {"rtol": 1e-12, "atol": 1e-13}
    for _ in range(3):
        x, dy = rng.normal(2, 3, size=shape), rng.normal(size=shape)
        y, backward, statistics = norm_whole(LAYER, params, x)
        dx, gradients = backward(dy)

        module.zero_grad()
        torch_x = torch.tensor(x, requires_grad=True)
        torch_y = module(torch_x)
        torch_y.backward(torch.tensor(dy))
        np.testing.assert_allclose(y, torch_y.detach().numpy(), **close)
        np.testing.assert_allclose(dx, torch_x.grad.numpy(), **close)
        for name, p in module.named_parameters():
            np.testing.assert_allclose(gradients[name], p.grad.numpy(), **close)
        assert statistics.keys() == LAYER.buffer_shapes(shape[1:]).keys()
        for name, buffer in statistics.items():
            np.testing.assert_allclose(buffer, getattr(module, name).numpy(), **close)
        params |= statistics


@both_shapes
def test_nothing_that_comes_in_is_changed_and_single_precision_stays_single(shape, rng):
    x, dy = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    params = {name: p.astype(np.float32) for name, p in random_params(shape, rng).items()}
    given = [x, dy, *params.values()]
    before = [array.copy() for array in given]
    y, backward, statistics = norm_whole(LAYER, params, x)
    dx, gradients = backward(dy)
    np.testing.assert_array_equal(backward(dy)[0], dx)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    found = [y, dx, *gradients.values(), *statistics.values()]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


def test_running_statistics_come_to_those_of_the_data(rng):
    """With equal batches prediction ends as training does, but for the unbiased variance."""
    x = rng.normal(3, 2, size=(50, 4))
    params = {
        "weight": np.ones(4),
        "bias": np.zeros(4),
        "running_mean": np.zeros(4),
        "running_var": np.ones(4),
    }
    for _ in range(100):
        y, _, statistics = norm_whole(LAYER, params, x)
        params |= statistics
    np.testing.assert_allclose(params["running_mean"], x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(params["running_var"], x.var(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(batch_norm(LAYER, params, x)[0], y * np.sqrt(49 / 50), rtol=1e-4)


def test_many_pixels_in_single_precision_lose_nothing_to_speak_of(rng):
    """74,000 numbers a channel added one by one would be off by some 1e-5. Added by rows, columns
    and images they are off by 2^-24 times the square root of 24 + 24 + 128, that is 8e-7."""
    x = pixels_last(rng.normal(5, 1, size=(24, 24, 128, 2)).astype(np.float32))
    params = {name: p.astype(np.float32) for name, p in random_params((2, 2), rng).items()}
    y, _, statistics = norm_whole(BatchNorm(momentum=1, epsilon=1e-5), params, x)
    exact = x.astype(np.float64)
    mean, var = exact.mean(axis=(0, 2, 3)), exact.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(statistics["running_mean"], mean, rtol=2e-6)
    np.testing.assert_allclose(statistics["running_var"], var, rtol=2e-6)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3), dtype=np.float64), params["bias"], atol=1e-5)
    assert y.transpose(2, 3, 0, 1).flags.c_contiguous  # as the convolution after it likes it
