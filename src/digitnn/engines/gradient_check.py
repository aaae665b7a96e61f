"""Checks a claimed gradient against finite differences.

The slope of f at x along a direction v is (f(x + h v) - f(x - h v)) / (2 h), up to a term in h^2
(Nocedal and Wright 2006, section 8.1), and must equal the dot product of gradient and v. A few
random directions test all entries at once. Only if they disagree are single entries measured, to
find which one is off and by how much.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int
from numpy import ndarray

from digitnn.errors import GradientError, UsageError

Function: TypeAlias = Callable[[ndarray], float]

DIRECTIONS = 3
"""Random directions; a wrong gradient passes one only by coincidence."""
MAX_ENTRIES = 100
"""Entries measured singly."""


def check_gradient(
    f: Function,
    gradient: Float64[ndarray, "*shape"],
    x: Float64[ndarray, "*shape"],
    rng: np.random.Generator,
    *,
    step: float = 1e-6,
    tolerance: float = 1e-6,
) -> None:
    """Raise `GradientError` unless `gradient` is the gradient of the scalar function `f` at `x`.

    f: takes an array like `x` and returns one number. It must be smooth at x: a ReLU has no
    gradient at its kink. For a layer, weight its outputs with fixed random numbers.
    rng: draws the directions.
    step: h, in units of max(1, the largest |x|); use a smaller one if f curves within about a tenth
    of that unit. In double precision 1e-6 costs about 1e-12 by the h^2 term and 1e-10 by rounding,
    relative to f.
    tolerance: the largest difference allowed, relative to the norm of gradient times direction,
    entry by entry; an allowance for the rounding of f is added.
    Raises `UsageError` for arrays that are not float64: rounding would exceed the differences.

    >>> import numpy as np
    >>> from digitnn import check_gradient
    >>> rng = np.random.default_rng(0)
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> check_gradient(lambda x: (x**2).sum(), 2 * x, x, rng)  # right: says nothing
    >>> check_gradient(lambda x: (x**2).sum(), x, x, rng)
    Traceback (most recent call last):
    digitnn.errors.GradientError: gradient[2] is off by 3: claimed 3, measured 6, relative \
difference 0.5; 3 of 3 entries looked at disagree; the claimed gradient is 0.5 times (1/2) the \
measured one everywhere: a factor is missing or too many
    """
    gradient, x = np.asarray(gradient), np.asarray(x)  # arithmetic on 0-d arrays gives scalars
    _check_arguments(gradient, x)
    measure = _Slopes(f, x, step * max(1.0, float(np.abs(x).max())))
    for _ in range(DIRECTIONS):
        v = rng.normal(size=x.shape)
        measured, noise = measure.along(v)
        size = max(float(np.linalg.norm(gradient * v)), abs(measured))
        if abs(float(np.vdot(gradient, v)) - measured) > tolerance * size + noise:
            raise GradientError(_describe(measure, gradient, v, tolerance, rng))


class _Slopes:
    """Measures the slopes of `f` at `x` by central differences with step `h`."""

    def __init__(self, f: Function, x: ndarray, h: float) -> None:
        self.f, self.x, self.h = f, x, h

    def along(self, v: ndarray) -> tuple[float, float]:
        """Return the slope along `v`, and a bound of its rounding error: last bits of f over h."""
        after, before = self._value(self.x + self.h * v), self._value(self.x - self.h * v)
        noise = 8 * np.finfo(np.float64).eps * max(abs(after), abs(before)) / self.h
        return (after - before) / (2 * self.h), float(noise)

    def at(self, index: int) -> tuple[float, float]:
        """Return the slope along one entry of x, by its flat index."""
        v = np.zeros(self.x.shape)
        v.flat[index] = 1
        return self.along(v)

    def _value(self, x: ndarray) -> float:
        value = np.asarray(self.f(x))
        if value.size != 1:
            raise UsageError(
                f"f must return one number, got an array of shape {value.shape}: take its sum, or "
                "its product with fixed random numbers"
            )
        if not np.isfinite(value).all():
            raise UsageError(f"f is {value.item()} near x: choose an x where it is finite")
        return float(value.item())


def _check_arguments(gradient: ndarray, x: ndarray) -> None:
    for name, array in (("x", x), ("the gradient", gradient)):
        if array.dtype != np.float64:
            raise UsageError(
                f"{name} must be float64, got {array.dtype}: at a lower precision rounding "
                "exceeds finite differences; convert with .astype(np.float64) and compute f and "
                "its gradient from that"
            )
    if x.size == 0:
        raise UsageError(f"x of shape {x.shape} is empty: there is nothing to differentiate")
    if gradient.shape != x.shape:
        hint = ": it looks transposed" if gradient.shape == x.shape[::-1] else ""
        raise GradientError(
            f"the gradient must have the shape of x, {x.shape}, got {gradient.shape}{hint}"
        )
    if not np.isfinite(gradient).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(gradient))[0])
        raise GradientError(f"gradient{list(where)} is {gradient[where]}, not a finite number")


def _describe(
    slopes: _Slopes, gradient: ndarray, v: ndarray, tolerance: float, rng: np.random.Generator
) -> str:
    """Return which entry is off and by how much, how many are, and a likely cause."""
    picked = _sample(slopes, gradient, v, rng)
    pairs = np.array([slopes.at(index) for index in picked])
    measured, noise, claimed = pairs[:, 0], pairs[:, 1], gradient.ravel()[picked]
    off = np.abs(claimed - measured)
    larger = np.maximum(np.abs(claimed), np.abs(measured))
    wrong = off > tolerance * larger + noise
    if not wrong.any():
        return (
            f"the gradient disagrees along random directions, though none of {len(picked)} entries "
            "does by itself: is f the same at every call, and smooth at x?"
        )
    worst = int(np.argmax(np.where(wrong, off, -1)))
    index = [int(i) for i in np.unravel_index(picked[worst], gradient.shape)]
    return (
        f"gradient{index or ''} is off by {off[worst]:.6g}: claimed {claimed[worst]:.6g}, measured "
        f"{measured[worst]:.6g}, relative difference {off[worst] / larger[worst]:.3g}; "
        f"{np.count_nonzero(wrong)} of {len(picked)} entries looked at disagree"
        + _hint(gradient, claimed, measured, noise, picked, wrong)
    )


def _sample(
    slopes: _Slopes, gradient: ndarray, v: ndarray, rng: np.random.Generator
) -> Int[ndarray, " m"]:
    """Return the entries to measure: all if they are few, else a sample with a wrong one.

    The wrong one is found by bisection: of two halves of the direction, the worse is split again.
    """
    if gradient.size <= MAX_ENTRIES:
        return np.arange(gradient.size)
    entries = np.arange(gradient.size)
    while len(entries) > 1:
        halves = np.array_split(entries, 2)
        entries = max(halves, key=lambda half: _error(slopes, gradient, v, half))
    others = rng.choice(gradient.size, MAX_ENTRIES - 1, replace=False)
    return np.union1d(entries, others)


def _error(slopes: _Slopes, gradient: ndarray, v: ndarray, entries: Int[ndarray, " m"]) -> float:
    """Return the difference of claimed and measured slope along `v` restricted to `entries`."""
    part = np.zeros(v.shape)
    part.flat[entries] = v.flat[entries]
    return abs(float(np.vdot(gradient, part)) - slopes.along(part)[0])


def _hint(
    gradient: ndarray,
    claimed: Float64[ndarray, " m"],
    measured: Float64[ndarray, " m"],
    noise: Float64[ndarray, " m"],
    picked: Int[ndarray, " m"],
    wrong: Bool[ndarray, " m"],
) -> str:
    """Return which common mistake would explain the differences, or ""."""
    telling = np.abs(measured) > 1e3 * noise
    if not telling.any():
        return "; f does not change with x: does it use its argument?"
    ratios = claimed[telling] / measured[telling]
    ratio = float(np.median(ratios))
    if ratio and wrong[telling].all() and np.allclose(ratios, ratio, rtol=1e-2):
        if abs(ratio + 1) < 1e-3:
            return "; the sign is wrong everywhere"
        part = f" ({'-' if ratio < 0 else ''}1/{1 / abs(ratio):.4g})" if abs(ratio) < 1 else ""
        return (
            f"; the claimed gradient is {ratio:.4g} times{part} the measured one everywhere: a "
            "factor is missing or too many"
        )
    if gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]:
        turned = gradient.T.ravel()[picked]
        if np.allclose(turned, measured, rtol=1e-4, atol=float(noise.max())):
            return "; its transpose fits"
    return ""
