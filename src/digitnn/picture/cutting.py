"""Where two digits that touch may be cut apart: seams from top to bottom through the least ink.

A seam moves at most one column a row, so it leans with the writing and bends around strokes. Which
cuts are right is not decided here but by what the pieces are read as (LeCun, Bottou, Bengio and
Haffner 1998, section V A: heuristic over-segmentation).
Axes: y x pixels of a mark's box, k seams.
"""

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from digitnn.picture.normalise import stroke_width
from digitnn.picture.pieces import Piece, piece_of

ROWS = 40
"""Seams are sought where a digit is as high as this, or up to twice: finer costs time only."""

LEAN = 0.06
"""What a step aside costs a seam, in pixels of ink: straight down where nothing is gained."""

MOST_INK = 3.5
"""A seam through more strokes than this, laid side by side, parts no digits."""

LEAST_SLICE = 0.1
"""Seams are further apart than this share of a digit's height, and from the sides of the mark."""


def slices(piece: Piece, ink: Float32[ndarray, "y x"], height: float) -> list[Piece]:
    """`piece` cut at every seam that may part digits of about `height`; itself where there is none.

    ink: of the piece's box.
    """
    step = max(1, int(height / ROWS))
    own = np.where(piece.mask, ink, 0)
    coarse = _blocks(own, step)
    seams, costs = find_seams(coarse, max(2.0, LEAST_SLICE * height / step))
    stroke = max(stroke_width(coarse), 1.0)
    good = costs <= MOST_INK * stroke
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

    The best seam through each pixel of the middle row is the best from the top to it and from it to
    the bottom; of these, the best of every neighbourhood of `apart` columns each way.
    """
    y, x = ink.shape
    middle = y // 2
    upper, above = _cheapest(ink[: middle + 1])
    lower, below = _cheapest(ink[middle:][::-1])
    through = upper + lower - ink[middle]
    reach = max(1, int(apart))
    framed = np.pad(through, reach, constant_values=np.inf)
    around = np.lib.stride_tricks.sliding_window_view(framed, 2 * reach + 1)
    found = np.flatnonzero((through <= around.min(axis=1)) & _inside(x, apart))
    # Of a row of equals, as in the white between two digits, the middle one.
    groups = np.split(found, np.flatnonzero(np.diff(found) > apart) + 1) if len(found) else []
    chosen = np.array([group[len(group) // 2] for group in groups], np.int64)
    seams = np.empty((len(chosen), y), np.int64)
    for k, column in enumerate(chosen):
        seams[k, : middle + 1] = _follow(above, column)[::-1]
        seams[k, middle:] = _follow(below, column)
    return seams, through[chosen]


def _inside(x: int, apart: float) -> ndarray:
    columns = np.arange(x)
    return (columns >= apart) & (columns < x - apart)


def _cheapest(ink: Float32[ndarray, "y x"]) -> tuple[Float32[ndarray, " x"], Int64[ndarray, "y x"]]:
    """The cost of the best way from the first row to each pixel of the last, and whence it came."""
    y, x = ink.shape
    cost, came = ink[0].copy(), np.zeros((y, x), np.int64)
    columns = np.arange(x)
    for row in range(1, y):
        framed = np.pad(cost, 1, constant_values=np.inf)
        ways = np.stack([cost, framed[:-2] + LEAN, framed[2:] + LEAN])
        best = ways.argmin(axis=0)
        came[row] = columns + np.array([0, -1, 1])[best]
        cost = (ways[best, columns] + ink[row]).astype(np.float32)
    return cost, came


def _follow(came: Int64[ndarray, "y x"], column: int) -> Int64[ndarray, " y"]:
    """The columns of the best way that ends at `column`, from the last row to the first."""
    columns = np.empty(len(came), np.int64)
    for step, row in enumerate(range(len(came) - 1, -1, -1)):
        columns[step] = column
        column = came[row, column]
    return columns


def _blocks(ink: Float32[ndarray, "y x"], step: int) -> Float32[ndarray, "v u"]:
    """The mean of every block of `step` pixels a side; paper beyond the last."""
    framed = np.pad(ink, ((0, -ink.shape[0] % step), (0, -ink.shape[1] % step)))
    y, x = framed.shape
    return framed.reshape(y // step, step, x // step, step).mean(axis=(1, 3), dtype=np.float32)
