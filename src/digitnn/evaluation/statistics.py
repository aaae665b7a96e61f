"""Intervals and tests: how far chance explains an accuracy, or the difference of two.

95 % intervals of proportions, of F1, of a mean over seeds, and of the errors on another test;
McNemar's test of whether one classifier is better than another on the same images.
Axes: n images, e numbers of errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

Interval = tuple[float, float]
Z_95 = 1.959964
"""The 97.5 % quantile of the normal distribution."""


def wilson_interval(count: float, n: int, z: float = Z_95) -> Interval:
    """Return the Wilson score interval of the proportion `count` / `n` (Wilson 1927).

    Unlike p +- z sqrt(p (1 - p) / n) it stays within 0..1 and keeps its coverage near 1. The count
    may be fractional, as in a risk-coverage curve with ties.
    """
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if count == 0 else centre - half
    high = 1.0 if count == n else centre + half
    return low, high


def f1_interval(hits: int, false_alarms: int, misses: int) -> Interval:
    """Return the interval of F1 = 2 J / (1 + J), J = hits / (hits + false alarms + misses).

    F1 is increasing in J, and J is a proportion, so the ends are those of J's Wilson interval,
    transformed (Lam, Gopal and Qian 2023, the indirect method). One count must be above 0.
    """
    low, high = wilson_interval(hits, hits + false_alarms + misses)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def t_interval(shares: Sequence[float]) -> Interval | None:
    """Return Student's interval (1908) of the mean of the distribution of `shares`, within 0..1.

    None for a single share, which has no spread.
    """
    from scipy.stats import t

    m = len(shares)
    if m < 2:
        return None
    half = float(t.ppf(0.975, m - 1)) * stdev(shares) / sqrt(m)
    return clipped_interval(fmean(shares), half)


def clipped_interval(share: float, half: float) -> Interval:
    """Return `share` +- `half`, clipped to 0..1."""
    return max(0.0, share - half), min(1.0, share + half)


@dataclass(frozen=True, eq=False)
class NextTest:
    """The number of errors of the same network on n other images of the same kind.

    low, high: the 95 % prediction interval, inclusive; probabilities: of each of `errors`.
    """

    count: int
    n: int
    low: int
    high: int
    errors: Int[ndarray, " e"]
    probabilities: Float[ndarray, " e"]


def predict_next_test(count: int, n: int) -> NextTest:
    """Predict the next test from `count` errors among `n` images: a beta-binomial distribution.

    With Jeffreys' prior the error rate has the posterior Beta(count + 1/2, n - count + 1/2) (Brown,
    Cai and DasGupta 2001, section 4.3); given the error rate, the errors are binomial. So the
    prediction includes the sampling of this test and of the next.
    """
    from scipy.stats import betabinom

    found = betabinom(n, count + 0.5, n - count + 0.5)
    low, high, first, last = (int(found.ppf(q)) for q in (0.025, 0.975, 0.0005, 0.9995))
    errors = np.arange(min(first, count), max(last, count) + 1)
    return NextTest(count, n, low, high, errors, found.pmf(errors))


@dataclass(frozen=True)
class PairedComparison:
    """Two classifiers on the same images.

    only_first, only_second: images that only one classifies correctly; p_value: the probability of
    a split at least as unequal if both classifiers were equally good.
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float


def compare_paired(first: Bool[ndarray, " n"], second: Bool[ndarray, " n"]) -> PairedComparison:
    """Return the exact McNemar test (McNemar 1947) of which images each classifies correctly.

    Images that both classify alike carry no information about the difference. If the classifiers
    are equally good, each of the others favours either with probability 1/2, so the p-value is that
    of the two-sided binomial test.
    """
    from scipy.stats import binomtest

    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return PairedComparison(
        both_right=int(np.count_nonzero(first & second)),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int(np.count_nonzero(~(first | second))),
        p_value=p_value,
    )


def adjust_by_holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of m tests, adjusted for multiple testing (Holm 1979).

    The j-th smallest is multiplied by m + 1 - j, and none falls below the one before it. This
    bounds the probability of rejecting any true hypothesis, whatever the dependence of the tests.
    """
    m = len(p_values)
    adjusted, largest = [0.0] * m, 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
