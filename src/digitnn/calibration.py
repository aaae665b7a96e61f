"""Probabilities that mean what they say: the temperature that a validation set asks for.

Axes: n images, k classes.
"""

from math import exp, log

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.evaluation import log_softmax

WIDEST = log(20.0)
"""Temperatures are looked for from 1/20 to 20."""


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
