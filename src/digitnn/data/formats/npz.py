"""NumPy's .npy and .npz files, and `mnist.npz`, as published by Keras.

`mnist.npz` is a ZIP archive of `x_train`, `y_train`, `x_test`, `y_test`; x: uint8 (n, h, w);
y: integers (n,) or names. Arrays of other names (`PART_NAMES`), shapes and types (`values`,
`labels`) are read too.
The type and shape in each array's header are checked against the size of the file before anything
is unpacked. Pickles are never loaded.
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
from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats.labels import as_labels, is_numbered
from digitnn.data.formats.magic import MAX_UNPACKED, ZIP, head_of, kind_of
from digitnn.data.formats.values import as_pixels
from digitnn.errors import FormatError
from digitnn.wording import error_text

NPY = b"\x93NUMPY"
NPZ_NAME = "mnist.npz"
ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")
PART_NAMES: dict[Part, tuple[tuple[str, str], ...]] = {
    "train": (
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("training_images", "training_labels"),
        ("train_x", "train_y"),
    ),
    "test": (("x_test", "y_test"), ("test_images", "test_labels"), ("test_x", "test_y")),
}
"""Names of images and labels, in lower case."""

WHOLE_NAMES = (
    ("x", "y"),
    ("images", "labels"),
    ("data", "target"),
    ("data", "labels"),
    ("data", "label"),
)
"""The same where the file does not name a part."""


@dataclass(frozen=True)
class ArrayHeader:
    """One array of a file; `dtype` is NumPy's name if there is one."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def dtype_name(dtype: np.dtype[np.generic]) -> str:
    """Return a type's name: "uint8", "float32", or "<U3" and "|S3" for fixed-width strings."""
    return dtype.name if dtype.kind in "biufcO" else str(dtype)


def find_npz(path: Path) -> Path | None:
    """Return `path` if it is an .npz file; in a folder, `mnist.npz` or the only one with digits."""
    if not path.is_dir():
        return path if path.is_file() and path.suffix == ".npz" else None
    if (path / NPZ_NAME).is_file():
        return path / NPZ_NAME
    files = [file for file in path.glob("*.npz") if file.is_file() and _holds_pair(file)]
    return files[0] if len(files) == 1 else None


def _holds_pair(path: Path) -> bool:
    try:
        names = npz_names(path)
    except (FormatError, OSError):
        return False
    return any(_pair(names, part) for part in PARTS)


def npz_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts in the archive; one pair of arrays without a part is a training file.

    Where no pair is complete, both parts: reading one then says which arrays are missing.
    """
    names = npz_names(path)
    return tuple(part for part in PARTS if _pair(names, part)) or PARTS


def npz_names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in the archive."""
    with _archive(path) as archive:
        return tuple(
            name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")
        )


def read_npz(path: Path, part: Part, name: str) -> Dataset:
    """Return the images and labels of `part`, without unpacking the other part.

    Raises `FormatError` naming the file and the missing or damaged array.
    """
    names = npz_names(path)
    pair = _pair(names, part)
    if pair is None and part == "test" and _pair(names, "train"):
        raise FormatError(
            f"{path}: no test part; expected x_test and y_test, found {_listed(names)}"
        )
    x, y = pair or (f"x_{part}", f"y_{part}")
    with _archive(path) as archive:
        images = as_pixels(_read_member(archive, x, path), f"{path}: {x}")
        labels = as_labels(_read_member(archive, y, path), f"{path}: {y}")
    return labels.dataset(images, name, str(path))


def read_array(path: Path, key: str) -> ndarray:
    """Return one array of the archive. Raises `FormatError` naming the file and the array."""
    with _archive(path) as archive:
        return _read_member(archive, key, path)


def _pair(names: tuple[str, ...], part: Part) -> tuple[str, str] | None:
    """Return the names of the images and labels of `part`, in any case, or None."""
    found = {name.lower(): name for name in names}
    wanted = PART_NAMES[part]
    if part == "train" and not any(x in found for x, _ in PART_NAMES["test"]):
        wanted += WHOLE_NAMES
    return next(((found[x], found[y]) for x, y in wanted if x in found and y in found), None)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(ascii, names[:12])) or "nothing"


def write_npz(path: Path, train: Dataset, test: Dataset) -> None:
    """Write both parts to `path`, compressed, for `numpy.load` and Keras.

    Labels are integers where the classes are numbered from 0, else the names of the classes.
    """
    arrays = (train.images, _written(train), test.images, _written(test))
    with replace_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **dict(zip(ARRAY_NAMES, arrays, strict=True)))


def _written(data: Dataset) -> ndarray:
    return data.labels if is_numbered(data.classes) else np.array(data.classes)[data.labels]


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
        raise FormatError(
            f"{path}: no array {key}; expected {', '.join(ARRAY_NAMES)}, or a pair such as "
            f"images and labels; found {_listed(tuple(archive.namelist()))}"
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
