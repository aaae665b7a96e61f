"""A network description as `torch.nn.Sequential`; the names of the parameters agree."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from digitnn.network import layers
from digitnn.network.layers import Shape
from digitnn.network.network import Network, Params


class GivenDropout(nn.Module):
    """Dropout of units that somebody else has drawn: `kept`, True where one is kept.

    A trainer sets it before each step, so that both engines drop the same (`dropout_masks`).
    """

    kept: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x / (1 - p) where it is kept, else 0; in prediction x."""
        return x * self.kept * (1 / (1 - self.p)) if self.training else x


def batch_norm(layer: layers.BatchNorm, shape: Shape) -> nn.Module:
    """PyTorch has one module for vectors and one for planes."""
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
    """The modules of `network` without any numbers in them, for weights that come later."""
    with torch.device("meta"):  # no memory and no random numbers
        return nn.Sequential(
            *(
                MODULES[type(layer)](layer, shape)
                for layer, shape in zip(network.layers, network.shapes(), strict=False)
            )
        )


def build(network: Network, params: Params, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """The module that computes logits from standardised images, with a copy of `params`."""
    network.check(params)
    module = skeleton(network)
    tensors = {name: torch.tensor(p, dtype=dtype) for name, p in params.items()}
    module.load_state_dict(tensors, assign=True)
    return module


def parameters_of(module: nn.Module, network: Network) -> dict[str, Any]:
    """A copy of a module's state as NumPy arrays, by name.

    Without PyTorch's count of the batches that BatchNorm has seen, which nothing here reads.
    """
    state = module.state_dict()
    return {name: to_array(state[name]) for name in network.state_shapes()}


def to_array(tensor: Tensor) -> Any:
    """A copy as a NumPy array, row by row."""
    return tensor.detach().cpu().numpy().copy()
