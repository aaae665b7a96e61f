"""Convolution as products of matrices, with its derivative directly under it.

Planes are (n, c, h, w) to every caller, as in PyTorch, but lie in memory as (h, w, n, c): shifting
a block of images by a pixel is then a slice of the two outer axes, and whatever is done to a
shifted image runs over w * n * c neighbouring numbers. `outer` and `inner` go between the two
views; neither copies what lies right already. Kernels are (u, c, i, j), multiplied as (u, i j c).
`dx` always means dL/dx, shaped like `x`.
Axes: n images, c channels in, u channels out, h w pixels in, i j kernel rows and columns, y x rows
and columns of the output (p = y x n of them together), s stride.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn import layers
from digitnn.scratch.compiled import compiled
from digitnn.scratch.layers import Backward, Gradients, sum_over_rows

BackwardProduct: TypeAlias = Callable[[ndarray, bool], tuple[ndarray | None, ndarray]]


def outer(x: Float[ndarray, "n c h w"]) -> Float[ndarray, "h w n c"]:
    """(n, c, h, w) as (h, w, n, c): a view if x already lies so in memory, else a copy."""
    return np.ascontiguousarray(x.transpose(2, 3, 0, 1))


def inner(x: Float[ndarray, "h w n c"]) -> Float[ndarray, "n c h w"]:
    """(h, w, n, c) as (n, c, h, w), a view."""
    return x.transpose(2, 3, 0, 1)


def conv2d(
    layer: layers.Conv2d, params: Mapping[str, ndarray], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n u y x"], Backward]:
    """y[n, u, y, x] = bias[u] + sum_cij weight[u, c, i, j] x[n, c, s y + i, s x + j].

    Pixels beyond the border, where `padding` lets the kernel reach, count as zero.
    """
    y, backward_product = correlate(layer, params["weight"], x)
    y += params["bias"][:, None, None]

    def backward(dy: Float[ndarray, "n u y x"], need_dx: bool) -> tuple[ndarray | None, Gradients]:
        dx, dweight = backward_product(dy, need_dx)
        return dx, {"weight": dweight, "bias": sum_over_rows(outer(dy))}

    return y, backward


def correlate(
    layer: layers.Conv2d, weight: Float[ndarray, "u c i j"], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n u y x"], BackwardProduct]:
    """conv2d without its bias: y = columns @ kernels.T, that is (p, i j c) times (i j c, u).

    A row of `columns` is what one output pixel sees (im2col: Chellapilla, Puri and Simard 2006).
    Hence dkernels = dy.T @ columns; and dx sums, for each kernel entry (i, j), what it sends back
    to its shifted image: dx[s y + i, s x + j] += dy[y, x] @ kernel[i, j].

    The columns are taken in groups whose products are added: one group a kernel row if there are
    many channels, see `_columns_by_row`, else a single one, see `_columns_at_once`.
    """
    u, c, k, _ = weight.shape
    n, _, h, w = x.shape
    s, pad = layer.stride, layer.padding
    if pad:
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, across = (h + 2 * pad - k) // s + 1, (w + 2 * pad - k) // s + 1
    columns = _columns_by_row(x, k, s) if c >= n else _columns_at_once(x, k, s)
    kernels = np.ascontiguousarray(weight.transpose(0, 2, 3, 1))  # u i j c
    groups = kernels.reshape(u, len(columns), -1)
    y = columns[0] @ groups[:, 0].T
    for i in range(1, len(columns)):
        y += columns[i] @ groups[:, i].T

    def backward(
        dy: Float[ndarray, "n u y x"], need_dx: bool
    ) -> tuple[ndarray | None, Float[ndarray, "u c i j"]]:
        by_pixel = outer(dy).reshape(-1, u)
        dgroups = np.empty_like(groups)
        for i, seen in enumerate(columns):
            # the same product either way; BLAS likes the order that runs along memory
            along = seen.flags.c_contiguous
            dgroups[:, i] = by_pixel.T @ seen if along else (seen.T @ by_pixel).T
        dweight = dgroups.reshape(kernels.shape).transpose(0, 3, 1, 2)
        if not need_dx:
            return None, dweight
        dx = np.zeros((h + 2 * pad, w + 2 * pad, n, c), x.dtype)
        for i in range(k):
            sent = by_pixel @ kernels[:, i].reshape(u, -1)
            _add_shifted(sent.reshape(rows, across, n, k, c), s, dx[i : i + s * rows : s])
        return inner(dx[pad : pad + h, pad : pad + w]), dweight

    return inner(y.reshape(rows, across, n, u)), backward


def _add_shifted(sent: Float[ndarray, "y x n j c"], s: int, dx: Float[ndarray, "y w n c"]) -> None:
    """dx[y, s x + j] += sent[y, x, :, j], for every j: what one kernel row sends back."""
    if compiled.kernels is not None and sent.dtype == np.float32:
        compiled.kernels.add_shifted(sent, s, dx)
        return
    across, k = sent.shape[1], sent.shape[3]
    for j in range(k):
        dx[:, j : j + s * across : s] += sent[:, :, :, j]


def _columns_by_row(x: Float[ndarray, "n c h w"], k: int, s: int) -> list[Float[ndarray, "p jc"]]:
    """The columns of each kernel row i: what each output pixel sees in its i-th image row.

    All of them are slices of one array that holds, for every image row, what a window one row
    high sees as it moves along: k times smaller than all columns together, it stays in cache
    (MEC: Cho and Brand 2017). With a stride of 1 nothing more is copied.
    """
    _, c, h, _ = x.shape
    windows = sliding_window_view(outer(x), k, axis=1)[:, ::s]
    along = np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 3))  # h x n j c
    rows = (h - k) // s + 1
    return [along[i : i + s * rows : s].reshape(-1, k * c) for i in range(k)]


def _columns_at_once(x: Float[ndarray, "n c h w"], k: int, s: int) -> list[Float[ndarray, "p ijc"]]:
    """All columns as one group, built as their own transpose.

    With few channels, as in the first layer, rows would be copied in runs of c numbers; the
    transpose is copied in runs of n. BLAS takes a transposed factor as it is.
    """
    c = x.shape[1]
    windows = sliding_window_view(x.transpose(1, 2, 3, 0), (k, k), axis=(1, 2))
    windows = windows[:, ::s, ::s].transpose(4, 5, 0, 1, 2, 3)  # i j c y x n
    return [np.ascontiguousarray(windows).reshape(k * k * c, -1).T]
