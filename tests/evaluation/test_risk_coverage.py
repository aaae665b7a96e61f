"""The error among the most confident, known by hand and from other definitions of the same."""

import numpy as np
import pytest
from scipy.special import log_softmax

from digitnn.evaluation.risk_coverage import COVERAGES, log_odds, measure_risk_coverage
from digitnn.evaluation.statistics import wilson_interval


def test_ten_answers_known_by_hand() -> None:
    confidence = np.arange(10, 0, -1.0)
    right = np.array([1, 1, 1, 1, 0, 1, 1, 1, 0, 0], bool)
    found = measure_risk_coverage(confidence, right)
    assert [point.coverage for point in found.points] == list(COVERAGES)
    assert [point.n for point in found.points] == [5, 8, 9, 10, 10]
    assert [point.errors for point in found.points] == [1, 1, 2, 3, 3]
    assert found.points[0].error == 0.2
    assert found.points[0].interval == wilson_interval(1, 5)
    risks = [0, 0, 0, 0, 1 / 5, 1 / 6, 1 / 7, 1 / 8, 2 / 9, 3 / 10]
    assert found.area == pytest.approx(np.mean(risks))


def test_the_order_of_the_images_does_not_matter_even_where_confidence_is_equal(
    rng: np.random.Generator,
) -> None:
    confidence, right = rng.integers(0, 5, 200).astype(float), rng.random(200) < 0.8
    order = rng.permutation(200)
    first = measure_risk_coverage(confidence, right)
    second = measure_risk_coverage(confidence[order], right[order])
    assert [p.errors for p in first.points] == pytest.approx([p.errors for p in second.points])
    assert first.area == pytest.approx(second.area)


def test_equal_confidence_gives_what_chance_gives_on_average(rng: np.random.Generator) -> None:
    confidence, right = rng.integers(0, 3, 60).astype(float), rng.random(60) < 0.7
    broken = []
    for _ in range(3000):
        order = np.lexsort((rng.random(60), -confidence))
        broken.append((~right[order]).cumsum() / np.arange(1, 61))
    found = measure_risk_coverage(confidence, right)
    assert found.area == pytest.approx(np.mean(broken), rel=0.01)
    assert found.points[0].error == pytest.approx(np.mean(broken, axis=0)[29], rel=0.02)


def test_no_order_has_a_smaller_area_than_mistakes_last(rng: np.random.Generator) -> None:
    right = rng.random(100) < 0.9
    best = measure_risk_coverage(right.astype(float), right).area
    areas = [measure_risk_coverage(rng.random(100), right).area for _ in range(50)]
    assert best < min(areas)


def test_log_odds_are_those_of_the_likeliest_class(rng: np.random.Generator) -> None:
    logits = rng.normal(scale=3, size=(50, 10)).astype(np.float32)
    p = np.exp(log_softmax(logits.astype(float), axis=1)).max(axis=1)
    np.testing.assert_allclose(log_odds(logits), np.log(p / (1 - p)), rtol=1e-6, atol=1e-6)


def test_log_odds_tell_two_apart_that_both_are_certain_in_double_precision() -> None:
    logits = np.zeros((2, 10), np.float32)
    logits[:, 0] = 60, 90
    first, second = log_odds(logits)
    assert first < second


def test_the_curve_is_short_and_holds_every_point(rng: np.random.Generator) -> None:
    right = rng.random(1730) < 0.9
    found = measure_risk_coverage(rng.random(1730), right)
    assert len(found.curve) == 200
    assert (found.curve[-1].n, found.curve[-1].errors) == (1730, np.count_nonzero(~right))
    steps = {point.n: point.error for point in found.curve}
    for point in found.points:
        assert steps[point.n] == point.error
    few = measure_risk_coverage(np.arange(7.0), np.ones(7, bool))
    assert [point.n for point in few.curve] == [1, 2, 3, 4, 5, 6, 7]
    assert "curve" not in found.to_json()
