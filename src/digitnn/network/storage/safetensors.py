"""Safetensors files, checked before the library parses them.

A file holds a flat mapping from names ("0.weight") to arrays:

    8 bytes      the length of the header, little-endian
    the header   JSON: name -> {"dtype", "shape", "data_offsets": [begin, end]}, and possibly
                 "__metadata__" -> {text: text}
    the rest     the arrays, without gaps

A malicious header can cost gigabytes to parse, so a long one is rejected unread, and every entry is
checked against the size of the file before the library sees it.
Source of the format: https://huggingface.co/docs/safetensors
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.errors import DataError, FormatError

MAX_HEADER_BYTES = 64 * 1024
"""Enough for some 700 arrays; the networks here have tens."""

_DTYPES = {
    **{f"F{bits}": f"float{bits}" for bits in (64, 32, 16)},
    "C64": "complex64",
    **{f"I{bits}": f"int{bits}" for bits in (64, 32, 16, 8)},
    **{f"U{bits}": f"uint{bits}" for bits in (64, 32, 16, 8)},
    "BOOL": "bool",
}
_UNKNOWN_TO_NUMPY = {"BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}  # bytes an item
_METADATA = "__metadata__"


@dataclass(frozen=True)
class TensorEntry:
    """One array in the header; `dtype` is NumPy's name, or safetensors' name such as BF16."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class SafetensorsHeader:
    """The arrays of a safetensors file, in the order of its data."""

    entries: tuple[TensorEntry, ...]
    metadata: Mapping[str, str]


def save_safetensors(
    path: Path, params: Mapping[str, ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write `params` to `path` atomically.

    Raises `DataError` for a dtype that the format lacks, and for a header too long to read back.
    """
    from safetensors.numpy import save

    for name, array in params.items():
        if array.dtype.name not in _DTYPES.values() or name == _METADATA:
            raise DataError(
                f"{path}: cannot hold {name!a} of the dtype {array.dtype}; "
                f"safetensors takes {', '.join(_DTYPES.values())}"
            )
    # The library writes raw memory: it must be in C order and native byte order.
    arrays = {
        name: np.array(array, array.dtype.newbyteorder("="), order="C")
        for name, array in params.items()
    }
    content = save(arrays, dict(metadata) if metadata else None)
    if (length := int.from_bytes(content[:8], "little")) > MAX_HEADER_BYTES:
        raise DataError(
            f"{path}: {len(params)} names and their metadata need a header of {length:,} bytes; "
            f"at most {MAX_HEADER_BYTES:,} can be read back"
        )
    with replace_file(path) as file:
        file.write(content)


def load_safetensors(path: Path) -> dict[str, ndarray]:
    """Return the parameters in `path`, writable, in the order of the file.

    Raises `FormatError` if the file is damaged, malicious, or has a dtype that NumPy lacks.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with path.open("rb") as file:
        header = _read_header(file, path)
        file.seek(0)
        content = file.read()
    for entry in header.entries:
        if entry.dtype in _UNKNOWN_TO_NUMPY:
            raise FormatError(
                f"{path}: {entry.name!a} is {entry.dtype}, which NumPy does not have; "
                "save it as F32"
            )
    try:
        params = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path, " ".join(str(error).split())) from None
    return {entry.name: params[entry.name].copy() for entry in header.entries}


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    """Return the header of `path`, checked against the file's size, without reading the arrays."""
    with path.open("rb") as file:
        return _read_header(file, path)


def _read_header(file: BinaryIO, path: Path) -> SafetensorsHeader:
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise _damaged(path, f"a header of {length:,} bytes in a file of {size:,}")
    if length > MAX_HEADER_BYTES:
        raise FormatError(
            f"{path}: its safetensors header has {length:,} bytes; at most "
            f"{MAX_HEADER_BYTES:,} are read"
        )
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is not the JSON expected: {error}") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(type(text) is str for text in metadata.values()):
        raise _damaged(path, "its metadata does not map text to text")
    entries = [_entry(name, value, path) for name, value in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in entries:
        if entry.begin != end:
            raise _damaged(
                path, f"{entry.name!a} begins at byte {entry.begin:,} of the data, not at {end:,}"
            )
        end = entry.end
    if end != size - 8 - length:
        raise _damaged(
            path, f"its header promises {end:,} bytes of data, the file has {size - 8 - length:,}"
        )
    return SafetensorsHeader(tuple(entries), metadata)


def _entry(name: str, value: Any, path: Path) -> TensorEntry:
    """Return one entry of the header, after checking its shape, dtype and offsets."""
    match value:
        case {"dtype": str(code), "shape": [*shape], "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise _damaged(path, f"{name!a} lacks its dtype, its shape or its offsets")
    if code not in _DTYPES and code not in _UNKNOWN_TO_NUMPY:
        raise FormatError(f"{path}: {name!a} is of the unknown safetensors dtype {code!a:.40}")
    # Bound each length even if another is 0: an array (0, 2^60) has no bytes, but its column
    # sums do.
    if len(shape) > 32 or not all(type(d) is int and 0 <= d < 2**31 for d in shape):
        raise _damaged(path, f"{name!a} has an impossible shape")
    itemsize = _UNKNOWN_TO_NUMPY.get(code) or np.dtype(_DTYPES[code]).itemsize
    if not 0 <= begin <= end or end - begin != math.prod(shape) * itemsize:
        raise _damaged(
            path, f"{name!a}, {code} of the shape {shape}, cannot be bytes {begin} to {end}"
        )
    return TensorEntry(name, _DTYPES.get(code, code), tuple(shape), begin, end)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a name occurs twice")
    return held


def _damaged(path: Path, reason: str) -> FormatError:
    return FormatError(f"{path}: not a safetensors file, or a damaged one: {reason:.200}")
