"""Find the components that are parts of one digit: stacked halves, and small parts beside a body.

A body is a group of components that is large enough to be a digit.
Axes: m components or bodies.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from digitnn.reader.layout.glyphs import InkPiece

MAX_STACK_HEIGHT, MAX_STACK_GAP = 1.3, 0.12
"""Stacked components are one digit if together they are at most this much higher than their line,
and the gap between them is at most this share of their height together."""

MAX_FRAGMENT_HEIGHT, MAX_STROKE_BREAK = 0.8, 0.08
"""So are the parts of a broken stroke: each is lower than the first share of the whole, and the gap
is at most the second."""

MAX_PART_HEIGHT, MAX_SIDE_DISTANCE, MAX_VERTICAL_DISTANCE = 0.5, 0.4, 0.2
"""A part (a bar, a fragment) of a body is lower than this share of the body's height, and at most
these shares of it to the side, and above or below."""


def group_pieces(pieces: Sequence[InkPiece]) -> list[list[InkPiece]]:
    """Return the pieces in groups; a group may be one digit."""
    boxes = np.array([piece.box for piece in pieces])
    groups = [[number] for number in range(len(pieces))]
    group_of = list(range(len(pieces)))
    for upper, lower in _joinable_pairs(boxes):
        one, other = group_of[upper], group_of[lower]
        together = groups[one] + groups[other]
        if one != other and _fits_its_line(boxes, together):
            groups[one], groups[other] = together, []
            for number in together:
                group_of[number] = one
    return [[pieces[number] for number in group] for group in groups if group]


def _joinable_pairs(boxes: Int64[ndarray, "m 4"]) -> list[tuple[int, int]]:
    """Return pairs (upper, lower) that may be parts of one digit, the closest first.

    Either they share half of the narrower one's columns, or a stroke continues from one to the
    other: together they are clearly higher than each alone.
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
        stacked = (shared >= narrower / 2) & (gap <= MAX_STACK_GAP * together)
        higher = np.maximum(heights, heights[number]) <= MAX_FRAGMENT_HEIGHT * together
        distance = np.hypot(gap, np.maximum(-shared, 0))
        continues = higher & (distance <= MAX_STROKE_BREAK * together)
        for other in np.flatnonzero(below & (stacked | continues)):
            pairs.append((int(gap[other]), number, int(other)))
    return [(number, other) for _, number, other in sorted(pairs)]


def _fits_its_line(boxes: Int64[ndarray, "m 4"], group: Sequence[int]) -> bool:
    """Return whether `group` is about as high as the components at the same height of the page.

    A group that is alone in its line fits: lines of one digit each are further apart.
    """
    top, bottom = boxes[group, 1].min(), boxes[group, 3].max()
    shared = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    heights = boxes[:, 3] - boxes[:, 1]
    same_line = shared > heights / 2
    same_line[list(group)] = False
    if not same_line.any():
        return True
    tall = weighted_median(heights[same_line].astype(np.float64), heights[same_line] ** 2.0)
    return bool(bottom - top <= MAX_STACK_HEIGHT * tall)


def find_owners(boxes: Int64[ndarray, "m 4"]) -> Int64[ndarray, " m"]:
    """Return for each part the index of the body that it most likely belongs to; -1 for bodies."""
    left, top, right, bottom = boxes.T.astype(np.float64)
    heights, middles = bottom - top, (top + bottom) / 2
    found = np.full(len(boxes), -1)
    for number in range(len(boxes)):
        higher = MAX_PART_HEIGHT * heights > heights[number]
        side = np.maximum(left - right[number], left[number] - right)
        vertical = np.maximum(top - middles[number], middles[number] - bottom)
        near = (
            higher
            & (side <= MAX_SIDE_DISTANCE * heights)
            & (vertical <= MAX_VERTICAL_DISTANCE * heights)
        )
        if near.any():
            distance = np.maximum(side, 0) + np.maximum(vertical, 0)
            found[number] = np.where(near, distance, np.inf).argmin()
    # A dot next to the bar of a 5 belongs to the 5. Owners are higher than parts, so this ends.
    while (found[found[found >= 0]] >= 0).any():
        part_of_part = (found >= 0) & (found[found] >= 0)
        found[part_of_part] = found[found[part_of_part]]
    return found


def weighted_median(values: Float64[ndarray, " m"], weights: Float64[ndarray, " m"]) -> float:
    """Return the value at which half of the total weight is reached; 0 if there are none."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)]) if len(values) else 0.0
