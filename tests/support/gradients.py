"""The first of the three oracles of a derivative: finite differences, as users have them."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from digitnn.engines.gradient_check import check_gradient


def assert_is_gradient(
    dx: ndarray, f: Callable[[ndarray], float], x: ndarray, rng: np.random.Generator
) -> None:
    """`dx` is the gradient of the scalar `f` at `x`."""
    check_gradient(f, dx, x, rng)
