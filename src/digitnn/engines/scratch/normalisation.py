"""Batch normalisation in prediction, with its derivative; in training: `normalisation_in_blocks`.

Ioffe and Szegedy 2015, algorithms 1 and 2. Each channel (or each input of a vector) is normalised
to mean 0 and variance 1, then scaled and shifted by learned parameters. In prediction mean and
variance are running statistics, so the network is a fixed function of one image; in training they
are those of the batch, so every image affects the output of every other.
Axes: n images, c channels or inputs, then h w pixels or nothing. A channel holds m = n h w numbers,
or m = n.
"""

from __future__ import annotations  # those of nested functions would be built at each call

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

    The statistics are constants, so dx = dy weight / sqrt(running_var + epsilon), dweight =
    sum dy z and dbias = sum dy, summed over the m numbers of each channel.
    """
    weight = params["weight"]
    deviation = np.sqrt(params["running_var"] + layer.epsilon)
    z = x - _per_channel(params["running_mean"], x)
    z *= _per_channel(1 / deviation, x)
    y = z * _per_channel(weight, x)
    y += _per_channel(params["bias"], x)

    def backward(
        dy: Float[ndarray, "n c *hw"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dx = dy * _per_channel(weight / deviation, x) if need_dx else None
        if not need_params:
            return dx, {}
        return dx, {"weight": _channel_sum(dy * z), "bias": _channel_sum(dy)}

    return y, backward


def running_statistics(
    layer: layers.BatchNorm,
    params: Mapping[str, ndarray],
    mean: Float[ndarray, " c"],
    variance: Float[ndarray, " c"],
    m: int,
) -> Statistics:
    """Return the running statistics after a batch: (1 - momentum) running + momentum batch.

    params: has those before it; variance: of the batch, sum / m, by which it is normalised. The
    running variance takes the unbiased estimate, sum / (m - 1), as in PyTorch and in algorithm 2,
    line 10. So m must be at least 2.
    """
    kept, added = 1 - layer.momentum, layer.momentum
    return {
        "running_mean": params["running_mean"] * kept + mean * added,
        "running_var": params["running_var"] * kept + variance * (m / (m - 1)) * added,
    }


def _per_channel(numbers: Float[ndarray, " c"], x: Float[ndarray, "n c *hw"]) -> ndarray:
    """Reshape one number per channel to broadcast over the pixels of `x`."""
    return numbers.reshape(-1, *(1 for _ in x.shape[2:]))


def _channel_sum(x: Float[ndarray, "n c *hw"]) -> Float[ndarray, " c"]:
    """Return the sum of each channel, one axis after the other.

    Rows come first, as they lie outermost in memory (see `convolution`). No partial sum has more
    than h, w or n terms, so single precision loses little.
    """
    while x.ndim > 2:
        x = x.sum(axis=2)
    return x.sum(axis=0)
