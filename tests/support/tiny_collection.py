"""A collection of a few images with MNIST's layout, for tests of formats, sources, commands."""

import gzip
import hashlib
from pathlib import Path

import numpy as np

from digitnn.data.dataset import Dataset
from digitnn.data.fetch.catalogue import Collection
from digitnn.data.fetch.transports import KnownFile, Source
from digitnn.data.formats.idx import write_idx_folder

N_TRAIN, N_TEST = 60, 20


def tiny_part(n: int, seed: int, name: str = "tiny") -> Dataset:
    """`n` images of noise; every class is there as soon as n is 10 or more."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 28, 28), np.uint8)
    return Dataset(images, rng.permutation(np.arange(n) % 10).astype(np.uint8), name)


def tiny_train() -> Dataset:
    return tiny_part(N_TRAIN, seed=1)


def tiny_test() -> Dataset:
    return tiny_part(N_TEST, seed=2)


def tiny_files(folder: Path) -> tuple[KnownFile, ...]:
    """Write the four IDX files to `folder`, each also as .gz; what a catalogue says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_idx_folder(folder, tiny_train(), tiny_test())
    known = []
    for path in sorted(folder.glob("*-ubyte")):
        content = path.read_bytes()
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        known.append(KnownFile(path.name, len(content), hashlib.sha256(content).hexdigest()))
    return tuple(known)


def tiny_collection(files: tuple[KnownFile, ...], *sources: Source) -> Collection:
    return Collection("mnist", files, sources, (".", "MNIST/raw", "mnist"), "noise, by nobody")


def assert_same_data(found: Dataset, expected: Dataset) -> None:
    """Pixel for pixel, label for label, in the same order."""
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def sorted_by_class(data: Dataset) -> Dataset:
    """`data` class by class, in its own order within each: as mnist_all.mat keeps it."""
    return data[np.argsort(data.labels, kind="stable")]
