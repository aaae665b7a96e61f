"""`mnist_all.mat`: MNIST sorted by class in one MATLAB file, as Sam Roweis published it.

Twenty variables, `train0` .. `train9` and `test0` .. `test9`: uint8 of shape (n, 784), one
image a row, in the order of the IDX files within each class.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.atomic import replace_file
from digitnn.dataset import CLASSES, SIDE, Dataset
from digitnn.errors import FormatError
from digitnn.formats.part import MOST_UNPACKED, Part
from digitnn.formats.recognise import HDF5, head_of, kind_of, words_of

NAME = "mnist_all.mat"
PIXELS = SIDE * SIDE
_HEADER_BYTES = 128
_HDF5_OFFSET = 512  # where the HDF5 signature of a MATLAB 7.3 file stands, behind MATLAB's header
_T = TypeVar("_T")


def mat_arrays(data: Dataset, part: Part) -> dict[str, UInt8[ndarray, "n 784"]]:
    """What `mnist_all.mat` holds for `part`: the rows of each class, in the order of `data`."""
    rows = data.images.reshape(-1, PIXELS)
    return {f"{part}{digit}": rows[data.labels == digit] for digit in range(CLASSES)}


def write_mat(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path` in the layout of `mnist_all.mat`, compressed."""
    from scipy.io import savemat

    arrays = mat_arrays(train, "train") | mat_arrays(test, "test")
    with replace_file(path) as file:
        savemat(file.name, arrays, appendmat=False, do_compression=True)


def read_mat(path: Path, part: Part, name: str) -> Dataset:
    """The images of `part`, class by class; the variables of the other part stay packed.

    Raises `FormatError` naming the file, and the variables that are missing or misshapen.
    """
    from scipy.io import loadmat, whosmat

    wanted = [f"{part}{digit}" for digit in range(CLASSES)]
    _check_version(head_of(path, _HDF5_OFFSET + len(HDF5)), path)
    found = _guarded(path, lambda: whosmat(path, appendmat=False))
    _check_variables({key: (shape, kind) for key, shape, kind in found}, wanted, path)
    arrays = _guarded(path, lambda: loadmat(path, appendmat=False, variable_names=wanted))
    rows = [arrays[variable] for variable in wanted]
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), [len(row) for row in rows])
    return Dataset(np.concatenate(rows).reshape(-1, SIDE, SIDE), labels, name)


def _check_version(head: bytes, path: Path) -> None:
    """Refuse what is not a MATLAB 5 to 7 file before scipy guesses at it."""
    if head.startswith((HDF5, b"MATLAB 7.3")) or head[_HDF5_OFFSET:] == HDF5:
        raise FormatError(
            f"{path}: a MATLAB 7.3 (HDF5) file; save it from MATLAB with the option '-v7'"
        )
    if not head.startswith(b"MATLAB"):
        raise FormatError(f"{path}: not a MATLAB file: it looks like {kind_of(head)}")
    if head[_HEADER_BYTES - 2 : _HEADER_BYTES] not in (b"IM", b"MI"):
        raise FormatError(f"{path}: truncated or damaged MATLAB header; fetch the file anew")


def _check_variables(
    found: Mapping[str, tuple[tuple[int, ...], str]], wanted: list[str], path: Path
) -> None:
    missing = [variable for variable in wanted if variable not in found]
    if missing:
        raise FormatError(
            f"{path}: no variable {', '.join(missing)}; expected {wanted[0]} to {wanted[-1]}, "
            f"found {', '.join(map(ascii, sorted(found)[:24])) or 'none'}"
        )
    for variable in wanted:
        shape, kind = found[variable]
        if kind != "uint8" or len(shape) != 2 or shape[1] != PIXELS:
            raise FormatError(
                f"{path}: {variable} must be uint8 of shape (n, {PIXELS}), got {kind} {shape}"
            )
    images = sum(found[variable][0][0] for variable in wanted)
    if images * PIXELS > MOST_UNPACKED:
        raise FormatError(f"{path}: it promises {images:,} images, too many for a compressed file")


def _guarded(path: Path, read: Callable[[], _T]) -> _T:
    """`read()`, with whatever damaged bytes make scipy raise (a dozen types) as one error."""
    try:
        return read()
    except Exception as error:
        raise FormatError(
            f"{path}: damaged MATLAB file ({words_of(error)}); fetch it anew"
        ) from None
