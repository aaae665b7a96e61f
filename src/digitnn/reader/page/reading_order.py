"""Put the boxes of a page's glyphs into reading order: lines from the top, glyphs from the left.

    boxes -> slopes of the writing -> straightened heights -> right neighbours -> lines -> spaces

Pairs of boxes vote for the slope of the writing, first of the whole page, then of its parts. A
point that follows the slopes to the middle of the page arrives at its straightened height; it is
the same for all glyphs of a line, however the line slopes and bends. The optimal assignment of
boxes to boxes gives each its right neighbour. Lengths are in digit heights unless they say pixels.
Axes: n boxes, p pairs, k candidates, s slopes, x columns and y rows of nodes with known slopes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

SLOPES = np.tan(np.radians(np.arange(-24.0, 25.0, 2.0)))
"""The slopes, dy / dx, that pairs vote for."""

LEVELS = ((np.inf, 0.4), (16.0, 0.1), (8.0, 0.06), (4.0, 0.06))
"""From coarse to fine: how far votes reach to the side (half as far up and down), and how much a
slope differs from that of the level before, at first from 0. Both are standard deviations."""

MAX_PAIRS, JUMP, MAX_NODES = 6, 0.1, 16
"""Pairs of each box; standard deviation of a glyph's height in its line; nodes each way."""

RIDGE_LENGTH, RIDGE_HEIGHT = 4.0, 0.4
"""Glyphs so near each other are drawn to the middle of their line. Standard deviations."""

MAX_RISE, GAP_COST = 0.75, 0.01
"""A right neighbour is at most this much higher or lower, at a cost of 1. A gap costs little."""

MAX_CANDIDATES, MIN_BID = 12, 0.01

MAX_MARK_HEIGHT, MAX_MARK_RISE, MAX_MARK_GAP, MARK_DEPTH = 0.5, 0.7, 1.5, 0.25
"""A mark (point, comma, dash) is at most this high, and no further above, below or beside a glyph,
in heights of the glyph. On average it is this much below the middle of its line."""


@dataclass(frozen=True)
class TextLine:
    """A text line: the indices of its boxes, from left to right.

    spaces[i]: whether a wide gap, a space, precedes the i-th of them; slope: dy / dx of the
    writing, positive if it goes down to the right.
    """

    indices: tuple[int, ...]
    spaces: tuple[bool, ...]
    slope: float


def reading_order(boxes: Float[ndarray, "n 4"]) -> list[TextLine]:
    """Return the text lines of a page, from top to bottom; they may slope by up to 20 degrees.

    boxes: left, top, right, bottom in pixels, in any order.
    """
    if not len(boxes):
        return []
    field = _find_slopes(boxes)
    straight = boxes.copy()
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    straight[:, 1], straight[:, 3] = (field.straighten(x, boxes[:, side]) for side in (1, 3))
    owners = _owners(boxes, straight)
    bodies = np.flatnonzero(owners < 0)
    right = _assign(*_right_neighbours(boxes[bodies], straight[bodies]))
    lines, places = [], []
    for start in np.setdiff1d(np.arange(len(bodies)), right):
        chain = [start]
        while right[chain[-1]] >= 0:
            chain.append(right[chain[-1]])
        own = bodies[chain]
        members = np.append(own, np.flatnonzero(np.isin(owners, own)))
        lines.append(members[np.argsort(x[members], kind="stable")])
        places.append(np.median(straight[own][:, [1, 3]].mean(axis=1)))
    lines = [lines[at] for at in np.argsort(places, kind="stable")]
    heights = [float(np.median(_height(boxes[line[owners[line] < 0]]))) for line in lines]
    spaces = find_wide_gaps([boxes[line].tolist() for line in lines], heights)
    return [
        TextLine(tuple(line.tolist()), wide, field.mean_slope(boxes[line]))
        for line, wide in zip(lines, spaces, strict=True)
    ]


def _gaussian(deviations: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    return np.exp(-(deviations**2) / 2)


def _height(boxes: Float[ndarray, "n 4"]) -> Float[ndarray, " n"]:
    return np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)


@dataclass(frozen=True)
class SlopeField:
    """The slopes dy / dx of the writing at nodes in columns `x` and rows `y`, in pixels."""

    x: Float[ndarray, " x"]
    y: Float[ndarray, " y"]
    slopes: Float[ndarray, "x y"]

    def straighten(self, x: Float[ndarray, " n"], y: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Return the heights of points after they followed the slopes to the middle column."""
        middle, last = len(self.x) // 2, len(self.x) - 1
        for at in (*range(middle), *range(last, middle, -1)):
            to = at + 1 if at < middle else at - 1
            step = self.x[to] - np.clip(x, *sorted((self.x[at], self.x[to])))
            y = y + step * np.interp(y, self.y, (self.slopes[at] + self.slopes[to]) / 2)
        return y

    def mean_slope(self, boxes: Float[ndarray, "n 4"]) -> float:
        """Return the mean of the slopes at the nodes nearest to the boxes' centres."""
        x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        nearest = (np.abs(at[:, None] - to).argmin(axis=1) for at, to in ((x, self.x), (y, self.y)))
        return float(self.slopes[*nearest].mean())


def _find_slopes(boxes: Float[ndarray, "n 4"]) -> SlopeField:
    """Return the slopes with the most votes; the votes of each level are the prior of the next."""
    centres, heights = (boxes[:, :2] + boxes[:, 2:]) / 2, _height(boxes)
    unit = float(np.median(heights))
    columns, rows = (
        np.linspace(
            at.min() - unit, at.max() + unit, int(min(np.ptp(at) / (1.5 * unit) + 2, MAX_NODES))
        )
        for at in centres.T
    )
    first, second = _voting_pairs(centres, heights)
    (x, y), (dx, dy) = (
        (centres[first] + centres[second]).T / 2,
        (centres[second] - centres[first]).T,
    )
    variance = (JUMP * (heights[first] + heights[second]) / 2) ** 2 + (0.02 * dx) ** 2
    votes = np.exp(-((dy[:, None] - SLOPES * dx[:, None]) ** 2) / (2 * variance[:, None]))
    belief = np.zeros((1, 1, len(SLOPES)))
    belief[0, 0, len(SLOPES) // 2] = 1
    for reach, change in LEVELS:
        near_x = _gaussian((columns[:, None] - x) / (reach * unit))
        near_y = _gaussian((rows - y[:, None]) / (reach * unit / 2))
        sums = near_x @ np.einsum("py,ps->pys", near_y, votes).reshape(
            len(x), len(rows) * len(SLOPES)
        )
        prior = belief @ _gaussian((SLOPES[:, None] - SLOPES) / change)
        belief = (sums.reshape(len(columns), len(rows), len(SLOPES)) + 1) * prior
        belief /= belief.sum(axis=2, keepdims=True)
    # A parabola through the best slope and its neighbours gives the peak between them.
    best = np.clip(belief.argmax(axis=2), 1, len(SLOPES) - 2)[:, :, None]
    low, peak, high = np.moveaxis(np.take_along_axis(belief, best + np.arange(-1, 2), axis=2), 2, 0)
    offset = np.clip((high - low) / (2 * np.maximum(2 * peak - low - high, 1e-12)), -1, 1)
    slopes = np.interp(best[:, :, 0] + offset, np.arange(len(SLOPES)), SLOPES)
    return SlopeField(columns, rows, slopes)


def _voting_pairs(
    centres: Float[ndarray, "n 2"], heights: Float[ndarray, " n"]
) -> tuple[Int[ndarray, " p"], Int[ndarray, " p"]]:
    """Return each box with the nearest ones to the right that are similarly high."""
    (dx, dy), mean = centres.T[:, None] - centres.T[:, :, None], (heights + heights[:, None]) / 2
    ratio = heights / heights[:, None]
    able = (dx > 0.4 * mean) & (np.abs(dy) < SLOPES[-1] * dx + 2 * JUMP * mean)
    able &= (ratio > MAX_MARK_HEIGHT) & (ratio < 1 / MAX_MARK_HEIGHT)
    distance = np.where(able, dx + 2 * np.abs(dy), np.inf)
    nearest = np.argpartition(distance, min(MAX_PAIRS, len(dx)) - 1, axis=1)[:, :MAX_PAIRS]
    first, place = np.nonzero(np.take_along_axis(able, nearest, axis=1))
    return first, nearest[first, place]


def _owners(boxes: Float[ndarray, "n 4"], straight: Float[ndarray, "n 4"]) -> Int[ndarray, " n"]:
    """Return for each mark a glyph of the line that it belongs to; -1 for all other boxes."""
    level, height = straight[:, [1, 3]].mean(axis=1), _height(straight)
    gap = np.maximum(boxes[:, 0] - boxes[:, 2:3], boxes[:, 0:1] - boxes[:, 2]) / _height(boxes)
    rise = (level[:, None] - level) / height
    beside = (np.abs(rise) < MAX_MARK_RISE) & (gap <= MAX_MARK_GAP)
    marks = (beside & (height[:, None] <= MAX_MARK_HEIGHT * height)).any(axis=1)
    cost = ((rise - MARK_DEPTH) / MAX_RISE) ** 2 + 0.1 * np.maximum(gap, 0)
    return np.where(marks, np.where(marks, np.inf, cost).argmin(axis=1), -1)


def _right_neighbours(
    boxes: Float[ndarray, "n 4"], straight: Float[ndarray, "n 4"]
) -> tuple[Int[ndarray, "n k"], Float[ndarray, "n k"]]:
    """Return the candidates for the right neighbour of each box, and what each costs.

    Before, mean shift moves each box to the ridge of its line, which a jump in height leaves.
    """
    x, level = boxes[:, [0, 2]].mean(axis=1), straight[:, [1, 3]].mean(axis=1)
    unit, stretched = ((h + h[:, None]) / 2 for h in (_height(boxes), _height(straight)))
    near, ridge = _gaussian((x - x[:, None]) / (RIDGE_LENGTH * unit)), level
    for _ in range(4):
        weights = near * _gaussian((level - ridge[:, None]) / (RIDGE_HEIGHT * stretched))
        ridge = weights @ level / weights.sum(axis=1)
    gap = (boxes[:, 0] - boxes[:, 2:3]) / unit
    cost = ((ridge - ridge[:, None]) / stretched / MAX_RISE) ** 2
    cost += GAP_COST * np.maximum(gap, 0)
    place = np.argsort(np.argsort(x, kind="stable"))
    cost[place <= place[:, None]] = np.inf
    k = min(MAX_CANDIDATES, len(x))
    candidates = np.argpartition(cost, k - 1, axis=1)[:, :k]
    return candidates, np.take_along_axis(cost, candidates, axis=1)


def _assign(candidates: Int[ndarray, "n k"], costs: Float[ndarray, "n k"]) -> Int[ndarray, " n"]:
    """Return a right neighbour of each box, or -1 at a cost of 1, so that the total is least.

    Each is the neighbour of one box only. In an auction, all boxes without one bid at the same
    time; the total is at most n * MIN_BID above the least (Bertsekas 1988).
    """
    n = len(candidates)
    price, owner, right = np.zeros(n), np.full(n, -1), np.full(n, -1)
    free = np.arange(n)
    while len(free):
        offers = np.append(costs[free] + price[candidates[free]], np.ones((len(free), 2)), axis=1)
        best = offers.argmin(axis=1)
        least, second = np.partition(offers, 1, axis=1)[:, :2].T
        bidding = least < 1
        free, wanted = free[bidding], candidates[free[bidding], best[bidding]]
        bid = price[wanted] + (second - least)[bidding] + MIN_BID
        outbid = owner[wanted]
        order = np.argsort(
            bid
        )  # of several bids for one box the last one assigned, the highest, counts
        price[wanted[order]], owner[wanted[order]] = bid[order], free[order]
        right[outbid[outbid >= 0]] = -1
        won = owner[wanted] == free
        right[free[won]] = wanted[won]
        free = np.unique(np.append(free[~won], outbid[outbid >= 0]))
    return right


def find_wide_gaps(
    page: Sequence[Sequence[Sequence[float]]], heights: Sequence[float]
) -> list[tuple[bool, ...]]:
    """Return for each box of each line whether a wide gap, a space, precedes it.

    A gap is wide if it exceeds the narrow gaps of its line, or of the page, by 0.6 digit heights,
    and by 0.6 of the narrow gaps where all digits are far apart.
    page: the boxes of each line, from left to right; heights: the digit height of each line.
    """
    gaps = [
        [(after[0] - before[2]) / height for before, after in pairwise(boxes)]
        for boxes, height in zip(page, heights, strict=True)
    ]
    usual = _narrow_gap([gap for line in gaps for gap in line])
    found = []
    for boxes, line in zip(page, gaps, strict=True):
        narrow = max(min(usual, _narrow_gap(line)), 0.0)
        wide = narrow + max(0.6, 0.6 * narrow)
        found.append((False,) * min(len(boxes), 1) + tuple(gap > wide for gap in line))
    return found


def _narrow_gap(gaps: Sequence[float]) -> float:
    """Return the 30th percentile; of one or two gaps, which may both be wide, a capped minimum."""
    if len(gaps) < 3:
        return min([*gaps, 0.7])
    return float(np.percentile(gaps, 30, method="lower"))
