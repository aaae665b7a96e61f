"""Geometric augmentation: rotation, scaling, shear, shift and elastic distortion.

All steps are combined into one map from the pixels of the new image to points of the old one, which
is sampled once: every sampling blurs. The work is done by a few NumPy calls over many images, which
release the interpreter for other threads. `shift` moves by whole pixels and samples nothing.
Axes: n images, h w pixels, m modes. Points are (y, x) in pixels, y downwards.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.errors import check_numbers

BLOCK_IMAGES = 32
"""Images sampled at once: they stay in the cache, which takes 3 ms for 256 images instead of 8."""


@dataclass(frozen=True)
class Distortion:
    """Limits of a distortion; each image draws its own amounts, uniform within the limits.

    degrees: rotation about the centre by up to this, either way; scale: height and width multiplied
    by separate factors in 1 - scale..1 + scale; shear: slant by up to this many pixels per row;
    shift: moved down and across by up to this many pixels each, fractions included.
    elastic: standard deviation, in pixels, of elastic displacements down and across; these are
    white noise smoothed by a Gaussian of standard deviation `smoothness` pixels (Simard, Steinkraus
    and Platt 2003, section 2, who state the strength before smoothing).

    The order is scale, shear, rotation, shift, elastic distortion.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    smoothness: float = 4.0

    def __post_init__(self) -> None:
        check_numbers(self, *(field.name for field in fields(self)), at_least=0)
        check_numbers(self, "scale", at_least=0, below=1)
        check_numbers(self, "smoothness", above=0)


def distort(
    images: UInt8[ndarray, "n h w"], distortion: Distortion, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Distort each image by its own random amounts. Pixels from outside are paper, 0.

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
    """Draw n distortions; return where each pixel of the new images lies in the old ones.

    magnified: the magnification of the new images; `elastic` is in their pixels.
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
    """Return where each pixel of n new images lies in the old one, in rows and columns from 0.

    Ink at p, from the centre, moves to `turn @ slant @ stretch @ p + shift`, so a new pixel takes
    its ink from the inverse of that map. Positive degrees turn anticlockwise, as np.rot90.
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
    """Draw smooth Gaussian fields, down and across, with mean 0 and standard deviation 1.

    Pixels d apart have the correlation exp(-d^2 / (4 smoothness^2)), as white noise has after a
    Gaussian filter. Such a field is a sum of few modes: instead of filtering, m x m random numbers
    are spread over h x w pixels by two small matrix products.
    """
    down, across = _karhunen_loeve_modes(h, smoothness), _karhunen_loeve_modes(w, smoothness)
    noise = rng.standard_normal((2, n, down.shape[1], across.shape[1]), np.float32)
    return down @ noise @ across.T


@cache
def _karhunen_loeve_modes(extent: int, smoothness: float) -> Float32[ndarray, "extent m"]:
    """Return the Karhunen-Loeve modes of a smooth Gaussian line, scaled eigenvectors.

    Each has the length of the root of its eigenvalue, so their sum with independent standard normal
    factors has the wanted correlations. Modes with less than a thousandth of the variance are left
    out, which lowers the standard deviation by at most 0.2 %.
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
    """Sample the images at `points` (rows and columns): bilinear, 0 outside, rounded."""
    n, h, w = images.shape
    # A border of paper, one pixel before and two after: points outside are clipped to it, and
    # every point has all four neighbours.
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
    """Return one + share (other - one), written over `other` to save an allocation."""
    other -= one
    other *= share
    other += one
    return other


def _matrices(rows: list[list[ndarray]]) -> Float64[ndarray, "n 2 2"]:
    return np.moveaxis(np.array(rows), 2, 0)


@dataclass(frozen=True)
class Shift:
    """A random move of each image by whole pixels, down and across.

    pixels: up to this many, either way, all equally likely.
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        check_numbers(self, "pixels", whole=True, at_least=0, at_most=28)


def shift(
    images: UInt8[ndarray, "n h w"], limits: Shift, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Move each image by its own random amounts. Pixels from outside are paper, 0.

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
