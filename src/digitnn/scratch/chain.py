"""Backpropagation: the chain rule through a whole network.

Axes: n images, k classes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TypeAlias

from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn import layers
from digitnn.errors import NetworkError
from digitnn.network import Architecture, Params
from digitnn.scratch.convolution import conv2d
from digitnn.scratch.dropout import dropout, dropout_training
from digitnn.scratch.layers import (
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
from digitnn.scratch.normalisation import Statistics, batch_norm, batch_norm_training
from digitnn.scratch.pooling import average_pool2d, conv_relu_pool, max_pool2d

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

Piece: TypeAlias = Callable[[Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]
Backwards: TypeAlias = list[tuple[int, Backward, bool]]
BackwardChain: TypeAlias = Callable[[Float[ndarray, "n k"]], Gradients]
BackwardToInput: TypeAlias = Callable[[Float[ndarray, "n k"]], Float[ndarray, "n ..."]]


def forward(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], BackwardChain]:
    """Logits, and the function from dL/dlogits to the gradient of every parameter.

    As a trained network predicts: BatchNorm by its running statistics, no unit dropped.
    Raises `NetworkError` for a layer that this engine does not run.
    """
    logits, backwards = _run(pieces(architecture), params, x)
    return logits, lambda dlogits: _go_back(backwards, dlogits, to_x=False)[1]


def forward_from_input(
    architecture: Architecture, params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], BackwardToInput]:
    """The same, but the function goes from dL/dlogits to dL/dx: what each input pixel does."""
    logits, backwards = _run(pieces(architecture), params, x)

    def backward(dlogits: Float[ndarray, "n k"]) -> Float[ndarray, "n ..."]:
        dx, _ = _go_back(backwards, dlogits, to_x=True)
        assert dx is not None
        return dx

    return logits, backward


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

    def normalise(index: int, layer: layers.BatchNorm) -> Piece:
        def piece(own: Mapping[str, ndarray], x: ndarray) -> tuple[ndarray, Backward]:
            y, backward, moved = batch_norm_training(layer, own, x)
            statistics.update({f"{index}.{name}": numbers for name, numbers in moved.items()})
            return y, backward

        return piece

    def learning(index: int, piece: Piece) -> Piece:
        match architecture[index]:
            case layers.BatchNorm() as layer:
                return normalise(index, layer)
            case layers.Dropout() as layer:
                return lambda own, x: dropout_training(layer, kept[index], x)
        return piece

    chain = [(index, learning(index, piece)) for index, piece in pieces(architecture)]
    logits, backwards = _run(chain, params, x)
    return logits, lambda dlogits: _go_back(backwards, dlogits, to_x=False)[1], statistics


def _run(
    chain: Sequence[tuple[int, Piece]], params: Params, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n k"], Backwards]:
    """Logits, and the `backward` of each piece, with the index of its first layer.

    One half of backpropagation (Rumelhart, Hinton and Williams 1986); `_go_back` is the other.
    """
    backwards: Backwards = []
    for index, piece in chain:
        own = parameters_of(params, index)
        x, piece_backward = piece(own, x)
        backwards.append((index, piece_backward, bool(own)))
    return x, backwards


def _go_back(
    backwards: Backwards, dy: Float[ndarray, "n k"], to_x: bool
) -> tuple[ndarray | None, Gradients]:
    """dL/dx and the gradient of every parameter: each piece on the dx of the one after it.

    Unless it goes `to_x`, it stops at the first piece that has parameters: who learns does not ask
    for the gradient of the pixels.
    """
    learned = next((at for at, (*_, has_parameters) in enumerate(backwards) if has_parameters), 0)
    first = 0 if to_x else learned
    gradients: Gradients = {}
    dx: ndarray | None = dy
    for at in reversed(range(first, len(backwards))):
        index, piece_backward, _ = backwards[at]
        assert dx is not None
        dx, own = piece_backward(dx, to_x or at > first)
        gradients |= {f"{index}.{name}": gradient for name, gradient in own.items()}
    return dx, gradients


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
