"""Draw digits from hand-made strokes, in styles that are rare in MNIST or missing from it.

A style is lines in a box x 0..1, y 0..1 (y downwards); a line is straight ("L") or smooth ("S",
a Catmull-Rom curve through its points). Every sample moves each point a little and varies the
handwriting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds import bitmaps, paint, photos, scans
from benchmarks.beds.handwriting import Variation, vary
from benchmarks.beds.samples import Sample
from benchmarks.beds.tracing import Strokes, fit_box


@dataclass(frozen=True)
class Style:
    """A style of writing a digit. lines: (kind, points); aspect: width / height."""

    digit: int
    aspect: float
    lines: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


_ZERO_TOP = ((0.62, 0.04), (0.25, 0.12), (0.03, 0.5), (0.22, 0.9), (0.6, 0.98), (0.95, 0.6))

STYLES: Mapping[str, Style] = {
    "0, open": Style(0, 0.7, (("S", (*_ZERO_TOP, (0.93, 0.34))),)),
    "0, overshooting": Style(0, 0.7, (("S", (*_ZERO_TOP, (0.85, 0.15), (0.5, 0.02),
        (0.3, 0.16))),)),
    "0, narrow": Style(0, 0.42, (("S", (*_ZERO_TOP, (0.85, 0.15), (0.62, 0.04))),)),
    "1, long up-stroke": Style(1, 0.5, (("L", ((0.0, 0.42), (0.9, 0.0), (0.85, 1.0))),)),
    "1, very long up-stroke": Style(1, 0.55, (("L", ((0.0, 0.66), (0.95, 0.0), (0.9, 1.0))),)),
    "1, up-stroke and foot": Style(
        1, 0.5, (("L", ((0.1, 0.28), (0.55, 0.0), (0.53, 0.98))), ("L", ((0.08, 1.0),
            (0.98, 0.97)))),
    ),
    "1, foot alone": Style(1, 0.42, (("L", ((0.5, 0.0), (0.5, 1.0))), ("L", ((0.0, 1.0),
        (1.0, 1.0))))),
    "2, looped": Style(
        2, 0.68,
        (("S", ((0.08, 0.26), (0.4, 0.0), (0.85, 0.16), (0.7, 0.55), (0.22, 0.92), (0.05, 0.86),
                (0.2, 0.76), (0.5, 0.92), (1.0, 0.93))),),
    ),
    "2, angular": Style(
        2, 0.66, (("S", ((0.0, 0.25), (0.35, 0.0), (0.85, 0.14), (0.75, 0.45), (0.02, 1.0))),
                  ("L", ((0.02, 1.0), (1.0, 0.98)))),
    ),
    "3, flat top": Style(
        3, 0.64, (("L", ((0.05, 0.02), (0.92, 0.0), (0.42, 0.4))),
                  ("S", ((0.42, 0.4), (0.85, 0.48), (0.95, 0.76), (0.55, 1.0), (0.0, 0.9)))),
    ),
    "4, open": Style(
        4, 0.7, (("L", ((0.12, 0.0), (0.0, 0.58), (1.0, 0.55))), ("L", ((0.75, 0.1), (0.7, 1.0)))),
    ),
    "4, closed": Style(4, 0.72, (("L", ((0.72, 1.0), (0.74, 0.0), (0.0, 0.68), (1.0, 0.66))),)),
    "4, bar below": Style(
        4, 0.6, (("L", ((0.3, 0.0), (0.0, 0.72), (1.0, 0.72))), ("L", ((0.68, 0.45), (0.66, 1.0)))),
    ),
    "5, bar apart": Style(
        5, 0.66, (("S", ((0.18, 0.05), (0.12, 0.42), (0.6, 0.36), (0.95, 0.66), (0.6, 0.98),
            (0.0, 0.9))),
                  ("L", ((0.24, 0.0), (0.98, 0.02)))),
    ),
    "5, in one": Style(
        5, 0.62, (("L", ((0.95, 0.0), (0.15, 0.02), (0.1, 0.42))),
                  ("S", ((0.1, 0.42), (0.6, 0.36), (0.95, 0.66), (0.6, 0.98), (0.0, 0.9)))),
    ),
    "6, long stem": Style(
        6, 0.5, (("S", ((0.95, 0.0), (0.4, 0.25), (0.05, 0.65), (0.2, 0.95), (0.62, 1.0),
            (0.95, 0.84),
                        (0.7, 0.67), (0.3, 0.72), (0.1, 0.86))),),
    ),
    "7, crossed": Style(
        7, 0.68, (("L", ((0.05, 0.02), (0.95, 0.0), (0.35, 1.0))), ("L", ((0.2, 0.52),
            (0.9, 0.48)))),
    ),
    "7, serif": Style(7, 0.66, (("L", ((0.0, 0.2), (0.06, 0.0), (0.98, 0.03), (0.42, 1.0))),)),
    "7, serif and crossed": Style(
        7, 0.66, (("L", ((0.0, 0.2), (0.06, 0.0), (0.98, 0.03), (0.42, 1.0))),
                  ("L", ((0.3, 0.54), (0.98, 0.5)))),
    ),
    "8, two circles": Style(
        8, 0.56, (("S", ((0.5, 0.0), (0.14, 0.12), (0.2, 0.4), (0.52, 0.47), (0.84, 0.36),
            (0.85, 0.1),
                         (0.5, 0.0))),
                  ("S", ((0.5, 0.48), (0.06, 0.62), (0.08, 0.9), (0.5, 1.0), (0.94, 0.88),
                      (0.92, 0.6),
                         (0.5, 0.48)))),
    ),
    "8, in one": Style(
        8, 0.58, (("S", ((0.85, 0.14), (0.5, 0.0), (0.15, 0.18), (0.5, 0.46), (0.92, 0.76),
            (0.5, 1.0),
                         (0.06, 0.78), (0.5, 0.46), (0.86, 0.2), (0.82, 0.08))),),
    ),
    "9, straight tail": Style(
        9, 0.56, (("S", ((0.85, 0.14), (0.45, 0.0), (0.05, 0.22), (0.4, 0.47), (0.88, 0.25))),
                  ("L", ((0.9, 0.08), (0.86, 1.0)))),
    ),
    "9, curled tail": Style(
        9, 0.58, (("S", ((0.88, 0.2), (0.5, 0.0), (0.06, 0.22), (0.4, 0.47), (0.86, 0.24),
            (0.92, 0.6),
                         (0.6, 0.98), (0.08, 0.86))),),
    ),
    "9, slanted tail": Style(
        9, 0.64, (("S", ((0.9, 0.12), (0.55, 0.0), (0.14, 0.2), (0.42, 0.42), (0.88, 0.18))),
                  ("L", ((0.92, 0.12), (0.4, 1.0)))),
    ),
}  # fmt: skip
"""All styles by name."""

STYLE_DRAWINGS = (
    paint.thin_28, paint.thick_28, paint.brush_80, paint.hair_400, photos.pencil, photos.pen,
    scans.envelope, scans.boxed_form, bitmaps.bitmap_32,
)  # fmt: skip
"""The media in which the samples of a style are drawn, in turn."""


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield `n` pictures of the style `name`."""
    style = STYLES[name]
    number = list(STYLES).index(name)
    for at in range(n):
        rng = np.random.default_rng([seed, 2, number, at])
        strokes = vary(written(style, rng), rng, Variation(degrees=8, slant=0.2, octaves=0.3))
        yield Sample(STYLE_DRAWINGS[at % len(STYLE_DRAWINGS)](strokes, rng), str(style.digit))


def written(style: Style, rng: Generator, jitter: float = 0.025) -> Strokes:
    """Return the strokes of `style`, each point moved by noise of `jitter` of the height.

    Equal points move alike, so that lines that meet still meet.
    """
    moved: dict[tuple[float, float], ndarray] = {}
    strokes = []
    for kind, points in style.lines:
        for point in points:
            moved.setdefault(point, np.array(point) + rng.normal(scale=jitter, size=2))
        corners = np.array([moved[point] for point in points]) * (style.aspect, 1)
        strokes.append(catmull_rom(corners) if kind == "S" else polyline(corners))
    return fit_box(tuple(strokes))


def polyline(corners: ndarray, steps: int = 16) -> ndarray:
    """Return points along the straight lines between `corners`, `steps` per line."""
    t = np.arange(steps)[:, None] / steps
    sides = [a + (b - a) * t for a, b in pairwise(corners)]
    return np.concatenate([*sides, corners[-1:]])


def catmull_rom(points: ndarray, steps: int = 10) -> ndarray:
    """Return the uniform Catmull-Rom spline through `points` (Catmull and Rom 1974).

    steps: points per piece.
    """
    framed = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.arange(steps)[:, None] / steps
    found = []
    for a, b, c, d in zip(framed, framed[1:], framed[2:], framed[3:], strict=False):
        bend = 2 * a - 5 * b + 4 * c - d
        found.append(0.5 * (2 * b + (c - a) * t + bend * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*found, points[-1:]])
