"""Names, shapes and types of the arrays in .npy, .npz and MATLAB 5 to 7 files.

Only headers are read; the sizes they give are checked against the size of the file. Pickled objects
are never loaded.
"""

import math
import os
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from digitnn.data.formats.mat5 import list_variables
from digitnn.errors import FormatError
from digitnn.wording import error_text

NPY = b"\x93NUMPY"
_MATLAB_DTYPES = {"double": "float64", "single": "float32", "logical": "bool"}


@dataclass(frozen=True)
class ArrayHeader:
    """One array of a file; `dtype` is NumPy's name if there is one."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def dtype_name(dtype: np.dtype[np.generic]) -> str:
    """Return a type's name: "uint8", "float32", or "<U3" and "|S3" for fixed-width strings."""
    return dtype.name if dtype.kind in "biufcO" else str(dtype)


def npy_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the one array of a .npy file, named after the file."""
    with path.open("rb") as file:
        return (_npy_header(file, os.fstat(file.fileno()).st_size, path.name, path),)


def npz_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the arrays of an .npz archive, in its order."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return tuple(_members(archive, path))
        except FormatError:
            raise
        # BadZipFile, zlib.error, RuntimeError when it is encrypted, OSError for a wrong offset
        except Exception as error:
            raise FormatError(f"{path}: damaged .npz archive ({error}); fetch it again") from None


def mat_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the variables of a MATLAB file, of any class."""
    return tuple(
        ArrayHeader(name, variable.shape, _MATLAB_DTYPES.get(variable.kind, variable.kind))
        for name, variable in list_variables(path).items()
    )


def _members(archive: zipfile.ZipFile, path: Path) -> Iterator[ArrayHeader]:
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            raise FormatError(f"{path}: {_foreign_zip(archive.namelist())}")
        name = member.filename.removesuffix(".npy")
        with archive.open(member) as stream:
            yield _npy_header(stream, member.file_size, name, path)


def _npy_header(stream: IO[bytes], size: int, name: str, path: Path) -> ArrayHeader:
    """Read the header at the start of `stream`; header and data must be `size` bytes together."""
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
    return ArrayHeader(name, shape, dtype_name(dtype))


def _foreign_zip(names: list[str]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return "a torch.save file, which only PyTorch reads; save the state_dict as safetensors"
    return f"a ZIP archive, but not an .npz: it holds {', '.join(map(ascii, names[:4]))}"
