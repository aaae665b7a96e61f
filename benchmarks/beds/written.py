"""MNIST's validation digits as strokes, in an order that a seed decides."""

from collections.abc import Iterator
from functools import cache
from itertools import count, cycle

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from benchmarks.beds.hands import Hand, rewrite
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.tracing import Strokes, trace
from digitnn.data.dataset import CLASSES, Dataset, split
from digitnn.data.fetch.sources import load

LOOPED = frozenset({6, 8})
"""Without a loop, a 0 and a 9 are still to be read."""


@cache
def validation() -> Dataset:
    """MNIST's last 10,000 training images, which train no network."""
    return split(load("mnist"))[1]


def digits(
    seed: tuple[int, ...], hand: Hand | None = None
) -> Iterator[tuple[Strokes, int, Generator]]:
    """Endlessly (strokes, digit, the random numbers of this one), another hand each.

    Every digit is as likely, though more sixes than ones cannot be traced. Each sample has a
    generator of its own, so that how one is drawn leaves the others alone.
    """
    source = validation()
    shuffled = np.random.default_rng([*seed, 0]).permutation(len(source))
    by_digit = [cycle(shuffled[source.labels[shuffled] == digit]) for digit in range(CLASSES)]
    for at in count():
        rng = np.random.default_rng([*seed, 1, at])
        digit = int(rng.integers(CLASSES))
        for which in by_digit[digit]:
            strokes = trace(source.images[which])
            if strokes is not None and legible(strokes, digit):
                yield rewrite(strokes, rng, hand), digit, rng
                break


def legible(strokes: Strokes, digit: int) -> bool:
    """Whether the loop that makes a 6 or an 8 is still one: full of ink in MNIST, it is lost.

    A small loop shows under a thin pen, one that is nearly closed is closed by a thick one.
    """
    if digit not in LOOPED:
        return True
    rng = np.random.default_rng(0)
    inks = (draw(strokes, (64, 64), Place(32, 32, 48), width, rng) for width in (2, 5, 8))
    return any(ndimage.label(ink < 0.5)[1] > 1 for ink in inks)


def another(rng: Generator) -> Strokes:
    """Any digit by the same hand, for a neighbour's place."""
    source = validation()
    while True:
        strokes = trace(source.images[int(rng.integers(len(source)))])
        if strokes is not None:
            return strokes
