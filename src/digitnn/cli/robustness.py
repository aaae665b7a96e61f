"""What `digitnn evaluate --corruptions --robustness` adds: rows on images that were changed."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitnn.cli.console import say
from digitnn.wording import Notify, percent

if TYPE_CHECKING:
    from digitnn.analysis.robustness.adversarial import AdversarialRow
    from digitnn.data.dataset import Dataset
    from digitnn.evaluation.evaluation import Evaluation
    from digitnn.network.network import Classifier
    from digitnn.runs.protocol import Trained

Corruptions = Annotated[
    bool,
    typer.Option("--corruptions", help="Also read the split under MNIST-C's fifteen corruptions."),
]
Robustness = Annotated[
    bool,
    typer.Option(
        "--robustness",
        help="Also read it shifted, turned, resized, thicker, and after adversarial steps.",
    ),
]


def read_changed(
    trained: "Trained",
    classifier: "Classifier",
    dataset: "Dataset",
    evaluation: "Evaluation",
    corruptions: bool,
    robustness: bool,
    notify: Notify,
) -> dict[str, Any]:
    """What was asked for, as plain builtins; each row is told as it comes.

    evaluation: what the classifier did on `dataset` as it is.
    """
    found: dict[str, Any] = {}
    if corruptions:
        found["corruptions"] = _read_corrupted(classifier, dataset, notify)
    if robustness:
        found["curves"] = _read_sweeps(classifier, dataset, evaluation, notify)
        found["adversarial"] = _read_attacked(trained, dataset, notify)
    return found


def _read_corrupted(classifier: "Classifier", dataset: "Dataset", notify: Notify) -> dict[str, Any]:
    from digitnn.analysis.robustness.corrupted import (
        CorruptionRow,
        CorruptionSummary,
        evaluate_corruptions,
    )
    from digitnn.analysis.robustness.reference import find_reference

    reference = find_reference(dataset.fingerprint())
    name = reference.source["recipe"] if reference else ""
    head = f"error relative to {name}" if reference else ""
    notify(f"\n{'corruption':14} severity  accuracy  95 % interval       {head}".rstrip())

    def told() -> Iterator[CorruptionRow]:
        for row in evaluate_corruptions(classifier, dataset, reference):
            relative = f"  {row.relative:6.2f}" if row.relative is not None else ""
            notify(
                f"{row.corruption:14} {row.severity:8}  {percent(row.accuracy):>8}  "
                f"{_interval(row.interval)}{relative}"
            )
            yield row

    summary = CorruptionSummary(tuple(told()), reference)
    mean = f"{'mean of 15':14} {'':8}  {percent(summary.mean):>8}"
    if reference and summary.relative is not None:
        seeds = len(reference.source["seeds"])
        mean += (
            f"  {'':18}  {summary.relative:6.2f}\n"
            f"the reference: {name}, mean of {seeds} seeds, {percent(reference.source['mean'])}"
        )
    notify(mean)
    return summary.to_json()


def _read_sweeps(
    classifier: "Classifier", dataset: "Dataset", evaluation: "Evaluation", notify: Notify
) -> list[dict[str, Any]]:
    from digitnn.analysis.robustness.sweeps import SWEEPS, Curve, measure_steps

    curves = []
    for sweep in SWEEPS.values():
        notify(f"\n{sweep.name}, {sweep.unit}")
        found = []
        measured = measure_steps(sweep, classifier, dataset, evaluation)
        for step, accuracy in zip(sweep.steps, measured, strict=True):
            notify(f"{step:8g}  {percent(accuracy):>8}")
            found.append(accuracy)
        curve = Curve(sweep.name, sweep.unit, len(dataset), sweep.steps, tuple(found))
        curves.append(curve.to_json())
    return curves


def _read_attacked(
    trained: "Trained", dataset: "Dataset", notify: Notify
) -> list[dict[str, Any]] | None:
    from digitnn.analysis.robustness.adversarial import attack
    from digitnn.engines.scratch.input_gradient import pixel_gradient
    from digitnn.runs.run import Run

    if not isinstance(trained, Run):
        say("no adversarial steps: an ensemble has no one gradient; name one of its members")
        return None
    notify("\nattack  epsilon of 255  steps  images  accuracy  95 % interval")
    rows = []
    gradient = partial(pixel_gradient, trained.network, trained.params)
    for row in attack(trained.classifier("scratch"), gradient, dataset):
        notify(_adversarial_line(row))
        rows.append(row.to_json())
    return rows


def _adversarial_line(row: "AdversarialRow") -> str:
    return (
        f"{row.attack:6}  {row.epsilon:14}  {row.steps:5}  {row.n:6}  {percent(row.accuracy):>8}  "
        f"{_interval(row.interval)}"
    )


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:6.2f} to {percent(high):>8}"
