"""Corrupt the geometry of images: move the digit, draw lines over it, keep only its edges.

Moves are about the centre, ((h - 1) / 2, (w - 1) / 2), with one bilinear sampling; paper fills in
from outside. Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy import ndarray
from scipy.ndimage import correlate1d, gaussian_filter, label

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


LINE_REACH = 2.3
"""Distance d from a line, in pixels, at which its ink, 1 + log(1 - d / 2.3), is minus infinity;
it reaches 0 at 1.45."""

TOOTH = 2.0
"""Half the length of a zigzag's stroke along the line, and its amplitude, in pixels."""


def stripe(images: UInt8[ndarray, "n h w"], rng: np.random.Generator) -> UInt8[ndarray, "n h w"]:
    """Invert the left and the right quarter of the image."""
    striped, quarter = images.copy(), images.shape[2] // 4
    for side in (striped[:, :, :quarter], striped[:, :, -quarter:]):
        np.subtract(255, side, out=side)
    return striped


def dotted_line(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Draw a line from side to side between random rows, two of every four columns visible."""
    n, h, w = images.shape
    left, right = rng.integers(h - 1, size=(2, n)).astype(float)
    line = stroke((h, w), np.zeros(n), left, np.full(n, w - 1.0), right)
    line *= np.arange(w) // 2 % 2
    return _drawn(images, line)


def zigzag(images: UInt8[ndarray, "n h w"], rng: np.random.Generator) -> UInt8[ndarray, "n h w"]:
    """Draw a zigzag from column 2 to w - 3, from a random row, rising or falling by up to 5.

    It turns after 2, 6, 10, ... pixels along the straight line, alternately 2 above and 2 below it,
    and ends near the line.
    """
    n, h, w = images.shape
    first, last = 2.0, w - 3.0
    row = rng.integers(h - 1, size=n).astype(float)
    slope = rng.integers(-5, 5, n) / (last - first)
    cos = 1 / np.hypot(1, slope)
    sin = slope * cos
    length = (last - first) / cos
    corners = int((length.min() - TOOTH) // (2 * TOOTH)) + 1
    out = TOOTH * (-1) ** np.arange(corners)
    end = out[-1] / (2 * (length - 2 * TOOTH * (length // (2 * TOOTH))))
    along = [np.zeros(n), *(np.full(n, (2 * i + 1) * TOOTH) for i in range(corners)), length]
    offset = [np.zeros(n), *(np.full(n, one) for one in out), end]
    columns = [first + cos * a - sin * b for a, b in zip(along, offset, strict=True)]
    rows = [row + sin * a + cos * b for a, b in zip(along, offset, strict=True)]
    line = np.zeros(images.shape, np.float32)
    for i in range(corners + 1):
        line += stroke((h, w), columns[i], rows[i], columns[i + 1], rows[i + 1])
    return _drawn(images, line)


def stroke(
    shape: tuple[int, int],
    start_column: Float64[ndarray, " n"],
    start_row: Float64[ndarray, " n"],
    end_column: Float64[ndarray, " n"],
    end_row: Float64[ndarray, " n"],
) -> Float32[ndarray, "n h w"]:
    """Return straight strokes with ink max(0, 1 + log(1 - d / 2.3)); start is left of end.

    d: vertical distance to the line in pixels. A stroke is visible from the whole column at or
    before its start up to, but excluding, the one at or after its end.
    """
    h, w = shape
    column = np.arange(w, dtype=np.float32)
    slope = (end_row - start_row) / (end_column - start_column)
    height = start_row[:, None] + slope[:, None] * (column - start_column[:, None])
    distance = np.abs(np.arange(h, dtype=np.float32)[:, None] - height[:, None].astype(np.float32))
    ink = 1 + np.log1p(-np.minimum(distance, 2) / np.float32(LINE_REACH))
    shown = (column >= np.floor(start_column)[:, None]) & (column < np.ceil(end_column)[:, None])
    return np.maximum(ink, 0) * shown[:, None]


def _drawn(
    images: UInt8[ndarray, "n h w"], line: Float32[ndarray, "n h w"]
) -> UInt8[ndarray, "n h w"]:
    """Add the line's ink, 1 for full ink, to the images."""
    return np.rint(np.minimum(images + 255 * line, 255)).astype(np.uint8)


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
