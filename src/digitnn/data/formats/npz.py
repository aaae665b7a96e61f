"""NumPy's .npy and .npz files, and `mnist.npz`, as published by Keras.

`mnist.npz` is a ZIP archive of `x_train`, `y_train`, `x_test`, `y_test`; x: uint8 (n, 28, 28);
y: integers (n,), 0 to 9. The type and shape in each array's header are checked against the size of
the file before anything is unpacked. Pickles are never loaded.
"""

import math
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.data.dataset import Dataset, Part, as_digits
from digitnn.data.formats.magic import MAX_UNPACKED, ZIP, head_of, kind_of
from digitnn.errors import FormatError
from digitnn.wording import error_text

NPY = b"\x93NUMPY"
NPZ_NAME = "mnist.npz"
ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class ArrayHeader:
    """One array of a file; `dtype` is NumPy's name if there is one."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def dtype_name(dtype: np.dtype[np.generic]) -> str:
    """Return a type's name: "uint8", "float32", or "<U3" and "|S3" for fixed-width strings."""
    return dtype.name if dtype.kind in "biufcO" else str(dtype)


def read_npz(path: Path, part: Part, name: str) -> Dataset:
    """Return the images and labels of `part`, without unpacking the other part.

    Raises `FormatError` naming the file and the missing or damaged array.
    """
    with _archive(path) as archive:
        images, labels = (_read_member(archive, f"{axis}_{part}", path) for axis in "xy")
    return Dataset(np.ascontiguousarray(images), as_digits(labels, f"{path}: y_{part}"), name)


def write_npz(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path`, compressed, for `numpy.load` and Keras."""
    arrays = (train.images, train.labels, test.images, test.labels)
    with replace_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **dict(zip(ARRAY_NAMES, arrays, strict=True)))


def npy_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the one array of a .npy file, named after the file."""
    with path.open("rb") as file:
        shape, dtype = _read_header(file, os.fstat(file.fileno()).st_size, path.name, path)
    return (ArrayHeader(path.name, shape, dtype_name(dtype)),)


def npz_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the arrays of an .npz archive, in its order."""
    headers = []
    with _archive(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise FormatError(f"{path}: {_foreign_zip(archive.namelist())}")
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                shape, dtype = _read_header(stream, member.file_size, name, path)
            headers.append(ArrayHeader(name, shape, dtype_name(dtype)))
    return tuple(headers)


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
            fault = f"damaged .npz archive ({error_text(error)}); fetch it again"
            if not head.startswith(ZIP):
                fault = f"not an .npz (ZIP) archive: it looks like {kind_of(head)}"
            raise FormatError(f"{path}: {fault}") from None


def _read_member(archive: zipfile.ZipFile, key: str, path: Path) -> ndarray:
    """Return one array, after checking its header against the archive's table of sizes."""
    if f"{key}.npy" not in archive.namelist():
        held = ", ".join(map(ascii, archive.namelist()[:12])) or "nothing"
        raise FormatError(
            f"{path}: no array {key}; expected {', '.join(ARRAY_NAMES)}, found {held}"
        )
    info = archive.getinfo(f"{key}.npy")
    with archive.open(info) as member:
        _, dtype = _read_header(member, info.file_size, key, path)
    if dtype.hasobject:
        raise FormatError(f"{path}: {key} holds pickled Python objects, which are never loaded")
    if info.file_size > MAX_UNPACKED:
        raise FormatError(
            f"{path}: {key} has {info.file_size:,} bytes; at most {MAX_UNPACKED:,} are unpacked"
        )
    with archive.open(info) as member:
        array: ndarray = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _read_header(
    stream: IO[bytes], size: int, name: str, path: Path
) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Return shape and type of the array in `stream`; header and items must be `size` bytes."""
    what = f"{path}: {name!a}"
    try:
        version = np.lib.format.read_magic(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 2 headers, odd literals
            if version == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            elif version == (2, 0):
                shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
            else:
                raise FormatError(f"{what}: .npy version {version}; 1.0 and 2.0 are supported")
    except FormatError:
        raise
    except Exception as error:  # ValueError, and all that Python's own parser raises
        raise FormatError(f"{what}: damaged .npy header ({error_text(error)})") from None
    promised = stream.tell() + math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and promised != size:
        raise FormatError(
            f"{what}: its header promises {dtype} {shape}, {promised:,} bytes in all; "
            f"there are {size:,}"
        )
    return shape, dtype


def _foreign_zip(names: list[str]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return "a torch.save file, which only PyTorch reads; save the state_dict as safetensors"
    return f"a ZIP archive, but not an .npz: it holds {', '.join(map(ascii, names[:4]))}"
