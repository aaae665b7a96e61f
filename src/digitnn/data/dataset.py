"""Labelled images, their splits and batches.

A `Dataset` holds raw pixels: uint8, 0 is paper, 255 is ink. `formats` reads files into a
`Dataset`; `fetch` finds or downloads the files.
Axes: n images, h = w = 28 pixels.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int, UInt8
from numpy import ndarray

from digitnn.errors import DataError, FormatError

SIDE = 28
DIGIT_SIDE = 20
"""Pixels of a digit's longest side within its image, as MNIST's authors scaled it."""

CLASSES = 10

NON_DIGIT = 10
"""The label of images that show no digit; networks trained with `no_digit` learn it."""

Part = Literal["train", "test"]
"""`train` is the training file (training and validation split), `test` the test file."""

PARTS: tuple[Part, Part] = ("train", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of one split, checked when it is made.

    images: uint8 (n, 28, 28); labels: uint8 (n,), each 0..9, or `NON_DIGIT` where `has_non_digits`.
    Raises `DataError` naming `name` for wrong shapes, types, counts or labels.
    """

    images: UInt8[ndarray, "n 28 28"]
    labels: UInt8[ndarray, " n"]
    name: str = "dataset"
    has_non_digits: bool = False

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        check_images(images, self.name)
        if labels.ndim != 1 or labels.dtype != np.uint8:
            raise DataError(
                f"{self.name}: labels must be uint8 of shape (n,), "
                f"got {labels.dtype} {labels.shape}"
            )
        if len(images) != len(labels):
            raise DataError(f"{self.name}: {len(labels)} labels for {len(images)} images")
        max_label = NON_DIGIT if self.has_non_digits else CLASSES - 1
        if len(labels) and labels.max() > max_label:
            where = int(np.argmax(labels > max_label))
            raise DataError(
                f"{self.name}: label {where} is {labels[where]}; labels are 0 to {max_label}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | Int[ndarray, " m"] | Bool[ndarray, " n"]) -> "Dataset":
        """Return the images and labels that a slice, an index array or a mask selects."""
        return Dataset(self.images[which], self.labels[which], self.name, self.has_non_digits)

    def __add__(self, other: "Dataset") -> "Dataset":
        """Return these images followed by those of `other`, under this name."""
        images = np.concatenate([self.images, other.images])
        labels = np.concatenate([self.labels, other.labels])
        return Dataset(images, labels, self.name, self.has_non_digits or other.has_non_digits)

    def counts(self) -> Int[ndarray, "10"]:
        """Return the number of images of each digit."""
        return np.bincount(self.labels, minlength=CLASSES)[:CLASSES]

    def fingerprint(self) -> str:
        """Return the SHA-256 of shape, images and labels, in their order."""
        digest = hashlib.sha256(f"{self.images.shape}".encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


def as_digits(labels: ndarray, name: str) -> UInt8[ndarray, " n"]:
    """Return integer labels as uint8. Raises `FormatError` naming `name` unless each is 0 to 9."""
    if labels.dtype.kind not in "iu":
        raise FormatError(f"{name} must be integers, got {labels.dtype}")
    wrong = (labels < 0) | (labels >= CLASSES)
    if wrong.any():
        where = int(np.argmax(wrong))
        raise FormatError(f"{name}: label {where} is {labels.flat[where]}; labels are 0 to 9")
    return labels.astype(np.uint8, copy=False)


def check_images(images: ndarray, name: str) -> None:
    """Raise `DataError` naming `name` unless `images` are raw pixels, uint8 (n, 28, 28)."""
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
        raise DataError(
            f"{name}: images must be uint8 of shape (n, {SIDE}, {SIDE}), "
            f"got {images.dtype} {images.shape}: raw pixels, from 0, paper, to 255, ink"
        )


def split(
    training_file: Dataset, n_valid: int = 10_000, shuffle_seed: int | None = None
) -> tuple[Dataset, Dataset]:
    """Split a training file into (train, valid), where valid is the last `n_valid` images.

    Without `shuffle_seed` the order of the file is kept, as is usual for MNIST. If a file is sorted
    by class (`mnist_all.mat`, a folder for each digit), the training split would lack the last
    digits, so the file is first shuffled with seed 0.
    Raises `DataError` unless each split gets an image.
    """
    n = len(training_file)
    if not 0 < n_valid < n:
        raise DataError(
            f"{training_file.name}: cannot hold out {n_valid} of {n} images for validation; "
            f"expected 1 to {n - 1}"
        )
    if shuffle_seed is None and np.all(training_file.labels[:-1] <= training_file.labels[1:]):
        shuffle_seed = 0
    if shuffle_seed is not None:
        training_file = training_file[np.random.default_rng(shuffle_seed).permutation(n)]
    return training_file[: n - n_valid], training_file[n - n_valid :]


def batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[Int[ndarray, " batch"]]:
    """Yield the index arrays of one epoch: all n images in random order, `batch_size` at a time.

    The last batch may be smaller. Both engines train on the same batches.
    """
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]
