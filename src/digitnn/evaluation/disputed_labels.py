"""Disputed labels of MNIST's test split: those that a majority of five reviewers did not confirm.

Northcutt, Athalye and Mueller ("Pervasive Label Errors in Test Sets Destabilize Machine Learning
Benchmarks", NeurIPS 2021 Datasets and Benchmarks) let an algorithm select 100 suspects among the
10,000 images. Five crowd workers saw each, with the given label and the one the algorithm proposed.
For 15 images fewer than three workers confirmed the given label. For ten of these, three or more
chose the proposed label; the other five have no majority. The votes are in the repository
cleanlab/label-errors, file mturk/mnist_mturk.json, commit 5457895eee26.

The workers were not experts, and 9,900 images were not reviewed: the list is not complete.
Axes: n images.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.evaluation.statistics import Interval, wilson_interval

SOURCE = (
    "Northcutt, Athalye and Mueller 2021, Pervasive Label Errors in Test Sets Destabilize "
    "Machine Learning Benchmarks; github.com/cleanlab/label-errors, mturk/mnist_mturk.json"
)
MNIST_TEST = "26120b4578752d7d87c2cb6601f15f4b0efd4dd7947b156b4f7aa2d35f931d2f"
"""The fingerprint of the test split that the indices refer to."""


@dataclass(frozen=True)
class DisputedLabel:
    """An image, by its index in the test split, and the votes of five workers.

    given: the label; given_votes: for that label; proposed, proposed_votes: likewise for the
    proposed label; the remaining votes are for neither.
    """

    index: int
    given: int
    given_votes: int
    proposed: int
    proposed_votes: int

    @property
    def correction(self) -> int | None:
        """The label that the majority chose instead, if any."""
        return self.proposed if self.proposed_votes >= 3 else None


DISPUTED = (
    DisputedLabel(947, 8, 0, 9, 5),
    DisputedLabel(1621, 0, 2, 6, 3),
    DisputedLabel(1901, 9, 2, 4, 3),
    DisputedLabel(2130, 4, 2, 9, 2),
    DisputedLabel(2462, 2, 0, 0, 4),
    DisputedLabel(2597, 5, 0, 3, 4),
    DisputedLabel(2654, 6, 0, 1, 2),
    DisputedLabel(3520, 6, 2, 4, 0),
    DisputedLabel(3558, 5, 1, 0, 4),
    DisputedLabel(5937, 5, 1, 3, 3),
    DisputedLabel(6651, 0, 0, 6, 5),
    DisputedLabel(6783, 1, 2, 6, 3),
    DisputedLabel(8527, 4, 2, 9, 2),
    DisputedLabel(9679, 6, 2, 3, 0),
    DisputedLabel(9729, 5, 2, 6, 3),
)


@dataclass(frozen=True)
class Proportion:
    """The accuracy `right` / `n`, with its 95 % Wilson interval."""

    n: int
    right: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Disputed:
    """The accuracy under three treatments of the disputed labels.

    among: on these images alone, as labelled; without: on all others; corrected: with the labels of
    the majority, without the images that have none.
    """

    labels: tuple[DisputedLabel, ...]
    among: Proportion
    without: Proportion
    corrected: Proportion

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "source": SOURCE,
            "indices": [label.index for label in self.labels],
            "labels": [asdict(label) | {"correction": label.correction} for label in self.labels],
            "among": asdict(self.among),
            "without": asdict(self.without),
            "corrected": asdict(self.corrected),
        }


def find_disputed(sha256: str) -> tuple[DisputedLabel, ...]:
    """Return the disputed labels of the data with this fingerprint: none but for MNIST's test."""
    return DISPUTED if sha256 == MNIST_TEST else ()


def score_disputed(
    predictions: UInt8[ndarray, " n"],
    labels: UInt8[ndarray, " n"],
    disputed: tuple[DisputedLabel, ...],
) -> Disputed:
    """Return the accuracy on `disputed`, at least one label, without them, and corrected."""
    places = [one.index for one in disputed]
    right = predictions == labels
    rest = np.delete(right, places)
    corrected = [
        bool(predictions[one.index] == one.correction)
        for one in disputed
        if one.correction is not None
    ]
    return Disputed(
        labels=disputed,
        among=_proportion(right[places]),
        without=_proportion(rest),
        corrected=_proportion(np.concatenate([rest, corrected])),
    )


def _proportion(right: ndarray) -> Proportion:
    n, count = len(right), int(np.count_nonzero(right))
    return Proportion(n, count, count / n, wilson_interval(count, n))
