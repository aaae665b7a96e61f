"""How good a classifier is, how sure that is, and whether another is better.

Axes: n images, k classes.
"""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from numpy import ndarray

from digitnn.dataset import Dataset
from digitnn.errors import DataError
from digitnn.network import Classifier


@dataclass(frozen=True, eq=False)
class Report:
    """What a classifier did on one data set.

    predictions: the digit read for each image; loss_nats: mean cross-entropy of the softmax;
    interval: 95 % Wilson interval of the accuracy; confusion[i, j]: images of digit i read as j;
    seconds: to predict all n, the classifier being ready.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    loss_nats: float
    seconds: float
    predictions: UInt8[ndarray, " n"]
    confusion: Int[ndarray, "k k"]

    @property
    def errors(self) -> int:
        """How many images were read wrongly."""
        return self.n - int(np.trace(self.confusion))


def evaluate(classifier: Classifier, dataset: Dataset) -> Report:
    """Read every image of `dataset` and count. Raises `DataError` if there is none."""
    n = len(dataset)
    if n == 0:
        raise DataError(f"{dataset.name}: no images to evaluate on")
    start = perf_counter()
    logits = classifier.logits(dataset.images)
    seconds = perf_counter() - start
    if not np.isfinite(logits).all():
        raise DataError("the network gives logits that are NaN or infinite")
    predictions = logits.argmax(axis=1).astype(np.uint8)
    confusion = np.zeros((logits.shape[1], logits.shape[1]), int)
    np.add.at(confusion, (dataset.labels, predictions), 1)
    correct = int(np.trace(confusion))
    return Report(
        n=n,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        loss_nats=float(-log_softmax(logits)[np.arange(n), dataset.labels].mean(dtype=float)),
        seconds=seconds,
        predictions=predictions,
        confusion=confusion,
    )


def log_softmax(logits: Float32[ndarray, "n k"]) -> Float[ndarray, "n k"]:
    """log p = z - log(sum exp z), shifted by the largest z so that nothing overflows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def wilson_interval(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927), 95 % for the default `z`.

    Unlike p +- z sqrt(p (1 - p) / n) it stays within 0..1 and holds near 1, where we are.
    """
    p = correct / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == n else float(centre + half)
    return low, high


@dataclass(frozen=True)
class PairedComparison:
    """Two classifiers on the same images.

    only_first, only_second: images that one reads right and the other does not;
    p_value: how often so unequal a split of them would come about if both were equally good.
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float


def compare_paired(first: Bool[ndarray, " n"], second: Bool[ndarray, " n"]) -> PairedComparison:
    """The exact McNemar test (McNemar 1947) of which images each classifier reads right.

    Images on which both agree say nothing about which is better; those that only one reads are
    coin flips if neither is: the p-value is two-sided binomial.
    """
    from scipy.stats import binomtest

    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return PairedComparison(
        both_right=int(np.count_nonzero(first & second)),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int(np.count_nonzero(~(first | second))),
        p_value=p_value,
    )
