"""The nearest matrix with orthonormal rows, roughly, by products of matrices alone: Newton-Schulz.

Let X = U S V^T be the singular value decomposition of a matrix with no more rows than columns. Its
nearest matrix with orthonormal rows is U V^T, all of whose singular values are 1. A decomposition
is slow; but an odd polynomial of X acts on the singular values and leaves U and V as they are,

    a X + b (X X^T) X + c (X X^T)^2 X = U (a S + b S^3 + c S^5) V^T,

so to repeat s -> a s + b s^3 + c s^5 is to walk every singular value towards 1, if the polynomial
does so for numbers. The one of Jordan et al. 2024 is steep at 0, where it multiplies by a = 3.44,
and for that does without 1 itself: what lies above 0.02 comes between 0.68 and 1.21 in three steps
and stays there. An optimiser needs no better.

To begin, X is divided by the root of the sum of squares of its entries. That is the root of the sum
of squares of its singular values too, so none is above 1.

The order of the columns does not matter: with a permutation P of them, X P = U S (P^T V)^T becomes
U V^T P. So kernels may lie as (u, i, j, c) or as (u, c, i, j).
Axes: r rows, k columns.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.machine.blas import one_core_blas
from digitnn.recipes.optimisers import NEWTON_SCHULZ

A, B, C = NEWTON_SCHULZ
TINY = 1e-7
"""Added to the norm: a matrix of zeros stays one."""

AT_ONCE = 3
"""Steps that share one pass over X. The rounding errors of X X^T can grow by a^2 = 12 with each."""


def orthogonal(x: Float[ndarray, "r k"], iterations: int) -> Float[ndarray, "r k"]:
    """`x` with its singular values near 1, unless they are tiny, after so many steps."""
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T, iterations).T
    with one_core_blas:  # too little to share out, and the bits would depend on the cores
        x = x / (np.linalg.norm(x) + TINY)
        for done in range(0, iterations, AT_ONCE):
            x = _factor(x @ x.T, min(AT_ONCE, iterations - done)) @ x
    return x


def _factor(gram: Float[ndarray, "r r"], count: int) -> Float[ndarray, "r r"]:
    """The matrix by which `count` steps multiply X, from X X^T alone, which is smaller.

    A step multiplies X by M = a + b X X^T + c (X X^T)^2, and X X^T by M on both sides. To multiply
    the M's of three steps first takes half the time if X is 128 x 800.
    """
    factor = step = _step(gram)
    for _ in range(count - 1):
        gram = step @ gram @ step
        step = _step(gram)
        factor = step @ factor
    return factor


def _step(gram: Float[ndarray, "r r"]) -> Float[ndarray, "r r"]:
    """M."""
    step = B * gram + C * (gram @ gram)
    step.flat[:: len(gram) + 1] += A  # the diagonal
    return step
