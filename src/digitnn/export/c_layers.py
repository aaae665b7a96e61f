"""Translate a network into the arrays, calls and work buffers of a C header.

Layers that change the shape read one of two work buffers and write the other; the others work in
place.
Axes: c channels, h w pixels, d inputs, u outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy import ndarray

from digitnn.export import c_functions
from digitnn.export.protocol import Weights, unsupported
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2d,
    Relu,
    Shape,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import Network
from digitnn.network.storage.saved_network import quantise_channels


@dataclass
class CProgram:
    """What a header contains, filled layer by layer.

    arrays: constants by name, int8 or float32; functions: the templates of `c_functions` that are
    called, in their order; calls: statements; buffers: the floats that each work buffer needs; at:
    the buffer that holds the activations; sums: the floats that a convolution adds up in.
    """

    arrays: dict[str, ndarray] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    buffers: list[int] = field(default_factory=lambda: [1, 1])
    at: int = 0
    sums: int = 0

    @property
    def flash_bytes(self) -> int:
        """The bytes of all constants."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def ram_bytes(self) -> int:
        """The bytes of all work buffers."""
        return 4 * (sum(self.buffers) + self.sums)

    def constant(self, name: str, array: ndarray) -> str:
        """Add a constant; return its name in C."""
        self.arrays[name] = array
        return name

    def in_place(self, function: str, call: str, *arguments: object) -> None:
        """Add a call that changes the current buffer."""
        self.functions[function] = None
        inputs = ", ".join(map(str, (_BUFFERS[self.at], *arguments)))
        self.calls.append(f"digitnn_{call}({inputs});")

    def across(self, function: str, call: str, size: int, *arguments: object) -> None:
        """Add a call from the current buffer to the other, which then holds `size` floats."""
        self.functions[function] = None
        source, self.at = self.at, 1 - self.at
        self.buffers[self.at] = max(self.buffers[self.at], size)
        inputs = ", ".join(map(str, (_BUFFERS[source], _BUFFERS[self.at], *arguments)))
        self.calls.append(f"digitnn_{call}({inputs});")


_BUFFERS = ("a", "b")


def translate(network: Network, params: Mapping[str, ndarray], weights: Weights) -> CProgram:
    """Return the program of `network`; the final buffer holds the logits.

    Raises `ExportError` for a layer that it cannot hold.
    """
    program = CProgram(buffers=[prod(network.input), 1])
    layers = zip(network.layers, network.shapes(), network.shapes()[1:], strict=False)
    for index, (layer, shape, after) in enumerate(layers):
        own = {
            name.split(".")[1]: np.asarray(array, np.float32)
            for name, array in params.items()
            if name.split(".")[0] == str(index)
        }
        _add_layer(program, index, layer, (shape, after), own, weights)
    return program


def _add_layer(
    program: CProgram,
    index: int,
    layer: Layer,
    shapes: tuple[Shape, Shape],
    own: Mapping[str, ndarray],
    weights: Weights,
) -> None:
    shape, after = shapes
    n = prod(after)
    match layer:
        case Dense(units=units):
            names = _weights(program, f"dense_{index}", own, weights)
            program.across(c_functions.DENSE, "dense", n, *names, shape[0], units)
        case Conv2d(channels=u, kernel=kernel, stride=stride, padding=padding):
            names = _weights(program, f"convolution_{index}", own, weights)
            program.sums = max(program.sums, u)
            settings = (*shape, u, kernel, stride, padding)
            program.across(c_functions.CONVOLVE, "convolve", n, "sums", *names, *settings)
        case MaxPool2d(size=size):
            program.across(c_functions.MAX_POOL, "max_pool", n, *shape, size)
        case AveragePool2d(size=size):
            program.across(c_functions.AVERAGE_POOL, "average_pool", n, *shape, size)
        case Crop(margin=margin):
            program.across(c_functions.CROP, "crop", n, *shape, margin)
        case BatchNorm(epsilon=epsilon):
            names = _batch_norm(program, f"batch_norm_{index}", own, epsilon)
            program.in_place(
                c_functions.BATCH_NORM, "batch_norm", *names, shape[0], prod(shape[1:])
            )
        case Relu():
            program.in_place(c_functions.RELU, "relu", n)
        case Sigmoid():
            program.in_place(c_functions.SIGMOID, "sigmoid", n)
        case Tanh():
            program.in_place(c_functions.TANH, "tanh", n)
        case Flatten() | Dropout():
            pass  # planes lie in a buffer as Flatten orders them; Dropout acts in training only
        case _:
            raise unsupported(index, layer, "h")


def _weights(
    program: CProgram, name: str, own: Mapping[str, ndarray], weights: Weights
) -> list[str]:
    """Add the weights of a layer, outputs last, their scales if they are int8, and its biases."""
    array, names = own["weight"], []
    if weights == "int8":
        array, scales = quantise_channels(array)
        names = [program.constant(f"{name}_scales", scales)]
    names.insert(0, program.constant(f"{name}_weights", np.moveaxis(array, 0, -1)))
    return [*names, program.constant(f"{name}_bias", own["bias"])]


def _batch_norm(
    program: CProgram, name: str, own: Mapping[str, ndarray], epsilon: float
) -> list[str]:
    """Add weight / sqrt(variance + epsilon) and bias - mean times that, for each channel."""
    weight, bias, mean, variance = (
        own[key].astype(np.float64) for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / np.sqrt(variance + epsilon)
    values = {"scales": scale, "shifts": bias - mean * scale}
    return [
        program.constant(f"{name}_{key}", value.astype(np.float32)) for key, value in values.items()
    ]
