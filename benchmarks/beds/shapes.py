"""Draw signs and shapes that are not digits: closed and open outlines, arrows, symbols, doodles.

Excluded are shapes that any reader may take for the digit in brackets: the circle and the ellipse
(0), the upright bar, the slash and the caret with unequal legs (1), the figure of eight and
infinity (8), spirals (6, 9).
"""

from collections.abc import Mapping

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.handwriting import Variation, vary
from benchmarks.beds.styles import catmull_rom, polyline
from benchmarks.beds.tracing import Strokes, fit_box

Lines = tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


def _around(
    corners: int, inner: float = 0.0, start: float = -90.0
) -> tuple[tuple[float, float], ...]:
    """Return a closed polygon, or a star whose inner corners are at `inner` of the radius."""
    count = corners * (2 if inner else 1)
    radii = [inner if inner and at % 2 else 1.0 for at in range(count)]
    angles = np.radians(start + np.arange(count) * 360 / count)
    points = [
        (float(r * np.cos(a)), float(r * np.sin(a))) for r, a in zip(radii, angles, strict=True)
    ]
    return (*points, points[0])


SHAPES: Mapping[str, Lines] = {
    "square": (("L", ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))),),
    "rectangle": (("L", ((0, 0), (1, 0), (1, 0.6), (0, 0.6), (0, 0))),),
    "triangle": (("L", _around(3)),),
    "triangle on its point": (("L", _around(3, start=90)),),
    "diamond": (("L", _around(4)),),
    "pentagon": (("L", _around(5)),),
    "star": (("L", _around(5, 0.42)),),
    "star in one line": (("L", tuple(_around(5)[at] for at in (0, 2, 4, 1, 3, 0))),),
    "sun": (("L", _around(9, 0.55)),),
    "arrow right": (("L", ((0, 0.5), (1, 0.5))), ("L", ((0.7, 0.2), (1, 0.5), (0.7, 0.8)))),
    "arrow up": (("L", ((0.5, 1), (0.5, 0))), ("L", ((0.2, 0.35), (0.5, 0), (0.8, 0.35)))),
    "arrow left": (("L", ((1, 0.5), (0, 0.5))), ("L", ((0.3, 0.2), (0, 0.5), (0.3, 0.8)))),
    "double arrow": (
        ("L", ((0, 0.5), (1, 0.5))), ("L", ((0.25, 0.25), (0, 0.5), (0.25, 0.75))),
        ("L", ((0.75, 0.25), (1, 0.5), (0.75, 0.75))),
    ),
    "heart": (
        ("S", ((0.5, 0.25), (0.3, 0.02), (0.03, 0.2), (0.15, 0.6), (0.5, 1.0))),
        ("S", ((0.5, 0.25), (0.7, 0.02), (0.97, 0.2), (0.85, 0.6), (0.5, 1.0))),
    ),
    "check mark": (("L", ((0, 0.6), (0.3, 1), (1, 0))),),
    "cross": (("L", ((0, 0), (1, 1))), ("L", ((1, 0), (0, 1)))),
    "plus": (("L", ((0.5, 0), (0.5, 1))), ("L", ((0, 0.5), (1, 0.5)))),
    "equals": (("L", ((0, 0.3), (1, 0.3))), ("L", ((0, 0.7), (1, 0.7)))),
    "question mark": (
        ("S", ((0.1, 0.2), (0.4, 0.0), (0.75, 0.15), (0.6, 0.42), (0.42, 0.7))),
        ("L", ((0.41, 0.96), (0.43, 1.0))),
    ),
    "hash": (
        ("L", ((0.3, 0), (0.2, 1))), ("L", ((0.75, 0), (0.65, 1))),
        ("L", ((0, 0.32), (1, 0.3))), ("L", ((0, 0.7), (1, 0.68))),
    ),
    "asterisk": (
        ("L", ((0.5, 0), (0.5, 1))), ("L", ((0.07, 0.25), (0.93, 0.75))), ("L", ((0.07, 0.75),
            (0.93, 0.25))),
    ),
    "ampersand": (
        ("S", ((1, 1), (0.3, 0.3), (0.45, 0.0), (0.62, 0.2), (0.1, 0.7), (0.3, 1.0), (0.7, 0.85),
            (0.95, 0.5))),
    ),
    "zigzag": (("L", ((0, 0.8), (0.2, 0.2), (0.4, 0.8), (0.6, 0.2), (0.8, 0.8), (1, 0.2))),),
    "wave": (("S", ((0, 0.6), (0.2, 0.4), (0.4, 0.6), (0.6, 0.4), (0.8, 0.6), (1, 0.4))),),
    "house": (("L", ((0, 1), (0, 0.45), (0.5, 0), (1, 0.45), (1, 1), (0, 1))),),
    "face": (
        ("S", (*_around(10)[:10], _around(10)[0])), ("L", ((-0.35, -0.3), (-0.33, -0.2))),
        ("L", ((0.35, -0.3), (0.33, -0.2))), ("S", ((-0.5, 0.3), (0, 0.6), (0.5, 0.3))),
    ),
    "percent": (
        ("L", ((0.95, 0), (0.05, 1))),
        ("S", ((0.2, 0.02), (0.02, 0.2), (0.2, 0.38), (0.38, 0.2), (0.2, 0.02))),
        ("S", ((0.8, 0.62), (0.62, 0.8), (0.8, 0.98), (0.98, 0.8), (0.8, 0.62))),
    ),
    "three dots": (
        ("L", ((0, 0.5), (0.02, 0.52))), ("L", ((0.5, 0.5), (0.52, 0.52))), ("L", ((1, 0.5),
            (0.98, 0.52))),
    ),
    "dash": (("L", ((0, 0.5), (1, 0.5))),),
    "grid": (
        ("L", ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))), ("L", ((0.5, 0), (0.5, 1))), ("L",
            ((0, 0.5), (1, 0.5))),
    ),
}  # fmt: skip
"""The lines of each shape, as in `styles`."""


def shape(name: str, rng: Generator) -> Strokes:
    """Draw the shape in varied handwriting, in a box of longest side 1."""
    strokes = tuple(
        (catmull_rom if kind == "S" else polyline)(np.array(p, float)) for kind, p in SHAPES[name]
    )
    return vary(strokes, rng, Variation(degrees=8, slant=0.1, octaves=0.3, wobble=0.012))


def scribble(rng: Generator) -> Strokes:
    """Draw dense curves, a hatching or a knot, as when trying out a pen."""
    kind = rng.integers(3)
    if kind == 0:  # a curve through random points
        return fit_box((catmull_rom(rng.uniform(0, 1, (int(rng.integers(10, 24)), 2))),))
    if kind == 1:  # a hatching
        turns = int(rng.integers(7, 14))
        along = np.linspace(0, 1, turns)
        across = np.where(np.arange(turns) % 2, 1.0, 0.0) * rng.uniform(0.6, 1.0)
        points = np.stack([along, across], axis=1) + rng.normal(scale=0.05, size=(turns, 2))
        return fit_box((polyline(points @ _turn(rng.uniform(0, np.pi))),))
    turns = int(rng.integers(4, 8))  # a knot: rounds whose centre and radius drift
    angle = np.linspace(0, 2 * np.pi * turns, 14 * turns)
    radius = (
        0.5 + 0.25 * np.sin(angle * rng.uniform(0.1, 0.9)) + rng.normal(scale=0.03, size=len(angle))
    )
    middle = np.stack(
        [np.linspace(0, rng.uniform(0.4, 1.2), len(angle)), np.zeros(len(angle))], axis=1
    )
    rounds = middle + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return fit_box((rounds @ _turn(rng.uniform(0, np.pi)),))


def _turn(angle: float) -> ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
