"""The parts of a page: pieces of ink, glyphs made of pieces, text lines made of glyphs.

Axes: h w pixels of the page's ink, y x pixels of a piece's box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.ink.components import Box, bounding_box
from digitnn.reader.ink.normalise import image_from_ink


@dataclass(frozen=True)
class InkPiece:
    """A connected component, or a slice of one.

    mask: where in `box` its ink is; component: the number of its component; cut: the ink between
    this slice and the next one of its component, in stroke widths (0 for the last slice).
    """

    mask: Bool[ndarray, "y x"]
    box: Box
    component: int
    cut: float = 0.0

    @property
    def width(self) -> int:
        """In ink pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """In ink pixels."""
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> tuple[float, float]:
        """The x and y of the centre of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Glyph:
    """Pieces of ink that are taken for one digit, or for one non-digit.

    image: as `normalise` makes it; box: in pixels of the upright picture; probabilities: of the
    ten digits and of "no digit".
    """

    image: UInt8[ndarray, "28 28"]
    box: Box
    probabilities: Float32[ndarray, " 11"]

    @property
    def confidence(self) -> float:
        """The probability of the most likely digit."""
        return float(self.probabilities[:NON_DIGIT].max())


@dataclass(frozen=True)
class Line:
    """The glyphs of a text line from left to right; spaces[i]: if a wide gap precedes glyph i."""

    glyphs: tuple[Glyph, ...]
    spaces: tuple[bool, ...]


def make_piece(
    mask: Bool[ndarray, "y x"], left: int, top: int, component: int, cut: float
) -> InkPiece:
    """Return a piece with the bounding box of `mask`, whose first pixel is at `left`, `top`."""
    x, y, right, bottom = bounding_box(mask)
    box = (left + x, top + y, left + right, top + bottom)
    return InkPiece(mask[y:bottom, x:right], box, component, cut)


def union_box(pieces: Sequence[InkPiece]) -> Box:
    """Return the bounding box of a set of pieces."""
    boxes = np.array([piece.box for piece in pieces])
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def image_from_pieces(
    ink: Float32[ndarray, "h w"], pieces: Sequence[InkPiece]
) -> UInt8[ndarray, "28 28"]:
    """Normalise the pieces as one digit, without the ink of other pieces."""
    left, top, right, bottom = union_box(pieces)
    mask = np.zeros((bottom - top + 2, right - left + 2), bool)  # a margin for the soft edges
    for piece in pieces:
        x, y = piece.box[0] - left + 1, piece.box[1] - top + 1
        mask[y : y + piece.height, x : x + piece.width] |= piece.mask
    around = np.zeros(mask.shape, np.float32)
    h, w = ink.shape
    x, y = max(left - 1, 0), max(top - 1, 0)
    cut = ink[y : min(bottom + 1, h), x : min(right + 1, w)]
    y, x = y - (top - 1), x - (left - 1)
    around[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return image_from_ink(around, mask)[0]
