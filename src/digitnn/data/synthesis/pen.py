"""Rendering of strokes (polylines) as ink by a round pen.

Points are (x, y), x to the right and y downwards, in any unit: drawings are scaled to fit.
Axes: p points, s segments, h w pixels.
"""

from collections.abc import Sequence
from math import cos, radians, sin
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import DIGIT_SIDE, SIDE

Stroke: TypeAlias = Sequence[tuple[float, float]]


def arc(
    middle: tuple[float, float],
    radii: tuple[float, float],
    start: float,
    stop: float,
    steps: int = 16,
) -> list[tuple[float, float]]:
    """Return part of an ellipse from `start` to `stop` degrees: 0 is right, 90 is below."""
    angles = [radians(start + (stop - start) * step / steps) for step in range(steps + 1)]
    return [(middle[0] + radii[0] * cos(a), middle[1] + radii[1] * sin(a)) for a in angles]


def smooth(points: Stroke, steps: int = 8) -> list[tuple[float, float]]:
    """Return a curve through `points`: a Catmull-Rom spline (Catmull and Rom 1974)."""
    p = np.array([points[0], *points, points[-1]], float)
    t = np.arange(steps)[:, None] / steps
    curve = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return [(float(x), float(y)) for x, y in [*np.concatenate(curve), p[-1]]]


def draw(strokes: Sequence[Stroke], width: float) -> UInt8[ndarray, "28 28"]:
    """Draw `strokes`, scaled to a longest side of 20 pixels and centred, `width` pixels wide.

    The ink fades from full to none over one pixel at the outline.
    """
    starts, stops = segments(strokes)
    points = np.concatenate([starts, stops])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (DIGIT_SIDE - width) / max(float((high - low).max()), 1e-6)
    offset = SIDE / 2 - scale * (low + high) / 2
    distance = distance_to(starts * scale + offset, stops * scale + offset)
    return np.rint(255 * np.clip((width + 1) / 2 - distance, 0, 1)).astype(np.uint8)


def segments(strokes: Sequence[Stroke]) -> tuple[Float[ndarray, "s 2"], Float[ndarray, "s 2"]]:
    """Return the starts and stops of the segments of `strokes`; one point makes a dot."""
    lines = [np.array(stroke if len(stroke) > 1 else [*stroke] * 2, float) for stroke in strokes]
    return np.concatenate([a[:-1] for a in lines]), np.concatenate([a[1:] for a in lines])


def distance_to(
    starts: Float[ndarray, "s 2"], stops: Float[ndarray, "s 2"]
) -> Float32[ndarray, "28 28"]:
    """Return the distance of each pixel's centre from the nearest segment, in pixels."""
    y, x = np.indices((SIDE, SIDE), np.float32) + np.float32(0.5)
    a, step = starts.astype(np.float32), (stops - starts).astype(np.float32)
    dx, dy = x.ravel()[:, None] - a[:, 0], y.ravel()[:, None] - a[:, 1]
    along = (dx * step[:, 0] + dy * step[:, 1]) / np.maximum((step**2).sum(axis=1), 1e-9)
    along = np.clip(along, 0, 1)
    squared = (dx - along * step[:, 0]) ** 2 + (dy - along * step[:, 1]) ** 2
    return np.sqrt(squared.min(axis=1)).reshape(SIDE, SIDE)
