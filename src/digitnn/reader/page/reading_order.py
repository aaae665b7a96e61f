"""Put the boxes of a page's glyphs into reading order: lines from the top, glyphs from the left.

    boxes -> straightened boxes -> right neighbours -> lines with marks -> spaces

Boxes of a line are at the same height after `straighten`. The optimal assignment of boxes to boxes
gives each its right neighbour. Lengths are in digit heights unless they say pixels.
Axes: n boxes, k boxes that may follow one on its right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from digitnn.reader.page.straightening import box_heights, gaussian, in_blocks, straighten

RIDGE_LENGTH, RIDGE_HEIGHT = 4.0, 0.4
"""Glyphs so near each other are drawn to the middle of their line. Standard deviations."""

MAX_RISE, GAP_COST = 0.75, 0.01
"""A right neighbour is at most this much higher or lower, at a cost of 1. A gap costs little."""

MIN_BID = 0.01
"""Least increase of a price in the auction of right neighbours."""

MAX_MARK_HEIGHT, MAX_MARK_RISE, MAX_MARK_GAP, MARK_DEPTH = 0.5, 0.7, 1.5, 0.25
"""A mark (point, comma, dash) is at most this high, and no further above, below or beside a glyph,
in heights of the glyph. On average it is this much below the middle of its line."""


@dataclass(frozen=True)
class TextLine:
    """A text line: the indices of its boxes, from left to right.

    spaces[i]: whether a wide gap, a space, precedes the i-th of them.
    """

    indices: tuple[int, ...]
    spaces: tuple[bool, ...]


def reading_order(boxes: Float[ndarray, "n 4"]) -> list[TextLine]:
    """Return the text lines of a page, from top to bottom; they may slope by up to 20 degrees.

    boxes: left, top, right, bottom in pixels, in any order.
    """
    if not len(boxes):
        return []
    x, straight = boxes[:, [0, 2]].mean(axis=1), straighten(boxes)
    owners = _owners(boxes, straight)
    bodies = np.flatnonzero(owners < 0)
    right = _assign(*_candidates(boxes[bodies], straight[bodies]))
    found = []
    for start in np.setdiff1d(np.arange(len(bodies)), right):
        chain = [start]
        while right[chain[-1]] >= 0:
            chain.append(right[chain[-1]])
        own = bodies[chain]
        members = np.append(own, np.flatnonzero(np.isin(owners, own)))
        members = members[np.argsort(x[members], kind="stable")]
        found.append((np.median(straight[own][:, [1, 3]].mean(axis=1)), members, own))
    found.sort(key=lambda line: line[0])
    heights = [float(np.median(box_heights(boxes[own]))) for _, _, own in found]
    spaces = find_spaces([boxes[members] for _, members, _ in found], heights)
    return [
        TextLine(tuple(members.tolist()), own)
        for (_, members, _), own in zip(found, spaces, strict=True)
    ]


def _owners(boxes: Float[ndarray, "n 4"], straight: Float[ndarray, "n 4"]) -> Int[ndarray, " n"]:
    """Return for each mark a glyph of the line that it belongs to; -1 for all other boxes."""
    level, height, unit = (
        straight[:, [1, 3]].mean(axis=1),
        box_heights(straight),
        box_heights(boxes),
    )
    marks, owners = np.zeros(len(boxes), bool), np.full(len(boxes), -1)

    def compare(own: Int[ndarray, " _"]) -> tuple[Float[ndarray, "_ n"], Float[ndarray, "_ n"]]:
        """Return the gaps between boxes and all others, and how much lower the former are."""
        gap = np.maximum(boxes[:, 0] - boxes[own, 2:3], boxes[own, 0:1] - boxes[:, 2]) / unit
        return gap, (level[own, None] - level) / height

    for own in in_blocks(np.arange(len(boxes))):
        gap, rise = compare(own)
        beside = (np.abs(rise) < MAX_MARK_RISE) & (gap <= MAX_MARK_GAP)
        marks[own] = (beside & (height[own, None] <= MAX_MARK_HEIGHT * height)).any(axis=1)
    for own in in_blocks(np.flatnonzero(marks)):
        gap, rise = compare(own)
        cost = ((rise - MARK_DEPTH) / MAX_RISE) ** 2 + 0.1 * np.maximum(gap, 0)
        owners[own] = np.where(marks, np.inf, cost).argmin(axis=1)
    return owners


def _candidates(
    boxes: Float[ndarray, "n 4"], straight: Float[ndarray, "n 4"]
) -> tuple[Int[ndarray, "n k"], Float[ndarray, "n k"]]:
    """Return the boxes that may be the right neighbour of each, and what each costs, below 1.

    Before, mean shift moves each box to the ridge of its line, which a jump in height leaves. Rows
    with fewer than k candidates end with some at an infinite cost.
    """
    x, level = boxes[:, [0, 2]].mean(axis=1), straight[:, [1, 3]].mean(axis=1)
    high, stretched = box_heights(boxes), box_heights(straight)
    ridge, blocks = level.copy(), in_blocks(np.arange(len(x)))
    for own in blocks:
        near = gaussian((x - x[own, None]) / (RIDGE_LENGTH * (high + high[own, None]) / 2))
        unit = RIDGE_HEIGHT * (stretched + stretched[own, None]) / 2
        for _ in range(4):
            weights = near * gaussian((level - ridge[own, None]) / unit)
            ridge[own] = weights @ level / weights.sum(axis=1)
    place = np.argsort(np.argsort(x, kind="stable"))
    firsts, seconds, costs = [], [], []
    for own in blocks:
        gap = np.maximum(boxes[:, 0] - boxes[own, 2:3], 0) / ((high + high[own, None]) / 2)
        rise = (ridge - ridge[own, None]) / ((stretched + stretched[own, None]) / 2)
        cost = (rise / MAX_RISE) ** 2 + GAP_COST * gap
        first, second = np.nonzero((place > place[own, None]) & (cost < 1))
        firsts.append(own[first])
        seconds.append(second)
        costs.append(cost[first, second])
    first = np.concatenate(firsts)
    counts = np.bincount(first, minlength=len(x))
    column = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    candidates = np.zeros((len(x), counts.max()), np.int64)
    least = np.full(candidates.shape, np.inf)
    candidates[first, column], least[first, column] = np.concatenate(seconds), np.concatenate(costs)
    return candidates, least


def _assign(candidates: Int[ndarray, "n k"], costs: Float[ndarray, "n k"]) -> Int[ndarray, " n"]:
    """Return a right neighbour of each box, or -1 at a cost of 1, so that the total is least.

    Each is the neighbour of one box only. In an auction, all boxes without one bid at the same
    time; the total is at most n * MIN_BID above the least (Bertsekas 1988).
    """
    n = len(costs)
    price, owner, right, free = np.zeros(n), np.full(n, -1), np.full(n, -1), np.arange(n)
    while len(free):
        offers = costs[free] + price[candidates[free]]
        offers = np.append(offers, np.ones((len(free), 2)), axis=1)
        column, (least, second) = offers.argmin(axis=1), np.partition(offers, 1, axis=1)[:, :2].T
        bidding = least < 1
        free, gain = free[bidding], (second - least)[bidding]
        wanted = candidates[free, column[bidding]]
        outbid = owner[wanted]
        order = np.argsort(gain)  # of several bids for one box, the highest is assigned last
        owner[wanted[order]] = free[order]
        price[wanted[order]] += gain[order] + MIN_BID
        right[outbid[outbid >= 0]] = -1
        won = owner[wanted] == free
        right[free[won]] = wanted[won]
        free = np.unique(np.append(free[~won], outbid[outbid >= 0]))
    return right


def find_spaces(
    lines: Sequence[Float[ndarray, "_ 4"]], heights: Sequence[float]
) -> list[tuple[bool, ...]]:
    """Return for each box of each line whether a wide gap, a space, precedes it.

    A gap is wide if it exceeds the narrow gaps of its line, or of the page, by 0.6 digit heights,
    and by 0.6 of the narrow gaps where all digits are far apart; or if no gap of the line is nearly
    as wide but narrower, as between printed words. The more gaps, the more that says.
    lines: boxes from left to right; heights: the digit height of each line, in pixels.
    """
    gaps = [(own[1:, 0] - own[:-1, 2]) / height for own, height in zip(lines, heights, strict=True)]
    usual = _narrow_gap(np.concatenate(gaps))
    found = []
    for own in gaps:
        narrow = max(min(usual, _narrow_gap(own)), 0.0)
        limit = narrow + 0.6 * max(1.0, narrow)
        rest = np.sort(own[own >= narrow])
        clear = rest[:-1][np.diff(rest) > 0.2 + 1.5 / max(len(own), 1)]
        found.append((False, *(own > min([limit, *clear[:1]])).tolist()))
    return found


def _narrow_gap(gaps: Float[ndarray, " _"]) -> float:
    """Return the 30th percentile; of one or two gaps, which may both be wide, a capped minimum."""
    if len(gaps) < 3:
        return min([*gaps.tolist(), 0.5])
    return float(np.percentile(gaps, 30, method="lower"))
