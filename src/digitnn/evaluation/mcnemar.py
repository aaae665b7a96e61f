"""McNemar's test: whether one classifier is better than another on the same images.

Axes: n images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy import ndarray


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
