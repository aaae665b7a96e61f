"""Pooling, alone and as the tail of a convolution, each with its derivative under it.

Axes: n images, c channels, h w pixels, u channels out, y x rows and columns of the output. How
planes lie in memory: see `convolution`.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn import layers
from digitnn.scratch.compiled import compiled
from digitnn.scratch.convolution import correlate, inner, outer
from digitnn.scratch.layers import Backward, Gradients, sum_over_rows

BackwardTail: TypeAlias = Callable[[ndarray], tuple[ndarray, ndarray]]


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
    fast = compiled.kernels is not None and v.dtype == np.float32 and pool.size < 16
    tail = _compiled_relu_pool if fast else relu_pool
    y, backward_tail = tail(pool, params["bias"], outer(v))

    def backward(dy: Float[ndarray, "n u y x"], need_dx: bool) -> tuple[ndarray | None, Gradients]:
        dv, dbias = backward_tail(outer(dy))
        dx, dweight = backward_product(inner(dv), need_dx)
        return dx, {"weight": dweight, "bias": dbias}

    return inner(y), backward


def relu_pool(
    pool: layers.MaxPool2d, bias: Float[ndarray, " u"], v: Float[ndarray, "h w n u"]
) -> tuple[Float[ndarray, "y x n u"], BackwardTail]:
    """y = relu(largest v of each window + bias); backward gives dv and dbias."""
    largest, backward_pool = max_pool2d(pool, {}, inner(v))
    y = outer(largest)
    y += bias
    np.maximum(y, 0, out=y)

    def backward(dy: Float[ndarray, "y x n u"]) -> tuple[ndarray, ndarray]:
        dlargest = dy * (y > 0)
        dv, _ = backward_pool(inner(dlargest), True)
        assert dv is not None
        return outer(dv), sum_over_rows(dlargest)

    return y, backward


def _compiled_relu_pool(
    pool: layers.MaxPool2d, bias: Float[ndarray, " u"], v: Float[ndarray, "h w n u"]
) -> tuple[Float[ndarray, "y x n u"], BackwardTail]:
    """The same to the bit in one pass each way, see `kernels`."""
    kernels, size = compiled.kernels, pool.size
    h, w, n, u = v.shape
    y = np.empty((h // size, w // size, n, u), v.dtype)
    winners = np.empty(y.shape, np.uint8)
    kernels.relu_pool(v, bias, size, y, winners)

    def backward(dy: Float[ndarray, "y x n u"]) -> tuple[ndarray, ndarray]:
        whole = h % size == 0 and w % size == 0
        dv = np.empty(v.shape, v.dtype) if whole else np.zeros(v.shape, v.dtype)
        kernels.relu_pool_backward(dy, winners, size, dv)
        return dv, sum_over_rows(dy * (y > 0))

    return y, backward
