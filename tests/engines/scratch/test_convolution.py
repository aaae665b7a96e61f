"""Convolutions of every geometry against PyTorch, and the fused piece against its three layers."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from digitnn.engines.scratch.backpropagation import FORWARD, forward, layer_functions
from digitnn.engines.scratch.pooling import conv_relu_pool
from digitnn.network.layers import Conv2d, Dense, Flatten, MaxPool2d, Relu

GEOMETRIES = [  # images, channels in, height, width, layer
    (7, 1, 9, 8, Conv2d(4, 3)),
    (7, 3, 9, 8, Conv2d(2, 3, stride=2)),
    (2, 8, 9, 8, Conv2d(5, 3, padding=2)),
    (2, 8, 9, 8, Conv2d(5, 4, stride=3, padding=1)),
    (1, 1, 5, 5, Conv2d(1, 5)),
    (3, 2, 6, 7, Conv2d(3, 1)),
]


@pytest.mark.engines
@pytest.mark.parametrize(("n", "c", "h", "w", "layer"), GEOMETRIES)
def test_any_geometry_gives_what_pytorch_gives(n, c, h, w, layer, rng):
    x = rng.normal(size=(n, c, h, w))
    params = {
        name: rng.normal(size=shape) for name, shape in layer.parameter_shapes((c, h, w)).items()
    }
    y, backward = FORWARD[Conv2d](layer, params, x)
    dy = rng.normal(size=y.shape)
    dx, gradients = backward(dy, True)

    tensors = [torch.tensor(a, requires_grad=True) for a in (x, params["weight"], params["bias"])]
    expected = functional.conv2d(*tensors, stride=layer.stride, padding=layer.padding)
    expected.backward(torch.tensor(dy))
    assert y.shape == (n, *layer.output_shape((c, h, w)))
    for found, tensor in zip(
        (y, dx, gradients["weight"], gradients["bias"]),
        (expected.detach(), *(tensor.grad for tensor in tensors)),
        strict=True,
    ):
        np.testing.assert_allclose(found, tensor.numpy(), rtol=1e-11, atol=1e-12)


def test_dx_of_a_layer_that_nobody_asks_for_is_not_computed(rng):
    layer = Conv2d(2, 3)
    params = {"weight": rng.normal(size=(2, 1, 3, 3)), "bias": np.zeros(2)}
    y, backward = FORWARD[Conv2d](layer, params, rng.normal(size=(2, 1, 6, 6)))
    assert backward(y, False)[0] is None


@pytest.mark.parametrize("size", [2, 3])
def test_the_fused_piece_is_its_three_layers_to_the_bit(size, rng):
    conv, pool = Conv2d(6, 3), MaxPool2d(size)
    x = rng.normal(size=(5, 4, 9, 10)).astype(np.float32)
    params = {
        "weight": rng.normal(size=(6, 4, 3, 3)).astype(np.float32),
        "bias": rng.normal(size=6).astype(np.float32),
    }
    y = x
    backwards = []
    for layer in (conv, Relu(), pool):
        y, step = FORWARD[type(layer)](layer, params, y)
        backwards.append(step)
    dy = rng.normal(size=y.shape).astype(np.float32)
    dx = dy
    for step in reversed(backwards):
        dx, gradients = step(dx, True)

    fused_y, fused_backward = conv_relu_pool(conv, pool, params, x)
    fused_dx, fused_gradients = fused_backward(dy, True)
    np.testing.assert_array_equal(fused_y, y)
    np.testing.assert_array_equal(fused_dx, dx)
    np.testing.assert_array_equal(fused_gradients["weight"], gradients["weight"])
    # sums of up to 60 numbers, added in another order; they may cancel
    largest = np.abs(gradients["bias"]).max()
    np.testing.assert_allclose(
        fused_gradients["bias"], gradients["bias"], rtol=0, atol=1e-5 * largest
    )


def test_a_network_is_cut_into_pieces_that_cover_every_layer():
    architecture = (Conv2d(2, 3), Relu(), MaxPool2d(2), Conv2d(2, 3), Relu())
    assert [index for index, _ in layer_functions(architecture)] == [0, 3, 4]


def test_a_fused_network_has_the_gradients_of_every_layer(rng):
    architecture = (Conv2d(3, 3), Relu(), MaxPool2d(2), Conv2d(2, 2), Flatten(), Dense(4))
    params = {
        "0.weight": rng.normal(size=(3, 1, 3, 3)),
        "0.bias": rng.normal(size=3),
        "3.weight": rng.normal(size=(2, 3, 2, 2)),
        "3.bias": rng.normal(size=2),
        "5.weight": rng.normal(size=(4, 8)),
        "5.bias": rng.normal(size=4),
    }
    y, backward = forward(architecture, params, rng.normal(size=(4, 1, 8, 8)))
    gradients = backward(np.ones_like(y))
    assert {name: g.shape for name, g in gradients.items()} == {
        name: p.shape for name, p in params.items()
    }
