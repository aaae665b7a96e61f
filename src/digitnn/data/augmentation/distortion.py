"""Distorted copies of training images: turned, scaled, slanted, shifted and bent a little.

All of it is one map from each pixel of the new image to a point of the old one, and the old image
is sampled there once: every sampling blurs, so a chain of them would blur several times. Each step
is a few NumPy calls over many images, which let other threads run meanwhile; nothing is drawn but
from the generator that is passed in.
Axes: n images, h w pixels, m waves. Points are (y, x) in pixels, y downwards.
"""

from dataclasses import dataclass, fields
from functools import cache
from math import isfinite

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.errors import UsageError

BLOCK_IMAGES = 32
"""Images sampled at once: few enough to stay in cache and in memory that is used again, which takes
3 ms for 256 images in place of 8."""


@dataclass(frozen=True)
class Distortion:
    """How far an image may be distorted; each image draws its own amounts, uniform within limits.

    degrees: turned about the centre by up to this, either way; scale: height and width multiplied
    by factors of their own in 1 - scale..1 + scale; shear: slanted sideways by up to this many
    pixels a row; shift: moved down and across by up to this many pixels each, fractions too.
    elastic: how far pixels are moved out of line besides, down and across, as the standard
    deviation in pixels; the displacements are white noise smoothed by a Gaussian of standard
    deviation `smoothness` pixels (Simard, Steinkraus and Platt 2003, section 2, who state their
    strength before the smoothing).

    The order: scaled, slanted, turned, shifted; then bent.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    smoothness: float = 4.0

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and isfinite(value) and value >= 0):
                raise UsageError(
                    f"Distortion: {name} must be a finite number of at least 0, got {value!r}"
                )
        if self.scale >= 1:
            raise UsageError(f"Distortion: scale must be below 1, got {self.scale!r}")
        if self.smoothness == 0:
            raise UsageError("Distortion: smoothness must be above 0, got 0")


def distort(
    images: UInt8[ndarray, "n h w"], distortion: Distortion, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Each of `images` distorted in its own way. What comes in from outside is paper, 0.

    >>> digits = np.full((2, 28, 28), 255, np.uint8)
    >>> bool((distort(digits, Distortion(), np.random.default_rng(0)) == digits).all())
    True
    """
    n, h, w = images.shape
    points = random_points(n, h, w, distortion, rng)
    distorted = np.empty_like(images)
    for block in (slice(start, start + BLOCK_IMAGES) for start in range(0, n, BLOCK_IMAGES)):
        distorted[block] = sample(images[block], points[:, block])
    return distorted


def random_points(
    n: int, h: int, w: int, distortion: Distortion, rng: np.random.Generator, magnified: float = 1.0
) -> Float32[ndarray, "2 n h w"]:
    """Where each pixel of n distorted images lies in the old ones, each drawn in its own way.

    magnified: how much larger the new images show what is drawn; `elastic` is in their pixels.
    """
    limits = [
        distortion.degrees,
        *[distortion.scale] * 2,
        distortion.shear,
        *[distortion.shift] * 2,
    ]
    amounts = rng.uniform(-1, 1, (n, 6)) * limits
    degrees, scale, shear, shift = np.split(amounts, [1, 3, 4], axis=1)
    size, moved = magnified * (1 + scale), magnified * shift
    points = affine_points(h, w, degrees[:, 0], size, shear[:, 0], moved)
    if distortion.elastic:
        smoothness = magnified * distortion.smoothness
        points += distortion.elastic * smooth_noise(n, h, w, smoothness, rng)
    return points


def affine_points(
    h: int,
    w: int,
    degrees: Float64[ndarray, " n"],
    scale: Float64[ndarray, "n 2"],
    shear: Float64[ndarray, " n"],
    shift: Float64[ndarray, "n 2"],
) -> Float32[ndarray, "2 n h w"]:
    """Where each pixel of n new images lies in the old one: rows and columns, pixel (0, 0) at 0.

    The ink at p, measured from the centre, moves to `turn @ slant @ stretch @ p + shift`; the ink
    of the new pixel q is therefore found at the inverse of that. Positive degrees turn as np.rot90
    does, anticlockwise.
    """
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    one, zero = np.ones_like(shear), np.zeros_like(shear)
    turn = _matrices([[cos, -sin], [sin, cos]])
    slant = _matrices([[one, zero], [shear, one]])
    stretch = _matrices([[scale[:, 0], zero], [zero, scale[:, 1]]])
    back = np.linalg.inv(turn @ slant @ stretch)
    centre = np.array([h - 1, w - 1]) / 2
    start = centre - (back @ shift[:, :, None])[:, :, 0]
    plane = np.indices((h, w)).reshape(2, -1) - centre[:, None]
    coefficients = np.concatenate([back, start[:, :, None]], axis=2).swapaxes(0, 1)
    plane = np.concatenate([plane, np.ones((1, h * w))])
    points = coefficients.astype(np.float32) @ plane.astype(np.float32)
    return points.reshape(2, len(back), h, w)


def smooth_noise(
    n: int, h: int, w: int, smoothness: float, rng: np.random.Generator
) -> Float32[ndarray, "2 n h w"]:
    """Gaussian fields, down and across: at each pixel of mean 0 and standard deviation 1.

    Pixels d apart correlate by exp(-d^2 / (4 smoothness^2)), as white noise does after a Gaussian
    filter, up to the edge. A field so smooth is a sum of few waves: in place of the filter, m x m
    random numbers are spread over h x w pixels by two small matrix products.
    """
    down, across = _karhunen_loeve_modes(h, smoothness), _karhunen_loeve_modes(w, smoothness)
    noise = rng.standard_normal((2, n, down.shape[1], across.shape[1]), np.float32)
    return down @ noise @ across.T


@cache
def _karhunen_loeve_modes(extent: int, smoothness: float) -> Float32[ndarray, "extent m"]:
    """The Karhunen-Loeve expansion of a smooth Gaussian line: the eigenvectors of its correlations.

    Each is as long as the root of its eigenvalue, so that their sum with independent standard
    normal factors has these correlations. Waves of less than a thousandth of the variance are left
    out, which lowers the standard deviation by 0.2 % at most.
    """
    distance = np.subtract.outer(np.arange(extent), np.arange(extent))
    variances, vectors = np.linalg.eigh(np.exp(-((distance / (2 * smoothness)) ** 2)))
    kept = variances > 1e-3 * variances.sum()
    waves = (vectors[:, kept] * np.sqrt(variances[kept])).astype(np.float32)
    waves.flags.writeable = False
    return waves


def sample(
    images: UInt8[ndarray, "n h w"], points: Float32[ndarray, "2 n h w"]
) -> UInt8[ndarray, "n h w"]:
    """The images at `points` (rows and columns), bilinear between pixels, 0 outside, rounded."""
    n, h, w = images.shape
    # Paper all round, one pixel before and two after: points far out are brought back to it, and
    # no neighbour needs to be asked where it is.
    padded = np.zeros((n, h + 3, w + 3), np.float32)
    padded[:, 1:-2, 1:-2] = images
    y, x = shares = np.clip(points, -1, np.array([h, w], np.float32)[:, None, None, None])
    corner = np.floor(shares)
    shares -= corner
    flat, row = padded.ravel(), padded.shape[2]
    index = (corner[0] * row + corner[1]).astype(np.intp)
    index += np.arange(n)[:, None, None] * padded[0].size + row + 1
    above = _interpolate(flat.take(index), flat[1:].take(index), x)
    below = _interpolate(flat[row:].take(index), flat[row + 1 :].take(index), x)
    return np.rint(_interpolate(above, below, y)).astype(np.uint8)


def _interpolate(one: ndarray, other: ndarray, share: ndarray) -> ndarray:
    """one + share (other - one), written over `other`: fresh memory costs more than the sums."""
    other -= one
    other *= share
    other += one
    return other


def _matrices(rows: list[list[ndarray]]) -> Float64[ndarray, "n 2 2"]:
    return np.moveaxis(np.array(rows), 2, 0)


@dataclass(frozen=True)
class Shift:
    """How far an image may be moved: each draws its own whole number of pixels, down and across.

    pixels: up to this many, either way, all equally likely.
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        if type(self.pixels) is not int or not 0 <= self.pixels <= 28:
            raise UsageError(
                f"Shift: pixels must be a whole number from 0 to 28, got {self.pixels!r}"
            )


def shift(
    images: UInt8[ndarray, "n h w"], limits: Shift, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Each of `images` moved in its own way. What comes in from outside is paper, 0.

    >>> digits = np.full((2, 28, 28), 255, np.uint8)
    >>> bool((shift(digits, Shift(0), np.random.default_rng(0)) == digits).all())
    True
    """
    n, h, w = images.shape
    p = limits.pixels
    framed = np.pad(images, ((0, 0), (p, p), (p, p)))
    down, across = rng.integers(2 * p + 1, size=(2, n))
    windows = sliding_window_view(framed, (h, w), axis=(1, 2))  # n, start row, start column, h, w
    return windows[np.arange(n), down, across]
