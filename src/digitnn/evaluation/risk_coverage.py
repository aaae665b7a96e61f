"""What it is worth to answer only where one is sure: the error among the most confident images.

Coverage is the share of images that get an answer, risk the error among them (El-Yaniv and Wiener
2010). Axes: n images, k classes.
"""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32
from numpy import ndarray

from digitnn.evaluation.intervals import Interval, wilson_interval

COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)
STEPS = 200
"""Points of the curve at most, evenly spread; each of `COVERAGES` is among them."""


@dataclass(frozen=True)
class CoveragePoint:
    """The `n` most confident images, a share `coverage` of all.

    errors: how many of them are wrong; not a whole number where images that are equally sure lie
    on both sides of the border: then what is expected if chance decides between them;
    interval: 95 % Wilson, of the error.
    """

    coverage: float
    n: int
    errors: float
    error: float
    interval: Interval


@dataclass(frozen=True)
class RiskCoverage:
    """points: at `COVERAGES`; area: the mean over m = 1..n of the error among the m most confident
    (AURC); curve: the whole way to all n images, for a figure.
    """

    points: tuple[CoveragePoint, ...]
    area: float
    curve: tuple[CoveragePoint, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain builtins, without the curve."""
        return {"points": [asdict(point) for point in self.points], "area": self.area}


def log_odds(logits: Float32[ndarray, "n k"]) -> Float[ndarray, " n"]:
    """log(p / (1 - p)) of the likeliest class: how sure, also where p rounds to 1."""
    z = np.sort(logits.astype(float), axis=1)
    odds: ndarray = z[:, -1] - np.logaddexp.reduce(z[:, :-1], axis=1)
    return odds


def measure_risk_coverage(
    sureness: Float[ndarray, " n"], right: Bool[ndarray, " n"]
) -> RiskCoverage:
    """The curve's points and the area under it (Geifman, Uziel and El-Yaniv 2019, section 3).

    sureness: any number that grows with confidence. Images that are equally sure count each as
    wrong as they are on average, so the result does not depend on the order of the images.
    """
    n = len(right)
    _, level = np.unique(-sureness, return_inverse=True)
    level_error = np.bincount(level, ~right) / np.bincount(level)
    errors = level_error[np.sort(level)].cumsum()
    area = float((errors / np.arange(1, n + 1)).mean())
    steps = sorted({ceil(k * n / STEPS) for k in range(1, STEPS + 1)})
    return RiskCoverage(
        points=tuple(_point(errors, coverage, ceil(coverage * n)) for coverage in COVERAGES),
        area=area,
        curve=tuple(_point(errors, m / n, m) for m in steps),
    )


def _point(errors: Float[ndarray, " n"], coverage: float, m: int) -> CoveragePoint:
    """errors: how many are wrong of the 1, 2, ..., n most confident."""
    wrong = float(errors[m - 1].round(9))
    return CoveragePoint(coverage, m, wrong, wrong / m, wilson_interval(wrong, m))


def errors_in_best_order(n: int, errors: float) -> Float[ndarray, " n"]:
    """The error among the first 1, 2, ..., n of n images if all the mistakes came last."""
    m = np.arange(1, n + 1)
    best: ndarray = np.maximum(0.0, m - (n - errors)) / m
    return best
