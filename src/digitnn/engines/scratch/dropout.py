"""Dropout: some units are 0 for a step, so that no unit can rely on another.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014. The paper leaves the kept units as
they are and shrinks the weights for prediction; here, "inverted" as in PyTorch, kept units grow by
1 / (1 - p) in training, and prediction is the network as it stands. Which units are kept is drawn
in `digitnn.engines.dropout_masks`, for both engines alike.
Axes: n images; any other axes are units.
"""

from collections.abc import Mapping

from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.engines.scratch.layers import Backward, Gradients
from digitnn.network import layers


def dropout(
    layer: layers.Dropout, params: Mapping[str, ndarray], x: Float[ndarray, "n ..."]
) -> tuple[Float[ndarray, "n ..."], Backward]:
    """y = x, as a trained network predicts; dy/dx = 1."""

    def backward(
        dy: Float[ndarray, "n ..."], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        return dy, {}

    return x, backward


def dropout_training(
    layer: layers.Dropout, kept: Bool[ndarray, "*shape"], x: Float[ndarray, "*shape"]
) -> tuple[Float[ndarray, "*shape"], Backward]:
    """y = x / (1 - p) where `kept`, else 0; dy/dx = 1 / (1 - p) where kept, else 0.

    kept is True with probability 1 - p, so the expectation of y is x.
    """
    scale = 1 / (1 - layer.p)
    y = x * kept
    y *= scale

    def backward(
        dy: Float[ndarray, "*shape"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray, Gradients]:
        dx = dy * kept
        dx *= scale
        return dx, {}

    return y, backward
