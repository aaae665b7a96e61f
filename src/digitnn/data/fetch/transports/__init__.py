"""Transports, which deliver known files from elsewhere: one small function each.

A transport yields the content of the requested files as it found them (IDX, or gzipped IDX) and may
raise anything. It is not trusted: `download` unpacks each content and checks its SHA-256.
"""

import tarfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

Meter: TypeAlias = Callable[[str, int, int | None], None]
"""Called as bytes arrive: name, bytes so far, total bytes if known."""


@dataclass(frozen=True)
class KnownFile:
    """A file of the cache: its canonical name, its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


Deliveries: TypeAlias = Generator[tuple[KnownFile, bytes], None, None]
"""Yields the requested files with their content; closing it frees temporary files."""


@dataclass(frozen=True)
class Source:
    """A source of files: its name for messages, and the function that delivers them."""

    name: str
    deliver: Callable[[Sequence[KnownFile], Meter], Deliveries]


def no_meter(what: str, done: int, total: int | None) -> None:
    """Ignore progress; the default `Meter`."""


def members(archive: Path, wanted: Sequence[KnownFile]) -> Deliveries:
    """Yield the members of a tar archive named like a wanted file (`-idx3` or `.idx3`).

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
