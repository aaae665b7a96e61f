"""How sure a figure is: 95 % intervals of proportions, of F1 and of a mean over seeds."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

Interval = tuple[float, float]
Z_95 = 1.959964
"""The 97.5 % quantile of the normal distribution."""


def wilson_interval(count: float, n: int, z: float = Z_95) -> Interval:
    """The Wilson score interval of the proportion `count` / `n` (Wilson 1927), 95 % for this `z`.

    Unlike p +- z sqrt(p (1 - p) / n) it stays within 0..1 and holds near 1, where we are.
    """
    p = count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if count == 0 else centre - half
    high = 1.0 if count == n else centre + half
    return low, high


def f1_interval(hits: int, false_alarms: int, misses: int) -> Interval:
    """The interval of F1 = 2 J / (1 + J), J = hits / (hits + false alarms + misses).

    F1 grows with J, and J is a proportion: Wilson's interval of J, each end taken through the
    formula (Lam, Gopal and Qian 2023, the indirect method). At least one of the three is above 0.
    """
    low, high = wilson_interval(hits, hits + false_alarms + misses)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def t_interval(shares: Sequence[float]) -> Interval | None:
    """The 95 % interval of the mean of what `shares` are drawn from (Student 1908), in 0..1.

    None for a single one: it says nothing of how far another would be.
    """
    from scipy.stats import t

    m = len(shares)
    if m < 2:
        return None
    half = float(t.ppf(0.975, m - 1)) * stdev(shares) / sqrt(m)
    return around(fmean(shares), half)


def around(share: float, half: float) -> Interval:
    """`share` +- `half`, as far as a share can go: 0 to 1."""
    return max(0.0, share - half), min(1.0, share + half)
