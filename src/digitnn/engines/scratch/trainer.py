"""The loss and its gradient: of a mini-batch, for one step of the optimiser, and of a whole split.

Axes: n images of the batch or split, f features, k classes, p parameters.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from digitnn.engines.protocols import Outcome, check_batch, check_state, kept_units
from digitnn.engines.scratch import optimisers
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.blocks import block_size, run_blocks, training_block_size
from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.layers import Gradients
from digitnn.engines.scratch.losses import LOSSES
from digitnn.engines.scratch.memory import Memories
from digitnn.engines.scratch.normalisation import Statistics
from digitnn.engines.scratch.optimisers_in_place import update_in_place
from digitnn.engines.scratch.parameter_vector import Layout
from digitnn.engines.scratch.training_gradient import Batch, training_gradient
from digitnn.network.layers import Loss
from digitnn.network.network import Architecture, Network, Params, Samples
from digitnn.recipes.optimisers import MiniBatchOptimiser


class ScratchTrainer:
    """Trains a network on mini-batches, in NumPy.

    A batch is cut into blocks. The gradient of each block is a row, and the rows are added in
    order, so the bits do not depend on the number of cores.
    """

    def __init__(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> None:
        network.check(params)
        compiled.load()
        self._network, self._optimiser, self._loss = network, optimiser, loss
        self._seed, self._block = seed, training_block_size(network)
        self._layout = Layout(network.parameter_shapes())
        self._vector = self._layout.vector(params)
        self._buffers = {
            name: np.array(params[name], self._vector.dtype) for name in network.buffer_shapes()
        }
        self._weights = self._layout.weights()
        self._memories = Memories()
        self._views = self._layout.views(self._vector)
        self._rows: list[ndarray] = []
        self._row_views: list[dict[str, ndarray]] = []
        self._state = optimisers.init(optimiser, self._vector)

    def step(self, images: Samples, labels: UInt8[ndarray, " n"], learning_rate: float) -> Outcome:
        """Take one step, see `Trainer.step`."""
        check_batch(self._network, images, labels)
        outcome, gradient, statistics = self._gradient(images, labels)
        if np.isfinite(outcome.total):
            self._buffers |= statistics
            update_in_place(
                self._optimiser, self._vector, gradient, self._state, learning_rate, self._weights
            )
        return outcome

    def parameters(self) -> dict[str, ndarray]:
        """Return a copy of the current parameters and buffers."""
        params = self._params()
        return {name: np.array(params[name], order="C") for name in self._network.state_shapes()}

    def _params(self) -> dict[str, ndarray]:
        """Return the parameters as views of the vector, and the buffers."""
        return self._views | self._buffers

    def state(self) -> dict[str, ndarray]:
        """Return a copy of the parameters, the buffers and the optimiser's state."""
        return {name: np.array(view, order="C") for name, view in self._state_views().items()}

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Continue from a `state`."""
        views = self._state_views()
        check_state(state, views)
        for name, view in views.items():
            view[...] = state[name]

    def _state_views(self) -> dict[str, ndarray]:
        """Return all that changes from step to step, as views by name."""
        views = {f"parameters.{name}": p for name, p in self._params().items()}
        for what, array in self._state.items():
            if what == "steps":
                views["optimiser.steps"] = array
                continue
            for name, view in self._layout.views(array).items():
                views[f"optimiser.{name}.{what}"] = view
        return views

    def _gradient(
        self, images: Samples, labels: UInt8[ndarray, " n"]
    ) -> tuple[Outcome, Float[ndarray, " p"], Statistics]:
        """Return the summed loss, the gradient of the mean loss, and new running statistics."""
        n, network, dtype = len(labels), self._network, self._vector.dtype

        def inputs(at: slice) -> ndarray:
            return network.inputs(images[at]).astype(dtype, copy=False)

        def loss(logits: ndarray, at: slice) -> tuple[Outcome, ndarray]:
            outcome, dlogits = _outcome(self._loss, logits, labels[at])
            dlogits /= n
            return outcome, dlogits

        def write(gradients: Gradients, number: int) -> None:
            for name, view in self._row_views[number].items():
                view[...] = gradients[name]

        rows = self._rows_for(-(-n // self._block))
        kept = kept_units(network, n, self._seed, int(self._state["steps"]))
        batch = Batch(n, self._block, inputs, kept, loss, write, self._memories)
        outcome, statistics = training_gradient(network.layers, self._params(), batch)
        gradient, *others = rows
        for row in others:
            gradient += row
        return outcome, gradient, statistics

    def _rows_for(self, blocks: int) -> list[Float[ndarray, " p"]]:
        """Return memory for the gradients of the blocks, the same in each step.

        Large new arrays would be mapped page by page in each step.
        """
        while len(self._rows) < blocks:
            self._rows.append(np.empty_like(self._vector))
            self._row_views.append(self._layout.views(self._rows[-1]))
        return self._rows[:blocks]


@dataclass(frozen=True, eq=False)
class SplitObjective:
    """Computes the loss summed over all n images, in the precision of the features.

    The sums over blocks are added in a fixed order, so equal inputs give equal bits.
    """

    architecture: Architecture
    features: Float[ndarray, "n f"]
    labels: UInt8[ndarray, " n"]
    loss: Loss

    def __call__(self, params: Params) -> tuple[Outcome, Gradients]:
        """Return the loss and the gradient of each parameter."""

        def of_block(block: slice) -> tuple[Outcome, Gradients]:
            logits, backward = forward(self.architecture, params, self.features[block])
            outcome, dlogits = _outcome(self.loss, logits, self.labels[block])
            return outcome, backward(dlogits)

        n, block = len(self.labels), block_size(self.architecture)
        return _sum(run_blocks(lambda part: _sum(map(of_block, part)), n, block))


def _outcome(
    loss: Loss, logits: Float[ndarray, "n k"], labels: UInt8[ndarray, " n"]
) -> tuple[Outcome, Float[ndarray, "n k"]]:
    """Return the outcome of a block, and dL/dlogits of its summed loss."""
    total, dlogits = LOSSES[type(loss)](loss, logits, labels)
    return Outcome(total, int(np.count_nonzero(logits.argmax(axis=1) == labels))), dlogits


def _sum(parts: Iterable[tuple[Outcome, Gradients]]) -> tuple[Outcome, Gradients]:
    """Return the summed outcome, and the summed gradients in the arrays of the first part."""
    outcome, total = Outcome(0.0, 0), Gradients()
    for more, gradients in parts:
        outcome += more
        for name, gradient in gradients.items():
            if name in total:
                total[name] += gradient
            else:
                total[name] = gradient
    return outcome, total
