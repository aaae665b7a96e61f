"""Ways to bring known files from elsewhere: one small function each.

A transport gives the content of the files it is asked for, one after another, as it found them
(an IDX file, or that gzipped); it may raise anything. Nobody believes it: `download` unpacks each
content, checks its SHA-256 and writes it. So a new transport is one function more.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Meter: TypeAlias = Callable[[str, int, int | None], None]
"""Called as bytes arrive: what is coming, bytes so far, bytes in all if they are known."""


@dataclass(frozen=True)
class KnownFile:
    """A file as it is to lie in the cache: its canonical name, its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


Deliveries: TypeAlias = Generator[tuple[KnownFile, bytes], None, None]
"""The content of one wanted file after another; closing it frees what lies in between."""


@dataclass(frozen=True)
class Source:
    """Somewhere to get files: a name for messages, and how it delivers those that are wanted."""

    name: str
    deliver: Callable[[Sequence[KnownFile], Meter], Deliveries]


def no_meter(what: str, done: int, total: int | None) -> None:
    """A meter that nobody reads."""
