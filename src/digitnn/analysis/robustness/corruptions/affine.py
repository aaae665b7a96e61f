"""Shear, scale, rotate and translate images; paper fills in from outside.

All transforms are about the centre, ((h - 1) / 2, (w - 1) / 2), with one bilinear sampling.
Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import affine_points, sample


def shear(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, radians: float
) -> UInt8[ndarray, "n h w"]:
    """Shear by `radians` to a random side, as scikit-image of the time defined it.

    Relative to the centre, the new pixel (y, x) takes the old one at (y cos, x - y sin), which
    also stretches the image vertically.
    """
    n = len(images)
    angles = radians * _random_signs(n, rng)
    scale = np.stack([1 / np.cos(angles), np.ones(n)], axis=1)
    return move_images(images, scale=scale, shear=np.sin(angles))


def scale(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, factor: float
) -> UInt8[ndarray, "n h w"]:
    """Scale height and width by `factor`."""
    return move_images(images, scale=np.full((len(images), 2), factor))


def rotate(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, radians: float
) -> UInt8[ndarray, "n h w"]:
    """Rotate by `radians` in a random direction."""
    return move_images(images, degrees=np.degrees(radians) * _random_signs(len(images), rng))


def translate(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, pixels: int
) -> UInt8[ndarray, "n h w"]:
    """Shift by `pixels` vertically and horizontally, in random directions."""
    signs = np.stack([_random_signs(len(images), rng) for _ in range(2)], axis=1)
    return move_images(images, shift=pixels * signs)


def move_images(
    images: UInt8[ndarray, "n h w"],
    *,
    degrees: Float64[ndarray, " n"] | None = None,
    scale: Float64[ndarray, "n 2"] | None = None,
    shear: Float64[ndarray, " n"] | None = None,
    shift: Float64[ndarray, "n 2"] | None = None,
) -> UInt8[ndarray, "n h w"]:
    """Transform each image by its own amounts; see `affine_points`."""
    n, h, w = images.shape
    points = affine_points(
        h,
        w,
        np.zeros(n) if degrees is None else degrees,
        np.ones((n, 2)) if scale is None else scale,
        np.zeros(n) if shear is None else shear,
        np.zeros((n, 2)) if shift is None else shift,
    )
    return sample(images, points)


def _random_signs(n: int, rng: np.random.Generator) -> Float64[ndarray, " n"]:
    """Return -1 or 1 with equal probability."""
    return rng.choice([-1.0, 1.0], n)
