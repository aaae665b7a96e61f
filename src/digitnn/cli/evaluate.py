"""`digitnn evaluate`: how good a trained network is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.external import Labels, On, check_options, count_known
from digitnn.cli.external import describe as describe_external
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Device, Threads
from digitnn.cli.robustness import Corruptions, Robustness, measure_and_print

if TYPE_CHECKING:
    from digitnn.evaluation.summary import EvaluationSummary
    from digitnn.runs.protocol import Trained


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run, or an ensemble of them.")],
    split: Annotated[
        Literal["valid", "test"] | None,
        typer.Option("--split", help="Which images to read; valid if absent."),
    ] = None,
    on: On = None,
    labels: Labels = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="scratch or pytorch; the run's own if absent.")
    ] = None,
    corruptions: Corruptions = False,
    robustness: Robustness = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="FOLDER",
            help="Also draw reliability, risk and coverage, and confusions into a folder.",
        ),
    ] = None,
    data_dir: DataDir = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Read a split with a trained network and tell all there is to tell. It is noted in the run."""
    from digitnn.analysis.comparison.external_data import EXTERNAL_SPLIT, qmnist_shares
    from digitnn.data.formats.labelled import read_labelled
    from digitnn.evaluation.evaluation import evaluate as evaluate_on
    from digitnn.evaluation.summary import describe_summary, summarise_evaluation
    from digitnn.machine.resources import use_resources
    from digitnn.runs.ensembles import load_run
    from digitnn.runs.experiment import load_split_of
    from digitnn.runs.readings import count_readings, read_readings, record_reading
    from digitnn.wording import count, percent

    if figures is not None:
        _check_drawable(figures)
    check_options(split, on, labels)
    use_resources(threads, device)
    trained = load_run(run)
    classifier = trained.classifier(engine)
    elsewhere = read_labelled(on, labels) if on else None
    found = ensure(trained.about["data"]["collection"], data_dir)
    shared: dict[str, int] = {}
    if elsewhere is None:
        name: str = split or "valid"
        dataset = load_split_of(trained, name, data_dir)
    else:
        name, dataset = EXTERNAL_SPLIT, elsewhere
        shared = count_known(trained, dataset, found, data_dir)
    evaluation = evaluate_on(classifier, dataset, str(trained.path))
    validation = None
    if name != "valid":  # the temperature is fitted where the labels asked for are not seen
        valid = load_split_of(trained, "valid", data_dir)
        validation = evaluate_on(classifier, valid, str(trained.path)), valid
    evaluation_summary = summarise_evaluation(evaluation, dataset, validation)
    shares = qmnist_shares(dataset, evaluation.predictions)
    times = record_reading(trained, name, evaluation, dataset, shared)
    if as_json:
        tests = count_readings(read_readings(trained.path), "test")
        value = {"schema": 1, "run": str(run), "split": name, "reads": times, "test_reads": tests}
        if elsewhere is not None:
            value["data"] = {"name": dataset.name, "sha256": dataset.fingerprint()}
            value |= {"shared": shared, "qmnist": [share.to_json() for share in shares]}
        changed = measure_and_print(
            trained, classifier, dataset, evaluation, corruptions, robustness, say
        )
        drawn = {"figures": _draw(trained, evaluation_summary, figures)} if figures else {}
        print_json(value | evaluation_summary.to_json() | changed | drawn)
        return
    low, high = evaluation.interval
    first = (
        f"{name if elsewhere is None else dataset.name} accuracy {percent(evaluation.accuracy)} "
        f"(95 % Wilson interval {percent(low)} to {percent(high)}), "
        f"{evaluation.errors} of {evaluation.n:,} wrong, loss {evaluation.loss_nats:.4f} nats, "
        f"{evaluation.seconds:.2f} s; this run has read "
        f"{f'the {name} split' if elsewhere is None else 'these images'} {count(times, 'time')}"
    )
    print_text(
        "\n".join(
            [first, *describe_external(shared, shares), *describe_summary(evaluation_summary)]
        )
    )
    measure_and_print(trained, classifier, dataset, evaluation, corruptions, robustness, print_text)
    if figures:
        print_text("\n".join(_draw(trained, evaluation_summary, figures)))


def _check_drawable(folder: Path) -> None:
    """Raise unless figures can be drawn and written to `folder`; call it before a split is read."""
    from digitnn.analysis.comparison.results_folder import check_writable
    from digitnn.plotting import new_figure

    new_figure(1, 1)
    check_writable(folder, "--figures")


def _draw(trained: "Trained", evaluation_summary: "EvaluationSummary", folder: Path) -> list[str]:
    """Write the figures, each whole or not at all; their paths."""
    from digitnn.analysis.comparison.comparison import EvaluatedRun
    from digitnn.analysis.comparison.confidence_figures import draw_reliability, draw_risk_coverage
    from digitnn.analysis.comparison.figures import draw_confusions
    from digitnn.errors import RunError
    from digitnn.plotting import write_figure

    drawn = {
        folder / "reliability.png": draw_reliability(evaluation_summary),
        folder / "risk-coverage.png": draw_risk_coverage(evaluation_summary),
        folder / "confusion.png": draw_confusions(
            [EvaluatedRun(trained, evaluation_summary.evaluation)]
        ),
    }
    for path, figure in drawn.items():
        try:
            write_figure(path, figure)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror or error}") from None
    return [str(path) for path in drawn]
