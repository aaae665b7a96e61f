"""Leaving out the pixels that (nearly) never change: the margin of a digit says nothing.

A network without them is a network whose first weights are zero there, so it stays an ordinary
network; training just has fewer columns to multiply.
Axes: n images, d = 784 pixels of an image, f of them kept, u units.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.network.network import Params, Standardise

FIRST_WEIGHT = "1.weight"
"""The weights that see the pixels, in a network that begins with Flatten, Dense."""


def varying_pixels(images: UInt8[ndarray, "n h w"], least_std: float) -> Bool[ndarray, " d"]:
    """Which pixels' standard deviation over `images` is at least `least_std`, in 0..255.

    With `least_std` 0 all are. One pass with integer sums: exact, and no float copy of the images.
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
    """The kept pixels of each image, standardised, a row each."""
    pixels = np.compress(kept, images.reshape(len(images), -1), axis=1)
    return standardise(pixels)[:, 0]


def restrict(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """The parameters of the network that sees only the kept pixels."""
    return {**params, FIRST_WEIGHT: np.ascontiguousarray(params[FIRST_WEIGHT][:, kept])}


def expand(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """The way back: the whole network, with zero weights on the pixels left out."""
    narrow = params[FIRST_WEIGHT]
    weight = np.zeros((len(narrow), len(kept)), narrow.dtype)
    weight[:, kept] = narrow
    return {**params, FIRST_WEIGHT: weight}
