"""The optimisers as pure functions of vectors, the reference version.

All parameters are one vector p and their gradient another, g (see `parameter_vector`). A rule takes
both and the vectors of its state, and returns the new p and the new state. `recipes.optimisers`
states the formulas, the meaning of their letters and their sources. Training uses the fast version,
`optimisers_in_place`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.scratch.newton_schulz import orthogonalise
from digitnn.engines.scratch.parameter_vector import Weight, slices_between
from digitnn.errors import ShapeError, UsageError
from digitnn.recipes.optimisers import Adadelta, Adam, AdamW, MiniBatchOptimiser, Muon, RmsProp, Sgd

Vector: TypeAlias = Float[ndarray, "_"]
Weights: TypeAlias = Sequence[Weight]

State: TypeAlias = dict[str, ndarray]
"""The state of an optimiser: "steps", their number so far, and the vectors named in `RULES`."""

WHOLE_VECTOR: Weights = (Weight(slice(None), rows=1, hidden=False),)
"""The default: the vector is one weight matrix, and not of a hidden layer."""

WithDecayInGradient: TypeAlias = Sgd | RmsProp | Adadelta
"""Rules whose g includes the weight decay; `AdamW` and `Muon` shrink the weights themselves."""


@dataclass(frozen=True)
class Step:
    """Step number t = 1, 2, ... with the learning rate `rate`.

    weights: the parts of the vectors that weight decay and Muon apply to.
    """

    t: int
    rate: float
    weights: Weights


def sgd(optimiser: Sgd, step: Step, p: Vector, g: Vector, velocity: Vector) -> tuple[Vector, ...]:
    """u = momentum u + g; p = p - rate u, or with nesterov p - rate (g + momentum u).

    velocity: u.
    """
    velocity = velocity * optimiser.momentum + g
    along = g + velocity * optimiser.momentum if optimiser.nesterov else velocity
    return p - along * step.rate, velocity


def rms_prop(
    optimiser: RmsProp, step: Step, p: Vector, g: Vector, square: Vector, velocity: Vector
) -> tuple[Vector, ...]:
    """v = alpha v + (1 - alpha) g^2; u = momentum u + g / (sqrt(v) + epsilon); p = p - rate u.

    square: v; velocity: u.
    """
    square = square * optimiser.alpha + g * g * (1 - optimiser.alpha)
    velocity = velocity * optimiser.momentum + g / (np.sqrt(square) + optimiser.epsilon)
    return p - velocity * step.rate, square, velocity


def adadelta(
    optimiser: Adadelta, step: Step, p: Vector, g: Vector, square: Vector, step_square: Vector
) -> tuple[Vector, ...]:
    """v = rho v + (1 - rho) g^2; d = g sqrt(w + epsilon) / sqrt(v + epsilon); p = p - rate d.

    Then w = rho w + (1 - rho) d^2, with d before it is scaled by the rate.
    square: v; step_square: w.
    """
    rho, epsilon = optimiser.rho, optimiser.epsilon
    square = square * rho + g * g * (1 - rho)
    change = g * np.sqrt(step_square + epsilon) / np.sqrt(square + epsilon)
    step_square = step_square * rho + change * change * (1 - rho)
    return p - change * step.rate, square, step_square


def adam(
    optimiser: Adam | AdamW, step: Step, p: Vector, g: Vector, total: Vector, square_total: Vector
) -> tuple[Vector, ...]:
    """p = p - rate mean(g) / (sqrt(mean(g^2)) + epsilon), with weighted means over all steps.

    Step i has the weight beta^(t - i), so late steps count more. A weighted mean is the weighted
    sum over the sum of the weights, (1 - beta^t) / (1 - beta). It equals the paper's corrected
    moment, m / (1 - beta1^t), as m = (1 - beta1) sum beta1^(t - i) g_i.
    Keeping sums instead of moments saves two of twelve passes over the vectors.

    total: the sum of beta1^(t - i) g_i; square_total: that of beta2^(t - i) g_i^2.
    """
    total = total * optimiser.beta1 + g
    square_total = square_total * optimiser.beta2 + g * g
    size, epsilon = adam_scales(optimiser, step)
    return p - total / (np.sqrt(square_total) + epsilon) * size, total, square_total


def adam_scales(optimiser: Adam | AdamW, step: Step) -> tuple[float, float]:
    """Return the rate and epsilon to use with sums instead of means, after t steps.

    With the sums M of g and V of g^2, and the sums a and b of their weights:
    rate (M / a) / (sqrt(V / b) + epsilon) = (rate sqrt(b) / a) M / (sqrt(V) + epsilon sqrt(b)).
    """
    a = (1 - optimiser.beta1**step.t) / (1 - optimiser.beta1)
    b = (1 - optimiser.beta2**step.t) / (1 - optimiser.beta2)
    return step.rate * sqrt(b) / a, optimiser.epsilon * sqrt(b)


def adam_w(optimiser: AdamW, step: Step, p: Vector, *vectors: Vector) -> tuple[Vector, ...]:
    """p = p - rate weight_decay p, then as Adam."""
    p = decay_weights(p, step.rate * optimiser.weight_decay, step.weights)
    return adam(optimiser, step, p, *vectors)


def muon(
    optimiser: Muon, step: Step, p: Vector, g: Vector, total: Vector, square_total: Vector
) -> tuple[Vector, ...]:
    """U = momentum U + G; p = p - rate sqrt(max(rows, columns)) orthogonalise(G + momentum U).

    This is the step of each weight matrix of a hidden layer. For all other parameters it is Adam's.

    total: U for hidden weights, else as in `adam`; square_total: 0 for hidden weights.
    """
    hidden = [weight for weight in step.weights if weight.hidden]
    p = decay_weights(p, step.rate * optimiser.weight_decay, hidden).copy()
    total, square_total = total.copy(), square_total.copy()
    for weight in hidden:
        at = weight.at
        total[at] = total[at] * optimiser.momentum + g[at]
        along = (g[at] + total[at] * optimiser.momentum).reshape(weight.rows, -1)
        p[at] -= muon_step(optimiser, along, step.rate)
    others = replace(step, rate=step.rate * optimiser.other_rate)
    for at in slices_between(hidden, len(p)):
        p[at], total[at], square_total[at] = adam(
            optimiser.others, others, p[at], g[at], total[at], square_total[at]
        )
    return p, total, square_total


def muon_step(optimiser: Muon, along: Float[ndarray, "r k"], rate: float) -> Vector:
    """Return rate sqrt(max(r, k)) orthogonalise(along), as a vector."""
    step = orthogonalise(along, optimiser.iterations) * (rate * sqrt(max(along.shape)))
    return step.ravel()


def add_weight_decay(p: Vector, g: Vector, decay: float, weights: Weights) -> Vector:
    """Return g + decay p for weights, g for all other parameters."""
    g = g.copy()
    for weight in weights if decay else ():
        g[weight.at] += p[weight.at] * decay
    return g


def decay_weights(p: Vector, share: float, weights: Weights) -> Vector:
    """Return p - share p for weights, p for all other parameters."""
    p = p.copy()
    for weight in weights if share else ():
        p[weight.at] *= 1 - share
    return p


RULES: Mapping[type[MiniBatchOptimiser], tuple[Callable[..., tuple[Vector, ...]], Sequence[str]]]
RULES = {
    Sgd: (sgd, ["velocity"]),
    RmsProp: (rms_prop, ["square", "velocity"]),
    Adadelta: (adadelta, ["square", "step_square"]),
    Adam: (adam, ["sum", "square_sum"]),
    AdamW: (adam_w, ["sum", "square_sum"]),
    Muon: (muon, ["sum", "square_sum"]),
}
"""The rule of each optimiser, and the vectors of its state, zero before the first step."""


def init(optimiser: MiniBatchOptimiser, params: Vector) -> State:
    """Return the state before the first step."""
    _, names = RULES[type(optimiser)]
    return {"steps": np.zeros((), np.int64)} | {name: np.zeros_like(params) for name in names}


def update(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    weights: Weights = WHOLE_VECTOR,
) -> tuple[Vector, State]:
    """Return the parameters and the state after one step; the arguments are not changed.

    learning_rate: of this step; that of `optimiser` is ignored. weights: see `Layout.weights`.
    Raises `ShapeError` if the vectors do not fit each other, `UsageError` for the state of another
    optimiser.
    """
    check(optimiser, params, gradient, state)
    rule, names = RULES[type(optimiser)]
    step = Step(int(state["steps"]) + 1, learning_rate, weights)
    if isinstance(optimiser, WithDecayInGradient):
        gradient = add_weight_decay(params, gradient, optimiser.weight_decay, weights)
    params, *vectors = rule(optimiser, step, params, gradient, *(state[name] for name in names))
    return params, {"steps": np.array(step.t), **dict(zip(names, vectors, strict=True))}


def check(optimiser: MiniBatchOptimiser, params: Vector, gradient: Vector, state: State) -> None:
    """Raise the errors of `update` unless the vectors and the state fit."""
    (_, names), name = RULES[type(optimiser)], type(optimiser).__name__
    if state.keys() != {"steps", *names}:
        raise UsageError(
            f"{name}: the state must hold steps, {', '.join(names)}, got {', '.join(state)}: "
            "begin with init(optimiser, params)"
        )
    vectors = {"the gradient": gradient} | {f"the state's {key}": state[key] for key in names}
    for what, vector in vectors.items():
        if (vector.shape, vector.dtype) != (params.shape, params.dtype):
            raise ShapeError(
                f"{name}: {what} must have the shape and type of the parameters, {params.shape} "
                f"{params.dtype}, got {vector.shape} {vector.dtype}"
            )
