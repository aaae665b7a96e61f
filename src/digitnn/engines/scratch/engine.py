"""The interface of the from-scratch engine to the rest of digitnn.

Axes: n images, f features, k classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import check_images
from digitnn.engines.protocols import Objective, Trainer
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.blocks import block_size, run_blocks
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.network.layers import Loss
from digitnn.network.network import Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser


@dataclass(frozen=True, eq=False)
class ScratchClassifier:
    """Runs a network forward in NumPy; stateless, so threads may share it."""

    network: Network
    params: Params

    def logits(self, images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n k"]:
        """Return a row of logits per image. Raises `DataError` for anything but raw pixels."""
        check_images(images, "input")
        logits = np.empty((len(images), len(self.network.labels)), np.float32)

        def some_blocks(blocks: Sequence[slice]) -> None:
            for block in blocks:
                x = self.network.standardise(images[block])
                logits[block] = forward(self.network.layers, self.params, x)[0]

        run_blocks(some_blocks, len(images), block_size(self.network.layers))
        return logits


@dataclass(frozen=True)
class ScratchEngine:
    """Runs networks on NumPy and SciPy, on as many threads as `resources` allows."""

    def __post_init__(self) -> None:
        one_core_blas.set_free_to(threads())

    def classifier(self, network: Network, params: Params) -> ScratchClassifier:
        """Return a classifier with its own copy of the parameters."""
        network.check(params)
        return ScratchClassifier(network, {name: p.copy() for name, p in params.items()})

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
        from digitnn.engines.scratch.objective import SplitObjective

        return SplitObjective(network.layers, features, labels, loss)
