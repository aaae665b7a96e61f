"""The fifteen corruptions of MNIST-C, a row each, and what they come to.

The split's own images are corrupted here, by a fixed seed: of the test split it is the benchmark of
Mu and Gilmer (2019) but for the draws of chance, of the validation split one to choose by.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.analysis.robustness.reference import Reference
from digitnn.data.dataset import Dataset
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.network import Classifier

SEED = 0


@dataclass(frozen=True)
class CorruptionRow:
    """What a classifier did on the images of one corruption.

    relative: its error as a multiple of the reference's; None without a reference.
    """

    corruption: str
    severity: int
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]
    relative: float | None

    def to_json(self) -> dict[str, Any]:
        """As plain builtins."""
        return {**vars(self), "interval": list(self.interval)}


@dataclass(frozen=True)
class CorruptionSummary:
    """All rows, and the figures by which classifiers are ranked.

    mean: of the fifteen accuracies. relative: the mean of the fifteen relative errors, as Hendrycks
    and Dietterich (2019, eq. 1) average theirs; below 1 is more robust than the reference.
    """

    rows: tuple[CorruptionRow, ...]
    reference: Reference | None

    @property
    def mean(self) -> float:
        """The mean accuracy of the corruptions."""
        return sum(row.accuracy for row in self.rows) / len(self.rows)

    @property
    def relative(self) -> float | None:
        """The mean relative error, None where a row has none."""
        known = [row.relative for row in self.rows if row.relative is not None]
        return sum(known) / len(known) if len(known) == len(self.rows) else None

    def to_json(self) -> dict[str, Any]:
        """As plain builtins; the reference by what it was measured on."""
        return {
            "seed": SEED,
            "rows": [row.to_json() for row in self.rows],
            "mean": self.mean,
            "relative": self.relative,
            "reference": self.reference.source if self.reference else None,
        }


def corrupted_splits(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Each corruption's name, and `dataset` with its images so corrupted."""
    for name in CORRUPTIONS:
        yield name, replace(dataset, images=corrupt(dataset.images, name, SEED))


def evaluate_corruptions(
    classifier: Classifier, dataset: Dataset, reference: Reference | None
) -> Iterator[CorruptionRow]:
    """A row for each corruption, as it is measured. Raises `DataError` if there is no image."""
    for name, corrupted in corrupted_splits(dataset):
        evaluation = evaluate(classifier, corrupted)
        expected = reference.errors[name] if reference else 0
        yield CorruptionRow(
            corruption=name,
            severity=CORRUPTIONS[name].severity,
            n=evaluation.n,
            errors=evaluation.errors,
            accuracy=evaluation.accuracy,
            interval=evaluation.interval,
            relative=(1 - evaluation.accuracy) / expected if expected else None,
        )
