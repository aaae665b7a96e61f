"""Scores besides accuracy: Brier score, scores of each digit, and the most confident mistakes.

Axes: n images, k classes.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from digitnn.evaluation.evaluation import log_softmax
from digitnn.evaluation.intervals import Interval, f1_interval, wilson_interval
from digitnn.evaluation.risk_coverage import log_odds


def brier_score(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """Return the mean over images of sum_k (p_k - y_k)^2, y = onehot(label) (Brier 1950, eq. 2).

    0 is perfect, 2 the worst value, 1 - 1/k that of equal probabilities.
    """
    difference = np.exp(log_softmax(logits).astype(float))
    difference[np.arange(len(labels)), labels] -= 1
    return float(np.square(difference).sum(axis=1).mean())


@dataclass(frozen=True)
class ClassScore:
    """The scores of one digit. images: of this digit; read: predicted as this digit.

    recall: the share of its images that are predicted correctly; precision: the share of the images
    predicted as it that show it; f1: their harmonic mean. None where a denominator is 0.
    """

    label: int
    images: int
    read: int
    recall: float | None
    recall_interval: Interval | None
    precision: float | None
    precision_interval: Interval | None
    f1: float | None
    f1_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def score_classes(confusion: Int[ndarray, "k k"]) -> tuple[ClassScore, ...]:
    """Return a score for each class; confusion[i, j]: images of i predicted as j."""
    return tuple(_score_class(confusion, label) for label in range(len(confusion)))


def _score_class(confusion: Int[ndarray, "k k"], label: int) -> ClassScore:
    hits = int(confusion[label, label])
    images, read = int(confusion[label].sum()), int(confusion[:, label].sum())
    seen = images + read
    return ClassScore(
        label=label,
        images=images,
        read=read,
        recall=hits / images if images else None,
        recall_interval=wilson_interval(hits, images) if images else None,
        precision=hits / read if read else None,
        precision_interval=wilson_interval(hits, read) if read else None,
        f1=2 * hits / seen if seen else None,
        f1_interval=f1_interval(hits, read - hits, images - hits) if seen else None,
    )


@dataclass(frozen=True)
class Mistake:
    """A misclassified image, by its index in the split; probability: the confidence."""

    index: int
    label: int
    read: int
    probability: float


def find_most_wrong(
    logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"], max_count: int = 20
) -> tuple[Mistake, ...]:
    """Return the mistakes of highest confidence, in descending order."""
    read = logits.argmax(axis=1)
    wrong = np.flatnonzero(read != labels)
    odds = log_odds(logits[wrong])
    p = 1 / (1 + np.exp(-odds))
    order = np.argsort(-odds, kind="stable")[:max_count]
    return tuple(
        Mistake(int(i), int(labels[i]), int(read[i]), float(q))
        for i, q in zip(wrong[order], p[order], strict=True)
    )
