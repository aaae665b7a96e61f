import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from digitnn.evaluation.evaluation import mean_nats
from digitnn.evaluation.scores import (
    BINS,
    append_non_digit_logit,
    bin_confidences,
    calibration_error,
    fit_temperature,
)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_logits_were_multiplied_by_is_found_again(temperature):
    rng = np.random.default_rng(0)
    honest = rng.normal(scale=2, size=(40_000, 10)).astype(np.float32)
    p = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1).astype(np.uint8)
    found = fit_temperature(honest * np.float32(temperature), labels)
    assert found == pytest.approx(temperature, rel=0.03)


def test_no_other_temperature_fits_better():
    rng = np.random.default_rng(1)
    logits = rng.normal(scale=3, size=(500, 10)).astype(np.float32)
    labels = np.where(rng.random(500) < 0.7, logits.argmax(axis=1), 3).astype(np.uint8)
    best = fit_temperature(logits, labels)
    nats = [mean_nats(logits / np.float32(best * f), labels) for f in (0.9, 0.98, 1, 1.02, 1.1)]
    assert nats[2] == min(nats)


def test_uniform_logits_cost_ln_k():
    assert mean_nats(np.zeros((3, 10), np.float32), np.zeros(3, np.uint8)) == pytest.approx(
        np.log(10)
    )


def test_no_digit_has_the_logit_0():
    logits = np.array([[1, -1]], np.float32)
    assert append_non_digit_logit(logits).tolist() == [[1, -1, 0]]


def test_the_bins_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    logits = rng.normal(scale=2, size=(2000, 10)).astype(np.float32)
    labels = np.where(rng.random(2000) < 0.5, logits.argmax(axis=1), 3).astype(np.uint8)
    p = np.exp(logits.astype(float))
    confidence = (p / p.sum(axis=1, keepdims=True)).max(axis=1)
    right = logits.argmax(axis=1) == labels
    accuracies, confidences = calibration_curve(right, confidence, n_bins=BINS)
    bins = bin_confidences(logits, labels)
    assert sum(one.n for one in bins) == 2000
    filled = [one for one in bins if one.n]
    assert [one.accuracy for one in filled] == pytest.approx(list(accuracies))
    assert [one.confidence for one in filled] == pytest.approx(list(confidences), rel=1e-5)
    weights = np.array([one.n for one in filled]) / 2000
    expected = weights @ np.abs(accuracies - confidences)
    assert calibration_error(bins) == pytest.approx(expected, rel=1e-5)


def test_one_who_is_certain_and_right_half_of_the_time_errs_by_a_half():
    logits = np.zeros((2, 10), np.float32)
    logits[:, 4] = 1000
    bins = bin_confidences(logits, np.array([4, 5], np.uint8))
    assert (bins[-1].n, bins[-1].accuracy, bins[-1].confidence) == (2, 0.5, 1.0)
    assert bins[0].accuracy is None
    assert calibration_error(bins) == pytest.approx(0.5)
