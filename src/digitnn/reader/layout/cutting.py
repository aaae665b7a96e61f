"""Cut touching digits apart: seams from top to bottom through little ink.

A seam of least ink moves at most one column per row, so it follows slanted writing and bends around
strokes. Other seams connect valleys of the outline. All seams are only proposals; `best_path`
chooses among them by what the slices are classified as (LeCun, Bottou, Bengio and Haffner 1998,
section V A: heuristic over-segmentation).
Axes: y x pixels of a component's box, k seams.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from digitnn.reader.ink.normalise import EDGE_INK, stroke_width
from digitnn.reader.layout.glyphs import InkPiece, make_piece

SEAM_ROWS = 40
"""Digits are reduced to this height, up to twice it, to find seams; finer is only slower."""

SIDESTEP_COST = 0.06
"""Cost of a sideways step, in pixels of ink: a seam runs straight where nothing is gained."""

MAX_SEAM_STROKES = 8
"""A seam through more ink than this, in stroke widths, does not separate digits."""

MIN_SLICE_WIDTH = 0.1
"""Least distance between seams, and to the component's sides, as a share of the digit height."""


def cut_into_slices(piece: InkPiece, ink: Float32[ndarray, "y x"], height: float) -> list[InkPiece]:
    """Cut `piece` at every seam that may separate digits of about `height`; `[piece]` if none may.

    ink: the ink in the piece's box.
    """
    step = max(1, int(height / SEAM_ROWS))
    own = np.where(piece.mask, ink, 0)
    coarse = _block_means(own, step)
    seams, costs = find_seams(coarse, max(2.0, MIN_SLICE_WIDTH * height / step))
    stroke = max(stroke_width(coarse), 1.0)
    good = costs <= MAX_SEAM_STROKES * stroke
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
            found.append(make_piece(mask, piece.box[0], piece.box[1], piece.component, cut))
    return found


def find_seams(
    ink: Float32[ndarray, "y x"], min_distance: float
) -> tuple[Int64[ndarray, "k y"], Float32[ndarray, " k"]]:
    """Return the columns just right of each seam, row by row, and the ink on each seam.

    Drops seams that are nowhere farther than `min_distance` / 2 columns from another.
    """
    y = len(ink)
    seams: list[ndarray] = []
    for seam in chain(_least_ink_seams(ink, min_distance), _valley_seams(ink, min_distance)):
        if all(np.abs(seam - other).max() >= min_distance / 2 for other in seams):
            seams.append(seam)
    if not seams:
        return np.empty((0, y), np.int64), np.empty(0, np.float32)
    # From left to right; where two cross, both take the columns of the right one.
    ordered = np.array(sorted(seams, key=lambda seam: float(seam.mean())))
    ordered = np.maximum.accumulate(ordered, axis=0)
    return ordered, ink[np.arange(y), ordered].sum(axis=1)


def _least_ink_seams(
    ink: Float32[ndarray, "y x"], min_distance: float
) -> Iterator[Int64[ndarray, " y"]]:
    """Yield the best seams through three rows, each a minimum within `min_distance` columns.

    The best seam through a pixel joins the best path from the top with the best to the bottom.
    Three rows, since the seam between touching digits need not be a minimum in the middle row.
    """
    y = len(ink)
    from_top, above = _cheapest_paths(ink)
    from_bottom, below = _cheapest_paths(ink[::-1])
    through = from_top + from_bottom[::-1] - ink
    for row in sorted({y // 2, y // 4, (3 * y) // 4}, key=lambda row: abs(row - y // 2)):
        for column in _local_minima(through[row], min_distance):
            up = _trace_back(above, row, column)[::-1]
            yield np.concatenate([up, _trace_back(below, y - 1 - row, column)[1:]])


def _valley_seams(
    ink: Float32[ndarray, "y x"], min_distance: float
) -> Iterator[Int64[ndarray, " y"]]:
    """Yield straight seams between valleys of the upper and lower outline, and least-ink ones.

    Two round digits that touch share a stroke over some length; no seam of least ink runs along it.
    """
    y, x = ink.shape
    dark = ink > EDGE_INK
    inked = dark.any(axis=0)
    upper = np.where(inked, dark.argmax(axis=0), y)
    lower = y - 1 - np.where(inked, dark[::-1].argmax(axis=0), y)
    tops = [column for column in _valleys(upper, min_distance) if 0 < upper[column] < y - 1]
    bottoms = [column for column in _valleys(-lower, min_distance) if 0 < lower[column] < y - 1]
    for top in tops:
        for bottom in bottoms:
            start, stop = int(upper[top]), int(lower[bottom])
            if start < stop and abs(top - bottom) <= (stop - start) / 2 + min_distance:
                rows = np.array([0, start, stop, y - 1])
                columns = np.interp(np.arange(y), rows, [top, top, bottom, bottom])
                yield np.clip(np.rint(columns), 1, x - 1).astype(np.int64)
    _, below = _cheapest_paths(ink[::-1])
    for top in tops:
        start = int(upper[top])
        yield np.concatenate([np.full(start, top), _trace_back(below, y - 1 - start, top)])
    _, above = _cheapest_paths(ink)
    for bottom in bottoms:
        stop = int(lower[bottom])
        up = _trace_back(above, stop, bottom)[::-1]
        yield np.concatenate([up, np.full(y - 1 - stop, bottom)])


def _valleys(depth: Int64[ndarray, " x"], min_distance: float) -> list[int]:
    """Return the columns where an outline is locally deepest; of a flat floor the middle one."""
    found = _local_minima(-depth.astype(np.float32), min_distance)
    return [
        column
        for column in found
        if depth[column] - max(depth[:column].min(), depth[column:].min()) >= min_distance / 2
    ]


def _local_minima(cost: Float32[ndarray, " x"], min_distance: float) -> list[int]:
    """Return the minima within `min_distance`, no nearer to an end; of equal ones the middle."""
    reach = max(1, int(min_distance))
    padded = np.pad(cost, reach, constant_values=np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    columns = np.arange(len(cost))
    inside = (columns >= min_distance) & (columns < len(cost) - min_distance)
    found = np.flatnonzero((cost <= around.min(axis=1)) & inside)
    groups = (
        np.split(found, np.flatnonzero(np.diff(found) > min_distance) + 1) if len(found) else []
    )
    return [int(group[len(group) // 2]) for group in groups]


def _cheapest_paths(
    ink: Float32[ndarray, "y x"],
) -> tuple[Float32[ndarray, "y x"], Int64[ndarray, "y x"]]:
    """Return the cost of the best path from the top to each pixel, and its column one row above."""
    y, x = ink.shape
    cost, previous = ink.copy(), np.zeros((y, x), np.int64)
    columns = np.arange(x)
    padded = np.full(x + 2, np.inf, np.float32)
    for row in range(1, y):
        padded[1:-1] = cost[row - 1]
        steps = np.stack([padded[1:-1], padded[:-2] + SIDESTEP_COST, padded[2:] + SIDESTEP_COST])
        best = steps.argmin(axis=0)
        previous[row] = columns + np.array([0, -1, 1])[best]
        cost[row] += steps[best, columns]
    return cost, previous


def _trace_back(previous: Int64[ndarray, "y x"], row: int, column: int) -> Int64[ndarray, " n"]:
    """Return the columns of the best path to a pixel, from its row up to the first."""
    columns = np.empty(row + 1, np.int64)
    for back in range(row + 1):
        columns[back] = column
        column = previous[row - back, column]
    return columns


def _block_means(ink: Float32[ndarray, "y x"], step: int) -> Float32[ndarray, "v u"]:
    """Return the mean of every block of `step` x `step` pixels, padded with paper."""
    padded = np.pad(ink, ((0, -ink.shape[0] % step), (0, -ink.shape[1] % step)))
    y, x = padded.shape
    return padded.reshape(y // step, step, x // step, step).mean(axis=(1, 3), dtype=np.float32)
