"""Which units are dropped, and what becomes of the others, on both engines."""

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient

from digitnn.engines.protocols import kept_units
from digitnn.engines.pytorch.modules import MODULES
from digitnn.engines.scratch.layers import dropout_training
from digitnn.network.layers import Conv2d, Dense, Dropout, Flatten, Relu
from digitnn.network.network import Network

NETWORK = Network(
    (Conv2d(3, 5), Dropout(0.2), Flatten(), Dense(1728), Relu(), Dropout(0.75), Dense(10))
)


def test_every_dropout_of_a_network_has_a_unit_kept_or_dropped_for_each_of_its_inputs():
    kept = kept_units(NETWORK, 4, seed=0, step=0)
    assert {index: units.shape for index, units in kept.items()} == {
        1: (4, 3, 24, 24),
        5: (4, 1728),
    }
    assert all(units.dtype == np.bool_ for units in kept.values())
    assert kept_units(Network((Flatten(), Dense(10))), 4, seed=0, step=0) == {}


@pytest.mark.parametrize("p", [0, 0.1, 0.5, 0.9])
def test_a_share_p_is_dropped_and_the_expectation_stays(p, rng):
    network = Network((Flatten(), Dropout(p), Dense(10)))
    kept = kept_units(network, 500, seed=3, step=7)[1]
    spread = np.sqrt(p * (1 - p) / kept.size)
    assert abs(kept.mean() - (1 - p)) <= 4 * spread
    assert np.abs(kept.mean(axis=0) - (1 - p)).max() <= 5 * np.sqrt(p * (1 - p) / 500)
    y, _ = dropout_training(Dropout(p), kept, np.ones(kept.shape))
    assert abs(y.mean() - 1) <= 4 * spread / (1 - p)


def test_the_draw_is_that_of_seed_step_and_layer_alone():
    """So a training that was interrupted drops what it would have dropped."""
    twins = Network((Flatten(), Dropout(), Dropout(), Dense(10)))
    first = kept_units(twins, 20, seed=1, step=5)
    kept_units(twins, 20, seed=1, step=6)
    np.testing.assert_array_equal(kept_units(twins, 20, seed=1, step=5)[1], first[1])
    others = [
        first[2],
        kept_units(twins, 20, seed=2, step=5)[1],
        kept_units(twins, 20, seed=1, step=6)[1],
    ]
    for other in others:  # of independent draws, half agree
        assert abs((other == first[1]).mean() - 0.5) < 0.02


def test_output_and_dx_are_those_known_by_hand():
    kept = np.array([[True, False, True, True]])
    y, backward = dropout_training(Dropout(0.75), kept, np.array([[1.0, 2.0, 3.0, -4.0]]))
    np.testing.assert_array_equal(y, [[4, 0, 12, -16]])
    np.testing.assert_array_equal(backward(np.array([[1.0, 1, 2, 3]])), [[4, 0, 8, 12]])


@pytest.mark.engines
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_output_and_dx_are_those_of_pytorch_to_the_bit(dtype, rng):
    layer, kept = Dropout(0.3), rng.random((5, 2, 3, 4)) >= 0.3
    x, dy = (rng.normal(size=kept.shape).astype(dtype) for _ in range(2))
    y, backward = dropout_training(layer, kept, x)

    module = MODULES[Dropout](layer, kept.shape[1:]).train()
    module.kept = torch.tensor(kept)
    torch_x = torch.tensor(x, requires_grad=True)
    torch_y = module(torch_x)
    torch_y.backward(torch.tensor(dy))
    np.testing.assert_array_equal(y, torch_y.detach().numpy())
    np.testing.assert_array_equal(backward(dy), torch_x.grad.numpy())
    assert y.dtype == dtype
    assert module.eval()(torch_x) is torch_x


def test_dx_is_the_slope_of_finite_differences(rng):
    layer, kept, x, dy = Dropout(0.4), rng.random((6, 5)) >= 0.4, *rng.normal(size=(2, 6, 5))
    dx = dropout_training(layer, kept, x)[1](dy)
    assert_is_gradient(dx, lambda x: np.vdot(dy, dropout_training(layer, kept, x)[0]), x, rng)


def test_what_comes_in_stays_as_it_is(rng):
    kept, x, dy = rng.random((6, 5)) >= 0.4, *rng.normal(size=(2, 6, 5))
    before = kept.copy(), x.copy(), dy.copy()
    dropout_training(Dropout(0.4), kept, x)[1](dy)
    for array, copy in zip((kept, x, dy), before, strict=True):
        np.testing.assert_array_equal(array, copy)
