"""Pieces of ink, the least that a page is taken apart into: whole marks, and slices of them.

Axes: h w pixels of the page's ink, y x those of a piece's box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.reader.ink.normalise import image_of

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, ends exclusive."""


@dataclass(frozen=True)
class Piece:
    """mask: where in `box` its ink is. mark: the number of the mark it belongs to.

    cut: ink that parts it from the next slice of its mark, in widths of a stroke; 0 for the last.
    """

    mask: Bool[ndarray, "y x"]
    box: Box
    mark: int
    cut: float = 0.0

    @property
    def width(self) -> int:
        """In pixels of the ink."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """In pixels of the ink."""
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> tuple[float, float]:
        """x and y of the middle of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def piece_of(mask: Bool[ndarray, "y x"], left: int, top: int, mark: int, cut: float) -> Piece:
    """A piece whose box is no larger than what is set in `mask`, which begins at `left`, `top`."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y, bottom, x, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    box = (int(left + x), int(top + y), int(left + right), int(top + bottom))
    return Piece(mask[y:bottom, x:right], box, mark, cut)


def bounding_box(pieces: Sequence[Piece]) -> Box:
    """The least box around all of them."""
    boxes = np.array([piece.box for piece in pieces])
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def image_of_pieces(
    ink: Float32[ndarray, "h w"], pieces: Sequence[Piece]
) -> UInt8[ndarray, "28 28"]:
    """The pieces together, normalised as one digit; ink of others is left out."""
    left, top, right, bottom = bounding_box(pieces)
    mask = np.zeros((bottom - top + 2, right - left + 2), bool)  # a frame for the soft edges
    for piece in pieces:
        x, y = piece.box[0] - left + 1, piece.box[1] - top + 1
        mask[y : y + piece.height, x : x + piece.width] |= piece.mask
    around = np.zeros(mask.shape, np.float32)
    h, w = ink.shape
    x, y = max(left - 1, 0), max(top - 1, 0)
    cut = ink[y : min(bottom + 1, h), x : min(right + 1, w)]
    y, x = y - (top - 1), x - (left - 1)
    around[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return image_of(around, mask)[0]
