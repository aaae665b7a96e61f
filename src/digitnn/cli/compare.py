"""`digitnn compare`: the main job."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, DataDir, Device, Epochs, Threads, at_least

if TYPE_CHECKING:
    from digitnn.recipes.recipe import EngineName, Recipe
    from digitnn.runs.experiment import TrainingData
    from digitnn.runs.run import Run
    from digitnn.training.records import Record
    from digitnn.training.training import Training

DEFAULT_RECIPES = ["classic", "cnn"]


def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(help="Recipes to compare, by name or as TOML files, and runs as they are."),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", parser=at_least(1), metavar="N", help="Networks to train of each recipe."
        ),
    ] = 1,
    epochs: Epochs = None,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid",
            help="Train each recipe on every engine that can, and tell how far equal steps part.",
        ),
    ] = False,
    results: Annotated[
        Path, typer.Option("--results", help="The folder for tables and figures.")
    ] = Path("results"),
    runs: Annotated[Path, typer.Option("--runs", help="The folder for the new runs.")] = Path(
        "runs"
    ),
    data_dir: DataDir = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train the recipes, evaluate each network once on the test split, and compare."""
    from digitnn.analysis.comparison.comparison import (
        EvaluatedRun,
        check_same_test,
        make_comparison,
    )
    from digitnn.analysis.comparison.markdown import comparison_to_markdown
    from digitnn.analysis.comparison.results_folder import check_writable, write_results
    from digitnn.data.fetch.sources import load
    from digitnn.engines.find import find_engine
    from digitnn.errors import UsageError
    from digitnn.evaluation.evaluation import evaluate
    from digitnn.machine.resources import use_resources
    from digitnn.plotting import new_figure
    from digitnn.recipes.builtin import RECIPES
    from digitnn.recipes.toml_reader import choose_recipes
    from digitnn.runs.ensembles import load_run
    from digitnn.runs.experiment import load_training_data
    from digitnn.runs.readings import record_reading
    from digitnn.runs.run import is_run

    words = list(dict.fromkeys(recipes or DEFAULT_RECIPES))
    ready = [load_run(word) for word in words if word not in RECIPES and is_run(Path(word))]
    for run in ready:
        if (collection := run.about["data"]["collection"]) != "mnist":
            raise UsageError(f"{run.path} was trained on {collection}; mnist is compared here")
    paths = [str(run.path) for run in ready]
    named = choose_recipes([word for word in words if str(Path(word)) not in paths])
    chosen = [recipe.with_epochs(epochs) for recipe in named]
    pairs = [(r, name) for r in chosen for name in (r.engines if grid else r.engines[:1])]
    use_resources(threads, device)
    for _, engine in pairs:  # whatever is missing should be said before an hour of training
        find_engine(engine)
    for run in ready:
        run.classifier()
    new_figure(1, 1)
    check_writable(results)
    ensure("mnist", data_dir)
    data = load_training_data("mnist", data_dir)
    test = load("mnist", "test", data_dir)  # loaded now, read by nobody before all is trained
    check_same_test(ready, test)
    trained = [*ready, *_train_all(pairs, range(seeds), data, runs)]
    gaps = _compare_engines(chosen, data) if grid else None
    evaluated = []
    for run in trained:
        evaluation = evaluate(run.classifier(), test, str(run.path))
        record_reading(run, "test", evaluation, test)
        evaluated.append(EvaluatedRun(run, evaluation))
    comparison = make_comparison(evaluated, test, gaps)
    written = write_results(results, comparison, evaluated, test)
    if as_json:
        print_json(comparison)
    else:
        print_text(comparison_to_markdown(comparison))
    say("written: " + ", ".join(str(path) for path in written))


def _compare_engines(recipes: Sequence["Recipe"], data: "TrainingData") -> list[dict[str, Any]]:
    """The grid: every two engines of each recipe side by side, from seed 0."""
    from digitnn.analysis.comparison.lockstep import compare_engines
    from digitnn.runs.experiment import learned_from

    grid = []
    for recipe in recipes:
        say(f"{recipe.name}: equal steps on {' and '.join(recipe.engines)}")
        grid += compare_engines(recipe, learned_from(recipe, data), data.valid, seed=0)
    return grid


def _train_all(
    pairs: Sequence[tuple["Recipe", "EngineName"]],
    seeds: Sequence[int],
    data: "TrainingData",
    folder: Path,
) -> list["Run"]:
    """A run for each recipe, engine and seed. Ctrl-C keeps what is trained."""
    from digitnn.cli.interruption import stop_on_interrupt, until
    from digitnn.cli.progress import follow
    from digitnn.errors import Interruption
    from digitnn.runs.experiment import run_experiment
    from digitnn.runs.run import default_path

    trained: list[Run] = []
    with stop_on_interrupt() as stop:
        for recipe, engine in pairs:
            for seed in seeds:
                title = f"{recipe.name} ({engine})" + (f", seed {seed}" if len(seeds) > 1 else "")

                def watch(training: "Training", title: str = title) -> Iterable["Record"]:
                    return until(stop, follow(training, title))

                out = folder / default_path(recipe.name, engine, seed).name
                trained.append(run_experiment(recipe, engine, seed, data, out, watch))
                if stop.signal_number is not None:
                    whole = sum(run.about["complete"] for run in trained)
                    raise Interruption(
                        f"interrupted, nothing compared; trained to the end: {whole}, "
                        f"the last run is {trained[-1].path}",
                        stop.signal_number,
                    )
    return trained
