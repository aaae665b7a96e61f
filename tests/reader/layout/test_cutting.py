"""Cuts through components, and the path of pieces with the highest score."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from digitnn.reader.layout.best_path import (
    CUT_PENALTY_NATS,
    NON_DIGIT_SCORE_NATS,
    Candidate,
    best_path,
    boundary_scores,
    classification_score,
    find_candidates,
)
from digitnn.reader.layout.cutting import cut_into_slices, find_seams
from digitnn.reader.layout.glyphs import InkPiece, make_piece


def bars(*columns, height=40, width=60, bridge=None):
    ink = np.zeros((height, width), np.float32)
    for column in columns:
        ink[:, column : column + 4] = 1
    if bridge is not None:
        ink[bridge : bridge + 3, columns[0] : columns[-1]] = 1
    return ink


def piece(left, right, component, cut=0.0, top=0, bottom=40):
    return InkPiece(
        np.ones((bottom - top, right - left), bool), (left, top, right, bottom), component, cut
    )


def answers(**digits):
    """Row i: digit probability of candidate i, the rest is "no digit"."""
    rows = np.zeros((len(digits), 11), np.float32)
    for row, probability in enumerate(digits.values()):
        rows[row, 3], rows[row, 10] = probability, 1 - probability
    return rows


def test_a_seam_follows_the_least_ink():
    seams, costs = find_seams(bars(10, 40, bridge=30), 4.0)
    between = [k for k in range(len(seams)) if seams[k].min() >= 14 and seams[k].max() <= 40]
    assert between
    assert_allclose(costs[between], 3, atol=0.01)


def test_a_seam_follows_slanted_strokes():
    ink = np.zeros((40, 70), np.float32)
    for y in range(40):
        ink[y, 40 - y : 44 - y] = ink[y, 54 - y : 58 - y] = 1
    seams, costs = find_seams(ink, 4.0)
    free = seams[costs < 2.5]  # steps aside cost a little, ink would cost 4
    assert (free[:, 0] > free[:, -1] + 25).any()


def test_slices_partition_the_pixels_of_a_component():
    ink = bars(6, 26, 46, bridge=20)
    whole = make_piece(ink > 0, 100, 50, 7, 0.0)
    left, top, right, bottom = whole.box
    parts = cut_into_slices(whole, ink[: bottom - top, left - 100 : right - 100], 40.0)
    assert len(parts) >= 3
    assert sum(part.mask.sum() for part in parts) == whole.mask.sum()
    assert {part.component for part in parts} == {7}
    assert parts[-1].cut == 0
    assert min(part.box[0] for part in parts) == 106


def test_a_narrow_component_is_not_cut():
    ink = np.ones((40, 4), np.float32)
    assert len(cut_into_slices(InkPiece(ink > 0, (0, 0, 4, 40), 0), ink, 40.0)) == 1


def test_the_path_with_the_highest_score_wins():
    line = [piece(0, 12, 0, cut=1.0), piece(12, 24, 0)]
    candidates = [Candidate(0, 1, 0.0), Candidate(0, 2, 0.0), Candidate(1, 2, 0.0)]
    assert best_path(line, candidates, answers(left=0.9, both=0.05, right=0.9)) == [0, 2]
    assert best_path(line, candidates, answers(left=0.6, both=0.9, right=0.6)) == [1]


def test_a_non_digit_stays_whole_unless_its_parts_are_digits():
    line = [piece(0, 12, 0, cut=1.0), piece(12, 24, 0)]
    candidates = [Candidate(0, 1, 0.0), Candidate(0, 2, 0.0), Candidate(1, 2, 0.0)]
    assert best_path(line, candidates, answers(left=0.02, both=0.0, right=0.3)) == [1]
    assert classification_score(answers(non_digit=0.0)[0]) == pytest.approx(NON_DIGIT_SCORE_NATS)


def test_a_cut_costs_by_the_ink_it_passes_through():
    line = [piece(0, 12, 0, cut=2.0), piece(12, 24, 0), piece(30, 40, 1)]
    assert_allclose(boundary_scores(line), [0, -2 * CUT_PENALTY_NATS, 0, 0])


def test_pieces_much_wider_than_high_are_no_candidate():
    line = [piece(30 * k, 30 * k + 20, k) for k in range(4)]
    candidates = {(candidate.start, candidate.stop) for candidate in find_candidates(line, 40.0)}
    assert (0, 2) in candidates
    assert (0, 3) not in candidates
    assert all((k, k + 1) in candidates for k in range(4))


def test_low_glyphs_and_gaps_are_penalised():
    low, high = piece(0, 20, 0, top=30, bottom=40), piece(0, 20, 0)
    assert (
        find_candidates([low], 40.0)[0].shape_nats
        < find_candidates([high], 40.0)[0].shape_nats
        == 0
    )
    near = find_candidates([piece(0, 10, 0), piece(12, 22, 1)], 40.0)
    far = find_candidates([piece(0, 10, 0), piece(25, 35, 1)], 40.0)
    assert far[1].shape_nats < near[1].shape_nats < 0


def of_digit(*read: tuple[int, float]) -> np.ndarray:
    """A row for each (digit, its probability); the rest of it is for "no digit"."""
    rows = np.zeros((len(read), 11), np.float32)
    for row, (digit, p) in zip(rows, read, strict=True):
        row[digit], row[10] = p, 1 - p
    return rows


def both_slices() -> list[InkPiece]:
    return [piece(0, 12, 0, cut=1.0), piece(12, 24, 0)]


def test_candidates_are_marked_as_partial_or_whole():
    line = [*both_slices(), piece(30, 40, 1)]
    found = {
        (candidate.start, candidate.stop): (candidate.partial, candidate.whole)
        for candidate in find_candidates(line, 40.0)
    }
    assert found[(0, 1)] == (True, False)
    assert found[(0, 2)] == (False, True)
    assert found[(1, 3)] == (True, False)
    assert found[(2, 3)] == (False, True)


def test_an_unsure_slice_leaves_the_component_whole():
    candidates = find_candidates(both_slices(), 40.0)
    order = [(candidate.start, candidate.stop) for candidate in candidates]
    assert order == [(0, 1), (0, 2), (1, 2)]
    cross = of_digit((4, 0.99), (4, 0.0), (7, 0.6))
    assert best_path(both_slices(), candidates, cross) == [1]
    two_digits = of_digit((4, 0.99), (4, 0.0), (7, 0.95))
    assert best_path(both_slices(), candidates, two_digits) == [0, 2]


def test_one_slice_may_be_a_1_but_not_all_of_them():
    three = [piece(0, 12, 0, cut=1.0), piece(12, 24, 0, cut=1.0), piece(24, 36, 0)]
    candidates = find_candidates(three, 40.0)
    read = {(0, 1): (1, 0.99), (1, 2): (1, 0.99), (2, 3): (1, 0.99)}
    letter = of_digit(
        *(read.get((candidate.start, candidate.stop), (4, 0.0)) for candidate in candidates)
    )
    (whole,) = best_path(three, candidates, letter)
    assert candidates[whole].whole
    read[(1, 2)], read[(2, 3)] = (0, 0.99), (8, 0.99)
    number = of_digit(
        *(read.get((candidate.start, candidate.stop), (4, 0.0)) for candidate in candidates)
    )
    assert len(best_path(three, candidates, number)) == 3


def test_a_whole_non_digit_has_no_shape_penalty():
    wide = [piece(0, 28, 0, cut=1.0), piece(28, 58, 0)]
    candidates = find_candidates(wide, 40.0)
    whole = next(k for k, candidate in enumerate(candidates) if candidate.whole)
    assert candidates[whole].shape_nats < -1
    read = of_digit(*((7, 0.97 if candidate.start == 1 else 0.0) for candidate in candidates))
    assert best_path(wide, candidates, read) == [whole]
    wider = find_candidates([piece(0, 40, 0, cut=1.0), piece(40, 90, 0)], 40.0)
    assert not any(candidate.whole for candidate in wider)
