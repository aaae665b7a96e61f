"""Convolution by Winograd's minimal filtering in training, with its derivative under it.

See `winograd` for the algorithm, the letters and when it pays. With the points of both axes,

    V = B x B',   U[c, u] = G weight[u, c] G',   M = V U at every pair of points,   y = A M A'

(primes are the transposed matrices of the other axis). Every step is linear in x and in the weight,
so the way back takes the same steps with transposed matrices, last to first:

    dM = A' dy A,   dV = dM U',   dU = V' dM summed over tiles and images,
    dx = B' dV B,   dweight = G' dU G

It takes as many products less as on the way forward. Rounding errors are some times those of
`convolution`'s direct products, see docs/decisions/006-the-speed-of-the-scratch-engine.md.
Axes as in `winograd`: n images, c channels in, u out, h w pixels in, a b out, i j of the kernel;
p q points and s t tiles, down and across.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.memory import empty, passing, passing_arrays, product
from digitnn.engines.scratch.winograd import Axis

BackwardFiltered: TypeAlias = Callable[[ndarray, bool, bool], tuple[ndarray | None, ndarray | None]]


def correlate_filtered(
    down: Axis,
    across: Axis,
    weight: Float[ndarray, "u c i j"],
    x: Float[ndarray, "h w n c"],
    place: Callable[..., ndarray] = empty,
) -> tuple[Float[ndarray, "a b n u"], BackwardFiltered]:
    """Return y in memory from `place`, and the function from dy to dx and dweight."""
    (h, w, n, c), u = x.shape, len(weight)
    (p, i), (q, j) = down.g.shape, across.g.shape
    (b_down, b_across), (a_down, a_across) = (
        (down.b.astype(x.dtype, copy=False), across.b.astype(x.dtype, copy=False)),
        (down.a.astype(x.dtype, copy=False), across.a.astype(x.dtype, copy=False)),
    )
    a, b, s, t = len(a_down), len(a_across), len(b_down) // p, len(b_across) // q
    g = np.einsum("pi,qj->pqij", down.g, across.g).reshape(p * q, i * j).astype(x.dtype)
    kernels = weight.transpose(2, 3, 1, 0).reshape(i * j, c * u)
    transformed = (g @ kernels).reshape(p, 1, q, c, u)
    y = place((a, b, n * u), x.dtype)
    v = empty((p * s, q * t, n * c), x.dtype)
    with passing_arrays():
        _both_axes(b_down, b_across, x.reshape(h, w, n * c), v)
        v = v.reshape(p, s, q, t * n, c)
        m = product(v, transformed, passing)
        _both_axes(a_down, a_across, m.reshape(p * s, q * t, n * u), y)

    def backward(
        dy: Float[ndarray, "a b n u"], need_dx: bool, need_dweight: bool
    ) -> tuple[Float[ndarray, "h w n c"] | None, Float[ndarray, "u c i j"] | None]:
        dx = empty((h, w, n * c), x.dtype) if need_dx else None
        dweight = None
        with passing_arrays():
            dm = passing((p * s, q * t, n * u), x.dtype)
            _both_axes(a_down.T, a_across.T, dy.reshape(a, b, n * u), dm)
            dm = dm.reshape(p, s, q, t * n, u)
            if need_dweight:
                of_tiles = product(v.swapaxes(-1, -2), dm, passing)
                of_points = of_tiles.sum(axis=1).reshape(p * q, c * u)
                dweight = (g.T @ of_points).reshape(i, j, c, u).transpose(3, 2, 0, 1)
            if dx is not None:
                # BLAS multiplies small matrices faster along contiguous memory
                back = np.ascontiguousarray(transformed.swapaxes(-1, -2))
                dv = product(dm, back, passing).reshape(p * s, q * t, n * c)
                _both_axes(b_down.T, b_across.T, dv, dx)
        return None if dx is None else dx.reshape(h, w, n, c), dweight

    return y.reshape(a, b, n, u), backward


def _both_axes(
    down: Float[ndarray, "y h"],
    across: Float[ndarray, "z w"],
    x: Float[ndarray, "h w nc"],
    out: Float[ndarray, "y z nc"],
) -> None:
    """Write sum_hw down[y, h] across[z, w] x[h, w], as small products that stay in cache."""
    with passing_arrays():
        half = product(across, x, passing)
        np.matmul(down, half.transpose(1, 0, 2), out=out.transpose(1, 0, 2))
