"""Turn MNIST's validation digits into strokes in varied handwriting, in an order set by a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, cycle

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from benchmarks.beds.pens import Place, draw
from benchmarks.beds.tracing import Strokes, fit_box, trace
from digitnn.data.dataset import CLASSES, Dataset, split
from digitnn.data.fetch.sources import load

LOOPED = frozenset({6, 8})
"""Digits that are illegible without their loop; a 0 and a 9 stay legible."""


@dataclass(frozen=True)
class Variation:
    """Limits of uniform variation in both directions; `octaves` is that of the aspect ratio.

    wobble: standard deviation of a line, as a share of the digit's height.
    """

    degrees: float = 12.0
    slant: float = 0.18
    octaves: float = 0.4
    wobble: float = 0.006


def vary(strokes: Strokes, rng: Generator, variation: Variation | None = None) -> Strokes:
    """Vary rotation, slant, aspect and smoothness; fit the result to a unit box around 0, 0."""
    variation = variation or Variation()
    turn = np.radians(rng.uniform(-variation.degrees, variation.degrees))
    wide = 2 ** (rng.uniform(-variation.octaves, variation.octaves) / 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[wide, rng.uniform(-variation.slant, variation.slant)], [0, 1 / wide]]
    written = []
    for stroke in strokes:
        noise = ndimage.gaussian_filter1d(rng.normal(size=stroke.shape), 6, axis=0, mode="nearest")
        spread = variation.wobble * np.sqrt(12 * np.sqrt(np.pi))  # the filter leaves 1 / that of 1
        written.append(stroke @ matrix.T + noise * spread / np.sqrt(2))
    return fit_box(tuple(written))


@cache
def validation_split() -> Dataset:
    """Return MNIST's last 10,000 training images, which train no network."""
    return split(load("mnist"))[1]


def handwritten_digits(
    seed: tuple[int, ...], variation: Variation | None = None
) -> Iterator[tuple[Strokes, int, Generator]]:
    """Yield (strokes, digit, random generator of this sample) without end.

    The ten digits are equally likely, although more sixes than ones cannot be traced. Each sample
    has its own generator, so that drawing one does not affect the others.
    """
    source = validation_split()
    shuffled = np.random.default_rng([*seed, 0]).permutation(len(source))
    by_digit = [cycle(shuffled[source.labels[shuffled] == digit]) for digit in range(CLASSES)]
    for at in count():
        rng = np.random.default_rng([*seed, 1, at])
        digit = int(rng.integers(CLASSES))
        for which in by_digit[digit]:
            strokes = trace(source.images[which])
            if strokes is not None and legible(strokes, digit):
                yield vary(strokes, rng, variation), digit, rng
                break


def legible(strokes: Strokes, digit: int) -> bool:
    """Return whether a 6 or an 8 still has its loop, which is lost if MNIST's is full of ink.

    A thin pen leaves a small loop open; a thick pen closes one that is nearly closed.
    """
    if digit not in LOOPED:
        return True
    rng = np.random.default_rng(0)
    inks = (draw(strokes, (64, 64), Place(32, 32, 48), width, rng) for width in (2, 5, 8))
    return any(ndimage.label(ink < 0.5)[1] > 1 for ink in inks)


def random_digit(rng: Generator) -> Strokes:
    """Return the strokes of a random digit, unvaried, for a neighbour in a cut-out."""
    source = validation_split()
    while True:
        strokes = trace(source.images[int(rng.integers(len(source)))])
        if strokes is not None:
            return strokes
