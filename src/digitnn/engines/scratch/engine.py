"""The from-scratch engine as the rest of digitnn sees it.

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
from digitnn.engines.scratch.blocks import block_of, run_blocks
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.network.losses import Loss
from digitnn.network.network import Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser


@dataclass(frozen=True, eq=False)
class ScratchClassifier:
    """Runs a network forward in NumPy. Keeps no state between calls, so threads may share it."""

    network: Network
    params: Params

    def logits(self, images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n k"]:
        """One row of logits an image. Raises `DataError` for anything but raw pixels."""
        check_images(images, "input")
        logits = np.empty((len(images), len(self.network.labels)), np.float32)

        def some_blocks(blocks: Sequence[slice]) -> None:
            for block in blocks:
                x = self.network.standardise(images[block])
                logits[block] = forward(self.network.layers, self.params, x)[0]

        run_blocks(some_blocks, len(images), block_of(self.network.layers))
        return logits


@dataclass(frozen=True)
class ScratchEngine:
    """NumPy and SciPy only, on as many threads as `resources` allows."""

    def __post_init__(self) -> None:
        one_core_blas.set_free_to(threads())

    def classifier(self, network: Network, params: Params) -> ScratchClassifier:
        """A classifier with its own copy of the parameters."""
        network.check(params)
        return ScratchClassifier(network, {name: p.copy() for name, p in params.items()})

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> Trainer:
        """A network that starts to learn from `params`; seed decides what `Dropout` drops."""
        from digitnn.engines.scratch.trainer import ScratchTrainer  # who only reads does without

        return ScratchTrainer(network, params, optimiser, loss, seed)

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> Objective:
        """The loss over all images at once, computed block by block."""
        from digitnn.engines.scratch.objective import SplitObjective

        return SplitObjective(network.layers, features, labels, loss)
