"""The loss over a whole split and its gradient, as PyTorch derives it.

What the from-scratch engine computes by hand, in the same blocks of images and the same precision,
so that SciPy's conjugate gradient can take the same steps on either.
Axes: n images, f features.
"""

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch.func import functional_call

from digitnn.engines.protocols import Outcome
from digitnn.engines.pytorch.device import chosen_device
from digitnn.engines.pytorch.losses import LOSSES
from digitnn.engines.pytorch.modules import skeleton
from digitnn.network.losses import Loss
from digitnn.network.network import Network, Params

BLOCK = 1024
"""Images in a block, as many as in the from-scratch engine's."""


class SplitObjective:
    """loss(params) = sum over all n images; the blocks' gradients are added in their order."""

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
        """The loss and the gradient of each parameter.

        The first weights may be narrower than the network's: one column a feature.
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
            torch.autograd.backward(total)  # adds to what the blocks before have left
            outcome += Outcome(total.item(), int((logits.argmax(dim=1) == labels).sum()))
        return outcome, {name: _gradient(tensor) for name, tensor in tensors.items()}


def _gradient(tensor: torch.Tensor) -> ndarray:
    assert tensor.grad is not None
    return tensor.grad.cpu().numpy()
