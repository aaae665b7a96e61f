"""Full-batch optimisation: SciPy's minimisers as generators of iterations.

SciPy minimises functions of one float64 vector and calls back after each iteration. Here the
vector consists of named parameters, and the calls become a `for` loop that can be left at any time.
Axes: p parameters.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from queue import Queue
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.protocols import Objective, Outcome, precision
from digitnn.errors import TrainingError
from digitnn.machine.blas import one_core_blas
from digitnn.network.network import Params
from digitnn.recipes.optimisers import ConjugateGradient, FullBatchOptimiser, LBfgs

Method: TypeAlias = Literal["CG", "L-BFGS-B"]

METHODS: Mapping[type[FullBatchOptimiser], Method] = {ConjugateGradient: "CG", LBfgs: "L-BFGS-B"}
"""SciPy's name for the method of each description."""

OPTIONS: Mapping[Method, Mapping[str, Any]] = {
    "CG": {"gtol": 0.0},
    "L-BFGS-B": {"gtol": 0.0, "ftol": 0.0, "maxfun": inf},
}
"""Disable all stopping criteria except the number of iterations and a failed line search."""


@dataclass(frozen=True)
class Iterate:
    """The state after an iteration.

    params: by name; outcome: without the L2 term; value: the minimised value, in nats per image;
    evaluations: how often the objective has been computed so far.
    """

    params: dict[str, ndarray]
    outcome: Outcome
    value: float
    evaluations: int


def to_vector(params: Params) -> Float[ndarray, " p"]:
    """Return all parameters one after the other."""
    return np.concatenate([np.ravel(p) for p in params.values()])


def from_vector(vector: Float[ndarray, " p"], like: Params) -> dict[str, ndarray]:
    """Return the parts of `vector`, by the names and in the shapes of `like`."""
    ends = np.cumsum([p.size for p in like.values()])
    parts = zip(like.items(), np.split(vector, ends[:-1]), strict=True)
    return {name: part.reshape(p.shape) for (name, p), part in parts}


def minimise(
    objective: Objective, start: Params, n: int, l2: float, iterations: int, method: Method = "CG"
) -> Iterator[Iterate]:
    """Minimise loss / n + l2 / (2 n) * (sum of squared weights), yielding after each iteration.

    n: how many images the objective sums over; method: conjugate gradient or L-BFGS. Weights are
    arrays of two or more axes; biases are not penalised. The objective is computed in the
    `precision` of `start`. The iterations end early only if SciPy's line search fails. At a loss
    that is not finite, conjugate gradient takes the step back and L-BFGS ends. Raises
    `TrainingError` where the loss or its gradient is not finite at an iterate.
    """
    dtype = precision(start)
    evaluated: dict[bytes, Outcome] = {}
    count = 0

    def value_and_gradient(vector: ndarray) -> tuple[float, ndarray]:
        nonlocal count
        count += 1
        params = from_vector(vector.astype(dtype), start)
        outcome, gradients = objective(params)
        evaluated[vector.tobytes()] = outcome
        value = outcome.total
        for name, p in params.items():
            if p.ndim >= 2:
                value += l2 / 2 * float(np.vdot(p, p))
                gradients[name] = gradients[name] + dtype.type(l2) * p
        gradient = to_vector({name: gradients[name] for name in start})
        return value / n, gradient.astype(np.float64) / n

    def to_iterate(vector: ndarray, value: float) -> Iterate:
        outcome = evaluated[vector.tobytes()]
        evaluated.clear()
        return Iterate(from_vector(vector.astype(dtype), start), outcome, value, count)

    x = to_vector(start).astype(np.float64)
    return _iterations(value_and_gradient, x, iterations, method, to_iterate)


class _Stop(Exception):
    """Raised in the minimiser's thread to end it when the generator is closed."""


def _iterations(
    function: Callable[[ndarray], tuple[float, ndarray]],
    start: ndarray,
    iterations: int,
    method: Method,
    to_iterate: Callable[[ndarray, float], Iterate],
) -> Iterator[Iterate]:
    """Run SciPy in a thread that waits at each callback until the next iterate is requested."""
    from scipy.optimize import OptimizeResult, minimize

    options: Any = {"maxiter": iterations, **OPTIONS[method]}
    points: Queue[Iterate | BaseException | None] = Queue()
    go_on = threading.Semaphore(0)
    stopped = threading.Event()

    def evaluate(vector: ndarray) -> tuple[float, ndarray]:
        if stopped.is_set():
            raise _Stop
        return function(vector)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        if not np.isfinite(intermediate_result.fun):
            raise _not_finite(intermediate_result.fun)
        points.put(to_iterate(intermediate_result.x, float(intermediate_result.fun)))
        go_on.acquire()

    def run() -> None:
        try:
            with one_core_blas:  # SciPy's short dot products would wake BLAS threads that then spin
                last = minimize(
                    evaluate,
                    start,
                    jac=True,
                    method=method,
                    callback=after_iteration,
                    options=options,
                )
            if not np.isfinite(np.append(last.jac, last.fun)).all():
                raise _not_finite(last.fun)
            points.put(None)
        except _Stop:
            pass
        except BaseException as error:
            points.put(error)

    worker = threading.Thread(target=run, name="minimise", daemon=True)
    worker.start()
    try:
        while (point := points.get()) is not None:
            if isinstance(point, BaseException):
                raise point
            yield point
            go_on.release()
    finally:
        stopped.set()
        go_on.release()
        worker.join()


def _not_finite(loss: float) -> TrainingError:
    """Return the error for a point that is not finite, where SciPy would silently stop."""
    return TrainingError(
        f"full-batch training cannot go on: the loss, {loss}, or its gradient is not finite"
    )
