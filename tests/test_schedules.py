"""Learning rates over time."""

import numpy as np
import pytest

from digitnn.errors import UsageError
from digitnn.schedules import Constant, OneCycle


def test_constant_stays_at_the_peak():
    assert [Constant()(done) for done in (0, 0.3, 1)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("done", "share"), [(0, 0), (0.1, 0.5), (0.2, 1), (0.4, 0.75), (0.6, 0.5), (1, 0)]
)
def test_one_cycle_rises_to_the_peak_at_warm_up_and_falls_to_nothing(done, share):
    assert OneCycle(warm_up=0.2)(done) == pytest.approx(share)


@pytest.mark.parametrize("schedule", [Constant(), OneCycle(), OneCycle(0.9)])
def test_shares_stay_within_0_and_1(schedule):
    shares = [schedule(done) for done in np.linspace(0, 1.001, 500)]
    assert min(shares) >= 0
    assert 0.99 < max(shares) <= 1


@pytest.mark.parametrize("warm_up", [0, 1, -0.1, 1.5, float("nan")])
def test_a_warm_up_outside_0_to_1_is_refused(warm_up):
    with pytest.raises(UsageError, match="warm_up must lie between 0 and 1, got"):
        OneCycle(warm_up)
