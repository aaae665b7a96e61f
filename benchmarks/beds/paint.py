"""Draw one digit as in a paint program, with mouse or finger: plain paper, ink of one tone.

Axes: h w pixels.
"""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import encode_jpeg, to_uint8
from benchmarks.beds.tracing import Strokes


def somewhere(side: int, least: float, most: float, rng: Generator) -> Place:
    """Place a digit of `least` to `most` of the picture's side anywhere it fits."""
    size = rng.uniform(least, most) * side
    free = max(side - size, 0) / 2 * 0.9
    x, y = side / 2 + rng.uniform(-free, free, 2)
    return Place(x, y, size)


def coloured(ink: ndarray, light_paper: bool) -> ndarray:
    """Return black ink on white paper, or white ink on black."""
    return to_uint8(255 * (1 - ink) if light_paper else 255 * ink)


def thin_28(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 28 x 28 pixels with a pencil of one pixel, without anti-aliasing."""
    return coloured(draw(strokes, (28, 28), somewhere(28, 0.6, 0.9, rng), 1, rng, soft=False), True)


def thick_28(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 28 x 28 pixels with a brush of 3 to 5 pixels, which may leave the picture."""
    place, width = somewhere(28, 0.72, 0.98, rng), rng.uniform(2.8, 4.8)
    return coloured(draw(strokes, (28, 28), place, width, rng), rng.random() < 0.8)


def brush_80(strokes: Strokes, rng: Generator) -> ndarray | bytes:
    """Draw 64 to 112 pixels a side with a round brush; half of them are saved as JPEG."""
    side = int(rng.integers(64, 113))
    ink = draw(
        strokes, (side, side), somewhere(side, 0.5, 0.9, rng), side * rng.uniform(0.05, 0.14), rng
    )
    pixels = coloured(ink, True)
    return encode_jpeg(pixels, int(rng.integers(60, 95))) if rng.random() < 0.5 else pixels


def hair_400(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 280 to 400 pixels a side, white on black, with a line of 2 to 7 pixels."""
    side = int(rng.integers(280, 401))
    width, soft = rng.uniform(2, 7), bool(rng.random() < 0.7)
    return coloured(
        draw(strokes, (side, side), somewhere(side, 0.3, 0.85, rng), width, rng, soft=soft), False
    )


def marker_300(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 200 to 400 pixels a side, any colours; the marker is 1/10 to 1/6 of the digit wide."""
    side = int(rng.integers(200, 401))
    place = somewhere(side, 0.5, 0.8, rng)
    ink = draw(strokes, (side, side), place, place.size * rng.uniform(0.10, 0.17), rng)[..., None]
    paper = rng.integers(200, 256, 3) if rng.random() < 0.6 else rng.integers(0, 50, 3)
    pen = rng.integers(0, 110, 3) if paper[0] >= 200 else rng.integers(150, 256, 3)
    return to_uint8(paper * (1 - ink) + pen * ink)


def tablet(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw with a tablet's pen, whose width follows its pressure; 30 % are transparent."""
    h, w = (int(side) for side in rng.integers(120, 360, 2))
    size = min(h, w) * rng.uniform(0.5, 0.9)
    x, y = (side / 2 + (side - size) / 2 * rng.uniform(-1, 1) for side in (w, h))
    place = Place(x, y, size)
    ink = draw(strokes, (h, w), place, size * rng.uniform(0.03, 0.09), rng, pressure=0.35)
    if rng.random() < 0.3:
        pen = np.broadcast_to(rng.integers(0, 90, 3).astype(np.uint8), (h, w, 3))
        return np.concatenate([pen, to_uint8(255 * ink)[..., None]], axis=2)
    return coloured(ink, True)
