"""Learning rates over time."""

import numpy as np
import pytest

from digitnn.errors import UsageError
from digitnn.recipes.schedules import Constant, Cosine, OneCycle, Step


def test_constant_stays_at_the_peak():
    assert [Constant()(done) for done in (0, 0.3, 1)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("done", "share"), [(0, 0), (0.1, 0.5), (0.2, 1), (0.4, 0.75), (0.6, 0.5), (1, 0)]
)
def test_one_cycle_rises_to_the_peak_at_warm_up_and_falls_to_nothing(done, share):
    assert OneCycle(warm_up=0.2)(done) == pytest.approx(share)


@pytest.mark.parametrize(
    ("done", "share"), [(0, 1), (0.29, 1), (0.3, 0.5), (0.59, 0.5), (0.6, 0.25), (0.95, 0.125)]
)
def test_step_multiplies_by_its_factor_after_each_part_of_the_training(done, share):
    assert Step(every=0.3, factor=0.5)(done) == share


def test_step_is_not_late_where_a_quotient_falls_short_by_rounding():
    assert 0.3 / 0.1 < 3
    assert Step(every=0.1, factor=0.5)(0.3) == 0.125


@pytest.mark.parametrize(
    ("done", "share"), [(0, 1), (1 / 3, 0.75), (0.5, 0.5), (2 / 3, 0.25), (1, 0), (1.001, 0)]
)
def test_cosine_falls_along_half_a_wave(done, share):
    assert Cosine()(done) == pytest.approx(share)


@pytest.mark.parametrize(("done", "share"), [(0, 0), (0.05, 0.25), (0.2, 1), (0.6, 0.5), (1, 0)])
def test_cosine_rises_to_the_peak_at_warm_up(done, share):
    assert Cosine(warm_up=0.2)(done) == pytest.approx(share)


@pytest.mark.parametrize(
    "schedule",
    [Constant(), OneCycle(), OneCycle(0.9), Step(0.3), Step(0.01, 0.99), Cosine(), Cosine(0.9)],
)
def test_shares_stay_within_0_and_1(schedule):
    shares = [schedule(done) for done in np.linspace(0, 1.001, 500)]
    assert min(shares) >= 0
    assert 0.99 < max(shares) <= 1


@pytest.mark.parametrize("warm_up", [0, 1, -0.1, 1.5, float("nan")])
def test_a_warm_up_outside_0_to_1_is_refused(warm_up):
    with pytest.raises(
        UsageError, match="warm_up must be a finite number above 0 and below 1, got"
    ):
        OneCycle(warm_up)


@pytest.mark.parametrize("field", ["every", "factor"])
@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan")])
def test_a_step_outside_0_to_1_is_refused(field, value):
    with pytest.raises(
        UsageError, match=f"{field} must be a finite number above 0 and below 1, got {value}"
    ):
        Step(**{"every": 0.5, field: value})


@pytest.mark.parametrize("warm_up", [1, -0.1, 1.5, float("nan")])
def test_a_cosine_that_warms_up_to_the_end_is_refused(warm_up):
    with pytest.raises(
        UsageError, match="warm_up must be a finite number of at least 0 and below 1, got"
    ):
        Cosine(warm_up)
