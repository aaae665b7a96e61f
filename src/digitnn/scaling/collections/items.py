"""What a source of pictures gives: pictures one by one, by their places in the source."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from jaxtyping import Int64, UInt8
from numpy import ndarray

from digitnn.errors import PictureError

Content: TypeAlias = bytes | UInt8[ndarray, "28 28"] | PictureError
"""A picture's file, its pixels where a table holds those, or why there is neither."""


@dataclass(frozen=True)
class Item:
    """One picture. path: for the results; source: the table or tar that holds it, or None."""

    path: str
    source: str | None
    content: Content


class Selection(Protocol):
    """Some pictures of a source, as a worker gets them: small, and picklable."""

    def __len__(self) -> int: ...

    def items(self, skip: Container[int]) -> Iterator[Item]:
        """Yield the pictures; of those in `skip`, by place in the selection, without content.

        Raises `CollectionError` if the source as a whole cannot be read.
        """
        ...


class Source(Protocol):
    """Pictures in order: the files of one argument, one table, one tar."""

    @property
    def name(self) -> str:
        """The argument or file, for messages."""
        ...

    def __len__(self) -> int: ...

    def describe(self) -> dict[str, Any]:
        """Return what identifies its content, as JSON values."""
        ...

    def select(self, places: Int64[ndarray, " k"]) -> Selection:
        """Return the pictures at ascending places, from 0."""
        ...


SKIPPED = PictureError("skipped")
"""The content of an item that was not read."""
