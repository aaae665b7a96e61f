"""The gradient of a batch with BatchNorm, block by block, against the whole batch at once.

That the latter is right is seen beside PyTorch in `test_learning_layers`, and by finite differences
in `test_normalisation`.
"""

import numpy as np
import pytest
from whole_batches import gradient_in_blocks, norm_whole

from digitnn.engines.protocols import kept_units
from digitnn.engines.scratch import blocks
from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.normalisation_in_blocks import centred, normalise
from digitnn.engines.scratch.training_gradient import stages
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import (
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
)
from digitnn.network.network import Network
from digitnn.recipes.builtin import RECIPES

NETWORK = Network(
    (
        Crop(2),
        *(Conv2d(4, 5, stride=2), BatchNorm(), Relu()),
        *(Conv2d(6, 3), MaxPool2d(2), BatchNorm(), Relu(), Dropout(0.2)),
        *(Flatten(), Dense(12), BatchNorm(), Dropout(0.3), Dense(10)),
    )
)
BEGINS_WITH_NORM = Network((BatchNorm(), Flatten(), Dense(9), Relu(), BatchNorm(), Dense(10)))


def drawn(network, digits, rng, n=22):
    start = initial_parameters(network, "pytorch", rng)
    params = {name: p + 0.1 * rng.normal(size=p.shape) for name, p in start.items()}
    params = {name: np.abs(p) if "var" in name else p for name, p in params.items()}
    x = network.inputs(digits.images[:n]).astype(np.float64)
    return params, x, digits.labels[:n], kept_units(network, n, seed=5, step=0)


@pytest.mark.parametrize("block", [8, 7, 1])
@pytest.mark.parametrize("network", [NETWORK, BEGINS_WITH_NORM], ids=["planes", "norm first"])
def test_blocks_give_what_the_whole_batch_gives(network, block, digits, rng):
    """Rounding: some 1e-16 times thousands of summands, times weights over deviations."""
    params, x, labels, kept = drawn(network, digits, rng)
    batch = (network, params, x, labels, kept)
    value, expected, expected_statistics = gradient_in_blocks(*batch, len(x))
    total, gradients, statistics = gradient_in_blocks(*batch, block)
    np.testing.assert_allclose(total, value, rtol=1e-12)
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(
            gradients[name], gradient, rtol=0, atol=1e-11 * max(1, np.abs(gradient).max())
        )
    assert statistics.keys() == expected_statistics.keys()
    for name, numbers in expected_statistics.items():
        np.testing.assert_allclose(statistics[name], numbers, rtol=1e-11, atol=1e-13)


def test_bits_do_not_depend_on_the_number_of_cores_nor_on_compiled_passes(digits, rng, monkeypatch):
    params, x, labels, kept = drawn(NETWORK, digits, rng)
    params = {name: p.astype(np.float32) for name, p in params.items()}
    compiled.load()
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        found.append(gradient_in_blocks(NETWORK, params, x.astype(np.float32), labels, kept, 4))
    with compiled.switched_off():
        found.append(gradient_in_blocks(NETWORK, params, x.astype(np.float32), labels, kept, 4))
    for way, (total, gradients, statistics) in enumerate(found[1:]):
        assert total == found[0][0]
        for mine, first in ((gradients, found[0][1]), (statistics, found[0][2])):
            for name, numbers in mine.items():
                np.testing.assert_array_equal(numbers, first[name], err_msg=f"{way} {name}")


def test_a_network_is_cut_before_each_batch_norm_whose_relu_is_fused():
    found = stages(NETWORK.layers)
    assert [stage.norm and stage.norm[0] for stage in found] == [None, 2, 6, 11]
    assert [stage.relu for stage in found] == [False, True, True, False]
    assert [[index for index, _ in stage.chain] for stage in found] == [
        *([0, 1], [4], [8, 9, 10], [12, 13]),
    ]
    assert stages(NETWORK.layers[:2])[0].norm is None
    assert len(stages(NETWORK.layers[:2])) == 1


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", [(9, 5), (9, 3, 2, 5)], ids=["vectors", "planes"])
def test_a_norm_of_two_blocks_is_that_of_the_batch(shape, relu, rng):
    layer = BatchNorm(momentum=0.3, epsilon=1e-3)
    params = {name: rng.normal(size=s) for name, s in layer.parameter_shapes(shape[1:]).items()}
    params |= {
        name: rng.uniform(1, 2, size=s) for name, s in layer.buffer_shapes(shape[1:]).items()
    }
    x, dy = rng.normal(1000, 3, size=shape), rng.normal(size=shape)
    y, backward, statistics = norm_whole(layer, params, x)
    dx, gradients = backward(dy * (y > 0) if relu else dy)

    parts = [slice(0, 4), slice(4, 9)]
    centred_blocks = [centred(x[at]) for at in parts]
    norm, found = normalise(layer, params, centred_blocks, relu)
    ys = [norm.forward(block) for block in centred_blocks]
    close = {"rtol": 1e-9, "atol": 1e-10}  # a mean of 1,000 takes three digits
    np.testing.assert_allclose(np.concatenate(ys), np.maximum(y, 0) if relu else y, **close)
    halves = [
        norm.backward_sums(block, own, dy[at])
        for block, own, at in zip(centred_blocks, ys, parts, strict=True)
    ]
    dweight, dbias = (sum(sums[name] for _, sums in halves) for name in ("weight", "bias"))
    np.testing.assert_allclose(dweight, gradients["weight"], **close)
    np.testing.assert_allclose(dbias, gradients["bias"], **close)
    back = [
        norm.backward(block, kept, dweight, dbias)
        for block, (kept, _) in zip(centred_blocks, halves, strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(back), dx, **close)
    for name, numbers in statistics.items():
        np.testing.assert_allclose(found[name], numbers, rtol=1e-9)


def test_products_are_counted_for_each_output_pixel():
    convolution, dense = 10 * 10 * 4 * 25, 4 * 4 * 6 * 12
    second = 8 * 8 * 6 * 4 * 9
    assert blocks.products(NETWORK) == convolution + second + dense + 12 * 10


@pytest.mark.parametrize(
    ("recipe", "block"),
    [("cnn", 32), ("cnn-fast", 128), ("cnn-99.3", 128), ("cnn-99.5", 64), ("mlp", 1024)],
)
def test_where_blocks_meet_small_networks_go_in_one(recipe, block):
    network = RECIPES[recipe].network((1, 28, 28), tuple("0123456789"))
    assert blocks.training_block_size(network) == block


@pytest.mark.parametrize(("channels", "block"), [(12, 128), (16, 64), (32, 32)])
def test_the_largest_block_whose_planes_stay_small_is_taken(channels, block):
    """26 x 26 x channels numbers an image, of at most 2^20 a block, and few multiplications."""
    network = Network((Conv2d(channels, 3), BatchNorm(), MaxPool2d(13), Flatten(), Dense(10)))
    assert blocks.products(network) < blocks.FEW_PRODUCTS
    assert blocks.training_block_size(network) == block
