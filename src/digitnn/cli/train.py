"""`digitnn train`."""

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.cli.console import print_json, print_text, say
from digitnn.cli.fetching import ensure
from digitnn.cli.options import (
    AsJson,
    CheckpointEvery,
    Collection,
    DataDir,
    Device,
    Epochs,
    Keep,
    MaxSeconds,
    Out,
    Patience,
    Resume,
    Seed,
    Snapshots,
    SplitSeed,
    TensorBoard,
    Threads,
)

if TYPE_CHECKING:
    from digitnn.training.records import EpochRecord, Record
    from digitnn.training.training import Training


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
    max_seconds: MaxSeconds = None,
    patience: Patience = None,
    keep: Keep = "last",
    resume: Resume = False,
    checkpoint_every: CheckpointEvery = 30.0,
    snapshots: Snapshots = False,
    tensorboard: TensorBoard = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train one network. Whatever ends it, the same command with --resume goes on."""
    from digitnn.cli.interruption import stop_on_interrupt, until
    from digitnn.cli.progress import follow
    from digitnn.engines.find import find_engine
    from digitnn.errors import Interruption
    from digitnn.machine.resources import use_resources
    from digitnn.recipes.toml_reader import choose_recipe
    from digitnn.runs.experiment import load_training_data, run_experiment
    from digitnn.runs.resume import Keeping
    from digitnn.runs.run import check_free, default_path
    from digitnn.training.stopping import Stopping
    from digitnn.training.tensorboard import log_scalars, prepare_folder

    chosen = choose_recipe(recipe).with_epochs(epochs)
    chosen_engine = chosen.engine(engine)
    use_resources(threads, device)
    find_engine(chosen_engine)
    path = out or default_path(chosen.name, chosen_engine, seed)
    if out is not None and not resume:
        check_free(out)
    given = {
        "--engine": engine,
        "--epochs": epochs,
        "--seed": seed or None,
        "--data": data if data != "mnist" else None,
        "--data-dir": data_dir,
        "--split-seed": split_seed,
        "--max-seconds": max_seconds,
        "--patience": patience,
        "--keep": keep if keep != "last" else None,
        "--snapshots": snapshots or None,
        "--tensorboard": tensorboard,
        "--threads": threads,
        "--device": device if device != "auto" else None,
        "--out": path,
    }
    command = _resuming_command(recipe, given)
    scalars = tensorboard and tensorboard / f"{chosen.name}-{chosen_engine}-seed{seed}"
    if scalars:
        prepare_folder(scalars)
    ensure(data, data_dir)
    parts = load_training_data(data, data_dir, split_seed)
    title = f"{chosen.name} ({chosen_engine})"

    def watch(training: "Training") -> Iterator["Record"]:
        records = follow(training, title)
        return log_scalars(training, records, scalars) if scalars else records

    with stop_on_interrupt() as stop:
        run = run_experiment(
            chosen,
            chosen_engine,
            seed,
            parts,
            path,
            lambda training: until(stop, watch(training)),
            Keeping(command, say, checkpoint_every, resume, snapshots),
            Stopping(patience, keep, max_seconds),
        )
    kept = run.kept
    if as_json:
        print_json(
            {
                "schema": 1,
                "run": str(run.path),
                "complete": run.about["complete"],
                "epochs": run.about["epochs"],
                "stopped": run.about["stopped"],
                "kept_epoch": run.about["kept_epoch"],
                "seconds": run.about["seconds"],
                "valid_accuracy": kept.valid_accuracy if kept else None,
            }
        )
    else:
        print_text(str(run.path))
    stopped = run.about["stopped"]
    if stop.signal_number is not None and not run.about["complete"] and not stopped:
        raise Interruption(
            f"interrupted after {len(run.history)} of {chosen.epochs} epochs; go on with "
            f"`{command}`; the network as it is now can be used: {run.path}",
            stop.signal_number,
        )
    if stopped == "max_seconds":
        command = _resuming_command(recipe, {**given, "--max-seconds": None})
        epoch = f"epoch {run.history[-1].epoch} of {chosen.epochs}"
        say(f"stopped for time in {epoch}; go on with `{command}`")
    if stopped == "patience":
        say(f"stopped after epoch {len(run.history)}: {patience} in a row were no better")
    if kept:
        say(_describe(kept, keep, len(run.history)))


def _describe(kept: "EpochRecord", keep: str, epochs: int) -> str:
    """One line about the epoch that is kept."""
    from digitnn.wording import percent

    found = f"validation accuracy {percent(kept.valid_accuracy)} after {kept.seconds:.1f} s"
    return found + (f", the best of {epochs} epochs: {kept.epoch}" if keep == "best" else "")


def _resuming_command(recipe: str, given: Mapping[str, object]) -> str:
    """What to type to go on: the options that were given, and --resume."""
    words = ["digitnn", "train", recipe]
    for option, value in given.items():
        if value is not None:
            words += [option] if value is True else [option, str(value)]
    return shlex.join([*words, "--resume"])
