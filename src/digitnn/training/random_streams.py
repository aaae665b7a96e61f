"""The random streams of a training, all from its seed and none touching another.

Whether images are distorted or units dropped does not change the first weights or the order of the
batches: two recipes that differ in one thing then differ in that thing only.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Streams:
    """weights, batches: generators; dropout, augmentation: seeds of what is keyed by the step."""

    weights: np.random.Generator
    batches: np.random.Generator
    dropout: int
    augmentation: int


def streams(seed: int) -> Streams:
    """Those of `seed`, at their beginning."""
    weights, batches, dropout, augmentation = np.random.SeedSequence(seed).spawn(4)
    return Streams(
        np.random.default_rng(weights),
        np.random.default_rng(batches),
        int(dropout.generate_state(1)[0]),
        int(augmentation.generate_state(1)[0]),
    )
