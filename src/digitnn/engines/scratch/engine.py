"""The interface of the from-scratch engine: training, prediction, and what the analyses ask.

Axes: n images, b images of a block, f features, d hidden features, k classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import check_images
from digitnn.engines.protocols import Objective, Trainer
from digitnn.engines.scratch.backpropagation import forward, forward_to_pixels, layer_by_layer
from digitnn.engines.scratch.blocks import block_size, run_blocks
from digitnn.engines.scratch.inference import CompiledNetwork
from digitnn.engines.scratch.losses import softmax_cross_entropy
from digitnn.errors import NetworkError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.network.layers import Dense, Loss, SoftmaxCrossEntropy
from digitnn.network.network import Network, Params, Samples
from digitnn.recipes.optimisers import MiniBatchOptimiser


@dataclass(frozen=True, eq=False)
class CompiledClassifier:
    """Runs a network forward in NumPy; threads may share it."""

    network: Network
    params: Params

    @cached_property
    def _compiled(self) -> CompiledNetwork:
        return CompiledNetwork(self.network, self.params)

    def logits(self, images: Samples) -> Float32[ndarray, "n k"]:
        """Return a row of logits per image. Raises `DataError` for what the network cannot take."""
        check_images(images, "input", self.network.input)
        return self._compiled.logits(images)


@dataclass(frozen=True)
class ScratchEngine:
    """Runs networks on NumPy and SciPy, on as many threads as `resources` allows."""

    def __post_init__(self) -> None:
        one_core_blas.set_free_to(threads())

    def classifier(self, network: Network, params: Params) -> CompiledClassifier:
        """Return a classifier with its own copy of the parameters."""
        network.check(params)
        return CompiledClassifier(network, {name: p.copy() for name, p in params.items()})

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> Trainer:
        """Return a trainer that starts from `params`; seed decides which units dropout keeps."""
        from digitnn.engines.scratch.trainer import ScratchTrainer  # inference does not need it

        return ScratchTrainer(network, params, optimiser, loss, seed)

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> Objective:
        """Return the loss over all images, computed block by block."""
        from digitnn.engines.scratch.trainer import SplitObjective

        return SplitObjective(network.layers, features, labels, loss)


LogitsGradient: TypeAlias = Callable[[Float32[ndarray, "b k"], slice], Float32[ndarray, "b k"]]
"""Maps the logits of a block of images, and the block's place among them, to dL/dlogits."""


def output_of(
    count: int, network: Network, params: Params, images: Samples
) -> Float32[ndarray, "n ..."]:
    """Return the output of the first `count` layers, computed block by block on all cores."""
    output = np.empty((len(images), *network.shapes()[count]), np.float32)

    def some_blocks(blocks: Sequence[slice]) -> None:
        for block in blocks:
            x = network.inputs(images[block])
            output[block] = forward(network.layers[:count], params, x)[0]

    run_blocks(some_blocks, len(images), block_size(network.layers))
    return output


def activations(
    network: Network, params: Params, images: Samples
) -> list[Float32[ndarray, "n ..."]]:
    """Return the output of every layer, the last of them the logits; for few images at a time."""
    return layer_by_layer(network.layers, params, network.inputs(images))


def hidden_features(network: Network, params: Params, images: Samples) -> Float32[ndarray, "n d"]:
    """Return the input of the last dense layer: all that the decision depends on.

    Raises `NetworkError` for a network without a dense layer.
    """
    dense = [index for index, layer in enumerate(network.layers) if isinstance(layer, Dense)]
    if not dense:
        raise NetworkError("a network without a dense layer has no last hidden layer")
    return output_of(dense[-1], network, params, images)


def input_gradient(
    network: Network,
    params: Params,
    images: UInt8[ndarray, "n h w"] | Float32[ndarray, "n h w"],
    dlogits_of: LogitsGradient,
) -> tuple[Float32[ndarray, "n k"], Float32[ndarray, "n h w"]]:
    """Return the logits of `images`, and dL/dpixel, for pixels on the scale 0 to 255.

    Training stops backpropagation at the first layer with parameters; here it goes on to the image.
    images: uint8, or float32 of the same range for non-integer pixels.
    A network begins with x = (pixel - mean) / std, so dL/dpixel = dL/dx / std.
    """
    logits = np.empty((len(images), len(network.labels)), np.float32)
    gradient = np.empty(images.shape, np.float32)

    def some_blocks(blocks: Sequence[slice]) -> None:
        for block in blocks:
            x = network.inputs(images[block])
            logits[block], backward = forward_to_pixels(network.layers, params, x)
            gradient[block] = backward(dlogits_of(logits[block], block))[:, 0]

    run_blocks(some_blocks, len(images), block_size(network.layers))
    gradient /= np.float32(network.standardise.std)
    return logits, gradient


def pixel_gradient(
    network: Network,
    params: Params,
    images: UInt8[ndarray, "n h w"] | Float32[ndarray, "n h w"],
    labels: UInt8[ndarray, " n"],
) -> Float32[ndarray, "n h w"]:
    """Return dL/dpixel of the cross-entropy L in nats, summed over the images.

    L is a sum of terms that each depend on one image, so every image has the gradient of its own
    loss. images: as in `input_gradient`.
    """
    loss = SoftmaxCrossEntropy(no_digit=network.rejects)

    def dlogits_of(logits: ndarray, block: slice) -> ndarray:
        return softmax_cross_entropy(loss, logits, labels[block])[1]

    return input_gradient(network, params, images, dlogits_of)[1]
