"""The description of a network, and its parameters.

Parameters and buffers are a flat mapping name -> array, named and shaped as in
`torch.nn.Sequential(...).state_dict()`: "0.weight", "0.bias", ... PyTorch also counts BatchNorm's
batches, and adds that entry itself if it is missing.
Axes: n images, c channels, h w pixels, d inputs, f features, k classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float32, Num, UInt8
from numpy import ndarray

from digitnn.errors import NetworkError, ShapeError
from digitnn.network.codec import OneOf, fields_to_json, value_from_json, value_to_json
from digitnn.network.layers import LAYER_KINDS, Layer, Shape

Params = Mapping[str, ndarray]
Samples: TypeAlias = UInt8[ndarray, "n h w"] | Float32[ndarray, "n f"]
"""What classifiers take: raw pixels, or features where the network's input is a vector."""

Architecture: TypeAlias = tuple[Annotated[Layer, OneOf("layer", LAYER_KINDS)], ...]

NETWORK_FORMAT = 1
IMAGE_SHAPE: Shape = (1, 28, 28)
"""The input of a network for MNIST, and for all collections made like it."""
DIGITS = tuple("0123456789")


@runtime_checkable
class Classifier(Protocol):
    """Anything that computes logits from images; every engine provides one."""

    def logits(self, images: Samples) -> Float32[ndarray, "n k"]:
        """Return k unnormalised log-probabilities for each image."""
        ...


@dataclass(frozen=True)
class Standardise:
    """The network's first step: (pixel - mean) / std.

    mean: in units of a uint8 pixel, 0 to 255.
    std: in the same units, above 0.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and np.isfinite(self.std) and self.std > 0):
            raise NetworkError(f"{self}: mean and std must be finite and std above 0")

    def __call__(self, pixels: Num[ndarray, "*shape"]) -> Float32[ndarray, "*shape"]:
        """Standardise numbers of any shape, which need not be whole, in single precision."""
        x = pixels.astype(np.float32)
        if self.mean != 0:
            x -= np.float32(self.mean)
        if self.std != 1:
            x *= np.float32(1 / self.std)
        return x


MNIST_PIXELS = Standardise(mean=33.32, std=78.57)
"""Mean and standard deviation of MNIST's training pixels, rounded."""


@dataclass(frozen=True)
class Network:
    """Layers from pixels to logits, checked as a whole when it is made.

    Raises `ShapeError` naming the layer whose input has the wrong shape, and `NetworkError` unless
    the last layer gives one logit per label.

    labels: the names of the classes, in the order of the logits.
    input: the shape of what it takes: (1, h, w), an image, or (f,), a vector of features.
    rejects: whether it was trained to reject non-digits; an implicit extra logit, fixed at 0, then
    stands for "not a digit".
    """

    layers: Architecture
    standardise: Standardise = MNIST_PIXELS
    temperature: float = 1.0
    labels: tuple[str, ...] = DIGITS
    rejects: bool = False
    input: Shape = IMAGE_SHAPE

    def __post_init__(self) -> None:
        if not (
            all(type(extent) is int and extent > 0 for extent in self.input)
            and (len(self.input) == 1 or (len(self.input) == 3 and self.input[0] == 1))
        ):
            raise NetworkError(
                "the input must be one plane of pixels (1, h, w) or a vector of features (f,), "
                f"got {self.input}",
                ("input",),
            )
        if len(set(self.labels)) < len(self.labels):
            raise NetworkError(f"labels must differ, got {', '.join(self.labels)}", ("labels",))
        if self.shapes()[-1] != (len(self.labels),):
            raise NetworkError(
                f"the last layer must give {len(self.labels)} logits, one per label, "
                f"but gives {self.shapes()[-1]}",
                ("layers",),
            )
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise NetworkError(f"temperature must be finite and above 0, got {self.temperature}")

    def shapes(self) -> list[Shape]:
        """Return the shape of the input and of every layer's output."""
        shapes = [self.input]
        for index, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ShapeError as error:
                raise ShapeError(f"layer {index}: {error}", ("layers", index)) from None
        return shapes

    def inputs(self, images: Num[ndarray, "n *sample"]) -> Float32[ndarray, "n *input"]:
        """Return images (n, h, w), or rows of features (n, f), as the first layer takes them.

        Any numbers on the scale of the raw pixels are accepted, as in adversarial attacks.
        """
        return self.standardise(images).reshape(len(images), *self.input)

    def parameter_shapes(self) -> dict[str, Shape]:
        """Return the names and shapes of the learned parameters, in the order of the layers."""
        buffers = self.buffer_shapes()
        return {name: s for name, s in self.state_shapes().items() if name not in buffers}

    def buffer_shapes(self) -> dict[str, Shape]:
        """Return the names and shapes of the buffers, which have no gradient."""
        return {
            f"{index}.{name}": buffer
            for index, (layer, shape) in enumerate(zip(self.layers, self.shapes(), strict=False))
            for name, buffer in layer.buffer_shapes(shape).items()
        }

    def state_shapes(self) -> dict[str, Shape]:
        """Return the names and shapes of parameters and buffers, in PyTorch's order."""
        return {
            f"{index}.{name}": numbers
            for index, (layer, shape) in enumerate(zip(self.layers, self.shapes(), strict=False))
            for own in (layer.parameter_shapes(shape), layer.buffer_shapes(shape))
            for name, numbers in own.items()
        }

    def parameter_count(self) -> int:
        """Return the number of learned parameters."""
        return sum(prod(shape) for shape in self.parameter_shapes().values())

    def check(self, params: Params) -> None:
        """Raise `ShapeError` unless `params` fit this network and are finite floats."""
        expected = self.state_shapes()
        if params.keys() != expected.keys():
            missing = sorted(expected.keys() - params.keys())
            surplus = sorted(params.keys() - expected.keys())
            raise ShapeError(
                f"the parameters do not belong to this network: missing {missing or 'none'}, "
                f"unexpected {surplus or 'none'}"
            )
        for name, shape in expected.items():
            array = params[name]
            if array.shape != shape or array.dtype.kind != "f":
                raise ShapeError(
                    f"parameter {name} must be floats of shape {shape}, "
                    f"got {array.dtype} {array.shape}"
                )
            if not np.isfinite(array).all():
                raise ShapeError(f"parameter {name} holds NaN or infinity")
            if name.endswith(".running_var") and (array < 0).any():
                raise ShapeError(f"parameter {name} holds a negative variance")

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain builtins, for `from_json`."""
        return {
            "format": NETWORK_FORMAT,
            "input": list(self.input),
            "standardise": fields_to_json(self.standardise),
            "layers": value_to_json(self.layers, Architecture, "layers"),
            "temperature": self.temperature,
            "labels": list(self.labels),
            **({"rejects": True} if self.rejects else {}),
        }

    @classmethod
    def from_json(cls, value: Any) -> "Network":
        """Return the network that `to_json` described. Raises `NetworkError`."""
        version = _get(value, "format", int)
        if version < 1:
            raise NetworkError(f"the network's format must be at least 1, got {version}")
        if version > NETWORK_FORMAT:
            raise NetworkError(
                f"the network's format is {version}; this digitnn reads up to {NETWORK_FORMAT}: "
                "install a newer digitnn"
            )
        layers = _get(value, "layers", list)
        pixels = _get(value, "standardise", dict)
        mean, std = (value_from_json(pixels.get(key), float, key) for key in ("mean", "std"))
        labels = _get(value, "labels", list)
        if not all(isinstance(label, str) for label in labels):
            raise NetworkError(f"labels must be text, got {labels}")
        return cls(
            layers=value_from_json(layers, Architecture, "layers", ("layers",)),
            standardise=Standardise(mean, std),
            temperature=value_from_json(value.get("temperature"), float, "temperature"),
            labels=tuple(labels),
            rejects="rejects" in value and _get(value, "rejects", bool),
            input=tuple(_get(value, "input", list)),
        )


def _get(value: Any, key: str, kind: type) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if type(found) is not kind:
        raise NetworkError(f"a network needs {key!r} of type {kind.__name__}, got {found!r}")
    return found
