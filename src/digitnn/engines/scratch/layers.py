"""The simple layers of the from-scratch engine, each with its derivative directly under it.

A layer is a function of its description (`network.layers`, no numbers in it), its parameters and
its input. It returns the output y and a function `backward`, and keeps nothing.
`dx` always means dL/dx, the gradient of the scalar loss L, shaped like `x`; so do dy, dweight, ...
`backward(dy, need_dx)` returns `dx` and the gradients of the parameters, named like them. Where dx
costs a product of its own, it is None unless needed; elsewhere it is simply there. Learning needs
the gradients of the parameters; who asks for the pixels' alone says `need_params=False`, and there
are none.
Axes: n images, c channels, h w pixels, d inputs, u units.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.network import layers

Gradients: TypeAlias = dict[str, ndarray]


@runtime_checkable
class Backward(Protocol):
    """The way back through one layer, from dL/dy."""

    def __call__(
        self, dy: ndarray, need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        """dL/dx, and dL/dparameters by their names."""
        ...


Forward: TypeAlias = Callable[[Any, Mapping[str, ndarray], ndarray], tuple[ndarray, Backward]]


def dense(
    layer: layers.Dense, params: Mapping[str, ndarray], x: Float[ndarray, "n d"]
) -> tuple[Float[ndarray, "n u"], Backward]:
    """y = x @ weight.T + bias, that is y[n, u] = sum_d x[n, d] weight[u, d] + bias[u].

    Each is in the sum once, as a factor, so its gradient sums the other factors times dy:

        dx[n, d] = sum_u dy[n, u] weight[u, d]          = dy @ weight
        dweight[u, d] = sum_n dy[n, u] x[n, d]          = dy.T @ x
        dbias[u] = sum_n dy[n, u]
    """
    weight, bias = params["weight"], params["bias"]

    def backward(
        dy: Float[ndarray, "n u"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dx = dy @ weight if need_dx else None
        if not need_params:
            return dx, {}
        return dx, {"weight": dy.T @ x, "bias": sum_over_rows(dy)}

    y = x @ weight.T
    y += bias
    return y, backward


def sum_over_rows(x: Float[ndarray, "*rows u"]) -> Float[ndarray, " u"]:
    """The sum over all axes but the last, as a product with ones.

    Up to eight times as fast as `x.sum(...)`, which has to add a short run of u numbers at a time.
    """
    rows = x.reshape(-1, x.shape[-1])
    return np.ones(len(rows), x.dtype) @ rows


def sigmoid(
    layer: layers.Sigmoid, params: Mapping[str, ndarray], x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], Backward]:
    """y = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2; dy/dx = y (1 - y).

    The form with tanh cannot overflow.
    """
    y = x * 0.5
    np.tanh(y, out=y)
    y += 1
    y *= 0.5

    def backward(
        dy: Float[ndarray, "*shape"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        dx = 1 - y
        dx *= y
        dx *= dy
        return dx, {}

    return y, backward


def tanh(
    layer: layers.Tanh, params: Mapping[str, ndarray], x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], Backward]:
    """y = tanh(x); dy/dx = 1 - y^2."""
    y = np.tanh(x)

    def backward(
        dy: Float[ndarray, "*shape"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        dx = 1 - y * y
        dx *= dy
        return dx, {}

    return y, backward


def relu(
    layer: layers.Relu, params: Mapping[str, ndarray], x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], Backward]:
    """y = max(x, 0); dy/dx = 1 where x > 0, else 0 (at x = 0 too, as in PyTorch)."""
    y = np.maximum(x, 0)

    def backward(
        dy: Float[ndarray, "*shape"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        return dy * (y > 0), {}

    return y, backward


def crop(
    layer: layers.Crop, params: Mapping[str, ndarray], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n c a b"], Backward]:
    """y = x without its margin, a view; what was left out gets no gradient."""
    inside = (..., slice(layer.margin, -layer.margin), slice(layer.margin, -layer.margin))

    def backward(
        dy: Float[ndarray, "n c a b"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        dx = np.zeros_like(x)
        dx[inside] = dy
        return dx, {}

    return x[inside], backward


def flatten(
    layer: layers.Flatten, params: Mapping[str, ndarray], x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n d"], Backward]:
    """(n, c, h, w) to (n, c * h * w), a view; its derivative is the way back."""

    def backward(
        dy: Float[ndarray, "n d"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        return dy.reshape(x.shape), {}

    return x.reshape(len(x), -1), backward
