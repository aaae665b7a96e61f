"""Passes that wait for memory rather than for arithmetic, each as one compiled loop.

`relu_pool` in `pooling` and `adam_in_place` in `in_place` do the same as a row of simple passes of
NumPy. Here are their operations in their order, so with their bits, but every number is fetched
once. (Of finite numbers, that is, and a zero of dv may have the other sign, which no sum notices.)
Importing this module imports numba, see `compiled`; the first call ever compiles for some seconds.
Axes: n images, h w pixels, u channels, a b rows and columns after pooling, p parameters in all.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy import ndarray

NOBODY = 255
"""In `winners`: ReLU gave 0, so nobody of the window gets any of the gradient."""


def _compiled(function: Callable[..., None]) -> Any:
    """`function`, compiled at its first call and kept on disk for the next process."""
    # "numpy": division by zero gives inf; to look for it as an error would hinder the compiler
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # neither this folder nor the user's cache can be written: compile anew
        return numba.njit(function, **options)


@_compiled
def relu_pool(v: ndarray, bias: ndarray, size: int, y: ndarray, winners: ndarray) -> None:
    """y = relu(max of each window of v + bias), and which entry of the window was the largest.

    v: (h, w, n, u); y, winners: (a, b, n, u), written. winners: the entry (i, j) as i size + j.
    """
    rows, across, n, u = y.shape
    for row in range(rows):
        for column in range(across):
            for image in range(n):
                largest, winner = y[row, column, image], winners[row, column, image]
                for k in range(u):
                    largest[k] = v[row * size, column * size, image, k]
                    winner[k] = 0
                for entry in range(1, size * size):
                    i, j = entry // size, entry % size
                    challenger = v[row * size + i, column * size + j, image]
                    for k in range(u):
                        # what is not a number wins, and stays: no fault is hidden
                        if challenger[k] > largest[k] or challenger[k] != challenger[k]:
                            largest[k] = challenger[k]
                            winner[k] = entry
                for k in range(u):
                    value = largest[k] + bias[k]
                    largest[k] = np.float32(0) if value <= 0 else value
                    winner[k] = winner[k] if value > 0 else NOBODY


@_compiled
def relu_pool_backward(dy: ndarray, winners: ndarray, size: int, dv: ndarray) -> None:
    """dv = dy at the winner of each window, 0 elsewhere.

    dy, winners: (a, b, n, u); dv: (h, w, n, u), written wherever a window lies.
    """
    rows, across, n, u = dy.shape
    for row in range(rows):
        for column in range(across):
            for entry in range(size * size):
                i, j = entry // size, entry % size
                for image in range(n):
                    share = dv[row * size + i, column * size + j, image]
                    whole, winner = dy[row, column, image], winners[row, column, image]
                    for k in range(u):
                        share[k] = whole[k] if winner[k] == entry else np.float32(0)


@_compiled
def add_shifted(sent: ndarray, s: int, dx: ndarray) -> None:
    """dx[y, s x + j] += sent[y, x, :, j], for every j.

    sent: (y, x, n, j, c); dx: (y, w, n, c).
    """
    rows, across, n, kernel, c = sent.shape
    for row in range(rows):
        for j in range(kernel):
            for column in range(across):
                for image in range(n):
                    total, share = dx[row, s * column + j, image], sent[row, column, image, j]
                    for k in range(c):
                        total[k] += share[k]


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
    """One step of Adam on weighted sums, in place; all vectors are (p,)."""
    for i in range(len(params)):
        g = gradient[i]
        total[i] = total[i] * beta1 + g
        square_total[i] = square_total[i] * beta2 + g * g
        params[i] -= total[i] / (np.sqrt(square_total[i]) + epsilon) * size
