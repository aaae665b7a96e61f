"""The loss over a whole split, its gradient, and the number of images classified correctly.

Axes: n images, f features, k classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from digitnn.engines.protocols import Outcome
from digitnn.engines.scratch.backpropagation import forward
from digitnn.engines.scratch.blocks import block_size, run_blocks
from digitnn.engines.scratch.layers import Gradients
from digitnn.engines.scratch.losses import LOSSES
from digitnn.network.layers import Loss
from digitnn.network.network import Architecture, Params


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
        loss_function = LOSSES[type(self.loss)]

        def some_blocks(blocks: Sequence[slice]) -> tuple[float, int, Gradients]:
            total, correct = 0.0, 0
            gradients: Gradients = {}
            for block in blocks:
                labels = self.labels[block]
                logits, backward = forward(self.architecture, params, self.features[block])
                loss, dlogits = loss_function(self.loss, logits, labels)
                total += loss
                correct += int(np.count_nonzero(logits.argmax(axis=1) == labels))
                gradients = _add(gradients, backward(dlogits))
            return total, correct, gradients

        parts = run_blocks(some_blocks, len(self.labels), block_size(self.architecture))
        gradients: Gradients = {}
        for _, _, part in parts:
            gradients = _add(gradients, part)
        return Outcome(sum(p[0] for p in parts), sum(p[1] for p in parts)), gradients


def _add(total: Gradients, more: Gradients) -> Gradients:
    """Return total + more in the arrays of `total`; an empty total is zero."""
    if not total:
        return more
    for name, gradient in more.items():
        total[name] += gradient
    return total
