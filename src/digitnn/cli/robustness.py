"""Print the rows of `digitnn evaluate --corruptions --robustness` as they are measured."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitnn.cli.console import say
from digitnn.wording import Notify, percent

if TYPE_CHECKING:
    from digitnn.analysis.robustness.corrupted import CorruptionSummary
    from digitnn.analysis.robustness.measure import Record
    from digitnn.data.dataset import Dataset
    from digitnn.evaluation.evaluation import Evaluation
    from digitnn.network.network import Classifier
    from digitnn.runs.protocol import Trained

Corruptions = Annotated[
    bool,
    typer.Option("--corruptions", help="Also evaluate on MNIST-C's fifteen corruptions."),
]
Robustness = Annotated[
    bool,
    typer.Option(
        "--robustness",
        help="Also evaluate on shifted, rotated, resized, thickened and adversarial images.",
    ),
]


def measure_and_print(
    trained: "Trained",
    classifier: "Classifier",
    dataset: "Dataset",
    unchanged: "Evaluation",
    corruptions: bool,
    robustness: bool,
    notify: Notify,
) -> dict[str, Any]:
    """Print a line for each record and return all of them as JSON values."""
    if not corruptions and not robustness:
        return {}
    from digitnn.analysis.robustness.measure import measure_robustness

    def show(record: "Record") -> None:
        if line := _line_of(record):
            notify(line)

    result = measure_robustness(
        trained, classifier, dataset, unchanged, show, corruptions, robustness
    )
    if robustness and result.attacks is None:
        say("no adversarial attacks: an ensemble has no single gradient; name one of its members")
    return result.to_json()


def _line_of(record: "Record") -> str:
    from digitnn.analysis.robustness.adversarial import AdversarialRow
    from digitnn.analysis.robustness.corrupted import CorruptionRow, CorruptionSummary
    from digitnn.analysis.robustness.measure import StageStart, SweepPoint

    match record:
        case StageStart(stage="corruptions", reference=reference):
            name = f"error relative to {reference.source['recipe']}" if reference else ""
            return f"\n{'corruption':14} severity  accuracy  95 % interval       {name}".rstrip()
        case CorruptionRow():
            relative = f"  {record.relative:6.2f}" if record.relative is not None else ""
            return (
                f"{record.corruption:14} {record.severity:8}  {percent(record.accuracy):>8}  "
                f"{_interval(record.interval)}{relative}"
            )
        case CorruptionSummary():
            return _mean_line(record)
        case SweepPoint(sweep=sweep):
            head = f"\n{sweep.name}, {sweep.unit}\n" if record.amount == sweep.steps[0] else ""
            return f"{head}{record.amount:8g}  {percent(record.accuracy):>8}"
        case StageStart(stage="attacks"):
            return "\nattack  epsilon of 255  steps  images  accuracy  95 % interval"
        case AdversarialRow():
            return (
                f"{record.attack:6}  {record.epsilon:14}  {record.steps:5}  {record.n:6}  "
                f"{percent(record.accuracy):>8}  {_interval(record.interval)}"
            )
    return ""


def _mean_line(summary: "CorruptionSummary") -> str:
    line = f"{'mean of 15':14} {'':8}  {percent(summary.mean):>8}"
    if summary.reference and summary.relative is not None:
        source = summary.reference.source
        line += (
            f"  {'':18}  {summary.relative:6.2f}\nthe reference: {source['recipe']}, "
            f"mean of {len(source['seeds'])} seeds, {percent(source['mean'])}"
        )
    return line


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:6.2f} to {percent(high):>8}"
