"""How parameters move: each optimiser as pure functions of vectors.

All parameters are one vector p, their gradient another, g (see `flat`); what is remembered from
step to step is a `State` of such vectors and the number of steps so far. The formulas, with what
their letters mean and their sources, are those of `digitnn.optimisers`. A trainer takes the same
steps in place, see `in_place`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.errors import ShapeError, UsageError
from digitnn.optimisers import Adam, AdamW, MiniBatchOptimiser, RmsProp, Sgd

EVERYTHING: Sequence[slice] = (slice(None),)
"""Where weight decay acts unless told otherwise."""

Vector: TypeAlias = Float[ndarray, "_"]


@dataclass(frozen=True, eq=False)
class SgdState:
    """velocity: u."""

    steps: ndarray
    velocity: Vector


def sgd(
    optimiser: Sgd, params: Vector, gradient: Vector, state: SgdState, rate: float
) -> tuple[Vector, SgdState]:
    """u = momentum u + g; p = p - rate u, or with nesterov p - rate (g + momentum u)."""
    velocity = state.velocity * optimiser.momentum + gradient
    along = gradient + velocity * optimiser.momentum if optimiser.nesterov else velocity
    return params - along * rate, SgdState(np.array(state.steps + 1), velocity)


@dataclass(frozen=True, eq=False)
class RmsPropState:
    """square: v; velocity: u."""

    steps: ndarray
    square: Vector
    velocity: Vector


def rms_prop(
    optimiser: RmsProp, params: Vector, gradient: Vector, state: RmsPropState, rate: float
) -> tuple[Vector, RmsPropState]:
    """v = alpha v + (1 - alpha) g^2; u = momentum u + g / (sqrt(v) + epsilon); p = p - rate u."""
    square = state.square * optimiser.alpha + gradient * gradient * (1 - optimiser.alpha)
    scaled = gradient / (np.sqrt(square) + optimiser.epsilon)
    velocity = state.velocity * optimiser.momentum + scaled
    return params - velocity * rate, RmsPropState(np.array(state.steps + 1), square, velocity)


@dataclass(frozen=True, eq=False)
class AdamState:
    """Sums over all steps i up to t: of beta1^(t - i) g_i, and of beta2^(t - i) g_i^2."""

    steps: ndarray
    sum: Vector
    square_sum: Vector


def adam(
    optimiser: Adam | AdamW, params: Vector, gradient: Vector, state: AdamState, rate: float
) -> tuple[Vector, AdamState]:
    """p = p - rate mean(g) / (sqrt(mean(g^2)) + epsilon), weighted means over all steps.

    The weights beta^(t - i) favour late steps i; a weighted mean is the weighted sum, which
    `AdamState` keeps, over the sum of the weights, (1 - beta^t) / (1 - beta). This is the paper's
    moment m with its correction: m / (1 - beta1^t), as m = (1 - beta1) sum beta1^(t - i) g_i.
    To keep sums instead of moments saves two of twelve passes over the vectors.
    """
    total = state.sum * optimiser.beta1 + gradient
    square_total = state.square_sum * optimiser.beta2 + gradient * gradient
    size, epsilon = adam_scales(optimiser, int(state.steps) + 1, rate)
    step = total / (np.sqrt(square_total) + epsilon) * size
    return params - step, AdamState(np.array(state.steps + 1), total, square_total)


def adam_scales(optimiser: Adam | AdamW, t: int, rate: float) -> tuple[float, float]:
    """What stands for rate and epsilon when the vectors hold sums, not means, after t steps.

    With the sums M of g and V of g^2, and a and b the sums of their weights:
    rate (M / a) / (sqrt(V / b) + epsilon) = (rate sqrt(b) / a) M / (sqrt(V) + epsilon sqrt(b)).
    """
    a = (1 - optimiser.beta1**t) / (1 - optimiser.beta1)
    b = (1 - optimiser.beta2**t) / (1 - optimiser.beta2)
    return rate * sqrt(b) / a, optimiser.epsilon * sqrt(b)


State: TypeAlias = SgdState | RmsPropState | AdamState


@dataclass(frozen=True)
class Rule:
    """What carries out an optimiser: the type of its state, and its step."""

    state: type[State]
    step: Callable[[Any, Vector, Vector, Any, float], tuple[Vector, State]]


RULES: Mapping[type[MiniBatchOptimiser], Rule] = {
    Sgd: Rule(SgdState, sgd),
    RmsProp: Rule(RmsPropState, rms_prop),
    Adam: Rule(AdamState, adam),
    AdamW: Rule(AdamState, adam),
}


def init(optimiser: MiniBatchOptimiser, params: Vector) -> State:
    """The state before the first step."""
    state = RULES[type(optimiser)].state
    vectors = {f.name: np.zeros_like(params) for f in fields(state) if f.name != "steps"}
    return state(steps=np.zeros((), np.int64), **vectors)


def update(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    decayed: Sequence[slice] = EVERYTHING,
) -> tuple[Vector, State]:
    """One step: the new parameters and the new state; what comes in stays as it is.

    learning_rate: that of this step, used instead of the optimiser's own. decayed: where weight
    decay acts, if there is any, see `Layout.weights`. Raises `ShapeError` if the vectors do not fit
    each other, as with the state of another network; `UsageError` for the state of another
    optimiser.
    """
    check(optimiser, params, gradient, state)
    if decay := weight_decay(optimiser):
        params, gradient = params.copy(), gradient.copy()
        for part in decayed:
            if isinstance(optimiser, AdamW):
                params[part] *= 1 - learning_rate * decay
            else:
                gradient[part] += params[part] * decay
    return RULES[type(optimiser)].step(optimiser, params, gradient, state, learning_rate)


def weight_decay(optimiser: MiniBatchOptimiser) -> float:
    """That of `optimiser`, 0 for Adam, which has none."""
    return 0.0 if isinstance(optimiser, Adam) else optimiser.weight_decay


def check(optimiser: MiniBatchOptimiser, params: Vector, gradient: Vector, state: State) -> None:
    """Raise what `update` promises unless everything fits."""
    expected, name = RULES[type(optimiser)].state, type(optimiser).__name__
    if not isinstance(state, expected):
        raise UsageError(
            f"{name} goes on from {expected.__name__}, got {type(state).__name__}: "
            "begin with init(optimiser, params)"
        )
    if (gradient.shape, gradient.dtype) != (params.shape, params.dtype):
        raise ShapeError(
            f"{name}: a gradient of {len(params)} {params.dtype} parameters has as many, "
            f"got {gradient.shape} {gradient.dtype}"
        )
    for f in fields(state):
        vector = getattr(state, f.name)
        if f.name != "steps" and (vector.shape, vector.dtype) != (params.shape, params.dtype):
            raise ShapeError(
                f"{name}: {f.name} of the state belongs to another network, of {len(vector)} "
                f"{vector.dtype} parameters; this one has {len(params)} {params.dtype}: "
                "begin with init(optimiser, params)"
            )
