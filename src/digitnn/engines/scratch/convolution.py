"""Convolution as products of matrices, with its derivative directly under it.

Planes are (n, c, h, w) to every caller, as in PyTorch, but lie in memory as (h, w, n, c). Shifting
a block of images by a pixel is then a slice of the first two axes, and elementwise work runs over
long contiguous stretches. `pixels_first` and `pixels_last` convert between the two views; neither
copies an array that already lies right.
Axes: n images, c channels in, u channels out, h w pixels in, i j rows and columns of the k x k
kernel, a b rows and columns of the output, s stride. Axes written together are one axis, the last
fastest: p = a b n is every output pixel of every image, ijc every input that one of them sees.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.filtered_convolution import correlate_filtered
from digitnn.engines.scratch.layers import Backward, Gradients, sum_over_rows
from digitnn.engines.scratch.memory import empty, passing, passing_arrays, product
from digitnn.engines.scratch.winograd import Axis, axes
from digitnn.network import layers

BackwardProduct: TypeAlias = Callable[[ndarray, bool, bool], tuple[ndarray | None, ndarray | None]]


def pixels_first(x: Float[ndarray, "n c h w"]) -> Float[ndarray, "h w n c"]:
    """(n, c, h, w) as (h, w, n, c): a view if x already lies so in memory, else a copy.

    Swapping the pair of axes (n, c) with the pair (h, w) is its own inverse, see `pixels_last`.
    """
    planes = x.transpose(2, 3, 0, 1)
    return planes if planes.flags.c_contiguous else _copy(planes)


def pixels_last(x: Float[ndarray, "h w n c"]) -> Float[ndarray, "n c h w"]:
    """(h, w, n, c) as (n, c, h, w), a view."""
    return x.transpose(2, 3, 0, 1)


def conv2d(
    layer: layers.Conv2d, params: Mapping[str, ndarray], x: Float[ndarray, "n c h w"]
) -> tuple[Float[ndarray, "n u a b"], Backward]:
    """y[n, u, a, b] = bias[u] + sum_cij weight[u, c, i, j] x[n, c, s a + i, s b + j].

    Here x is the input with `padding` rows and columns of zeros on each of its four sides.
    Derivatives: see `correlate`; dbias[u] = sum_nab dy[n, u, a, b].
    """
    y, backward_product = correlate(layer, params["weight"], x)
    y += params["bias"][:, None, None]

    def backward(
        dy: Float[ndarray, "n u a b"], need_dx: bool, need_params: bool = True
    ) -> tuple[ndarray | None, Gradients]:
        dx, dweight = backward_product(dy, need_dx, need_params)
        if dweight is None:
            return dx, {}
        return dx, {"weight": dweight, "bias": sum_over_rows(pixels_first(dy))}

    return y, backward


def correlate(
    layer: layers.Conv2d,
    weight: Float[ndarray, "u c i j"],
    x: Float[ndarray, "n c h w"],
    place: Callable[..., ndarray] = empty,
) -> tuple[Float[ndarray, "n u a b"], BackwardProduct]:
    """conv2d without its bias: y = patches @ kernels.T, that is (p, ijc) times (ijc, u).

    A row of `patches` is what one output pixel sees (im2col: Chellapilla, Puri and Simard 2006), so
    this is `dense` again, and dkernels = dy.T @ patches. dense's dx, dy @ kernels, would be
    dpatches, of shape (p, ijc): each input pixel once for every output that sees it. Its entries
    are added where they came from, one kernel entry (i, j) at a time, for all images:
    dx[s a + i, s b + j] += dy[a, b] @ kernels[i, j], which is (n, u) times (u, c).

    `patches` is a list of groups of columns, whose products are added: a group for each kernel
    row if there are many channels (`_patches_by_row`), else one group (`_patches_at_once`).
    Where minimal filtering takes fewer products, `correlate_filtered` is used instead.
    place: gives the memory of y.
    """
    u, c, k, _ = weight.shape
    n, _, h, w = x.shape
    transforms = axes(layer, (c, h, w))
    if transforms is not None:
        return _correlate_filtered(*transforms, weight, x, place)
    s, pad = layer.stride, layer.padding
    if pad:
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = (h + 2 * pad - k) // s + 1, (w + 2 * pad - k) // s + 1
    patches = _patches_at_once(x, k, s) if c == 1 else _patches_by_row(x, k, s)
    kernels = np.ascontiguousarray(weight.transpose(0, 2, 3, 1))  # u i j c
    groups = kernels.reshape(u, len(patches), -1)  # u i jc, or u 1 ijc
    y = product(patches[0], groups[:, 0].T, place)
    with passing_arrays():
        for g in range(1, len(patches)):
            y += product(patches[g], groups[:, g].T, passing)

    def backward(
        dy: Float[ndarray, "n u a b"], need_dx: bool, need_dweight: bool
    ) -> tuple[ndarray | None, Float[ndarray, "u c i j"] | None]:
        by_pixel = pixels_first(dy).reshape(-1, u)  # p u
        dweight = None
        if need_dweight:
            dgroups = np.empty_like(groups)
            for g, group in enumerate(patches):
                # the same product either way; BLAS is faster along contiguous memory
                along = group.flags.c_contiguous
                dgroups[:, g] = by_pixel.T @ group if along else (group.T @ by_pixel).T
            dweight = dgroups.reshape(kernels.shape).transpose(0, 3, 1, 2)
        if not need_dx:
            return None, dweight
        dx = empty((h + 2 * pad, w + 2 * pad, n, c), x.dtype)
        dx[...] = 0
        with passing_arrays():
            dpatches = passing((len(by_pixel), k * c), x.dtype)
            for i in range(k):
                np.matmul(by_pixel, kernels[:, i].reshape(u, -1), out=dpatches)
                _add_shifted(dpatches.reshape(rows, columns, n, k, c), s, dx[i : i + s * rows : s])
        return pixels_last(dx[pad : pad + h, pad : pad + w]), dweight

    return pixels_last(y.reshape(rows, columns, n, u)), backward


def _correlate_filtered(
    down: Axis,
    across: Axis,
    weight: Float[ndarray, "u c i j"],
    x: Float[ndarray, "n c h w"],
    place: Callable[..., ndarray],
) -> tuple[Float[ndarray, "n u a b"], BackwardProduct]:
    """`correlate` by minimal filtering, between planes as the callers see them."""
    y, backward_filtered = correlate_filtered(down, across, weight, pixels_first(x), place)

    def backward(
        dy: Float[ndarray, "n u a b"], need_dx: bool, need_dweight: bool
    ) -> tuple[ndarray | None, Float[ndarray, "u c i j"] | None]:
        dx, dweight = backward_filtered(pixels_first(dy), need_dx, need_dweight)
        return None if dx is None else pixels_last(dx), dweight

    return pixels_last(y), backward


def _add_shifted(
    dpatches: Float[ndarray, "a b n j c"], s: int, dx: Float[ndarray, "a w n c"]
) -> None:
    """Add the gradients of one kernel row: dx[a, s b + j] += dpatches[a, b, :, j] for every j."""
    if compiled.kernels is not None and dpatches.dtype == np.float32:
        compiled.kernels.add_shifted(dpatches, s, dx)
        return
    columns, k = dpatches.shape[1], dpatches.shape[3]
    for j in range(k):
        dx[:, j : j + s * columns : s] += dpatches[:, :, :, j]


def _patches_by_row(x: Float[ndarray, "n c h w"], k: int, s: int) -> list[Float[ndarray, "p jc"]]:
    """Return a group for each kernel row i: the i-th row of every output pixel's window.

    All groups are slices of one array, which holds for every image row the windows of height 1
    along it. It is k times smaller than all groups together and stays in cache (MEC: Cho and Brand
    2017). With a stride of 1 nothing more is copied.
    """
    _, c, h, _ = x.shape
    windows = sliding_window_view(pixels_first(x), k, axis=1)[:, ::s]
    along = _copy(windows.transpose(0, 1, 2, 4, 3))  # h b n j c
    rows = (h - k) // s + 1
    return [along[i : i + s * rows : s].reshape(-1, k * c) for i in range(k)]


def _patches_at_once(x: Float[ndarray, "n c h w"], k: int, s: int) -> list[Float[ndarray, "p ijc"]]:
    """Return all patches as one group, built as its own transpose.

    With one channel, as in the first layer, the rows would be copied number by number; the rows of
    the transpose are copied in runs of n. BLAS takes a transposed factor without a copy.
    """
    c = x.shape[1]
    windows = sliding_window_view(pixels_first(x).transpose(3, 0, 1, 2), (k, k), axis=(1, 2))
    windows = windows[:, ::s, ::s].transpose(4, 5, 0, 1, 2, 3)  # i j c a b n
    return [_copy(windows).reshape(k * k * c, -1).T]


def _copy(x: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Return a contiguous copy in memory from `empty`."""
    copy = empty(x.shape, x.dtype)
    copy[...] = x
    return copy
