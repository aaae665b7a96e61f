"""Backpropagation: the chain rule through a whole network.

Axes: n images, k classes.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.convolution import conv2d
from digitnn.engines.scratch.layers import (
    Backward,
    Forward,
    Gradients,
    crop,
    dense,
    dropout,
    flatten,
    relu,
    sigmoid,
    tanh,
    without_parameters,
)
from digitnn.engines.scratch.normalisation import batch_norm
from digitnn.engines.scratch.pooling import average_pool2d, conv_relu_pool, max_pool2d
from digitnn.errors import NetworkError
from digitnn.network import layers
from digitnn.network.network import Architecture, Params

FORWARD: Mapping[type[layers.Layer], Forward] = {
    layers.Dense: dense,
    layers.Conv2d: conv2d,
    layers.BatchNorm: batch_norm,
    layers.MaxPool2d: without_parameters(max_pool2d),
    layers.AveragePool2d: without_parameters(average_pool2d),
    layers.Crop: without_parameters(crop),
    layers.Dropout: without_parameters(dropout),
    layers.Flatten: without_parameters(flatten),
    layers.Sigmoid: without_parameters(sigmoid),
    layers.Tanh: without_parameters(tanh),
    layers.Relu: without_parameters(relu),
}
"""The function that computes each kind of layer in prediction mode."""

LayerFunction: TypeAlias = Callable[[Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]
"""One layer, or several fused ones, as a function of parameters and input."""

ParamsByLayer: TypeAlias = Mapping[int, Mapping[str, ndarray]]
"""The parameters of each layer by its index, and by short name: "3.weight" is [3]["weight"]."""

BackwardNetwork: TypeAlias = Callable[[Float[ndarray, "n k"]], Gradients]


def forward(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], BackwardNetwork]:
    """Return logits, and the function from dL/dlogits to the gradient of every parameter.

    In prediction mode: BatchNorm takes its running statistics, Dropout keeps every unit;
    `training_gradient` does otherwise.
    Raises `NetworkError` for a layer that this engine does not run.
    """
    y, passes = run_forward(layer_functions(architecture), parameters_by_layer(params), x)

    def backward(dy: Float[ndarray, "n k"]) -> Gradients:
        return run_backward(passes, dy, need_dx=False)[1]

    return y, backward


def forward_to_pixels(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], Callable[[Float[ndarray, "n k"]], Float[ndarray, "n ..."]]]:
    """Return logits as `forward` does, and the function from dL/dlogits to dL/dx of the input."""
    y, passes = run_forward(layer_functions(architecture), parameters_by_layer(params), x)

    def backward(dy: Float[ndarray, "n k"]) -> Float[ndarray, "n ..."]:
        dx: ndarray | None = dy
        for layer in reversed(passes):
            assert dx is not None
            dx, _ = layer.backward(dx, True, need_params=False)
        assert dx is not None
        return dx

    return y, backward


def layer_by_layer(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> list[Float[ndarray, "n ..."]]:
    """Return the output of each layer, without fusing any."""
    outputs, by_layer = [], parameters_by_layer(params)
    for index, layer in enumerate(architecture):
        x, _ = _function(layer)(layer, by_layer.get(index, {}), x)
        outputs.append(x)
    return outputs


class LayerPass(NamedTuple):
    """A layer, or fused layers, after the forward pass; layer_index: that of the first one."""

    layer_index: int
    backward: Backward
    has_parameters: bool


def run_forward(
    chain: Sequence[tuple[int, LayerFunction]], params: ParamsByLayer, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n ..."], list[LayerPass]]:
    """Return the output of the last layer, and the backward function of each."""
    passes = []
    for index, function in chain:
        own = params.get(index, {})
        x, backward = function(own, x)
        passes.append(LayerPass(index, backward, bool(own)))
    return x, passes


def run_backward(
    passes: Sequence[LayerPass], dy: Float[ndarray, "n ..."], need_dx: bool
) -> tuple[ndarray | None, Gradients]:
    """Return dL/dx of the first layer if it is needed, and the gradient of every parameter.

    Backpropagation (Rumelhart, Hinton, Williams 1986): calls the backward functions from the last
    to the first layer, each with the dx of the layer after it. Without dx it stops at the first
    layer that has parameters.
    """
    first = 0
    if not need_dx:
        first = next((at for at, layer in enumerate(passes) if layer.has_parameters), len(passes))
    gradients: Gradients = {}
    dx: ndarray | None = dy
    for at in reversed(range(first, len(passes))):
        assert dx is not None
        dx, own = passes[at].backward(dx, need_dx or at > first)
        for name, gradient in own.items():
            gradients[f"{passes[at].layer_index}.{name}"] = gradient
    return dx if need_dx else None, gradients


@lru_cache
def layer_functions(architecture: Architecture) -> tuple[tuple[int, LayerFunction], ...]:
    """Return (index, function) for each layer of a network.

    Conv2d, Relu and MaxPool2d in a row, or Conv2d and MaxPool2d, are fused into one function, which
    computes the same numbers faster (see `conv_relu_pool`); its index is that of the Conv2d.
    """
    found: list[tuple[int, LayerFunction]] = []
    index = 0
    while index < len(architecture):
        match architecture[index : index + 3]:
            case (layers.Conv2d() as conv, layers.Relu(), layers.MaxPool2d() as pool):
                found.append((index, partial(conv_relu_pool, conv, pool)))
                index += 3
            case (layers.Conv2d() as conv, layers.MaxPool2d() as pool, *_):
                found.append((index, partial(conv_relu_pool, conv, pool, relu=False)))
                index += 2
            case (layer, *_):
                found.append((index, partial(_function(layer), layer)))
                index += 1
    return tuple(found)


def parameters_by_layer(params: Params) -> ParamsByLayer:
    """Return the parameters of each layer that has any, by its index and their short names."""
    found: dict[int, dict[str, ndarray]] = {}
    for name, p in params.items():
        index, short = name.split(".")
        found.setdefault(int(index), {})[short] = p
    return found


def _function(layer: layers.Layer) -> Forward:
    try:
        return FORWARD[type(layer)]
    except KeyError:
        raise NetworkError(
            f"the scratch engine does not run {type(layer).__name__} yet; use --engine pytorch"
        ) from None
