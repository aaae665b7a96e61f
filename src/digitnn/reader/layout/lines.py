"""Group the connected components of a page into text lines, from top to bottom.

    components -> bodies (stacked halves are one) -> lines, with the small parts of their bodies

A body is a group of components that is large enough to be a digit. A line is a chain of neighbours,
so that it may slope and bend; a projection profile would merge sloping lines.
Axes: h w pixels of the page's ink, m components or bodies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray

from digitnn.reader.ink.components import Components, find_components, touch_border
from digitnn.reader.ink.normalise import CORE_INK, EDGE_INK, MIN_LARGEST_SHARE
from digitnn.reader.layout.glyphs import InkPiece, union_box

MIN_COMPONENT_SIDE = 0.2
"""A component whose longer side is below this share of the digit height is a speck."""

MAX_COMPONENTS = 1500
"""Only the largest components of a page are used: noise of 20,000 dots took 110 s."""

MIN_ISOLATED_HEIGHT = 0.5
"""A body alone in its line and lower than this share of the page's digits is dirt."""

MAX_TAIL_BODIES, MAX_OFFSET, GAP_WEIGHT = 4, 0.7, 0.01
"""A line continues as its last bodies point. The next body's centre is at most this share of the
digit height off; the weight of the gap, in digit heights, makes the nearer of two lines win."""

MAX_STACK_HEIGHT, MAX_STACK_GAP = 1.3, 0.12
"""Stacked components are one digit if together they are at most this much higher than their line,
and the gap between them is at most this share of their height together."""

MAX_FRAGMENT_HEIGHT, MAX_STROKE_BREAK = 0.8, 0.08
"""So are the parts of a broken stroke: each is lower than the first share of the whole, and the gap
is at most the second."""

MAX_PART_HEIGHT, MAX_SIDE_DISTANCE, MAX_VERTICAL_DISTANCE = 0.5, 0.4, 0.2
"""A part (a bar, a fragment) of a body is lower than this share of the body's height, and at most
these shares of it to the side, and above or below."""


@dataclass(frozen=True)
class Row:
    """A text line before it is cut into glyphs: its components from left to right.

    height: of a typical digit of the line, in ink pixels.
    """

    pieces: tuple[InkPiece, ...]
    height: float


def find_rows(ink: Float32[ndarray, "h w"]) -> list[Row]:
    """Return the text lines of a page, top to bottom; none if it has only specks."""
    found = find_components(ink > EDGE_INK)
    if not len(found.areas):
        return []
    cores = found.counts(ink > CORE_INK)
    chosen = np.flatnonzero(_are_digits_or_parts(found, cores))
    if len(chosen) > MAX_COMPONENTS:
        chosen = np.sort(chosen[np.argsort(-cores[chosen], kind="stable")[:MAX_COMPONENTS]])
    pieces = []
    for number in chosen:
        left, top, right, bottom = (int(side) for side in found.boxes[number])
        mask = found.labels[top:bottom, left:right] == number + 1
        pieces.append(InkPiece(mask, (left, top, right, bottom), int(number)))
    return rows_from_pieces(pieces)


def _are_digits_or_parts(found: Components, cores: Int64[ndarray, " m"]) -> Bool[ndarray, " m"]:
    """Return which components are neither specks nor the table next to the sheet."""
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    height = typical_digit_height(found, cores)
    kept = (cores > 0) & (sides >= MIN_COMPONENT_SIDE * height)
    return kept & ~(touch_border(found.boxes, found.labels.shape) & (sides > 3 * height))


def typical_digit_height(found: Components, cores: Int64[ndarray, " m"]) -> float:
    """Return the median of the components' heights, each weighted by its square; 0 if none.

    The weights make a thousand specks count less than one digit. Components that touch the border
    do not count, unless there is little else.
    """
    inside = (cores > 0) & ~touch_border(found.boxes, found.labels.shape)
    if cores[inside].sum() < MIN_LARGEST_SHARE * cores.sum():
        inside = cores > 0
    heights = (found.boxes[:, 3] - found.boxes[:, 1])[inside].astype(np.float64)
    return weighted_median(heights, heights**2)


def rows_from_pieces(pieces: Sequence[InkPiece]) -> list[Row]:
    """Group pieces into bodies, chain the bodies into rows, and add small parts to their owners."""
    if not pieces:
        return []
    bodies = group_pieces(pieces)
    boxes = np.array([union_box(body) for body in bodies])
    owner = find_owners(boxes)
    members: list[list[InkPiece]] = [[] for _ in bodies]
    for number, body in enumerate(bodies):
        members[number if owner[number] < 0 else owner[number]] += body
    heights = (boxes[:, 3] - boxes[:, 1]).astype(np.float64)
    whole = np.flatnonzero(owner < 0)
    typical = weighted_median(heights[whole], heights[whole] ** 2)
    rows = []
    for chain in chain_bodies(boxes[whole]):
        numbers = whole[chain]
        height = float(np.median(heights[numbers]))
        if len(numbers) > 1 or height >= MIN_ISOLATED_HEIGHT * typical:
            line = [piece for number in numbers for piece in members[number]]
            rows.append(Row(tuple(sorted(line, key=lambda piece: piece.middle[0])), height))
    return sorted(rows, key=lambda row: np.mean([piece.middle[1] for piece in row.pieces]))


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


@dataclass(frozen=True)
class LineTail:
    """The end of a growing line, and the straight line y + slope (x' - x) on which it continues.

    height: of its digits; right: the right side of its last body.
    """

    x: float
    y: float
    slope: float
    height: float
    right: float

    def misfit(self, left: float, top: float, right: float, bottom: float) -> float:
        """Return how badly a body fits; below 1 it may belong to the line."""
        off = abs((top + bottom) / 2 - self.y - self.slope * ((left + right) / 2 - self.x))
        gap = max(left - self.right, 0.0)
        return (
            off / (MAX_OFFSET * max(self.height, 0.7 * (bottom - top)))
            + GAP_WEIGHT * gap / self.height
        )


def chain_bodies(boxes: Int64[ndarray, "m 4"]) -> list[list[int]]:
    """Return the indices of the bodies of each line, from left to right."""
    chains: list[list[int]] = []
    tails: list[LineTail] = []
    for number in np.argsort(boxes[:, 0], kind="stable").tolist():
        left, top, right, bottom = boxes[number].tolist()
        misfits = [tail.misfit(left, top, right, bottom) for tail in tails]
        if misfits and min(misfits) < 1:
            best = misfits.index(min(misfits))
            chains[best].append(number)
            tails[best] = _fit_tail(boxes[chains[best][-MAX_TAIL_BODIES:]])
        else:
            chains.append([number])
            tails.append(_fit_tail(boxes[[number]]))
    return chains


def _fit_tail(last: Int64[ndarray, "m 4"]) -> LineTail:
    """Fit a straight line to the centres of a line's last bodies; level for a single body."""
    x, y = (last[:, 0] + last[:, 2]) / 2, (last[:, 1] + last[:, 3]) / 2
    height = float(max(np.median(last[:, 3] - last[:, 1]), 1))
    centred = x - x.mean()
    # Ridge regression with a digit's height: two neighbours of different size barely turn the line.
    slope = float((centred * (y - y.mean())).sum() / ((centred**2).sum() + height**2))
    return LineTail(float(x.mean()), float(y.mean()), slope, height, float(last[-1, 2]))
