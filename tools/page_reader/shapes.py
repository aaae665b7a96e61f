"""Shapes that are no characters: figures and scribbles, halves of digits, clothes.

Axes: n images.
"""

from functools import cache, lru_cache

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image

from digitnn.data.fetch.sources import load
from digitnn.data.synthesis.generate import MAY_BE_DIGITS
from digitnn.data.synthesis.pen import Stroke
from digitnn.data.synthesis.shapes import FIGURES, scribble
from tools.page_reader.glyphs import SOURCE_HEIGHT, Glyph, draw_strokes, trimmed
from tools.page_reader.hands import mnist

JUNK_SHAPES = 1500


@lru_cache(JUNK_SHAPES)
def junk(number: int) -> Glyph:
    """Return a shape, letter of strokes or scribble that is no character of a line."""
    rng = np.random.default_rng([number, 77])
    drawer = scribble if number % 4 == 0 else FIGURES[number % len(FIGURES)]
    strokes = drawer(rng)
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, extent = points.min(axis=0), max(float(np.ptp(points, axis=0).max()), 1e-6)
    scaled: list[Stroke] = [
        [tuple(point) for point in (np.asarray(stroke, float) - low) / extent] for stroke in strokes
    ]
    return draw_strokes(scaled, rng.uniform(0.03, 0.16))


def half_digit(rng: Generator) -> Glyph:
    """Return a half of a digit of MNIST's training split, one that cannot be a digit itself."""
    images, indices = mnist()
    side = tuple(MAY_BE_DIGITS)[rng.integers(len(MAY_BE_DIGITS))]
    digit = rng.choice([digit for digit in range(10) if digit not in MAY_BE_DIGITS[side]])
    image = images[rng.choice(indices[digit])]
    large = np.asarray(
        Image.fromarray(image).resize((2 * SOURCE_HEIGHT,) * 2, Image.Resampling.BICUBIC)
    )
    ink = trimmed(large, 0.0, 1.0).ink
    if side in ("left", "right"):
        cut = round(ink.shape[1] * rng.uniform(0.38, 0.52))
        ink = ink[:, :cut] if side == "left" else ink[:, -cut:]
    else:
        cut = round(ink.shape[0] * rng.uniform(0.38, 0.52))
        ink = ink[:cut] if side == "top" else ink[-cut:]
    height = float(max(ink.shape))
    return trimmed(np.ascontiguousarray(ink), ink.shape[0], height)


@cache
def _clothes() -> UInt8[ndarray, "n 28 28"]:
    return load("fashion-mnist", "train").images


def clothing(rng: Generator) -> Glyph:
    """Return a piece of clothing, of Fashion-MNIST's training part."""
    image = Image.fromarray(_clothes()[rng.integers(len(_clothes()))])
    large = image.resize((SOURCE_HEIGHT, SOURCE_HEIGHT), Image.Resampling.BICUBIC)
    return trimmed(np.asarray(large), SOURCE_HEIGHT, SOURCE_HEIGHT)
