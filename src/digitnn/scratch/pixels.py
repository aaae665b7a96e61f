"""What each pixel of an image does to the loss.

Axes: n images, h w pixels, k classes.
"""

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.losses import SoftmaxCrossEntropy
from digitnn.network import Network, Params
from digitnn.scratch.input_gradient import input_gradient
from digitnn.scratch.losses import softmax_cross_entropy


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
