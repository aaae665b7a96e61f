"""Convolution over one large image against plain sums and PyTorch.

Pixels, kernels and biases are small whole numbers: all sums are exact in single precision, in
whatever order they are added, so results must be equal to the bit.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from digitnn.engines.scratch import large_images
from digitnn.engines.scratch.blocks import PARTS
from digitnn.engines.scratch.large_images import convolve, enlarge


def whole(rng, *shape):
    """Whole numbers from -4 to 4, as float32."""
    return rng.integers(-4, 5, shape).astype(np.float32)


def plain_sum(x, weight, bias, stride, relu, shortcut):
    """The definition, pixel by pixel, with a border of zeros."""
    u, _, k, _ = weight.shape
    h, w, _ = x.shape
    r = k // 2
    y = np.zeros((-(-h // stride), -(-w // stride), u))
    for a, b, channel in np.ndindex(y.shape):
        total = bias[channel] + (0 if shortcut is None else shortcut[a, b, channel])
        for down, across in np.ndindex(k, k):
            row, column = a * stride + down - r, b * stride + across - r
            if 0 <= row < h and 0 <= column < w:
                total += x[row, column] @ weight[channel, :, down, across]
        y[a, b, channel] = max(total, 0) if relu else total
    return y


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("with_shortcut", [True, False])
@pytest.mark.parametrize("shape", [(7, 9), (6, 8), (1, 5), (1, 1)])
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_a_convolution_is_the_plain_sum(k, stride, shape, with_shortcut, relu, rng):
    h, w = shape
    x, weight, bias = whole(rng, h, w, 3), whole(rng, 2, 3, k, k), whole(rng, 2)
    shortcut = whole(rng, -(-h // stride), -(-w // stride), 2) if with_shortcut else None
    expected = plain_sum(x, weight, bias, stride, relu, shortcut)
    found = convolve(x, weight, bias, stride, relu, shortcut)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.engines
@pytest.mark.parametrize("height", [1, 3])
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_strips_of_any_height_give_what_pytorch_gives(k, stride, height, monkeypatch, rng):
    """More strips than parts, so that each part takes several; the last strip is lower."""
    h, w, c = 131, 17, 5
    x, weight, bias = whole(rng, h, w, c), whole(rng, 4, c, k, k), whole(rng, 4)
    rows, columns = -(-h // stride), -(-w // stride)
    shortcut = whole(rng, rows, columns, 4)
    counts = []
    run_blocks = large_images.run_blocks

    def counting(work, n, block):
        counts.append(-(-n // block))
        return run_blocks(work, n, block)

    monkeypatch.setattr(large_images, "run_blocks", counting)
    monkeypatch.setattr(large_images, "STRIP_BYTES", 4 * columns * k * k * c * height)
    found = convolve(x, weight, bias, stride, True, shortcut)
    assert counts == [-(-rows // height)]
    assert counts[0] > PARTS
    planes = torch.tensor(x.transpose(2, 0, 1).copy())[None]
    y = functional.conv2d(
        planes, torch.tensor(weight), torch.tensor(bias), stride=stride, padding=k // 2
    )
    expected = functional.relu(y[0] + torch.tensor(shortcut.transpose(2, 0, 1).copy()))
    np.testing.assert_array_equal(found, expected.numpy().transpose(1, 2, 0))


def test_an_image_that_lies_oddly_in_memory_is_convolved_and_stays_as_it_is(rng):
    x = whole(rng, 6, 5, 4)
    odd = np.asfortranarray(x)[::-1].copy(order="F")[::-1]
    weight, bias = whole(rng, 2, 4, 1, 1), whole(rng, 2)
    np.testing.assert_array_equal(
        convolve(odd, weight, bias, 2), convolve(x, weight, bias, 2), strict=True
    )
    np.testing.assert_array_equal(odd, x)


def test_a_pixel_becomes_four():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    y = enlarge(x)
    assert y.shape == (4, 6, 2)
    for row, column in np.ndindex(4, 6):
        np.testing.assert_array_equal(y[row, column], x[row // 2, column // 2])
