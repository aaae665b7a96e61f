"""Placeholder with the seam's names: the whole picture is one glyph."""

from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.errors import PictureError
from digitnn.picture.normalise import normalise
from digitnn.picture.opening import Picture
from digitnn.picture.recognise import Recognise


@dataclass(frozen=True)
class Glyph:
    image: UInt8[ndarray, "28 28"]
    box: tuple[int, int, int, int]
    probabilities: Float32[ndarray, "11"]


@dataclass(frozen=True)
class Line:
    glyphs: tuple[Glyph, ...]
    spaces: tuple[bool, ...]


def segment(picture: Picture, recognise: Recognise) -> tuple[Line, ...]:
    glyph = single(picture, recognise)
    return () if glyph is None else (Line((glyph,), (False,)),)


def single(picture: Picture, recognise: Recognise) -> Glyph | None:
    try:
        found = normalise(picture)
    except PictureError:
        return None
    return Glyph(found.image, found.box, recognise(found.image[None])[0])
