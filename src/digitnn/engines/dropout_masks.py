"""Which units `Dropout` keeps: the same on both engines, and again after an interruption.

The draw is a pure function of seed, step and layer. It has no generator whose state would have to
be saved, and an engine that draws in another order, or in blocks, drops the same units.
Axes: n images of the batch.
"""

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from digitnn.network.layers import Dropout
from digitnn.network.network import Network


def kept_units(
    network: Network, n: int, seed: int, step: int
) -> dict[int, Bool[ndarray, "n *shape"]]:
    """For the index of each `Dropout`, True where a unit of its input is kept, at one step.

    Each unit is kept with probability 1 - p, to 24 bits, independently of all others. seed and
    step are at least 0.
    """
    kept = {}
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Dropout):
            # the quickest of NumPy's generators: on one core a million units take about 3 ms
            rng = np.random.Generator(np.random.SFC64([seed, step, index]))
            kept[index] = rng.random((n, *network.shapes()[index]), np.float32) >= layer.p
    return kept
