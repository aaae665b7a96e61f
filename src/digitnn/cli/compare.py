"""`digitnn compare`: the main job."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Epochs, at_least

if TYPE_CHECKING:
    from digitnn.experiment import TrainingData
    from digitnn.recipes import Recipe
    from digitnn.runs import Run
    from digitnn.training import Record, Training

DEFAULT_RECIPES = ["classic", "cnn"]


def compare(
    recipes: Annotated[
        list[str] | None, typer.Argument(help="Recipes to compare: classic and cnn if absent.")
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", parser=at_least(1), metavar="N", help="Networks to train of each recipe."
        ),
    ] = 1,
    epochs: Epochs = None,
    results: Annotated[
        Path, typer.Option("--results", help="The folder for tables and figures.")
    ] = Path("results"),
    runs: Annotated[Path, typer.Option("--runs", help="The folder for the new runs.")] = Path(
        "runs"
    ),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Train the recipes, evaluate each network once on the test split, and compare."""
    from digitnn.comparison import Evaluated, make_comparison, to_markdown
    from digitnn.engines import find_engine
    from digitnn.evaluation import evaluate
    from digitnn.experiment import load_training_data
    from digitnn.recipes import find_recipe
    from digitnn.report import new_figure
    from digitnn.results import check_writable, write_results
    from digitnn.runs import record_reading
    from digitnn.sources import load

    chosen = [find_recipe(name).with_epochs(epochs) for name in recipes or DEFAULT_RECIPES]
    for recipe in chosen:  # whatever is missing should be said before an hour of training
        find_engine(recipe.engine(None))
    new_figure(1, 1)
    check_writable(results)
    ensure("mnist", data_dir)
    trained = _train_all(chosen, range(seeds), load_training_data("mnist", data_dir), runs)
    test = load("mnist", "test", data_dir)
    evaluated = []
    for run in trained:
        report = evaluate(run.classifier(), test)
        record_reading(run, "test", report)
        evaluated.append(Evaluated(run, report))
    comparison = make_comparison(evaluated, test)
    written = write_results(results, comparison, evaluated, test)
    if as_json:
        print_json(comparison)
    else:
        print_text(to_markdown(comparison))
    say("written: " + ", ".join(str(path) for path in written))


def _train_all(
    recipes: Sequence["Recipe"], seeds: Sequence[int], data: "TrainingData", folder: Path
) -> list["Run"]:
    """A run for each recipe and seed. Ctrl-C keeps those that are trained and exits with 130."""
    from digitnn.cli.interruption import stop_on_interrupt, until
    from digitnn.cli.progress import follow
    from digitnn.experiment import run_experiment
    from digitnn.runs import default_path

    trained: list[Run] = []
    with stop_on_interrupt() as stop:
        for recipe in recipes:
            engine = recipe.engine(None)
            for seed in seeds:

                def watch(training: "Training") -> Iterable["Record"]:
                    which = f", seed {training.seed}" if len(seeds) > 1 else ""
                    return until(stop, follow(training, training.recipe.name + which))

                out = folder / default_path(recipe.name, engine, seed).name
                trained.append(run_experiment(recipe, engine, seed, data, out, watch))
                if stop.is_set():
                    say(f"interrupted; no comparison. Trained so far: {len(trained)}, in {folder}")
                    raise typer.Exit(130)
    return trained
