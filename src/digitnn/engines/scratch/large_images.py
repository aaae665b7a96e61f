"""Convolution over one large image, for inference alone.

`convolution` keeps what backpropagation needs and works on many small images. Here there is one
image in one layout, channels last; the output is made strip by strip, so that the patches of a
strip stay in cache between their copy and their matrix product, and the strips are dealt to all
cores. Bias, shortcut and ReLU are applied while the strip is still there.
Axes: h w pixels in, a b pixels out, c channels in, u channels out, k side of the kernel.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.engines.scratch.blocks import run_blocks

STRIP_BYTES = 1 << 20
"""Size of the patches of one strip."""


def convolve(
    x: Float32[ndarray, "h w c"],
    weight: Float32[ndarray, "u c k k"],
    bias: Float32[ndarray, " u"],
    stride: int = 1,
    relu: bool = True,
    shortcut: Float32[ndarray, "a b u"] | None = None,
) -> Float32[ndarray, "a b u"]:
    """Return relu(convolution + bias + shortcut), padded with k // 2 zeros at each side.

    The kernel of one pixel needs no patches; others are copied row by row of the kernel.
    """
    u, c, k, _ = weight.shape
    h, w, _ = x.shape
    kernels = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(k * k * c, u)
    if k > 1:
        x = np.pad(x, ((k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    rows, columns = (h - 1) // stride + 1, (w - 1) // stride + 1
    y = np.empty((rows, columns, u), np.float32)
    windows = sliding_window_view(x, (k, k), axis=(0, 1))[::stride, ::stride]  # a b c k k
    windows = windows.transpose(0, 1, 3, 4, 2)
    height = max(1, STRIP_BYTES // (4 * columns * k * k * c))

    def some_strips(strips: Sequence[slice]) -> None:
        patches = np.empty((height, columns, k, k, c), np.float32) if k > 1 else None
        for strip in strips:
            at = windows[strip]
            if patches is not None:
                own = patches[: len(at)]
                own[:] = at
                at = own
            out = y[strip].reshape(-1, u)
            np.matmul(at.reshape(len(out), k * k * c), kernels, out=out)
            out += bias
            if shortcut is not None:
                out += shortcut[strip].reshape(-1, u)
            if relu:
                np.maximum(out, 0, out=out)

    run_blocks(some_strips, rows, height)
    return y


def enlarge(x: Float32[ndarray, "h w c"]) -> Float32[ndarray, "h2 w2 c"]:
    """Repeat every pixel twice, down and across."""
    return x.repeat(2, axis=0).repeat(2, axis=1)
