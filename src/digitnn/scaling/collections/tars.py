"""Pictures in a tar, such as a shard of WebDataset.

The headers are read once, for the place of each picture; a worker then reads pictures alone.
"""

import tarfile
from collections.abc import Container, Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedReader
from typing import IO, Any, cast

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from digitnn.errors import CollectionError
from digitnn.reader.input.signatures import PICTURE_SUFFIXES
from digitnn.scaling.collections.items import SKIPPED, Item
from digitnn.scaling.collections.places import Place

BUFFER_BYTES = 4 << 20
"""Read at once from a bucket, where each request takes long."""


@dataclass(frozen=True)
class TarSource:
    """The pictures of one tar, in its order. members: of each picture (offset, size) in bytes."""

    name: str
    place: Place
    names: tuple[str, ...]
    members: Int64[ndarray, "n 2"]
    listing: str

    @classmethod
    def open(cls, place: Place) -> "TarSource":
        """Read the headers of a tar. Raises `CollectionError`: no tar, truncated, no picture."""
        entry, names, members = place.entry(), [], []
        with place.errors_named(), _opened(place) as file:
            for member in _members(file, place, entry.size):
                if member.isfile() and member.name.lower().endswith(PICTURE_SUFFIXES):
                    names.append(member.name)
                    members.append((member.offset_data, member.size))
        if not names:
            raise CollectionError(
                f"{place.show}: a tar without pictures (names ending in "
                f"{', '.join(PICTURE_SUFFIXES[:3])} ...)"
            )
        digest = sha256(f"{place.show}\0{entry.size}\0{entry.changed}".encode()).hexdigest()
        places = np.array(members, np.int64).reshape(-1, 2)
        return cls(place.show, place, tuple(names), places, digest)

    def __len__(self) -> int:
        return len(self.names)

    def describe(self) -> dict[str, Any]:
        """Return what identifies its content, as JSON values."""
        return {"kind": "tar", "pictures": len(self), "sha256": self.listing}

    def select(self, places: Int64[ndarray, " k"]) -> "TarSelection":
        """Return the pictures at ascending places, from 0."""
        names = tuple(self.names[place] for place in places)
        return TarSelection(self.place, names, self.members[places])


@dataclass(frozen=True)
class TarSelection:
    """Some members of a tar."""

    place: Place
    names: tuple[str, ...]
    members: Int64[ndarray, "k 2"]

    def __len__(self) -> int:
        return len(self.names)

    def items(self, skip: Container[int]) -> Iterator[Item]:
        """Yield the pictures; those in `skip`, by place in the selection, without content."""
        show = self.place.show
        with self.place.errors_named(), _opened(self.place) as file:
            for index, (name, (offset, size)) in enumerate(
                zip(self.names, self.members.tolist(), strict=True)
            ):
                if index in skip:
                    yield Item(name, show, SKIPPED)
                    continue
                file.seek(offset)
                content = file.read(size)
                if len(content) != size:
                    raise CollectionError(f"{show}: became shorter while it was read")
                yield Item(name, show, content)


def _opened(place: Place) -> IO[bytes]:
    file = place.filesystem.open_input_file(place.path)
    # pyarrow's files are raw files but for the name of the class
    return cast("IO[bytes]", BufferedReader(file, BUFFER_BYTES) if place.uri else file)


def _members(file: IO[bytes], place: Place, size: int) -> Iterator[tarfile.TarInfo]:
    """Yield the members. Raises `CollectionError` where the archive breaks off."""
    end, last = 0, ""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                last, end = member.name, member.offset_data + (member.size if member.isreg() else 0)
                if end > size:
                    break
                yield member
                tar.__dict__["members"] = []  # tarfile would keep all of them
            else:  # tarfile takes any damaged header but the first for the end
                file.seek(tar.offset)
                if file.read(512).strip(b"\0"):
                    raise tarfile.ReadError("damaged header")
    except tarfile.ReadError as error:
        if last:
            raise CollectionError(f"{place.show}: truncated or damaged after {last}") from None
        file.seek(0)
        head = file.read(4)
        hint = "; decompress it first" if head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" else ""
        if not hint and "truncated" in str(error):
            hint = "; truncated"
        raise CollectionError(
            f"{place.show}: not a tar (begins {head.hex(' ') or 'with nothing: 0 bytes'}){hint}"
        ) from None
    if end > size:
        raise CollectionError(
            f"{place.show}: truncated in {last}: expected {end:,} bytes, got {size:,}; leave this "
            "file out, or copy it again"
        )
