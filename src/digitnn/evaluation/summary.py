"""The scores of a trained network on one split.

docs/statistics.md defines each figure and names its source.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.data.dataset import DIGITS, Dataset
from digitnn.evaluation.disputed_labels import Disputed, find_disputed, score_disputed
from digitnn.evaluation.evaluation import Evaluation, mean_nats
from digitnn.evaluation.risk_coverage import RiskCoverage, log_odds, measure_risk_coverage
from digitnn.evaluation.scores import (
    Bin,
    ClassScore,
    Mistake,
    bin_confidences,
    brier_score,
    calibration_error,
    find_most_wrong,
    fit_temperature,
    score_classes,
)
from digitnn.wording import count, percent


@dataclass(frozen=True)
class Tempered:
    """The scores of softmax(logits / T).

    in_sample: T was fitted on the same images, not on the validation split, so the scores are
    optimistic.
    """

    in_sample: bool
    loss_nats: float
    brier: float
    calibration_error: float
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        fitted_on = "evaluated images" if self.in_sample else "valid"
        return {"fitted_on": fitted_on, **asdict(self), "bins": [asdict(b) for b in self.bins]}


@dataclass(frozen=True, eq=False)
class EvaluationSummary:
    """An evaluation, with the scores that follow from its logits.

    temperature: fitted on the validation split if there is another one; disputed: None except for
    MNIST's test split.
    """

    evaluation: Evaluation
    brier: float
    calibration_error: float
    bins: tuple[Bin, ...]
    temperature: float
    tempered: Tempered
    classes: tuple[ClassScore, ...]
    risk_coverage: RiskCoverage
    most_wrong: tuple[Mistake, ...]
    disputed: Disputed | None

    @property
    def absent(self) -> tuple[str, ...]:
        """The names of the classes without an image."""
        return tuple(score.name for score in self.classes if not score.images)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON values that `digitnn evaluate --json` prints."""
        counted = self.evaluation.to_json()
        confusion, seconds = counted.pop("confusion"), counted.pop("seconds")
        return {
            **counted,
            "brier": self.brier,
            "calibration_error": self.calibration_error,
            "bins": [asdict(one) for one in self.bins],
            "temperature": self.temperature,
            "tempered": self.tempered.to_json(),
            "per_class": [score.to_json() for score in self.classes],
            "confusion": confusion,
            "risk_coverage": self.risk_coverage.to_json(),
            "most_wrong": [mistake.to_json() for mistake in self.most_wrong],
            "seconds": seconds,
            "disputed": self.disputed.to_json() if self.disputed else None,
        }


def summarise_evaluation(
    evaluation: Evaluation, dataset: Dataset, validation: tuple[Evaluation, Dataset] | None = None
) -> EvaluationSummary:
    """Return every score of the `evaluation` on `dataset`.

    validation: the evaluation of the same classifier on the validation split, on which the
    temperature is fitted; None: it is fitted on `dataset` itself.
    """
    logits, labels = evaluation.logits, dataset.labels
    fitted, fitted_on = validation or (evaluation, dataset)
    temperature = fit_temperature(fitted.logits, fitted_on.labels)
    bins = bin_confidences(logits, labels)
    disputed = find_disputed(dataset.fingerprint())
    right = evaluation.predictions == labels
    return EvaluationSummary(
        evaluation=evaluation,
        brier=brier_score(logits, labels),
        calibration_error=calibration_error(bins),
        bins=bins,
        temperature=temperature,
        tempered=_temper(logits, dataset, temperature, in_sample=validation is None),
        classes=score_classes(evaluation.confusion, dataset.classes),
        risk_coverage=measure_risk_coverage(log_odds(logits), right),
        most_wrong=find_most_wrong(logits, labels),
        disputed=score_disputed(evaluation.predictions, labels, disputed) if disputed else None,
    )


def _temper(
    logits: Float32[ndarray, "n k"], dataset: Dataset, temperature: float, in_sample: bool
) -> Tempered:
    scaled, labels = logits / np.float32(temperature), dataset.labels
    bins = bin_confidences(scaled, labels)
    return Tempered(
        in_sample=in_sample,
        loss_nats=mean_nats(scaled, labels),
        brier=brier_score(scaled, labels),
        calibration_error=calibration_error(bins),
        bins=bins,
    )


def describe_summary(summary: EvaluationSummary) -> list[str]:
    """Return the main results besides the accuracy, one per line."""
    points = summary.risk_coverage.points[1:]
    rates = ", ".join(f"{100 * p.coverage:.0f} %: {percent(p.error)}" for p in points)
    lines = [
        _describe_probabilities(summary),
        f"error rate of the most confident {rates}",
        *_describe_classes(summary),
    ]
    if summary.disputed:
        lines.append(_describe_disputed(summary.disputed))
    return lines


def _describe_probabilities(summary: EvaluationSummary) -> str:
    after = summary.tempered
    where = "the same images (in sample)" if after.in_sample else "validation"
    return (
        f"probabilities: Brier score {summary.brier:.4f}, calibration error "
        f"{percent(summary.calibration_error)}, or {percent(after.calibration_error)} with "
        f"temperature {summary.temperature:.2f}, fitted on {where}"
    )


def _describe_classes(summary: EvaluationSummary) -> list[str]:
    """Return lines on the hardest class, the most common confusion, and absent classes."""
    lines = []
    names = [score.name for score in summary.classes]
    noun = noun_of(names)
    shown = [(score.recall, score) for score in summary.classes if score.recall is not None]
    recall, worst = min(shown, key=lambda pair: pair[0])
    wrong = summary.evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    if wrong.any() and worst.recall_interval is not None:
        i, j = np.unravel_index(wrong.argmax(), wrong.shape)
        low, high = worst.recall_interval
        lines.append(
            f"hardest {noun}: {worst.name}, {percent(recall)} of {worst.images} correct "
            f"({percent(low)} to {percent(high)}); most common mistake: {names[i]} predicted as "
            f"{names[j]}, "
            f"{count(int(wrong[i, j]), 'time')}"
        )
    if absent := summary.absent:
        lines.append(
            f"there is no image of {', '.join(absent)}, and so no score for "
            f"{'these digits' if noun == 'digit' else 'these classes'}"
        )
    return lines


def noun_of(names: Sequence[str]) -> str:
    """Return what the classes are called in texts: "digit", or "class" for any others."""
    return "digit" if tuple(names) == DIGITS else "class"


def _describe_disputed(disputed: Disputed) -> str:
    n = len(disputed.labels)
    return (
        f"disputed labels (Northcutt et al. 2021): {n}; accuracy without these images "
        f"{percent(disputed.without.accuracy)}, with corrected labels "
        f"{percent(disputed.corrected.accuracy)}; of these images {disputed.among.right} of {n} "
        "correct"
    )
