"""Scores besides accuracy: of the probabilities, of each digit, and the most confident mistakes.

Axes: n images, k classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from digitnn.evaluation.evaluation import log_softmax, mean_nats
from digitnn.evaluation.risk_coverage import log_odds
from digitnn.evaluation.statistics import Interval, f1_interval, wilson_interval

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
    columns = (column.tolist() for column in (edges[:-1], edges[1:], counts, *sums))
    return tuple(
        Bin(low, high, n, c / n if n else None, r / n if n else None)
        for low, high, n, c, r in zip(*columns, strict=True)
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


def brier_score(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """Return the mean over images of sum_k (p_k - y_k)^2, y = onehot(label) (Brier 1950, eq. 2).

    0 is perfect, 2 the worst value, 1 - 1/k that of equal probabilities.
    """
    difference = np.exp(log_softmax(logits).astype(float))
    difference[np.arange(len(labels)), labels] -= 1
    return float(np.square(difference).sum(axis=1).mean())


@dataclass(frozen=True)
class ClassScore:
    """The scores of one class.

    label: its index; images: the number of its images; predicted: the number of images classified
    as it; recall: the share of its images that are classified correctly; precision: the share of
    the images classified as it that are correct; f1: their harmonic mean. None if a denominator
    is 0.
    """

    label: int
    name: str
    images: int
    predicted: int
    recall: float | None
    recall_interval: Interval | None
    precision: float | None
    precision_interval: Interval | None
    f1: float | None
    f1_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with `predicted` under its earlier name "read"."""
        return _to_json(self)


def score_classes(confusion: Int[ndarray, "k k"], names: Sequence[str]) -> tuple[ClassScore, ...]:
    """Return a score for each class; confusion[i, j]: images of i predicted as j."""
    return tuple(_score_class(confusion, label, name) for label, name in enumerate(names))


def _score_class(confusion: Int[ndarray, "k k"], label: int, name: str) -> ClassScore:
    hits = int(confusion[label, label])
    images, predicted = int(confusion[label].sum()), int(confusion[:, label].sum())
    total = images + predicted
    return ClassScore(
        label=label,
        name=name,
        images=images,
        predicted=predicted,
        recall=hits / images if images else None,
        recall_interval=wilson_interval(hits, images) if images else None,
        precision=hits / predicted if predicted else None,
        precision_interval=wilson_interval(hits, predicted) if predicted else None,
        f1=2 * hits / total if total else None,
        f1_interval=f1_interval(hits, predicted - hits, images - hits) if total else None,
    )


@dataclass(frozen=True)
class Mistake:
    """A misclassified image, by its index in the split; probability: of the predicted digit."""

    index: int
    label: int
    predicted: int
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with `predicted` under its earlier name "read"."""
        return _to_json(self)


def find_most_wrong(
    logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"], max_count: int = 20
) -> tuple[Mistake, ...]:
    """Return the mistakes of highest confidence, in descending order."""
    predicted = logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    odds = log_odds(logits[wrong])
    p = 1 / (1 + np.exp(-odds))
    order = np.argsort(-odds, kind="stable")[:max_count]
    return tuple(
        Mistake(int(i), int(labels[i]), int(predicted[i]), float(q))
        for i, q in zip(wrong[order], p[order], strict=True)
    )


def _to_json(value: ClassScore | Mistake) -> dict[str, Any]:
    return {"read" if name == "predicted" else name: v for name, v in asdict(value).items()}
