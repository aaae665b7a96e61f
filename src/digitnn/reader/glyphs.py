"""The parts of a reading: glyphs, and text lines made of glyphs."""

from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.ink.components import Box


@dataclass(frozen=True, eq=False)
class Glyph:
    """A part of a picture that is taken for one digit, symbol or other shape.

    image: its ink, as `normalise` makes it; box: in pixels of the upright picture; probabilities:
    of the ten digits and of "no digit"; symbol: the point, comma, dash, slash or colon that it
    probably is, "" for anything else; symbol_confidence: the probability of that.
    """

    image: UInt8[ndarray, "28 28"]
    box: Box
    probabilities: Float32[ndarray, " 11"]
    symbol: str = ""
    symbol_confidence: float = 0.0

    @property
    def confidence(self) -> float:
        """The probability of the most likely digit."""
        return float(self.probabilities[:NON_DIGIT].max())


@dataclass(frozen=True)
class Line:
    """The glyphs of a text line from left to right; spaces[i]: if a wide gap precedes glyph i."""

    glyphs: tuple[Glyph, ...]
    spaces: tuple[bool, ...]
