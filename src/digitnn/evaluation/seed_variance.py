"""Two kinds of luck told apart: which seed a network had, and which digits it was tested on.

Every network s of a recipe reads every digit i; y_si is 1 if it reads it right. Both are samples:
of all seeds, and of all digits. So (the two-way random-effects model without replication; Searle,
Casella and McCulloch 1992, chapter 4; for readers and cases Gallas, Pennello and Myers 2007)

    y_si = mean + a_s + b_i + e_si

    a: some seeds give better networks         variance v_seed
    b: some digits are harder                  variance v_digit
    e: a seed reads just this digit worse      variance v_both

From the mean squares of the two-way analysis of variance, m networks and n digits,

    v_both = MS_both,   v_seed = (MS_seed - MS_both) / n,   v_digit = (MS_digit - MS_both) / m

0 where that comes out negative. One network's accuracy on n digits has the variance
v_seed + v_digit / n + v_both / n, a recipe's mean over m seeds v_seed / m + v_digit / n +
v_both / (m n). Axes: m networks, n digits.
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.evaluation.intervals import Interval, around


@dataclass(frozen=True)
class SeedVariance:
    """The variances above, and what they mean for an accuracy, as standard deviations.

    other_seed: the same digits, another seed (the spread over seeds that one sees);
    other_digits: the same network, n other digits;
    seed_alone: another seed, were there digits without end;
    interval: 95 % of the recipe's accuracy over all seeds and all digits.
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

    def to_json(self) -> dict[str, Any]:
        """As plain builtins."""
        return asdict(self)


def part_variance(y: Bool[ndarray, "m n"] | Float[ndarray, "m n"]) -> SeedVariance:
    """The analysis of variance of `y`; at least two networks and two digits.

    The variance of the mean is (MS_seed + MS_digit - MS_both) / (m n), its degrees of freedom
    Satterthwaite's (1946); the interval is Student's with these.
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
        interval=around(mean, half),
    )
