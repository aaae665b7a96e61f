"""Which marks of a page are parts of one digit: halves one above the other, bars beside a body.

Axes: m marks or bodies.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from digitnn.reader.layout.pieces import Piece

TALLER = 1.3
"""Two marks one above the other are one digit's if that is no higher than its line by this."""

APART = 0.12
"""Nor are they further apart than this share of their height together."""

BREAK = 0.08
"""A stroke that is broken goes on after a gap of at most this share of the digit's height."""

HIGHER = 0.8
"""Parts of a broken stroke are lower than this share of it."""

PART = 0.5
"""Lower than this share of a body beside it, a mark is a part of it: a bar, a fragment."""

BESIDE = 0.4
"""Such a part is at most this share of the body's height beside it."""

ABOVE = 0.2
"""Or this share above or below it."""


def stacks(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces, those that may be parts of one digit together in a list."""
    boxes = np.array([piece.box for piece in pieces])
    groups = [[number] for number in range(len(pieces))]
    of = list(range(len(pieces)))
    for upper, lower in _neighbours(boxes):
        one, other = of[upper], of[lower]
        together = groups[one] + groups[other]
        if one != other and _as_high_as_its_line(boxes, together):
            groups[one], groups[other] = together, []
            for number in together:
                of[number] = one
    return [[pieces[number] for number in group] for group in groups if group]


def _neighbours(boxes: Int64[ndarray, "m 4"]) -> list[tuple[int, int]]:
    """Pairs of marks, one lower, that may be parts of one digit; the closest first.

    Either they share half the narrower's columns, or a stroke goes on from one to the other:
    together they are clearly higher than each.
    """
    left, top, right, bottom = boxes.T
    heights = bottom - top
    pairs = []
    for number in range(len(boxes)):
        shared = np.minimum(right, right[number]) - np.maximum(left, left[number])
        narrower = np.minimum(right - left, right[number] - left[number])
        gap = np.maximum(top - bottom[number], 0)
        together = np.maximum(bottom, bottom[number]) - np.minimum(top, top[number])
        below = top + bottom > top[number] + bottom[number]
        above = (shared >= narrower / 2) & (gap <= APART * together)
        higher = np.maximum(heights, heights[number]) <= HIGHER * together
        goes_on = higher & (np.hypot(gap, np.maximum(-shared, 0)) <= BREAK * together)
        for other in np.flatnonzero(below & (above | goes_on)):
            pairs.append((int(gap[other]), number, int(other)))
    return [(number, other) for _, number, other in sorted(pairs)]


def _as_high_as_its_line(boxes: Int64[ndarray, "m 4"], group: Sequence[int]) -> bool:
    """Whether marks at the same height of the page are as high as all of `group` together.

    Alone in its line, a group is one digit: lines of one digit each are further apart.
    """
    top, bottom = boxes[group, 1].min(), boxes[group, 3].max()
    shared = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    heights = boxes[:, 3] - boxes[:, 1]
    beside = shared > heights / 2
    beside[list(group)] = False
    if not beside.any():
        return True
    tall = weighted_median(heights[beside].astype(np.float64), heights[beside] ** 2.0)
    return bool(bottom - top <= TALLER * tall)


def owners(boxes: Int64[ndarray, "m 4"]) -> Int64[ndarray, " m"]:
    """Of each part the number of the body it is likeliest a part of; of whole bodies -1."""
    left, top, right, bottom = boxes.T.astype(np.float64)
    heights, middles = bottom - top, (top + bottom) / 2
    found = np.full(len(boxes), -1)
    for number in range(len(boxes)):
        higher = PART * heights > heights[number]
        beside = np.maximum(left - right[number], left[number] - right)
        above = np.maximum(top - middles[number], middles[number] - bottom)
        near = higher & (beside <= BESIDE * heights) & (above <= ABOVE * heights)
        if near.any():
            distance = np.maximum(beside, 0) + np.maximum(above, 0)
            found[number] = np.where(near, distance, np.inf).argmin()
    # A dot beside the bar of a 5 is the 5's: owners are higher than what they own, so this ends.
    while (found[found[found >= 0]] >= 0).any():
        part_of_part = (found >= 0) & (found[found] >= 0)
        found[part_of_part] = found[found[part_of_part]]
    return found


def weighted_median(values: Float64[ndarray, " m"], weights: Float64[ndarray, " m"]) -> float:
    """The value at which half of all weight is reached."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)]) if len(values) else 0.0
