"""Two classifiers on the same images, and many such comparisons at once."""

from itertools import combinations

import numpy as np
import pytest

from digitnn.evaluation.statistics import adjust_by_holm, compare_paired


def test_mcnemar_of_a_split_known_by_hand() -> None:
    first = np.array([True] * 8 + [False] * 1 + [True] * 5 + [False] * 2)
    second = np.array([False] * 8 + [True] * 1 + [True] * 5 + [False] * 2)
    found = compare_paired(first, second)
    assert (found.only_first, found.only_second) == (8, 1)
    assert (found.both_right, found.both_wrong) == (5, 2)
    # nine coins, at least eight alike: 2 (9 + 1) / 2^9
    assert found.p_value == pytest.approx(20 / 512)


def test_networks_that_never_disagree_are_not_told_apart() -> None:
    right = np.array([True, False, True])
    assert compare_paired(right, right).p_value == 1.0


def test_holm_of_four_p_values_known_by_hand() -> None:
    # in order .005, .01, .03, .04: times 4, 3, 2, 1 is .02, .03, .06, .04; the last may not fall
    adjusted = adjust_by_holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_is_the_closed_test_of_bonferroni() -> None:
    """One is rejected where every set of them that holds it is (Marcus, Peritz, Gabriel 1976)."""
    p = list(np.random.default_rng(4).random(6) ** 3)
    expected = []
    for i in range(len(p)):
        sets = [s for r in range(1, 7) for s in combinations(range(6), r) if i in s]
        expected.append(min(1.0, max(len(s) * min(p[j] for j in s) for s in sets)))
    assert adjust_by_holm(p) == pytest.approx(expected)


def test_holm_rejects_a_true_hypothesis_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(5)
    smallest = [min(adjust_by_holm(list(rng.random(10)))) for _ in range(3000)]
    assert 0.035 <= np.mean(np.array(smallest) < 0.05) <= 0.06


def test_one_test_and_none_need_no_adjustment() -> None:
    assert adjust_by_holm([0.2]) == [0.2]
    assert adjust_by_holm([]) == []
