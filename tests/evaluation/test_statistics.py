"""Intervals agree with SciPy's, and hold what they promise: they cover."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from digitnn.evaluation.statistics import f1_interval, t_interval, wilson_interval


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (5, 10), (9327, 10_000), (10_000, 10_000)])
def test_the_wilson_interval_agrees_with_scipy(correct: int, n: int) -> None:
    expected = binomtest(correct, n).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(wilson_interval(correct, n), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("n", "p"), [(100, 0.95), (1000, 0.99), (10_000, 0.9966)])
def test_the_wilson_interval_covers_the_truth_as_often_as_it_says(n: int, p: float) -> None:
    rng = np.random.default_rng(1)
    bounds = np.array([wilson_interval(count, n) for count in rng.binomial(n, p, 4000).tolist()])
    covered = np.mean((bounds[:, 0] <= p) & (p <= bounds[:, 1]))
    assert 0.93 <= covered <= 0.97


def test_the_t_interval_agrees_with_scipy() -> None:
    values = [0.9946, 0.9951, 0.9939, 0.9947, 0.9944]
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(t_interval(values), expected, rtol=1e-12)


def test_one_value_has_no_interval() -> None:
    assert t_interval([0.99]) is None


def test_no_share_is_above_1() -> None:
    low, high = t_interval([0.8, 0.99])
    assert low >= 0
    assert high == 1


@pytest.mark.parametrize("m", [2, 5])
def test_the_t_interval_covers_the_truth_as_often_as_it_says(m: int) -> None:
    rng = np.random.default_rng(2)
    bounds = np.array([t_interval(list(row)) for row in rng.normal(0.99, 0.001, (3000, m))])
    assert 0.94 <= np.mean((bounds[:, 0] <= 0.99) & (bounds[:, 1] >= 0.99)) <= 0.96


def test_the_f1_interval_holds_f1_and_stays_within_0_and_1() -> None:
    low, high = f1_interval(hits=90, false_alarms=5, misses=15)
    assert 0 < low < 2 * 90 / (2 * 90 + 5 + 15) < high < 1
    j = binomtest(90, 110).proportion_ci(0.95, "wilson")  # F1 = 2 J / (1 + J)
    assert (low, high) == pytest.approx((2 * j.low / (1 + j.low), 2 * j.high / (1 + j.high)))
    assert f1_interval(0, 0, 3)[0] == 0
    assert f1_interval(7, 0, 0)[1] == 1


def test_the_f1_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    shares = [0.095, 0.004, 0.006, 0.895]  # hits, false alarms, misses, the rest
    truth = 2 * 0.095 / (2 * 0.095 + 0.004 + 0.006)
    draws = rng.multinomial(2000, shares, 4000)[:, :3]
    bounds = np.array([f1_interval(*map(int, draw)) for draw in draws])
    assert 0.935 <= np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])) <= 0.97
