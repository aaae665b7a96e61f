"""Scores besides accuracy: of the probabilities, of each digit, and the worst mistakes.

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
    """The mean over images of sum_k (p_k - y_k)^2, y being 1 at the label (Brier 1950, eq. 2).

    0 is perfect, 2 the worst there is, 1 - 1/k a guess that all classes are equally likely.
    """
    difference = np.exp(log_softmax(logits).astype(float))
    difference[np.arange(len(labels)), labels] -= 1
    return float(np.square(difference).sum(axis=1).mean())


@dataclass(frozen=True)
class ClassScore:
    """How one digit fares. images: how many show it; read: how many were taken for it.

    recall: of its images, the share that is read right; precision: of what is read as it, the
    share that is it; f1: their harmonic mean. None where there is nothing to take a share of.
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
        """As plain builtins."""
        return asdict(self)


def score_classes(confusion: Int[ndarray, "k k"]) -> tuple[ClassScore, ...]:
    """A score for each class, from how often i was read as j."""
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
    """An image, by its place in the split, that was read wrongly, and how sure that was."""

    index: int
    label: int
    read: int
    probability: float


def find_most_wrong(
    logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"], most: int = 20
) -> tuple[Mistake, ...]:
    """The mistakes of the highest probability, the surest first."""
    read = logits.argmax(axis=1)
    wrong = np.flatnonzero(read != labels)
    odds = log_odds(logits[wrong])
    p = 1 / (1 + np.exp(-odds))
    order = np.argsort(-odds, kind="stable")[:most]
    return tuple(
        Mistake(int(i), int(labels[i]), int(read[i]), float(q))
        for i, q in zip(wrong[order], p[order], strict=True)
    )
