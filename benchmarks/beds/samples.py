"""Define a sample of a bed, a picture with its true content, and how pixels are saved."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and its true content.

    picture: (h, w) or (h, w, c) uint8, or the bytes of a JPEG or PNG; content: the expected
    `Reading.text`, with newlines between lines and a space for a wide gap; empty for a non-digit;
    symbols: the content with its symbols, None if it has none; letters: how many letters a page of
    text has.
    """

    picture: UInt8[ndarray, "h w ..."] | bytes
    content: str
    symbols: str | None = None
    letters: int = 0

    def pixels(self) -> UInt8[ndarray, "h w ..."]:
        """Return the picture as an array, decoded if necessary."""
        if isinstance(self.picture, bytes):
            return np.asarray(Image.open(BytesIO(self.picture)))
        return self.picture


Scene = Callable[[tuple[int, ...], Generator], Sample]
"""Draws a sample from the seed of its handwriting and a random generator."""


def to_uint8(grey: Float32[ndarray, "..."]) -> UInt8[ndarray, "..."]:
    """Round values and clip them to 0..255."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def encode_jpeg(pixels: UInt8[ndarray, "h w ..."], quality: int) -> bytes:
    """Return the bytes of a JPEG file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()
