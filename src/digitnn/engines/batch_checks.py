"""What a network can learn from in one step, checked alike for both engines.

Axes: n images of the batch.
"""

from math import prod

from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import TrainingError
from digitnn.network.layers import BatchNorm
from digitnn.network.network import Network


def check_batch(network: Network, images: ndarray, labels: ndarray) -> None:
    """Raise an error of one line unless `network` can take a step on these images.

    `DataError` if images or labels are of other shapes or types than a `Dataset` holds: floats are
    refused, as nothing tells whether they run to 1 or to 255. `TrainingError`: see `check_size`.
    """
    Dataset(images, labels, "the batch", mixed=network.rejects)
    check_size(network, len(labels))


def check_size(network: Network, n: int) -> None:
    """Raise `TrainingError` unless `network` can take a step on `n` images.

    There must be one, and two numbers of whatever `BatchNorm` takes the variance of.
    """
    if n < 1:
        raise TrainingError("a step needs at least 1 image, got an empty batch")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, BatchNorm) and n * prod(network.shapes()[index][1:]) < 2:
            raise TrainingError(
                f"layer {index}: {layer} takes the variance over a batch, "
                "and a single image has none: use another batch size"
            )
