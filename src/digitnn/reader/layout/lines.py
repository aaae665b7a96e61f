"""The marks of a page become lines of writing, top to bottom; specks belong to none.

Lines are chains of neighbours, so that they may slope and bend; a projection onto the margin would
merge them.
Axes: h w pixels of the page's ink, m marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy import ndarray

from digitnn.reader.ink.components import marks
from digitnn.reader.ink.normalise import CORE, EDGE, SCATTERED
from digitnn.reader.layout.chains import chains_of
from digitnn.reader.layout.pieces import Piece, bounding_box
from digitnn.reader.layout.stacks import owners, stacks, weighted_median

SPECK = 0.2
"""A mark whose longer side is below this share of a digit's height is dirt: a full stop, grain."""

MAX_MARKS = 1500
"""A page's largest marks, no more: noise of 20,000 dots took 110 s."""

LONELY = 0.5
"""A mark alone in its line and lower than this share of the page's digits is dirt."""


@dataclass(frozen=True)
class Row:
    """One line of writing: whole marks from left to right; height: a digit's, in pixels of ink."""

    pieces: tuple[Piece, ...]
    height: float


def find_rows(ink: Float32[ndarray, "h w"]) -> list[Row]:
    """The lines of a page's ink, top to bottom. Empty where no ink hangs together."""
    found = marks(ink > EDGE)
    if not len(found.areas):
        return []
    cores = np.bincount(found.labels[ink > CORE], minlength=len(found.areas) + 1)[1:]
    chosen = np.flatnonzero(digits_or_parts(found.boxes, cores, ink.shape))
    if len(chosen) > MAX_MARKS:
        chosen = np.sort(chosen[np.argsort(-cores[chosen], kind="stable")[:MAX_MARKS]])
    pieces = []
    for mark in chosen:
        left, top, right, bottom = (int(side) for side in found.boxes[mark])
        mask = found.labels[top:bottom, left:right] == mark + 1
        pieces.append(Piece(mask, (left, top, right, bottom), int(mark)))
    return rows_of(pieces)


def digits_or_parts(
    boxes: Int64[ndarray, "m 4"], cores: Int64[ndarray, " m"], shape: tuple[int, ...]
) -> Bool[ndarray, " m"]:
    """Which marks are no specks, and not the table beside the sheet."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    size = digit_height(boxes, cores, shape)
    h, w = shape
    kept = (cores > 0) & (np.maximum(widths, heights) >= SPECK * size)
    touches = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == [w, h]).any(axis=1)
    return kept & ~(touches & (np.maximum(widths, heights) > 3 * size))


def digit_height(
    boxes: Int64[ndarray, "m 4"], cores: Int64[ndarray, " m"], shape: tuple[int, ...]
) -> float:
    """The height of a typical digit: the median of the marks' heights, each weighted by its square.

    So a thousand specks weigh less than one digit. What runs out of the page does not count, unless
    there is nothing else.
    """
    h, w = shape
    touches = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == [w, h]).any(axis=1)
    inside = (cores > 0) & ~touches
    if cores[inside].sum() < SCATTERED * cores.sum():
        inside = cores > 0
    heights = (boxes[:, 3] - boxes[:, 1])[inside].astype(np.float64)
    return weighted_median(heights, heights**2)


def rows_of(pieces: Sequence[Piece]) -> list[Row]:
    """Marks one above the other made one, the whole ones chained, parts given to their owners."""
    if not pieces:
        return []
    bodies = stacks(pieces)
    boxes = np.array([bounding_box(body) for body in bodies])
    owner = owners(boxes)
    members: list[list[Piece]] = [[] for _ in bodies]
    for number, body in enumerate(bodies):
        members[number if owner[number] < 0 else owner[number]] += body
    heights = (boxes[:, 3] - boxes[:, 1]).astype(np.float64)
    whole = np.flatnonzero(owner < 0)
    typical = weighted_median(heights[whole], heights[whole] ** 2)
    rows = []
    for chain in chains_of(boxes[whole]):
        numbers = whole[chain]
        height = float(np.median(heights[numbers]))
        if len(numbers) > 1 or height >= LONELY * typical:
            line = [piece for number in numbers for piece in members[number]]
            rows.append(Row(tuple(sorted(line, key=lambda piece: piece.middle[0])), height))
    return sorted(rows, key=lambda row: np.mean([piece.middle[1] for piece in row.pieces]))
