"""The interface of the PyTorch engine to the rest of digitnn.

Axes: n images, c channels, h w pixels, f features, k classes.
"""

from collections.abc import Mapping
from math import isfinite

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray
from torch import Tensor, nn

from digitnn.data.dataset import check_images
from digitnn.engines.protocols import Outcome, check_batch, check_state, kept_units, precision
from digitnn.engines.pytorch.losses import LOSSES, SplitObjective
from digitnn.engines.pytorch.modules import build, chosen_device, to_array
from digitnn.engines.pytorch.optimisers import build_optimiser, take_step
from digitnn.machine import resources
from digitnn.machine.allocator import keep_freed_memory
from digitnn.machine.resources import threads
from digitnn.network.layers import Loss
from digitnn.network.network import Network, Params, Samples
from digitnn.recipes.optimisers import MiniBatchOptimiser

BLOCK = 500
"""Images per block in prediction."""


class PytorchClassifier:
    """Runs a network forward without recording operations for gradients."""

    def __init__(self, network: Network, params: Params) -> None:
        self._network = network
        self._device = chosen_device()
        self._module = _placed(build(network, params), self._device).eval()

    def logits(self, images: Samples) -> Float32[ndarray, "n k"]:
        """Return a row of logits per image. Raises `DataError` for what the network cannot take."""
        check_images(images, "input", self._network.input)
        with torch.inference_mode():
            pixels = _to_tensor(images, self._device)
            parts = [
                self._module(to_input(part, self._network)) for part in torch.split(pixels, BLOCK)
            ]
            return torch.cat(parts).cpu().numpy()


class PytorchTrainer:
    """Trains a network on mini-batches with PyTorch's own optimisers."""

    def __init__(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> None:
        keep_freed_memory()
        self._network, self._seed = network, seed
        self._steps = torch.zeros((), dtype=torch.int64)
        self._device = chosen_device()
        self._bfloat16 = resources.precision() == "bfloat16"
        self._dtype = torch.float64 if precision(params) == np.float64 else torch.float32
        self.module = _placed(build(network, params, self._dtype), self._device).train()
        self._loss = loss
        self._params, self._buffers = list(self.module.parameters()), list(self.module.buffers())
        self._optimiser = build_optimiser(optimiser, self._params)

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return int(self._steps)

    def step(self, images: Samples, labels: UInt8[ndarray, " n"], learning_rate: float) -> Outcome:
        """Take one step, see `Trainer.step`."""
        check_batch(self._network, images, labels)
        kept = kept_units(self._network, len(labels), self._seed, self.steps)
        before = [buffer.clone() for buffer in self._buffers]
        total, outcome = self.forward(images, labels, kept)
        if isfinite(outcome.total):
            for p in self._params:
                p.grad = None
            # from d(mean loss) / d(total loss), which saves the division and its derivative
            torch.autograd.backward(total, total.new_tensor(1 / len(labels)))
            self.update(learning_rate)
        else:  # BatchNorm has already updated its running statistics
            for buffer, old in zip(self._buffers, before, strict=True):
                buffer.copy_(old)
        return outcome

    def forward(
        self, images: Samples, labels: UInt8[ndarray, " n"], kept: Mapping[int, ndarray]
    ) -> tuple[Tensor, Outcome]:
        """Return the summed loss, which can be differentiated, and the outcome.

        kept: the units that each dropout layer keeps, by the index of the layer.
        """
        for index, units in kept.items():
            self.module[index].kept = _to_tensor(units, self._device)
        x = to_input(_to_tensor(images, self._device), self._network).to(self._dtype)
        targets = _to_tensor(labels, self._device).long()
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            logits = self.module(x)
        logits = logits.to(self._dtype)
        total = LOSSES[type(self._loss)](self._loss, logits, targets)
        return total, Outcome(total.item(), int((logits.argmax(dim=1) == targets).sum()))

    def update(self, learning_rate: float) -> None:
        """Take the optimiser's step along the gradients that the parameters have."""
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        take_step(self._optimiser)
        self._steps += 1

    def parameters(self) -> dict[str, ndarray]:
        """Return a copy of the current parameters and buffers, without BatchNorm's batch count."""
        state = self.module.state_dict()
        return {name: to_array(state[name]) for name in self._network.state_shapes()}

    def state(self) -> dict[str, ndarray]:
        """Return a copy of the module's arrays and of the optimiser's state of each parameter."""
        return {name: to_array(tensor) for name, tensor in self._state_tensors().items()}

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Continue from a `state`.

        The values are copied into the existing tensors: fused optimisers rely on a kernel and its
        state having the same memory layout.
        """
        tensors = self._state_tensors()
        check_state(state, {name: to_array(tensor) for name, tensor in tensors.items()})
        for name, tensor in tensors.items():
            tensor.copy_(torch.tensor(state[name]))

    def _state_tensors(self) -> dict[str, Tensor]:
        """Return the tensors that change from step to step, by name, not copied."""
        tensors = {f"parameters.{name}": p for name, p in self.module.state_dict().items()}
        tensors["steps"] = self._steps
        for name, parameter in self.module.named_parameters():
            for what, tensor in self._optimiser.state[parameter].items():
                tensors[f"optimiser.{name}.{what}"] = tensor
        return tensors


class PytorchEngine:
    """Runs networks in PyTorch, on the threads and the device that `resources` names.

    Raises `UsageError` when there is no such device.
    """

    def __init__(self) -> None:
        torch.set_num_threads(threads())
        chosen_device()

    def classifier(self, network: Network, params: Params) -> PytorchClassifier:
        """Return a classifier with its own copy of the parameters."""
        return PytorchClassifier(network, params)

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> PytorchTrainer:
        """Return a trainer that starts from `params`; seed decides which units dropout keeps."""
        return PytorchTrainer(network, params, optimiser, loss, seed)

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> SplitObjective:
        """Return the loss over all images, computed block by block."""
        return SplitObjective(network, features, labels, loss)


def to_input(pixels: Tensor, network: Network) -> Tensor:
    """Return pixels (n, h, w) or features (n, f) standardised, in the shape of the input."""
    mean, std = network.standardise.mean, network.standardise.std
    return pixels.reshape(-1, *network.input).float().sub(mean).mul_(1 / std)


def _to_tensor(array: ndarray, device: torch.device) -> Tensor:
    """Copy to `device`: PyTorch cannot share read-only arrays or arrays with negative strides."""
    return torch.from_numpy(array.copy()).to(device)


def _placed(module: nn.Sequential, device: torch.device) -> nn.Sequential:
    """Move to the device, with planes channels-last, the fastest layout for convolutions."""
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module
