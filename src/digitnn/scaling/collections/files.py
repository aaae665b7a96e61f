"""Pictures that are files of their own: the source of folders, patterns and single files."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from jaxtyping import Int64
from numpy import ndarray

from digitnn.errors import CollectionError, PictureError
from digitnn.scaling.collections.items import SKIPPED, Content, Item
from digitnn.scaling.collections.places import Entry, Place
from digitnn.wording import error_text


@dataclass(frozen=True)
class FileSource:
    """The pictures that one argument names. place: of their file system."""

    name: str
    place: Place
    paths: Sequence[str]
    listing: str

    @classmethod
    def of(cls, name: str, place: Place, entries: Sequence[Entry]) -> "FileSource":
        """Return the source of some files; their sizes and times of change identify it."""
        digest = sha256()
        for entry in entries:
            digest.update(
                f"{entry.path}\0{entry.size}\0{entry.changed}\n".encode("utf-8", "replace")
            )
        return cls(name, place, [entry.path for entry in entries], digest.hexdigest())

    def __len__(self) -> int:
        return len(self.paths)

    def describe(self) -> dict[str, Any]:
        """Return what identifies its content, as JSON values."""
        return {"kind": "files", "pictures": len(self), "sha256": self.listing}

    def select(self, places: Int64[ndarray, " k"]) -> "FileSelection":
        """Return the pictures at ascending places, from 0."""
        return FileSelection(self.place, tuple(self.paths[place] for place in places))


@dataclass(frozen=True)
class FileSelection:
    """Some files of one file system."""

    place: Place
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def items(self, skip: Container[int]) -> Iterator[Item]:
        """Yield the pictures; those in `skip`, by place in the selection, without content."""
        for index, path in enumerate(self.paths):
            place = self.place.at(path)
            yield Item(place.show, None, SKIPPED if index in skip else _content(place))


def _content(place: Place) -> Content:
    try:
        return place.read()
    except FileNotFoundError:
        return PictureError(f"{place.show}: no such file")
    except (OSError, ValueError, CollectionError) as error:
        reason = getattr(error, "strerror", None) or error_text(error)
        reason = place.without_credentials(reason)
        return PictureError(f"{place.show}: cannot be read ({reason})")
