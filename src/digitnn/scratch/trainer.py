"""Learning from mini-batches: forward, backward, one step of the optimiser.

Axes: n images of the batch, p numbers that are learned, b blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.engine import Outcome, check_state
from digitnn.losses import Loss
from digitnn.network import Network, Params
from digitnn.optimisers import MiniBatchOptimiser
from digitnn.scratch import optimisers
from digitnn.scratch.blocks import block_of, run_blocks
from digitnn.scratch.chain import forward
from digitnn.scratch.flat import Layout
from digitnn.scratch.losses import LOSSES


class ScratchTrainer:
    """A network that learns from mini-batches, in NumPy.

    A batch of several blocks: every block's gradient has a row of its own and the rows are added in
    order, so the result has the same bits on any number of cores.
    """

    def __init__(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss
    ) -> None:
        network.check(params)
        self._network, self._optimiser, self._loss = network, optimiser, loss
        self._layout = Layout(network.parameter_shapes())
        self._vector = self._layout.vector(params)
        self._decayed = optimisers.weights(self._layout.shapes)
        self._state = optimisers.init(optimiser, self._vector)

    def step(
        self,
        images: UInt8[ndarray, "n 28 28"],
        labels: UInt8[ndarray, " n"],
        learning_rate: float,
    ) -> Outcome:
        """Forward, backward, one step of the optimiser."""
        outcome, gradient = self._gradient(images, labels)
        if np.isfinite(outcome.total):
            optimisers.update_in_place(
                self._optimiser, self._vector, gradient, self._state, learning_rate, self._decayed
            )
        return outcome

    def parameters(self) -> dict[str, ndarray]:
        """A copy of the parameters as they are now, float32."""
        return {
            name: np.array(view, order="C")
            for name, view in self._layout.views(self._vector).items()
        }

    def state(self) -> dict[str, ndarray]:
        """A copy of the parameters and of what the optimiser remembers of each."""
        return {name: np.array(view, order="C") for name, view in self._remembered().items()}

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Go on from what `state` gave."""
        remembered = self._remembered()
        check_state(state, remembered)
        for name, view in remembered.items():
            view[...] = state[name]

    def _remembered(self) -> dict[str, ndarray]:
        """All that changes from step to step, as views by name."""
        views = {f"parameters.{name}": p for name, p in self._layout.views(self._vector).items()}
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
    ) -> tuple[Outcome, Float32[ndarray, " p"]]:
        """The loss summed over the batch, and the gradient of its mean."""
        n, block = len(labels), block_of(self._network.layers)
        network, loss_function = self._network, LOSSES[type(self._loss)]
        params = self._layout.views(self._vector)
        rows = np.empty((-(-n // block), self._layout.size), np.float32)

        def some_blocks(blocks: Sequence[slice]) -> Outcome:
            outcome = Outcome(0.0, 0)
            for at in blocks:
                x = network.standardise(images[at])
                logits, backward = forward(network.layers, params, x)
                total, dlogits = loss_function(self._loss, logits, labels[at])
                dlogits /= n
                self._layout.write(backward(dlogits), rows[at.start // block])
                correct = int(np.count_nonzero(logits.argmax(axis=1) == labels[at]))
                outcome += Outcome(total, correct)
            return outcome

        if len(rows) == 1:  # too little to share out: let BLAS use the cores as it can
            return some_blocks([slice(0, n)]), rows[0]
        outcomes = run_blocks(some_blocks, n, block)
        return sum(outcomes, Outcome(0.0, 0)), rows.sum(axis=0)
