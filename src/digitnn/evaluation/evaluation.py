"""How good a classifier is on one data set.

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
from digitnn.evaluation.intervals import Interval, wilson_interval
from digitnn.network.network import Classifier

MAX_LOGIT = 1e36
"""Of a logit, either way. Single precision ends at 3.4e38: differences of such logits, and what a
temperature of 1/20 makes of them, are finite, and so is every figure."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a classifier did on one data set.

    predictions: the digit read for each image; loss_nats: mean cross-entropy of the softmax;
    interval: 95 % Wilson interval of the accuracy; confusion[i, j]: images of digit i read as j;
    seconds: to predict all n, the classifier being ready; logits: what it gave.
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
        """How many images were read wrongly."""
        return self.n - int(np.trace(self.confusion))

    def to_json(self) -> dict[str, Any]:
        """As plain builtins, without the single predictions."""
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
    """Read every image of `dataset` and count.

    of: what an error calls the classifier. Raises `DataError` if there is no image, or if the
    classifier's answers do not fit its labels, are not finite or beyond reckoning.
    """
    n = len(dataset)
    if n == 0:
        raise DataError(f"{dataset.name}: no images to evaluate on")
    start = perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # told below, for all images at once
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
        loss_nats=float(-log_softmax(logits)[np.arange(n), dataset.labels].mean(dtype=float)),
        seconds=seconds,
        predictions=predictions,
        confusion=confusion,
        logits=logits,
    )


def _check_logits(logits: ndarray, dataset: Dataset, of: str) -> None:
    n, most = len(dataset), int(dataset.labels.max())
    if logits.ndim != 2 or len(logits) != n or logits.shape[1] <= most:
        raise DataError(
            f"{dataset.name}: {n} images with labels up to {most} take logits of shape "
            f"({n}, {most + 1}) or wider, got {logits.shape}: {of} is of other labels"
        )
    if bad := int(np.count_nonzero(~np.isfinite(logits).all(axis=1))):
        raise DataError(
            f"{of} gives logits that are NaN or infinite for {bad} of {n} images of "
            f"{dataset.name}: its training went astray, train it anew"
        )
    if (largest := float(np.abs(logits).max())) > MAX_LOGIT:
        raise DataError(
            f"{of} gives logits up to {largest:.0e} for images of {dataset.name}, beyond all "
            "reckoning: its training went astray, train it anew"
        )


def log_softmax(logits: Float32[ndarray, "n k"]) -> Float[ndarray, "n k"]:
    """log p = z - log(sum exp z), shifted by the largest z so that nothing overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
