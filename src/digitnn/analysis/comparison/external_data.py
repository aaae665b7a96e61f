"""Images from elsewhere: what they share with those that a network knows, and QMNIST's two parts.

Reading them is no reading of the test split, as long as they are other images: hence the count.
Axes: n images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.data.formats.labelled import QMNIST_TEST
from digitnn.errors import DataError, UsageError
from digitnn.evaluation.intervals import Interval, wilson_interval

EXTERNAL_SPLIT = "external"
"""What such a reading is called in report.json."""

QMNIST_IMAGES, REBUILT_IMAGES = 60_000, 10_000
"""QMNIST's test digits, and how many of them, the first, are MNIST's own rebuilt."""


@dataclass(frozen=True)
class Share:
    """What a network did on some of the images. interval: 95 % Wilson."""

    name: str
    n: int
    errors: int
    accuracy: float
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**vars(self), "interval": list(self.interval)}


def count_shared(dataset: Dataset, splits: Mapping[str, Dataset]) -> dict[str, int]:
    """How many of the images of `dataset` lie in each of `splits` too, pixel for pixel.

    Raises `DataError` if there is no image, `UsageError` if these are the very images and labels
    of a split: there is a command for that, which counts it.
    """
    if not len(dataset):
        raise DataError(f"{dataset.name}: no images to evaluate on")
    fingerprint = dataset.fingerprint()
    for name, split in splits.items():
        if split.fingerprint() == fingerprint:
            how = "the run was trained on" if name == "train" else f"--split {name} reads"
            raise UsageError(f"{dataset.name} holds the very images that {how}: not from elsewhere")
    images = [image.tobytes() for image in dataset.images]
    shared = {}
    for name, split in splits.items():
        known = {image.tobytes() for image in split.images}
        shared[name] = sum(image in known for image in images)
    return shared


def qmnist_shares(dataset: Dataset, predictions: UInt8[ndarray, " n"]) -> tuple[Share, ...]:
    """Of QMNIST's test digits, known by name and number, the rebuilt ones and the lost ones.

    The first 10,000 are MNIST's test digits, made again from the forms; the other 50,000 were cut
    off when MNIST was published (Yadav and Bottou 2019). None for other images.
    """
    if not dataset.name.startswith(QMNIST_TEST) or len(dataset) != QMNIST_IMAGES:
        return ()
    right = predictions == dataset.labels
    return (_share("rebuilt", right[:REBUILT_IMAGES]), _share("lost", right[REBUILT_IMAGES:]))


def _share(name: str, right: ndarray) -> Share:
    n, hits = len(right), int(right.sum())
    return Share(name, n, n - hits, hits / n, wilson_interval(hits, n))
