"""The first of the three oracles of a derivative: finite differences."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray


def assert_is_gradient(
    dx: ndarray,
    f: Callable[[ndarray], float],
    x: ndarray,
    rng: np.random.Generator,
    eps: float = 1e-6,
) -> None:
    """`dx` matches the central difference of the scalar `f` at `x` along a random direction.

    In float64, where rounding costs about 1e-10 and the third derivative 1e-12.
    """
    assert x.dtype == np.float64
    assert dx.shape == x.shape
    v = rng.normal(size=x.shape)
    slope = (f(x + eps * v) - f(x - eps * v)) / (2 * eps)
    np.testing.assert_allclose(np.vdot(dx, v), slope, rtol=1e-6)
