"""The names that a pickle may call, and what takes the place of each call.

A pickle builds arrays by naming and calling functions of NumPy. Here `call_admitted` makes the
values instead: it accepts what regular pickles pass and raises `NotPlainError` for the rest. The
names cover Python 2 and 3, old and new NumPy.

An `Allowance` of a few times the file's size bounds what is copied, so that no small file becomes a
large value.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from digitnn.pickles.plain_values import (
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
_EMPTY = {"set": set, "frozenset": frozenset, "bytearray": bytearray, "bytes": bytes}
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


@dataclass(frozen=True)
class AdmittedName:
    """A function of `ADMITTED`, without its module, which `call_admitted` imitates."""

    name: str


ADMITTED: Mapping[str, AdmittedName] = {
    f"{module}.{name}": AdmittedName(name)
    for modules, names in (
        (("numpy",), ("ndarray", "dtype")),
        (("_codecs",), ("encode",)),
        (("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
        (("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
        (("builtins", "__builtin__"), ("set", "frozenset", "bytearray", "bytes", "complex")),
    )
    for module in modules
    for name in names
}
"""The names that a file may call, by their dotted form."""


def call_admitted(
    allowance: Allowance, function: AdmittedName, arguments: tuple[Any, ...]
) -> object:
    """Return what `function` makes of regular `arguments`. Raises `NotPlainError` for others."""
    match function.name, arguments:
        case "dtype", (str(name), *_):  # then align, copy
            return _named_dtype(name)
        case "_reconstruct", (AdmittedName("ndarray"), (int(0),), str("b") | bytes(b"b")):
            return ndarray((0,), np.int8)  # blank; a later instruction fills it
        case "ndarray", (tuple(shape), dtype, data):
            return _checked_array(allowance, shape, dtype, data).copy()
        case "_frombuffer", (data, dtype, tuple(shape), str("C" | "F" as order)):  # protocol 5
            return _checked_array(allowance, shape, dtype, data, order).copy("K")
        case "_frombuffer", (data, dtype, tuple(shape), str("K"), tuple(axes)) if _is_permutation(
            axes, len(shape)
        ):
            return _checked_array(allowance, shape, dtype, data).transpose(axes).copy("K")
        case "scalar", (PendingDType(name="S0" | "U0" as name), _):
            return np.bytes_() if name == "S0" else np.str_()
        case "scalar", (dtype, data):
            return _checked_array(allowance, (), dtype, data)[()]
        case "set" | "frozenset" | "bytearray" | "bytes" as name, ():
            return _EMPTY[name]()
        case "set" | "frozenset" as name, (list(items),):
            for item in items:
                allowance.copy(1)
                allowance.key(item)
            return set(items) if name == "set" else frozenset(items)
        case "bytearray", (bytes(data),):
            allowance.copy(len(data))
            return bytearray(data)
        case "bytearray", (str(text), str(encoding)) if encoding in _LATIN_1:
            return bytearray(_encode(allowance, text))
        case "encode", (str(text), str(encoding)) if encoding in _LATIN_1:
            return _encode(allowance, text)  # the form of bytes in pickles for Python 2
        case "complex", (float(real), float(imaginary)):
            return complex(real, imaginary)
    raise NotPlainError(f"{function.name} is called with arguments of unknown form")


def fill_array(allowance: Allowance, array: ndarray, state: object) -> None:
    """Fill a blank array from the state of `ndarray.__reduce__`: version 1, shape, dtype, data."""
    match state:
        case (int(1), tuple(shape), dtype, bool() | int() as is_fortran, data):
            checked = _checked_array(allowance, shape, dtype, data)
            # NumPy uses large bytes objects as the array's writable memory; the pickle may refer
            # to the same bytes again, so copy them.
            complete: Any = (1, shape, checked.dtype, bool(is_fortran), checked.tobytes())
            array.__setstate__(complete)
        case _:
            raise NotPlainError("an array has a state of unknown form")


def _named_dtype(name: str) -> PendingDType:
    known = _DTYPE_NAME.fullmatch(name)
    if not known:
        raise NotPlainError(
            f"it asks for the dtype {name[:40]!a}; only numbers, booleans and strings of "
            "fixed width are supported"
        )
    return PendingDType(known[2], known[1] or "=")


def _checked_array(
    allowance: Allowance,
    shape: tuple[Any, ...],
    dtype: Any,
    data: Any,
    order: Literal["C", "F"] = "C",
) -> ndarray:
    """Return an array over `data`, whose bytes must be those that shape and dtype need.

    Charges the allowance. A dimension of 0 counts as 1: an array (0, 10^12) has no bytes, but its
    column sums do.
    """
    if isinstance(dtype, str):
        dtype = _named_dtype(dtype)
    if not isinstance(dtype, PendingDType):
        raise NotPlainError("an array comes without its dtype")
    if len(shape) > 32 or not all(type(d) is int and 0 <= d < 2**63 for d in shape):
        raise NotPlainError("an array has an impossible shape")
    if isinstance(data, str):  # bytes of Python 2
        data = _encode(allowance, data)
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
    return ndarray(shape, known, data, order=order)


def _encode(allowance: Allowance, text: str) -> bytes:
    allowance.copy(len(text))
    return text.encode("latin-1")


def _is_permutation(axes: tuple[Any, ...], n: int) -> bool:
    return all(type(axis) is int for axis in axes) and sorted(axes) == list(range(n))
