"""Selection of pixels: training without the pixels that hardly vary, mostly those of the margin.

The result is an ordinary network whose first weights are zero at the pixels left out; training has
fewer columns to multiply.
Axes: n images, d = 784 pixels of an image, f of them kept, u units.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.network.network import Params, Standardise

FIRST_WEIGHT = "1.weight"
"""The weights of the pixels, in a network that begins with Flatten, Dense."""


def varying_pixels(images: UInt8[ndarray, "n h w"], least_std: float) -> Bool[ndarray, " d"]:
    """Return which pixels, 0..255, have a standard deviation over `images` of at least `least_std`.

    One pass with integer sums: exact, and without a float copy of the images.
    """
    n = len(images)
    pixels = images.reshape(n, -1)
    total = pixels.sum(axis=0, dtype=np.int64)
    squares = np.zeros(pixels.shape[1], np.int64)
    for start in range(0, n, 1000):
        block = pixels[start : start + 1000].astype(np.int32)
        squares += (block * block).sum(axis=0, dtype=np.int64)
    variance = squares / n - (total / n) ** 2
    kept: ndarray = np.sqrt(np.maximum(variance, 0)) >= least_std
    return kept


def features(
    images: UInt8[ndarray, "n h w"], standardise: Standardise, kept: Bool[ndarray, " d"]
) -> Float32[ndarray, "n f"]:
    """Return a row per image of its kept pixels, standardised."""
    pixels = np.compress(kept, images.reshape(len(images), -1), axis=1)
    return standardise(pixels)[:, 0]


def restrict(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """Return the parameters of the network that takes the kept pixels only."""
    return {**params, FIRST_WEIGHT: np.ascontiguousarray(params[FIRST_WEIGHT][:, kept])}


def expand(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """Return the parameters for all pixels, zero at those left out: the inverse of `restrict`."""
    narrow = params[FIRST_WEIGHT]
    weight = np.zeros((len(narrow), len(kept)), narrow.dtype)
    weight[:, kept] = narrow
    return {**params, FIRST_WEIGHT: weight}
