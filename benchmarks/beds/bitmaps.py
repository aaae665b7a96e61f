"""Draw one digit in few pixels: bilevel bitmaps that fill their box, and 8 x 8 grey pictures.

Axes: h w pixels.
"""

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from benchmarks.beds.scans import cropped
from benchmarks.beds.tracing import Strokes


def scanned(strokes: Strokes, rng: Generator) -> Bool[ndarray, "h w"]:
    """Draw a bilevel digit with rough edges, cropped to its ink."""
    height = 64
    ink = cropped(strokes, height, height * rng.uniform(0.10, 0.22), 4, rng)
    rough = ndimage.gaussian_filter(ink, 1.5) + 0.25 * ndimage.gaussian_filter(
        rng.normal(size=ink.shape), 1.2
    )
    bilevel = rough > 0.45
    labels, count = ndimage.label(bilevel, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    bilevel &= areas[labels] > 0.05 * bilevel.sum()
    return bilevel[bilevel.any(axis=1)][:, bilevel.any(axis=0)]


def fill_box(
    bilevel: Bool[ndarray, "h w"], side: int, w: int, threshold: float
) -> UInt8[ndarray, "s s"]:
    """Stretch a digit to (side, w) and centre it, black on white, in a square of that side."""
    resized = Image.fromarray(bilevel.astype(np.float32)).resize((w, side), Image.Resampling.BOX)
    found = np.zeros((side, side), bool)
    left = (side - w) // 2
    found[:, left : left + w] = np.asarray(resized) > threshold
    return np.where(found, 0, 255).astype(np.uint8)


def bitmap_32(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 32 x 32 pixels, black on white, as high as the box and 0.8 to 1.2 times as wide."""
    bilevel = scanned(strokes, rng)
    w = int(np.clip(32 * bilevel.shape[1] / bilevel.shape[0] * rng.uniform(0.8, 1.2), 7, 32))
    return fill_box(bilevel, 32, w, 0.5)


def bitmap_16(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 16 x 16 pixels, stretched to fill the box; a narrow 1 up to three times its width."""
    bilevel = scanned(strokes, rng)
    w = min(16, max(3, round(16 * 3 * bilevel.shape[1] / bilevel.shape[0])))
    return fill_box(bilevel, 16, w, 0.45)


def grey_8(strokes: Strokes, rng: Generator) -> ndarray:
    """Draw 8 x 8 pixels, light on dark: the ink in each 4 x 4 block of a 32 x 32 bitmap."""
    ink = bitmap_32(strokes, rng) == 0
    counts = ink.reshape(8, 4, 8, 4).sum(axis=(1, 3))
    return np.minimum(counts * 16, 255).astype(np.uint8)
