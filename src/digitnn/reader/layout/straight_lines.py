"""Find long, thin, straight, nearly level strokes: the parts of rulings, frames and combs.

Upright strokes are found in the transposed ink. A stroke is followed across ink that crosses it and
across small gaps.
Axes: h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray

from digitnn.reader.ink.components import find_components, find_ink_runs, paint_runs

MAX_THICKNESS = 1 / 150
"""As a share of the picture's longest side, at least 5 pixels. A thicker bar is no ruling."""

MAX_FITS = 12
"""How often a growing stroke is fitted again; most stop growing at the third fit."""

MAX_GAP = 0.15
"""Largest gap inside a stroke, as a share of its length."""

MAX_SLOPE = 0.15
"""Largest slope of a ruling: 8.5 degrees."""

MIN_ELONGATION = 4
"""Least ratio of length to thickness of a piece of a ruling."""


@dataclass(frozen=True)
class LineSegment:
    """y = intercept + slope x, from column `start` to `stop`, exclusive; thickness in pixels."""

    intercept: float
    slope: float
    start: int
    stop: int
    thickness: float

    @property
    def length(self) -> int:
        """In columns."""
        return self.stop - self.start

    def row_at(self, x: ndarray | float) -> ndarray | float:
        """Return its row at column x."""
        return self.intercept + self.slope * x

    def band(
        self, columns: Int64[ndarray, " n"], reach: int, h: int
    ) -> tuple[Int64[ndarray, "b n"], Bool[ndarray, "b n"]]:
        """Return the rows within `reach` at each of `columns`, and which are inside 0..h - 1.

        Rows outside are replaced by the nearest inside.
        """
        middle = np.rint(self.row_at(columns)).astype(np.int64)
        rows = middle + np.arange(-reach, reach + 1)[:, None]
        return np.clip(rows, 0, h - 1), (rows >= 0) & (rows < h)


def run_lengths(ink: Bool[ndarray, "h w"]) -> Int64[ndarray, "h w"]:
    """Return for each pixel the length of the vertical run of ink that it is in; 0 on paper."""
    column, start, stop = find_ink_runs(ink.T)
    return paint_runs(column, start, stop, stop - start, ink.T.shape).T


def find_level_strokes(ink: Bool[ndarray, "h w"], min_length: int) -> list[LineSegment]:
    """Return the nearly level strokes of at least `min_length` pixels, the longest first."""
    h, w = ink.shape
    max_thickness = max(5, round(max(h, w) * MAX_THICKNESS))
    runs = run_lengths(ink)
    thin = (runs > 0) & (runs <= max_thickness)
    found = find_components(thin)
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    long_enough = np.flatnonzero(
        (widths >= max(4, min_length // 4)) & (widths**2 >= MIN_ELONGATION * found.areas)
    )
    free = thin.copy()
    strokes = []
    for number in long_enough[np.argsort(-widths[long_enough])]:
        left, top, right, bottom = (int(side) for side in found.boxes[number])
        own = (found.labels[top:bottom, left:right] == number + 1) & free[top:bottom, left:right]
        if np.count_nonzero(own.any(axis=0)) < 0.5 * (right - left):
            continue  # most of it is part of an earlier stroke
        stroke = _fit_stroke(own, left, top)
        if stroke is None:
            continue
        stroke = _extend(stroke, ink, thin)
        if stroke.length >= max(min_length, MIN_ELONGATION * stroke.thickness):
            strokes.append(stroke)
            columns = np.arange(stroke.start, stroke.stop)
            rows, inside = stroke.band(columns, int(stroke.thickness / 2 + 1.5), h)
            free[rows[inside], np.broadcast_to(columns, rows.shape)[inside]] = False
    return sorted(strokes, key=lambda stroke: -stroke.length)


def _fit_stroke(own: Bool[ndarray, "y x"], left: int, top: int) -> LineSegment | None:
    """Fit a straight line to the middles of the columns; None if it bends or is too steep."""
    columns = np.flatnonzero(own.any(axis=0))
    counts = own.sum(axis=0)[columns]
    middles = (own * np.arange(len(own))[:, None]).sum(axis=0)[columns] / counts
    thickness = float(np.median(counts))
    slope, intercept = _fit_line(columns, middles)
    off = np.abs(middles - intercept - slope * columns)
    if abs(slope) > MAX_SLOPE or np.percentile(off, 80) > 1 + thickness / 2:
        return None
    start, stop = left + int(columns[0]), left + int(columns[-1]) + 1
    return LineSegment(intercept + top - slope * left, slope, start, stop, thickness)


def _fit_line(x: ndarray, y: ndarray) -> tuple[float, float]:
    """Return (slope, intercept) by least squares, fitted again without the farthest fifth."""
    kept = np.ones(len(x), bool)
    for _ in range(2):
        x_mean, y_mean = x[kept].mean(), y[kept].mean()
        spread = ((x[kept] - x_mean) ** 2).sum()
        slope = ((x[kept] - x_mean) * (y[kept] - y_mean)).sum() / max(spread, 1)
        off = np.abs(y - y_mean - slope * (x - x_mean))
        kept = off <= np.percentile(off, 80)
    return float(slope), float(y_mean - slope * x_mean)


def _extend(
    stroke: LineSegment, ink: Bool[ndarray, "h w"], thin: Bool[ndarray, "h w"]
) -> LineSegment:
    """Extend the stroke to both sides, across gaps and crossings; fit it again as it grows."""
    h, w = ink.shape
    columns = np.arange(w)
    reach = int(stroke.thickness / 2 + 1.5)
    for _ in range(MAX_FITS):
        near, valid = stroke.band(columns, reach, h)
        here = (ink[near, columns] & valid).any(axis=0)
        thin_here = thin[near, columns] & valid
        max_gap = max(4, max(h, w) // 200, int(MAX_GAP * stroke.length))
        start, stop = _reach(here & thin_here.any(axis=0), here, stroke, max_gap)
        inside = (columns >= start) & (columns < stop) & thin_here.any(axis=0)
        counts = thin_here[:, inside].sum(axis=0)
        middles = (near * thin_here)[:, inside].sum(axis=0) / counts
        if not len(middles):
            break
        slope, intercept = _fit_line(columns[inside], middles)
        longer = LineSegment(intercept, slope, start, stop, float(np.median(counts)))
        if abs(slope) > MAX_SLOPE:
            break
        grown, stroke = longer.length > stroke.length, longer
        if not grown:
            break
    return stroke


def _reach(
    thin: Bool[ndarray, " w"], here: Bool[ndarray, " w"], stroke: LineSegment, max_gap: int
) -> tuple[int, int]:
    """Return (start, stop) of the stroke: thin ink, with gaps of at most `max_gap` columns.

    A column of thicker ink, which may hide the stroke, counts a tenth of a gap.
    """
    steps = np.where(thin, 0.0, np.where(here, 0.1, 1.0))
    ends = []
    for columns in (range(stroke.stop - 1, len(thin)), range(stroke.start, -1, -1)):
        gap, end = 0.0, columns[0] if len(columns) else stroke.start
        for column in columns:
            gap = 0.0 if thin[column] else gap + steps[column]
            if thin[column]:
                end = column
            elif gap > max_gap:
                break
        ends.append(end)
    return ends[1], ends[0] + 1
