"""Draw one digit as cut out of a scanned document: envelopes, church books, printed forms.

Axes: h w pixels.
"""

import numpy as np
from numpy import ndarray
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from benchmarks.beds.handwriting import random_digit
from benchmarks.beds.paper import Camera, cloud, pencilled, photograph
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import to_uint8
from benchmarks.beds.tracing import Strokes


def cropped(strokes: Strokes, height: float, width: float, margin: int, rng: Generator) -> ndarray:
    """Draw a digit `height` pixels high with a pen of `width`, cropped up to `margin` pixels."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    size = height / max(float(high[1] - low[1]), 0.3)
    frame = width / 2 + margin
    w, h = (high - low) * size + 2 * frame
    x, y = frame - low * size
    place = Place(x, y, size)
    return draw(strokes, (int(np.ceil(h)), int(np.ceil(w))), place, width, rng, pressure=0.2)


def envelope(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw grey, 20 to 60 pixels high, cropped closely; paper is off-white to brown."""
    height = rng.uniform(18, 56)
    ink = cropped(strokes, height, height * rng.uniform(0.07, 0.15), int(rng.integers(0, 4)), rng)
    scanner = Camera(
        paper=rng.uniform(130, 240), contrast=rng.uniform(0.4, 0.85), slope=rng.uniform(0, 0.1),
        fibre=rng.uniform(1, 8), blur=rng.uniform(0.4, 0.9), noise=rng.uniform(1, 6),
    )  # fmt: skip
    return to_uint8(photograph(ink, scanner, rng))


def boxed_16(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 16 x 16 grey pixels, light on dark, scaled to the border as in USPS."""
    height = 48
    ink = cropped(strokes, height, height * rng.uniform(0.08, 0.17), 0, rng)
    ink = ink[:, ink.any(axis=0)][ink.any(axis=1)]
    side = max(ink.shape)
    square = np.zeros((side, side), np.float32)
    y, x = ((side - length) // 2 for length in ink.shape)
    square[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    small = Image.fromarray(square).resize((16, 16), Image.Resampling.BOX)
    return to_uint8(255 * np.clip(1.15 * ndimage.gaussian_filter(np.asarray(small), 0.35), 0, 1))


def church(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 28 x 28 pixels of a church book: faint ink on stained paper, parts of neighbours."""
    side, fine = 28, 3
    size = side * fine * rng.uniform(0.65, 0.88)
    middle = side * fine / 2 + rng.uniform(-3, 3, 2)
    shape, width = (side * fine, side * fine), size * rng.uniform(0.07, 0.13)
    ink = draw(strokes, shape, Place(middle[0], middle[1], size), width, rng, pressure=0.35)
    for way in (-1, 1):
        if rng.random() < 0.55:
            far = size * rng.uniform(0.88, 1.02)
            place = Place(middle[0] + way * far, middle[1] + rng.uniform(-6, 6), size)
            ink = np.maximum(ink, draw(random_digit(rng), shape, place, width, rng, pressure=0.35))
    book = Camera(
        paper=rng.uniform(135, 215), contrast=rng.uniform(0.4, 0.75), slope=rng.uniform(0, 0.15),
        fibre=rng.uniform(3, 8), blur=rng.uniform(1.0, 2.4), noise=rng.uniform(2, 6),
    )  # fmt: skip
    ink = pencilled(ink, rng, 0.4) * np.clip(1 + 0.2 * cloud(shape, 20, rng), 0.4, 1.2)
    grey = photograph(ink, book, rng).reshape(side, fine, side, fine).mean(axis=(1, 3))
    return to_uint8(grey + rng.normal(scale=2.5, size=grey.shape))


def boxed_form(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw in a printed box, whose lines are dark or as faint as scanned drop-out colours."""
    return _form(strokes, rng, sides="ltrb")


def comb(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw over a printed comb: a line below, short teeth left and right."""
    return _form(strokes, rng, sides="b")


def _form(strokes: Strokes, rng: Generator, sides: str) -> ndarray:
    """Draw in a printed cell of 36 to 89 pixels; the digit may cross its lines a little."""
    cell = int(rng.integers(36, 90))
    frame = int(rng.integers(2, 8))
    h, w = cell + 2 * frame, int(cell * rng.uniform(0.8, 1.0)) + 2 * frame
    lines = np.zeros((h, w), np.float32)
    thick, tone = int(rng.integers(1, 3)), rng.uniform(0.3, 0.9)
    tooth = h - frame - int(cell * rng.uniform(0.2, 0.5)) if sides == "b" else frame
    lines[tooth : h - frame, frame : frame + thick] = tone
    lines[tooth : h - frame, w - frame - thick : w - frame] = tone
    lines[h - frame - thick : h - frame] = tone
    if "t" in sides:
        lines[frame : frame + thick] = tone
    size = cell * rng.uniform(0.55, 0.8)
    free = (cell - size) / 2 * 0.7
    place = Place(w / 2 + rng.uniform(-3, 3), h / 2 + rng.uniform(-free, free), size)
    ink = draw(strokes, (h, w), place, max(1.6, size * rng.uniform(0.04, 0.09)), rng, pressure=0.15)
    scanner = Camera(
        paper=rng.uniform(215, 250), contrast=rng.uniform(0.65, 0.9), slope=0.0, fibre=1.0,
        blur=rng.uniform(0.4, 0.8), noise=rng.uniform(0.5, 3),
    )  # fmt: skip
    return to_uint8(photograph(np.maximum(ink, lines), scanner, rng))
