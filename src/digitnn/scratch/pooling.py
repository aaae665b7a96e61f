"""Pooling, alone and as the tail of a convolution, each with its derivative under it.

Axes: n images, c channels, h w pixels, u channels out, y x rows and columns of the output. How
planes lie in memory: see `convolution`.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn import layers
from digitnn.scratch.convolution import correlate, inner, outer
from digitnn.scratch.layers import Backward, Gradients


def max_pool2d(
    layer: layers.MaxPool2d, params: Mapping[str, ndarray], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c y x"], Backward]:
    """y = the largest of each size x size window; dy goes to where it came from.

    One entry of all windows is taken at a time: the largest so far stays unless the challenger is
    strictly larger, so of equal ones the first in reading order wins, as in PyTorch. On the way
    back the last challenger takes its share of dy first, and the very first entry what is left.
    """
    size = layer.size
    n, c, h, w = x.shape
    rows, across = h // size, w // size

    def entries(planes: Float[ndarray, "h w n c"]) -> list[ndarray]:
        whole = planes[: rows * size, : across * size]
        return [whole[i::size, j::size] for i in range(size) for j in range(size)]

    first, *challengers = entries(outer(x))
    y = first.copy()
    won = []
    for challenger in challengers:
        won.append(challenger > y)
        np.maximum(challenger, y, out=y)

    def backward(dy: Float[ndarray, "n c y x"], need_dx: bool) -> tuple[ndarray, Gradients]:
        dx = np.zeros((h, w, n, c), x.dtype)
        left = outer(dy).copy()
        first, *challengers = entries(dx)
        for share, win in zip(reversed(challengers), reversed(won), strict=True):
            np.multiply(left, win, out=share)
            left -= share
        first[...] = left
        return inner(dx), {}

    return inner(y), backward


def average_pool2d(
    layer: layers.AveragePool2d, params: Mapping[str, ndarray], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c y x"], Backward]:
    """y = the mean of each size x size window; each entry of it gets dy / size^2.

    Pixels beyond the last whole window get nothing.
    """
    size = layer.size
    n, c, h, w = x.shape
    rows, across = h // size, w // size

    def entries(planes: Float[ndarray, "h w n c"]) -> list[ndarray]:
        whole = planes[: rows * size, : across * size]
        return [whole[i::size, j::size] for i in range(size) for j in range(size)]

    first, *others = entries(outer(x))
    y = first.copy()
    for entry in others:
        y += entry
    y *= 1 / size**2

    def backward(dy: Float[ndarray, "n c y x"], need_dx: bool) -> tuple[ndarray, Gradients]:
        dx = np.zeros((h, w, n, c), x.dtype)
        share = outer(dy) * (1 / size**2)
        for entry in entries(dx):
            entry[...] = share
        return inner(dx), {}

    return inner(y), backward


def conv_relu_pool(
    conv: layers.Conv2d,
    pool: layers.MaxPool2d,
    params: Mapping[str, ndarray],
    x: Float[ndarray, "n c h w"],
) -> tuple[Float[ndarray, "n u y x"], Backward]:
    """max_pool2d(relu(conv2d(x))), pooling first: the same numbers, most of them never computed.

    Adding a bias and ReLU keep the order of numbers, rounding included, so max(relu(v + bias)) =
    relu(max(v) + bias) to the bit. So are the gradients, unless two v of a window differ by less
    than their sums with the bias can show: then the larger v wins here, and the first elsewhere.
    """
    v, backward_product = correlate(conv, params["weight"], x)
    largest, backward_pool = max_pool2d(pool, {}, v)
    y = outer(largest)
    y += params["bias"]
    np.maximum(y, 0, out=y)

    def backward(dy: Float[ndarray, "n u y x"], need_dx: bool) -> tuple[ndarray | None, Gradients]:
        dlargest = outer(dy) * (y > 0)
        dv, _ = backward_pool(inner(dlargest), True)
        assert dv is not None
        dx, dweight = backward_product(dv, need_dx)
        return dx, {"weight": dweight, "bias": dlargest.sum(axis=(0, 1, 2))}

    return inner(y), backward
