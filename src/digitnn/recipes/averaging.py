"""The exponential moving average of a network's parameters, which is often better than the last.

Mini-batches leave the parameters walking around a good place; their mean lies nearer to it (Polyak
and Juditsky 1992; with exponential weights, Tarvainen and Valpola 2017, section 2). Parameters and
buffers alike are a mapping from names to arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy import ndarray

from digitnn.errors import UsageError


@dataclass(frozen=True)
class Averaging:
    """How long an average remembers: a share `decay` of it survives a step.

    The average reaches back about 1 / (1 - decay) steps, but never further than about a ninth of
    the training so far: at step t the decay is

        min(decay, (1 + t) / (10 + t))

    as in TensorFlow's ExponentialMovingAverage with its number of updates. So the start is soon
    forgotten, and one decay serves trainings of 200 steps and of 20,000: 0.999 acts from step 8,990
    on, and before that the reach grows with the training.

    every: steps from one update to the next, for speed; an update then makes up for all of them,
    so the reach stays. Up to every - 1 last steps of a training are not in the average.
    """

    decay: float
    every: int = 1

    def __post_init__(self) -> None:
        is_number = isinstance(self.decay, int | float) and not isinstance(self.decay, bool)
        if not (is_number and isfinite(self.decay) and 0 <= self.decay < 1):
            raise UsageError(
                f"Averaging: decay must be a number of at least 0 and below 1, got {self.decay!r}"
            )
        if type(self.every) is not int or self.every < 1:
            raise UsageError(
                f"Averaging: every must be a whole number of at least 1, got {self.every!r}"
            )

    def is_due(self, step: int) -> bool:
        """Whether the average is updated after step `step` = 1, 2, ..."""
        return step % self.every == 0

    def decay_of_update(self, update: int) -> float:
        """The share of the average that survives update 1, 2, ..., which ends `every` steps."""
        step = update * self.every
        return min(self.decay, (1 + step) / (10 + step)) ** self.every


@dataclass(frozen=True)
class Average:
    """All that is remembered: the averaged arrays, and how many updates made them."""

    arrays: Mapping[str, ndarray]
    updates: int = 0


def begin(arrays: Mapping[str, ndarray]) -> Average:
    """The average of a training that begins at `arrays`, which are copied."""
    return Average({name: array.copy() for name, array in arrays.items()})


def update(average: Average, arrays: Mapping[str, ndarray], averaging: Averaging) -> Average:
    """The average after `averaging.every` more steps, which led to `arrays`.

    Each array keeps its type. Whole numbers, such as a count of batches, are taken as they are.
    """
    assert arrays.keys() == average.arrays.keys()
    updates = average.updates + 1
    share = 1 - averaging.decay_of_update(updates)
    return Average(
        {name: _nearer(old, arrays[name], share) for name, old in average.arrays.items()}, updates
    )


def _nearer(old: ndarray, new: ndarray, share: float) -> ndarray:
    if not np.issubdtype(old.dtype, np.floating):
        return new.copy()
    return old + old.dtype.type(share) * (new - old)
