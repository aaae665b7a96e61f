"""Make non-digits from digits: half a digit, and two digits that touch."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from benchmarks.beds.handwriting import Variation, handwritten_digits
from benchmarks.beds.tracing import Strokes, fit_box

NON_DIGIT_HALVES: Mapping[int, str] = {0: "tb", 3: "l", 5: "tb", 7: "l", 8: "l", 9: "l"}
"""The halves (left, right, top, bottom) of each digit that look like no digit.

A dozen of each half were inspected. Excluded are halves that can pass for the digit in brackets:
every half of a 1; the sides of 0; the right and the bottom of 4, 7 and 9, the left and the top of 6
(1); the top of 2, 3 and 7 (7); the right of 3 and 8 (3); the loops of 2, 6, 8, 9 (0, 6); the left
of a slanted 5 (5), its right (2, 3); the left and the top of a slanted 4 (4, 5).
"""


def half_digit(rng: Generator) -> Strokes:
    """Return half of a random digit, enlarged to a box of longest side 1."""
    for strokes, digit, _ in handwritten_digits(_seed(rng), Variation(degrees=6)):
        sides = NON_DIGIT_HALVES.get(digit, "")
        if not sides:
            continue
        side = sides[rng.integers(len(sides))]
        axis, sign = (0 if side in "lr" else 1), (1 if side in "lt" else -1)
        points = np.concatenate(strokes)
        middle = (points[:, axis].min() + points[:, axis].max()) / 2
        kept = tuple(run for s in strokes for run in _runs(s, sign * (middle - s[:, axis]) >= 0))
        if kept and sum(len(run) for run in kept) > 12:
            return fit_box(kept)
    raise AssertionError("handwritten_digits never ends")


def touching_digits(rng: Generator) -> Strokes:
    """Return two touching digits in one box; no 1, since |3 looks like 8, 0| like 9, |0 like 6."""
    found: list[Strokes] = []
    for strokes, digit, _ in handwritten_digits(_seed(rng), Variation(degrees=5, octaves=0.2)):
        if digit == 1:
            continue
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        found.append(tuple((s - (low[0], high[1])) / (high[1] - low[1]) for s in strokes))
        if len(found) == 2:
            break
    left, right = found
    wide = float(np.concatenate(left)[:, 0].max())
    step = np.array([wide - rng.uniform(0.0, 0.06), 0.0])
    return fit_box((*left, *(stroke + step for stroke in right)))


def _runs(stroke: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
    """Return the pieces of a line where `kept` is set, of two points or more."""
    cuts = np.flatnonzero(np.diff(kept.astype(np.int8))) + 1
    pieces = np.split(stroke, cuts)
    first = bool(kept[0])
    return [p for at, p in enumerate(pieces) if (at % 2 == 0) == first and len(p) > 1]


def _seed(rng: Generator) -> tuple[int, ...]:
    return (int(rng.integers(2**31)), 5)
