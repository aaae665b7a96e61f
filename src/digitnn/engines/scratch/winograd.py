"""Convolution by Winograd's minimal filtering: fewer products, at equal results.

An output row of m pixels by a kernel of r is F(m, r) (Winograd 1980; Lavin and Gray 2016). Take the
kernel as a polynomial of degree r - 1; the values at n = m + r - 1 points, one of them infinity,
determine its product with one of degree m - 1. The transpose of that algorithm is a correlation,

    y = A [(G g) * (B d)],    d: n inputs, g: r weights, y: m outputs, n products instead of m r.

Here a row is cut into tiles of m outputs and all tiles of all rows are transformed at once: B and A
are matrices for the whole row, with zeros outside the tiles and no column for padding, and each of
both axes has its own. So every transform is a product of matrices too, which BLAS computes.

The numbers in B and A grow with n, and with them the rounding errors; MAX_POINTS bounds them.
`Winograd` is for inference; `filtered_convolution` has the derivative, for training.
Planes lie as (h, w, n, c). Axes: n images, c channels, h w pixels, u channels out, a b rows and
columns of the output; p q are points and s t tiles, down and across.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from digitnn.engines.scratch.workspace import Workspace
from digitnn.network import layers

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
"""Finite points in the order of use. Small powers of two keep B and A exact; those of Barabasz,
Anderson, Soodhalter and Gregg 2020 have the smallest errors."""

MAX_POINTS = len(POINTS) + 1
"""Infinity included: F(4, 3) and F(2, 5) at most."""

MAX_SHARE = 0.75
"""Of the direct convolution's multiplications, transforms included. Short products take longer per
multiplication; measured in docs/decisions/006-the-speed-of-the-scratch-engine.md."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The transforms along one axis: `a` of the outputs, `b` of the inputs, `g` of the kernel."""

    a: Float32[ndarray, "outputs points_tiles"]
    b: Float32[ndarray, "points_tiles extent"]
    g: Float64[ndarray, "points k"]

    @classmethod
    def of(cls, extent: int, conv: layers.Conv2d) -> "Axis":
        """Return the transforms with fewest products for an axis of `extent` pixels."""
        k, outputs = conv.kernel, extent + 2 * conv.padding - conv.kernel + 1
        sizes = range(1, max(1, MAX_POINTS - k + 1) + 1)
        m = min(sizes, key=lambda size: (-(-outputs // size) * (size + k - 1), size))
        n, tiles = m + k - 1, -(-outputs // m)
        a, b, g = minimal_filtering(m, k)
        row_a, row_b = np.zeros((tiles * m, n, tiles)), np.zeros((n, tiles, tiles * m + k - 1))
        for t in range(tiles):
            row_a[t * m : (t + 1) * m, :, t] = a
            row_b[:, t, t * m : t * m + n] = b
        pixels = row_b[:, :, conv.padding : conv.padding + extent]
        return cls(
            row_a[:outputs].reshape(outputs, -1).astype(np.float32),
            pixels.reshape(-1, extent).astype(np.float32),
            g,
        )


@cache
def minimal_filtering(m: int, k: int) -> tuple[ndarray, ndarray, ndarray]:
    """Return A (m n), B (n n) and G (n k) of F(m, k), n = m + k - 1 <= MAX_POINTS.

    A and G evaluate polynomials at the points. The rows of B are the coefficients of Lagrange's
    polynomials, which are 0 at all other points, times their denominators, by which G is divided
    instead: so B is exact in single precision.
    """
    n = m + k - 1
    finite = np.array(POINTS[: n - 1])
    values, infinity = np.vander(finite, n, increasing=True), np.eye(n)[n - 1 :]
    b, denominators = np.zeros((n, n)), np.ones((n, 1))
    for j in range(n - 1):
        others = np.delete(finite, j)
        b[j, : n - 1] = np.atleast_1d(np.poly(others))[::-1]  # np.poly([]) is the number 1
        denominators[j] = np.prod(finite[j] - others)
    b[n - 1] = np.poly(finite)[::-1]
    a = np.vstack([values[:, :m], infinity[:, n - m :]])
    g = np.vstack([values[:, :k], infinity[:, n - k :]]) / denominators
    return a.T, b, g


@dataclass(frozen=True, eq=False)
class Winograd:
    """A convolution of stride 1, without its bias, for planes of one size."""

    down: Axis
    across: Axis
    kernels: Float32[ndarray, "p 1 q c u"]

    def __call__(
        self, x: Float32[ndarray, "h w n c"], space: Workspace
    ) -> Float32[ndarray, "a b n u"]:
        """Transform, multiply for every pair of points, transform back."""
        (h, w, n, c), (p, _, q, _, u) = x.shape, self.kernels.shape
        inputs = _both_axes(self.down.b, self.across.b, x.reshape(h, w, n * c), space)
        ps, qt = inputs.shape[:2]
        s, tn = ps // p, qt // q * n
        products = space.empty(p, s, q, tn, u)
        np.matmul(inputs.reshape(p, s, q, tn, c), self.kernels, out=products)
        y = _both_axes(self.down.a, self.across.a, products.reshape(ps, qt, n * u), space)
        return y.reshape(*y.shape[:2], n, u)


def _both_axes(
    down: Float32[ndarray, "y h"],
    across: Float32[ndarray, "z w"],
    x: Float32[ndarray, "h w nc"],
    space: Workspace,
) -> Float32[ndarray, "y z nc"]:
    """Return sum_hw down[y, h] across[z, w] x[h, w], as small products that stay in cache."""
    h, _, nc = x.shape
    half = np.matmul(across, x, out=space.empty(h, len(across), nc))
    y = space.empty(len(down), len(across), nc)
    np.matmul(down, half.transpose(1, 0, 2), out=y.transpose(1, 0, 2))
    return y


def winograd(
    conv: layers.Conv2d, shape: layers.Shape, kernels: Float32[ndarray, "ijc u"]
) -> Winograd | None:
    """Return the convolution of planes of `shape` (c, h, w), or None where it would not pay."""
    found = axes(conv, shape)
    if found is None:
        return None
    down, across = found
    k, u, c = conv.kernel, conv.channels, shape[0]
    pairs = np.einsum("pi,qj->pqij", down.g, across.g).astype(np.float32)
    transformed = pairs.reshape(-1, k * k) @ kernels.reshape(k * k, c * u)
    return Winograd(down, across, transformed.reshape(len(down.g), 1, len(across.g), c, u))


@lru_cache
def axes(conv: layers.Conv2d, shape: layers.Shape) -> tuple[Axis, Axis] | None:
    """Return the transforms for planes of `shape` (c, h, w), or None where they would not pay."""
    k, u, (c, h, w) = conv.kernel, conv.channels, shape
    if conv.stride > 1 or not 1 < k < MAX_POINTS:
        return None
    down = Axis.of(h, conv)
    across = down if w == h else Axis.of(w, conv)
    (a, ps), (b, qt) = down.a.shape, across.a.shape
    transforms = c * qt * h * (w + ps) + u * b * ps * (qt + a)
    if transforms + ps * qt * c * u > MAX_SHARE * a * b * k * k * c * u:
        return None
    return down, across
