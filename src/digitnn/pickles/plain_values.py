"""Plain values: the only values allowed in pickles that are read or written here.

Leaves are None, bool, int, float, complex, str, bytes, bytearray, NumPy scalars, and NumPy arrays
of numbers, booleans or fixed-width strings. Containers are list, tuple, dict, set and frozenset.
Subclasses are rejected, since they bring their own code.
"""

import re
from collections.abc import Iterable
from types import NoneType
from typing import Any

import numpy as np

MAX_LEVELS = 100
"""The depth to which containers may nest; Python's recursion, as in `repr`, ends near 1000."""

MAX_VALUES = 500_000
"""The number of values, each counted as often as it occurs when everything is printed."""

MAX_ODD_KEYS = 10_000
"""The number of keys that are not strings. Ten thousand colliding numbers cost a second to hash;
string hashes are salted, so collisions cannot be prepared."""

MAX_INTEGER_BITS = 2040
"""255 bytes, the longest integer with a short form in a pickle."""

_LEAVES = frozenset({NoneType, bool, int, float, complex, str, bytes, bytearray})
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


class NotPlainError(ValueError):
    """A value that is not allowed; the message does not name the file."""


def is_plain_dtype(dtype: np.dtype[Any]) -> bool:
    """Return whether a type is a number, a boolean or a fixed-width string."""
    return dtype.kind in "biufcSU"


def check_plain(value: object) -> None:
    """Raise `NotPlainError` unless `value` and all its parts are plain and within the limits.

    A shared part is measured once but counted at every occurrence. Thirty lists, each holding the
    previous one twice, thus count as a billion values and are rejected.
    """
    measured: dict[int, tuple[int, int]] = {}  # id of a container -> (levels, values)
    entered: set[int] = set()  # the containers around the current one
    odd_keys = 0
    todo: list[tuple[Any, bool]] = [(value, False)]
    while todo:
        item, is_done = todo.pop()
        if type(item) not in _CONTAINERS:
            _check_leaf(item)
        elif is_done:
            entered.remove(id(item))
            measured[id(item)] = _measure(item, measured)
        elif id(item) in entered:
            raise NotPlainError(f"a {type(item).__name__} contains itself")
        elif id(item) not in measured:
            entered.add(id(item))
            odd_keys += sum(check_key(key) for key in _keys(item))
            if odd_keys > MAX_ODD_KEYS:
                raise too_many_odd_keys()
            todo.append((item, True))
            todo.extend((part, False) for part in _parts(item))


def check_key(key: object) -> bool:
    """Return whether a dict's key or a set's member is odd, that is, not a string.

    Raises `NotPlainError` for a type that is not allowed as a key. A tuple must be flat: Python
    hashes nested tuples by unlimited recursion, and tuples of shared tuples in exponential time.
    """
    for part in key if type(key) is tuple else (key,):
        if type(part) is bytearray or not (type(part) in _LEAVES or isinstance(part, np.generic)):
            raise NotPlainError(f"a {type(part).__name__} is used as a key, or within one")
    return type(key) not in (str, bytes)


def too_many_odd_keys() -> NotPlainError:
    return NotPlainError(f"there are more than {MAX_ODD_KEYS:,} keys that are not strings")


def _keys(container: Any) -> Iterable[Any]:
    """Return what a container hashes: the keys of a dict, the members of a set."""
    return container if type(container) in (dict, set, frozenset) else ()


def _parts(container: Any) -> list[Any]:
    if type(container) is dict:
        return [*container.keys(), *container.values()]
    return list(container)


def _measure(container: Any, measured: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return (levels, values) of a container whose parts are measured; a leaf has (0, 1)."""
    levels, values = 0, 1
    for part in _parts(container):
        part_levels, part_values = measured.get(id(part), (0, 1))
        levels = max(levels, part_levels)
        values += part_values
    if levels + 1 > MAX_LEVELS:
        raise NotPlainError(f"containers nest deeper than {MAX_LEVELS} levels")
    if values > MAX_VALUES:
        raise NotPlainError(
            f"there are more than {MAX_VALUES:,} values; store many numbers in an array"
        )
    return levels + 1, values


def _check_leaf(leaf: object) -> None:
    if type(leaf) is int and leaf.bit_length() >= MAX_INTEGER_BITS:
        raise NotPlainError(f"an integer has more than {MAX_INTEGER_BITS} bits")
    if type(leaf) is str and _SURROGATE.search(leaf):
        raise NotPlainError("a text has half a character (a lone surrogate)")
    if type(leaf) is np.ndarray or isinstance(leaf, np.generic):
        if not is_plain_dtype(leaf.dtype):
            raise NotPlainError(
                f"an array or scalar has the dtype {leaf.dtype}; only numbers, booleans and "
                "strings of fixed width are plain"
            )
    elif type(leaf) not in _LEAVES:
        raise NotPlainError(f"there is a value of the type {type(leaf).__name__}")
