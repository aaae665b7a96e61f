"""Initial weights: the distributions that the papers ask for."""

import numpy as np
import pytest
from torch import nn

from digitnn.errors import UsageError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten
from digitnn.network.network import Network

NETWORK = Network((Conv2d(40, 9), Conv2d(8, 5), Flatten(), Dense(30), Dense(10)))
# fan_in, fan_out: what one unit sums over, what one input feeds.
FANS = {
    "0.weight": (81, 40 * 81),
    "1.weight": (40 * 25, 8 * 25),
    "3.weight": (8 * 16 * 16, 30),
}
WEIGHTS = [pytest.param(name, *fans, id=name) for name, fans in FANS.items()]


def uniform_kolmogorov_distance(weight, bound):
    """The largest gap between the weights' distribution and the uniform one in +-bound."""
    ordered = np.sort(weight.ravel())
    return np.abs(np.arange(ordered.size) / ordered.size - (ordered / bound + 1) / 2).max()


@pytest.mark.parametrize(("name", "fan_in", "fan_out"), WEIGHTS)
def test_he_weights_are_normal_with_variance_2_over_fan_in(name, fan_in, fan_out, rng):
    weight = initial_parameters(NETWORK, "he", rng)[name]
    std = np.sqrt(2 / fan_in)
    assert weight.std() == pytest.approx(std, rel=0.05)
    assert abs(weight.mean()) < 4 * std / np.sqrt(weight.size)
    assert np.mean(np.abs(weight) < std) == pytest.approx(0.683, abs=0.03)


@pytest.mark.parametrize(("name", "fan_in", "fan_out"), WEIGHTS)
def test_glorot_weights_are_uniform_within_root_6_over_both_fans(name, fan_in, fan_out, rng):
    weight = initial_parameters(NETWORK, "glorot", rng)[name]
    bound = np.sqrt(6 / (fan_in + fan_out))
    assert 0.99 * bound < np.abs(weight).max() <= bound
    assert uniform_kolmogorov_distance(weight, bound) < 2 / np.sqrt(weight.size)


@pytest.mark.parametrize(("name", "fan_in", "fan_out"), WEIGHTS)
def test_pytorch_weights_and_biases_are_uniform_within_1_over_root_fan_in(
    name, fan_in, fan_out, rng
):
    params = initial_parameters(NETWORK, "pytorch", rng)
    weight, bias = params[name], params[name.replace("weight", "bias")]
    bound = 1 / np.sqrt(fan_in)
    assert 0.99 * bound < np.abs(weight).max() <= bound
    assert uniform_kolmogorov_distance(weight, bound) < 2 / np.sqrt(weight.size)
    assert 0.5 * bound < np.abs(bias).max() <= bound


@pytest.mark.parametrize("scheme", ["he", "glorot", "pytorch"])
def test_batch_norm_begins_as_pytorchs_and_leaves_the_other_draws_alone(scheme):
    plain = Network((Conv2d(4, 9), Flatten(), Dense(10)))
    normalised = Network((Conv2d(4, 9), BatchNorm(), Flatten(), Dropout(), Dense(10)))
    drawn, found = (
        initial_parameters(network, scheme, np.random.default_rng(1))
        for network in (plain, normalised)
    )
    for name, theirs in nn.BatchNorm2d(4).state_dict().items():
        if name != "num_batches_tracked":
            p = found.pop(f"1.{name}")
            assert p.dtype == np.float32
            np.testing.assert_array_equal(p, theirs.numpy())
    for mine, other in zip(found.values(), drawn.values(), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("module", [nn.Conv2d(40, 8, 5), nn.Linear(1000, 30)])
def test_pytorch_itself_draws_within_these_bounds(module):
    bound = 1 / np.sqrt(1000)
    assert 0.99 * bound < module.weight.abs().max() <= bound
    assert 0.5 * bound < module.bias.abs().max() <= bound


@pytest.mark.parametrize("initialisation", ["he", "glorot"])
def test_he_and_glorot_biases_are_zero(initialisation, rng):
    params = initial_parameters(NETWORK, initialisation, rng)
    assert not any(p.any() for name, p in params.items() if name.endswith("bias"))


@pytest.mark.parametrize("initialisation", ["he", "glorot", "pytorch"])
def test_parameters_fit_the_network_in_single_precision_and_depend_on_the_seed(initialisation):
    first, same, other = (
        initial_parameters(NETWORK, initialisation, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    NETWORK.check(first)
    assert {p.dtype for p in first.values()} == {np.dtype(np.float32)}
    for name, p in first.items():
        np.testing.assert_array_equal(p, same[name])
        assert not p.any() or (p != other[name]).any()


def test_an_unknown_initialisation_is_refused(rng):
    with pytest.raises(UsageError, match="unknown initialisation 'xavier'; known: he, glorot, py"):
        initial_parameters(NETWORK, "xavier", rng)
