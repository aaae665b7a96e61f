"""Rulings, frames, boxes and combs are taken out of a page's ink; what crosses them stays whole.

A digit has straight strokes too. So a stroke is a ruling when it is longer than any digit's, or
when it is a side of a frame, both of whose ends meet others, and something else is written on the
page.
Axes: h w pixels.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.ink.components import marks
from digitnn.reader.ink.normalise import CORE, EDGE
from digitnn.reader.layout.lines import digit_height
from digitnn.reader.layout.straight_lines import LineSegment, level_strokes, run_lengths

LONG = 2.5
"""A straight stroke of this many digits' heights is a ruling."""

ACROSS = 0.9
"""So is one across so much of the picture; but see `segment`: a digit may fill its picture."""

SIDE = 0.9
"""A frame's side is at least so many digits high."""

LEFT_OVER = 0.05
"""Less than this share of the ink left: the straight strokes were what is written."""

UPRIGHT = 0.02
"""A comb's teeth stand upright on their line to within this slope; the sides of a 0 do not."""

TICKS = 0.15
"""Strokes that stand on a ruling are a comb's where their lengths differ by no more than this."""


def without_rulings(ink: Float32[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """`ink` with its rulings taken out; the same array where there are none."""
    dark = ink > EDGE
    shortest = max(8, max(ink.shape) // 100)
    level = level_strokes(dark, shortest)
    upright = level_strokes(np.ascontiguousarray(dark.T), shortest)
    # How high digits are is known when the rulings are out, and which are rulings when that is.
    size, known = _digit_height(ink), False
    for _ in range(2):
        long = [min(LONG * size, ACROSS * side) for side in ink.shape[::-1]]
        lines, posts = _rulings(level, upright, long, SIDE * size if known else 0.0)
        if not lines and not posts:
            return ink
        rest = _taken_out(_taken_out(ink, lines).T, posts).T
        size, known = _digit_height(rest), True
        if rest.sum() < LEFT_OVER * ink.sum() or not size:
            return ink
    return np.ascontiguousarray(rest)


def _digit_height(ink: Float32[ndarray, "h w"]) -> float:
    """Of typical digits among all marks; 0 where there are none."""
    found = marks(ink > EDGE)
    cores = np.bincount(found.labels[ink > CORE], minlength=len(found.areas) + 1)[1:]
    return digit_height(found.boxes, cores, ink.shape)


def _rulings(
    level: Sequence[LineSegment], upright: Sequence[LineSegment], long: Sequence[float], side: float
) -> tuple[list[LineSegment], list[LineSegment]]:
    """Long strokes; sides of frames, which are what is left when loose ends are dropped; ticks."""
    lines = [stroke for stroke in level if stroke.length >= side]
    posts = [stroke for stroke in upright if stroke.length >= side]
    while True:
        lines_left = [s for s in lines if s.length >= long[0] or len(_met(s, posts)) == 2]
        posts_left = [s for s in posts if s.length >= long[1] or len(_met(s, lines_left)) == 2]
        if len(lines_left) == len(lines) and len(posts_left) == len(posts):
            break
        lines, posts = lines_left, posts_left
    posts += _ticks([stroke for stroke in upright if stroke not in posts], lines)
    return lines, posts


def _met(stroke: LineSegment, others: Sequence[LineSegment]) -> set[str]:
    """Which ends of `stroke` meet one of `others`, which run the other way."""
    ends = set()
    for name, x in (("start", stroke.start), ("stop", stroke.stop - 1)):
        y = float(stroke.at(x))
        for other in others:
            slack = other.thickness / 2 + 2
            beyond = other.start - slack <= y <= other.stop + slack
            if beyond and abs(float(other.at(y)) - x) <= slack:
                ends.add(name)
    return ends


def _ticks(upright: Sequence[LineSegment], lines: Sequence[LineSegment]) -> list[LineSegment]:
    """A comb's teeth: two or more that end on one line, equally long and about as thin as it is."""
    teeth = []
    for line in lines:
        standing = [stroke for stroke in upright if _stands_on(stroke, line)]
        for stroke in standing:
            slack = TICKS * stroke.length
            alike = [
                other
                for other in standing
                if abs(other.start - stroke.start) <= slack + abs(line.slope) * line.length
                and abs(other.length - stroke.length) <= slack
            ]
            if len(alike) >= 2:
                teeth.append(stroke)
    return teeth


def _stands_on(stroke: LineSegment, line: LineSegment) -> bool:
    """Whether an upright stroke ends on `line`, square to it, and is about as thin."""
    square = abs(stroke.slope + line.slope) <= UPRIGHT + 0.5 / stroke.length
    foot = abs(float(line.at(float(stroke.at(stroke.stop)))) - stroke.stop)
    ends = foot <= line.thickness / 2 + 1.5
    inside = line.start - 2 <= float(stroke.at(stroke.stop)) <= line.stop + 2
    return square and ends and inside and stroke.thickness <= 1.5 * line.thickness + 1


def _taken_out(
    ink: Float32[ndarray, "h w"], strokes: Sequence[LineSegment]
) -> Float32[ndarray, "h w"]:
    """Paper in place of each level stroke, but where a longer run of ink crosses it."""
    rest = ink.copy()
    runs = run_lengths(ink > EDGE)
    h = len(ink)
    for stroke in strokes:
        columns = np.arange(stroke.start, stroke.stop)
        reach = int(stroke.thickness / 2 + 2)
        rows = np.rint(stroke.at(columns)).astype(np.int64) + np.arange(-reach, reach + 1)[:, None]
        inside = (rows >= 0) & (rows < h)
        rows = np.clip(rows, 0, h - 1)
        longest = np.where(inside, runs[rows, columns], 0).max(axis=0)
        alone = longest <= 1.2 * stroke.thickness + 1
        cleared = inside & alone
        rest[rows[cleared], np.broadcast_to(columns, rows.shape)[cleared]] = 0
    return rest
