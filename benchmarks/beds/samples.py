"""A picture with what is written on it, and a bed: a rule that draws as many of them as wanted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and its truth.

    picture: (h, w) or (h, w, 3) uint8, or the bytes of a JPEG or PNG; content: as `Reading.text`
    has it, a newline between lines, a space for a wide gap; empty where there is no digit to read.
    """

    picture: UInt8[ndarray, "h w ..."] | bytes
    content: str

    def pixels(self) -> UInt8[ndarray, "h w ..."]:
        """The picture as an array, decoded if need be."""
        if isinstance(self.picture, bytes):
            return np.asarray(Image.open(BytesIO(self.picture)))
        return self.picture


Bed = Callable[[int, int], Iterator[Sample]]
"""bed(n, seed) yields n samples, the same for the same seed; of more the first are the same."""


def as_bytes(grey: Float32[ndarray, "..."]) -> UInt8[ndarray, "..."]:
    """Values rounded to 0..255."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def jpeg(pixels: UInt8[ndarray, "h w ..."], quality: int) -> bytes:
    """The bytes of a JPEG file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()
