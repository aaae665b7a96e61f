"""Draw the beds of single digits: MNIST's validation digits, redrawn in many media.

from benchmarks.beds.digits import samples
for sample in samples("pencil photo", 200, seed=0): ...
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from zlib import crc32

from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds import bitmaps, paint, photos, scans
from benchmarks.beds.handwriting import handwritten_digits
from benchmarks.beds.samples import Sample
from benchmarks.beds.tracing import Strokes

Drawing = Callable[[Strokes, Generator], ndarray | bytes]

DRAWINGS: Mapping[str, Drawing] = {
    "paint 28, thin": paint.thin_28,
    "paint 28, thick": paint.thick_28,
    "paint 80, brush": paint.brush_80,
    "paint 400, hair": paint.hair_400,
    "paint 300, marker": paint.marker_300,
    "tablet": paint.tablet,
    "pencil photo": photos.pencil,
    "pen photo": photos.pen,
    "shadow photo": photos.shadowed,
    "chalk": photos.chalk,
    "envelope": scans.envelope,
    "envelope 16": scans.boxed_16,
    "church book": scans.church,
    "form, boxes": scans.boxed_form,
    "form, comb": scans.comb,
    "bitmap 32": bitmaps.bitmap_32,
    "bitmap 16": bitmaps.bitmap_16,
    "grey 8": bitmaps.grey_8,
    "camera": photos.camera,
}
"""The function that draws a digit, by the name of its bed."""

MAX_SAMPLES: Mapping[str, int] = {"camera": 24}
"""Limits on the number of samples; a picture of megapixels takes a second to draw."""


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield `n` digits of the bed `name`; a larger `n` begins with the same samples."""
    drawing = DRAWINGS[name]
    for strokes, digit, rng in islice(handwritten_digits((seed, crc32(name.encode()))), n):
        yield Sample(drawing(strokes, rng), str(digit))
