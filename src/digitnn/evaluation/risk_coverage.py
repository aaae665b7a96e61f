"""Risk-coverage curves: the error rate if only the most confident images get an answer.

Coverage is the share of images that get an answer, risk their error rate (El-Yaniv and Wiener
2010). Axes: n images, k classes.
"""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32
from numpy import ndarray

from digitnn.evaluation.statistics import Interval, wilson_interval

COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)
MAX_POINTS = 200
"""Points of the curve, evenly spaced; each of `COVERAGES` is among them."""


@dataclass(frozen=True)
class CoveragePoint:
    """The `n` most confident images, a share `coverage` of all.

    errors: how many of them are misclassified; if images of equal confidence lie on both sides of
    the cut, the expected number under a random order; interval: 95 % Wilson, of the error rate.
    """

    coverage: float
    n: int
    errors: float
    error: float
    interval: Interval


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve.

    points: at `COVERAGES`; area: the mean over m = 1..n of the error rate of the m most confident
    images (AURC); curve: all points, for a figure.
    """

    points: tuple[CoveragePoint, ...]
    area: float
    curve: tuple[CoveragePoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, without the curve."""
        return {"points": [asdict(point) for point in self.points], "area": self.area}


def log_odds(logits: Float32[ndarray, "n k"]) -> Float[ndarray, " n"]:
    """Return log(p / (1 - p)) of the most likely class: finite even where p rounds to 1."""
    z = np.sort(logits.astype(float), axis=1)
    odds: ndarray = z[:, -1] - np.logaddexp.reduce(z[:, :-1], axis=1)
    return odds


def measure_risk_coverage(
    confidence: Float[ndarray, " n"], right: Bool[ndarray, " n"]
) -> RiskCoverage:
    """Return the curve and the area under it (Geifman, Uziel and El-Yaniv 2019, section 3).

    confidence: on any increasing scale. Images of equal confidence count with their mean error, so
    the result does not depend on the order of the images.
    """
    n = len(right)
    _, level = np.unique(-confidence, return_inverse=True)
    level_error = np.bincount(level, ~right) / np.bincount(level)
    errors = level_error[np.sort(level)].cumsum()
    area = float((errors / np.arange(1, n + 1)).mean())
    steps = sorted({ceil(k * n / MAX_POINTS) for k in range(1, MAX_POINTS + 1)})
    return RiskCoverage(
        points=tuple(_point(errors, coverage, ceil(coverage * n)) for coverage in COVERAGES),
        area=area,
        curve=tuple(_point(errors, m / n, m) for m in steps),
    )


def _point(errors: Float[ndarray, " n"], coverage: float, m: int) -> CoveragePoint:
    """Return a point; errors: of the 1, 2, ..., n most confident images."""
    wrong = float(errors[m - 1].round(9))
    return CoveragePoint(coverage, m, wrong, wrong / m, wilson_interval(wrong, m))


def errors_in_best_order(n: int, errors: float) -> Float[ndarray, " n"]:
    """Return the error rate of the first 1, 2, ..., n of n images if all errors came last."""
    m = np.arange(1, n + 1)
    best: ndarray = np.maximum(0.0, m - (n - errors)) / m
    return best
