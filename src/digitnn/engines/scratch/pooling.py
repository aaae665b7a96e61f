"""Pooling, alone and fused with a convolution, each with its derivative directly under it.

Windows lie side by side; pixels beyond the last whole window are left out, and their dx is 0.
Axes: n images, c channels, h w pixels, u channels out of a convolution, a b rows and columns of the
output. The memory layout of planes is that of `convolution`.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.convolution import correlate, pixels_first, pixels_last
from digitnn.engines.scratch.layers import Backward, BackwardInput, Gradients, sum_over_rows
from digitnn.engines.scratch.memory import empty, passing, passing_arrays
from digitnn.network import layers

BackwardTail: TypeAlias = Callable[[ndarray], tuple[ndarray, ndarray]]


def max_pool2d(
    layer: layers.MaxPool2d, x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c a b"], BackwardInput]:
    """y = the largest entry of each size x size window; dy goes to that entry.

    Entry (i, j) of all windows is compared at once. The largest so far stays unless the challenger
    is strictly larger, so the first of equal entries in reading order wins, as in PyTorch. Backward
    visits the challengers last to first: each takes dy where it won and no later one did, and the
    first entry gets the rest.
    """
    n, c, h, w = x.shape
    first, *challengers = entries(pixels_first(x), layer.size)
    y = first.copy()
    won = []
    for challenger in challengers:
        won.append(challenger > y)
        np.maximum(challenger, y, out=y)

    def backward(dy: Float[ndarray, "n c a b"]) -> Float[ndarray, "n c h w"]:
        dx = np.zeros((h, w, n, c), x.dtype)
        left = pixels_first(dy).copy()
        first, *challengers = entries(dx, layer.size)
        for share, win in zip(reversed(challengers), reversed(won), strict=True):
            np.multiply(left, win, out=share)
            left -= share
        first[...] = left
        return pixels_last(dx)

    return pixels_last(y), backward


def average_pool2d(
    layer: layers.AveragePool2d, x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c a b"], BackwardInput]:
    """y = the mean of each size x size window; dx of each entry is dy / size^2."""
    n, c, h, w = x.shape
    first, *others = entries(pixels_first(x), layer.size)
    y = first.copy()
    for entry in others:
        y += entry
    y *= 1 / layer.size**2

    def backward(dy: Float[ndarray, "n c a b"]) -> Float[ndarray, "n c h w"]:
        dx = np.zeros((h, w, n, c), x.dtype)
        share = pixels_first(dy) * (1 / layer.size**2)
        for entry in entries(dx, layer.size):
            entry[...] = share
        return pixels_last(dx)

    return pixels_last(y), backward


def entries(planes: Float[ndarray, "h w n c"], size: int) -> list[Float[ndarray, "a b n c"]]:
    """Return a view of entry (i, j) of all windows, for each (i, j) in reading order."""
    h, w = planes.shape[:2]
    whole = planes[: h // size * size, : w // size * size]
    return [whole[i::size, j::size] for i in range(size) for j in range(size)]


def conv_relu_pool(
    conv: layers.Conv2d,
    pool: layers.MaxPool2d,
    params: Mapping[str, ndarray],
    x: Float[ndarray, "n c h w"],
    relu: bool = True,
) -> tuple[Float[ndarray, "n u a b"], Backward]:
    """y = max_pool2d(relu(conv2d(x))), pooled before the bias and the ReLU, which saves work.

    Let v be the convolution without its bias. Adding a bias and ReLU preserve order, rounding
    included, so max(relu(v + bias)) = relu(max(v) + bias) to the bit. The gradients are equal too,
    unless rounding makes two different v of a window equal once the bias is added: then the larger
    v wins here, and the first in reading order wins layer by layer.
    relu: False for y = max_pool2d(conv2d(x)).
    """
    kernels = compiled.kernels  # read once: another thread may switch them off meanwhile
    with passing_arrays():
        v, backward_product = correlate(conv, params["weight"], x, passing)
        # a winner is a byte: an entry from 0 to 15 * 15 - 1, or NO_WINNER
        if kernels is not None and v.dtype == np.float32 and pool.size <= 15:
            tail = _compiled_relu_pool(kernels, pool, params["bias"], pixels_first(v), relu)
        else:
            tail = relu_pool(pool, params["bias"], pixels_first(v), relu)
    y, backward_tail = tail

    def backward(
        dy: Float[ndarray, "n u a b"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        with passing_arrays():
            dv, dbias = backward_tail(pixels_first(dy))
            dx, dweight = backward_product(pixels_last(dv), need_dx, need_params)
        if dweight is None:
            return dx, {}
        return dx, {"weight": dweight, "bias": dbias}

    return pixels_last(y), backward


def relu_pool(
    pool: layers.MaxPool2d,
    bias: Float[ndarray, " u"],
    v: Float[ndarray, "h w n u"],
    relu: bool = True,
) -> tuple[Float[ndarray, "a b n u"], BackwardTail]:
    """y = relu(largest v of each window + bias); backward maps dy to dv and dbias."""
    largest, backward_pool = max_pool2d(pool, pixels_last(v))
    y = pixels_first(largest)
    y += bias
    if relu:
        np.maximum(y, 0, out=y)

    def backward(dy: Float[ndarray, "a b n u"]) -> tuple[ndarray, ndarray]:
        dlargest = dy * (y > 0) if relu else dy
        dv = backward_pool(pixels_last(dlargest))
        return pixels_first(dv), sum_over_rows(dlargest)

    return y, backward


def _compiled_relu_pool(
    kernels: Any,
    pool: layers.MaxPool2d,
    bias: Float[ndarray, " u"],
    v: Float[ndarray, "h w n u"],
    relu: bool,
) -> tuple[Float[ndarray, "a b n u"], BackwardTail]:
    """Compute `relu_pool` in one compiled pass each way, see `kernels`."""
    size = pool.size
    h, w, n, u = shape = v.shape
    y = empty((h // size, w // size, n, u), v.dtype)
    winners = empty(y.shape, np.dtype(np.uint8))
    kernels.relu_pool(v, bias, size, relu, y, winners)

    def backward(dy: Float[ndarray, "a b n u"]) -> tuple[ndarray, ndarray]:
        dv, dlargest = passing(shape, dy.dtype), passing(dy.shape, dy.dtype)
        if h % size or w % size:
            dv[...] = 0
        kernels.relu_pool_backward(dy, winners, size, dv, dlargest)
        return dv, sum_over_rows(dlargest)

    return y, backward
