"""MNIST's validation digits as strokes, in an order that a seed decides."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.random import Generator

from benchmarks.beds.hands import Hand, rewrite
from benchmarks.beds.tracing import Strokes, trace
from digitnn.dataset import Dataset, split
from digitnn.sources import load


@cache
def validation() -> Dataset:
    """MNIST's last 10,000 training images, which train no network."""
    return split(load("mnist"))[1]


def digits(
    seed: tuple[int, ...], hand: Hand | None = None
) -> Iterator[tuple[Strokes, int, Generator]]:
    """Endlessly (strokes, digit, the random numbers of this one), another hand each.

    Each sample has a generator of its own, so that how one is drawn leaves the others alone.
    """
    source = validation()
    order = np.random.default_rng([*seed, 0]).permutation(len(source))
    at = 0
    while True:
        which = int(order[at % len(order)])
        rng = np.random.default_rng([*seed, 1, at])
        at += 1
        strokes = trace(source.images[which])
        if strokes is not None:
            yield rewrite(strokes, rng, hand), int(source.labels[which]), rng


def another(rng: Generator) -> Strokes:
    """Any digit by the same hand, for a neighbour's place."""
    source = validation()
    while True:
        strokes = trace(source.images[int(rng.integers(len(source)))])
        if strokes is not None:
            return strokes
