"""Ways to bring known files from elsewhere: one small function each.

A transport gives the content of the files it is asked for, one after another, as it found them
(an IDX file, or that gzipped); it may raise anything. Nobody believes it: `download` unpacks each
content, checks its SHA-256 and writes it. So a new transport is one function more.
"""

import tarfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
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


def members(archive: Path, wanted: Sequence[KnownFile]) -> Deliveries:
    """The members named like a wanted file (`-idx3` or `.idx3`), in whatever folder they lie.

    Raises `OSError` for a member of the wrong size, before it is unpacked.
    """
    by_name = {file.name: file for file in wanted}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = by_name.get(PurePosixPath(member.name).name.replace(".idx", "-idx"))
            content = tar.extractfile(member) if file and member.isfile() else None
            if file is None or content is None:
                continue
            if member.size != file.size:
                raise OSError(f"{member.name} has {member.size:,} bytes, expected {file.size:,}")
            yield file, content.read()
