"""`mnist.npz`, as published by Keras: `x_train`, `y_train`, `x_test`, `y_test` in a ZIP archive.

x: uint8 (n, 28, 28); y: integers (n,), 0 to 9. The type and shape in each member's header are
checked against the sizes in the archive before it is unpacked. Pickles are never loaded.
"""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.data.dataset import CLASSES, Dataset, Part
from digitnn.data.formats.magic import MAX_UNPACKED, ZIP, head_of, kind_of
from digitnn.errors import DataError, FormatError
from digitnn.wording import error_text

NPZ_NAME = "mnist.npz"
ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path, part: Part, name: str) -> Dataset:
    """Return the images and labels of `part`, without unpacking the other part.

    Raises `FormatError` naming the file and the missing or damaged array.
    """
    with _archive(path) as archive:
        images = _read_member(archive, f"x_{part}", path)
        labels = _read_member(archive, f"y_{part}", path)
    if labels.dtype.kind not in "iu":
        raise FormatError(f"{path}: y_{part} must be integers, got {labels.dtype}")
    wrong = (labels < 0) | (labels >= CLASSES)
    if wrong.any():
        where = int(np.argmax(wrong))
        raise DataError(
            f"{path}: label {where} of y_{part} is {labels.flat[where]}; labels are 0 to 9"
        )
    return Dataset(np.ascontiguousarray(images), labels.astype(np.uint8, copy=False), name)


def write_npz(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path`, compressed, for `numpy.load` and Keras."""
    arrays = dict(
        zip(ARRAY_NAMES, (train.images, train.labels, test.images, test.labels), strict=True)
    )
    with replace_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive; any error inside the block becomes a `FormatError`."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except FormatError:
            raise
        except Exception as error:  # BadZipFile, zlib.error, OSError, RuntimeError if encrypted ...
            head = head_of(path)
            if not head.startswith(ZIP):
                raise FormatError(
                    f"{path}: not an .npz (ZIP) archive: it looks like {kind_of(head)}"
                ) from None
            raise FormatError(
                f"{path}: damaged .npz archive ({error_text(error)}); fetch it again"
            ) from None


def _read_member(archive: zipfile.ZipFile, key: str, path: Path) -> ndarray:
    """Return one array, after checking its header against the archive's table of sizes."""
    if f"{key}.npy" not in archive.namelist():
        held = ", ".join(map(ascii, archive.namelist()[:12])) or "nothing"
        raise FormatError(
            f"{path}: no array {key}; expected {', '.join(ARRAY_NAMES)}, found {held}"
        )
    info = archive.getinfo(f"{key}.npy")
    shape, dtype, start = _read_header(archive, info, path)
    promised = start + math.prod(shape) * dtype.itemsize
    if promised != info.file_size or promised > MAX_UNPACKED:
        raise FormatError(
            f"{path}: {key} promises {dtype} {shape}, {promised:,} bytes with its header; "
            f"the archive holds {info.file_size:,}, and at most {MAX_UNPACKED:,} are unpacked"
        )
    with archive.open(info) as member:
        array: ndarray = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _read_header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path
) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    """Return (shape, type, offset of the items) from a member's header."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(member)
        else:
            raise FormatError(f"{path}: {info.filename} has the unknown .npy version {version}")
        if dtype.hasobject:
            raise FormatError(
                f"{path}: {info.filename} holds pickled Python objects, which are never loaded"
            )
        return shape, dtype, member.tell()
