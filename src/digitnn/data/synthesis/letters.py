"""Hand-drawn letters and signs as non-digits, with every point moved randomly.

Characters that resemble digits are left out, as in `fonts.LETTERS`.
Coordinates are shares of the height: x from 0 to about 0.7, y from 0 (top) to 1.
"""

from collections.abc import Mapping

import numpy as np

from digitnn.data.synthesis.digits import Strokes
from digitnn.data.synthesis.pen import Stroke, arc, smooth

STRAIGHT: Mapping[str, Strokes] = {
    "A": [[(0, 1), (0.35, 0), (0.7, 1)], [(0.12, 0.62), (0.58, 0.62)]],
    "E": [[(0.6, 0), (0, 0), (0, 1), (0.6, 1)], [(0, 0.5), (0.5, 0.5)]],
    "F": [[(0.6, 0), (0, 0), (0, 1)], [(0, 0.48), (0.5, 0.48)]],
    "H": [[(0, 0), (0, 1)], [(0.65, 0), (0.65, 1)], [(0, 0.5), (0.65, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(0.6, 0), (0, 0.55), (0.65, 1)]],
    "M": [[(0, 1), (0.05, 0), (0.42, 0.7), (0.8, 0), (0.85, 1)]],
    "N": [[(0, 1), (0, 0), (0.65, 1), (0.65, 0)]],
    "V": [[(0, 0), (0.35, 1), (0.7, 0)]],
    "W": [[(0, 0), (0.22, 1), (0.45, 0.25), (0.68, 1), (0.9, 0)]],
    "X": [[(0, 0), (0.65, 1)], [(0.65, 0), (0, 1)]],
}
"""Letters of straight lines, by their corners."""

CURVED: Mapping[str, Strokes] = {
    "C": [[(0.65, 0.18), (0.35, 0), (0.02, 0.45), (0.3, 1), (0.68, 0.84)]],
    "P": [[(0, 0), (0, 0.5), (0, 1)], [(0, 0.05), (0.5, 0.05), (0.5, 0.45), (0, 0.52)]],
    "R": [
        [(0, 0), (0, 0.5), (0, 1)],
        [(0, 0.03), (0.5, 0.05), (0.48, 0.42), (0.05, 0.5), (0.35, 0.75), (0.62, 1)],
    ],
    "U": [[(0, 0), (0.02, 0.6), (0.33, 1), (0.64, 0.6), (0.66, 0)]],
    "d": [[(0.5, 0.55), (0.2, 0.45), (0, 0.75), (0.25, 1), (0.5, 0.7)], [(0.55, 0), (0.55, 1)]],
    "e": [[(0.05, 0.6), (0.6, 0.5), (0.35, 0.1), (0, 0.55), (0.3, 1), (0.68, 0.8)]],
    "h": [[(0, 0), (0, 1)], [(0, 0.65), (0.25, 0.45), (0.48, 0.6), (0.5, 1)]],
    "k": [[(0, 0), (0, 1)], [(0, 0.7), (0.35, 0.42), (0.3, 0.65), (0.05, 0.7), (0.45, 1)]],
    "m": [
        [(0, 0.1), (0.03, 0.5), (0.03, 1)],
        [(0.03, 0.45), (0.25, 0.1), (0.42, 0.4), (0.42, 1)],
        [(0.42, 0.45), (0.65, 0.1), (0.85, 0.4), (0.85, 1)],
    ],
    "n": [[(0, 0.1), (0.03, 0.5), (0.03, 1)], [(0.03, 0.5), (0.35, 0.05), (0.65, 0.4), (0.66, 1)]],
    "p": [[(0, 0), (0, 0.5), (0, 1)], [(0, 0.15), (0.3, 0), (0.5, 0.25), (0.3, 0.5), (0, 0.45)]],
    "u": [
        [(0, 0.05), (0.05, 0.7), (0.3, 0.95), (0.55, 0.6), (0.6, 0.05)],
        [(0.6, 0.05), (0.6, 0.6), (0.72, 1)],
    ],
    "w": [[(0, 0), (0.15, 0.9), (0.42, 0.85), (0.45, 0.2), (0.5, 0.9), (0.8, 0.85), (0.9, 0)]],
    "&": [
        [(0.7, 1), (0.2, 0.3), (0.3, 0), (0.5, 0.15), (0.1, 0.6)],
        [(0.1, 0.6), (0.1, 0.95), (0.45, 0.95), (0.75, 0.55)],
    ],
}
"""Letters of curves, by the points they pass."""

JITTER = 0.045
"""Standard deviation of the random move of each point, down and across."""


def letter(rng: np.random.Generator) -> Strokes:
    """Draw a random letter of `STRAIGHT` or `CURVED`, wide or narrow."""
    place, width = int(rng.integers(len(STRAIGHT) + len(CURVED))), rng.uniform(0.75, 1.3)
    curved = place >= len(STRAIGHT)
    strokes = [*STRAIGHT.values(), *CURVED.values()][place]
    moved = [_moved(stroke, width, rng) for stroke in strokes]
    return [smooth(stroke) for stroke in moved] if curved else moved


def dotted(rng: np.random.Generator) -> Strokes:
    """Draw a sign that is a non-digit only by its dot: ? and !, i and j.

    The dot is so far away that no pen of `PEN_WIDTHS` joins both: a 1 with a blot is still a 1.
    """
    below = rng.random() < 0.7
    line: Stroke
    gap, size = rng.uniform(0.28, 0.45), rng.uniform(0.0, 0.02)
    if below and rng.random() < 0.8:
        w = rng.uniform(0.4, 0.7)
        bow = [(0, rng.uniform(0.1, 0.3)), (w * 0.5, 0), (w, 0.22), (w * 0.75, 0.5)]
        line = smooth(_moved([*bow, (w * rng.uniform(0.3, 0.6), 1)], 1, rng))
    elif below or rng.random() < 0.5:
        line = _moved([(0, 0), (0, 0.5), (rng.uniform(-0.1, 0.1), 1)], 1, rng)
    else:
        line = smooth(_moved([(0, 0), (0, 0.5), (-0.05, 0.85), (-0.3, 1)], 1, rng))
    x, y = line[-1] if below else line[0]
    middle = (x + rng.normal(scale=0.04), y + gap if below else y - gap)
    return [line, arc(middle, (size, size), 0, 360, 6)]


def _moved(stroke: Stroke, width: float, rng: np.random.Generator) -> Stroke:
    shifts = rng.normal(scale=JITTER, size=(len(stroke), 2))
    return [(width * x + dx, y + dy) for (x, y), (dx, dy) in zip(stroke, shifts, strict=True)]
