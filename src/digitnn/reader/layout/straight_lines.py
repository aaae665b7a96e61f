"""Long, thin, straight strokes of a page, nearly level: what rulings, frames and combs are made of.

Upright ones are found in the transposed ink. A stroke is followed over what crosses it and over
small breaks.
Axes: h w pixels, s strokes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64
from numpy import ndarray

from digitnn.reader.ink.components import marks

THICKEST = 1 / 150
"""Of the picture's longest side; at least 5 pixels. A thicker bar is no ruling."""

MAX_FITS = 12
"""How often a stroke is fitted again as it grows; most have stopped growing at the third."""

GAP = 0.15
"""A stroke goes on after a gap of this share of its length, the longer the surer."""

STEEPEST = 0.15
"""How far a ruling may slope: 8.5 degrees."""

THINNER = 4
"""A ruling's piece is this many times as long as it is thick, or it is no piece of one."""


@dataclass(frozen=True)
class LineSegment:
    """y = height + slope x, from column `start` to `stop`, exclusive; thickness in pixels."""

    height: float
    slope: float
    start: int
    stop: int
    thickness: float

    @property
    def length(self) -> int:
        """Across, in pixels."""
        return self.stop - self.start

    def at(self, x: ndarray | float) -> ndarray | float:
        """Its row at column x."""
        return self.height + self.slope * x


def run_lengths(ink: Bool[ndarray, "h w"]) -> Int64[ndarray, "h w"]:
    """Of each pixel of ink, the length of the run down its column that it is in; 0 on paper."""
    h, w = ink.shape
    edges = np.diff(np.pad(ink, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    column, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    paint = np.zeros((w, h + 1), np.int32)
    paint[column, start] = stop - start
    np.subtract.at(paint, (column, stop), stop - start)
    return np.cumsum(paint[:, :h], axis=1, dtype=np.int32).T


def level_strokes(ink: Bool[ndarray, "h w"], shortest: int) -> list[LineSegment]:
    """The nearly level strokes of at least `shortest` pixels, the longest first."""
    h, w = ink.shape
    thickest = max(5, round(max(h, w) * THICKEST))
    runs = run_lengths(ink)
    thin = (runs > 0) & (runs <= thickest)
    found = marks(thin)
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    long_enough = np.flatnonzero(
        (widths >= max(4, shortest // 4)) & (widths**2 >= THINNER * found.areas)
    )
    free = thin.copy()
    strokes = []
    for mark in long_enough[np.argsort(-widths[long_enough])]:
        left, top, right, bottom = (int(side) for side in found.boxes[mark])
        own = (found.labels[top:bottom, left:right] == mark + 1) & free[top:bottom, left:right]
        if np.count_nonzero(own.any(axis=0)) < 0.5 * (right - left):
            continue  # most of it was part of a stroke already
        stroke = _fit(own, left, top)
        if stroke is None:
            continue
        stroke = _follow(stroke, ink, thin)
        if stroke.length >= max(shortest, THINNER * stroke.thickness):
            strokes.append(stroke)
            _clear(free, stroke)
    return sorted(strokes, key=lambda stroke: -stroke.length)


def _fit(own: Bool[ndarray, "y x"], left: int, top: int) -> LineSegment | None:
    """The straight line through the middles of the columns; None where it bends or is steep."""
    columns = np.flatnonzero(own.any(axis=0))
    counts = own.sum(axis=0)[columns]
    middles = (own * np.arange(len(own))[:, None]).sum(axis=0)[columns] / counts
    thickness = float(np.median(counts))
    slope, height = _line(columns, middles)
    off = np.abs(middles - height - slope * columns)
    if abs(slope) > STEEPEST or np.percentile(off, 80) > 1 + thickness / 2:
        return None
    start, stop = left + int(columns[0]), left + int(columns[-1]) + 1
    return LineSegment(height + top - slope * left, slope, start, stop, thickness)


def _line(x: ndarray, y: ndarray) -> tuple[float, float]:
    """Slope and height at x = 0, twice: the second time without the farthest fifth."""
    kept = np.ones(len(x), bool)
    for _ in range(2):
        x_mean, y_mean = x[kept].mean(), y[kept].mean()
        spread = ((x[kept] - x_mean) ** 2).sum()
        slope = ((x[kept] - x_mean) * (y[kept] - y_mean)).sum() / max(spread, 1)
        off = np.abs(y - y_mean - slope * (x - x_mean))
        kept = off <= np.percentile(off, 80)
    return float(slope), float(y_mean - slope * x_mean)


def _follow(
    stroke: LineSegment, ink: Bool[ndarray, "h w"], thin: Bool[ndarray, "h w"]
) -> LineSegment:
    """Longer to both sides, over breaks and crossings, the line fitted again as it grows."""
    h, w = ink.shape
    columns = np.arange(w)
    reach = int(stroke.thickness / 2 + 1.5)
    for _ in range(MAX_FITS):
        rows = np.rint(stroke.at(columns)).astype(np.int64)
        near = rows[None] + np.arange(-reach, reach + 1)[:, None]
        valid = (near >= 0) & (near < h)
        near = np.clip(near, 0, h - 1)
        here = (ink[near, columns] & valid).any(axis=0)
        thin_here = thin[near, columns] & valid
        most_gap = max(4, max(h, w) // 200, int(GAP * stroke.length))
        start, stop = _grown(here & thin_here.any(axis=0), here, stroke, most_gap)
        inside = (columns >= start) & (columns < stop) & thin_here.any(axis=0)
        counts = thin_here[:, inside].sum(axis=0)
        middles = (near * thin_here)[:, inside].sum(axis=0) / counts
        if not len(middles):
            break
        slope, height = _line(columns[inside], middles)
        longer = LineSegment(height, slope, start, stop, float(np.median(counts)))
        if abs(slope) > STEEPEST:
            break
        grown, stroke = longer.length > stroke.length, longer
        if not grown:
            break
    return stroke


def _grown(
    thin: Bool[ndarray, " w"], here: Bool[ndarray, " w"], stroke: LineSegment, most_gap: int
) -> tuple[int, int]:
    """From where to where the stroke goes on: thin ink, with gaps of at most `most_gap`.

    Ink that crosses or runs along hides it: such gaps count a tenth.
    """
    steps = np.where(thin, 0.0, np.where(here, 0.1, 1.0))
    ends = []
    for columns in (range(stroke.stop - 1, len(thin)), range(stroke.start, -1, -1)):
        gap, end = 0.0, columns[0] if len(columns) else stroke.start
        for column in columns:
            gap = 0.0 if thin[column] else gap + steps[column]
            if thin[column]:
                end = column
            elif gap > most_gap:
                break
        ends.append(end)
    return ends[1], ends[0] + 1


def _clear(free: Bool[ndarray, "h w"], stroke: LineSegment) -> None:
    """The stroke's pixels are no longer free to make another."""
    columns = np.arange(stroke.start, stroke.stop)
    reach = int(stroke.thickness / 2 + 1.5)
    rows = np.rint(stroke.at(columns)).astype(np.int64) + np.arange(-reach, reach + 1)[:, None]
    inside = (rows >= 0) & (rows < len(free))
    free[rows[inside], np.broadcast_to(columns, rows.shape)[inside]] = False
