"""What the layers of a network give, rather than only the last of them.

Axes: n images, d numbers that describe an image.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.engines.scratch.backpropagation import forward, layer_by_layer
from digitnn.engines.scratch.blocks import block_of, run_blocks
from digitnn.errors import NetworkError
from digitnn.network.layers import Dense
from digitnn.network.network import Network, Params


def activations(
    network: Network, params: Params, images: UInt8[ndarray, "n 28 28"]
) -> list[Float32[ndarray, "n ..."]]:
    """The output of every layer, in order; the last are the logits. For few images at a time."""
    return layer_by_layer(network.layers, params, network.standardise(images))


def hidden_features(
    network: Network, params: Params, images: UInt8[ndarray, "n 28 28"]
) -> Float32[ndarray, "n d"]:
    """What the last dense layer takes: all that the network knows of an image when it decides.

    Raises `NetworkError` for a network without a dense layer.
    """
    dense = [index for index, layer in enumerate(network.layers) if isinstance(layer, Dense)]
    if not dense:
        raise NetworkError("a network without a dense layer has no last hidden layer")
    last = dense[-1]
    features = np.empty((len(images), *network.shapes()[last]), np.float32)

    def some_blocks(blocks: Sequence[slice]) -> None:
        for block in blocks:
            x = network.standardise(images[block])
            features[block] = forward(network.layers[:last], params, x)[0]

    run_blocks(some_blocks, len(images), block_of(network.layers))
    return features
