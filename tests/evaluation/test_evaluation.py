"""Counting what a classifier gets right, and how sure that is."""

import numpy as np
import pytest

from digitnn.data.dataset import Dataset
from digitnn.errors import DataError
from digitnn.evaluation.evaluation import evaluate, log_softmax


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
    evaluation = evaluate(Fixed(logits), blank([3, 8, 7, 1]))
    assert evaluation.accuracy == 0.75
    assert evaluation.errors == 1
    assert evaluation.predictions.tolist() == [3, 3, 7, 1]
    assert evaluation.confusion[8, 3] == 1
    assert evaluation.confusion.sum() == 4
    assert evaluation.confusion[3, 8] == 0


def test_uniform_logits_lose_ln_ten_nats() -> None:
    evaluation = evaluate(Fixed(np.full((5, 10), 3.0)), blank([0, 1, 2, 3, 4]))
    assert evaluation.loss_nats == pytest.approx(np.log(10), rel=1e-6)


def test_log_softmax_of_huge_logits_does_not_overflow() -> None:
    found = log_softmax(np.array([[1000.0, 0.0]], np.float32))
    np.testing.assert_allclose(found, [[0.0, -1000.0]])


def test_no_images_and_bad_logits_are_refused() -> None:
    with pytest.raises(DataError, match="no images"):
        evaluate(Fixed(np.zeros((0, 10))), blank([]))
    with pytest.raises(DataError, match="NaN"):
        evaluate(Fixed(np.full((1, 10), np.nan)), blank([0]))


def test_a_classifier_of_fewer_classes_than_labels_is_refused() -> None:
    with pytest.raises(DataError, match=r"labels up to 9 take logits of shape \(2, 10\)"):
        evaluate(Fixed(np.zeros((2, 7))), blank([0, 9]))
