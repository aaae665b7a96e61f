"""Backpropagation: the chain rule through a whole network.

Axes: n images, k classes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.engines.scratch.convolution import conv2d
from digitnn.engines.scratch.dropout import dropout, dropout_training
from digitnn.engines.scratch.layers import (
    Backward,
    Forward,
    Gradients,
    crop,
    dense,
    flatten,
    relu,
    sigmoid,
    tanh,
)
from digitnn.engines.scratch.normalisation import Statistics, batch_norm, batch_norm_training
from digitnn.engines.scratch.pooling import average_pool2d, conv_relu_pool, max_pool2d
from digitnn.errors import NetworkError
from digitnn.network import layers
from digitnn.network.network import Architecture, Params

FORWARD: Mapping[type[layers.Layer], Forward] = {
    layers.Dense: dense,
    layers.Conv2d: conv2d,
    layers.MaxPool2d: max_pool2d,
    layers.AveragePool2d: average_pool2d,
    layers.Crop: crop,
    layers.BatchNorm: batch_norm,
    layers.Dropout: dropout,
    layers.Flatten: flatten,
    layers.Sigmoid: sigmoid,
    layers.Tanh: tanh,
    layers.Relu: relu,
}
"""The function of each layer description that this engine runs, as a trained network has it."""

FusedLayer: TypeAlias = Callable[[Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]
BackwardChain: TypeAlias = Callable[[Float[ndarray, "n k"]], Gradients]


def forward(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], BackwardChain]:
    """Logits, and the function from dL/dlogits to the gradient of every parameter.

    As a trained network predicts: BatchNorm by its running statistics, no unit dropped.
    Raises `NetworkError` for a layer that this engine does not run.
    """
    return _chained(pieces(architecture), params, x)


def forward_training(
    architecture: Architecture,
    params: Params,
    x: Float[ndarray, "n ..."],
    kept: Mapping[int, Bool[ndarray, "n ..."]],
) -> tuple[Float[ndarray, "n k"], BackwardChain, Statistics]:
    """The same as a network learns: BatchNorm by the statistics of x, and some units dropped.

    x: the whole batch, where there is BatchNorm. kept: for the index of each Dropout, True where a
    unit is kept. Also returned: the new running statistics, by full name.
    """
    statistics: Statistics = {}

    def normalise(index: int, layer: layers.BatchNorm) -> FusedLayer:
        def piece(own: Mapping[str, ndarray], x: ndarray) -> tuple[ndarray, Backward]:
            y, backward, moved = batch_norm_training(layer, own, x)
            statistics.update({f"{index}.{name}": numbers for name, numbers in moved.items()})
            return y, backward

        return piece

    def learning(index: int, piece: FusedLayer) -> FusedLayer:
        match architecture[index]:
            case layers.BatchNorm() as layer:
                return normalise(index, layer)
            case layers.Dropout() as layer:
                return lambda own, x: dropout_training(layer, kept[index], x)
        return piece

    chain = [(index, learning(index, piece)) for index, piece in pieces(architecture)]
    return *_chained(chain, params, x), statistics


def _chained(
    chain: Sequence[tuple[int, FusedLayer]], params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], BackwardChain]:
    """Backpropagation (Rumelhart, Hinton and Williams 1986).

    Running the pieces forward collects one `backward` each; running those last to first, each on
    the dx of the one after it, is the whole of it. It stops at the first piece that has
    parameters: learning does not ask for the gradient of the pixels.
    """
    y, backwards = _run(chain, params, x)
    first = next((at for at, piece in enumerate(backwards) if piece.learns), 0)

    def backward(dy: Float[ndarray, "n k"]) -> Gradients:
        gradients: Gradients = {}
        dx: ndarray | None = dy
        for at in reversed(range(first, len(backwards))):
            assert dx is not None
            dx, own = backwards[at].backward(dx, at > first)
            gradients |= {
                f"{backwards[at].first}.{name}": gradient for name, gradient in own.items()
            }
        return gradients

    return y, backward


def forward_from_pixels(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], Callable[[Float[ndarray, "n k"]], Float[ndarray, "n ..."]]]:
    """Logits as `forward` gives them, and the function from dL/dlogits to dL/dx, of the input."""
    y, backwards = _run(pieces(architecture), params, x)

    def backward(dy: Float[ndarray, "n k"]) -> Float[ndarray, "n ..."]:
        dx: ndarray | None = dy
        for piece in reversed(backwards):
            assert dx is not None
            dx, _ = piece.backward(dx, True, need_params=False)
        assert dx is not None
        return dx

    return y, backward


def layer_by_layer(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> list[Float[ndarray, "n ..."]]:
    """The output of each layer, none of them run together with another."""
    outputs = []
    for index, layer in enumerate(architecture):
        x, _ = _function(layer)(layer, parameters_of(params, index), x)
        outputs.append(x)
    return outputs


class _Way(NamedTuple):
    """The way back through one piece; first: the index of its first layer; learns: whether it has
    parameters."""

    first: int
    backward: Backward
    learns: bool


def _run(
    chain: Sequence[tuple[int, FusedLayer]], params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], list[_Way]]:
    """What the last piece gives, and the way back through each."""
    backwards = []
    for index, piece in chain:
        own = parameters_of(params, index)
        x, piece_backward = piece(own, x)
        backwards.append(_Way(index, piece_backward, bool(own)))
    return x, backwards


@lru_cache
def pieces(architecture: Architecture) -> tuple[tuple[int, FusedLayer], ...]:
    """(index of its first layer, function) for each piece of a network.

    A piece is a layer; only Conv2d, Relu, MaxPool2d in a row are one piece, which computes the
    same numbers in less time (see `conv_relu_pool`).
    """
    found: list[tuple[int, FusedLayer]] = []
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
