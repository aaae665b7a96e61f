"""Digits that are none any more: halves of one, and two in one mark."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from benchmarks.beds.hands import Hand
from benchmarks.beds.tracing import Strokes, fit_box
from benchmarks.beds.written import digits

HALVES: Mapping[int, str] = {0: "tb", 3: "l", 5: "tb", 7: "l", 8: "l", 9: "l"}
"""The halves of each digit that are junk: left, right, top, bottom.

All were looked at, a dozen each. Not those of which some are digits to a reader: every half of a
1; the sides of 0; the right and the bottom of 4, 7 and 9, the left and the top of 6 (1); the top of
2, 3 and 7 (7); the right of 3 and 8 (3); the loops of 2, 6, 8, 9 (0, 6); the left of a slanted 5
(5), its right (2, 3), the left and the top of a slanted 4 (4, 5).
"""


def half(rng: Generator) -> Strokes:
    """A half of some digit, enlarged to a box of longest side 1."""
    for strokes, digit, _ in digits(_seed(rng), Hand(degrees=6)):
        sides = HALVES.get(digit, "")
        if not sides:
            continue
        side = sides[rng.integers(len(sides))]
        axis, sign = (0 if side in "lr" else 1), (1 if side in "lt" else -1)
        points = np.concatenate(strokes)
        middle = (points[:, axis].min() + points[:, axis].max()) / 2
        kept = tuple(run for s in strokes for run in _runs(s, sign * (middle - s[:, axis]) >= 0))
        if kept and sum(len(run) for run in kept) > 12:
            return fit_box(kept)
    raise AssertionError("digits are endless")


def glued(rng: Generator) -> Strokes:
    """Two digits side by side that touch, in one box; no 1: |3 is an 8, 0| a 9, |0 a 6."""
    found: list[Strokes] = []
    for strokes, digit, _ in digits(_seed(rng), Hand(degrees=5, octaves=0.2)):
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
    """The pieces of a line that lie where `kept` is set, of two points or more."""
    cuts = np.flatnonzero(np.diff(kept.astype(np.int8))) + 1
    pieces = np.split(stroke, cuts)
    first = bool(kept[0])
    return [p for at, p in enumerate(pieces) if (at % 2 == 0) == first and len(p) > 1]


def _seed(rng: Generator) -> tuple[int, ...]:
    return (int(rng.integers(2**31)), 5)
