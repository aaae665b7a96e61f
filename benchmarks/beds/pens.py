"""Draw strokes as ink, 0 (paper) to 1 (ink), with a pen of any width, anti-aliased or not.

Axes: h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.beds.tracing import Strokes


@dataclass(frozen=True)
class Place:
    """The middle of a digit's bounding box, and its longest side, in pixels."""

    x: float
    y: float
    size: float


def draw(
    strokes: Strokes,
    shape: tuple[int, int],
    place: Place,
    width: float,
    rng: Generator,
    pressure: float = 0.0,
    soft: bool = True,
) -> Float32[ndarray, "h w"]:
    """Draw round strokes `width` pixels wide on paper of (h, w) = `shape`, cropped to it.

    pressure: variation of the width along a stroke, as a share; soft: whether edges are
    anti-aliased.
    """
    h, w = shape
    fine = 1 if not soft else 4 if max(shape) <= 160 else 2 if max(shape) <= 1000 else 1
    image = Image.new("L", (w * fine, h * fine), 0)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = (stroke * place.size + (place.x, place.y)) * fine
        swell = np.ones(len(points))
        if pressure:
            noise = ndimage.gaussian_filter1d(rng.normal(size=len(points)), 8, mode="nearest")
            swell = np.clip(1 + pressure * 5.3 * noise, 0.35, 2)
        widths = width * fine * swell
        _line(pen, points, widths)
    return np.asarray(image.reduce(fine) if fine > 1 else image, np.float32) / 255


def _line(pen: ImageDraw.ImageDraw, points: ndarray, widths: ndarray) -> None:
    """Draw straight pieces with a disc at each joint; a width up to 1.5 pixels needs no discs."""
    if float(widths.max()) <= 1.5:
        pen.line([(float(x), float(y)) for x, y in points], fill=255, width=1)
        return
    for (x, y), (x2, y2), width in zip(points[:-1], points[1:], widths[1:], strict=True):
        pen.line([(x, y), (x2, y2)], fill=255, width=max(1, round(float(width))))
    for (x, y), width in zip(points, widths, strict=True):
        r = max(float(width) / 2 - 0.5, 0.0)
        pen.ellipse([x - r, y - r, x + r, y + r], fill=255)
