"""The gradient by the pixels: what a network would have to see to say something else.

Training stops backpropagation at the first layer that learns; here it goes on to the image.
Axes: n images, k classes.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.network import Network, Params
from digitnn.scratch.blocks import block_of, run_blocks
from digitnn.scratch.chain import forward_from_pixels

LogitsGradient: TypeAlias = Callable[[Float32[ndarray, "b k"], slice], Float32[ndarray, "b k"]]
"""From the logits of a block of images, and which images these are, to dL/dlogits."""


def input_gradient(
    network: Network,
    params: Params,
    images: UInt8[ndarray, "n 28 28"] | Float32[ndarray, "n 28 28"],
    dlogits_of: LogitsGradient,
) -> tuple[Float32[ndarray, "n k"], Float32[ndarray, "n 28 28"]]:
    """The logits of `images`, and dL/dpixel for a unit of a pixel as it comes, 0 to 255.

    images: uint8, or float32 of the same range where something moves them by less than a unit.
    The first step of a network, x = (pixel - mean) / std, makes dL/dpixel = dL/dx / std.
    """
    logits = np.empty((len(images), len(network.labels)), np.float32)
    gradient = np.empty(images.shape, np.float32)

    def some_blocks(blocks: Sequence[slice]) -> None:
        for block in blocks:
            x = network.standardise.between_levels(images[block])
            logits[block], backward = forward_from_pixels(network.layers, params, x)
            gradient[block] = backward(dlogits_of(logits[block], block))[:, 0]

    run_blocks(some_blocks, len(images), block_of(network.layers))
    gradient /= np.float32(network.standardise.std)
    return logits, gradient
