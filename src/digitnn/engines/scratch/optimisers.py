"""How parameters move: each optimiser as pure functions of vectors.

All parameters are one vector p, their gradient another, g (see `flat`); what is remembered from
step to step is a `State` of such vectors and the number of steps so far. The formulas, with what
their letters mean and their sources, are those of `recipes.optimisers`. A trainer takes the same
steps in place, see `in_place`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.newton_schulz import orthogonal
from digitnn.engines.scratch.parameter_vector import Weight, between
from digitnn.errors import ShapeError, UsageError
from digitnn.recipes.optimisers import Adadelta, Adam, AdamW, MiniBatchOptimiser, Muon, RmsProp, Sgd

Vector: TypeAlias = Float[ndarray, "_"]
Weights: TypeAlias = Sequence[Weight]

EVERYTHING: Weights = (Weight(slice(None), rows=1, hidden=False),)
"""All of a vector as one weight, that of a network's last layer."""


@dataclass(frozen=True, eq=False)
class SgdState:
    """velocity: u."""

    steps: ndarray
    velocity: Vector


def sgd(
    optimiser: Sgd,
    params: Vector,
    gradient: Vector,
    state: SgdState,
    rate: float,
    weights: Weights,
) -> tuple[Vector, SgdState]:
    """u = momentum u + g; p = p - rate u, or with nesterov p - rate (g + momentum u)."""
    gradient = pulled(params, gradient, optimiser.weight_decay, weights)
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
    optimiser: RmsProp,
    params: Vector,
    gradient: Vector,
    state: RmsPropState,
    rate: float,
    weights: Weights,
) -> tuple[Vector, RmsPropState]:
    """v = alpha v + (1 - alpha) g^2; u = momentum u + g / (sqrt(v) + epsilon); p = p - rate u."""
    gradient = pulled(params, gradient, optimiser.weight_decay, weights)
    square = state.square * optimiser.alpha + gradient * gradient * (1 - optimiser.alpha)
    scaled = gradient / (np.sqrt(square) + optimiser.epsilon)
    velocity = state.velocity * optimiser.momentum + scaled
    return params - velocity * rate, RmsPropState(np.array(state.steps + 1), square, velocity)


@dataclass(frozen=True, eq=False)
class AdadeltaState:
    """square: v; step_square: w."""

    steps: ndarray
    square: Vector
    step_square: Vector


def adadelta(
    optimiser: Adadelta,
    params: Vector,
    gradient: Vector,
    state: AdadeltaState,
    rate: float,
    weights: Weights,
) -> tuple[Vector, AdadeltaState]:
    """v = rho v + (1 - rho) g^2; d = g sqrt(w + epsilon) / sqrt(v + epsilon); p = p - rate d.

    And then w = rho w + (1 - rho) d^2: of d, not of what the rate makes of it.
    """
    rho, epsilon = optimiser.rho, optimiser.epsilon
    gradient = pulled(params, gradient, optimiser.weight_decay, weights)
    square = state.square * rho + gradient * gradient * (1 - rho)
    step = gradient * np.sqrt(state.step_square + epsilon) / np.sqrt(square + epsilon)
    step_square = state.step_square * rho + step * step * (1 - rho)
    return params - step * rate, AdadeltaState(np.array(state.steps + 1), square, step_square)


@dataclass(frozen=True, eq=False)
class AdamState:
    """Sums over all steps i up to t: of beta1^(t - i) g_i, and of beta2^(t - i) g_i^2."""

    steps: ndarray
    sum: Vector
    square_sum: Vector


def adam(
    optimiser: Adam | AdamW,
    params: Vector,
    gradient: Vector,
    state: AdamState,
    rate: float,
    weights: Weights = (),
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


def adam_w(
    optimiser: AdamW,
    params: Vector,
    gradient: Vector,
    state: AdamState,
    rate: float,
    weights: Weights,
) -> tuple[Vector, AdamState]:
    """p = p - rate weight_decay p, then as Adam."""
    params = shrunk(params, rate * optimiser.weight_decay, weights)
    return adam(optimiser, params, gradient, state, rate)


@dataclass(frozen=True, eq=False)
class MuonState:
    """sum: of hidden weights U, the sum of momentum^(t - i) G_i, of all others as in `AdamState`.

    square_sum: as in `AdamState`, zero for hidden weights.
    """

    steps: ndarray
    sum: Vector
    square_sum: Vector


def muon(
    optimiser: Muon,
    params: Vector,
    gradient: Vector,
    state: MuonState,
    rate: float,
    weights: Weights,
) -> tuple[Vector, MuonState]:
    """U = momentum U + G; p = p - rate sqrt(max(rows, columns)) orthogonal(G + momentum U).

    So for each hidden weight, read as a matrix; what lies between them takes Adam's steps.
    """
    hidden = [weight for weight in weights if weight.hidden]
    new = shrunk(params, rate * optimiser.weight_decay, hidden).copy()
    total, square_total = state.sum.copy(), state.square_sum.copy()
    for weight in hidden:
        at, g = weight.at, gradient[weight.at]
        total[at] = total[at] * optimiser.momentum + g
        along = (g + total[at] * optimiser.momentum).reshape(weight.rows, -1)
        new[at] -= muon_step(optimiser, along, rate)
    for at in between(hidden, len(params)):
        own = AdamState(state.steps, state.sum[at], state.square_sum[at])
        other_rate = rate * optimiser.other_rate
        new[at], after = adam(optimiser.others, params[at], gradient[at], own, other_rate)
        total[at], square_total[at] = after.sum, after.square_sum
    return new, MuonState(np.array(state.steps + 1), total, square_total)


def muon_step(optimiser: Muon, along: Float[ndarray, "r k"], rate: float) -> Vector:
    """rate sqrt(max(r, k)) orthogonal(along), row after row."""
    step = orthogonal(along, optimiser.iterations) * (rate * sqrt(max(along.shape)))
    return step.ravel()


def pulled(params: Vector, gradient: Vector, decay: float, weights: Weights) -> Vector:
    """g + decay p where the weights lie, elsewhere g."""
    if not decay:
        return gradient
    gradient = gradient.copy()
    for weight in weights:
        gradient[weight.at] += params[weight.at] * decay
    return gradient


def shrunk(params: Vector, share: float, weights: Weights) -> Vector:
    """p - share p where the weights lie, elsewhere p."""
    if not share:
        return params
    params = params.copy()
    for weight in weights:
        params[weight.at] *= 1 - share
    return params


State: TypeAlias = SgdState | RmsPropState | AdadeltaState | AdamState | MuonState


@dataclass(frozen=True)
class Rule:
    """What carries out an optimiser: the type of its state, and its step."""

    state: type[State]
    step: Callable[[Any, Vector, Vector, Any, float, Weights], tuple[Vector, State]]


RULES: Mapping[type[MiniBatchOptimiser], Rule] = {
    Sgd: Rule(SgdState, sgd),
    RmsProp: Rule(RmsPropState, rms_prop),
    Adadelta: Rule(AdadeltaState, adadelta),
    Adam: Rule(AdamState, adam),
    AdamW: Rule(AdamState, adam_w),
    Muon: Rule(MuonState, muon),
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
    weights: Weights = EVERYTHING,
) -> tuple[Vector, State]:
    """One step: the new parameters and the new state; what comes in stays as it is.

    learning_rate: that of this step, used instead of the optimiser's own. weights: see
    `Layout.weights`; on them weight decay acts, and Muon. Raises `ShapeError` if the vectors do not
    fit each other, as with the state of another network; `UsageError` for the state of another
    optimiser.
    """
    check(optimiser, params, gradient, state)
    step = RULES[type(optimiser)].step
    return step(optimiser, params, gradient, state, learning_rate, weights)


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
