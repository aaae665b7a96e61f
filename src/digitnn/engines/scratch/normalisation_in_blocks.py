"""BatchNorm in training, of a batch that is cut into blocks, fused with the ReLU after it.

See `normalisation` for what it is. Two things need the whole batch, and only these: mean and
variance on the way forward, and dweight and dbias on the way back. So each block is visited once
before and once after either:

    centred(x)                           -> d = x - (the block's mean), and the sums of d and d^2
    normalise(layer, params, blocks)     the batch's mean and variance, from those of the blocks
    Normalised.forward(block)            -> y
    Normalised.backward_sums(block, dy)  -> what the block adds to dweight and dbias
    Normalised.backward(block, ...)      -> dx, once dweight and dbias are those of the batch

Each block keeps its own d, so the batch's mean is never subtracted from large numbers twice.
Axes: n images of a block, c channels or inputs, then h w pixels or nothing. r w: d in memory, one
row for each pixel with the n c numbers of all images (or for vectors a row for each image, of c).
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.convolution import pixels_first, pixels_last
from digitnn.engines.scratch.layers import Gradients, ones, sum_over_rows
from digitnn.engines.scratch.memory import empty, passing, passing_arrays
from digitnn.engines.scratch.normalisation import Statistics, running_statistics
from digitnn.network import layers


@dataclass(frozen=True, eq=False)
class Centred:
    """A block minus its own mean.

    mean: its mean; squares: the sum of d^2 of each channel; shape: (n, c) or (n, c, h, w).
    """

    d: Float[ndarray, "r w"]
    mean: Float[ndarray, " c"]
    squares: Float[ndarray, " c"]
    shape: tuple[int, ...]

    @property
    def m(self) -> int:
        """How many numbers each channel has in the block."""
        return self.d.size // len(self.mean)


def centred(x: Float[ndarray, "n c *hw"]) -> Centred:
    """Return x - mean of this block, its mean, and sum (x - mean)^2, by channel."""
    rows, c = _as_rows(x), x.shape[1]
    mean = _channel_sum(rows, c) / (x.size // c)
    of_row = _repeated(mean, rows)
    d = empty(rows.shape, rows.dtype)
    kernels = _kernels_for(rows)
    with passing_arrays():
        squares = passing(rows.shape, rows.dtype)
        if kernels is not None:
            kernels.centre(rows, of_row, d, squares)
        else:
            np.subtract(rows, of_row, out=d)
            np.multiply(d, d, out=squares)
        return Centred(d, mean, _channel_sum(squares, c), x.shape)


@dataclass(frozen=True, eq=False)
class Normalised:
    """BatchNorm with the statistics of a batch, then ReLU if `relu`.

    scale: 1 / sqrt(var + epsilon); m: how many numbers each channel has in the batch.
    """

    weight: Float[ndarray, " c"]
    bias: Float[ndarray, " c"]
    mean: Float[ndarray, " c"]
    scale: Float[ndarray, " c"]
    m: int
    relu: bool

    def forward(self, block: Centred) -> Float[ndarray, "n c *hw"]:
        """y = weight z + bias, z = (x - mean) scale = (d + block.mean - mean) scale."""
        slope = self.weight * self.scale
        level = self.bias + (block.mean - self.mean) * slope
        d, y = block.d, empty(block.d.shape, block.d.dtype)
        slope, level = _repeated(slope, d), _repeated(level, d)
        kernels = _kernels_for(d)
        if kernels is not None:
            kernels.scale_shift(d, slope, level, self.relu, y)
        else:
            np.multiply(d, slope, out=y)
            y += level
            if self.relu:
                np.maximum(y, 0, out=y)
        return _from_rows(y, block.shape)

    def backward_sums(
        self, block: Centred, y: Float[ndarray, "n c *hw"], dy: Float[ndarray, "n c *hw"]
    ) -> tuple[Float[ndarray, "r w"], Gradients]:
        """Return dL/d(weight z + bias) and the block's dweight = sum dy z, dbias = sum dy."""
        d, kept, c = block.d, _as_rows(dy), len(block.mean)
        kernels = _kernels_for(d)
        with passing_arrays():
            products = passing(d.shape, d.dtype)
            if self.relu:
                dy_rows, kept = kept, empty(d.shape, d.dtype)
                if kernels is not None:
                    kernels.relu_backward(dy_rows, _as_rows(y), d, kept, products)
                else:
                    np.multiply(dy_rows, _as_rows(y) > 0, out=kept)
            if not self.relu or kernels is None:
                np.multiply(kept, d, out=products)
            dbias, of_products = _channel_sum(kept, c), _channel_sum(products, c)
        dweight = (of_products + (block.mean - self.mean) * dbias) * self.scale
        return kept, {"weight": dweight, "bias": dbias}

    def backward(
        self,
        block: Centred,
        dy: Float[ndarray, "r w"],
        dweight: Float[ndarray, " c"],
        dbias: Float[ndarray, " c"],
    ) -> Float[ndarray, "n c *hw"]:
        """dx = weight scale (dy - dbias / m - z dweight / m), a sum of three terms in dy, d and 1.

        The derivative of one channel; i and j count its m numbers, and s = 1 / scale. dz_i means
        dL/dz_i = weight dy_i; other derivatives are written with ∂. Three paths lead from x_j to L:

            directly          ∂z_j/∂x_j = 1 / s:                        dz_j / s
            through the mean  ∂mean/∂x_j = 1 / m, ∂z_i/∂mean = -1 / s:  - sum_i dz_i / (m s)
            through s         ∂s/∂x_j = z_j / m, ∂z_i/∂s = -z_i / s:    - z_j sum_i dz_i z_i / (m s)

        (∂s/∂x_j: differentiating s^2 = sum_i (x_i - mean)^2 / m + epsilon gives
        2 s ∂s = 2 (x_j - mean) / m ∂x_j; the mean contributes nothing, as sum_i (x_i - mean) = 0.)
        The two sums are weight dbias, with dbias = sum dy, and weight dweight, with dweight =
        sum dy z.

        dy: the first result of `backward_sums`; dweight, dbias: their sums over all blocks.
        """
        of_dy = self.weight * self.scale
        of_d = of_dy * self.scale * dweight / -self.m
        constant = (block.mean - self.mean) * of_d - of_dy * dbias / self.m
        d, dx = block.d, empty(block.d.shape, block.d.dtype)
        of_dy, of_d, constant = (_repeated(each, d) for each in (of_dy, of_d, constant))
        kernels = _kernels_for(d)
        if kernels is not None:
            kernels.batch_norm_backward(dy, d, of_dy, of_d, constant, dx)
        else:
            np.multiply(dy, of_dy, out=dx)
            with passing_arrays():
                dx += np.multiply(d, of_d, out=passing(d.shape, d.dtype))
            dx += constant
        return _from_rows(dx, block.shape)


def normalise(
    layer: layers.BatchNorm,
    params: Mapping[str, ndarray],
    blocks: Sequence[Centred],
    relu: bool,
) -> tuple[Normalised, Statistics]:
    """Return BatchNorm with the statistics of all blocks, and its new running statistics.

    The sum of squares about the batch's mean is that about the block's, plus m times the square of
    the means' distance, added over the blocks in their order (Chan, Golub and LeVeque 1983).
    """
    m = sum(block.m for block in blocks)
    means = [block.mean.astype(np.float64) for block in blocks]
    counts = [block.m for block in blocks]
    mean = reduce(np.add, map(np.multiply, means, counts)) / m
    squares = (
        block.squares + (own - mean) ** 2 * block.m
        for block, own in zip(blocks, means, strict=True)
    )
    dtype = params["weight"].dtype
    variance = reduce(np.add, squares) / m
    scale = (1 / np.sqrt(variance + layer.epsilon)).astype(dtype)
    mean, variance = mean.astype(dtype), variance.astype(dtype)
    found = Normalised(params["weight"], params["bias"], mean, scale, m, relu)
    return found, running_statistics(layer, params, mean, variance, m)


def _as_rows(x: Float[ndarray, "n c *hw"]) -> Float[ndarray, "r w"]:
    """Return x as (h w, n c), a view if it lies so in memory, or as it is if it has no pixels."""
    return pixels_first(x).reshape(-1, x.shape[0] * x.shape[1]) if x.ndim == 4 else x


def _from_rows(rows: Float[ndarray, "r w"], shape: tuple[int, ...]) -> Float[ndarray, "n c *hw"]:
    """The inverse of `_as_rows`, a view."""
    if len(shape) == 2:
        return rows
    n, c, h, w = shape
    return pixels_last(rows.reshape(h, w, n, c))


def _repeated(numbers: Float[ndarray, " c"], rows: Float[ndarray, "r w"]) -> Float[ndarray, " w"]:
    """Return the numbers of the channels once for each image of a row: long runs are faster."""
    repeats = rows.shape[1] // len(numbers)
    return numbers if repeats == 1 else numbers[None].repeat(repeats, axis=0).ravel()


def _channel_sum(rows: Float[ndarray, "r w"], c: int) -> Float[ndarray, " c"]:
    """Return the sum of each channel: over the rows as a product with ones, then over the images.

    No partial sum has more than r or n terms, so single precision loses little.
    """
    sums = ones(len(rows), rows.dtype) @ rows
    return sums if len(sums) == c else sum_over_rows(sums.reshape(-1, c))


def _kernels_for(rows: ndarray) -> Any:
    """Return the compiled passes if they are loaded and the precision is single."""
    return compiled.kernels if rows.dtype == np.float32 else None
