"""Choose the glyphs of a text line: the sequence of candidates with the highest score.

Each sequence of adjacent pieces that may be one digit is a candidate. The best path from the left
to the right end of the line uses each piece once (LeCun, Bottou, Bengio and Haffner 1998, section
V: segmentation graph and Viterbi search). Scores are log probabilities in nats minus penalties.
Axes: n candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.reader.layout.glyphs import InkPiece, union_box

MAX_PIECES, MAX_WIDTH_RATIO = 8, 1.5
"""The largest number of pieces, and the largest ratio of width to height, of a candidate."""

NON_DIGIT_SCORE_NATS = -3.0
"""Score of a glyph whose confidence is 0. A component that is not a digit is therefore kept as one
glyph, unless the network is confident about its parts."""

CUT_PENALTY_NATS = 0.2
"""Penalty of a cut, for each stroke width of ink that it crosses."""

MIN_PART_CONFIDENCE = 0.7
"""Below this confidence, a glyph that is a part of a component counts as a non-digit. A slice of a
cross or a letter may look like a 1, but rarely all of its slices do."""

PART_ONE_SCORE_NATS = -1.5
"""Added to the score of a part of a component that is classified as 1, since straight strokes of
other characters look like a 1. A 1 that touches another digit is still found, but a letter that
consists of straight strokes is not split into 1s."""


@dataclass(frozen=True)
class Candidate:
    """Pieces start..stop - 1 of a line, taken for one glyph.

    shape_nats: the score of its size and its gaps, at most 0; partial: whether one of its
    components also belongs to another glyph; whole: whether it is exactly one component, no wider
    than a digit may be.
    """

    start: int
    stop: int
    shape_nats: float
    partial: bool = False
    whole: bool = False


def find_candidates(pieces: Sequence[InkPiece], height: float) -> list[Candidate]:
    """Return the sequences of pieces that may be one digit. height: of a typical digit, pixels."""
    found = []
    for start in range(len(pieces)):
        for stop in range(start + 1, len(pieces) + 1):
            run = pieces[start:stop]
            one_component = all(piece.component == run[0].component for piece in run)
            if not one_component and stop - start > MAX_PIECES:
                break
            left, top, right, bottom = union_box(run)
            wide = right - left > MAX_WIDTH_RATIO * max(bottom - top, height)
            whole = one_component and _is_whole(pieces, start, stop)
            if whole or stop == start + 1 or not (wide or stop - start > MAX_PIECES):
                nats = _shape_score_nats(right - left, bottom - top, height) + _gap_score_nats(
                    run, height
                )
                partial = _is_partial(pieces, start, stop)
                found.append(Candidate(start, stop, nats, partial, whole and not wide))
    return found


def _is_whole(pieces: Sequence[InkPiece], start: int, stop: int) -> bool:
    """Return whether pieces start..stop - 1, all of one component, are all of its pieces."""
    component = pieces[start].component
    before = start > 0 and pieces[start - 1].component == component
    return not before and not (stop < len(pieces) and pieces[stop].component == component)


def _is_partial(pieces: Sequence[InkPiece], start: int, stop: int) -> bool:
    """Return whether a component of pieces start..stop - 1 has further slices."""
    inside = {piece.component for piece in pieces[start:stop]}
    return any(piece.component in inside for piece in (*pieces[:start], *pieces[stop:]))


def _shape_score_nats(width: float, height: float, digit_height: float) -> float:
    """Return a negative score for a glyph that is low or wide, as parts of digits often are."""
    low = max(0.0, np.log2(0.75 * digit_height / max(height, 1)))
    wide = max(0.0, np.log2(width / (1.1 * max(height, 0.75 * digit_height))))
    return float(-2.0 * low - 3.0 * wide)


def _gap_score_nats(run: Sequence[InkPiece], height: float) -> float:
    """Return a negative score for gaps: components side by side are usually two digits.

    There is no penalty between slices of one component.
    """
    score, right = 0.0, run[0].box[2]
    for before, piece in pairwise(run):
        if piece.component != before.component:
            gap = max(piece.box[0] - right, 0) / height
            tall = min(piece.height, before.height) > 0.7 * height and gap > 0
            score -= 6 * gap + (1.0 if tall else 0.0)
        right = max(right, piece.box[2])
    return score


def boundary_scores(pieces: Sequence[InkPiece]) -> list[float]:
    """Return the score of a glyph boundary before piece k, for k = 0..len(pieces).

    It is negative if the boundary cuts through components, in proportion to the ink of the cuts.
    """
    scores = [0.0] * (len(pieces) + 1)
    for k in range(1, len(pieces)):
        after = {piece.component for piece in pieces[k:]}
        open_cuts: dict[int, float] = {}
        for piece in pieces[:k]:
            if piece.component in after:
                open_cuts[piece.component] = piece.cut
        scores[k] = -sum(CUT_PENALTY_NATS * max(cut, 0.0) for cut in open_cuts.values())
    return scores


def best_path(
    pieces: Sequence[InkPiece],
    candidates: Sequence[Candidate],
    probabilities: Float32[ndarray, "n 11"],
) -> list[int]:
    """Return the indices of the candidates on the best path, from left to right."""
    boundaries = boundary_scores(pieces)
    best = [0.0] + [-np.inf] * len(pieces)
    last = [-1] * (len(pieces) + 1)
    order = sorted(range(len(candidates)), key=lambda number: candidates[number].start)
    for number in order:
        candidate = candidates[number]
        nats = classification_score(probabilities[number], candidate.partial)
        score = nats + candidate.shape_nats
        if candidate.whole:  # the shape of a non-digit is not penalised
            score = max(score, NON_DIGIT_SCORE_NATS)
        score += boundaries[candidate.stop]
        if best[candidate.start] + score > best[candidate.stop]:
            best[candidate.stop] = best[candidate.start] + score
            last[candidate.stop] = number
    path, stop = [], len(pieces)
    while stop > 0:
        path.append(last[stop])
        stop = candidates[last[stop]].start
    return path[::-1]


def classification_score(probabilities: Float32[ndarray, " 11"], partial: bool = False) -> float:
    """Return log(p + (1 - p) exp(NON_DIGIT_SCORE_NATS)), where p is the confidence.

    partial: the glyph is a part of a component; see `MIN_PART_CONFIDENCE`, `PART_ONE_SCORE_NATS`.
    """
    p = float(probabilities[:10].max())
    if partial and p < MIN_PART_CONFIDENCE:
        return NON_DIGIT_SCORE_NATS
    penalty = PART_ONE_SCORE_NATS if partial and int(probabilities[:10].argmax()) == 1 else 0.0
    return float(np.log(p + (1 - p) * np.exp(NON_DIGIT_SCORE_NATS))) + penalty
