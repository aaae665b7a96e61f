"""What each pixel of an image does to the loss.

Axes: n images, h w pixels, k classes.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Num, UInt8
from numpy import ndarray

from digitnn.losses import SoftmaxCrossEntropy
from digitnn.network import Network, Params
from digitnn.scratch.blocks import block_of, run_blocks
from digitnn.scratch.chain import forward_from_pixels
from digitnn.scratch.losses import softmax_cross_entropy


def pixel_gradient(
    network: Network,
    params: Params,
    images: Num[ndarray, "n h w"],
    labels: UInt8[ndarray, " n"],
) -> Float32[ndarray, "n h w"]:
    """dL/dpixel, L being the cross-entropy in nats summed over the images, a pixel 0 to 255.

    L is a sum and no image sees another, so each has the gradient of its own loss. The network's
    first step divides by its std, and so does the chain rule in the end. images: raw pixels, or
    such between whole levels.
    """
    loss = SoftmaxCrossEntropy(no_digit=network.rejects)
    gradient = np.empty(images.shape, np.float32)

    def some_blocks(blocks: Sequence[slice]) -> None:
        for block in blocks:
            x = network.standardise.between_levels(images[block])
            logits, backward = forward_from_pixels(network.layers, params, x)
            _, dlogits = softmax_cross_entropy(loss, logits, labels[block])
            gradient[block] = backward(dlogits)[:, 0] / np.float32(network.standardise.std)

    run_blocks(some_blocks, len(images), block_of(network.layers))
    return gradient
