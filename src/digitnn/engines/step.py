"""What both engines share in a training step: the checks of a batch, and the dropout masks.

Axes: n images of the batch.
"""

from math import prod

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import TrainingError
from digitnn.network.layers import BatchNorm, Dropout
from digitnn.network.network import Network


def check_batch(network: Network, images: ndarray, labels: ndarray) -> None:
    """Raise an error unless `network` can take a step on these images.

    `DataError` for shapes or types that a `Dataset` does not hold: floats are rejected, as their
    range, 0 to 1 or 0 to 255, is unknown. `TrainingError`: see `check_size`.
    """
    Dataset(images, labels, "the batch", has_non_digits=network.rejects)
    check_size(network, len(labels))


def check_size(network: Network, n: int) -> None:
    """Raise `TrainingError` unless `network` can take a step on `n` images.

    A step needs an image, and `BatchNorm` needs two numbers per channel to take a variance.
    """
    if n < 1:
        raise TrainingError("a step needs at least 1 image, got an empty batch")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, BatchNorm) and n * prod(network.shapes()[index][1:]) < 2:
            raise TrainingError(
                f"layer {index}: {layer} takes the variance over a batch, "
                "and a single image has none: use another batch size"
            )


def kept_units(
    network: Network, n: int, seed: int, step: int
) -> dict[int, Bool[ndarray, "n *shape"]]:
    """Return, for the index of each `Dropout`, True where a unit of its input is kept in a step.

    Each unit is kept with probability 1 - p, to 24 bits, independently of all others. The draw is a
    pure function of seed, step (both at least 0) and layer: there is no generator state to save,
    and an engine that draws in another order, or in blocks, keeps the same units.
    """
    kept = {}
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Dropout):
            # the fastest of NumPy's generators: a million units take about 3 ms on one core
            rng = np.random.Generator(np.random.SFC64([seed, step, index]))
            kept[index] = rng.random((n, *network.shapes()[index]), np.float32) >= layer.p
    return kept
