"""Straighten a page: find the slopes of its lines, and where its boxes would be without them.

    boxes -> pairs of neighbours -> votes for slopes -> field of slopes -> straightened boxes

Pairs of boxes vote for the slope of the writing, first of the whole page, then of its parts. A
point that follows the slopes to the middle of the page arrives at its straightened height; it is
the same for all glyphs of a line, however the line slopes and bends. Lengths are in digit heights
unless they say pixels.
Axes: n boxes, p pairs of boxes, s slopes, x columns and y rows of nodes with known slopes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

SLOPES = np.tan(np.radians(np.arange(-24.0, 25.0, 2.0)))
"""The slopes, dy / dx, that pairs vote for."""

LEVELS = ((np.inf, 0.4), (16.0, 0.1), (8.0, 0.06), (4.0, 0.06))
"""From coarse to fine: how far votes reach to the side (half as far up and down), and how much a
slope differs from that of the level before, at first from 0. Both are standard deviations."""

MAX_PAIRS, MIN_HEIGHT_RATIO, JUMP, MAX_NODES = 6, 0.5, 0.1, 16
"""Pairs that each box is the left one of; least ratio of their heights; standard deviation of a
glyph's height above its line; nodes in each direction."""

BLOCK = 256
"""Boxes that are compared with all others at once."""


def straighten(boxes: Float[ndarray, "n 4"]) -> Float[ndarray, "n 4"]:
    """Return boxes, in pixels, with the tops and bottoms that they would have on level lines."""
    x, straight, slopes = (boxes[:, 0] + boxes[:, 2]) / 2, boxes.copy(), _find_slopes(boxes)
    for side in (1, 3):
        straight[:, side] = _follow(x, boxes[:, side], slopes)
    return straight


class Slopes(NamedTuple):
    """The slopes dy / dx of the writing at nodes in columns `x` and rows `y`, in pixels."""

    x: Float[ndarray, " x"]
    y: Float[ndarray, " y"]
    values: Float[ndarray, "x y"]


def _follow(
    x: Float[ndarray, " n"], y: Float[ndarray, " n"], slopes: Slopes
) -> Float[ndarray, " n"]:
    """Return the heights of points after they followed the slopes to the middle column."""
    middle, last = len(slopes.x) // 2, len(slopes.x) - 1
    for at in (*range(middle), *range(last, middle, -1)):
        to = at + 1 if at < middle else at - 1
        step = slopes.x[to] - np.clip(x, *sorted((slopes.x[at], slopes.x[to])))
        y = y + step * np.interp(y, slopes.y, (slopes.values[at] + slopes.values[to]) / 2)
    return y


def _find_slopes(boxes: Float[ndarray, "n 4"]) -> Slopes:
    """Return the slopes with the most votes; the votes of each level are the prior of the next."""
    centres, heights = (boxes[:, :2] + boxes[:, 2:]) / 2, box_heights(boxes)
    unit = float(np.median(heights))
    columns, rows = (
        np.linspace(
            at.min() - unit, at.max() + unit, int(min(np.ptp(at) / (1.5 * unit) + 2, MAX_NODES))
        )
        for at in centres.T
    )
    first, second = _voting_pairs(centres, heights)
    x, y = (centres[first] + centres[second]).T / 2
    dx, dy = (centres[second] - centres[first]).T
    variance = (JUMP * (heights[first] + heights[second]) / 2) ** 2 + (0.02 * dx) ** 2
    votes = np.exp(-((dy[:, None] - SLOPES * dx[:, None]) ** 2) / (2 * variance[:, None]))
    belief = np.zeros((1, 1, len(SLOPES)))
    belief[0, 0, len(SLOPES) // 2] = 1
    for reach, change in LEVELS:
        near_x = gaussian((columns[:, None] - x) / (reach * unit))
        near_y = gaussian((rows - y[:, None]) / (reach * unit / 2))
        sums = near_x @ np.einsum("py,ps->pys", near_y, votes).reshape(
            len(x), len(rows) * len(SLOPES)
        )
        prior = belief @ gaussian((SLOPES[:, None] - SLOPES) / change)
        belief = (sums.reshape(len(columns), len(rows), len(SLOPES)) + 1) * prior
        belief /= belief.sum(axis=2, keepdims=True)
    # A parabola through the best slope and its neighbours gives the peak between them.
    best = np.clip(belief.argmax(axis=2), 1, len(SLOPES) - 2)[:, :, None]
    low, peak, high = np.moveaxis(np.take_along_axis(belief, best + np.arange(-1, 2), axis=2), 2, 0)
    offset = np.clip((high - low) / (2 * np.maximum(2 * peak - low - high, 1e-12)), -1, 1)
    place = best[:, :, 0] + offset
    return Slopes(columns, rows, np.interp(place, np.arange(len(SLOPES)), SLOPES))


def _voting_pairs(
    centres: Float[ndarray, "n 2"], heights: Float[ndarray, " n"]
) -> tuple[Int[ndarray, " p"], Int[ndarray, " p"]]:
    """Return each box with the nearest ones to the right that are similarly high."""
    n, firsts, seconds = len(heights), [], []
    for own in in_blocks(np.arange(n)):
        dx, dy = centres.T[:, None] - centres[own].T[:, :, None]
        mean, ratio = (heights + heights[own, None]) / 2, heights / heights[own, None]
        able = (dx > 0.4 * mean) & (np.abs(dy) < SLOPES[-1] * dx + 2 * JUMP * mean)
        able &= (ratio > MIN_HEIGHT_RATIO) & (ratio < 1 / MIN_HEIGHT_RATIO)
        distance = np.where(able, dx + 2 * np.abs(dy), np.inf)
        nearest = np.argpartition(distance, min(MAX_PAIRS, n) - 1, axis=1)[:, :MAX_PAIRS]
        first, place = np.nonzero(np.take_along_axis(able, nearest, axis=1))
        firsts.append(own[first])
        seconds.append(nearest[first, place])
    return np.concatenate(firsts), np.concatenate(seconds)


def in_blocks(indices: Int[ndarray, " n"]) -> list[Int[ndarray, " _"]]:
    """Cut indices of boxes into blocks: comparing all with all would take n * n numbers at once."""
    return [indices[start : start + BLOCK] for start in range(0, len(indices), BLOCK)]


def gaussian(deviations: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Return exp(-d^2 / 2) of deviations d, in standard deviations."""
    return np.exp(-(deviations**2) / 2)


def box_heights(boxes: Float[ndarray, "n 4"]) -> Float[ndarray, " n"]:
    """Return the heights of boxes in pixels, never 0."""
    return np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
