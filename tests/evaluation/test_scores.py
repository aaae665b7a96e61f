"""Scores against scikit-learn's, and against what is known by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, precision_recall_fscore_support

from digitnn.evaluation.scores import brier_score, find_most_wrong, score_classes
from digitnn.evaluation.statistics import wilson_interval


@pytest.fixture
def answers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(logits, labels) of 500 images, a third of which is read wrongly."""
    labels = rng.integers(0, 10, 500).astype(np.uint8)
    logits = rng.normal(size=(500, 10)).astype(np.float32)
    logits[np.arange(500), labels] += 2
    return logits, labels


def confusion_of(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    return confusion


def test_the_brier_score_agrees_with_scikit_learn(answers) -> None:
    logits, labels = answers
    p = softmax(logits.astype(float), axis=1)
    expected = brier_score_loss(labels, p / p.sum(axis=1, keepdims=True), scale_by_half=False)
    assert brier_score(logits, labels) == pytest.approx(expected, rel=1e-6)


def test_a_guess_among_ten_has_a_brier_score_of_nine_tenths() -> None:
    assert brier_score(np.zeros((3, 10), np.float32), np.zeros(3, np.uint8)) == pytest.approx(0.9)


def test_precision_recall_and_f1_agree_with_scikit_learn(answers) -> None:
    logits, labels = answers
    found = score_classes(confusion_of(logits, labels), "0123456789")
    expected = precision_recall_fscore_support(labels, logits.argmax(axis=1))
    for name, values in zip(("precision", "recall", "f1", "images"), expected, strict=True):
        assert [getattr(score, name) for score in found] == pytest.approx(list(values))
    for score in found:
        hits = round(score.recall * score.images)
        assert score.recall_interval == wilson_interval(hits, score.images)
        assert score.precision_interval == wilson_interval(hits, score.predicted)
        assert score.f1_interval[0] < score.f1 < score.f1_interval[1]


def test_a_digit_that_no_image_shows_has_no_recall_and_one_never_read_no_precision() -> None:
    confusion = np.diag([5] * 10)
    confusion[3, 3] = 0  # shown by none, read as none
    confusion[7] = [0, 5, 0, 0, 0, 0, 0, 0, 0, 0]  # shown, never read
    scores = score_classes(confusion, "0123456789"[: len(confusion)])
    assert (scores[3].recall, scores[3].precision, scores[3].f1) == (None, None, None)
    assert (scores[7].recall, scores[7].precision, scores[7].f1) == (0, None, 0)
    assert scores[1].precision == 0.5


def test_the_most_confident_mistakes_come_first() -> None:
    logits = np.zeros((4, 10), np.float32)
    logits[range(4), [3, 5, 1, 2]] = [2, 9, 4, 9]
    found = find_most_wrong(logits, np.array([0, 6, 1, 7], np.uint8), max_count=2)
    assert [(one.index, one.label, one.predicted) for one in found] == [(1, 6, 5), (3, 7, 2)]
    assert found[0].probability == pytest.approx(np.exp(9) / (np.exp(9) + 9))
    assert find_most_wrong(logits[2:3], np.array([1], np.uint8)) == ()
