"""Plain values: all that a pickle read or written here may hold.

Leaves are None, bool, int, float, complex, str, bytes, bytearray, NumPy scalars, and NumPy arrays
of numbers, booleans or fixed-width strings. Containers of them are list, tuple, dict, set and
frozenset, all of exactly these types: a subclass brings code of its own.
"""

import re
from collections.abc import Iterable
from types import NoneType
from typing import Any

import numpy as np

MAX_LEVELS = 100
"""How deep containers may nest; Python's own recursion, as in `repr`, ends at about 1000."""

MAX_VALUES = 500_000
"""How many values there may be, each counted as often as it is met when all is printed."""

MAX_ODD_KEYS = 10_000
"""How many keys need not be strings. Ten thousand numbers chosen to collide cost a second to hash;
strings are hashed with a secret, so nobody can choose them so."""

MAX_INTEGER_BITS = 2040
"""255 bytes, the longest integer that has a short form in a pickle."""

_LEAVES = frozenset({NoneType, bool, int, float, complex, str, bytes, bytearray})
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


class NotPlainError(ValueError):
    """A value that is refused; the message says which and why, and names no file."""


def is_plain_dtype(dtype: np.dtype[Any]) -> bool:
    """Numbers, booleans and strings of fixed width: no objects, records, dates or raw bytes."""
    return dtype.kind in "biufcSU"


def check_plain(value: object) -> None:
    """Raise `NotPlainError` unless `value` is plain through and through, and within the limits.

    Shared parts are measured once but counted wherever they appear, so that thirty lists, each
    holding the one before it twice, are refused for the billion values they stand for.
    """
    measured: dict[int, tuple[int, int]] = {}  # id of a container -> (levels, values)
    entered: set[int] = set()  # the containers around the one in hand
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
            raise NotPlainError(f"a {type(item).__name__} holds itself")
        elif id(item) not in measured:
            entered.add(id(item))
            odd_keys += sum(check_key(key) for key in _keys(item))
            if odd_keys > MAX_ODD_KEYS:
                raise too_many_odd_keys()
            todo.append((item, True))
            todo.extend((part, False) for part in _parts(item))


def check_key(key: object) -> bool:
    """Whether the key of a dict or member of a set is odd, that is, no string.

    Raises `NotPlainError` if it may not be one at all.

    A tuple among keys must be flat: Python hashes nested ones by recursion without a limit, and
    a tuple of shared tuples in exponential time.
    """
    for part in key if type(key) is tuple else (key,):
        if type(part) is bytearray or not (type(part) in _LEAVES or isinstance(part, np.generic)):
            raise NotPlainError(f"a {type(part).__name__} is used as a key, or within one")
    return type(key) not in (str, bytes)


def too_many_odd_keys() -> NotPlainError:
    return NotPlainError(f"there are more than {MAX_ODD_KEYS:,} keys that are not strings")


def _keys(container: Any) -> Iterable[Any]:
    """What a container hashes: the keys of a dict, the members of a set."""
    return container if type(container) in (dict, set, frozenset) else ()


def _parts(container: Any) -> list[Any]:
    if type(container) is dict:
        return [*container.keys(), *container.values()]
    return list(container)


def _measure(container: Any, measured: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Levels and values of a container whose parts are measured already; leaves are (0, 1)."""
    levels, values = 0, 1
    for part in _parts(container):
        part_levels, part_values = measured.get(id(part), (0, 1))
        levels = max(levels, part_levels)
        values += part_values
    if levels + 1 > MAX_LEVELS:
        raise NotPlainError(f"containers nest deeper than {MAX_LEVELS} levels")
    if values > MAX_VALUES:
        raise NotPlainError(
            f"there are more than {MAX_VALUES:,} values; many numbers belong into an array"
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
