"""How parameters move: each optimiser as pure functions, and once more in place, for speed.

All parameters are one vector; what is remembered from step to step is a `State` of such vectors.
`optimisers.py` one floor up has the formulas and their sources. Each rule stands here twice, with
the same operations in the same order, hence with the same bits: as a formula, and below it in
place, block by block, where it needs no memory and finds in cache what it has just written.
Axes: p parameters in all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod, sqrt
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.errors import ShapeError, UsageError
from digitnn.layers import Shape
from digitnn.optimisers import Adam, AdamW, MiniBatchOptimiser, RmsProp, Sgd
from digitnn.scratch.compiled import compiled

BLOCK = 32768
"""Numbers at a time: Adam's four vectors then take 512 KB, half of many a core's own cache. With
200,000 parameters 8192 took a quarter longer, where the calls themselves begin to cost; 65536 took
5 % less. A second thread gained nothing: the passes are short and wait for the interpreter."""

EVERYTHING: Sequence[slice] = (slice(None),)

Vector: TypeAlias = Float[ndarray, "_"]


@dataclass(frozen=True, eq=False)
class SgdState:
    """velocity: u."""

    steps: ndarray
    velocity: Vector


def sgd(
    optimiser: Sgd, params: Vector, gradient: Vector, state: SgdState, rate: float
) -> tuple[Vector, SgdState]:
    """u = momentum u + g; along u, or with nesterov along where u would lead next."""
    velocity = state.velocity * optimiser.momentum + gradient
    along = gradient + velocity * optimiser.momentum if optimiser.nesterov else velocity
    return params - along * rate, SgdState(np.array(state.steps + 1), velocity)


def sgd_in_place(
    optimiser: Sgd, params: Vector, gradient: Vector, state: SgdState, rate: float
) -> None:
    """The same."""
    state.steps[...] += 1
    for at, spare in _blocks(params):
        p, g, velocity = params[at], gradient[at], state.velocity[at]
        velocity *= optimiser.momentum
        velocity += g
        if optimiser.nesterov:
            np.multiply(velocity, optimiser.momentum, out=spare)
            g += spare
            g *= rate
        else:
            np.multiply(velocity, rate, out=g)
        p -= g


@dataclass(frozen=True, eq=False)
class RmsPropState:
    """square: v; velocity: u."""

    steps: ndarray
    square: Vector
    velocity: Vector


def rms_prop(
    optimiser: RmsProp, params: Vector, gradient: Vector, state: RmsPropState, rate: float
) -> tuple[Vector, RmsPropState]:
    """v = alpha v + (1 - alpha) g^2; u = momentum u + g / (sqrt(v) + epsilon); along u."""
    square = state.square * optimiser.alpha + gradient * gradient * (1 - optimiser.alpha)
    scaled = gradient / (np.sqrt(square) + optimiser.epsilon)
    velocity = state.velocity * optimiser.momentum + scaled
    return params - velocity * rate, RmsPropState(np.array(state.steps + 1), square, velocity)


def rms_prop_in_place(
    optimiser: RmsProp, params: Vector, gradient: Vector, state: RmsPropState, rate: float
) -> None:
    """The same."""
    state.steps[...] += 1
    for at, spare in _blocks(params):
        p, g, square, velocity = params[at], gradient[at], state.square[at], state.velocity[at]
        np.multiply(g, g, out=spare)
        spare *= 1 - optimiser.alpha
        square *= optimiser.alpha
        square += spare
        np.sqrt(square, out=spare)
        spare += optimiser.epsilon
        g /= spare
        velocity *= optimiser.momentum
        velocity += g
        np.multiply(velocity, rate, out=g)
        p -= g


@dataclass(frozen=True, eq=False)
class AdamState:
    """Weighted sums over all steps: of g by powers of beta1, of g^2 by powers of beta2."""

    steps: ndarray
    sum: Vector
    square_sum: Vector


def adam(
    optimiser: Adam | AdamW, params: Vector, gradient: Vector, state: AdamState, rate: float
) -> tuple[Vector, AdamState]:
    """p = p - rate mean(g) / (sqrt(mean(g^2)) + epsilon), means over all steps.

    A weighted mean is the weighted sum over the sum of the weights. That is what the paper's moment
    with its correction comes to: m = (1 - beta1) sum beta1^(t - i) g_i and, over all i <= t,
    (1 - beta1^t) = (1 - beta1) sum beta1^(t - i). To keep the sums leaves out two of twelve passes.
    """
    total = state.sum * optimiser.beta1 + gradient
    square_total = state.square_sum * optimiser.beta2 + gradient * gradient
    size, epsilon = _adam_scales(optimiser, int(state.steps) + 1, rate)
    step = total / (np.sqrt(square_total) + epsilon) * size
    return params - step, AdamState(np.array(state.steps + 1), total, square_total)


def adam_in_place(
    optimiser: Adam | AdamW, params: Vector, gradient: Vector, state: AdamState, rate: float
) -> None:
    """The same."""
    state.steps[...] += 1
    size, epsilon = _adam_scales(optimiser, int(state.steps), rate)
    if compiled.kernels is not None and params.dtype == np.float32:
        scalars = map(np.float32, (optimiser.beta1, optimiser.beta2, size, epsilon))
        compiled.kernels.adam(params, gradient, state.sum, state.square_sum, *scalars)
        return
    for at, _ in _blocks(params):
        p, g, total, square_total = params[at], gradient[at], state.sum[at], state.square_sum[at]
        total *= optimiser.beta1
        total += g
        g *= g
        square_total *= optimiser.beta2
        square_total += g
        np.sqrt(square_total, out=g)
        g += epsilon
        np.divide(total, g, out=g)
        g *= size
        p -= g


def _adam_scales(optimiser: Adam | AdamW, t: int, rate: float) -> tuple[float, float]:
    """What is left of the sums of weights when they are taken out of the vectors.

    rate (M / a) / (sqrt(V / b) + epsilon) = (rate sqrt(b) / a) M / (sqrt(V) + epsilon sqrt(b)).
    """
    a = (1 - optimiser.beta1**t) / (1 - optimiser.beta1)
    b = (1 - optimiser.beta2**t) / (1 - optimiser.beta2)
    return rate * sqrt(b) / a, optimiser.epsilon * sqrt(b)


State: TypeAlias = SgdState | RmsPropState | AdamState


@dataclass(frozen=True)
class Rule:
    """What carries out an optimiser."""

    state: type[State]
    update: Callable[[Any, Vector, Vector, Any, float], tuple[Vector, State]]
    update_in_place: Callable[[Any, Vector, Vector, Any, float], None]


RULES: Mapping[type[MiniBatchOptimiser], Rule] = {
    Sgd: Rule(SgdState, sgd, sgd_in_place),
    RmsProp: Rule(RmsPropState, rms_prop, rms_prop_in_place),
    Adam: Rule(AdamState, adam, adam_in_place),
    AdamW: Rule(AdamState, adam, adam_in_place),
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
    decay acts, if there is any, see `weights`. Raises `ShapeError` if the vectors do not fit each
    other, as with the state of another network; `UsageError` for the state of another optimiser.
    """
    rule = _rule(optimiser, params, gradient, state)
    params, gradient = params.copy(), gradient.copy()
    _decay(optimiser, params, gradient, learning_rate, decayed)
    return rule.update(optimiser, params, gradient, state, learning_rate)


def update_in_place(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    decayed: Sequence[slice] = EVERYTHING,
) -> None:
    """The same to the bit, written over `params` and `state`; `gradient` is used up."""
    rule = _rule(optimiser, params, gradient, state)
    _decay(optimiser, params, gradient, learning_rate, decayed)
    rule.update_in_place(optimiser, params, gradient, state, learning_rate)


def weights(shapes: Mapping[str, Shape]) -> list[slice]:
    """Where the weights lie in the vector that holds arrays of these shapes one after the other.

    Weights are arrays of two or more axes.
    """
    found, start = [], 0
    for shape in shapes.values():
        if len(shape) >= 2:
            found.append(slice(start, start + prod(shape)))
        start += prod(shape)
    return found


def _decay(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    rate: float,
    decayed: Sequence[slice],
) -> None:
    """Weight decay, in place: into the gradient, or with AdamW straight off the parameters."""
    if isinstance(optimiser, Adam) or not optimiser.weight_decay:
        return
    for part in decayed:
        p, g = params[part], gradient[part]
        if isinstance(optimiser, AdamW):
            p *= 1 - rate * optimiser.weight_decay
        else:
            for at, spare in _blocks(p):
                np.multiply(p[at], optimiser.weight_decay, out=spare)
                g[at] += spare


def _blocks(vector: Vector) -> Iterator[tuple[slice, Vector]]:
    """Slices that cover `vector`, each with the same spare memory of its length."""
    spare = np.empty(min(BLOCK, len(vector)), vector.dtype)
    for start in range(0, len(vector), BLOCK):
        stop = min(start + BLOCK, len(vector))
        yield slice(start, stop), spare[: stop - start]


def _rule(optimiser: MiniBatchOptimiser, params: Vector, gradient: Vector, state: State) -> Rule:
    """The rule of `optimiser`, once everything is known to fit."""
    rule, name = RULES[type(optimiser)], type(optimiser).__name__
    if not isinstance(state, rule.state):
        raise UsageError(
            f"{name} goes on from {rule.state.__name__}, got {type(state).__name__}: "
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
    return rule
