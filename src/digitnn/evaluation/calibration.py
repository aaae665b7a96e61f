"""Probabilities that mean what they say: how far they are from it, and what would mend them.

Axes: n images, k classes.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.evaluation.evaluation import log_softmax

WIDEST = log(20.0)
"""Temperatures are looked for from 1/20 to 20."""
BINS = 15
"""As many as Guo, Pleiss, Sun and Weinberger (2017) take."""


@dataclass(frozen=True)
class Bin:
    """The images whose reading has a probability in (low, high].

    confidence: that probability's mean; accuracy: the share read right; both None without images.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def bin_confidences(
    logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]
) -> tuple[Bin, ...]:
    """The reliability diagram's bins: 15 of equal width, by the probability of what is read."""
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
    """The expected calibration error, sum over bins of n_b / n |accuracy_b - confidence_b|.

    Guo et al. 2017, eq. 3. It is above 0 by chance also where all probabilities are right.
    """
    n = sum(one.n for one in bins)
    gaps = (
        one.n * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return sum(gaps) / n


def mean_nats(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """The mean cross-entropy of softmax(logits), in nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean(dtype=float))


def with_no_digit(logits: Float32[ndarray, "n k"]) -> Float32[ndarray, "n j"]:
    """The logits of a network that rejects, and behind them that of "no digit", 0."""
    return np.pad(logits, ((0, 0), (0, 1)))


def fit_temperature(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """The T of least cross-entropy of softmax(logits / T) (Guo, Pleiss, Sun and Weinberger 2017).

    One number for all classes: it changes how sure the network is, never which class is likeliest.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: mean_nats(logits / np.float32(exp(log_t)), labels),
        bounds=(-WIDEST, WIDEST),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return exp(float(found.x))
