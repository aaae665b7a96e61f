"""Remove rulings, frames, boxes and combs from a page's ink; strokes that cross them stay whole.

Digits have straight strokes too. So a stroke is a ruling if it is longer than any digit's stroke,
or if it is a side of a frame (both ends meet other strokes) and the page holds other ink.
Axes: h w pixels.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.ink.components import find_components
from digitnn.reader.ink.normalise import CORE_INK, EDGE_INK
from digitnn.reader.layout.lines import typical_digit_height
from digitnn.reader.layout.straight_lines import LineSegment, find_level_strokes, run_lengths

MIN_RULING_LENGTH, MIN_SPAN = 2.5, 0.9
"""A straight stroke is a ruling from this number of digit heights on, or from this share of the
picture's side on. But a digit may fill its picture: see `segment`."""

MIN_FRAME_SIDE = 0.9
"""Shortest side of a frame, in digit heights."""

MIN_REMAINING_INK = 0.05
"""If less than this share of the ink would remain, the straight strokes are the writing."""

MAX_TICK_SLOPE, MAX_TICK_DIFFERENCE = 0.02, 0.15
"""The teeth of a comb deviate at most by this slope from the perpendicular to their line (the sides
of a 0 by more), and by this share from each other in length."""


def remove_rulings(ink: Float32[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """Return `ink` without its rulings; the same array if there are none."""
    dark = ink > EDGE_INK
    shortest = max(8, max(ink.shape) // 100)
    level = find_level_strokes(dark, shortest)
    upright = find_level_strokes(np.ascontiguousarray(dark.T), shortest)
    # The digit height decides which strokes are rulings, but is reliable only without rulings: the
    # second pass uses the height measured after the first.
    size, known = _digit_height(ink), False
    for _ in range(2):
        long = [min(MIN_RULING_LENGTH * size, MIN_SPAN * side) for side in ink.shape[::-1]]
        lines, posts = _rulings(level, upright, long, MIN_FRAME_SIDE * size if known else 0.0)
        if not lines and not posts:
            return ink
        rest = _erase(_erase(ink, lines).T, posts).T
        size, known = _digit_height(rest), True
        if rest.sum() < MIN_REMAINING_INK * ink.sum() or not size:
            return ink
    return np.ascontiguousarray(rest)


def _digit_height(ink: Float32[ndarray, "h w"]) -> float:
    """Return the height of a typical digit; 0 if there is no component."""
    found = find_components(ink > EDGE_INK)
    return typical_digit_height(found, found.counts(ink > CORE_INK))


def _rulings(
    level: Sequence[LineSegment], upright: Sequence[LineSegment], long: Sequence[float], side: float
) -> tuple[list[LineSegment], list[LineSegment]]:
    """Return the level and the upright rulings: long strokes, sides of frames, teeth of combs.

    Sides of frames are what remains when strokes with a loose end are dropped repeatedly.
    """
    lines = [stroke for stroke in level if stroke.length >= side]
    posts = [stroke for stroke in upright if stroke.length >= side]
    while True:
        lines_left = [s for s in lines if s.length >= long[0] or len(_meeting_ends(s, posts)) == 2]
        posts_left = [
            s for s in posts if s.length >= long[1] or len(_meeting_ends(s, lines_left)) == 2
        ]
        if len(lines_left) == len(lines) and len(posts_left) == len(posts):
            break
        lines, posts = lines_left, posts_left
    posts += _comb_teeth([stroke for stroke in upright if stroke not in posts], lines)
    return lines, posts


def _meeting_ends(stroke: LineSegment, others: Sequence[LineSegment]) -> set[str]:
    """Return which ends of `stroke` meet one of `others`, which are perpendicular to it."""
    ends = set()
    for name, x in (("start", stroke.start), ("stop", stroke.stop - 1)):
        y = float(stroke.row_at(x))
        for other in others:
            slack = other.thickness / 2 + 2
            beyond = other.start - slack <= y <= other.stop + slack
            if beyond and abs(float(other.row_at(y)) - x) <= slack:
                ends.add(name)
    return ends


def _comb_teeth(upright: Sequence[LineSegment], lines: Sequence[LineSegment]) -> list[LineSegment]:
    """Return the teeth of combs: at least two equally long, thin strokes that end on one line."""
    teeth = []
    for line in lines:
        standing = [stroke for stroke in upright if _stands_on(stroke, line)]
        for stroke in standing:
            slack = MAX_TICK_DIFFERENCE * stroke.length
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
    """Return whether an upright stroke ends perpendicular to `line`, and is about as thin."""
    square = abs(stroke.slope + line.slope) <= MAX_TICK_SLOPE + 0.5 / stroke.length
    foot = abs(float(line.row_at(float(stroke.row_at(stroke.stop)))) - stroke.stop)
    ends = foot <= line.thickness / 2 + 1.5
    inside = line.start - 2 <= float(stroke.row_at(stroke.stop)) <= line.stop + 2
    return square and ends and inside and stroke.thickness <= 1.5 * line.thickness + 1


def _erase(ink: Float32[ndarray, "h w"], strokes: Sequence[LineSegment]) -> Float32[ndarray, "h w"]:
    """Erase the level strokes, except where a longer vertical run of ink crosses them."""
    rest = ink.copy()
    runs = run_lengths(ink > EDGE_INK)
    for stroke in strokes:
        columns = np.arange(stroke.start, stroke.stop)
        rows, inside = stroke.band(columns, int(stroke.thickness / 2 + 2), len(ink))
        longest = np.where(inside, runs[rows, columns], 0).max(axis=0)
        cleared = inside & (longest <= 1.2 * stroke.thickness + 1)
        rest[rows[cleared], np.broadcast_to(columns, rows.shape)[cleared]] = 0
    return rest
