"""Glyphs to write pages with: the ink of one character, and signs of strokes.

Axes: h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw

from digitnn.data.synthesis.digits import Strokes

SOURCE_HEIGHT = 48
"""Height of a digit in the pixels of a source, before it is scaled to its place on the page."""


@dataclass(frozen=True, eq=False)
class Glyph:
    """The ink of one character, trimmed.

    ink: 0 none to 255 full; baseline: the y of the line it stands on, in pixels from its top;
    height: the height of a digit of the same size, in the same pixels.
    """

    ink: UInt8[ndarray, "h w"]
    baseline: float
    height: float


def trimmed(ink: UInt8[ndarray, "h w"], baseline: float, height: float) -> Glyph:
    """Return the glyph without empty margins; at least one pixel stays."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 40), np.flatnonzero(ink.max(axis=0) > 40)
    if not len(rows):
        return Glyph(ink, baseline, height)
    top, left = rows[0], columns[0]
    return Glyph(
        np.ascontiguousarray(ink[top : rows[-1] + 1, left : columns[-1] + 1]),
        baseline - float(top),
        height,
    )


def draw_strokes(strokes: Strokes, pen: float) -> Glyph:
    """Draw strokes, whose y goes from 0 to 1 for a digit, with a round pen.

    pen: width as a share of the digit's height.
    """
    fine = 2 * SOURCE_HEIGHT
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    margin = pen / 2 + 0.05
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    size = np.maximum(np.ceil((high - low) * fine), 2).astype(int)
    image = Image.new("L", (int(size[0]), int(size[1])))
    canvas, width = ImageDraw.Draw(image), max(1, round(pen * fine))
    for stroke in strokes:
        at = [(float(x), float(y)) for x, y in (np.asarray(stroke, float) - low) * fine]
        if len(at) > 1:
            canvas.line(at, fill=255, width=width, joint="curve")
        for x, y in (at[0], at[-1]):
            r = width / 2
            canvas.ellipse((x - r, y - r, x + r, y + r), fill=255)
    ink = np.asarray(image.reduce(2))
    return trimmed(ink, (1 - float(low[1])) * SOURCE_HEIGHT, SOURCE_HEIGHT)


SIGNS = ".,-/:"


def sign(character: str, rng: Generator) -> Strokes:
    """Draw a point, comma, dash, slash or colon, of a size relative to digits from 0 to 1."""
    match character:
        case ".":
            return [[(0, 0.97), (rng.uniform(0, 0.03), 0.97)]]
        case ",":
            return [[(0.06, 0.95), (rng.uniform(-0.06, 0.03), rng.uniform(1.08, 1.25))]]
        case "-":
            y, long = rng.uniform(0.45, 0.65), rng.uniform(0.25, 0.6)
            return [[(0, y), (long, y + rng.uniform(-0.06, 0.06))]]
        case "/":
            lean = rng.uniform(0.25, 0.6)
            return [[(lean, rng.uniform(-0.25, 0.0)), (0, rng.uniform(1.0, 1.25))]]
        case ":":
            return [[(0, 0.35), (0.02, 0.35)], [(0, 0.9), (0.02, 0.9)]]
    raise KeyError(character)
