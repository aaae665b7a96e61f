"""`digitnn train`."""

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
    FitOption,
    PrecisionOption,
    SeedOption,
    SkipBadOption,
    ThreadsOption,
    above_zero,
    at_least,
)
from digitnn.cli.progress import Stop
from digitnn.errors import Interruption
from digitnn.wording import count, percent

if TYPE_CHECKING:
    from digitnn.cli.train_job import TrainJob
    from digitnn.runs.run import Run

MicroBatchesOption = Annotated[
    int | None,
    typer.Option(
        "--micro-batches",
        parser=at_least(1),
        metavar="N",
        help="Cut each batch into N parts, which processes share; they compute the same bytes, "
        "however many they are, each on one thread unless --threads says otherwise. Default: whole "
        "batches; with torchrun 4.",
    ),
]
AllReduceOption = Annotated[
    bool,
    typer.Option(
        "--all-reduce",
        help="Add the gradients of several processes in the order that is fastest: the last bits "
        "then depend on how many they are.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field of the recipe, such as epochs=5, optimiser.learning_rate=0.01 or "
        "layers.1.channels=8; may be repeated. `digitnn recipes show` prints all fields.",
    ),
]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="RUN",
        help="Start from the parameters of this run where layers have the same shapes; the others "
        "start anew.",
    ),
]
AllImagesOption = Annotated[
    bool,
    typer.Option(
        "--all-images",
        help="Learn from the validation images too, with a recipe that was chosen before: the run "
        "has no validation figures.",
    ),
]
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
    fit: FitOption = "pad",
    skip_bad: SkipBadOption = False,
    all_images: AllImagesOption = False,
    changes: SetOption = None,
    from_run: FromOption = None,
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
    precision: PrecisionOption = "float32",
    micro_batches: MicroBatchesOption = None,
    all_reduce: AllReduceOption = False,
    as_json: AsJson = False,
) -> None:
    """Train one network. To continue after an interruption, add --resume to the same command.

    Several processes: torchrun --nproc-per-node N -m digitnn train ...
    """
    options = dict(locals())  # every argument by name, before anything else has one
    from digitnn.cli.train_job import TrainJob

    job, stop = TrainJob.of(options), Stop()
    run = job.run(stop)
    if run is not None:  # only the first of several processes has one
        print_result(_to_json(run), str(run.path), as_json)
        _say_how_it_ended(run, stop, job)


def _to_json(run: "Run") -> dict[str, Any]:
    about, kept = run.about, run.kept
    copied = ("complete", "epochs", "stopped", "kept_epoch", "seconds")
    return {
        "schema": 1,
        "run": str(run.path),
        **{name: about[name] for name in copied},
        "valid_accuracy": kept.valid_accuracy if kept else None,
    }


def _say_how_it_ended(run: "Run", stop: Stop, job: "TrainJob") -> None:
    """Say why training ended and how good the network is. Raises `Interruption` after a signal."""
    stopped, epochs = run.about["stopped"], len(run.history)
    all_epochs = run.about["recipe"]["epochs"]
    if stop.signal_number is not None and not run.about["complete"] and not stopped:
        raise Interruption(
            f"interrupted after {epochs} of {all_epochs} epochs; continue with "
            f"`{job.resuming_command(run.path)}`; the network can already be used: "
            f"{run.path}",
            stop.signal_number,
        )
    if stopped == "max_seconds":
        command = job.resuming_command(run.path, max_seconds=None)
        say(
            f"stopped by --max-seconds in epoch {run.history[-1].epoch} of {all_epochs}; "
            f"continue with `{command}`"
        )
    if stopped == "patience":
        say(f"stopped after epoch {epochs}: no improvement in {job.options['patience']} epochs")
    kept = run.kept
    if kept and kept.valid_accuracy is None:
        say(
            f"learned from all {run.about['data']['train']['n']:,} images in {kept.seconds:.1f} s; "
            f"none are left to validate it: `digitnn evaluate {run.path} --split test`"
        )
    if kept and kept.valid_accuracy is not None:
        best = (
            f", the best of {count(epochs, 'epoch')}: {kept.epoch}"
            if job.options["keep"] == "best"
            else ""
        )
        say(f"validation accuracy {percent(kept.valid_accuracy)} after {kept.seconds:.1f} s{best}")
