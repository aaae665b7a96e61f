"""Calibration: how well a network's probabilities match its accuracy, and temperature scaling.

Axes: n images, k classes.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.evaluation.evaluation import log_softmax, mean_nats

MAX_LOG_TEMPERATURE = log(20.0)
"""Temperatures are searched from 1/20 to 20."""
BINS = 15
"""The number of bins of Guo, Pleiss, Sun and Weinberger (2017)."""


@dataclass(frozen=True)
class Bin:
    """The n images with a confidence in (low, high].

    confidence: its mean; accuracy: the share classified correctly; both None without images.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def bin_confidences(
    logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]
) -> tuple[Bin, ...]:
    """Return the bins of the reliability diagram: 15 of equal width, by confidence."""
    log_p = log_softmax(logits).astype(float)
    confidence = np.exp(log_p.max(axis=1)).clip(0, 1)
    right = logits.argmax(axis=1) == labels
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], confidence)
    counts = np.bincount(place, minlength=BINS)
    sums = (np.bincount(place, weights, minlength=BINS) for weights in (confidence, right))
    return tuple(
        Bin(
            float(low),
            float(high),
            int(n),
            float(c / n) if n else None,
            float(r / n) if n else None,
        )
        for low, high, n, c, r in zip(edges[:-1], edges[1:], counts, *sums, strict=True)
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Return the expected calibration error, sum over bins of n_b / n |accuracy_b - confidence_b|.

    Guo et al. 2017, eq. 3. It is biased upwards, even for a calibrated model.
    """
    n = sum(one.n for one in bins)
    gaps = (
        one.n * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return sum(gaps) / n


def append_non_digit_logit(logits: Float32[ndarray, "n k"]) -> Float32[ndarray, "n j"]:
    """Append the implicit logit of a network that rejects, fixed at 0, which means a non-digit."""
    return np.pad(logits, ((0, 0), (0, 1)))


def fit_temperature(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """Return the T that minimises the cross-entropy of softmax(logits / T) (Guo et al. 2017).

    It is one number for all classes, so it changes the confidence but not the predicted class.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: mean_nats(logits / np.float32(exp(log_t)), labels),
        bounds=(-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return exp(float(found.x))
