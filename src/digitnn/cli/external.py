"""`digitnn evaluate --on`: the images from elsewhere, and what is said of them besides."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitnn.wording import count, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from digitnn.analysis.comparison.external_data import Share
    from digitnn.data.dataset import Dataset
    from digitnn.data.formats import Found
    from digitnn.runs.protocol import Trained

On = Annotated[
    Path | None,
    typer.Option(
        "--on",
        metavar="PATH",
        help="Read labelled images from elsewhere: an IDX file (QMNIST's too), or other data's "
        "test part.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="With --on: the IDX file of labels, if it is not beside the images by its name.",
    ),
]


def check_options(split: str | None, on: Path | None, labels: Path | None) -> None:
    """Raise `UsageError` for options that contradict each other."""
    from digitnn.errors import UsageError

    if on is not None and split is not None:
        raise UsageError("--on reads other images than --split does: give one of the two")
    if labels is not None and on is None:
        raise UsageError("--labels are those of the images that --on names: give both")


def count_known(
    trained: "Trained", dataset: "Dataset", found: "Found", data_dir: Path | None
) -> dict[str, int]:
    """How many of the images are those that `trained` learned from, was chosen or is tested by."""
    from digitnn.analysis.comparison.external_data import count_shared
    from digitnn.runs.experiment import load_split_of, load_training_data

    about = trained.about["data"]
    training = load_training_data(about["collection"], data_dir, about["split_seed"])
    splits = {"train": training.train, "valid": training.valid}
    if "test" in found.parts:
        splits["test"] = load_split_of(trained, "test", data_dir)
    return count_shared(dataset, splits)


def describe(shared: "Mapping[str, int]", shares: "Sequence[Share]") -> list[str]:
    """A line for each of QMNIST's parts, and one for each split that has images in common."""
    titles = {"rebuilt": "MNIST's test digits rebuilt", "lost": "the lost digits"}
    lines = [
        f"{titles[one.name]}: {percent(one.accuracy)} of {one.n:,} read "
        f"({percent(one.interval[0])} to {percent(one.interval[1])}), {one.errors:,} wrong"
        for one in shares
    ]
    for name, n in shared.items():
        if n:
            lines.append(f"{count(n, 'image')} of these {_lies(n)} in the run's {name} split too")
    return lines


def _lies(n: int) -> str:
    return "lies" if n == 1 else "lie"
