"""Group the connected components of a page into text lines, from top to bottom.

A line is a chain of neighbours, so that it may slope and bend; a projection profile would merge
sloping lines. A body is a group of components that is large enough to be a digit.
Axes: h w pixels of the page's ink, m components or bodies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray

from digitnn.reader.ink.components import Components, find_components, touch_border
from digitnn.reader.ink.normalise import CORE_INK, EDGE_INK, MIN_LARGEST_SHARE
from digitnn.reader.layout.glyphs import InkPiece, union_box
from digitnn.reader.layout.grouping import find_owners, group_pieces, weighted_median

MIN_COMPONENT_SIDE = 0.2
"""A component whose longer side is below this share of the digit height is a speck."""

MAX_COMPONENTS = 1500
"""Only the largest components of a page are used: noise of 20,000 dots took 110 s."""

MIN_ISOLATED_HEIGHT = 0.5
"""A body alone in its line and lower than this share of the page's digits is dirt."""

MAX_TAIL_BODIES, MAX_OFFSET, GAP_WEIGHT = 4, 0.7, 0.01
"""A line continues as its last bodies point. The next body's centre is at most this share of the
digit height off; the weight of the gap, in digit heights, makes the nearer of two lines win."""


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
    cores = core_areas(found, ink)
    chosen = np.flatnonzero(_are_digits_or_parts(found, cores))
    if len(chosen) > MAX_COMPONENTS:
        chosen = np.sort(chosen[np.argsort(-cores[chosen], kind="stable")[:MAX_COMPONENTS]])
    pieces = []
    for number in chosen:
        left, top, right, bottom = (int(side) for side in found.boxes[number])
        mask = found.labels[top:bottom, left:right] == number + 1
        pieces.append(InkPiece(mask, (left, top, right, bottom), int(number)))
    return rows_from_pieces(pieces)


def core_areas(found: Components, ink: Float32[ndarray, "h w"]) -> Int64[ndarray, " m"]:
    """Return the number of pixels above `CORE_INK` of each component."""
    return np.bincount(found.labels[ink > CORE_INK], minlength=len(found.areas) + 1)[1:]


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
