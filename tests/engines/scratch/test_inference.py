"""The compiled network against `forward`, which computes layer by layer."""

import numpy as np
import pytest

from digitnn.engines.scratch import blocks, inference
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.inference import CompiledNetwork, Convolution, Direct, Product, Single
from digitnn.engines.scratch.winograd import Winograd
from digitnn.engines.scratch.workspace import Workspace
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import Network

HEAD = (Flatten(), Dropout(0.5), Dense(10))
BLOCK = (Conv2d(24, 3, padding=1), BatchNorm(), Relu())
IMAGES = {
    "pooled, then normalised": (Conv2d(12, 5), MaxPool2d(2), BatchNorm(), Relu(), *HEAD),
    "activated, then pooled": (Conv2d(12, 5), Relu(), MaxPool2d(2), *HEAD),
    "normalised, then pooled": (Conv2d(12, 3), BatchNorm(), Relu(), MaxPool2d(3), *HEAD),
    "activated, then normalised": (Conv2d(12, 3), Relu(), BatchNorm(), MaxPool2d(2), *HEAD),
    "activated, pooled, normalised": (Conv2d(12, 3), Relu(), MaxPool2d(2), BatchNorm(), *HEAD),
    "normalised twice": (Conv2d(12, 3), BatchNorm(), BatchNorm(), MaxPool2d(2), *HEAD),
    "pooled twice": (Conv2d(12, 3), MaxPool2d(2), MaxPool2d(2), Relu(), *HEAD),
    "windows of one": (Conv2d(12, 3), MaxPool2d(1), BatchNorm(), *HEAD),
    "means": (Conv2d(12, 3), AveragePool2d(3), BatchNorm(), Tanh(), *HEAD),
    "strides and padding": (Conv2d(12, 5, 2, 4), Relu(), Conv2d(9, 3, 2, 1), Sigmoid(), *HEAD),
    "Winograd's": (Conv2d(24, 5, 2), *BLOCK, MaxPool2d(2), *BLOCK, *HEAD),
    "one pixel": (Crop(8), Conv2d(12, 3, 3), MaxPool2d(2), Flatten(), Relu(), Dense(10)),
    "normalised at first": (BatchNorm(), Crop(2), *BLOCK, *HEAD),
    "vectors": (Flatten(), Dense(30), BatchNorm(), Relu(), Dense(20), Sigmoid(), Dense(10)),
    "no layer with parameters before": (MaxPool2d(2), Flatten(), Relu(), BatchNorm(), Dense(10)),
}


def random_params(network, rng):
    """Parameters of any sign, except variances; outputs are about 1 in size."""
    found = {}
    for name, shape in network.state_shapes().items():
        inputs = max(1, int(np.prod(shape[1:])))
        found[name] = rng.normal(scale=inputs**-0.5, size=shape).astype(np.float32)
        if name.endswith("running_var"):
            found[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
    return found


def assert_equal_logits(network, params, images):
    """Compare with double precision.

    Sums of some hundred numbers are exact to about 1e-6; Winograd's errors are at most ten times
    as large (see `test_winograd`).
    """
    found = CompiledNetwork(network, params).logits(images)
    double = {name: p.astype(np.float64) for name, p in params.items()}
    expected, _ = forward(network.layers, double, network.inputs(images).astype(np.float64))
    assert found.dtype == np.float32
    assert np.std(expected, axis=0).min() > 1e-2
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def some_images(rng, n, shape=(28, 28)):
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (23, 30)], ids=["square", "wide"])
@pytest.mark.parametrize("layers", IMAGES.values(), ids=IMAGES)
def test_logits_are_those_of_the_layers_one_by_one(layers, shape, rng):
    network = Network(layers, input=(1, *shape))
    assert_equal_logits(network, random_params(network, rng), some_images(rng, 5, shape))


def test_a_vector_of_features_is_taken_too(rng):
    network = Network((Dense(8), Relu(), BatchNorm(), Dense(10)), input=(6,))
    x = rng.normal(scale=100, size=(1500, 6)).astype(np.float32)
    assert_equal_logits(network, random_params(network, rng), x)


def test_a_negative_factor_after_pooling_does_not_turn_largest_into_smallest(rng):
    network = Network((Conv2d(1, 1), MaxPool2d(28), BatchNorm(epsilon=1.0), Flatten(), Dense(10)))
    params = {name: np.ones(s, np.float32) for name, s in network.state_shapes().items()}
    params |= {f"2.{name}": np.zeros(1, np.float32) for name in ("running_var", "running_mean")}
    params["2.weight"] = np.float32([-1])
    images = some_images(rng, 2)
    largest = network.inputs(images).max(axis=(1, 2, 3)) + 1
    found = CompiledNetwork(network, params).logits(images)
    np.testing.assert_allclose(found[:, 0], 1 + 1 - largest, rtol=1e-6)


@pytest.mark.parametrize("layers", [IMAGES["strides and padding"]])
def test_patches_may_be_multiplied_row_by_row(layers, rng, monkeypatch):
    monkeypatch.setattr(inference, "MAX_PATCH_BYTES", 1)
    network = Network(layers)
    assert_equal_logits(network, random_params(network, rng), some_images(rng, 5))


def test_the_layers_are_fused_as_far_as_they_commute(rng):
    convolutions = (Crop(8), *BLOCK, Dropout(0.1), *BLOCK)
    network = Network((*convolutions, MaxPool2d(2), BatchNorm(), Relu(), *HEAD))
    steps = CompiledNetwork(network, random_params(network, rng)).steps
    kinds = [type(s.correlate) if isinstance(s, Convolution) else type(s) for s in steps[1:]]
    assert kinds == [Single, Direct, Winograd, Single, Single, Single, Product]
    network = Network((Conv2d(8, 3), BatchNorm(), MaxPool2d(2), BatchNorm(), Relu(), *HEAD))
    assert len(CompiledNetwork(network, random_params(network, rng)).steps) == 4


def test_the_bits_depend_on_neither_cores_nor_earlier_calls(rng, monkeypatch):
    network = Network(IMAGES["Winograd's"])
    compiled, images = CompiledNetwork(network, random_params(network, rng)), some_images(rng, 100)
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        found.append(compiled.logits(images))
        compiled.logits(images[::-1])  # must not overwrite the logits already returned
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_images_and_parameters_stay_as_they_are(rng):
    network = Network(IMAGES["normalised at first"])
    params, images = random_params(network, rng), some_images(rng, 3)
    before = {name: p.copy() for name, p in params.items()}, images.copy()
    CompiledNetwork(network, params).logits(images)
    np.testing.assert_array_equal(images, before[1])
    for name, p in params.items():
        np.testing.assert_array_equal(p, before[0][name])


def test_no_images_have_no_logits(rng):
    network = Network(IMAGES["means"])
    found = CompiledNetwork(network, random_params(network, rng)).logits(some_images(rng, 0))
    assert found.shape == (0, 10)


def test_a_workspace_keeps_the_last_array_and_reuses_the_one_before():
    space = Workspace()
    first, second = space.empty(4, 5), space.empty(30)
    assert not np.shares_memory(first, second)
    assert np.shares_memory(first, space.empty(2, 3))
    assert np.shares_memory(second, space.empty(30))
    assert not np.shares_memory(first, space.empty(50))  # too large for the buffer
