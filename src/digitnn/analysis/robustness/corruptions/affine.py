"""Shapes moved: slanted, scaled, turned, shifted. What comes in from outside is paper.

All about the centre of the image, (h - 1) / 2 and (w - 1) / 2, with one bilinear sampling.
Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import affine_points, sample


def shear(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, radians: float
) -> UInt8[ndarray, "n h w"]:
    """Slanted by `radians` to either side, as scikit-image of the time defines a shear.

    Seen from the centre, the new pixel (y, x) shows the old one at (y cos, x - y sin): a slant,
    and a stretch downwards.
    """
    n = len(images)
    angles = radians * _either_way(n, rng)
    scale = np.stack([1 / np.cos(angles), np.ones(n)], axis=1)
    return move_images(images, scale=scale, shear=np.sin(angles))


def scale(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, factor: float
) -> UInt8[ndarray, "n h w"]:
    """Smaller: `factor` times as high and as wide."""
    return move_images(images, scale=np.full((len(images), 2), factor))


def rotate(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, radians: float
) -> UInt8[ndarray, "n h w"]:
    """Turned by `radians`, either way."""
    return move_images(images, degrees=np.degrees(radians) * _either_way(len(images), rng))


def translate(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, pixels: int
) -> UInt8[ndarray, "n h w"]:
    """Shifted by `pixels`, up or down and to the left or the right."""
    ways = np.stack([_either_way(len(images), rng) for _ in range(2)], axis=1)
    return move_images(images, shift=pixels * ways)


def move_images(
    images: UInt8[ndarray, "n h w"],
    *,
    degrees: Float64[ndarray, " n"] | None = None,
    scale: Float64[ndarray, "n 2"] | None = None,
    shear: Float64[ndarray, " n"] | None = None,
    shift: Float64[ndarray, "n 2"] | None = None,
) -> UInt8[ndarray, "n h w"]:
    """Each image by its own amounts, all that is not given left alone; see `affine_points`."""
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


def _either_way(n: int, rng: np.random.Generator) -> Float64[ndarray, " n"]:
    """-1 or 1, as likely."""
    return rng.choice([-1.0, 1.0], n)
