"""Measure a network's robustness: corruptions, sweeps and adversarial attacks on one split."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from digitnn.analysis.robustness.adversarial import (
    MAX_ATTACKED_IMAGES,
    AdversarialRow,
    measure_attacks,
)
from digitnn.analysis.robustness.corrupted import (
    CorruptionRow,
    CorruptionSummary,
    Reference,
    evaluate_corruptions,
    find_reference,
)
from digitnn.analysis.robustness.sweeps import SWEEPS, Curve, Sweep, measure_steps
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.engine import pixel_gradient
from digitnn.evaluation.evaluation import Evaluation
from digitnn.network.network import Classifier
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run


@dataclass(frozen=True)
class StageStart:
    """The start of a part of the measurement, on `n` images.

    reference: the published errors that corruptions are compared with; None for other parts.
    """

    stage: Literal["corruptions", "sweeps", "attacks"]
    n: int
    reference: Reference | None = None


@dataclass(frozen=True)
class SweepPoint:
    """The accuracy at one step of a sweep."""

    sweep: Sweep
    amount: float
    accuracy: float


Record: TypeAlias = StageStart | CorruptionRow | CorruptionSummary | SweepPoint | AdversarialRow
"""What `on_record` receives while the measurement runs."""


@dataclass(frozen=True, eq=False)
class RobustnessResult:
    """Accuracies on changed images; None or empty for a part that was not measured.

    n: number of images; accuracy: on the unchanged images; attacks: also None for an ensemble,
    which has no single gradient.
    """

    n: int
    accuracy: float
    corruptions: CorruptionSummary | None
    curves: tuple[Curve, ...]
    attacks: tuple[AdversarialRow, ...] | None

    def to_json(self) -> dict[str, Any]:
        """Return the measured parts as JSON values; "adversarial" is present if "curves" is."""
        found: dict[str, Any] = {}
        if self.corruptions:
            found["corruptions"] = self.corruptions.to_json()
        if self.curves:
            found["curves"] = [curve.to_json() for curve in self.curves]
            found["adversarial"] = (
                None if self.attacks is None else [asdict(row) for row in self.attacks]
            )
        return found


def measure_robustness(
    run: Trained,
    classifier: Classifier,
    dataset: Dataset,
    unchanged: Evaluation,
    on_record: Callable[[Record], None],
    corruptions: bool = True,
    sweeps_and_attacks: bool = True,
) -> RobustnessResult:
    """Evaluate `classifier` on changed images of `dataset`.

    Args:
        run: the run that `classifier` comes from. The attacks use the gradient of its network and
            are evaluated with the scratch engine.
        unchanged: the evaluation of `classifier` on `dataset` itself.
        on_record: called with each record as soon as it is measured.
    """
    summary, attacks = None, None
    curves: tuple[Curve, ...] = ()
    if corruptions:
        reference = find_reference(dataset.fingerprint())
        on_record(StageStart("corruptions", len(dataset), reference))
        rows = []
        for corruption_row in evaluate_corruptions(classifier, dataset, reference):
            on_record(corruption_row)
            rows.append(corruption_row)
        summary = CorruptionSummary(tuple(rows), reference)
        on_record(summary)
    if sweeps_and_attacks:
        on_record(StageStart("sweeps", len(dataset)))
        curves = tuple(
            _measure_curve(sweep, classifier, dataset, unchanged, on_record)
            for sweep in SWEEPS.values()
        )
        if isinstance(run, Run):
            on_record(StageStart("attacks", min(len(dataset), MAX_ATTACKED_IMAGES)))
            gradient_of = partial(pixel_gradient, run.network, run.params)
            attacked = []
            for attack_row in measure_attacks(run.classifier("scratch"), gradient_of, dataset):
                on_record(attack_row)
                attacked.append(attack_row)
            attacks = tuple(attacked)
    return RobustnessResult(len(dataset), unchanged.accuracy, summary, curves, attacks)


def _measure_curve(
    sweep: Sweep,
    classifier: Classifier,
    dataset: Dataset,
    unchanged: Evaluation,
    on_record: Callable[[Record], None],
) -> Curve:
    accuracies = []
    steps = measure_steps(sweep, classifier, dataset, unchanged)
    for amount, accuracy in zip(sweep.steps, steps, strict=True):
        on_record(SweepPoint(sweep, amount, accuracy))
        accuracies.append(accuracy)
    return Curve(sweep.name, sweep.unit, len(dataset), sweep.steps, tuple(accuracies))
