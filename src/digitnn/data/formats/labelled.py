"""Labelled images outside a collection: one IDX file of images and one of labels.

Labels are n integers, or n x 8 int32 as in QMNIST (Yadav and Bottou 2019, "Cold Case: The Lost
MNIST Digits"): the digit, then its writer and form. Of data in any other format, the test part is
read, or all images where there are no parts.
Axes: n images.
"""

from pathlib import Path

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import idx_labels, read_idx
from digitnn.data.formats.notes import tell
from digitnn.data.formats.orientation import upright
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.data.formats.storage import detect, read_part
from digitnn.errors import FormatError, UsageError

QMNIST_TEST = "qmnist-test"
"""The prefix of QMNIST's test files."""

_LABEL_NAMES = ("idx1-ubyte", "idx2-int")


def read_labelled(
    path: Path, labels: Path | None = None, options: PictureOptions = DEFAULT_OPTIONS
) -> Dataset:
    """Return the images in `path` with their labels, named after the file.

    path: an IDX file of images, or anything that `read_part` takes.
    labels: the IDX file of labels; None for the file next to `path` with the matching name.
    options: how pictures become images.
    Raises `UsageError` for `labels` with a `path` that has its own, `FormatError` for a damaged or
    mismatched file.
    """
    images = _qmnist_images(path) or path
    found = detect(images)
    if images.is_dir() or (found and found.format.name != "idx"):
        if labels is not None:
            raise UsageError(
                f"--labels takes effect for an IDX file only; {path} has its own labels"
            )
        if found and found.format.name != "idx" and found.parts == ("train",):
            tell(f"{path}: no test part; all its images are used")
            return found.read("train", path.resolve().name, options)
        return read_part(path, "test", path.resolve().name, options)
    pixels = read_idx(images)
    if pixels.ndim != 3:
        raise FormatError(
            f"{images}: expected an IDX file of n x h x w uint8, got {pixels.dtype} of shape "
            f"{pixels.shape}: no images"
        )
    labels = labels or _labels_beside(images)
    data = idx_labels(read_idx(labels), labels).dataset(pixels, images.name, str(labels))
    return upright(data, str(images))


def _qmnist_images(folder: Path) -> Path | None:
    """Return the images of QMNIST's test digits in `folder`, or None."""
    names = (f"{QMNIST_TEST}-images-idx3-ubyte{suffix}" for suffix in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _labels_beside(images: Path) -> Path:
    """Return the file of labels whose name matches `images`, plain or gzipped."""
    stem = images.name.removesuffix(".gz")
    names = [
        stem.replace("images", "labels").replace("idx3-ubyte", kind) + suffix
        for kind in _LABEL_NAMES
        for suffix in ("", ".gz")
    ]
    for name in dict.fromkeys(names):
        neighbour = images.with_name(name)
        if name not in (images.name, stem) and neighbour.is_file():
            return neighbour
    raise FormatError(f"{images}: no labels next to it; name their file with --labels")
