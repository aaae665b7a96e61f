"""The names that a pickle may call, each replaced by a constructor that checks its arguments.

A pickle builds arrays by naming and calling functions of NumPy. Here such a name maps to a
constructor below, which accepts what regular pickles pass and raises `NotPlainError` for the rest.
The names cover Python 2 and 3, old and new NumPy.

An `Allowance` of a few times the file's size bounds what is copied, so that no small file becomes a
large value.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.network.storage.pickles.plain_values import (
    MAX_ODD_KEYS,
    NotPlainError,
    check_key,
    is_plain_dtype,
    too_many_odd_keys,
)

_DTYPE_NAME = re.compile(
    r"([<>|=]?)(\?|b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[SU][0-9]{1,9})"
)
_MAX_CODE = {"b": 1, "U": 0x10FFFF}  # types for which some bit patterns are no values
_LATIN_1 = {"latin1", "latin-1", "iso-8859-1"}


class Allowance:
    """A budget for one file: bytes or items to copy, and keys to hash."""

    def __init__(self, file_size: int) -> None:
        self._copies = 4 * file_size + 65_536
        self._odd_keys = MAX_ODD_KEYS

    def copy(self, amount: int) -> None:
        """Charge `amount` bytes or items; a regular file needs at most twice its size."""
        self._copies -= amount
        if self._copies < 0:
            raise NotPlainError("it expands to far more data than the file holds")

    def key(self, key: object) -> None:
        """Check and charge a key before it is hashed."""
        self._odd_keys -= check_key(key)
        if self._odd_keys < 0:
            raise too_many_odd_keys()
        for part in key if type(key) is tuple else (key,):
            self.copy(part.nbytes if isinstance(part, np.generic) else 1)


@dataclass
class PendingDType:
    """A dtype named by a pickle; a later instruction may change its byte order."""

    name: str
    byte_order: str

    def set_state(self, state: object) -> None:
        """Accept (version 3, byte order, no subarray, no names, no fields, size, alignment, flags).

        A longer state carries metadata of any type and is rejected.
        """
        match state:
            case (int(3), str("<" | ">" | "|" | "=" as byte_order), None, None, None, _, _, _):
                self.byte_order = byte_order
            case _:
                raise NotPlainError(
                    f"the dtype {self.name} has fields, subarrays, metadata or an unknown state"
                )


Constructor = Callable[[Allowance, tuple[Any, ...]], object]


def fill_array(allowance: Allowance, array: ndarray, state: object) -> None:
    """Fill a blank array from the state of `ndarray.__reduce__`: version 1, shape, dtype, data."""
    match state:
        case (int(1), tuple(shape), dtype, bool() | int() as is_fortran, data):
            checked = _checked(allowance, shape, dtype, data)
            # NumPy uses large bytes objects as the array's writable memory; the pickle may refer
            # to the same bytes again, so copy them.
            own = memoryview(checked.data).tobytes()
            complete: Any = (1, shape, checked.dtype, bool(is_fortran), own)
            array.__setstate__(complete)
        case _:
            raise NotPlainError("an array has a state of unknown form")


def _blank_array(allowance: Allowance, arguments: tuple[Any, ...]) -> ndarray:
    """`_reconstruct(ndarray, (0,), "b")`: an empty array, filled by a later instruction."""
    match arguments:
        case (named, (int(0),), str("b") | bytes(b"b")) if named is _array_over_buffer:
            return ndarray((0,), np.int8)
    raise NotPlainError("_reconstruct is called for something other than a blank array")


def _array_over_buffer(allowance: Allowance, arguments: tuple[Any, ...]) -> ndarray:
    """`numpy.ndarray(shape, dtype, buffer)`, in C order; the buffer is mandatory."""
    match arguments:
        case (tuple(shape), dtype, data):
            checked = _checked(allowance, shape, dtype, data)
            return ndarray(shape, checked.dtype, checked.data).copy()
    raise NotPlainError("numpy.ndarray is called without the data it should hold")


def _array_from_buffer(allowance: Allowance, arguments: tuple[Any, ...]) -> ndarray:
    """`_frombuffer(buffer, dtype, shape, order[, axes])`, as protocol 5 stores arrays."""
    match arguments:
        case (data, dtype, tuple(shape), str("C" | "F" as order)):
            checked = _checked(allowance, shape, dtype, data)
            return ndarray(shape, checked.dtype, checked.data, order=order).copy("K")
        case (data, dtype, tuple(shape), str("K"), tuple(axes)) if _is_permutation(
            axes, len(shape)
        ):
            checked = _checked(allowance, shape, dtype, data)
            return ndarray(shape, checked.dtype, checked.data).transpose(axes).copy("K")
    raise NotPlainError("_frombuffer is called with arguments of unknown form")


def _scalar(allowance: Allowance, arguments: tuple[Any, ...]) -> object:
    """`scalar(dtype, bytes)`."""
    match arguments:
        case (PendingDType(name="S0" | "U0" as name), _):
            return np.bytes_() if name == "S0" else np.str_()
        case (dtype, data):
            checked = _checked(allowance, (), dtype, data)
            return ndarray((), checked.dtype, checked.data)[()]
    raise NotPlainError("a NumPy scalar comes without its dtype or its bytes")


def _dtype(allowance: Allowance, arguments: tuple[Any, ...]) -> PendingDType:
    """`numpy.dtype(name, align, copy)`."""
    match arguments:
        case (str(name), *_) if known := _DTYPE_NAME.fullmatch(name):
            return PendingDType(known[2], known[1] or "=")
        case (str(name), *_):
            raise NotPlainError(
                f"it asks for the dtype {name[:40]!a}; only numbers, booleans and strings of "
                "fixed width are supported"
            )
    raise NotPlainError("numpy.dtype is called with something other than a name")


def _set(allowance: Allowance, arguments: tuple[Any, ...]) -> set[Any]:
    return set(_members(allowance, arguments))


def _frozenset(allowance: Allowance, arguments: tuple[Any, ...]) -> frozenset[Any]:
    return frozenset(_members(allowance, arguments))


def _members(allowance: Allowance, arguments: tuple[Any, ...]) -> list[Any]:
    match arguments:
        case ():
            return []
        case (list(items),):
            for item in items:
                allowance.copy(1)
                allowance.key(item)
            return items
    raise NotPlainError("a set is made of something other than a list")


def _bytearray(allowance: Allowance, arguments: tuple[Any, ...]) -> bytearray:
    match arguments:
        case ():
            return bytearray()
        case (bytes(data),):
            allowance.copy(len(data))
            return bytearray(data)
        case (str(text), str(encoding)) if encoding in _LATIN_1:
            return bytearray(_latin_1(allowance, text))
    raise NotPlainError("bytearray is called with something other than its bytes")


def _bytes(allowance: Allowance, arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise NotPlainError("bytes is called with arguments")
    return b""


def _encode(allowance: Allowance, arguments: tuple[Any, ...]) -> bytes:
    """`_codecs.encode(text, "latin1")`, the form of bytes in pickles for Python 2."""
    match arguments:
        case (str(text), str(encoding)) if encoding in _LATIN_1:
            return _latin_1(allowance, text)
    raise NotPlainError("_codecs.encode is called for something other than latin1")


def _complex(allowance: Allowance, arguments: tuple[Any, ...]) -> complex:
    match arguments:
        case (float(real), float(imaginary)):
            return complex(real, imaginary)
    raise NotPlainError("complex is called with something other than two floats")


@dataclass(frozen=True)
class _Checked:
    """A dtype, and exactly the bytes that the shape and the dtype need."""

    dtype: np.dtype[Any]
    data: bytes | bytearray


def _checked(allowance: Allowance, shape: tuple[Any, ...], dtype: Any, data: Any) -> _Checked:
    """Check the shape, dtype and data of an array, and charge the allowance.

    A dimension of 0 counts as 1: an array (0, 10^12) has no bytes, but its column sums do.
    """
    if isinstance(dtype, str):
        dtype = _dtype(allowance, (dtype,))
    if not isinstance(dtype, PendingDType):
        raise NotPlainError("an array comes without its dtype")
    if len(shape) > 32 or not all(type(d) is int and 0 <= d < 2**63 for d in shape):
        raise NotPlainError("an array has an impossible shape")
    if isinstance(data, str):  # bytes of Python 2
        data = _latin_1(allowance, data)
    if not isinstance(data, bytes | bytearray):
        raise NotPlainError("an array comes without its bytes")
    known: np.dtype[Any] = np.dtype(dtype.byte_order + dtype.name)
    needed = math.prod(shape) * known.itemsize
    if not is_plain_dtype(known) or known.itemsize == 0 or needed != len(data):
        raise NotPlainError(
            f"an array of the shape {shape} and the dtype {known.str} needs {needed} bytes, "
            f"the file gives {len(data)}"
        )
    allowance.copy(math.prod(max(d, 1) for d in shape) * known.itemsize)
    if known.kind in _MAX_CODE and needed:
        unit = np.dtype(f"{known.byteorder}u{4 if known.kind == 'U' else 1}")
        if np.frombuffer(data, unit).max() > _MAX_CODE[known.kind]:
            raise NotPlainError(f"an array of the dtype {known.str} holds an impossible value")
    return _Checked(known, data)


def _latin_1(allowance: Allowance, text: str) -> bytes:
    allowance.copy(len(text))
    return text.encode("latin-1")


def _is_permutation(axes: tuple[Any, ...], n: int) -> bool:
    return all(type(axis) is int for axis in axes) and sorted(axes) == list(range(n))


ADMITTED: Mapping[str, Constructor] = {
    "numpy.ndarray": _array_over_buffer,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    **{
        f"numpy.{package}.{name}": constructor
        for package in ("core", "_core")
        for name, constructor in {
            "multiarray._reconstruct": _blank_array,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": _array_from_buffer,
        }.items()
    },
    **{
        f"{module}.{name}": constructor
        for module in ("builtins", "__builtin__")
        for name, constructor in {
            "set": _set,
            "frozenset": _frozenset,
            "bytearray": _bytearray,
            "bytes": _bytes,
            "complex": _complex,
        }.items()
    },
}
"""Dotted name in the file -> the constructor that replaces it."""
