"""One digit drawn with a mouse or a finger in a paint program: even paper, ink of one tone.

Axes: h w pixels.
"""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import as_bytes, jpeg
from benchmarks.beds.tracing import Strokes


def somewhere(side: int, least: float, most: float, rng: Generator) -> Place:
    """A digit of `least` to `most` of the picture, anywhere it fits, else in the middle."""
    size = rng.uniform(least, most) * side
    free = max(side - size, 0) / 2 * 0.9
    x, y = side / 2 + rng.uniform(-free, free, 2)
    return Place(x, y, size)


def coloured(ink: ndarray, light_paper: bool) -> ndarray:
    """Black on white, or white on black."""
    return as_bytes(255 * (1 - ink) if light_paper else 255 * ink)


def thin_28(strokes: Strokes, rng: Generator) -> ndarray:
    """28 x 28, a pencil of one pixel, its steps to be seen."""
    return coloured(draw(strokes, (28, 28), somewhere(28, 0.6, 0.9, rng), 1, rng, soft=False), True)


def thick_28(strokes: Strokes, rng: Generator) -> ndarray:
    """28 x 28, a brush of 3 to 5 pixels that may run out of the picture."""
    place, width = somewhere(28, 0.72, 0.98, rng), rng.uniform(2.8, 4.8)
    return coloured(draw(strokes, (28, 28), place, width, rng), rng.random() < 0.8)


def brush_80(strokes: Strokes, rng: Generator) -> ndarray | bytes:
    """64 to 112 pixels a side, a round brush, every other one saved as JPEG."""
    side = int(rng.integers(64, 113))
    ink = draw(
        strokes, (side, side), somewhere(side, 0.5, 0.9, rng), side * rng.uniform(0.05, 0.14), rng
    )
    pixels = coloured(ink, True)
    return jpeg(pixels, int(rng.integers(60, 95))) if rng.random() < 0.5 else pixels


def hair_400(strokes: Strokes, rng: Generator) -> ndarray:
    """280 to 400 pixels a side, white on black, a line of 2 to 7 pixels."""
    side = int(rng.integers(280, 401))
    width, soft = rng.uniform(2, 7), bool(rng.random() < 0.7)
    return coloured(
        draw(strokes, (side, side), somewhere(side, 0.3, 0.85, rng), width, rng, soft=soft), False
    )


def marker_300(strokes: Strokes, rng: Generator) -> ndarray:
    """200 to 400 pixels a side, a marker a tenth to a sixth of the digit wide, any colours."""
    side = int(rng.integers(200, 401))
    place = somewhere(side, 0.5, 0.8, rng)
    ink = draw(strokes, (side, side), place, place.size * rng.uniform(0.10, 0.17), rng)[..., None]
    paper = rng.integers(200, 256, 3) if rng.random() < 0.6 else rng.integers(0, 50, 3)
    pen = rng.integers(0, 110, 3) if paper[0] >= 200 else rng.integers(150, 256, 3)
    return as_bytes(paper * (1 - ink) + pen * ink)


def tablet(strokes: Strokes, rng: Generator) -> ndarray:
    """A tablet's pen: the width swells with pressure; wide or high, transparent or not."""
    h, w = (int(side) for side in rng.integers(120, 360, 2))
    size = min(h, w) * rng.uniform(0.5, 0.9)
    x, y = (side / 2 + (side - size) / 2 * rng.uniform(-1, 1) for side in (w, h))
    place = Place(x, y, size)
    ink = draw(strokes, (h, w), place, size * rng.uniform(0.03, 0.09), rng, pressure=0.35)
    if rng.random() < 0.3:
        pen = np.broadcast_to(rng.integers(0, 90, 3).astype(np.uint8), (h, w, 3))
        return np.concatenate([pen, as_bytes(255 * ink)[..., None]], axis=2)
    return coloured(ink, True)
