"""Initial parameters, equal for both engines.

fan_in: the number of inputs that one unit sums; fan_out: the number of units that one input feeds.
"""

from math import prod, sqrt
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy import ndarray

from digitnn.errors import UsageError
from digitnn.network.layers import BatchNorm, Shape
from digitnn.network.network import Network

Initialisation: TypeAlias = Literal["he", "glorot", "pytorch"]

BATCH_NORM = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
"""BatchNorm starts as the identity on standardised inputs under every scheme."""


def initial_parameters(
    network: Network, initialisation: Initialisation, rng: np.random.Generator
) -> dict[str, ndarray]:
    """Draw float32 parameters and buffers for every layer of `network`, in order.

    "he": normal, variance 2 / fan_in, biases 0 (He et al. 2015, eq. 10), for ReLU.
    "glorot": uniform in +-sqrt(6 / (fan_in + fan_out)), biases 0 (Glorot and Bengio 2010,
    eq. 16), for sigmoid and tanh.
    "pytorch": weights and biases uniform in +-1 / sqrt(fan_in), PyTorch's default.
    """
    known = get_args(Initialisation)
    if initialisation not in known:
        raise UsageError(f"unknown initialisation {initialisation!r}; known: {', '.join(known)}")
    shapes = network.state_shapes()
    start = {}
    for name, shape in shapes.items():
        index, kind = name.split(".")
        if isinstance(network.layers[int(index)], BatchNorm):
            numbers = np.full(shape, BATCH_NORM[kind])
        else:
            numbers = _draw(kind, shape, shapes[f"{index}.weight"], initialisation, rng)
        start[name] = numbers.astype(np.float32)
    return start


def _draw(
    kind: str,
    shape: Shape,
    weight_shape: Shape,
    initialisation: Initialisation,
    rng: np.random.Generator,
) -> ndarray:
    fan_out, *rest = weight_shape
    fan_in = prod(rest)
    if initialisation == "pytorch":
        bound = 1 / sqrt(fan_in)
        return rng.uniform(-bound, bound, shape)
    if kind == "bias":
        return np.zeros(shape)
    if initialisation == "he":
        return rng.normal(scale=sqrt(2 / fan_in), size=shape)
    window = prod(rest[1:])
    bound = sqrt(6 / (fan_in + fan_out * window))
    return rng.uniform(-bound, bound, shape)
