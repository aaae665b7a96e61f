"""Counting what a classifier gets right, and how sure that is."""

import numpy as np
import pytest
from scipy.stats import binomtest

from digitnn.dataset import Dataset
from digitnn.errors import DataError
from digitnn.evaluation import compare_paired, evaluate, log_softmax, wilson_interval


class Fixed:
    """A classifier that gives the same logits whatever it sees."""

    def __init__(self, logits: np.ndarray) -> None:
        self._logits = logits.astype(np.float32)

    def logits(self, images: np.ndarray) -> np.ndarray:
        return self._logits


def blank(labels: list[int]) -> Dataset:
    return Dataset(np.zeros((len(labels), 28, 28), np.uint8), np.array(labels, np.uint8), "blank")


def test_the_report_counts_errors_and_confusions() -> None:
    logits = np.zeros((4, 10))
    logits[range(4), [3, 3, 7, 1]] = 5
    report = evaluate(Fixed(logits), blank([3, 8, 7, 1]))
    assert report.accuracy == 0.75
    assert report.errors == 1
    assert report.predictions.tolist() == [3, 3, 7, 1]
    assert report.confusion[8, 3] == 1
    assert report.confusion.sum() == 4
    assert report.confusion[3, 8] == 0


def test_uniform_logits_lose_ln_ten_nats() -> None:
    report = evaluate(Fixed(np.full((5, 10), 3.0)), blank([0, 1, 2, 3, 4]))
    assert report.loss_nats == pytest.approx(np.log(10), rel=1e-6)


def test_log_softmax_of_huge_logits_does_not_overflow() -> None:
    found = log_softmax(np.array([[1000.0, 0.0]], np.float32))
    np.testing.assert_allclose(found, [[0.0, -1000.0]])


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (5, 10), (9327, 10_000), (10_000, 10_000)])
def test_the_wilson_interval_agrees_with_scipy(correct: int, n: int) -> None:
    expected = binomtest(correct, n).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(wilson_interval(correct, n), expected, rtol=1e-6, atol=1e-9)


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


def test_no_images_and_bad_logits_are_refused() -> None:
    with pytest.raises(DataError, match="no images"):
        evaluate(Fixed(np.zeros((0, 10))), blank([]))
    with pytest.raises(DataError, match="NaN"):
        evaluate(Fixed(np.full((1, 10), np.nan)), blank([0]))
