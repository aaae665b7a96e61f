"""`digitnn evaluate`: how good a trained network is."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Device, Threads
from digitnn.cli.robustness import Corruptions, Robustness, read_changed
from digitnn.cli.talk import say


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run, or an ensemble of them.")],
    split: Annotated[
        Literal["valid", "test"], typer.Option("--split", help="Which images to read.")
    ] = "valid",
    engine: Annotated[
        str | None, typer.Option("--engine", help="scratch or pytorch; the run's own if absent.")
    ] = None,
    corruptions: Corruptions = False,
    robustness: Robustness = False,
    data_dir: DataDir = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Read a split with a trained network and count. Every reading is noted in the run."""
    from digitnn.ensembles import load_run
    from digitnn.evaluation import evaluate as evaluate_on
    from digitnn.experiment import load_split_of
    from digitnn.resources import use_resources
    from digitnn.runs import record_reading, report_to_json
    from digitnn.wording import percent

    use_resources(threads, device)
    trained = load_run(run)
    classifier = trained.classifier(engine)
    ensure(trained.about["data"]["collection"], data_dir)
    dataset = load_split_of(trained, split, data_dir)
    report = evaluate_on(classifier, dataset)
    times = record_reading(trained, split, report)
    if as_json:
        value = {"schema": 1, "run": str(run), "split": split, "reads": times}
        changed = read_changed(trained, classifier, dataset, corruptions, robustness, say)
        print_json(value | report_to_json(report) | changed)
        return
    low, high = report.interval
    print_text(
        f"{split} accuracy {percent(report.accuracy)} "
        f"(95 % Wilson interval {percent(low)} to {percent(high)}), "
        f"{report.errors} of {report.n:,} wrong, loss {report.loss_nats:.4f} nats, "
        f"{report.seconds:.2f} s; this run has read the {split} split {times} "
        f"time{'s' if times > 1 else ''}"
    )
    read_changed(trained, classifier, dataset, corruptions, robustness, print_text)
