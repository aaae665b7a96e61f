"""`digitnn evaluate`: how good a trained network is, and how robust."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.options import AsJson, DataDir, DeviceOption, EngineOption, ThreadsOption
from digitnn.cli.progress import fetch_collection
from digitnn.errors import RunError, UsageError
from digitnn.wording import Notify, count, percent

if TYPE_CHECKING:
    from digitnn.analysis.comparison.external_data import PartAccuracy
    from digitnn.analysis.robustness.corrupted import CorruptionSummary
    from digitnn.analysis.robustness.measure import Record
    from digitnn.network.network import Classifier
    from digitnn.runs.ensembles import Trained
    from digitnn.runs.evaluate_run import RecordedEvaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run or an ensemble.")],
    split: Annotated[
        Literal["valid", "test"] | None,
        typer.Option("--split", help="The split to evaluate on. Default: valid."),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            "--on",
            metavar="PATH",
            help="Evaluate on other labelled images instead of a split: an IDX file of images "
            "(also QMNIST's), or any data that --data-dir takes, whose test part is used.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="With --on: the IDX file of labels. Default: the file in the same folder with "
            "'labels' instead of 'images' in its name.",
        ),
    ] = None,
    engine: EngineOption = None,
    corruptions: Annotated[
        bool,
        typer.Option("--corruptions", help="Also evaluate on MNIST-C's fifteen corruptions."),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also evaluate on shifted, rotated, resized, thickened and adversarial images.",
        ),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="FOLDER",
            help="Also draw a reliability diagram, a risk-coverage curve and a confusion matrix "
            "into this folder.",
        ),
    ] = None,
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Evaluate a run on a split, and print its accuracy and other scores.

    Every evaluation is recorded in the run's report.json.
    """
    from digitnn.analysis.comparison.external_data import (
        EXTERNAL_SPLIT,
        count_images_of_splits,
        evaluate_qmnist_parts,
    )
    from digitnn.machine.resources import use_resources
    from digitnn.runs.ensembles import load_run
    from digitnn.runs.evaluate_run import evaluate_run, load_split_of, read_external

    if figures is not None:
        _check_can_draw(figures)
    _check_options(split, on, labels)
    use_resources(threads, device)
    trained = load_run(run)
    classifier = trained.classifier(engine)
    external = read_external(trained, on, labels) if on else None
    found = fetch_collection(trained.about["data"]["collection"], data_dir)
    shared: dict[str, int] = {}
    if external is None:
        name: str = split or "valid"
        dataset = load_split_of(trained, name, data_dir)
    else:
        name, dataset = EXTERNAL_SPLIT, external
        shared = count_images_of_splits(trained, dataset, "test" in found.parts, data_dir)
    recorded = evaluate_run(trained, name, dataset, classifier, data_dir, shared)
    qmnist_parts = evaluate_qmnist_parts(dataset, recorded.evaluation.predictions)
    if not as_json:
        print_text(_to_text(recorded, shared, qmnist_parts))
    notify = say if as_json else print_text
    robustness_values = _print_robustness(
        trained, classifier, recorded, corruptions, robustness, notify
    )
    drawn = _draw(trained, recorded, figures) if figures else []
    if as_json:
        value = _to_json(run, recorded, shared, qmnist_parts) | robustness_values
        print_json(value | ({"figures": drawn} if figures else {}))
    elif drawn:
        print_text("\n".join(drawn))


def _check_options(split: str | None, on: Path | None, labels: Path | None) -> None:
    """Raise `UsageError` for options that contradict each other."""
    if on is not None and split is not None:
        raise UsageError("--on and --split name different images: give only one of them")
    if labels is not None and on is None:
        raise UsageError("--labels names the labels of the images of --on: give both options")


def _check_can_draw(folder: Path) -> None:
    """Raise unless matplotlib is installed and `folder` is writable; call it before evaluating."""
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.plotting import new_figure

    new_figure(1, 1)
    check_writable(folder, "--figures")


def _to_text(
    recorded: "RecordedEvaluation",
    shared: Mapping[str, int],
    qmnist_parts: "Sequence[PartAccuracy]",
) -> str:
    """Return a line about the accuracy, the lines about external data, and the other scores."""
    from digitnn.analysis.comparison.external_data import EXTERNAL_SPLIT, describe_external
    from digitnn.evaluation.summary import describe_summary

    evaluation, split = recorded.evaluation, recorded.split
    external = split == EXTERNAL_SPLIT
    low, high = evaluation.interval
    headline = (
        f"{recorded.dataset.name if external else split} accuracy {percent(evaluation.accuracy)} "
        f"(95 % Wilson interval {percent(low)} to {percent(high)}), "
        f"{evaluation.errors} of {evaluation.n:,} wrong, loss {evaluation.loss_nats:.4f} nats, "
        f"{evaluation.seconds:.2f} s; this run has been evaluated on "
        f"{'these images' if external else f'the {split} split'} {count(recorded.reads, 'time')}"
    )
    return "\n".join(
        [headline, *describe_external(shared, qmnist_parts), *describe_summary(recorded.summary)]
    )


def _to_json(
    run: Path,
    recorded: "RecordedEvaluation",
    shared: Mapping[str, int],
    qmnist_parts: "Sequence[PartAccuracy]",
) -> dict[str, Any]:
    from digitnn.analysis.comparison.external_data import EXTERNAL_SPLIT

    value: dict[str, Any] = {
        "schema": 1,
        "run": str(run),
        "split": recorded.split,
        "reads": recorded.reads,
        "test_reads": recorded.test_reads,
    }
    if recorded.split == EXTERNAL_SPLIT:
        dataset = recorded.dataset
        value["data"] = {"name": dataset.name, "sha256": dataset.fingerprint()}
        value |= {"shared": dict(shared), "qmnist": [vars(part) for part in qmnist_parts]}
    return value | recorded.summary.to_json()


def _draw(trained: "Trained", recorded: "RecordedEvaluation", folder: Path) -> list[str]:
    """Write each figure in one piece, and return their paths."""
    from digitnn.analysis.comparison.comparison import EvaluatedRun
    from digitnn.analysis.comparison.confidence_figures import draw_reliability, draw_risk_coverage
    from digitnn.analysis.comparison.figures import draw_confusions
    from digitnn.plotting import write_figure

    drawn = {
        folder / "reliability.png": draw_reliability(recorded.summary),
        folder / "risk-coverage.png": draw_risk_coverage(recorded.summary),
        folder / "confusion.png": draw_confusions([EvaluatedRun(trained, recorded.evaluation)]),
    }
    for path, figure in drawn.items():
        try:
            write_figure(path, figure)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror or error}") from None
    return [str(path) for path in drawn]


def _print_robustness(
    trained: "Trained",
    classifier: "Classifier",
    recorded: "RecordedEvaluation",
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

    dataset, unchanged = recorded.dataset, recorded.evaluation
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
