"""Draw lines over the digit, and invert stripes.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

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
