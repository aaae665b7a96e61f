"""A network description as `torch.nn.Sequential`, with the same parameter names, on a device."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from digitnn.errors import UsageError
from digitnn.machine import resources
from digitnn.network import layers
from digitnn.network.layers import Shape
from digitnn.network.network import Network, Params


def chosen_device() -> torch.device:
    """Return the device that `resources` names; for "auto" any accelerator that PyTorch finds.

    Raises `UsageError` for a device that is not available.
    """
    wanted = resources.device()
    if wanted == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if not torch.get_device_module(wanted).is_available():
        raise UsageError(
            f"device {wanted} was asked for, but PyTorch {torch.__version__} finds none here: "
            "ask for auto or cpu, or install a PyTorch that supports it"
        )
    return torch.device(wanted)


class GivenDropout(nn.Module):
    """Dropout with a given mask `kept`, True where a unit is kept.

    A trainer sets it before each step, so that both engines keep the same units (`kept_units`).
    """

    kept: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return x / (1 - p) where kept, else 0; in prediction x."""
        return x * self.kept * (1 / (1 - self.p)) if self.training else x


def batch_norm(layer: layers.BatchNorm, shape: Shape) -> nn.Module:
    """Return the module for vectors or the one for planes."""
    kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
    return kind(shape[0], eps=layer.epsilon, momentum=layer.momentum)


MODULES: Mapping[type[layers.Layer], Callable[[Any, Shape], nn.Module]] = {
    layers.Dense: lambda layer, shape: nn.Linear(shape[0], layer.units),
    layers.Conv2d: lambda layer, shape: nn.Conv2d(
        shape[0], layer.channels, layer.kernel, layer.stride, layer.padding
    ),
    layers.MaxPool2d: lambda layer, shape: nn.MaxPool2d(layer.size),
    layers.AveragePool2d: lambda layer, shape: nn.AvgPool2d(layer.size),
    layers.Crop: lambda layer, shape: nn.ZeroPad2d(-layer.margin),
    layers.BatchNorm: batch_norm,
    layers.Dropout: lambda layer, shape: GivenDropout(layer.p),
    layers.Flatten: lambda layer, shape: nn.Flatten(),
    layers.Sigmoid: lambda layer, shape: nn.Sigmoid(),
    layers.Tanh: lambda layer, shape: nn.Tanh(),
    layers.Relu: lambda layer, shape: nn.ReLU(),
}
"""The module of each layer description, for an input of the given shape."""


def skeleton(network: Network) -> nn.Sequential:
    """Return the modules of `network` without weights, which are set later."""
    with torch.device("meta"):  # no memory and no random numbers
        return nn.Sequential(
            *(
                MODULES[type(layer)](layer, shape)
                for layer, shape in zip(network.layers, network.shapes(), strict=False)
            )
        )


def build(network: Network, params: Params, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Return the module from standardised images to logits, with a copy of `params`."""
    network.check(params)
    module = skeleton(network)
    tensors = {name: torch.tensor(p, dtype=dtype) for name, p in params.items()}
    module.load_state_dict(tensors, assign=True)
    return module


def to_array(tensor: Tensor) -> Any:
    """Return a copy as a C-ordered NumPy array."""
    return tensor.detach().cpu().numpy().copy()
