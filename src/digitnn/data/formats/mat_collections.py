"""Collections in MATLAB files: `mnist_all.mat`, `mnist-original.mat` and EMNIST's.

mnist_all.mat       train0 .. train9, test0 .. test9: uint8 (n, 784), MNIST sorted by class, as
                    published by Sam Roweis
mnist-original.mat  data (784, n), label (1, n), as published by mldata.org and OpenML: of
                    70,000 images the first 60,000 are the training file; other numbers of
                    images are one training file
emnist-*.mat        a struct `dataset` with `train` and `test`, each with `images` (n, 784) and
                    `labels` (n, 1), and `mapping`, the character of each label
                    (Cohen et al. 2017, "EMNIST")

Images may have any square number of pixels instead of 784.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.data.dataset import CLASSES, DIGITS, PARTS, Dataset, Part
from digitnn.data.formats.emnist import emnist_names, names_from_table
from digitnn.data.formats.labels import as_labels
from digitnn.data.formats.mat import (
    Variable,
    list_variables,
    read_numbers,
    read_struct,
    read_uint8,
)
from digitnn.data.formats.values import as_pixels, square_side
from digitnn.errors import FormatError, UsageError

MAT_NAME = "mnist_all.mat"
MNIST_TRAIN, MNIST_IMAGES = 60_000, 70_000

_Variables = Mapping[str, Variable]


def mat_arrays(data: Dataset, part: Part) -> dict[str, UInt8[ndarray, "n pixels"]]:
    """Return the variables of `part`: the rows of each digit, in the order of `data`.

    Raises `UsageError` for other classes and for images that are not square.
    """
    h, w = data.images.shape[1:]
    if data.classes != DIGITS or h != w:
        raise UsageError(
            f"{MAT_NAME} holds square images of digits, not {h} x {w} pixels of "
            f"{len(data.classes)} classes: export as npz instead"
        )
    rows = data.images.reshape(-1, h * w)
    return {f"{part}{digit}": rows[data.labels == digit] for digit in range(CLASSES)}


def write_mat(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path` in the layout of `mnist_all.mat`, compressed."""
    from scipy.io import savemat

    arrays = mat_arrays(train, "train") | mat_arrays(test, "test")
    with replace_file(path) as file:
        savemat(file.name, arrays, appendmat=False, do_compression=True)


def find_mat(path: Path) -> Path | None:
    """Return `path` if it is a .mat file; in a folder, `mnist_all.mat` or the only known one."""
    if not path.is_dir():
        return path if path.is_file() and path.suffix == ".mat" else None
    if (path / MAT_NAME).is_file():
        return path / MAT_NAME
    files = [file for file in path.glob("*.mat") if file.is_file() and _is_known(file)]
    return files[0] if len(files) == 1 else None


def _is_known(path: Path) -> bool:
    try:
        found = list_variables(path)
    except (FormatError, OSError):
        return False
    return _is_original(found) or _is_emnist(found) or "train0" in found


def mat_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts in the file, from the heads of its variables alone.

    For an unknown layout, both parts: reading one then says which variables are missing.
    """
    found = list_variables(path)
    if _is_original(found) and found["data"].shape[1] != MNIST_IMAGES:
        return ("train",)
    return PARTS


def read_mat(path: Path, part: Part, name: str) -> Dataset:
    """Return the images of `part`, in the order of the file.

    Raises `FormatError` naming the file and the missing or misshapen variables.
    """
    found = list_variables(path)
    if _is_original(found):
        return _read_original(path, found, part, name)
    if _is_emnist(found):
        return _read_emnist(path, found["dataset"], part, name)
    return _read_classes(path, found, part, name)


def _is_original(found: _Variables) -> bool:
    return {"data", "label"} <= set(found) and len(found["data"].shape) == 2


def _is_emnist(found: _Variables) -> bool:
    return "dataset" in found and found["dataset"].kind == "struct"


def _read_classes(path: Path, found: _Variables, part: Part, name: str) -> Dataset:
    """Read `part` of `mnist_all.mat`, class by class, without unpacking the other part."""
    wanted = [f"{part}{digit}" for digit in range(CLASSES)]
    missing = [variable for variable in wanted if variable not in found]
    if missing:
        raise FormatError(
            f"{path}: no variable {', '.join(missing)}; expected {wanted[0]} to {wanted[-1]}, or "
            "data and label, or EMNIST's struct dataset; "
            f"found {', '.join(map(ascii, sorted(found)[:24])) or 'none'}"
        )
    pixels = found[wanted[0]].shape[-1]
    side = square_side(pixels)
    for variable in wanted:
        kind, shape = found[variable].kind, found[variable].shape
        if kind != "uint8" or len(shape) != 2 or side is None or shape[1] != pixels:
            raise FormatError(
                f"{path}: {variable} must be uint8 of shape (n, {pixels if side else 784}), got "
                f"{kind} {shape}"
            )
    rows = [read_uint8(path, found[variable]) for variable in wanted]
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), [len(row) for row in rows])
    images = np.empty((len(labels), pixels), np.uint8)
    np.concatenate(rows, out=images)
    return Dataset(as_pixels(images, str(path)), labels, name)


def _read_original(path: Path, found: _Variables, part: Part, name: str) -> Dataset:
    """Read `part` of `mnist-original.mat`, whose columns are the images."""
    pixels, n = found["data"].shape
    if square_side(pixels) is None:
        raise FormatError(
            f"{path}: data must have the shape (pixels, n) for a square number of pixels, got "
            f"{(pixels, n)}"
        )
    which = slice(None)
    if n == MNIST_IMAGES:
        which = slice(MNIST_TRAIN) if part == "train" else slice(MNIST_TRAIN, None)
    elif part == "test":
        raise FormatError(
            f"{path}: no test part; {n:,} images are one training file, only of MNIST's "
            f"{MNIST_IMAGES:,} the last {MNIST_IMAGES - MNIST_TRAIN:,} are the test part"
        )
    images = as_pixels(read_numbers(path, found["data"]).T[which], f"{path}: data")
    labels = as_labels(read_numbers(path, found["label"]), f"{path}: label")
    if len(labels.indices) != n:
        raise FormatError(f"{path}: {len(labels.indices)} labels for {n} images")
    return Dataset(images, labels.indices[which], name, classes=labels.classes)


def _read_emnist(path: Path, variable: Variable, part: Part, name: str) -> Dataset:
    """Read `part` of EMNIST's struct; its images are stored transposed, see `orientation`."""
    fields = read_struct(path, variable)
    group = fields.get(part)
    arrays = group if isinstance(group, dict) else {}
    pixels, classes = arrays.get("images"), arrays.get("labels")
    if not isinstance(pixels, ndarray) or not isinstance(classes, ndarray):
        raise FormatError(
            f"{path}: no dataset.{part}.images and dataset.{part}.labels; found the fields "
            f"{', '.join(map(ascii, sorted(fields))) or 'none'}"
        )
    images = as_pixels(pixels, f"{path}: dataset.{part}.images")
    table = fields.get("mapping")
    names = emnist_names(path)
    if isinstance(table, ndarray):
        names = names_from_table(table, f"{path}: dataset.mapping")
    labels = as_labels(classes, f"{path}: dataset.{part}.labels", names)
    return labels.dataset(images, name, str(path))
