"""Backpropagation: the chain rule through a whole network.

Axes: n images, k classes.
"""

from collections.abc import Callable

from jaxtyping import Float
from numpy import ndarray

from digitnn.errors import NetworkError
from digitnn.layers import Layer
from digitnn.network import Architecture, Params
from digitnn.scratch.layers import FORWARD, Forward, Gradients


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
    for index, layer in enumerate(architecture):
        own = parameters_of(params, index)
        x, step = _function(layer)(layer, own, x)
        backwards.append((index, step, bool(own)))
    first = next((index for index, _, has_parameters in backwards if has_parameters), 0)

    def backward(dy: Float[ndarray, "n k"]) -> Gradients:
        gradients: Gradients = {}
        dx: ndarray | None = dy
        for index, step, _ in reversed(backwards[first:]):
            assert dx is not None
            dx, own = step(dx, index > first)
            gradients |= {f"{index}.{name}": gradient for name, gradient in own.items()}
        return gradients

    return x, backward


def parameters_of(params: Params, index: int) -> Gradients:
    """The parameters of one layer under their short names: "3.weight" becomes "weight"."""
    prefix = f"{index}."
    return {name[len(prefix) :]: p for name, p in params.items() if name.startswith(prefix)}


def _function(layer: Layer) -> Forward:
    try:
        return FORWARD[type(layer)]
    except KeyError:
        raise NetworkError(
            f"the scratch engine does not run {type(layer).__name__} yet; use --engine pytorch"
        ) from None
