"""Where two digits that touch may be cut apart: seams from top to bottom through the least ink.

A seam of least ink moves at most one column a row, so it leans with the writing and bends around
strokes; others run from valley to valley of the outline. Which cuts are right is not decided here
but by what the pieces are read as (LeCun, Bottou, Bengio and Haffner 1998, section V A: heuristic
over-segmentation).
Axes: y x pixels of a mark's box, k seams.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from digitnn.reader.ink.normalise import EDGE, stroke_width
from digitnn.reader.layout.pieces import Piece, piece_of

ROWS = 40
"""Seams are sought where a digit is as high as this, or up to twice: finer costs time only."""

LEAN = 0.06
"""What a step aside costs a seam, in pixels of ink: straight down where nothing is gained."""

MAX_INK = 8
"""A seam through more strokes than this, laid side by side, parts no digits."""

MIN_SLICE = 0.1
"""Seams are further apart than this share of a digit's height, and from the sides of the mark."""


def slices(piece: Piece, ink: Float32[ndarray, "y x"], height: float) -> list[Piece]:
    """`piece` cut at every seam that may part digits of about `height`; itself where there is none.

    ink: of the piece's box.
    """
    step = max(1, int(height / ROWS))
    own = np.where(piece.mask, ink, 0)
    coarse = _blocks(own, step)
    seams, costs = find_seams(coarse, max(2.0, MIN_SLICE * height / step))
    stroke = max(stroke_width(coarse), 1.0)
    good = costs <= MAX_INK * stroke
    seams, costs = seams[good], costs[good]
    if not len(seams):
        return [piece]
    y, x = piece.mask.shape
    fine = np.repeat(np.maximum.accumulate(seams, axis=0) * step, step, axis=1)[:, :y]
    number = (np.arange(x) >= fine[:, :, None]).sum(axis=0)  # (y, x): the slice of each pixel
    found = []
    for k in range(len(seams) + 1):
        mask = piece.mask & (number == k)
        if mask.any():
            cut = float(costs[k] / stroke) if k < len(seams) else 0.0
            found.append(piece_of(mask, piece.box[0], piece.box[1], piece.mark, cut))
    return found


def find_seams(
    ink: Float32[ndarray, "y x"], apart: float
) -> tuple[Int64[ndarray, "k y"], Float32[ndarray, " k"]]:
    """Columns of the first pixel right of each seam, row by row, and the ink each runs through.

    Seams that are nowhere further than half of `apart` columns from another are left out.
    """
    y = len(ink)
    seams: list[ndarray] = []
    for seam in chain(_of_least_ink(ink, apart), _from_valleys(ink, apart)):
        if all(np.abs(seam - other).max() >= apart / 2 for other in seams):
            seams.append(seam)
    if not seams:
        return np.empty((0, y), np.int64), np.empty(0, np.float32)
    # From left to right; where two cross, they share the way of the right one.
    ordered = np.array(sorted(seams, key=lambda seam: float(seam.mean())))
    ordered = np.maximum.accumulate(ordered, axis=0)
    return ordered, ink[np.arange(y), ordered].sum(axis=1)


def _of_least_ink(ink: Float32[ndarray, "y x"], apart: float) -> Iterator[Int64[ndarray, " y"]]:
    """The best seams through a row that are the best within `apart` columns each way.

    The best seam through a pixel is the best from the top to it and from it to the bottom. Three
    rows, as digits may touch where a seam through the middle row would not pass.
    """
    y = len(ink)
    from_top, above = _cheapest(ink)
    from_bottom, below = _cheapest(ink[::-1])
    through = from_top + from_bottom[::-1] - ink
    for row in sorted({y // 2, y // 4, (3 * y) // 4}, key=lambda row: abs(row - y // 2)):
        for column in _least(through[row], apart):
            up = _follow(above, row, column)[::-1]
            yield np.concatenate([up, _follow(below, y - 1 - row, column)[1:]])


def _from_valleys(ink: Float32[ndarray, "y x"], apart: float) -> Iterator[Int64[ndarray, " y"]]:
    """From a valley of the upper outline to one of the lower, straight, or to where ink is least.

    Two rounds that touch share a stroke over some length, and no seam of least ink runs along it.
    """
    y, x = ink.shape
    dark = ink > EDGE
    inked = dark.any(axis=0)
    upper = np.where(inked, dark.argmax(axis=0), y)
    lower = y - 1 - np.where(inked, dark[::-1].argmax(axis=0), y)
    tops = [column for column in _valleys(upper, apart) if 0 < upper[column] < y - 1]
    bottoms = [column for column in _valleys(-lower, apart) if 0 < lower[column] < y - 1]
    for top in tops:
        for bottom in bottoms:
            start, stop = int(upper[top]), int(lower[bottom])
            if start < stop and abs(top - bottom) <= (stop - start) / 2 + apart:
                rows = np.array([0, start, stop, y - 1])
                columns = np.interp(np.arange(y), rows, [top, top, bottom, bottom])
                yield np.clip(np.rint(columns), 1, x - 1).astype(np.int64)
    _, below = _cheapest(ink[::-1])
    for top in tops:
        start = int(upper[top])
        yield np.concatenate([np.full(start, top), _follow(below, y - 1 - start, top)])
    _, above = _cheapest(ink)
    for bottom in bottoms:
        stop = int(lower[bottom])
        up = _follow(above, stop, bottom)[::-1]
        yield np.concatenate([up, np.full(y - 1 - stop, bottom)])


def _valleys(depth: Int64[ndarray, " x"], apart: float) -> list[int]:
    """Columns where an outline is deepest between two heights; of a flat floor the middle."""
    found = _least(-depth.astype(np.float32), apart)
    return [
        column
        for column in found
        if depth[column] - max(depth[:column].min(), depth[column:].min()) >= apart / 2
    ]


def _least(cost: Float32[ndarray, " x"], apart: float) -> list[int]:
    """Columns of least cost within `apart` each way, not nearer to an end; of equals the middle."""
    reach = max(1, int(apart))
    framed = np.pad(cost, reach, constant_values=np.inf)
    around = np.lib.stride_tricks.sliding_window_view(framed, 2 * reach + 1)
    found = np.flatnonzero((cost <= around.min(axis=1)) & _inside(len(cost), apart))
    groups = np.split(found, np.flatnonzero(np.diff(found) > apart) + 1) if len(found) else []
    return [int(group[len(group) // 2]) for group in groups]


def _inside(x: int, apart: float) -> ndarray:
    columns = np.arange(x)
    return (columns >= apart) & (columns < x - apart)


def _cheapest(
    ink: Float32[ndarray, "y x"],
) -> tuple[Float32[ndarray, "y x"], Int64[ndarray, "y x"]]:
    """The cost of the best way from the first row to each pixel, and from which column it came."""
    y, x = ink.shape
    cost, came = ink.copy(), np.zeros((y, x), np.int64)
    columns = np.arange(x)
    framed = np.full(x + 2, np.inf, np.float32)
    for row in range(1, y):
        framed[1:-1] = cost[row - 1]
        ways = np.stack([framed[1:-1], framed[:-2] + LEAN, framed[2:] + LEAN])
        best = ways.argmin(axis=0)
        came[row] = columns + np.array([0, -1, 1])[best]
        cost[row] += ways[best, columns]
    return cost, came


def _follow(came: Int64[ndarray, "y x"], row: int, column: int) -> Int64[ndarray, " n"]:
    """The columns of the best way to a pixel, from its row back to the first."""
    columns = np.empty(row + 1, np.int64)
    for back in range(row + 1):
        columns[back] = column
        column = came[row - back, column]
    return columns


def _blocks(ink: Float32[ndarray, "y x"], step: int) -> Float32[ndarray, "v u"]:
    """The mean of every block of `step` pixels a side; paper beyond the last."""
    framed = np.pad(ink, ((0, -ink.shape[0] % step), (0, -ink.shape[1] % step)))
    y, x = framed.shape
    return framed.reshape(y // step, step, x // step, step).mean(axis=(1, 3), dtype=np.float32)
