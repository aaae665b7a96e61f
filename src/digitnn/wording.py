"""How numbers, names, values and progress are written for people."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, TypeAlias

SPLIT_TITLES = {"train": "training", "valid": "validation", "test": "test"}

Notify: TypeAlias = Callable[[str], None]
"""Receives one line of progress for a person."""

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlist = _SHORT.maxdict = 3
_SHORT.maxlevel = 2


def silent(line: str) -> None:
    """Ignore a line of progress; the default `Notify`."""


def percent(share: float) -> str:
    """Format a share in percent: 0.97432 as "97.43 %"."""
    return f"{100 * share:.2f} %"


def percent_range(interval: tuple[float, float]) -> str:
    """Format an interval in percent: (0.991, 0.995) as "99.10 to 99.50 %"."""
    low, high = interval
    return f"{100 * low:.2f} to {percent(high)}"


def count(n: int, noun: str) -> str:
    """Format a count with its noun: "1 time", "2 times"."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def brief(value: Any) -> str:
    """Return the `repr` of a value, shortened where it is long or deep, for one line."""
    try:
        return f"{_SHORT.repr(value):.100}"
    except ValueError:  # Python formats no integer of more than 4300 digits
        return "a number of more than 4300 digits"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the suggestion for an unknown `word`: "; did you mean 'cnn'?", or ""."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def error_text(error: Exception) -> str:
    """Return a library's error message on one line of at most 120 characters.

    Memory addresses, as in `<_io.BytesIO object at 0x7f...>`, are left out.
    """
    words = re.sub(r"(?<=\w) at 0x[0-9a-fA-F]+(?=>)", "", " ".join(str(error).split()))
    return words[:120] or type(error).__name__
