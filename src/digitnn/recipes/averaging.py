"""The exponential moving average of a network's parameters and buffers.

Mini-batch noise keeps the parameters moving around a minimum; their mean is closer to it (Polyak
and Juditsky 1992; with exponential weights, Tarvainen and Valpola 2017, section 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from digitnn.errors import check_numbers


@dataclass(frozen=True)
class Averaging:
    """The decay of the average per step, and how often it is updated.

    The average reaches back about 1 / (1 - decay) steps, but at most about a ninth of the training
    so far: at step t the decay is

        min(decay, (1 + t) / (10 + t))

    as in TensorFlow's ExponentialMovingAverage with `num_updates`. The start is soon forgotten, and
    one decay suits trainings of 200 and of 20,000 steps: 0.999 applies from step 8,990 on.

    every: steps between updates, for speed; an update accounts for all of them, so the reach is the
    same. Up to every - 1 last steps of a training are not in the average.
    """

    decay: float
    every: int = 1

    def __post_init__(self) -> None:
        check_numbers(self, "decay", at_least=0, below=1)
        check_numbers(self, "every", whole=True, at_least=1)

    def is_due(self, step: int) -> bool:
        """Return whether the average is updated after step `step` = 1, 2, ..."""
        return step % self.every == 0

    def decay_of_update(self, update: int) -> float:
        """Return the decay of update 1, 2, ..., which covers `every` steps."""
        step = update * self.every
        return min(self.decay, (1 + step) / (10 + step)) ** self.every


@dataclass(frozen=True)
class Average:
    """The averaged arrays, and the number of updates so far."""

    arrays: Mapping[str, ndarray]
    updates: int = 0


def begin(arrays: Mapping[str, ndarray]) -> Average:
    """Return the average at the start of a training, a copy of `arrays`."""
    return Average({name: array.copy() for name, array in arrays.items()})


def update(average: Average, arrays: Mapping[str, ndarray], averaging: Averaging) -> Average:
    """Return the average after `averaging.every` more steps, which led to `arrays`.

    Each array keeps its type. Integer arrays, such as a count of batches, are copied.
    """
    assert arrays.keys() == average.arrays.keys()
    updates = average.updates + 1
    share = 1 - averaging.decay_of_update(updates)
    nearer = {name: _nearer(old, arrays[name], share) for name, old in average.arrays.items()}
    return Average(nearer, updates)


def _nearer(old: ndarray, new: ndarray, share: float) -> ndarray:
    if not np.issubdtype(old.dtype, np.floating):
        return new.copy()
    return old + old.dtype.type(share) * (new - old)
