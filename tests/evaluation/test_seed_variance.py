"""Which seed and which digits: against a published analysis of variance, and by simulation."""

import numpy as np
import pytest

from digitnn.evaluation.seed_variance import partition_variance

# Shrout and Fleiss 1979 (Psychological Bulletin 86), table 2: six targets rated by four judges
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_the_published_mean_squares_and_intraclass_correlations_come_out() -> None:
    found = partition_variance(RATINGS.T)  # judges are seeds, targets are digits
    assert found.v_both == pytest.approx(1.02, abs=0.005)  # their table 3
    assert found.v_both + 6 * found.v_seed == pytest.approx(32.49, abs=0.005)
    assert found.v_both + 4 * found.v_digit == pytest.approx(11.24, abs=0.005)
    total = found.v_digit + found.v_seed + found.v_both
    assert found.v_digit / total == pytest.approx(0.29, abs=0.005)  # their table 4, ICC(2, 1)
    assert found.v_digit / (found.v_digit + found.v_both) == pytest.approx(0.71, abs=0.006)


def test_the_spread_over_seeds_is_the_standard_deviation_that_one_sees() -> None:
    y = np.random.default_rng(0).random((4, 50)) < 0.8
    assert partition_variance(y).other_seed == pytest.approx(y.mean(axis=1).std(ddof=1))


def test_variances_that_numbers_were_drawn_with_are_found_again() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(scale=3, size=(200, 1)) + rng.normal(scale=2, size=300) + 5
    found = partition_variance(y + rng.normal(size=y.shape))
    assert (found.v_seed, found.v_digit, found.v_both) == pytest.approx((9, 4, 1), rel=0.2)


def test_where_seeds_do_not_matter_other_digits_are_binomial() -> None:
    rng = np.random.default_rng(2)
    found = partition_variance(np.tile(rng.random(5000) < 0.97, (3, 1)))
    assert (found.v_seed, found.other_seed, found.v_both) == pytest.approx((0, 0, 0), abs=1e-12)
    p = found.mean
    assert found.other_digits == pytest.approx(np.sqrt(p * (1 - p) / 4999), rel=1e-9)


def test_networks_that_read_everything_have_an_interval_of_one_point() -> None:
    assert partition_variance(np.ones((2, 9), bool)).interval == (1.0, 1.0)


@pytest.mark.parametrize(("m", "seed_scale"), [(3, 0.05), (5, 0.3)])
def test_the_interval_covers_the_accuracy_over_all_seeds_and_digits(
    m: int, seed_scale: float
) -> None:
    rng = np.random.default_rng(3)

    def chances(m: int, n: int) -> np.ndarray:
        logit = 3.5 + seed_scale * rng.normal(size=(m, 1)) + 2 * rng.normal(size=n)
        return 1 / (1 + np.exp(-logit))

    truth = np.mean([chances(100, 10_000).mean() for _ in range(40)])
    covered = 0
    for _ in range(800):
        p = chances(m, 500)
        low, high = partition_variance(rng.random(p.shape) < p).interval
        covered += low <= truth <= high
    assert 0.91 <= covered / 800 <= 0.975
