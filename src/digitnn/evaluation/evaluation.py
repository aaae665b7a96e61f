"""The evaluation of a classifier on one data set.

Axes: n images, k classes.
"""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import DataError
from digitnn.evaluation.statistics import Interval, wilson_interval
from digitnn.network.network import Classifier

MAX_LOGIT = 1e36
"""The largest magnitude of a logit. Single precision ends at 3.4e38, so differences of such logits,
divided by a temperature of 1/20, are still finite."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of a classifier on one data set.

    predictions: the predicted digit of each image; loss_nats: mean cross-entropy of the softmax;
    interval: 95 % Wilson interval of the accuracy; confusion[i, j]: images of digit i predicted as
    j; seconds: to predict all n images, without loading the classifier.
    """

    n: int
    accuracy: float
    interval: Interval
    loss_nats: float
    seconds: float
    predictions: UInt8[ndarray, " n"]
    confusion: Int[ndarray, "k k"]
    logits: Float32[ndarray, "n k"]

    @property
    def errors(self) -> int:
        """The number of misclassified images."""
        return self.n - int(np.trace(self.confusion))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, without predictions and logits."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "errors": self.errors,
            "loss_nats": self.loss_nats,
            "seconds": self.seconds,
            "confusion": self.confusion.tolist(),
        }


def evaluate(classifier: Classifier, dataset: Dataset, of: str = "the network") -> Evaluation:
    """Classify every image of `dataset` and count.

    of: the name of the classifier in errors. Raises `DataError` if there are no images, or if the
    logits do not fit the labels, are not finite or exceed `MAX_LOGIT`.
    """
    n = len(dataset)
    if n == 0:
        raise DataError(f"{dataset.name}: no images to evaluate on")
    start = perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # reported below, for all images at once
        logits = classifier.logits(dataset.images)
    seconds = perf_counter() - start
    _check_logits(logits, dataset, of)
    predictions = logits.argmax(axis=1).astype(np.uint8)
    confusion = np.zeros((logits.shape[1], logits.shape[1]), int)
    np.add.at(confusion, (dataset.labels, predictions), 1)
    correct = int(np.trace(confusion))
    return Evaluation(
        n=n,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        loss_nats=mean_nats(logits, dataset.labels),
        seconds=seconds,
        predictions=predictions,
        confusion=confusion,
        logits=logits,
    )


def _check_logits(logits: ndarray, dataset: Dataset, of: str) -> None:
    n, largest_label = len(dataset), int(dataset.labels.max())
    if logits.ndim != 2 or len(logits) != n or logits.shape[1] <= largest_label:
        raise DataError(
            f"{dataset.name}: {n} images with labels up to {largest_label} take logits of shape "
            f"({n}, {largest_label + 1}) or wider, got {logits.shape}: {of} has other labels"
        )
    if bad := int(np.count_nonzero(~np.isfinite(logits).all(axis=1))):
        raise DataError(
            f"{of} gives logits that are NaN or infinite for {bad} of {n} images of "
            f"{dataset.name}: its training diverged, train it again"
        )
    if (largest := float(np.abs(logits).max())) > MAX_LOGIT:
        raise DataError(
            f"{of} gives logits up to {largest:.0e} for images of {dataset.name}, too large "
            "to compute with: its training diverged, train it again"
        )


def log_softmax(logits: Float32[ndarray, "n k"]) -> Float[ndarray, "n k"]:
    """Return log p = z - log(sum exp z), shifted by the largest z so that nothing overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def mean_nats(logits: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"]) -> float:
    """Return the mean cross-entropy of softmax(logits), in nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean(dtype=float))
