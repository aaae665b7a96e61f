"""Evaluate a classifier under the fifteen corruptions of MNIST-C.

The corruptions are applied to the split's own images, with a fixed seed. On the test split this is
the benchmark of Mu and Gilmer (2019) up to its random draws; on the validation split it serves to
choose between recipes. The error of the `cnn` recipe on each corruption, stored in
`reference.json`, is the reference that other networks are measured against.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.data.dataset import Dataset
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.network import Classifier

CORRUPTION_SEED = 0
REFERENCE_FILE = Path(__file__).with_name("reference.json")


@dataclass(frozen=True)
class Reference:
    """Error rates to compare with. errors: by corruption; source: recipe, seeds, machine."""

    errors: Mapping[str, float]
    source: Mapping[str, Any]


def find_reference(fingerprint: str, file: Path = REFERENCE_FILE) -> Reference | None:
    """Return the reference of the split with this `Dataset.fingerprint`, None if there is none."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    for split in stored["splits"]:
        if split["sha256"] == fingerprint:
            mean = 1 - float(sum(split["errors"].values()) / len(split["errors"]))
            source = {**stored["source"], "split": split["split"], "mean": mean}
            return Reference(split["errors"], source)
    return None


@dataclass(frozen=True)
class CorruptionRow:
    """Accuracy of a classifier under one corruption.

    relative: its error divided by the reference's; None without a reference.
    """

    corruption: str
    severity: int
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]
    relative: float | None


@dataclass(frozen=True)
class CorruptionSummary:
    """The rows of all corruptions and their means, by which classifiers are ranked."""

    rows: tuple[CorruptionRow, ...]
    reference: Reference | None

    @property
    def mean(self) -> float:
        """The mean accuracy over the corruptions."""
        return sum(row.accuracy for row in self.rows) / len(self.rows)

    @property
    def relative(self) -> float | None:
        """The mean relative error (Hendrycks and Dietterich 2019, eq. 1); None if a row has none.

        Below 1 the classifier is more robust than the reference.
        """
        known = [row.relative for row in self.rows if row.relative is not None]
        return sum(known) / len(known) if len(known) == len(self.rows) else None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values; the reference is given by its source."""
        return {
            "seed": CORRUPTION_SEED,
            "rows": [asdict(row) for row in self.rows],
            "mean": self.mean,
            "relative": self.relative,
            "reference": self.reference.source if self.reference else None,
        }


def corrupted_splits(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Yield each corruption's name and the corrupted `dataset`."""
    for name in CORRUPTIONS:
        yield name, replace(dataset, images=corrupt(dataset.images, name, CORRUPTION_SEED))


def evaluate_corruptions(
    classifier: Classifier, dataset: Dataset, reference: Reference | None
) -> Iterator[CorruptionRow]:
    """Yield a row for each corruption. Raises `DataError` if there is no image."""
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
