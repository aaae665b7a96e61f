"""The variance of an accuracy, split by source: the seed of the network, and the test digits.

Every network s of a recipe classifies every digit i; y_si is 1 if it is correct. Seeds and digits
are both random samples: the two-way random-effects model without replication (Searle, Casella and
McCulloch 1992, chapter 4; for readers and cases Gallas, Pennello and Myers 2007)

    y_si = mean + a_s + b_i + e_si

    a: some seeds give better networks           variance v_seed
    b: some digits are harder                    variance v_digit
    e: the interaction of a seed and a digit     variance v_both

From the mean squares of the two-way analysis of variance, m networks and n digits,

    v_both = MS_both,   v_seed = (MS_seed - MS_both) / n,   v_digit = (MS_digit - MS_both) / m

or 0 if negative. The accuracy of one network on n digits has the variance v_seed + v_digit / n +
v_both / n, the mean over m seeds v_seed / m + v_digit / n + v_both / (m n).
Axes: m networks, n digits.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.evaluation.statistics import Interval, clipped_interval


@dataclass(frozen=True)
class SeedVariance:
    """The variances above, and the standard deviations of an accuracy that follow from them.

    other_seed: over seeds, on the same digits (the observed spread);
    other_digits: over samples of n digits, for the same network;
    seed_alone: over seeds, on infinitely many digits;
    interval: 95 %, of the recipe's accuracy over all seeds and all digits.
    """

    m: int
    n: int
    mean: float
    v_seed: float
    v_digit: float
    v_both: float
    other_seed: float
    other_digits: float
    seed_alone: float
    interval: Interval


def partition_variance(y: Bool[ndarray, "m n"] | Float[ndarray, "m n"]) -> SeedVariance:
    """Return the analysis of variance of `y`, at least two networks and two digits.

    The variance of the mean is (MS_seed + MS_digit - MS_both) / (m n), with Satterthwaite's (1946)
    degrees of freedom; the interval is Student's with these.
    """
    from scipy.stats import t

    m, n = y.shape
    mean = float(y.mean())
    seeds, digits = y.mean(axis=1), y.mean(axis=0)
    residual = y - seeds[:, None] - digits + mean
    squares = (
        n * np.square(seeds - mean).sum() / (m - 1),
        m * np.square(digits - mean).sum() / (n - 1),
        np.square(residual).sum() / ((m - 1) * (n - 1)),
    )
    ms_seed, ms_digit, ms_both = map(float, squares)
    v_seed, v_digit = max(0.0, (ms_seed - ms_both) / n), max(0.0, (ms_digit - ms_both) / m)
    of_mean = (ms_seed + ms_digit - ms_both) / (m * n)
    spread = ms_seed**2 / (m - 1) + ms_digit**2 / (n - 1) + ms_both**2 / ((m - 1) * (n - 1))
    half = 0.0
    if of_mean > 0:
        freedom = (of_mean * m * n) ** 2 / spread
        half = float(t.ppf(0.975, freedom)) * sqrt(of_mean)
    return SeedVariance(
        m=m,
        n=n,
        mean=mean,
        v_seed=v_seed,
        v_digit=v_digit,
        v_both=ms_both,
        other_seed=sqrt(ms_seed / n),
        other_digits=sqrt((v_digit + ms_both) / n),
        seed_alone=sqrt(v_seed),
        interval=clipped_interval(mean, half),
    )
