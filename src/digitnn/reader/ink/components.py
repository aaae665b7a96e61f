"""Label the connected components of a bilevel map with NumPy alone; bounding boxes.

`scipy.ndimage.label` does the same, but takes 0.25 s to import.
Axes: h w pixels, r horizontal runs of ink, m components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Shaped
from numpy import ndarray

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are exclusive."""


@dataclass(frozen=True)
class Components:
    """labels: 0 for paper, 1..m for the components; boxes: as `Box`, one a row."""

    labels: Int32[ndarray, "h w"]
    boxes: Int64[ndarray, "m 4"]

    def sums(self, values: Shaped[ndarray, "h w"]) -> Float64[ndarray, " m"]:
        """Return the sum of `values` over each component."""
        return np.bincount(self.labels.ravel(), values.ravel(), len(self.boxes) + 1)[1:]

    def mask(self, chosen: Bool[ndarray, " m"]) -> Bool[ndarray, "h w"]:
        """Return the pixels of the chosen components."""
        return np.concatenate([[False], chosen])[self.labels]


def find_components(ink: Bool[ndarray, "h w"]) -> Components:
    """Return the 8-connected components, numbered by their first pixel in row-major order.

    Runs of ink in neighbouring rows that touch are joined until nothing changes; each run points
    to the lowest-numbered run that it is known to be connected to.
    """
    h, w = ink.shape
    edges = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (row, start), stop = np.nonzero(edges == 1), np.nonzero(edges == -1)[1]  # stop is exclusive
    roots, number = np.unique(_join(len(row), *_touching(row, start, stop, w)), return_inverse=True)
    boxes = np.tile([w, h, 0, 0], (len(roots), 1))
    np.minimum.at(boxes[:, 0], number, start)
    np.minimum.at(boxes[:, 1], number, row)
    np.maximum.at(boxes[:, 2], number, stop)
    np.maximum.at(boxes[:, 3], number, row + 1)
    labels = np.zeros((h, w), np.int32)
    labels[ink] = np.repeat(number + 1, stop - start)  # pixels and runs are in row-major order
    return Components(labels, boxes)


def _touching(
    row: Int64[ndarray, " r"], start: Int64[ndarray, " r"], stop: Int64[ndarray, " r"], w: int
) -> tuple[ndarray, ndarray]:
    """Return pairs of touching runs (corners count), one in the row above the other.

    Row and column form a key that increases from run to run, so the runs in the row above that
    touch a given run are a contiguous range, found by bisection.
    """
    width = w + 2
    above = (row - 1) * width
    first = np.searchsorted(row * width + stop, above + start)  # ends at or after its start
    last = np.searchsorted(row * width + start, above + stop, side="right")
    count = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(row)), count)
    offset = np.arange(len(lower)) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(first, count) + offset, lower


def _join(runs: int, upper: ndarray, lower: ndarray) -> Int64[ndarray, " r"]:
    """Return each run's lowest-numbered connected run, by label propagation and pointer jumping."""
    parent = np.arange(runs)
    while True:
        low = np.minimum(parent[upper], parent[lower])
        before = parent.copy()
        for side in (upper, lower):
            np.minimum.at(parent, before[side], low)
            np.minimum.at(parent, side, low)
        parent = parent[parent]
        if np.array_equal(parent, before):
            return parent


def bounding_box(mask: Bool[ndarray, "h w"]) -> Box:
    """Return the smallest box around the set pixels, of which there must be one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def enlarge_box(box: Box, factor: int, shape: Sequence[int]) -> Box:
    """Return a box of reduced ink in pixels of the picture of `shape`, cut off at its border."""
    left, top, right, bottom = (side * factor for side in box)
    return left, top, min(right, shape[1]), min(bottom, shape[0])
