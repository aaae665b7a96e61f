"""Options that several commands share, each written once."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer


def at_least(least: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` on, whose error shows what came."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise typer.BadParameter(f"expected a whole number of at least {least}, got {text}")
        return number

    return parse


def above_zero(text: str) -> float:
    """A parser of finite numbers above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"expected a number above 0, got {text}")
    return number


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="A folder or file that holds the data already."),
]
Collection = Annotated[str, typer.Option("--data", help="The collection: mnist or fashion-mnist.")]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", parser=at_least(0), metavar="N", help="Decides initial weights and batches."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The new run's folder; runs/... if absent.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on from the checkpoint in --out; from the beginning if there is none."
    ),
]
CheckpointEvery = Annotated[
    float,
    typer.Option(
        "--checkpoint-every",
        min=0,
        metavar="SECONDS",
        help="Write one at least so often, besides each epoch's end.",
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        parser=above_zero,
        metavar="SECONDS",
        help="End after the step that passes them; --resume with more of them, or none, goes on.",
    ),
]
Snapshots = Annotated[
    bool,
    typer.Option(
        "--snapshots",
        help="Also keep the parameters of the start and of at most 12 epochs, ever further apart.",
    ),
]
TensorBoard = Annotated[
    Path | None,
    typer.Option(
        "--tensorboard", metavar="DIR", help="Also write scalars for TensorBoard to a folder in it."
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        parser=at_least(1),
        metavar="N",
        help="End after so many epochs that validate no better than the best before them.",
    ),
]
Keep = Annotated[
    Literal["best", "last"],
    typer.Option("--keep", help="Which epoch's parameters to save: best on validation, or last."),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=at_least(1),
        metavar="N",
        help="Threads to compute with; if absent the cores there are, at most 8.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Where PyTorch computes: cpu, cuda, mps; auto takes what is there.",
    ),
]
SplitSeed = Annotated[
    int | None,
    typer.Option(
        "--split-seed",
        parser=at_least(0),
        metavar="N",
        help="Shuffle the training file before its last images validate.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        parser=at_least(1),
        metavar="N",
        help="Passes over the training images (full batch: iterations).",
    ),
]
