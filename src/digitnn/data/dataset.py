"""Labelled images, their splits and batches.

A `Dataset` holds raw pixels: uint8, 0 is paper, 255 is ink. `formats` reads files into a
`Dataset`; `fetch` finds or downloads the files.
Axes: n images, h w pixels (28 x 28 in MNIST and what is made like it), f features, k classes.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8
from numpy import ndarray

from digitnn.errors import DataError
from digitnn.wording import brief

SIDE = 28
DIGIT_SIDE = 20
"""Pixels of a digit's longest side within its image, as MNIST's authors scaled it."""

DIGITS = tuple("0123456789")
"""The classes of MNIST, by name."""

CLASSES = len(DIGITS)

MAX_CLASSES = 255
"""Labels are one byte, and one value is left for `NON_DIGIT`."""

NON_DIGIT = 10
"""The label of images that show no digit; networks trained with `no_digit` learn it."""

Part = Literal["train", "test"]
"""`train` is the training file (training and validation split), `test` the test file."""

PARTS: tuple[Part, Part] = ("train", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels of one split, checked when it is made.

    images: uint8 (n, h, w), or float32 (n, f), rows of features of what are no images.
    labels: uint8 (n,), indices of `classes`, or `NON_DIGIT` where `has_non_digits`.
    classes: the names of the classes; all splits of one collection have the same.
    Raises `DataError` naming `name` for wrong shapes, types, counts or labels.
    """

    images: UInt8[ndarray, "n h w"] | Float32[ndarray, "n f"]
    labels: UInt8[ndarray, " n"]
    name: str = "dataset"
    has_non_digits: bool = False
    classes: tuple[str, ...] = DIGITS

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        check_images(images, self.name)
        self._check_classes()
        check_labels(labels, len(images), self.name, len(self.classes), self.has_non_digits)

    def _check_classes(self) -> None:
        if not 2 <= len(self.classes) <= MAX_CLASSES or len(set(self.classes)) < len(self.classes):
            raise DataError(
                f"{self.name}: 2 to {MAX_CLASSES} classes with different names are possible, "
                f"got {brief(self.classes)}"
            )
        if self.has_non_digits and self.classes != DIGITS:
            raise DataError(f"{self.name}: only digits can have non-digits beside them")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input of a network for these images: (1, h, w) or (f,)."""
        sample = self.images.shape[1:]
        return (1, *sample) if len(sample) == 2 else sample

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | Int[ndarray, " m"] | Bool[ndarray, " n"]) -> "Dataset":
        """Return the images and labels that a slice, an index array or a mask selects."""
        return replace(self, images=self.images[which], labels=self.labels[which])

    def __add__(self, other: "Dataset") -> "Dataset":
        """Return these images followed by those of `other`, under this name.

        Raises `DataError` for other classes or images of another size.
        """
        other = other.with_classes(self.classes, self.name)
        self.require_shape(other.input_shape, other.name)
        has_non_digits = self.has_non_digits or other.has_non_digits
        return replace(
            self,
            images=np.concatenate([self.images, other.images]),
            labels=np.concatenate([self.labels, other.labels]),
            has_non_digits=has_non_digits,
        )

    def with_classes(self, classes: tuple[str, ...], of: str = "the network") -> "Dataset":
        """Return this data set with labels that are indices of `classes`, matched by name.

        of: what has these classes. Raises `DataError` naming those in use that it lacks.
        """
        if classes == self.classes:
            return self
        used = np.flatnonzero(self.counts())
        unknown = [self.classes[index] for index in used if self.classes[index] not in classes]
        if unknown:
            raise DataError(
                f"{self.name} has classes that {of} lacks: {brief(', '.join(unknown))}; "
                f"{of} has {brief(', '.join(classes))}"
            )
        index_of = {name: index for index, name in enumerate(classes)}
        indices = np.array([index_of.get(name, 0) for name in self.classes], np.uint8)
        return replace(self, labels=indices[self.labels], classes=classes)

    def require_shape(self, input_shape: tuple[int, ...], of: str) -> None:
        """Raise `DataError` unless the images have the `input_shape` that `of` takes or has."""
        if self.input_shape != input_shape:
            raise DataError(
                f"{self.name}: {_worded(self.input_shape)}, but {of} takes {_worded(input_shape)}"
            )

    def counts(self) -> Int[ndarray, " k"]:
        """Return the number of images of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))[: len(self.classes)]

    def fingerprint(self) -> str:
        """Return the SHA-256 of shape, images and labels, in their order.

        The names of the classes count too, unless they are the digits.
        """
        named = "" if self.classes == DIGITS else repr(self.classes)
        digest = hashlib.sha256(f"{self.images.shape}{named}".encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


def check_images(images: ndarray, name: str, input_shape: tuple[int, ...] | None = None) -> None:
    """Raise `DataError` naming `name` unless `images` are what a network can take.

    input_shape: (1, h, w): raw pixels, uint8 (n, h, w); (f,): features, float32 (n, f), finite;
    None: either of any size.
    """
    kind = {3: np.uint8, 2: np.float32}.get(images.ndim)
    sample = images.shape[1:]
    fits = images.dtype == kind and 0 not in sample
    if fits and input_shape is not None:
        fits = (*((1,) if len(sample) == 2 else ()), *sample) == input_shape
    if not fits:
        if input_shape is not None and len(input_shape) == 1:
            wanted = f"features must be float32 of shape (n, {input_shape[0]})"
        else:
            h, w = input_shape[1:] if input_shape else ("h", "w")
            wanted = f"images must be uint8 of shape (n, {h}, {w})"
        raise DataError(
            f"{name}: {wanted}, got {images.dtype} {images.shape}"
            + (": raw pixels, from 0, paper, to 255, ink" if wanted.startswith("images") else "")
        )
    if images.ndim == 2 and not np.isfinite(images).all():
        raise DataError(f"{name}: features must be finite numbers, but some are NaN or infinite")


def check_labels(
    labels: ndarray, n: int, name: str, classes: int, has_non_digits: bool = False
) -> None:
    """Raise `DataError` naming `name` unless `labels` are those of `n` images."""
    if labels.ndim != 1 or labels.dtype != np.uint8:
        raise DataError(
            f"{name}: labels must be uint8 of shape (n,), got {labels.dtype} {labels.shape}"
        )
    if len(labels) != n:
        raise DataError(f"{name}: {len(labels)} labels for {n} images")
    max_label = classes - (not has_non_digits)
    if n and labels.max() > max_label:
        where = int(np.argmax(labels > max_label))
        raise DataError(f"{name}: label {where} is {labels[where]}; labels are 0 to {max_label}")


def _worded(input_shape: tuple[int, ...]) -> str:
    if len(input_shape) == 1:
        return f"vectors of {input_shape[0]} features"
    return f"images of {input_shape[1]} x {input_shape[2]} pixels"


def split(
    training_file: Dataset, n_valid: int | None = None, shuffle_seed: int | None = None
) -> tuple[Dataset, Dataset]:
    """Split a training file into (train, valid), where valid is the last `n_valid` images.

    n_valid: None holds out 10,000 images, or a sixth if that is less.
    Without `shuffle_seed` the order of the file is kept, as is usual for MNIST. If a file is sorted
    by class (`mnist_all.mat`, a folder for each digit), the training split would lack the last
    digits, so the file is first shuffled with seed 0.
    Raises `DataError` unless each split gets an image.
    """
    n = len(training_file)
    n_valid = min(10_000, n // 6) if n_valid is None else n_valid
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
