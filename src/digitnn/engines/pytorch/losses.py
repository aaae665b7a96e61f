"""The losses of the PyTorch engine, of a batch and of a whole split; PyTorch derives the gradients.

Axes: n images, f features, k classes.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from digitnn.engines.protocols import Outcome
from digitnn.engines.pytorch.modules import chosen_device, skeleton
from digitnn.network.layers import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from digitnn.network.network import Network, Params

LossFunction: TypeAlias = Callable[[Any, Tensor, Tensor], Tensor]

BLOCK = 1024
"""Images per block of a split, the same as in the from-scratch engine."""


def softmax_cross_entropy(loss: SoftmaxCrossEntropy, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the sum over images of -log softmax(logits)[label], in nats.

    With `loss.no_digit` a further logit, fixed at 0, stands for a non-digit.
    """
    if loss.no_digit:
        logits = functional.pad(logits, (0, 1))
    return functional.cross_entropy(
        logits, labels, reduction="sum", label_smoothing=loss.label_smoothing
    )


def sigmoid_cross_entropy(loss: SigmoidCrossEntropy, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the sum over images and units of each unit's own cross-entropy, in nats."""
    targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


LOSSES: Mapping[type[Loss], LossFunction] = {
    SoftmaxCrossEntropy: softmax_cross_entropy,
    SigmoidCrossEntropy: sigmoid_cross_entropy,
}
"""The function of each loss description."""


class SplitObjective:
    """Computes the loss summed over all n images, and its gradient.

    The blocks and the precision are those of the from-scratch engine, so that SciPy's conjugate
    gradient can take the same steps on either. The blocks' gradients are added in order.
    """

    def __init__(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> None:
        self._device = chosen_device()
        self._module = skeleton(network).eval()
        self._features = torch.tensor(features, device=self._device)
        self._labels = torch.tensor(labels, device=self._device).long()
        self._loss = loss

    def __call__(self, params: Params) -> tuple[Outcome, dict[str, ndarray]]:
        """Return the loss and the gradient of each parameter.

        The first weights may have fewer columns than the network's: one per feature.
        """
        loss_function = LOSSES[type(self._loss)]
        tensors = {
            name: torch.tensor(p, device=self._device, requires_grad=True)
            for name, p in params.items()
        }
        outcome = Outcome(0.0, 0)
        blocks = zip(
            torch.split(self._features, BLOCK), torch.split(self._labels, BLOCK), strict=True
        )
        for x, labels in blocks:
            logits = functional_call(self._module, tensors, x)
            total = loss_function(self._loss, logits, labels)
            torch.autograd.backward(total)  # adds to the gradients of the earlier blocks
            outcome += Outcome(total.item(), int((logits.argmax(dim=1) == labels).sum()))
        return outcome, {name: _gradient(tensor) for name, tensor in tensors.items()}


def _gradient(tensor: Tensor) -> ndarray:
    assert tensor.grad is not None
    return tensor.grad.cpu().numpy()
