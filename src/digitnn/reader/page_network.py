"""The network that finds and reads the glyphs of a page: its shape, its code for boxes, its use.

A fully convolutional network looks at the page at one scale and answers for each cell of 4 x 4
pixels: is there the centre of a glyph, where is its box, which character is it (after "Objects as
Points", Zhou, Wang and Krähenbühl 2019). It finds digits of 12 to 40 pixels; a pyramid of pages,
each half as large as the one before, covers all sizes.

Axes: h w pixels, y x cells, n glyphs.
"""

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

STRIDE = 4
"""Side of a cell, in pixels."""

CHARACTERS = "0123456789.,-/:"
"""The characters that it tells apart."""

OTHER = len(CHARACTERS)
"""The class of letters, other signs and shapes."""

UNIT = 24.0
"""Box sides are coded as log(side / UNIT), in pixels."""


def box_code(
    box: Float32[ndarray, "4"], x: Float32[ndarray, " n"], y: Float32[ndarray, " n"]
) -> Float32[ndarray, "4 n"]:
    """Return the code of a box for cells at x, y: where its centre is, and the logs of its sides.

    box: left, top, right, bottom in pixels; x, y: middles of cells, in cells.
    """
    left, top, right, bottom = box
    code = np.empty((4, len(x)), np.float32)
    code[0] = (left + right) / 2 / STRIDE - x
    code[1] = (top + bottom) / 2 / STRIDE - y
    code[2], code[3] = np.log((right - left) / UNIT), np.log((bottom - top) / UNIT)
    return code
