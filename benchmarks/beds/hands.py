"""What differs from hand to hand: turn, slant, proportions, a line that is not quite smooth.

Axes: k points of a stroke.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from benchmarks.beds.tracing import Strokes, fit_box


@dataclass(frozen=True)
class Hand:
    """How far hands differ: uniform between these bounds and their negatives, aspect in octaves.

    wobble: of a digit's height, the standard deviation of the line.
    """

    degrees: float = 12.0
    slant: float = 0.18
    octaves: float = 0.4
    wobble: float = 0.006


def rewrite(strokes: Strokes, rng: Generator, hand: Hand | None = None) -> Strokes:
    """`strokes` as another hand writes them, again in a box of longest side 1 around 0, 0."""
    hand = hand or Hand()
    turn = np.radians(rng.uniform(-hand.degrees, hand.degrees))
    wide = 2 ** (rng.uniform(-hand.octaves, hand.octaves) / 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[wide, rng.uniform(-hand.slant, hand.slant)], [0, 1 / wide]]
    written = []
    for stroke in strokes:
        noise = ndimage.gaussian_filter1d(rng.normal(size=stroke.shape), 6, axis=0, mode="nearest")
        spread = hand.wobble * np.sqrt(12 * np.sqrt(np.pi))  # the filter leaves 1 / that of 1
        written.append(stroke @ matrix.T + noise * spread / np.sqrt(2))
    return fit_box(tuple(written))
