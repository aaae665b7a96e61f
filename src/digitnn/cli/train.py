"""`digitnn train`."""

from typing import Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import AsJson, Collection, DataDir, Epochs, Out, Seed, SplitSeed


def train(
    recipe: Annotated[
        str, typer.Argument(help="A name that `digitnn recipes` lists, or a TOML file.")
    ],
    engine: Annotated[
        str | None, typer.Option("--engine", help="scratch or pytorch; the recipe's own if absent.")
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Out = None,
    data: Collection = "mnist",
    data_dir: DataDir = None,
    split_seed: SplitSeed = None,
    as_json: AsJson = False,
) -> None:
    """Train one network. Ctrl-C ends it early and keeps what it has learned."""
    from digitnn.cli.interruption import stop_on_interrupt, until
    from digitnn.cli.progress import follow
    from digitnn.engines import find_engine
    from digitnn.errors import Interruption
    from digitnn.experiment import load_training_data, run_experiment
    from digitnn.recipe_files import choose_recipe
    from digitnn.runs import check_free
    from digitnn.wording import percent

    chosen = choose_recipe(recipe).with_epochs(epochs)
    chosen_engine = chosen.engine(engine)
    find_engine(chosen_engine)
    if out is not None:
        check_free(out)
    ensure(data, data_dir)
    parts = load_training_data(data, data_dir, split_seed)
    with stop_on_interrupt() as stop:
        title = f"{chosen.name} ({chosen_engine})"
        run = run_experiment(
            chosen, chosen_engine, seed, parts, out, lambda t: until(stop, follow(t, title))
        )
    last = run.history[-1] if run.history else None
    if as_json:
        print_json(
            {
                "schema": 1,
                "run": str(run.path),
                "complete": run.about["complete"],
                "epochs": run.about["epochs"],
                "seconds": run.about["seconds"],
                "valid_accuracy": last.valid_accuracy if last else None,
            }
        )
    else:
        print_text(str(run.path))
    if not run.about["complete"]:
        raise Interruption(
            f"interrupted after {len(run.history)} of {chosen.epochs} epochs; "
            f"the network as it was then is in {run.path}"
        )
    if last:
        say(f"validation accuracy {percent(last.valid_accuracy)} after {last.seconds:.1f} s")
