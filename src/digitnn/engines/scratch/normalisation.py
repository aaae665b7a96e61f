"""Batch normalisation, in prediction and in training, each with its derivative under it.

Ioffe and Szegedy 2015, algorithms 1 and 2. Each channel (or, of vectors, each input) is brought to
mean 0 and variance 1, then scaled and shifted by what is learned. A trained network takes its mean
and variance from running statistics, so it stays a fixed function of one image; in training they
are those of the batch, so every image moves the output of every other.
Axes: n images, c channels or inputs; behind them h w pixels, or nothing. A channel holds m = n h w
numbers, or m = n.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.layers import Backward, Gradients
from digitnn.network import layers

Statistics: TypeAlias = dict[str, ndarray]


def batch_norm(
    layer: layers.BatchNorm, params: Mapping[str, ndarray], x: Float[ndarray, "n c *hw"]
) -> tuple[Float[ndarray, "n c *hw"], Backward]:
    """y = weight z + bias, z = (x - running_mean) / sqrt(running_var + epsilon).

    The statistics are constants here, so dx = dy weight / sqrt(running_var + epsilon),
    dweight = sum dy z and dbias = sum dy, sums over the m numbers of each channel.
    """
    weight = params["weight"]
    deviation = np.sqrt(params["running_var"] + layer.epsilon)
    z = x - _beside(params["running_mean"], x)
    z *= _beside(1 / deviation, x)
    y = z * _beside(weight, x)
    y += _beside(params["bias"], x)

    def backward(
        dy: Float[ndarray, "n c *hw"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dx = dy * _beside(weight / deviation, x) if need_dx else None
        if not need_params:
            return dx, {}
        return dx, {"weight": _sum(dy * z), "bias": _sum(dy)}

    return y, backward


def batch_norm_training(
    layer: layers.BatchNorm, params: Mapping[str, ndarray], x: Float[ndarray, "n c *hw"]
) -> tuple[Float[ndarray, "n c *hw"], Backward, Statistics]:
    """y = weight z + bias, z = (x - mean) / s, s = sqrt(var + epsilon), with mean and var of x.

    The derivative, channel by channel; i and j count its m numbers. As ever dz_i means dL/dz_i, and
    is weight dy_i; other derivatives are written with ∂. Three paths lead from an x_j to L:

        directly           ∂z_j/∂x_j = 1 / s:                          dz_j / s
        through the mean   ∂mean/∂x_j = 1 / m, ∂z_i/∂mean = -1 / s:    - sum_i dz_i / (m s)
        through s          ∂s/∂x_j = z_j / m, ∂z_i/∂s = -z_i / s:      - z_j sum_i dz_i z_i / (m s)

    (∂s/∂x_j: differentiate s^2 = sum_i (x_i - mean)^2 / m + epsilon, which gives
    2 s ∂s = 2 (x_j - mean) / m ∂x_j. That the mean moves too adds nothing: sum_i (x_i - mean) = 0.)
    The two sums are weight times dbias = sum dy and weight times dweight = sum dy z, so

        dx = weight / s (dy - dbias / m - z dweight / m).

    Also returned: the running statistics as they are after this batch,
    (1 - momentum) running + momentum batch. The batch is normalised by its own variance, sum / m;
    what enters the running one is the unbiased estimate for images to come, sum / (m - 1), as in
    PyTorch and in algorithm 2, line 10. Hence m must be at least 2.
    """
    weight, m = params["weight"], x.size // x.shape[1]
    mean = _sum(x) / m
    z = x - _beside(mean, x)
    variance = _sum(z * z) / m
    deviation = np.sqrt(variance + layer.epsilon)
    z *= _beside(1 / deviation, x)
    y = z * _beside(weight, x)
    y += _beside(params["bias"], x)

    def backward(
        dy: Float[ndarray, "n c *hw"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dweight, dbias = _sum(dy * z), _sum(dy)
        dx = None
        if need_dx:
            dx = z * _beside(dweight / -m, x)
            dx += dy
            dx -= _beside(dbias / m, x)
            dx *= _beside(weight / deviation, x)
        return dx, {"weight": dweight, "bias": dbias}

    def moved(name: str, found: Float[ndarray, " c"]) -> Float[ndarray, " c"]:
        return params[name] * (1 - layer.momentum) + found * layer.momentum

    statistics = {
        "running_mean": moved("running_mean", mean),
        "running_var": moved("running_var", variance * (m / (m - 1))),
    }
    return y, backward, statistics


def _beside(numbers: Float[ndarray, " c"], x: Float[ndarray, "n c *hw"]) -> ndarray:
    """One number a channel, shaped to go with every pixel of `x`."""
    return numbers.reshape(-1, *(1 for _ in x.shape[2:]))


def _sum(x: Float[ndarray, "n c *hw"]) -> Float[ndarray, " c"]:
    """The sum of each channel, one axis after the other.

    Rows first, as they lie outermost in memory (see `convolution`). No number is then a sum of more
    than h, w or n others, and single precision loses little.
    """
    while x.ndim > 2:
        x = x.sum(axis=2)
    return x.sum(axis=0)
