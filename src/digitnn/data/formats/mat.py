"""MATLAB 5 to 7 files: their variables, numeric arrays and structs.

The layouts of collections are in `mat_collections`. Of a MATLAB file:

    128 bytes    text, version, and two bytes for the byte order ("IM" is little-endian)
    then         one element per variable: a tag (type, size: 2 x uint32) and that many bytes

An element is a matrix, or a zlib stream that unpacks to one. A matrix consists of elements, each
padded to 8 bytes: flags with its class, lengths of its axes, name, items column by column.
SciPy's reader trusts the types and sizes in the file: one wrong byte can end the process with a
segmentation fault (scipy 1.17.1), hence this module.
Source: MathWorks, MAT-File Format, "Level 5 MAT-File Format".
"""

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.formats.magic import DEFLATE_RATIO, HDF5, MAX_UNPACKED, head_of, kind_of
from digitnn.data.formats.npz import ArrayHeader
from digitnn.errors import FormatError
from digitnn.wording import error_text

_CLASS_NAMES = (
    "cell struct object char sparse double single int8 uint8 int16 uint16 int32 uint32 int64 uint64"
)
_CLASSES_BY_CODE = dict(enumerate(_CLASS_NAMES.split(), start=1))
_NUMPY_NAMES = {"double": "float64", "single": "float32", "logical": "bool"}
_HEADER_BYTES = 128
_HDF5_OFFSET = 512  # of the HDF5 signature in a MATLAB 7.3 file
_HEAD_BYTES = 1024  # of a matrix: its class, shape and name, which MATLAB keeps below 64
_UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 2, 5, 6, 14, 15
_ITEM_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_ITEM_TYPES |= {12: "i8", 13: "u8"}  # MATLAB stores whole doubles in the smallest of these
_MAX_DEPTH = 4  # of structs in structs
_LOGICAL = 0x0200  # a flag of a uint8 matrix whose items are truth values


Buffer: TypeAlias = bytes | memoryview


@dataclass(frozen=True)
class Variable:
    """One variable: MATLAB's name for its class, its shape, and the place of its element.

    items: offset of the items' tag in the unpacked element. byte_order: "<" or ">".
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    size: int
    compressed: bool
    items: int
    byte_order: str


class _DamagedError(Exception):
    """Something does not fit; the message says what."""


def mat_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the variables of a MATLAB file, of any class."""
    return tuple(
        ArrayHeader(name, variable.shape, _NUMPY_NAMES.get(variable.kind, variable.kind))
        for name, variable in list_variables(path).items()
    )


def list_variables(path: Path) -> dict[str, Variable]:
    """Return every variable of `path` by name, from the heads alone.

    Raises `FormatError` naming the file if it is no MATLAB 5 to 7 file, or cut, or damaged.
    """
    order = _byte_order(head_of(path, _HDF5_OFFSET + len(HDF5)), path)
    variables = {}
    size, at = path.stat().st_size, _HEADER_BYTES
    try:
        with path.open("rb") as file:
            while at < size:
                file.seek(at)
                kind, length = _unpack(order, file.read(8))
                if at + 8 + length > size:
                    raise _DamagedError("a variable is cut short")
                if kind in (_MATRIX, _COMPRESSED):
                    file.seek(at)
                    head = file.read(min(8 + length, _HEAD_BYTES))
                    found = _variable(head, order, at, 8 + length, kind == _COMPRESSED)
                    if found:
                        variables[found.name] = found
                at += 8 + length
    except (_DamagedError, zlib.error) as error:
        raise _damaged(path, error) from None
    return variables


def read_uint8(path: Path, variable: Variable) -> UInt8[ndarray, "..."]:
    """Return the items of a uint8 variable that `list_variables` found in `path`."""
    with unpacked_matrix(path, variable) as matrix:
        return _items(matrix, variable, {_UINT8: "u1"})


def read_numbers(path: Path, variable: Variable) -> ndarray:
    """Return the items of a variable of any real numeric class, in the type they are stored in."""
    with unpacked_matrix(path, variable) as matrix:
        return _items(matrix, variable, _ITEM_TYPES)


def read_struct(path: Path, variable: Variable) -> dict[str, Any]:
    """Return the fields of a 1 x 1 struct: numeric arrays, or structs as nested mappings.

    Fields of other classes (text, cells) are left out.
    """
    with unpacked_matrix(path, variable) as matrix:
        return _struct(memoryview(matrix), variable, 0)


@contextmanager
def unpacked_matrix(path: Path, variable: Variable) -> Iterator[bytes]:
    """Yield the element of a variable, unpacked; what is wrong inside becomes a `FormatError`."""
    try:
        with path.open("rb") as file:
            file.seek(variable.start)
            element = file.read(variable.size)
        yield _inflate(element[8:], variable) if variable.compressed else element
    except (_DamagedError, zlib.error, ValueError) as error:
        raise _damaged(path, error) from None


def _items(matrix: Buffer, variable: Variable, types: Mapping[int, str]) -> ndarray:
    """Return the numbers of the matrix whose items' tag is at `variable.items`."""
    order = variable.byte_order
    kind = _unpack(order, matrix[variable.items : variable.items + 8])[0]
    kind = kind & 0xFFFF if kind >> 16 else kind
    items, _ = _element(matrix, variable.items, order)
    if kind not in types:
        raise _DamagedError(f"an element of type {kind} and {len(items):,} bytes is out of place")
    dtype = np.dtype(order + types[kind])
    if len(items) != math.prod(variable.shape) * dtype.itemsize:
        raise _DamagedError(f"{variable.name} holds {len(items) // dtype.itemsize:,} items")
    return np.frombuffer(items, dtype).reshape(variable.shape, order="F")


def _struct(matrix: memoryview, variable: Variable, depth: int) -> dict[str, Any]:
    """Return the fields of the struct in `matrix`, nested at most `_MAX_DEPTH` deep."""
    order, at = variable.byte_order, variable.items
    if math.prod(variable.shape) != 1 or depth > _MAX_DEPTH:
        raise _DamagedError(f"{variable.name} is no single struct")
    width, at = _element(matrix, at, order, _INT32)
    names, at = _element(matrix, at, order)
    length = int.from_bytes(width, "little" if order == "<" else "big")
    if not 0 < length <= 64 or len(names) % length:
        raise _DamagedError("a struct has impossible field names")
    fields: dict[str, Any] = {}
    for start in range(0, len(names), length):
        name = bytes(names[start : start + length]).rstrip(b"\0").decode("ascii", "replace")
        kind, size = _unpack(order, matrix[at : at + 8])
        if kind != _MATRIX or at + 8 + size > len(matrix):
            raise _DamagedError("a field is cut short")
        field = matrix[at : at + 8 + size]
        at += 8 + size
        found = _variable(bytes(field[:_HEAD_BYTES]), order, 0, len(field), False) if size else None
        if found is None:
            continue
        if found.kind == "struct":
            fields[name] = _struct(field, found, depth + 1)
        elif found.kind in [*_CLASS_NAMES.split()[5:], "logical"]:
            fields[name] = _items(field, found, _ITEM_TYPES)
    return fields


def _byte_order(head: bytes, path: Path) -> str:
    if head.startswith((HDF5, b"MATLAB 7.3")) or head[_HDF5_OFFSET:] == HDF5:
        raise FormatError(
            f"{path}: a MATLAB 7.3 (HDF5) file; save it from MATLAB with the option '-v7'"
        )
    order = {b"IM": "<", b"MI": ">"}.get(head[_HEADER_BYTES - 2 : _HEADER_BYTES])
    if order is None and head.startswith(b"MATLAB"):
        raise FormatError(f"{path}: truncated or damaged MATLAB header; fetch the file again")
    if order is None:
        raise FormatError(f"{path}: not a MATLAB file: it looks like {kind_of(head)}")
    return order


def _variable(head: bytes, order: str, start: int, size: int, compressed: bool) -> Variable | None:
    """Return the variable whose element begins with `head`; None for an unknown class."""
    if compressed:
        head = zlib.decompressobj().decompress(head[8:], _HEAD_BYTES)
    if _unpack(order, head)[0] != _MATRIX:
        raise _DamagedError("a variable is not a matrix")
    flags, at = _element(head, 8, order, _UINT32)
    bits = _unpack(order, flags)[0]
    kind = "logical" if bits & _LOGICAL else _CLASSES_BY_CODE.get(bits & 0xFF)
    if kind is None:
        return None
    lengths, at = _element(head, at, order, _INT32)
    shape = struct.unpack(f"{order}{len(lengths) // 4}i", lengths[: len(lengths) // 4 * 4])
    name, at = _element(head, at, order)
    if min(shape, default=-1) < 0 or len(shape) > 32:
        raise _DamagedError("a variable has impossible lengths")
    label = bytes(name).decode("ascii", "backslashreplace")
    return Variable(label, kind, shape, start, size, compressed, at, order)


def _inflate(packed: bytes, variable: Variable) -> bytes:
    """Unpack the matrix in a zlib stream, checking its length and checksum."""
    head = zlib.decompressobj().decompress(packed, 8)
    promised = 8 + _unpack(variable.byte_order, head)[1]
    if promised > min(MAX_UNPACKED, len(packed) * DEFLATE_RATIO):
        raise _DamagedError(f"{variable.name} promises {promised:,} bytes")
    unpacker = zlib.decompressobj()
    matrix = unpacker.decompress(packed, promised + 1)
    if len(matrix) != promised or not unpacker.eof:
        raise _DamagedError(f"{variable.name} is cut short")
    return matrix


def _element(
    content: Buffer, at: int, order: str, expected: int | None = None
) -> tuple[Buffer, int]:
    """Return (bytes of the element whose tag is at offset `at`, offset of the next tag)."""
    kind, size = _unpack(order, content[at : at + 8])
    start, end = at + 8, at + 8 + size + -size % 8
    if kind >> 16:  # up to four bytes are stored inside the tag
        kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
    if (expected is not None and kind != expected) or (start == at + 4 and size > 4):
        raise _DamagedError(f"an element of type {kind} and {size:,} bytes is out of place")
    if start + size > len(content):
        raise _DamagedError("an element is cut short")
    return content[start : start + size], end


def _unpack(order: str, tag: Buffer) -> tuple[int, int]:
    if len(tag) < 8:
        raise _DamagedError("a tag is cut short")
    kind, size = struct.unpack_from(f"{order}2I", tag)
    return kind, size


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path}: damaged MATLAB file ({error_text(error)}); fetch it again")
