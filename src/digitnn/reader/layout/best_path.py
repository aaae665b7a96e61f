"""From the pieces of a line to its digits: the runs of pieces that read best, all in all.

Every run of neighbouring pieces that may be one digit is a candidate; the best path from the line's
left to its right end takes each piece once (LeCun, Bottou, Bengio and Haffner 1998, section V: the
segmentation graph, Viterbi). Scores are in nats.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.layout.pieces import Piece, bounding_box

MAX_PIECES = 8
"""In one digit: slices of it and parts that are broken off."""

WIDEST = 1.5
"""A run of pieces that is wider than high by more than this is no candidate."""

JUNK = -3.0
"""What a glyph costs that is surely no digit: it stays whole unless its parts read well."""

CUT = 0.2
"""What a cut through ink costs, for each stroke that it runs through; the first counts in full."""


SURE_PART = 0.7
"""A glyph that ends within a mark is read with this probability, or it is junk: of a cross or a
letter too one slice may look like a 1, but hardly every one."""


PART_ONE = -1.5
"""What it costs that a part of a mark is a 1: every straight stroke is like one. So one of them may
touch another digit, but a letter of straight strokes is not taken for several."""


@dataclass(frozen=True)
class Candidate:
    """Pieces first..last - 1 of a line as one glyph.

    shape: what its place and form cost; part: whether one of its marks goes on in another glyph;
    whole: whether it is one mark, all of it, and no wider than a digit may be.
    """

    first: int
    last: int
    shape: float
    part: bool = False
    whole: bool = False


def candidates(pieces: Sequence[Piece], height: float) -> list[Candidate]:
    """The runs of pieces that may be one digit of a line whose digits are about `height` high."""
    found = []
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            run = pieces[first:last]
            one_mark = all(piece.mark == run[0].mark for piece in run)
            if not one_mark and last - first > MAX_PIECES:
                break
            left, top, right, bottom = bounding_box(run)
            wide = right - left > WIDEST * max(bottom - top, height)
            whole = one_mark and _is_whole(pieces, first, last)
            if whole or last == first + 1 or not (wide or last - first > MAX_PIECES):
                cost = _form(right - left, bottom - top, height) + _joining(run, height)
                part = _is_part(pieces, first, last)
                found.append(Candidate(first, last, cost, part, whole and not wide))
    return found


def _is_whole(pieces: Sequence[Piece], first: int, last: int) -> bool:
    """Whether pieces first..last - 1, all of one mark, are all of it: junk must not be cut up."""
    mark = pieces[first].mark
    before = first > 0 and pieces[first - 1].mark == mark
    return not before and not (last < len(pieces) and pieces[last].mark == mark)


def _is_part(pieces: Sequence[Piece], first: int, last: int) -> bool:
    """Whether a mark of pieces first..last - 1 has slices elsewhere."""
    inside = {piece.mark for piece in pieces[first:last]}
    return any(piece.mark in inside for piece in (*pieces[:first], *pieces[last:]))


def _form(width: float, high: float, height: float) -> float:
    """Lower than its line, or wider than high: digits are so now and then, parts of them often."""
    low = max(0.0, np.log2(0.75 * height / max(high, 1)))
    wide = max(0.0, np.log2(width / (1.1 * max(high, 0.75 * height))))
    return float(-2.0 * low - 3.0 * wide)


def _joining(run: Sequence[Piece], height: float) -> float:
    """Marks side by side are more often two digits than one; slices of one mark cost nothing."""
    cost, right = 0.0, run[0].box[2]
    for before, piece in pairwise(run):
        if piece.mark != before.mark:
            gap = max(piece.box[0] - right, 0) / height
            tall = min(piece.height, before.height) > 0.7 * height and gap > 0
            cost -= 6 * gap + (1.0 if tall else 0.0)
        right = max(right, piece.box[2])
    return cost


def boundary_costs(pieces: Sequence[Piece]) -> list[float]:
    """What it costs that a glyph ends before piece k, 0..n: the cuts through ink on that way."""
    costs = [0.0] * (len(pieces) + 1)
    for k in range(1, len(pieces)):
        after = {piece.mark for piece in pieces[k:]}
        open_cuts: dict[int, float] = {}
        for piece in pieces[:k]:
            if piece.mark in after:
                open_cuts[piece.mark] = piece.cut
        costs[k] = -sum(CUT * max(cut, 0.0) for cut in open_cuts.values())
    return costs


def best_path(
    pieces: Sequence[Piece],
    runs: Sequence[Candidate],
    probabilities: Float32[ndarray, "n 11"],
) -> list[int]:
    """The candidates, by number, of the best path through all pieces, from left to right."""
    boundaries = boundary_costs(pieces)
    best = [0.0] + [-np.inf] * len(pieces)
    came = [-1] * (len(pieces) + 1)
    order = sorted(range(len(runs)), key=lambda number: runs[number].first)
    for number in order:
        run = runs[number]
        score = reading_score(probabilities[number], run.part) + run.shape
        if run.whole:  # junk has no form that it ought to have
            score = max(score, JUNK)
        score += boundaries[run.last]
        if best[run.first] + score > best[run.last]:
            best[run.last] = best[run.first] + score
            came[run.last] = number
    path, end = [], len(pieces)
    while end > 0:
        path.append(came[end])
        end = runs[came[end]].first
    return path[::-1]


def reading_score(probabilities: Float32[ndarray, " 11"], part: bool = False) -> float:
    """Of the likeliest digit, in nats; of junk, what `JUNK` says, weighted by how sure that is."""
    digit = float(probabilities[:10].max())
    if part and digit < SURE_PART:
        return JUNK
    straight = PART_ONE if part and int(probabilities[:10].argmax()) == 1 else 0.0
    return float(np.log(digit + (1 - digit) * np.exp(JUNK))) + straight
