"""Backpropagation through whole networks."""

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient
from torch import nn

from digitnn.engines.scratch.backpropagation import FORWARD, forward, parameters_by_layer
from digitnn.errors import NetworkError
from digitnn.network.layers import Conv2d, Dense, Flatten, Relu, Sigmoid, Tanh

DEEP = (Flatten(), Dense(6), Sigmoid(), Dense(5), Relu(), Dense(4), Tanh(), Dense(3))


def deep_network(rng):
    """Parameters of DEEP, 7 images of 2 x 4 pixels for it, and a dL/dlogits."""
    sizes = {1: (6, 8), 3: (5, 6), 5: (4, 5), 7: (3, 4)}
    params = {}
    for index, shape in sizes.items():
        params[f"{index}.weight"] = rng.normal(size=shape)
        params[f"{index}.bias"] = rng.normal(size=shape[0])
    return params, rng.normal(size=(7, 1, 2, 4)), rng.normal(size=(7, 3))


def test_gradients_of_a_deep_network_are_the_slopes_of_finite_differences(rng):
    params, x, dlogits = deep_network(rng)
    gradients = forward(DEEP, params, x)[1](dlogits)
    assert gradients.keys() == params.keys()
    for name, p in params.items():

        def loss(p, name=name):
            return np.vdot(dlogits, forward(DEEP, {**params, name: p}, x)[0])

        assert_is_gradient(gradients[name], loss, p, rng)


@pytest.mark.engines
def test_logits_and_gradients_of_a_deep_network_are_those_of_pytorch(rng):
    params, x, dlogits = deep_network(rng)
    logits, backward = forward(DEEP, params, x)
    gradients = backward(dlogits)

    module = nn.Sequential(
        nn.Flatten(),
        nn.Linear(8, 6),
        nn.Sigmoid(),
        nn.Linear(6, 5),
        nn.ReLU(),
        nn.Linear(5, 4),
        nn.Tanh(),
        nn.Linear(4, 3),
    ).double()
    module.load_state_dict({name: torch.tensor(p) for name, p in params.items()})
    expected = module(torch.tensor(x))
    expected.backward(torch.tensor(dlogits))
    np.testing.assert_allclose(logits, expected.detach().numpy(), rtol=1e-12)
    for name, p in module.named_parameters():
        np.testing.assert_allclose(gradients[name], p.grad.numpy(), rtol=1e-11, atol=1e-14)


def test_dx_is_not_computed_for_the_first_layer_with_parameters_nor_before_it(rng, monkeypatch):
    asked = []

    def recording(kind, function):
        def recorded(layer, params, x):
            y, backward = function(layer, params, x)

            def recorded_backward(dy, need_dx):
                asked.append((kind.__name__, need_dx))
                return backward(dy, need_dx)

            return y, recorded_backward

        return recorded

    for kind, function in list(FORWARD.items()):
        monkeypatch.setitem(FORWARD, kind, recording(kind, function))
    params = {
        "2.weight": rng.normal(size=(4, 8)),
        "2.bias": rng.normal(size=4),
        "4.weight": rng.normal(size=(3, 4)),
        "4.bias": rng.normal(size=3),
    }
    layers = (Tanh(), Flatten(), Dense(4), Sigmoid(), Dense(3))
    forward(layers, params, rng.normal(size=(5, 1, 2, 4)))[1](np.ones((5, 3)))
    assert asked == [("Dense", True), ("Sigmoid", True), ("Dense", False)]


def test_a_network_without_parameters_has_no_gradients(rng):
    x = rng.normal(size=(5, 3))
    logits, backward = forward((Flatten(), Tanh()), {}, x)
    np.testing.assert_allclose(logits, np.tanh(x))
    assert backward(np.ones((5, 3))) == {}


def test_the_parameters_of_layer_1_are_not_those_of_layer_11():
    params = {
        f"{index}.{name}": np.full(1, index) for index in (1, 11) for name in ("weight", "bias")
    }
    found = parameters_by_layer(params)
    assert found == {index: {"weight": [index], "bias": [index]} for index in (1, 11)}


def test_a_layer_that_the_engine_does_not_run_is_refused_by_name(monkeypatch):
    monkeypatch.delitem(FORWARD, Conv2d, raising=False)
    with pytest.raises(NetworkError, match=r"does not run Conv2d.*--engine pytorch"):
        forward((Conv2d(2, 3),), {}, np.zeros((1, 1, 5, 5)))
