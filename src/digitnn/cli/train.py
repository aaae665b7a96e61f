"""`digitnn train`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digitnn.cli.console import print_result, say
from digitnn.cli.options import (
    AsJson,
    CollectionOption,
    DataDir,
    DeviceOption,
    EngineOption,
    EpochsOption,
    SeedOption,
    ThreadsOption,
    above_zero,
    at_least,
    command_line,
)
from digitnn.cli.progress import Stop, fetch_collection, follow, stop_on_interrupt
from digitnn.errors import Interruption
from digitnn.wording import count, percent

if TYPE_CHECKING:
    from digitnn.runs.run import Run
    from digitnn.training.records import Record
    from digitnn.training.training import Training

REPEATED = (
    *("engine", "epochs", "seed", "data", "data_dir", "split_seed", "max_seconds", "patience"),
    *("keep", "snapshots", "tensorboard", "threads", "device"),
)
"""Parameters that the command to resume with repeats, unless they have their default."""
DEFAULTS = {"seed": 0, "data": "mnist", "keep": "last", "snapshots": False, "device": "auto"}
"""Those that are not None."""

OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="The new run's folder. Default: a new folder in runs/."),
]


def train(
    recipe: Annotated[
        str, typer.Argument(help="A name that `digitnn recipes` lists, or a TOML file.")
    ],
    engine: EngineOption = None,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    data: CollectionOption = "mnist",
    data_dir: DataDir = None,
    split_seed: Annotated[
        int | None,
        typer.Option(
            "--split-seed",
            parser=at_least(0),
            metavar="N",
            help="Shuffle the training file with this seed before it is split. Default: keep its "
            "order; the last images become the validation split.",
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds",
            parser=above_zero,
            metavar="SECONDS",
            help="Stop after the first step that exceeds this training time; --resume with more "
            "time, or without a limit, continues.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience",
            parser=at_least(1),
            metavar="N",
            help="Stop after N epochs in a row without a better validation accuracy.",
        ),
    ] = None,
    keep: Annotated[
        Literal["best", "last"],
        typer.Option("--keep", help="The epoch to save: the best on validation, or the last."),
    ] = "last",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue from the checkpoint in --out. If there is none, start from the "
            "beginning.",
        ),
    ] = False,
    checkpoint_every: Annotated[
        float,
        typer.Option(
            "--checkpoint-every",
            min=0,
            metavar="SECONDS",
            help="Write a checkpoint at least this often, and at the end of each epoch.",
        ),
    ] = 30.0,
    snapshots: Annotated[
        bool,
        typer.Option(
            "--snapshots",
            help="Also save the initial parameters and those after at most 12 epochs, more often "
            "at the beginning.",
        ),
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            "--tensorboard",
            metavar="DIR",
            help="Also write loss and accuracy for TensorBoard here.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: AsJson = False,
) -> None:
    """Train one network. To continue after an interruption, add --resume to the same command."""
    options = dict(locals())  # every argument by name, before anything else has one
    from digitnn.engines.find import find_engine
    from digitnn.machine.resources import use_resources
    from digitnn.recipes.toml_reader import choose_recipe
    from digitnn.runs.experiment import load_training_data, run_experiment
    from digitnn.runs.resume import Checkpointing
    from digitnn.runs.run import check_free, default_path
    from digitnn.training.records import Stopping
    from digitnn.training.tensorboard import prepare_folder

    chosen = choose_recipe(recipe).with_epochs(epochs)
    chosen_engine = chosen.engine(engine)
    use_resources(threads, device)
    find_engine(chosen_engine)
    path = out or default_path(chosen.name, chosen_engine, seed)
    if out is not None and not resume:
        check_free(out)
    command = _resuming_command(options, path)
    scalars = tensorboard and tensorboard / f"{chosen.name}-{chosen_engine}-seed{seed}"
    if scalars:
        prepare_folder(scalars)
    fetch_collection(data, data_dir)
    parts = load_training_data(data, data_dir, split_seed)
    checkpointing = Checkpointing(command, say, checkpoint_every, resume, snapshots)
    stopping = Stopping(patience, keep, max_seconds)
    with stop_on_interrupt() as stop:
        title = f"{chosen.name} ({chosen_engine})"
        watch = partial(_watch, title=title, scalars=scalars, stop=stop)
        run = run_experiment(
            chosen, chosen_engine, seed, parts, path, watch, checkpointing, stopping
        )
    print_result(_to_json(run), str(run.path), as_json)
    _say_how_it_ended(run, stop, options)


def _watch(
    training: "Training", title: str, scalars: Path | None, stop: Stop
) -> "Iterator[Record]":
    """Show the records of `training`, write them to the folder `scalars`, and end at `stop`."""
    from digitnn.training.tensorboard import log_scalars

    records = follow(training, title)
    return stop.until(log_scalars(training, records, scalars) if scalars else records)


def _to_json(run: "Run") -> dict[str, Any]:
    about, kept = run.about, run.kept
    copied = ("complete", "epochs", "stopped", "kept_epoch", "seconds")
    return {
        "schema": 1,
        "run": str(run.path),
        **{name: about[name] for name in copied},
        "valid_accuracy": kept.valid_accuracy if kept else None,
    }


def _say_how_it_ended(run: "Run", stop: Stop, options: Mapping[str, Any]) -> None:
    """Say why training ended and how good the network is. Raises `Interruption` after a signal."""
    stopped, epochs = run.about["stopped"], len(run.history)
    all_epochs = run.about["recipe"]["epochs"]
    if stop.signal_number is not None and not run.about["complete"] and not stopped:
        raise Interruption(
            f"interrupted after {epochs} of {all_epochs} epochs; continue with "
            f"`{_resuming_command(options, run.path)}`; the network can already be used: "
            f"{run.path}",
            stop.signal_number,
        )
    if stopped == "max_seconds":
        command = _resuming_command({**options, "max_seconds": None}, run.path)
        say(
            f"stopped by --max-seconds in epoch {run.history[-1].epoch} of {all_epochs}; "
            f"continue with `{command}`"
        )
    if stopped == "patience":
        say(f"stopped after epoch {epochs}: no improvement in {options['patience']} epochs")
    if kept := run.kept:
        best = (
            f", the best of {count(epochs, 'epoch')}: {kept.epoch}"
            if options["keep"] == "best"
            else ""
        )
        say(f"validation accuracy {percent(kept.valid_accuracy)} after {kept.seconds:.1f} s{best}")


def _resuming_command(options: Mapping[str, Any], out: Path) -> str:
    """Return the command line that continues: the options that were given, and --resume."""
    repeated = {name: options[name] for name in REPEATED}
    words = ["digitnn", "train", str(options["recipe"])]
    return command_line(words, {**repeated, "out": out, "resume": True}, DEFAULTS)
