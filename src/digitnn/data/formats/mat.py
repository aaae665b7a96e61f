"""`mnist_all.mat`: MNIST sorted by class in one MATLAB file, as published by Sam Roweis.

Twenty variables, `train0` .. `train9` and `test0` .. `test9`: uint8 of shape (n, 784), one image
per row, in the order of the IDX files within each class.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.data.dataset import CLASSES, SIDE, Dataset, Part
from digitnn.data.formats.mat5 import Variable, list_variables, read_uint8
from digitnn.errors import FormatError

MAT_NAME = "mnist_all.mat"
IMAGE_PIXELS = SIDE * SIDE


def mat_arrays(data: Dataset, part: Part) -> dict[str, UInt8[ndarray, "n 784"]]:
    """Return the variables of `part`: the rows of each class, in the order of `data`."""
    rows = data.images.reshape(-1, IMAGE_PIXELS)
    return {f"{part}{digit}": rows[data.labels == digit] for digit in range(CLASSES)}


def write_mat(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path` in the layout of `mnist_all.mat`, compressed."""
    from scipy.io import savemat

    arrays = mat_arrays(train, "train") | mat_arrays(test, "test")
    with replace_file(path) as file:
        savemat(file.name, arrays, appendmat=False, do_compression=True)


def read_mat(path: Path, part: Part, name: str) -> Dataset:
    """Return the images of `part`, class by class, without unpacking the other part.

    Raises `FormatError` naming the file and the missing or misshapen variables.
    """
    wanted = [f"{part}{digit}" for digit in range(CLASSES)]
    found = list_variables(path)
    _check_variables(found, wanted, path)
    rows = [read_uint8(path, found[variable]) for variable in wanted]
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), [len(row) for row in rows])
    images = np.empty((len(labels), SIDE, SIDE), np.uint8)
    np.concatenate(rows, out=images.reshape(-1, IMAGE_PIXELS))
    return Dataset(images, labels, name)


def _check_variables(found: Mapping[str, Variable], wanted: list[str], path: Path) -> None:
    missing = [variable for variable in wanted if variable not in found]
    if missing:
        raise FormatError(
            f"{path}: no variable {', '.join(missing)}; expected {wanted[0]} to {wanted[-1]}, "
            f"found {', '.join(map(ascii, sorted(found)[:24])) or 'none'}"
        )
    for variable in wanted:
        kind, shape = found[variable].kind, found[variable].shape
        if kind != "uint8" or len(shape) != 2 or shape[1] != IMAGE_PIXELS:
            raise FormatError(
                f"{path}: {variable} must be uint8 of shape (n, {IMAGE_PIXELS}), got {kind} {shape}"
            )
