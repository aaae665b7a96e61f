"""Layer descriptions: what a layer is, without any numbers in it.

A description knows the shape that it makes of a shape, the shapes of its parameters, which are
learned, and of its buffers, numbers that it keeps but that no gradient moves; all are named and
laid out as PyTorch's layers of the same name have them. The engines run descriptions; none of them
is imported here.
Shapes leave out the batch axis: (c, h, w) for planes, (d,) for vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite, prod
from typing import Protocol, runtime_checkable

from digitnn.errors import NetworkError, ShapeError

Shape = tuple[int, ...]


@runtime_checkable
class Layer(Protocol):
    """What every layer description offers."""

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that an input of `shape` becomes. Raises `ShapeError` if it cannot."""
        ...

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The parameters by their short names, for an input of `shape`."""
        ...

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The buffers likewise."""
        ...


@dataclass(frozen=True)
class _Numberless:
    """A description of a layer that has no parameters and no buffers, unless it says otherwise."""

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class _Positive(_Numberless):
    """A description whose numbers are checked to be whole and large enough."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "padding" else 1
            if type(value) is not int or value < least:
                raise NetworkError(
                    f"{type(self).__name__}: {field.name} must be a whole number of at least "
                    f"{least}, got {value!r}"
                )


@dataclass(frozen=True)
class _Unchanging(_Numberless):
    """A description that keeps the shape."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Dense(_Positive):
    """y = x @ weight.T + bias; takes (d,), makes (units,). PyTorch calls it Linear."""

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
                f"{self}: padding must be smaller than the kernel, or some outputs see no input"
            )

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        return (self.channels, *_windows(self, shape, self.kernel, self.stride, self.padding))

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {
            "weight": (self.channels, shape[0], self.kernel, self.kernel),
            "bias": (self.channels,),
        }


@dataclass(frozen=True)
class _Pool2d(_Positive):
    """One number for each size x size window, windows side by side; takes (c, h, w).

    Rows and columns that fill no whole window are left out, as PyTorch does.
    """

    size: int

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        return (shape[0], *_windows(self, shape, self.size, self.size, 0))


@dataclass(frozen=True)
class MaxPool2d(_Pool2d):
    """The largest number of each window."""


@dataclass(frozen=True)
class AveragePool2d(_Pool2d):
    """The mean of each window. PyTorch calls it AvgPool2d."""


@dataclass(frozen=True)
class Crop(_Positive):
    """Leaves out `margin` rows and columns of pixels on each of the four sides; takes (c, h, w).

    MNIST's digits lie in the middle 20 x 20 pixels or little beyond: what does not look at the
    margin has a quarter less to do. PyTorch has it as a ZeroPad2d of less than nothing.
    """

    margin: int

    def output_shape(self, shape: Shape) -> Shape:
        _expect_axes(self, shape, 3, "planes (c, h, w)")
        rows, across = (extent - 2 * self.margin for extent in shape[1:])
        if min(rows, across) < 1:
            raise ShapeError(f"{self} leaves nothing of {shape[1]} x {shape[2]} pixels")
        return (shape[0], rows, across)


@dataclass(frozen=True)
class BatchNorm(_Unchanging):
    """y = weight (x - mean) / sqrt(variance + epsilon) + bias; takes (d,) or (c, h, w).

    Each d or c has a mean and a variance of its own (Ioffe and Szegedy 2015): in training those of
    the batch, and the running ones move a step of `momentum` towards them; in prediction the
    running ones.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not (_is_number(self.momentum) and 0 < self.momentum <= 1):
            raise NetworkError(
                f"BatchNorm: momentum must be above 0 and at most 1, got {self.momentum!r}"
            )
        if not (_is_number(self.epsilon) and self.epsilon > 0):
            raise NetworkError(
                f"BatchNorm: epsilon must be a finite number above 0, got {self.epsilon!r}"
            )

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) not in (1, 3):
            raise ShapeError(f"{self} takes a vector (d,) or planes (c, h, w), got {shape}")
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[:1], "bias": shape[:1]}

    def buffer_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"running_mean": shape[:1], "running_var": shape[:1]}


@dataclass(frozen=True)
class Dropout(_Unchanging):
    """In training a share `p` of the units, drawn anew each step, is 0 (Srivastava et al. 2014).

    The others are divided by 1 - p, so that their expectation stays and prediction has nothing
    to do.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        if not (_is_number(self.p) and 0 <= self.p < 1):
            raise NetworkError(f"Dropout: p must be at least 0 and below 1, got {self.p!r}")


@dataclass(frozen=True)
class Flatten(_Numberless):
    """(c, h, w) to (c * h * w,), the last axis fastest."""

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)


@dataclass(frozen=True)
class Sigmoid(_Unchanging):
    """y = 1 / (1 + exp(-x))."""


@dataclass(frozen=True)
class Tanh(_Unchanging):
    """y = tanh(x)."""


@dataclass(frozen=True)
class Relu(_Unchanging):
    """y = max(x, 0)."""


KINDS: Mapping[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Dense,
        Conv2d,
        MaxPool2d,
        AveragePool2d,
        Crop,
        BatchNorm,
        Dropout,
        Flatten,
        Sigmoid,
        Tanh,
        Relu,
    )
}
"""Every layer by the name that it has in JSON."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _expect_axes(layer: Layer, shape: Shape, axes: int, what: str) -> None:
    if len(shape) != axes:
        raise ShapeError(f"{layer} takes {what}, got {shape}")


def _windows(layer: Layer, shape: Shape, size: int, stride: int, padding: int) -> Shape:
    """How many windows fit down and across."""
    extents = tuple((extent + 2 * padding - size) // stride + 1 for extent in shape[1:])
    if min(extents) < 1:
        raise ShapeError(f"{layer} is larger than its input of {shape[1]} x {shape[2]} pixels")
    return extents
