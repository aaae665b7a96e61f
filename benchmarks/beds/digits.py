"""The beds of single digits, by name: MNIST's validation digits as other people's pictures.

from benchmarks.beds.digits import samples
for sample in samples("pencil photo", 200, seed=0): ...
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from zlib import crc32

from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds import bitmaps, paint, photos, scans
from benchmarks.beds.samples import Sample
from benchmarks.beds.tracing import Strokes
from benchmarks.beds.written import digits

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
"""How each bed draws a digit."""

SLOW: Mapping[str, int] = {"camera": 24}
"""At most so many of these by default: megapixels take a second to draw."""


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """`n` digits of the bed `name`; the first of more are those of fewer, and no other bed's."""
    drawing = DRAWINGS[name]
    for strokes, digit, rng in islice(digits((seed, crc32(name.encode()))), n):
        yield Sample(drawing(strokes, rng), str(digit))
