"""Passes limited by memory rather than by arithmetic, each as one compiled loop.

Fast versions of `pooling.relu_pool`, `convolution._add_shifted`, `normalisation_in_blocks` and
`optimisers_in_place`'s Adam, which make several NumPy passes. The operations and their order are
the same, so for finite numbers the bits are too, except that a zero of a gradient may have the
other sign; but each number is fetched once.
Importing this module imports numba, see `compiled`; the first call compiles for some seconds.
Axes: n images, h w pixels, u channels, a b rows and columns after pooling, p parameters in all; for
BatchNorm r w, rows of w numbers that repeat the channels.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy import ndarray

NO_WINNER = 255
"""In `winners`: ReLU gave 0, so no entry of the window gets a gradient."""


def _compiled(function: Callable[..., None]) -> Any:
    """Compile `function` at its first call, cached on disk for the next process."""
    # "numpy": division by zero gives inf; checking for it would prevent vectorisation
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # no writable cache folder: compile in every process
        return numba.njit(function, **options)


@_compiled
def relu_pool(
    v: ndarray, bias: ndarray, size: int, relu: bool, y: ndarray, winners: ndarray
) -> None:
    """Write y = max of each window of v + bias, then ReLU if `relu`, and which was the largest.

    v: (h, w, n, u); y, winners: (a, b, n, u). A winner (i, j) is stored as i size + j.
    """
    rows, columns, n, u = y.shape
    for row in range(rows):
        for column in range(columns):
            for image in range(n):
                largest, winner = y[row, column, image], winners[row, column, image]
                for k in range(u):
                    largest[k] = v[row * size, column * size, image, k]
                    winner[k] = 0
                for entry in range(1, size * size):
                    i, j = entry // size, entry % size
                    challenger = v[row * size + i, column * size + j, image]
                    for k in range(u):
                        # NaN wins and stays, so that it is not hidden
                        if challenger[k] > largest[k] or challenger[k] != challenger[k]:
                            largest[k] = challenger[k]
                            winner[k] = entry
                for k in range(u):
                    value = largest[k] + bias[k]
                    if relu:
                        winner[k] = winner[k] if value > 0 else NO_WINNER
                        value = np.float32(0) if value <= 0 else value
                    largest[k] = value


@_compiled
def relu_pool_backward(
    dy: ndarray, winners: ndarray, size: int, dv: ndarray, dlargest: ndarray
) -> None:
    """Write dv = dy at the winner of each window and 0 at its other entries; dlargest: dy or 0.

    dy, winners, dlargest: (a, b, n, u); dv: (h, w, n, u), untouched outside the windows.
    """
    rows, columns, n, u = dy.shape
    for row in range(rows):
        for column in range(columns):
            for image in range(n):
                whole, winner = dy[row, column, image], winners[row, column, image]
                sum_of_windows = dlargest[row, column, image]
                for k in range(u):
                    sum_of_windows[k] = whole[k] if winner[k] != NO_WINNER else np.float32(0)
            for entry in range(size * size):
                i, j = entry // size, entry % size
                for image in range(n):
                    share = dv[row * size + i, column * size + j, image]
                    whole, winner = dy[row, column, image], winners[row, column, image]
                    for k in range(u):
                        share[k] = whole[k] if winner[k] == entry else np.float32(0)


@_compiled
def add_shifted(dpatches: ndarray, s: int, dx: ndarray) -> None:
    """Add dpatches[a, b, :, j] to dx[a, s b + j] for every j.

    dpatches: (a, b, n, j, c); dx: (a, w, n, c).
    """
    rows, columns, n, kernel, c = dpatches.shape
    for row in range(rows):
        for j in range(kernel):
            for column in range(columns):
                for image in range(n):
                    target, share = dx[row, s * column + j, image], dpatches[row, column, image, j]
                    for k in range(c):
                        target[k] += share[k]


@_compiled
def centre(x: ndarray, mean: ndarray, d: ndarray, squares: ndarray) -> None:
    """Write d = x - mean and squares = d d. x, d, squares: (r, w); mean: (w,)."""
    for row in range(len(x)):
        for k in range(x.shape[1]):
            d[row, k] = x[row, k] - mean[k]
            squares[row, k] = d[row, k] * d[row, k]


@_compiled
def scale_shift(d: ndarray, slope: ndarray, level: ndarray, relu: bool, y: ndarray) -> None:
    """Write y = d slope + level, or 0 where `relu` and that is negative. d, y: (r, w)."""
    for row in range(len(d)):
        for k in range(d.shape[1]):
            value = d[row, k] * slope[k] + level[k]
            y[row, k] = np.float32(0) if relu and value <= 0 else value


@_compiled
def relu_backward(dy: ndarray, y: ndarray, d: ndarray, kept: ndarray, products: ndarray) -> None:
    """Write kept = dy where y > 0, else 0, and products = kept d. All: (r, w)."""
    for row in range(len(dy)):
        for k in range(dy.shape[1]):
            share = dy[row, k] if y[row, k] > 0 else np.float32(0)
            kept[row, k] = share
            products[row, k] = share * d[row, k]


@_compiled
def batch_norm_backward(
    dy: ndarray, d: ndarray, of_dy: ndarray, of_d: ndarray, constant: ndarray, dx: ndarray
) -> None:
    """Write dx = dy of_dy + d of_d + constant. dy, d, dx: (r, w); the others: (w,)."""
    for row in range(len(dy)):
        for k in range(dy.shape[1]):
            dx[row, k] = dy[row, k] * of_dy[k] + d[row, k] * of_d[k] + constant[k]


@_compiled
def adam(
    params: ndarray,
    gradient: ndarray,
    total: ndarray,
    square_total: ndarray,
    beta1: np.float32,
    beta2: np.float32,
    size: np.float32,
    epsilon: np.float32,
) -> None:
    """Take one step of Adam on weighted sums, in place; all vectors are (p,)."""
    for i in range(len(params)):
        g = gradient[i]
        total[i] = total[i] * beta1 + g
        square_total[i] = square_total[i] * beta2 + g * g
        params[i] -= total[i] / (np.sqrt(square_total[i]) + epsilon) * size
