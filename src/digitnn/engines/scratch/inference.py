"""Inference: a network compiled into few steps, which keep nothing for backpropagation.

`backpropagation.forward` computes the same logits layer by layer, up to rounding; it is the
reference. Here

- BatchNorm is folded into the weights before it. An affine map with a negative factor does not
  commute with max-pooling, so a BatchNorm after a pooling stays, on a quarter of the numbers;
- convolutions of stride 1 need fewer multiplications, see `winograd`;
- pooling, bias and ReLU follow in place. relu(y + bias) is computed as max(y, -bias) + bias, which
  is the same to the bit, with the bias repeated for every image: NumPy is slow where it broadcasts
  a scalar or a short vector.

Planes lie as (h, w, n, c), see `convolution`.
Axes: n images, c channels, h w pixels, u channels out of a convolution, i j rows and columns of
its k x k kernel, a b rows and columns of the output. Axes written together are one axis.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Float32, Float64
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.engines.scratch.backpropagation import FORWARD, layer_functions, parameters_by_layer
from digitnn.engines.scratch.blocks import block_size, run_blocks
from digitnn.engines.scratch.convolution import pixels_first, pixels_last
from digitnn.engines.scratch.pooling import entries
from digitnn.engines.scratch.winograd import winograd
from digitnn.engines.scratch.workspace import Workspace
from digitnn.network import layers
from digitnn.network.network import Network, Params, Samples

Step: TypeAlias = Callable[[ndarray, Workspace], ndarray]
"""Maps planes (h, w, n, c) or vectors (n, d) to planes or vectors, which may lie in the workspace;
x is what the step before returned."""

MAX_PATCH_BYTES = 1 << 20
"""Patches that are multiplied together; those of one row of output pixels may be larger."""

MIN_RUN = 8
"""Patches of fewer channels are copied in runs of images, as runs of c numbers would be short."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """y = act(scale * pool(correlate(x)) + bias).

    correlate: the convolution alone.
    pool: None without max-pooling.
    scale: None for 1.
    """

    correlate: Step
    pool: layers.MaxPool2d | None
    scale: Float32[ndarray, " u"] | None
    bias: Float32[ndarray, " u"]
    relu: bool

    def __call__(
        self, x: Float32[ndarray, "h w n c"], space: Workspace
    ) -> Float32[ndarray, "a b n u"]:
        """Compute the output of all images at once."""
        y = self.correlate(x, space)
        if self.pool is not None:
            first, *others = entries(y, self.pool.size)
            y = space.empty(*first.shape)
            np.maximum(first, others[0] if others else first, out=y)
            for other in others[1:]:
                np.maximum(y, other, out=y)
        n = y.shape[2]
        if self.scale is not None:
            y *= np.tile(self.scale, (n, 1))
        bias = np.tile(self.bias, (n, 1))
        if self.relu:
            np.maximum(y, -bias, out=y)
        y += bias
        return y


@dataclass(frozen=True, eq=False)
class Direct:
    """A convolution without its bias, as a product of patches and kernels."""

    conv: layers.Conv2d
    kernels: Float32[ndarray, "ijc u"]

    def __call__(
        self, x: Float32[ndarray, "h w n c"], space: Workspace
    ) -> Float32[ndarray, "a b n u"]:
        """Compute as many rows at a time as `MAX_PATCH_BYTES` allows."""
        k, s, pad = self.conv.kernel, self.conv.stride, self.conv.padding
        if pad:
            h, w, n, c = x.shape
            padded = space.empty(h + 2 * pad, w + 2 * pad, n, c)
            padded[...] = 0
            padded[pad : pad + h, pad : pad + w] = x
            x = padded
        windows = sliding_window_view(x, (k, k), axis=(0, 1))[::s, ::s]  # a b n c i j
        size, u = self.kernels.shape
        y = space.empty(*windows.shape[:3], u)
        rows = max(1, MAX_PATCH_BYTES // (windows[0, ..., 0, 0, 0].size * size * x.itemsize))
        for start in range(0, len(y), rows):
            at = slice(start, start + rows)
            np.matmul(self._patches(windows[at]), self.kernels, out=y[at].reshape(-1, u))
        return y

    def _patches(self, windows: Float32[ndarray, "a b n c i j"]) -> Float32[ndarray, "abn ijc"]:
        """Return the window of each output pixel as a row."""
        size = len(self.kernels)
        if windows.shape[3] >= MIN_RUN:
            return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3)).reshape(-1, size)
        return np.ascontiguousarray(windows.transpose(4, 5, 3, 0, 1, 2)).reshape(size, -1).T


@dataclass(frozen=True, eq=False)
class Product:
    """y = act(x @ weights + bias), for vectors."""

    weights: Float32[ndarray, "d u"]
    bias: Float32[ndarray, " u"]
    relu: bool

    def __call__(self, x: Float32[ndarray, "n d"], space: Workspace) -> Float32[ndarray, "n u"]:
        """Compute the output of all images at once."""
        y = np.matmul(x, self.weights, out=space.empty(len(x), len(self.bias)))
        y += self.bias
        return np.maximum(y, 0, out=y) if self.relu else y


@dataclass(frozen=True, eq=False)
class Single:
    """A layer that is fused with no other, computed as in `backpropagation.layer_by_layer`."""

    layer: layers.Layer
    params: Mapping[str, Float32[ndarray, "..."]]

    def __call__(self, x: Float32[ndarray, "..."], space: Workspace) -> Float32[ndarray, "..."]:
        """Compute the output of all images at once."""
        own = pixels_last(x) if x.ndim == 4 else x
        y, _ = FORWARD[type(self.layer)](self.layer, self.params, own)
        return pixels_first(y) if y.ndim == 4 else y


def _planes(x: Float32[ndarray, "n c h w"], space: Workspace) -> Float32[ndarray, "h w n c"]:
    """Return the input of a network as the steps take planes."""
    return pixels_first(x)


def _rows(x: Float32[ndarray, "n c h w"], space: Workspace) -> Float32[ndarray, "n chw"]:
    """Return the input of a network that begins with `Flatten`."""
    return x.reshape(len(x), -1)


class CompiledNetwork:
    """A network as steps. Threads may share it: each takes a workspace of its own while it works.

    Raises `NetworkError` for a layer that this engine does not run.
    """

    def __init__(self, network: Network, params: Params) -> None:
        self._network = network
        self.steps = _compile(network, params)
        self._free: list[Workspace] = []  # its methods pop and append are atomic

    def logits(self, images: Samples) -> Float32[ndarray, "n k"]:
        """Return a row of logits per image, computed block by block on all cores."""
        logits = np.empty((len(images), len(self._network.labels)), np.float32)

        def some_blocks(blocks: Sequence[slice]) -> None:
            try:
                space = self._free.pop()
            except IndexError:
                space = Workspace()
            for block in blocks:
                x = self._network.inputs(images[block])
                for step in self.steps:
                    x = step(x, space)
                logits[block] = x
            self._free.append(space)

        run_blocks(some_blocks, len(images), block_size(self._network.layers))
        return logits


class _Item(NamedTuple):
    """A layer, its parameters by short name, and the shape of its input."""

    layer: layers.Layer
    params: Mapping[str, ndarray]
    shape: layers.Shape


def _compile(network: Network, params: Params) -> tuple[Step, ...]:
    """Return the steps of a network. Raises `NetworkError` for a layer that does not run here."""
    layer_functions(network.layers)  # raises for an unknown layer
    by_layer = parameters_by_layer(params)
    rest = deque(
        _Item(layer, by_layer.get(index, {}), shape)
        for index, (layer, shape) in enumerate(zip(network.layers, network.shapes(), strict=False))
        if not isinstance(layer, layers.Dropout)  # the identity, outside training
    )
    steps: list[Step] = []
    if len(network.input) == 3:
        steps.append(_rows if _take(rest, layers.Flatten) else _planes)
    while rest:
        item = rest.popleft()
        match item.layer:
            case layers.Conv2d() as conv:
                steps.append(_convolution(conv, item, rest))
            case layers.Dense():
                weights, bias = _folded(item.params["weight"].T, item.params["bias"], rest)
                steps.append(Product(weights, bias, _take(rest, layers.Relu) is not None))
            case layer:
                own = {name: array.astype(np.float32) for name, array in item.params.items()}
                steps.append(Single(layer, own))
    return tuple(steps)


def _convolution(conv: layers.Conv2d, item: _Item, rest: deque[_Item]) -> Convolution:
    """Return the step of `conv` and of the layers after it, which are taken from `rest`."""
    weight = item.params["weight"].transpose(2, 3, 1, 0)  # i j c u
    folded, bias = _folded(weight, item.params["bias"], rest)
    kernels = folded.reshape(-1, conv.channels)
    scale, pool = None, None
    relu = _take(rest, layers.Relu) is not None
    if (pooling := _take(rest, layers.MaxPool2d)) is not None:
        assert isinstance(pooling.layer, layers.MaxPool2d)
        pool = pooling.layer
        if not relu and rest and isinstance(rest[0].layer, layers.BatchNorm):
            scale, bias = _folded(np.ones(conv.channels), bias, rest)
        relu = relu or _take(rest, layers.Relu) is not None
    correlate = winograd(conv, item.shape, kernels) or Direct(conv, kernels)
    return Convolution(correlate, pool, scale, bias, relu)


def _folded(
    weights: Float[ndarray, "*inputs u"], bias: Float[ndarray, " u"], rest: deque[_Item]
) -> tuple[Float32[ndarray, "*inputs u"], Float32[ndarray, " u"]]:
    """Fold every BatchNorm at the head of `rest` into an affine map, and remove it from there."""
    factor, shift = np.ones(len(bias)), bias.astype(np.float64)
    while item := _take(rest, layers.BatchNorm):
        own, moved = _normalisation(item)
        factor, shift = factor * own, shift * own + moved
    folded = np.array(weights, np.float32, order="C")
    folded *= factor.astype(np.float32)
    return folded, shift.astype(np.float32)


def _normalisation(item: _Item) -> tuple[Float64[ndarray, " c"], Float64[ndarray, " c"]]:
    """Return factor and shift of a BatchNorm in prediction mode."""
    assert isinstance(item.layer, layers.BatchNorm)
    own = {name: array.astype(np.float64) for name, array in item.params.items()}
    factor = own["weight"] / np.sqrt(own["running_var"] + item.layer.epsilon)
    return factor, own["bias"] - own["running_mean"] * factor


def _take(rest: deque[_Item], kind: type[layers.Layer]) -> _Item | None:
    """Remove the next layer and return it, if it is of this kind."""
    return rest.popleft() if rest and isinstance(rest[0].layer, kind) else None
