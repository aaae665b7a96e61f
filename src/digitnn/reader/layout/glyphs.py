"""What a page is segmented into: glyphs, one for each digit or piece of junk, in lines."""

from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NO_DIGIT
from digitnn.reader.layout.pieces import Box


@dataclass(frozen=True)
class Glyph:
    """What is taken for one digit, or for junk.

    image: normalised just as `normalise` does it; box: left, top, right, bottom in pixels of the
    upright picture, ends exclusive; probabilities: of the ten digits and of "no digit".
    """

    image: UInt8[ndarray, "28 28"]
    box: Box
    probabilities: Float32[ndarray, " 11"]

    @property
    def sureness(self) -> float:
        """The probability of the likeliest digit."""
        return float(self.probabilities[:NO_DIGIT].max())


@dataclass(frozen=True)
class Line:
    """Glyphs from left to right. spaces[i]: whether a wide gap stands before glyph i."""

    glyphs: tuple[Glyph, ...]
    spaces: tuple[bool, ...]
