"""Descriptions of layers, without their parameters, and of losses.

A description computes its output shape and the shapes of its parameters, which are learned, and its
buffers, which are kept but have no gradient. Both are named and shaped as in PyTorch's layer of the
same name. The engines run descriptions; no engine is imported here.
Shapes leave out the batch axis: (c, h, w) for planes, (d,) for vectors. All losses take logits and
are in nats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Protocol, TypeAlias, runtime_checkable

from digitnn.errors import NetworkError, ShapeError, check_numbers

Shape = tuple[int, ...]


@runtime_checkable
class Layer(Protocol):
    """The interface of every layer description."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output shape for an input of `shape`. Raises `ShapeError` if it is invalid."""
        ...

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the parameters by their short names, for an input of `shape`."""
        ...

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the buffers, likewise."""
        ...


@dataclass(frozen=True)
class _Parameterless:
    """A layer without parameters and buffers; subclasses override what they have."""

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class _Positive(_Parameterless):
    """A layer whose fields are positive integers; only `padding` may be 0."""

    def __post_init__(self) -> None:
        for field in fields(self):
            at_least = 0 if field.name == "padding" else 1
            check_numbers(self, field.name, whole=True, error=NetworkError, at_least=at_least)


@dataclass(frozen=True)
class _ShapeKeeping(_Parameterless):
    """A layer whose output has the shape of its input."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Dense(_Positive):
    """y = x @ weight.T + bias, from (d,) to (units,). PyTorch calls it Linear."""

    units: int

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 1, "a vector (d,); put Flatten() before it")
        return (self.units,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (self.units, *shape), "bias": (self.units,)}


@dataclass(frozen=True)
class Conv2d(_Positive):
    """Cross-correlation with `channels` square kernels; takes (c, h, w)."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding >= self.kernel:
            raise NetworkError(
                f"{self}: padding must be smaller than the kernel, or some windows hold no input"
            )

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        return (self.channels, *_windows(self, shape, self.kernel, self.stride, self.padding))

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        weight = (self.channels, shape[0], self.kernel, self.kernel)
        return {"weight": weight, "bias": (self.channels,)}


@dataclass(frozen=True)
class _Pool2d(_Positive):
    """One output for each size x size window, without overlap; takes (c, h, w).

    Rows and columns that fill no whole window are dropped, as in PyTorch.
    """

    size: int

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        return (shape[0], *_windows(self, shape, self.size, self.size, 0))


@dataclass(frozen=True)
class MaxPool2d(_Pool2d):
    """The maximum of each window."""


@dataclass(frozen=True)
class AveragePool2d(_Pool2d):
    """The mean of each window. PyTorch calls it AvgPool2d."""


@dataclass(frozen=True)
class Crop(_Positive):
    """Removes `margin` rows and columns of pixels on each of the four sides; takes (c, h, w).

    MNIST's digits lie in the middle 20 x 20 pixels or little beyond, so a margin of 2 saves a
    quarter of the computation. The PyTorch equivalent is ZeroPad2d(-margin).
    """

    margin: int

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        rows, across = (extent - 2 * self.margin for extent in shape[1:])
        if min(rows, across) < 1:
            raise ShapeError(f"{self} leaves nothing of {shape[1]} x {shape[2]} pixels")
        return (shape[0], rows, across)


@dataclass(frozen=True)
class BatchNorm(_ShapeKeeping):
    """y = weight (x - mean) / sqrt(variance + epsilon) + bias; takes (d,) or (c, h, w).

    Each d or c has its own mean and variance (Ioffe and Szegedy 2015): in training those of the
    batch, towards which the running ones move by a share `momentum`; in prediction the running
    ones.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_numbers(self, "momentum", error=NetworkError, above=0, at_most=1)
        check_numbers(self, "epsilon", error=NetworkError, above=0)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) not in (1, 3):
            raise ShapeError(f"{self} takes a vector (d,) or planes (c, h, w), got {shape}")
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[:1], "bias": shape[:1]}

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": shape[:1], "running_var": shape[:1]}


@dataclass(frozen=True)
class Dropout(_ShapeKeeping):
    """In training, each unit is set to 0 with probability `p` (Srivastava et al. 2014).

    The others are divided by 1 - p, which keeps the expectation. In prediction it is the identity.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_numbers(self, "p", error=NetworkError, at_least=0, below=1)


@dataclass(frozen=True)
class Flatten(_Parameterless):
    """(c, h, w) to (c * h * w,), the last axis fastest."""

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)


@dataclass(frozen=True)
class Sigmoid(_ShapeKeeping):
    """y = 1 / (1 + exp(-x))."""


@dataclass(frozen=True)
class Tanh(_ShapeKeeping):
    """y = tanh(x)."""


@dataclass(frozen=True)
class Relu(_ShapeKeeping):
    """y = max(x, 0)."""


_ACTIVATIONS: tuple[type[Layer], ...] = (Sigmoid, Tanh, Relu)
_OTHERS = (Dense, Conv2d, MaxPool2d, AveragePool2d, Crop, BatchNorm, Dropout, Flatten)

LAYER_KINDS: Mapping[str, type[Layer]] = {kind.__name__: kind for kind in _OTHERS + _ACTIVATIONS}
"""Every layer by its name in JSON."""


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """-log softmax(logits)[label], for classes that exclude each other.

    label_smoothing: e in targets 1 - e + e / k for the label and e / k for each other class
    (Szegedy et al. 2016, section 7).
    no_digit: whether there is an implicit class k for images that show no digit. Its logit is fixed
    at 0, which loses nothing since softmax depends on differences only. The network keeps one
    output per digit and learns a low free energy -log sum exp z for digits (compare Liu, Wang,
    Owens and Li 2020, who fit it afterwards).
    """

    label_smoothing: float = 0.0
    no_digit: bool = False

    def __post_init__(self) -> None:
        check_numbers(self, "label_smoothing", at_least=0, below=1)


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """The sum over classes of the binary cross-entropy of each class."""


Loss: TypeAlias = SoftmaxCrossEntropy | SigmoidCrossEntropy


def _expect_axes(layer: Layer, shape: Shape, axes: int, what: str) -> None:
    if len(shape) != axes:
        raise ShapeError(f"{layer} takes {what}, got {shape}")


def _windows(layer: Layer, shape: Shape, size: int, stride: int, padding: int) -> Shape:
    """Return the number of windows that fit down and across."""
    extents = tuple((extent + 2 * padding - size) // stride + 1 for extent in shape[1:])
    if min(extents) < 1:
        raise ShapeError(f"{layer} is larger than its input of {shape[1]} x {shape[2]} pixels")
    return extents
