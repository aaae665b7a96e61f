"""The losses of the PyTorch engine: sums over images, in nats; PyTorch derives the gradients.

Axes: n images, k classes.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor
from torch.nn import functional

from digitnn.network.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy

LossFunction: TypeAlias = Callable[[Any, Tensor, Tensor], Tensor]


def softmax_cross_entropy(loss: SoftmaxCrossEntropy, logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over images of -log softmax(logits)[label], in nats; "no digit" has the logit 0."""
    if loss.no_digit:
        logits = functional.pad(logits, (0, 1))
    return functional.cross_entropy(
        logits, labels, reduction="sum", label_smoothing=loss.label_smoothing
    )


def sigmoid_cross_entropy(loss: SigmoidCrossEntropy, logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over images and units of each unit's own cross-entropy, in nats."""
    targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


LOSSES: Mapping[type[Loss], LossFunction] = {
    SoftmaxCrossEntropy: softmax_cross_entropy,
    SigmoidCrossEntropy: sigmoid_cross_entropy,
}
"""The function of each loss description."""
