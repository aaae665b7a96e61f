"""How many errors the same network would make on another test of the same kind.

Axes: e numbers of errors.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class NextTest:
    """How many errors the same network would make on n other images of the same kind.

    low, high: 95 % of such tests lie between, both included; probabilities: of each of `errors`.
    """

    count: int
    n: int
    low: int
    high: int
    errors: Int[ndarray, " e"]
    probabilities: Float[ndarray, " e"]


def predict_next_test(count: int, n: int) -> NextTest:
    """From `count` errors among `n` images: the beta-binomial distribution.

    What is known of the share of errors is Beta(count + 1/2, n - count + 1/2), by Jeffreys' prior
    (Brown, Cai and DasGupta 2001, section 4.3); given the share the errors are binomial. So two
    kinds of luck add up, that of this test and that of the next.
    """
    from scipy.stats import betabinom

    found = betabinom(n, count + 0.5, n - count + 0.5)
    low, high, first, last = (int(found.ppf(q)) for q in (0.025, 0.975, 0.0005, 0.9995))
    errors = np.arange(min(first, count), max(last, count) + 1)
    return NextTest(count, n, low, high, errors, found.pmf(errors))
