"""The gradient of the loss by the pixels of the input, against three oracles, and the way to it."""

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient
from torch import nn

from digitnn.engines.scratch.backpropagation import FORWARD, forward, forward_to_pixels
from digitnn.engines.scratch.engine import pixel_gradient
from digitnn.engines.scratch.pooling import conv_relu_pool
from digitnn.network.layers import (
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
)
from digitnn.network.network import Network, Standardise

LAYERS = (
    *(Crop(2), Conv2d(3, 5), Relu(), MaxPool2d(2)),
    *(Conv2d(4, 3), MaxPool2d(2), BatchNorm(), Relu()),
    *(Flatten(), Dropout(0.5), Dense(12), Sigmoid(), Dense(10)),
)


def network_and_params(rng, rejects=False, dtype=np.float32):
    network = Network(LAYERS, Standardise(30.0, 80.0), rejects=rejects)
    params = {
        name: (abs(rng.normal(size=shape)) if "var" in name else 0.3 * rng.normal(size=shape))
        for name, shape in network.state_shapes().items()
    }
    return network, {name: p.astype(dtype) for name, p in params.items()}


def in_pytorch(params):
    module = nn.Sequential(
        *(nn.ZeroPad2d(-2), nn.Conv2d(1, 3, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 12), nn.Sigmoid(), nn.Linear(12, 10)),
    )
    doubles = {name: torch.tensor(p) for name, p in params.items()}
    module.double().load_state_dict(doubles, strict=False)
    return module.eval()


def test_dx_of_a_whole_network_is_the_slope_of_finite_differences(rng):
    network, params = network_and_params(rng, dtype=np.float64)
    x, dlogits = rng.normal(size=(3, 1, 28, 28)), rng.normal(size=(3, 10))
    logits, backward = forward_to_pixels(network.layers, params, x)
    np.testing.assert_array_equal(logits, forward(network.layers, params, x)[0])

    def loss(x):
        return np.vdot(dlogits, forward(network.layers, params, x)[0])

    assert_is_gradient(backward(dlogits), loss, x, rng)


@pytest.mark.engines
@pytest.mark.parametrize("rejects", [False, True])
def test_the_gradient_by_raw_pixels_is_that_of_pytorch(rejects, rng):
    """In double precision, but for the answer: else rounding decides for some unit near ReLU's kink
    on which side it is."""
    network, params = network_and_params(rng, rejects, np.float64)
    images = rng.integers(0, 256, (70, 28, 28)).astype(np.uint8)  # more than two blocks
    labels = rng.integers(0, 10, 70).astype(np.uint8)
    gradient = pixel_gradient(network, params, images, labels)
    assert (gradient.dtype, gradient.shape) == (np.float32, images.shape)

    x = torch.tensor(network.inputs(images), dtype=torch.float64, requires_grad=True)
    logits = in_pytorch(params)(x)
    if rejects:
        logits = torch.cat([logits, torch.zeros(70, 1, dtype=torch.float64)], dim=1)
    nn.functional.cross_entropy(logits, torch.tensor(labels).long(), reduction="sum").backward()
    expected = x.grad[:, 0].numpy() / 80
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * abs(expected).max())


def test_of_a_linear_network_the_gradient_is_known_by_hand(rng):
    network = Network((Flatten(), Dense(10)), Standardise(0.0, 50.0))
    weight = rng.normal(size=(10, 784)).astype(np.float32)
    params = {"1.weight": weight, "1.bias": np.zeros(10, np.float32)}
    images = np.zeros((1, 28, 28), np.uint8)  # standardised to 0: equal logits, each p = 1/10
    gradient = pixel_gradient(network, params, images, np.array([4], np.uint8))
    by_hand = (weight.mean(axis=0) - weight[4]) / 50
    np.testing.assert_allclose(gradient.ravel(), by_hand, rtol=1e-4, atol=1e-7)


def test_each_image_has_the_gradient_that_it_has_alone(rng):
    network, params = network_and_params(rng, dtype=np.float64)
    images = rng.uniform(0, 255, (5, 28, 28)).astype(np.float32)  # between whole levels
    labels = np.arange(5, dtype=np.uint8)
    together = pixel_gradient(network, params, images, labels)
    for i in range(5):
        alone = pixel_gradient(network, params, images[i : i + 1], labels[i : i + 1])
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5 * abs(alone).max())
    assert pixel_gradient(network, params, images[:0], labels[:0]).shape == (0, 28, 28)


@pytest.mark.parametrize("c", [1, 40])  # fewer channels than images, and more
def test_without_the_gradients_of_parameters_dx_has_the_same_bits(c, rng):
    planes = rng.normal(size=(6, c, 12, 12)).astype(np.float32)
    rows = rng.normal(size=(6, 20)).astype(np.float32)
    for layer, x in (
        *((Conv2d(3, 5), planes), (Conv2d(3, 5, stride=2, padding=1), planes)),
        *((BatchNorm(), planes), (Dense(7), rows)),
    ):
        shapes = layer.parameter_shapes(x.shape[1:]) | layer.buffer_shapes(x.shape[1:])
        own = {
            name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()
        }
        y, backward = FORWARD[type(layer)](layer, own, x)
        dy = rng.normal(size=y.shape).astype(np.float32)
        dx, gradients = backward(dy, True)
        assert {"weight", "bias"} == gradients.keys()
        alone, nothing = backward(dy, True, need_params=False)
        np.testing.assert_array_equal(alone, dx)
        assert nothing == {}


def test_so_it_is_where_convolution_relu_and_pooling_are_one_piece(rng):
    conv, pool = Conv2d(3, 5), MaxPool2d(2)
    x = rng.normal(size=(6, 4, 12, 12)).astype(np.float32)
    shapes = conv.parameter_shapes(x.shape[1:])
    own = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    y, backward = conv_relu_pool(conv, pool, own, x)
    dy = rng.normal(size=y.shape).astype(np.float32)
    alone, nothing = backward(dy, True, need_params=False)
    np.testing.assert_array_equal(alone, backward(dy, True)[0])
    assert nothing == {}
