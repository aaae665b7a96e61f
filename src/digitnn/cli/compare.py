"""`digitnn compare`: train recipes and compare their networks on the test split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import AsJson, DataDir, DeviceOption, EpochsOption, ThreadsOption, at_least
from digitnn.cli.progress import fetch_collection, stop_on_interrupt
from digitnn.errors import Interruption

if TYPE_CHECKING:
    from digitnn.analysis.comparison.plan import ComparisonPlan
    from digitnn.runs.experiment import TrainingData
    from digitnn.runs.run import Run

DEFAULT_RECIPES = ["classic", "cnn"]


def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Recipes to train, by name or as TOML files, and runs that are already trained. "
            f"Default: {' and '.join(DEFAULT_RECIPES)}."
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            parser=at_least(1),
            metavar="N",
            help="Networks to train for each recipe, with seeds 0 to N - 1.",
        ),
    ] = 1,
    epochs: EpochsOption = None,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid",
            help="Train each recipe on every engine that supports it, and report the largest "
            "difference of their logits after equal numbers of steps.",
        ),
    ] = False,
    results: Annotated[
        Path, typer.Option("--results", help="The folder for tables and figures.")
    ] = Path("results"),
    runs: Annotated[Path, typer.Option("--runs", help="The folder for the new runs.")] = Path(
        "runs"
    ),
    data_dir: DataDir = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Train recipes and compare their networks.

    Each network is evaluated once on the test split, after all are trained.
    """
    from digitnn.analysis.comparison.comparison import (
        EvaluatedRun,
        check_same_test,
        make_comparison,
    )
    from digitnn.analysis.comparison.plan import COLLECTION, plan_comparison
    from digitnn.analysis.comparison.results_folder import check_writable, write_results
    from digitnn.analysis.comparison.tables import comparison_to_markdown
    from digitnn.data.fetch.sources import load
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure
    from digitnn.runs.evaluate_run import evaluate_and_record
    from digitnn.runs.experiment import load_training_data

    plan = plan_comparison(recipes or DEFAULT_RECIPES, seeds, epochs, grid)
    use_resources(threads, device)
    plan.check_engines()
    new_figure(1, 1)
    check_writable(results)
    fetch_collection(COLLECTION, data_dir)
    data = load_training_data(COLLECTION, data_dir)
    test = load(COLLECTION, "test", data_dir)  # no network sees it before all are trained
    check_same_test(plan.runs, test)
    finished = [*plan.runs, *_train_all(plan, data, runs)]
    gaps = plan.compare_engines(data, say) if grid else None
    evaluated = [EvaluatedRun(run, evaluate_and_record(run, "test", test)) for run in finished]
    comparison = make_comparison(evaluated, test, gaps)
    written = write_results(results, comparison, evaluated, test)
    print_result(comparison, comparison_to_markdown(comparison), as_json)
    say("written: " + ", ".join(str(path) for path in written))


def _train_all(plan: "ComparisonPlan", data: "TrainingData", folder: Path) -> list["Run"]:
    """Train the networks of the plan. After Ctrl-C the runs saved so far are kept."""
    trained: list[Run] = []
    with stop_on_interrupt() as stop:
        for run in plan.train(data, folder, stop.watch):
            trained.append(run)
            if stop.signal_number is not None:
                whole = sum(run.about["complete"] for run in trained)
                raise Interruption(
                    f"interrupted, nothing compared; trained to the end: {whole}, "
                    f"the last run is {trained[-1].path}",
                    stop.signal_number,
                )
    return trained
