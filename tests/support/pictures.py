"""Pictures of one written digit for the tests: a 5 drawn by a few strokes, at any size."""

from io import BytesIO

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw

from digitnn.reader.input.opening import Picture

FIVE = ((68, 18), (36, 18), (33, 46), (56, 42), (68, 58), (60, 78), (30, 80))
"""Corners of a 5 in a picture of 100 x 100."""


def five(side: int = 100, pen: float = 8, paper: int = 255, ink: int = 0) -> ndarray:
    """(side, side) uint8: a 5 by a pen `pen` hundredths of the side wide, its edges soft."""
    scale = side * 4 / 100
    image = Image.new("L", (side * 4, side * 4), paper)
    points = [(x * scale, y * scale) for x, y in FIVE]
    width = max(1, round(pen * scale))
    ImageDraw.Draw(image).line(points, fill=ink, width=width, joint="curve")
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def picture(grey: ndarray) -> Picture:
    """`grey` as it comes from `open_picture`, its values rounded to bytes."""
    return Picture(np.clip(np.rint(grey), 0, 255).astype(np.uint8), "five")


def as_png(grey: ndarray) -> bytes:
    """A picture as the bytes of a PNG file."""
    file = BytesIO()
    Image.fromarray(grey).save(file, "png")
    return file.getvalue()
