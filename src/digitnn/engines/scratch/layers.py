"""The simple layers of the from-scratch engine, each with its derivative directly under it.

A layer is a pure function of its description (`network.layers`, which holds no arrays), its
parameters and its input x. It returns its output y and a function `backward`, and caches nothing.
`dx` always means dL/dx, the gradient of the scalar loss L, and has the shape of `x`; so do dy,
dweight and all other names that begin with d.

- A layer without parameters: `f(layer, x) -> y, backward`, with `backward(dy) -> dx`.
- A layer with parameters: `f(layer, params, x) -> y, backward`, with `backward(dy, need_dx,
  need_params) -> dx, gradients`, the gradients by parameter name. What is not needed is not
  computed: dx is then None, the gradients are empty.

Axes: n images, c channels, h w pixels, d inputs, u units. `*shape` is any shape.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.engines.scratch.memory import product
from digitnn.network import layers

Gradients: TypeAlias = dict[str, ndarray]


@runtime_checkable
class Backward(Protocol):
    """Maps dL/dy of a layer with parameters to dL/dx and dL/dparameters."""

    def __call__(
        self, dy: ndarray, need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        """Return dL/dx, and dL/dparameters by name."""
        ...


BackwardInput: TypeAlias = Callable[[ndarray], ndarray]
"""Maps dL/dy of a layer without parameters to dL/dx."""

Forward: TypeAlias = Callable[[Any, Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]


def dense(
    layer: layers.Dense, params: Mapping[str, ndarray], x: Float[ndarray, "n d"]
) -> tuple[Float[ndarray, "n u"], Backward]:
    """y = x @ weight.T + bias, that is y[n, u] = sum_d x[n, d] weight[u, d] + bias[u].

    Each factor of a product has the other factor times dy as its gradient, summed:

        dx[n, d] = sum_u dy[n, u] weight[u, d]          = dy @ weight
        dweight[u, d] = sum_n dy[n, u] x[n, d]          = dy.T @ x
        dbias[u] = sum_n dy[n, u]
    """
    weight, bias = params["weight"], params["bias"]

    def backward(
        dy: Float[ndarray, "n u"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dx = product(dy, weight) if need_dx else None
        if not need_params:
            return dx, {}
        return dx, {"weight": product(dy.T, x), "bias": sum_over_rows(dy)}

    y = product(x, weight.T)
    y += bias
    return y, backward


def sum_over_rows(x: Float[ndarray, "*rows u"]) -> Float[ndarray, " u"]:
    """Return the sum over all axes but the last, as a product with ones.

    Up to eight times as fast as `x.sum(...)`, which adds short runs of u numbers.
    """
    rows = x.reshape(-1, x.shape[-1])
    return ones(len(rows), x.dtype) @ rows


@lru_cache(maxsize=64)
def ones(n: int, dtype: np.dtype[Any]) -> Float[ndarray, " n"]:
    """Return n ones, which must not be written to."""
    found = np.ones(n, dtype)
    found.flags.writeable = False
    return found


def sigmoid(
    layer: layers.Sigmoid, x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], BackwardInput]:
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2; dy/dx = y (1 - y).

    The form with tanh cannot overflow.
    """
    y = x * 0.5
    np.tanh(y, out=y)
    y += 1
    y *= 0.5

    def backward(dy: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        dx = 1 - y
        dx *= y
        dx *= dy
        return dx

    return y, backward


def tanh(
    layer: layers.Tanh, x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], BackwardInput]:
    """y = tanh(x); dy/dx = 1 - y^2."""
    y = np.tanh(x)

    def backward(dy: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        dx = 1 - y * y
        dx *= dy
        return dx

    return y, backward


def relu(
    layer: layers.Relu, x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], BackwardInput]:
    """y = max(x, 0); dy/dx = 1 where x > 0, else 0 (at x = 0 too, as in PyTorch)."""
    y = np.maximum(x, 0)

    def backward(dy: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        return dy * (y > 0)

    return y, backward


def dropout(
    layer: layers.Dropout, x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], BackwardInput]:
    """y = x in prediction; dy/dx = 1."""

    def backward(dy: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        return dy

    return x, backward


def dropout_training(
    layer: layers.Dropout, kept: Bool[ndarray, "*shape"], x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], BackwardInput]:
    """y = x / (1 - p) where `kept`, else 0; dy/dx = 1 / (1 - p) where kept, else 0.

    kept is True with probability 1 - p, so the expectation of y is x: "inverted" dropout, as in
    PyTorch. The original (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014) scales
    the weights in prediction instead. `protocols.kept_units` draws `kept`, for both engines.
    """
    scale = 1 / (1 - layer.p)
    y = x * kept
    y *= scale

    def backward(dy: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        dx = dy * kept
        dx *= scale
        return dx

    return y, backward


def crop(
    layer: layers.Crop, x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c a b"], BackwardInput]:
    """y = x without its margin, a view; dx is dy inside and 0 in the margin."""
    inside = (..., slice(layer.margin, -layer.margin), slice(layer.margin, -layer.margin))

    def backward(dy: Float[ndarray, "n c a b"]) -> Float[ndarray, "n c h w"]:
        dx = np.zeros_like(x)
        dx[inside] = dy
        return dx

    return x[inside], backward


def flatten(
    layer: layers.Flatten, x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n d"], BackwardInput]:
    """y = x reshaped from (n, c, h, w) to (n, c h w), a view; dx is dy in the shape of x."""

    def backward(dy: Float[ndarray, "n d"]) -> Float[ndarray, "n ..."]:
        return dy.reshape(x.shape)

    return x.reshape(len(x), -1), backward


def without_parameters(
    function: Callable[[Any, ndarray], tuple[ndarray, BackwardInput]],
) -> Forward:
    """Give a layer without parameters the signature of a layer with parameters."""

    def forward(
        layer: layers.Layer, params: Mapping[str, ndarray], x: ndarray
    ) -> tuple[ndarray, Backward]:
        y, backward_input = function(layer, x)

        def backward(
            dy: ndarray, need_dx: bool, need_params: bool = True
        ) -> tuple[ndarray, Gradients]:
            return backward_input(dy), {}

        return y, backward

    return forward
