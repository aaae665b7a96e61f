"""The marks of a page become lines of writing, top to bottom; specks belong to none.

Lines are chains of neighbours, so that they may slope and bend; a projection onto the margin would
merge them.
Axes: h w pixels of the page's ink, m marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy import ndarray

from digitnn.picture.components import marks
from digitnn.picture.normalise import CORE, EDGE, SCATTERED
from digitnn.picture.pieces import Piece

SPECK = 0.2
"""A mark whose longer side is below this share of a digit's height is dirt: a full stop, grain."""

BODY = 0.5
"""Lower than this share of a mark beside it, a mark is a part of it: a bar, a fragment."""

REACH = 0.4
"""A low mark is part of a body that is at most this share of the body's height beside it."""

ABOVE = 0.2
"""Or this share above or below it."""

LONELY = 0.5
"""A mark alone in its line and lower than this share of the page's digits is dirt."""

NEIGHBOURS = 4
"""Bodies at a line's end that say where it goes on."""


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


def weighted_median(values: Float64[ndarray, " m"], weights: Float64[ndarray, " m"]) -> float:
    """The value at which half of all weight is reached."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)]) if len(values) else 0.0


def rows_of(pieces: Sequence[Piece]) -> list[Row]:
    """Bodies chained from left to right, then low marks given to the nearest, lines sorted."""
    if not pieces:
        return []
    owners = _owners(pieces)
    bodies = [piece for piece, owner in zip(pieces, owners, strict=True) if owner < 0]
    chains: list[list[Piece]] = []
    for body in sorted(bodies, key=lambda piece: piece.box[0]):
        misfits = [_misfit(chain, body) for chain in chains]
        best = int(np.argmin(misfits)) if misfits else -1
        if misfits and misfits[best] < 1:
            chains[best].append(body)
        else:
            chains.append([body])
    home = {body.mark: number for number, chain in enumerate(chains) for body in chain}
    members = [list(chain) for chain in chains]
    for piece, owner in zip(pieces, owners, strict=True):
        if owner >= 0:
            members[home[pieces[owner].mark]].append(piece)
    rows = []
    for chain, pieces_of_line in zip(chains, members, strict=True):
        height = float(np.median([piece.height for piece in chain]))
        ordered = sorted(pieces_of_line, key=lambda piece: piece.middle[0])
        rows.append(Row(tuple(ordered), height))
    largest = weighted_median(*_heights_and_squares(bodies))
    rows = [row for row in rows if len(row.pieces) > 1 or row.height >= LONELY * largest]
    return _from_top(rows)


def _misfit(chain: Sequence[Piece], body: Piece) -> float:
    """How far off the line's way `body` is, in half heights of a digit; below 1 it belongs to it.

    The way is the straight line through the middles of the last few, level where there is but one.
    """
    last = chain[-NEIGHBOURS:]
    x = np.array([piece.middle[0] for piece in last])
    y = np.array([piece.middle[1] for piece in last])
    height = max(float(np.median([piece.height for piece in last])), 1.0)
    x_body, y_body = body.middle
    slope = 0.0
    if np.ptp(x) > height:
        # A ridge of a digit's height: two neighbours of different size do not turn the line.
        centred = x - x.mean()
        slope = float((centred * (y - y.mean())).sum() / ((centred**2).sum() + height**2))
    expected = y.mean() + slope * (x_body - x.mean())
    off = abs(y_body - expected) / (0.6 * max(height, 0.7 * body.height))
    gap = max(body.box[0] - last[-1].box[2], 0) / height
    return float(off + 0.01 * gap)


def _owners(pieces: Sequence[Piece]) -> list[int]:
    """Of each low mark the number of the body that it may belong to, the nearest; of bodies -1."""
    boxes = np.array([piece.box for piece in pieces], np.float64)
    left, top, right, bottom = boxes.T
    heights, middles = bottom - top, (top + bottom) / 2
    owners = []
    for number in range(len(pieces)):
        higher = BODY * heights > heights[number]
        beside = np.maximum(left - right[number], left[number] - right)
        above = np.maximum(top - middles[number], middles[number] - bottom)
        near = higher & (beside <= REACH * heights) & (above <= ABOVE * heights)
        distance = np.maximum(beside, 0) + np.maximum(above, 0)
        owners.append(int(np.where(near, distance, np.inf).argmin()) if near.any() else -1)
    # The owner of an owner: a dot beside the bar of a 5.
    for number, owner in enumerate(owners):
        while owner >= 0 and owners[owner] >= 0:
            owner = owners[owner]
        owners[number] = owner
    return owners


def _heights_and_squares(pieces: Sequence[Piece]) -> tuple[ndarray, ndarray]:
    heights = np.array([piece.height for piece in pieces], np.float64)
    return heights, heights**2


def _from_top(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: np.mean([piece.middle[1] for piece in row.pieces]))
