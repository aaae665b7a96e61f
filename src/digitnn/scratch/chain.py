"""Backpropagation: the chain rule through a whole network.

Axes: n images, k classes.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TypeAlias

from jaxtyping import Float
from numpy import ndarray

from digitnn import layers
from digitnn.errors import NetworkError
from digitnn.network import Architecture, Params
from digitnn.scratch.convolution import conv2d
from digitnn.scratch.layers import Backward, Forward, Gradients, dense, flatten, relu, sigmoid, tanh
from digitnn.scratch.pooling import conv_relu_pool, max_pool2d

FORWARD: Mapping[type[layers.Layer], Forward] = {
    layers.Dense: dense,
    layers.Conv2d: conv2d,
    layers.MaxPool2d: max_pool2d,
    layers.Flatten: flatten,
    layers.Sigmoid: sigmoid,
    layers.Tanh: tanh,
    layers.Relu: relu,
}
"""The function of each layer description that this engine runs."""

Piece: TypeAlias = Callable[[Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]


def forward(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], Callable[[Float[ndarray, "n k"]], Gradients]]:
    """Logits, and the function from dL/dlogits to the gradient of every parameter.

    Running the layers forward collects one `backward` each; running those last to first is the
    whole of backpropagation (Rumelhart, Hinton and Williams 1986). It stops at the first layer
    that has parameters: nobody asks for the gradient of the pixels.
    Raises `NetworkError` for a layer that this engine does not run.
    """
    backwards = []
    for index, piece in pieces(architecture):
        own = parameters_of(params, index)
        x, step = piece(own, x)
        backwards.append((index, step, bool(own)))
    first = next((at for at, (*_, has_parameters) in enumerate(backwards) if has_parameters), 0)

    def backward(dy: Float[ndarray, "n k"]) -> Gradients:
        gradients: Gradients = {}
        dx: ndarray | None = dy
        for at in reversed(range(first, len(backwards))):
            index, step, _ = backwards[at]
            assert dx is not None
            dx, own = step(dx, at > first)
            gradients |= {f"{index}.{name}": gradient for name, gradient in own.items()}
        return gradients

    return x, backward


@lru_cache
def pieces(architecture: Architecture) -> tuple[tuple[int, Piece], ...]:
    """(index of its first layer, function) for each piece of a network.

    A piece is a layer; only Conv2d, Relu, MaxPool2d in a row are one piece, which computes the
    same numbers in less time (see `conv_relu_pool`).
    """
    found: list[tuple[int, Piece]] = []
    index = 0
    while index < len(architecture):
        match architecture[index : index + 3]:
            case (layers.Conv2d() as conv, layers.Relu(), layers.MaxPool2d() as pool):
                found.append((index, partial(conv_relu_pool, conv, pool)))
                index += 3
            case (layer, *_):
                found.append((index, partial(_function(layer), layer)))
                index += 1
    return tuple(found)


def parameters_of(params: Params, index: int) -> Gradients:
    """The parameters of one layer under their short names: "3.weight" becomes "weight"."""
    prefix = f"{index}."
    return {name[len(prefix) :]: p for name, p in params.items() if name.startswith(prefix)}


def _function(layer: layers.Layer) -> Forward:
    try:
        return FORWARD[type(layer)]
    except KeyError:
        raise NetworkError(
            f"the scratch engine does not run {type(layer).__name__} yet; use --engine pytorch"
        ) from None
