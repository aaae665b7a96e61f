"""Learning from mini-batches: forward, backward, one step of the optimiser.

Axes: n images of the batch, p numbers that are learned, b blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from digitnn.engines.batch_checks import check_batch
from digitnn.engines.dropout_masks import kept_units
from digitnn.engines.protocols import Outcome, check_state
from digitnn.engines.scratch import optimisers
from digitnn.engines.scratch.backpropagation import forward_training
from digitnn.engines.scratch.blocks import block_of, run_blocks
from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.losses import LOSSES
from digitnn.engines.scratch.normalisation import Statistics
from digitnn.engines.scratch.optimisers_in_place import update_in_place
from digitnn.engines.scratch.parameter_vector import Layout
from digitnn.network.layers import BatchNorm
from digitnn.network.losses import Loss
from digitnn.network.network import Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser


class ScratchTrainer:
    """A network that learns from mini-batches, in NumPy.

    A batch is cut into blocks: every block's gradient has a row of its own and the rows are added
    in order, so the result has the same bits on any number of cores. With BatchNorm, whose
    statistics are those of the batch, all of it is one block.
    """

    def __init__(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> None:
        network.check(params)
        compiled.load()
        self._network, self._optimiser, self._loss = network, optimiser, loss
        self._seed = seed
        self._undivided = any(isinstance(layer, BatchNorm) for layer in network.layers)
        self._layout = Layout(network.parameter_shapes())
        self._vector = self._layout.vector(params)
        self._buffers = {
            name: np.array(params[name], self._vector.dtype) for name in network.buffer_shapes()
        }
        self._weights = self._layout.weights()
        self._state = optimisers.init(optimiser, self._vector)

    def step(
        self,
        images: UInt8[ndarray, "n 28 28"],
        labels: UInt8[ndarray, " n"],
        learning_rate: float,
    ) -> Outcome:
        """Forward, backward, one step of the optimiser."""
        check_batch(self._network, images, labels)
        outcome, gradient, statistics = self._gradient(images, labels)
        if np.isfinite(outcome.total):
            self._buffers |= statistics
            update_in_place(
                self._optimiser, self._vector, gradient, self._state, learning_rate, self._weights
            )
        return outcome

    def parameters(self) -> dict[str, ndarray]:
        """A copy of the parameters as they are now, buffers among them."""
        params = self._params()
        return {name: np.array(params[name], order="C") for name in self._network.state_shapes()}

    def _params(self) -> dict[str, ndarray]:
        """The parameters as views of the vector, and the buffers."""
        return self._layout.views(self._vector) | self._buffers

    def state(self) -> dict[str, ndarray]:
        """A copy of the parameters, buffers among them, and of what the optimiser remembers."""
        return {name: np.array(view, order="C") for name, view in self._remembered().items()}

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Go on from what `state` gave."""
        remembered = self._remembered()
        check_state(state, remembered)
        for name, view in remembered.items():
            view[...] = state[name]

    def _remembered(self) -> dict[str, ndarray]:
        """All that changes from step to step, as views by name."""
        views = {f"parameters.{name}": p for name, p in self._params().items()}
        for field in fields(self._state):
            array = getattr(self._state, field.name)
            if array.ndim == 0:
                views[f"optimiser.{field.name}"] = array
                continue
            for name, view in self._layout.views(array).items():
                views[f"optimiser.{name}.{field.name}"] = view
        return views

    def _gradient(
        self, images: UInt8[ndarray, "n 28 28"], labels: UInt8[ndarray, " n"]
    ) -> tuple[Outcome, Float[ndarray, " p"], Statistics]:
        """The loss summed over the batch, the gradient of its mean, new running statistics."""
        n, network, loss_function = len(labels), self._network, LOSSES[type(self._loss)]
        block = n if self._undivided else block_of(network.layers)
        params = self._params()
        kept = kept_units(network, n, self._seed, int(self._state.steps))
        statistics: Statistics = {}
        dtype = self._vector.dtype
        rows = np.empty((-(-n // block), self._layout.size), dtype)

        def some_blocks(blocks: Sequence[slice]) -> Outcome:
            outcome = Outcome(0.0, 0)
            for at in blocks:
                x = network.standardise(images[at]).astype(dtype, copy=False)
                own = {index: units[at] for index, units in kept.items()}
                logits, backward, moved = forward_training(network.layers, params, x, own)
                statistics.update(moved)
                total, dlogits = loss_function(self._loss, logits, labels[at])
                dlogits /= n
                self._layout.write(backward(dlogits), rows[at.start // block])
                correct = int(np.count_nonzero(logits.argmax(axis=1) == labels[at]))
                outcome += Outcome(total, correct)
            return outcome

        outcomes = run_blocks(some_blocks, n, block)
        gradient = rows[0] if len(rows) == 1 else rows.sum(axis=0)
        return sum(outcomes, Outcome(0.0, 0)), gradient, statistics
