"""One digit in few pixels: bitmaps of two colours that fill their box, and 8 x 8 greys.

Axes: h w pixels.
"""

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from benchmarks.beds.scans import cropped
from benchmarks.beds.tracing import Strokes


def scanned(strokes: Strokes, rng: Generator) -> Bool[ndarray, "h w"]:
    """Two colours, cut out to the last pixel of ink; the pen's edges are rough."""
    height = 64
    ink = cropped(strokes, height, height * rng.uniform(0.10, 0.22), 4, rng)
    rough = ndimage.gaussian_filter(ink, 1.5) + 0.25 * ndimage.gaussian_filter(
        rng.normal(size=ink.shape), 1.2
    )
    mark = rough > 0.45
    labels, count = ndimage.label(mark, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    mark &= areas[labels] > 0.05 * mark.sum()
    return mark[mark.any(axis=1)][:, mark.any(axis=0)]


def filled(mark: Bool[ndarray, "h w"], h: int, w: int, level: float) -> Bool[ndarray, "H W"]:
    """The mark stretched to (h, w), two colours again."""
    image = Image.fromarray(mark.astype(np.float32)).resize((w, h), Image.Resampling.BOX)
    return np.asarray(image) > level


def bitmap_32(strokes: Strokes, rng: Generator) -> ndarray:
    """32 x 32, black on white, as high as its box and nearly as wide as it would be."""
    mark = scanned(strokes, rng)
    w = int(np.clip(32 * mark.shape[1] / mark.shape[0] * rng.uniform(0.8, 1.2), 7, 32))
    found = np.zeros((32, 32), bool)
    left = (32 - w) // 2
    found[:, left : left + w] = filled(mark, 32, w, 0.5)
    return np.where(found, 0, 255).astype(np.uint8)


def bitmap_16(strokes: Strokes, rng: Generator) -> ndarray:
    """16 x 16, stretched to fill the box both ways, a narrow 1 up to three times its width."""
    mark = scanned(strokes, rng)
    w = min(16, max(3, round(16 * 3 * mark.shape[1] / mark.shape[0])))
    found = np.zeros((16, 16), bool)
    left = (16 - w) // 2
    found[:, left : left + w] = filled(mark, 16, w, 0.45)
    return np.where(found, 0, 255).astype(np.uint8)


def grey_8(strokes: Strokes, rng: Generator) -> ndarray:
    """8 x 8, light on dark: how many of 4 x 4 pixels of a 32 x 32 bitmap are ink."""
    ink = bitmap_32(strokes, rng) == 0
    counts = ink.reshape(8, 4, 8, 4).sum(axis=(1, 3))
    return np.minimum(counts * 16, 255).astype(np.uint8)
