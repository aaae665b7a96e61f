"""The gradient by the pixels: what a network would have to see to say something else.

Training stops backpropagation at the first layer that learns; here it goes on to the image.
Axes: n images, k classes.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.engines.scratch.backpropagation import forward_from_pixels
from digitnn.engines.scratch.blocks import block_of, run_blocks
from digitnn.engines.scratch.losses import softmax_cross_entropy
from digitnn.network.losses import SoftmaxCrossEntropy
from digitnn.network.network import Network, Params

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


def pixel_gradient(
    network: Network,
    params: Params,
    images: UInt8[ndarray, "n h w"] | Float32[ndarray, "n h w"],
    labels: UInt8[ndarray, " n"],
) -> Float32[ndarray, "n h w"]:
    """dL/dpixel, L being the cross-entropy in nats summed over the images, a pixel 0 to 255.

    L is a sum and no image sees another, so each has the gradient of its own loss. The network's
    first step divides by its std, and so does the chain rule in the end. images: raw pixels, or
    such between whole levels.
    """
    loss = SoftmaxCrossEntropy(no_digit=network.rejects)

    def dlogits_of(logits: ndarray, block: slice) -> ndarray:
        return softmax_cross_entropy(loss, logits, labels[block])[1]

    return input_gradient(network, params, images, dlogits_of)[1]
