"""Handle images from other sources: overlap with a run's own splits, and QMNIST's two parts.

An evaluation on external images does not count as one on the test split, provided that they are
other images. Therefore the images in common are counted. Axes: n images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.data.formats.labelled import QMNIST_TEST
from digitnn.errors import DataError, UsageError
from digitnn.evaluation.statistics import Interval, wilson_interval
from digitnn.runs.ensembles import Trained
from digitnn.runs.evaluate_run import load_split_of
from digitnn.runs.experiment import load_training_data_of
from digitnn.wording import percent

EXTERNAL_SPLIT = "external"
"""The split name of an evaluation on external images, in report.json."""

QMNIST_IMAGES, REBUILT_IMAGES = 60_000, 10_000
"""QMNIST's test images, of which the first ones are MNIST's own, rebuilt."""


@dataclass(frozen=True)
class PartAccuracy:
    """A network's accuracy on a part of the images. interval: 95 % Wilson."""

    name: str
    n: int
    errors: int
    accuracy: float
    interval: Interval


def count_images_of_splits(
    run: Trained, dataset: Dataset, with_test: bool, data_dir: Path | None
) -> dict[str, int]:
    """Count the images of `dataset` that are also in the train, valid and test split of `run`.

    with_test: whether the run's collection has a test split. Raises like `count_shared`.
    """
    data = run.about["data"]
    training = load_training_data_of(data, data_dir)
    splits = {"train": training.learned}
    if training.held_out is not None:
        splits["valid"] = training.held_out
    if with_test:
        splits["test"] = load_split_of(run, "test", data_dir)
    return count_shared(dataset, splits)


def count_shared(dataset: Dataset, splits: Mapping[str, Dataset]) -> dict[str, int]:
    """Count the images of `dataset` that are also in each of `splits`, pixel for pixel.

    Raises `DataError` if there is no image, and `UsageError` if `dataset` equals a split, which
    has to be evaluated by its name.
    """
    if not len(dataset):
        raise DataError(f"{dataset.name}: no images to evaluate on")
    fingerprint = dataset.fingerprint()
    for name, split in splits.items():
        if split.fingerprint() == fingerprint:
            how = "the run was trained on" if name == "train" else f"--split {name} evaluates"
            raise UsageError(
                f"{dataset.name} holds exactly the images that {how}: they are not external"
            )
    images = [image.tobytes() for image in dataset.images]
    shared = {}
    for name, split in splits.items():
        known = {image.tobytes() for image in split.images}
        shared[name] = sum(image in known for image in images)
    return shared


def evaluate_qmnist_parts(
    dataset: Dataset, predictions: UInt8[ndarray, " n"]
) -> tuple[PartAccuracy, ...]:
    """Return the accuracy on the rebuilt and on the lost part of QMNIST's test images.

    The first 10,000 are MNIST's test images, rebuilt from the forms; the other 50,000 were left out
    when MNIST was published (Yadav and Bottou 2019). Empty for other data sets.
    """
    if not dataset.name.startswith(QMNIST_TEST) or len(dataset) != QMNIST_IMAGES:
        return ()
    right = predictions == dataset.labels
    return (
        _part_accuracy("rebuilt", right[:REBUILT_IMAGES]),
        _part_accuracy("lost", right[REBUILT_IMAGES:]),
    )


def _part_accuracy(name: str, right: ndarray) -> PartAccuracy:
    n, hits = len(right), int(right.sum())
    return PartAccuracy(name, n, n - hits, hits / n, wilson_interval(hits, n))


def describe_external(shared: Mapping[str, int], qmnist_parts: Sequence[PartAccuracy]) -> list[str]:
    """Return a line for each part of QMNIST, and one for each split that has images in common."""
    titles = {"rebuilt": "MNIST's test digits rebuilt", "lost": "the lost digits"}
    lines = [
        f"{titles[one.name]}: accuracy {percent(one.accuracy)} on {one.n:,} "
        f"({percent(one.interval[0])} to {percent(one.interval[1])}), {one.errors:,} wrong"
        for one in qmnist_parts
    ]
    for name, n in shared.items():
        if n:
            verb = "is" if n == 1 else "are"
            lines.append(f"{n:,} of these images {verb} also in the run's {name} split")
    return lines
