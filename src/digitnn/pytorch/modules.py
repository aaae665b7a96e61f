"""A network description as `torch.nn.Sequential`; the names of the parameters agree."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from digitnn import layers
from digitnn.layers import Shape
from digitnn.network import Network, Params

MODULES: Mapping[type[layers.Layer], Callable[[Any, Shape], nn.Module]] = {
    layers.Dense: lambda layer, shape: nn.Linear(shape[0], layer.units),
    layers.Conv2d: lambda layer, shape: nn.Conv2d(
        shape[0], layer.channels, layer.kernel, layer.stride, layer.padding
    ),
    layers.MaxPool2d: lambda layer, shape: nn.MaxPool2d(layer.size),
    layers.Flatten: lambda layer, shape: nn.Flatten(),
    layers.Sigmoid: lambda layer, shape: nn.Sigmoid(),
    layers.Tanh: lambda layer, shape: nn.Tanh(),
    layers.Relu: lambda layer, shape: nn.ReLU(),
}
"""The module of each layer description, for an input of the given shape."""


def skeleton(network: Network) -> nn.Sequential:
    """The modules of `network` without any numbers in them, for weights that come later."""
    with torch.device("meta"):  # no memory and no random numbers
        return nn.Sequential(
            *(
                MODULES[type(layer)](layer, shape)
                for layer, shape in zip(network.layers, network.shapes(), strict=False)
            )
        )


def build(network: Network, params: Params) -> nn.Sequential:
    """The module that computes logits from standardised images, holding a copy of `params`."""
    network.check(params)
    module = skeleton(network)
    tensors = {name: torch.tensor(p) for name, p in params.items()}
    module.load_state_dict(tensors, assign=True)
    return module


def parameters_of(module: nn.Module) -> dict[str, Any]:
    """A copy of a module's state as NumPy arrays, by name."""
    return {name: to_array(tensor) for name, tensor in module.state_dict().items()}


def to_array(tensor: Tensor) -> Any:
    """A copy as a NumPy array, row by row."""
    return tensor.detach().cpu().numpy().copy()
