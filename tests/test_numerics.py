"""What docs/numerics.md claims of both engines, where no other file tests it."""

import numpy as np
import pytest
import torch
from small_trainings import CLASSIC, bits, trained
from torch.nn import functional

from digitnn.engines.scratch.layers import relu
from digitnn.engines.scratch.pooling import max_pool2d
from digitnn.network.layers import MaxPool2d, Relu


def slopes_in_pytorch(function, x):
    """dx where dL/dy is 1 everywhere."""
    tensor = torch.tensor(x, requires_grad=True)
    function(tensor).sum().backward()
    return tensor.grad.numpy()


def slopes_from_scratch(function, layer, x):
    y, backward = function(layer, x)
    return backward(np.ones_like(y))


@pytest.mark.parametrize(
    ("window", "winner"),
    [([[5, 5], [5, 5]], (0, 0)), ([[1, 5], [5, 5]], (0, 1)), ([[1, 2], [5, 5]], (1, 0))],
)
def test_of_equal_pixels_in_a_pooling_window_the_first_in_reading_order_wins(window, winner):
    x = np.array([[window]], np.float32)
    expected = np.zeros((2, 2))
    expected[winner] = 1
    scratch = slopes_from_scratch(max_pool2d, MaxPool2d(2), x)
    pytorch = slopes_in_pytorch(lambda x: functional.max_pool2d(x, 2), x)
    np.testing.assert_array_equal(scratch[0, 0], expected)
    np.testing.assert_array_equal(pytorch[0, 0], expected)


def test_the_slope_of_relu_at_zero_is_zero():
    x = np.array([[-1, -0.0, 0, 1]], np.float32)
    np.testing.assert_array_equal(slopes_from_scratch(relu, Relu(), x), [[0, 0, 0, 1]])
    np.testing.assert_array_equal(slopes_in_pytorch(functional.relu, x), [[0, 0, 0, 1]])


def test_adams_epsilon_is_added_to_the_corrected_root():
    # At the first step the corrected moments are g and g^2: g = 2 and epsilon = 1 move p by
    # 2 / (2 + 1) of the rate; added under the root it would be 2 / sqrt(5), before correction less.
    p = torch.zeros(1, requires_grad=True)
    p.grad = torch.tensor([2.0])
    torch.optim.Adam([p], lr=1.0, eps=1.0, fused=True).step()
    assert p.item() == pytest.approx(-2 / 3, rel=1e-6)


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_classic_trained_twice_from_one_seed_has_the_same_bytes(engine, digits):
    first, second = (trained(CLASSIC, engine, digits, seed=4)[0].params() for _ in range(2))
    assert bits(first) == bits(second)
