"""Replace strokes by their edges (Canny 1986, A computational approach to edge detection).

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray
from scipy.ndimage import correlate1d, gaussian_filter, label

SOBEL_DIFFERENCE, SOBEL_MEAN = (-1, 0, 1), (1, 2, 1)
"""Sobel's filter: the difference along the gradient, the mean across it."""


def canny_edges(
    images: UInt8[ndarray, "n h w"],
    rng: np.random.Generator,
    *,
    sigma: float = 1.0,
    low: float = 0.1,
    high: float = 0.2,
) -> UInt8[ndarray, "n h w"]:
    """Return ink where Canny's detector finds an edge, paper elsewhere.

    The image in 0..1 is smoothed by a Gaussian of `sigma` pixels, normalised at the border, and its
    gradient is Sobel's without a factor. Edge pixels are local maxima along the gradient of at
    least `low`, not on the border, in an 8-connected component that reaches `high`. `sigma`, `low`
    and `high` are the defaults of scikit-image, which MNIST-C used.
    """
    down, across = _slopes(_smoothed(images, sigma))
    strength = np.hypot(down, across)
    ridge = _is_ridge(strength, down, across)
    ridge[:, [0, -1]] = ridge[:, :, [0, -1]] = False
    weak, strong = ridge & (strength >= low), ridge & (strength >= high)
    within = np.zeros((3, 3, 3), int)
    within[1] = 1  # pixels of different images are not connected
    components, number = label(weak, within)
    kept = np.zeros(number + 1, bool)
    kept[components[strong]] = True
    kept[0] = False
    return kept[components].astype(np.uint8) * np.uint8(255)


def _smoothed(images: UInt8[ndarray, "n h w"], sigma: float) -> Float32[ndarray, "n h w"]:
    """Return a Gaussian mean over the pixels inside the image."""
    ink = gaussian_filter(images.astype(np.float32) / 255, sigma, mode="constant", axes=(1, 2))
    there = gaussian_filter(np.ones(images.shape[1:], np.float32), sigma, mode="constant")
    return ink / there


def _slopes(
    ink: Float32[ndarray, "n h w"],
) -> tuple[Float32[ndarray, "n h w"], Float32[ndarray, "n h w"]]:
    """Return Sobel's derivatives, down and across."""
    down = correlate1d(correlate1d(ink, SOBEL_DIFFERENCE, axis=1), SOBEL_MEAN, axis=2)
    across = correlate1d(correlate1d(ink, SOBEL_DIFFERENCE, axis=2), SOBEL_MEAN, axis=1)
    return down, across


def _is_ridge(
    strength: Float32[ndarray, "n h w"],
    down: Float32[ndarray, "n h w"],
    across: Float32[ndarray, "n h w"],
) -> Bool[ndarray, "n h w"]:
    """Return where the gradient is above 0 and at least as strong as one step along it.

    The step ends on the square of the eight neighbours, where the strength is interpolated between
    the neighbour along the steeper axis and the one at the corner.
    """
    n, h, w = strength.shape
    framed = np.pad(strength, ((0, 0), (1, 1), (1, 1)))
    steep, flat = np.maximum(np.abs(down), np.abs(across)), np.minimum(np.abs(down), np.abs(across))
    share = flat / np.where(steep > 0, steep, 1)
    by_row = np.abs(down) >= np.abs(across)
    sign_down, sign_across = np.where(down < 0, -1, 1), np.where(across < 0, -1, 1)
    image, row, column = np.ogrid[:n, 1 : h + 1, 1 : w + 1]
    ridge = strength > 0
    for step in (1, -1):
        y, x = row + step * sign_down, column + step * sign_across
        straight = framed[image, np.where(by_row, y, row), np.where(by_row, column, x)]
        corner = framed[image, y, x]
        ridge &= straight + share * (corner - straight) <= strength
    return ridge
