"""Noise of single pixels.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray


def shot_noise(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, photons: float
) -> UInt8[ndarray, "n h w"]:
    """What counting light does: Poisson of pixel / 255 * photons, over photons.

    photons: the mean count of full ink; fewer are noisier. Paper, of which none come, stays paper.
    """
    counts = rng.poisson(images * (photons / 255))
    return np.rint(np.minimum(counts / photons, 1) * 255).astype(np.uint8)


def impulse_noise(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, share: float
) -> UInt8[ndarray, "n h w"]:
    """Salt and pepper: a share of the pixels becomes ink or paper, either as likely."""
    drawn = rng.random(images.shape, np.float32)
    noisy = np.where(drawn < share / 2, np.uint8(0), images)
    noisy[drawn >= 1 - share / 2] = 255
    return noisy
