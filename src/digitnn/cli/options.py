"""Options that several commands share, each written once."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def at_least(minimum: int) -> Callable[[str], int]:
    """Return a parser of whole numbers of at least `minimum`; its error shows the input."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < minimum:
            raise typer.BadParameter(f"expected a whole number of at least {minimum}, got {text}")
        return number

    return parse


def above_zero(text: str) -> float:
    """Parse a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"expected a number above 0, got {text}")
    return number


def command_line(
    words: Sequence[str], options: Mapping[str, Any], defaults: Mapping[str, Any]
) -> str:
    """Return `words` and the options that differ from their defaults (None where not named)."""
    words = list(words)
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if one != defaults.get(name):
                words += [f"--{name.replace('_', '-')}", *([] if one is True else [str(one)])]
    return shlex.join(words)


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
CollectionOption = Annotated[
    str, typer.Option("--data", help="The images to use: mnist or fashion-mnist.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The folder or file with the data. Default: ./data or the cache, else a download.",
    ),
]
FitOption = Annotated[
    Literal["pad", "crop", "stretch", "digit"],
    typer.Option(
        "--fit",
        help="How pictures of other sizes become 28 x 28: padded to a square, cropped to one, "
        "stretched, or the digit found and centred as `digitnn read` does.",
    ),
]
SkipBadOption = Annotated[
    bool,
    typer.Option("--skip-bad", help="Leave pictures out that cannot be read, and name them."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="The implementation to compute with: scratch or pytorch. Default: the first engine of "
        "the recipe, or the engine that trained the run.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        parser=at_least(1),
        metavar="N",
        help="Passes over the training images, or iterations of a full-batch optimiser. Default: "
        "the recipe's.",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        parser=at_least(0),
        metavar="N",
        help="The seed of initial weights, batches and augmentation.",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        parser=at_least(1),
        metavar="N",
        help="Threads to compute with. Default: one per core, at most 8.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="What PyTorch multiplies in: float32, or bfloat16, which is faster on processors with "
        "AMX and slower on others.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Where PyTorch computes: cpu, cuda or mps; auto uses an accelerator if there is one.",
    ),
]
