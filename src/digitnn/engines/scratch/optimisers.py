"""The optimisers as pure functions of vectors, the reference version.

All parameters are one vector p and their gradient another, g (see `parameter_vector`). A `State`
holds such vectors and the number of steps so far. `recipes.optimisers` states the formulas, the
meaning of their letters and their sources. A trainer uses the fast version, `optimisers_in_place`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.newton_schulz import orthogonalise
from digitnn.engines.scratch.parameter_vector import Weight, slices_between
from digitnn.errors import ShapeError, UsageError
from digitnn.recipes.optimisers import Adadelta, Adam, AdamW, MiniBatchOptimiser, Muon, RmsProp, Sgd

Vector: TypeAlias = Float[ndarray, "_"]
Weights: TypeAlias = Sequence[Weight]

WHOLE_VECTOR: Weights = (Weight(slice(None), rows=1, hidden=False),)
"""A whole vector as one weight, that of a network's last layer."""


@dataclass(frozen=True, eq=False)
class SgdState:
    """velocity: u."""

    steps: ndarray
    velocity: Vector


def sgd(
    optimiser: Sgd, p: Vector, g: Vector, state: SgdState, rate: float, weights: Weights
) -> tuple[Vector, SgdState]:
    """u = momentum u + g; p = p - rate u, or with nesterov p - rate (g + momentum u)."""
    g = add_weight_decay(p, g, optimiser.weight_decay, weights)
    velocity = state.velocity * optimiser.momentum + g
    along = g + velocity * optimiser.momentum if optimiser.nesterov else velocity
    return p - along * rate, SgdState(np.array(state.steps + 1), velocity)


@dataclass(frozen=True, eq=False)
class RmsPropState:
    """square: v; velocity: u."""

    steps: ndarray
    square: Vector
    velocity: Vector


def rms_prop(
    optimiser: RmsProp, p: Vector, g: Vector, state: RmsPropState, rate: float, weights: Weights
) -> tuple[Vector, RmsPropState]:
    """v = alpha v + (1 - alpha) g^2; u = momentum u + g / (sqrt(v) + epsilon); p = p - rate u."""
    g = add_weight_decay(p, g, optimiser.weight_decay, weights)
    square = state.square * optimiser.alpha + g * g * (1 - optimiser.alpha)
    scaled = g / (np.sqrt(square) + optimiser.epsilon)
    velocity = state.velocity * optimiser.momentum + scaled
    return p - velocity * rate, RmsPropState(np.array(state.steps + 1), square, velocity)


@dataclass(frozen=True, eq=False)
class AdadeltaState:
    """square: v; step_square: w."""

    steps: ndarray
    square: Vector
    step_square: Vector


def adadelta(
    optimiser: Adadelta, p: Vector, g: Vector, state: AdadeltaState, rate: float, weights: Weights
) -> tuple[Vector, AdadeltaState]:
    """v = rho v + (1 - rho) g^2; d = g sqrt(w + epsilon) / sqrt(v + epsilon); p = p - rate d.

    Then w = rho w + (1 - rho) d^2, with d before it is scaled by the rate.
    """
    rho, epsilon = optimiser.rho, optimiser.epsilon
    g = add_weight_decay(p, g, optimiser.weight_decay, weights)
    square = state.square * rho + g * g * (1 - rho)
    step = g * np.sqrt(state.step_square + epsilon) / np.sqrt(square + epsilon)
    step_square = state.step_square * rho + step * step * (1 - rho)
    return p - step * rate, AdadeltaState(np.array(state.steps + 1), square, step_square)


@dataclass(frozen=True, eq=False)
class AdamState:
    """Sums over all steps i up to t: of beta1^(t - i) g_i, and of beta2^(t - i) g_i^2."""

    steps: ndarray
    sum: Vector
    square_sum: Vector


def adam(
    optimiser: Adam | AdamW,
    p: Vector,
    g: Vector,
    state: AdamState,
    rate: float,
    weights: Weights = (),
) -> tuple[Vector, AdamState]:
    """p = p - rate mean(g) / (sqrt(mean(g^2)) + epsilon), with weighted means over all steps.

    Step i has the weight beta^(t - i), so late steps count more. A weighted mean is the weighted
    sum, which `AdamState` keeps, over the sum of the weights, (1 - beta^t) / (1 - beta). It equals
    the paper's corrected moment, m / (1 - beta1^t), as m = (1 - beta1) sum beta1^(t - i) g_i.
    Keeping sums instead of moments saves two of twelve passes over the vectors.
    """
    total = state.sum * optimiser.beta1 + g
    square_total = state.square_sum * optimiser.beta2 + g * g
    size, epsilon = adam_scales(optimiser, int(state.steps) + 1, rate)
    step = total / (np.sqrt(square_total) + epsilon) * size
    return p - step, AdamState(np.array(state.steps + 1), total, square_total)


def adam_scales(optimiser: Adam | AdamW, t: int, rate: float) -> tuple[float, float]:
    """Return the rate and epsilon to use with sums instead of means, after t steps.

    With the sums M of g and V of g^2, and the sums a and b of their weights:
    rate (M / a) / (sqrt(V / b) + epsilon) = (rate sqrt(b) / a) M / (sqrt(V) + epsilon sqrt(b)).
    """
    a = (1 - optimiser.beta1**t) / (1 - optimiser.beta1)
    b = (1 - optimiser.beta2**t) / (1 - optimiser.beta2)
    return rate * sqrt(b) / a, optimiser.epsilon * sqrt(b)


def adam_w(
    optimiser: AdamW, p: Vector, g: Vector, state: AdamState, rate: float, weights: Weights
) -> tuple[Vector, AdamState]:
    """p = p - rate weight_decay p, then as Adam."""
    p = decay_weights(p, rate * optimiser.weight_decay, weights)
    return adam(optimiser, p, g, state, rate)


@dataclass(frozen=True, eq=False)
class MuonState:
    """sum: for hidden weights U, the sum of momentum^(t - i) G_i, else as in `AdamState`.

    square_sum: as in `AdamState`, zero for hidden weights.
    """

    steps: ndarray
    sum: Vector
    square_sum: Vector


def muon(
    optimiser: Muon, p: Vector, g: Vector, state: MuonState, rate: float, weights: Weights
) -> tuple[Vector, MuonState]:
    """U = momentum U + G; p = p - rate sqrt(max(rows, columns)) orthogonalise(G + momentum U).

    This is the step of each hidden weight, as a matrix; all other parameters take Adam's steps.
    """
    hidden = [weight for weight in weights if weight.hidden]
    new = decay_weights(p, rate * optimiser.weight_decay, hidden).copy()
    total, square_total = state.sum.copy(), state.square_sum.copy()
    for weight in hidden:
        at = weight.at
        total[at] = total[at] * optimiser.momentum + g[at]
        along = (g[at] + total[at] * optimiser.momentum).reshape(weight.rows, -1)
        new[at] -= muon_step(optimiser, along, rate)
    for at in slices_between(hidden, len(p)):
        own = AdamState(state.steps, state.sum[at], state.square_sum[at])
        other_rate = rate * optimiser.other_rate
        new[at], after = adam(optimiser.others, p[at], g[at], own, other_rate)
        total[at], square_total[at] = after.sum, after.square_sum
    return new, MuonState(np.array(state.steps + 1), total, square_total)


def muon_step(optimiser: Muon, along: Float[ndarray, "r k"], rate: float) -> Vector:
    """Return rate sqrt(max(r, k)) orthogonalise(along), as a vector."""
    step = orthogonalise(along, optimiser.iterations) * (rate * sqrt(max(along.shape)))
    return step.ravel()


def add_weight_decay(params: Vector, gradient: Vector, decay: float, weights: Weights) -> Vector:
    """Return g + decay p for weights, g for all other parameters."""
    if not decay:
        return gradient
    gradient = gradient.copy()
    for weight in weights:
        gradient[weight.at] += params[weight.at] * decay
    return gradient


def decay_weights(params: Vector, share: float, weights: Weights) -> Vector:
    """Return p - share p for weights, p for all other parameters."""
    if not share:
        return params
    params = params.copy()
    for weight in weights:
        params[weight.at] *= 1 - share
    return params


State: TypeAlias = SgdState | RmsPropState | AdadeltaState | AdamState | MuonState


@dataclass(frozen=True)
class Rule:
    """The implementation of an optimiser: the type of its state, and its step."""

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
    """Return the state before the first step."""
    state = RULES[type(optimiser)].state
    vectors = {f.name: np.zeros_like(params) for f in fields(state) if f.name != "steps"}
    return state(steps=np.zeros((), np.int64), **vectors)


def update(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    weights: Weights = WHOLE_VECTOR,
) -> tuple[Vector, State]:
    """Return the parameters and the state after one step; the arguments are not changed.

    learning_rate: of this step, used instead of the optimiser's own. weights: see `Layout.weights`;
    only they are subject to weight decay and Muon. Raises `ShapeError` if the vectors do not fit
    each other, `UsageError` for the state of another optimiser.
    """
    check(optimiser, params, gradient, state)
    step = RULES[type(optimiser)].step
    return step(optimiser, params, gradient, state, learning_rate, weights)


def check(optimiser: MiniBatchOptimiser, params: Vector, gradient: Vector, state: State) -> None:
    """Raise the errors of `update` unless the vectors and the state fit."""
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
