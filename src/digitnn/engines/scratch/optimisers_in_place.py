"""The rules of `optimisers`, in place: the fast version.

The same operations in the same order, so the same bits. They run block by block, so that no new
vector is needed and each pass finds its operands in cache. The gradient serves as scratch memory
and is overwritten.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.optimisers import (
    RULES,
    WHOLE_VECTOR,
    State,
    Step,
    Vector,
    Weights,
    WithDecayInGradient,
    adam_scales,
    check,
    muon_step,
)
from digitnn.engines.scratch.parameter_vector import slices_between
from digitnn.recipes.optimisers import Adadelta, Adam, AdamW, MiniBatchOptimiser, Muon, RmsProp, Sgd

BLOCK = 32768
"""Numbers per block, measured in docs/decisions/006-the-speed-of-the-scratch-engine.md."""


def update_in_place(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    weights: Weights = WHOLE_VECTOR,
) -> None:
    """Take the step of `optimisers.update` in place; `gradient` is overwritten."""
    check(optimiser, params, gradient, state)
    state["steps"][...] += 1
    step = Step(int(state["steps"]), learning_rate, weights)
    if isinstance(optimiser, WithDecayInGradient):
        _add_weight_decay(params, gradient, optimiser.weight_decay, weights)
    _, names = RULES[type(optimiser)]
    vectors = (state[name] for name in names)
    RULES_IN_PLACE[type(optimiser)](optimiser, step, params, gradient, *vectors)


def sgd(optimiser: Sgd, step: Step, *vectors: Vector) -> None:
    """`optimisers.sgd`."""
    for p, g, velocity, spare in _blocks(*vectors):
        velocity *= optimiser.momentum
        velocity += g
        if optimiser.nesterov:
            np.multiply(velocity, optimiser.momentum, out=spare)
            g += spare
            g *= step.rate
        else:
            np.multiply(velocity, step.rate, out=g)
        p -= g


def rms_prop(optimiser: RmsProp, step: Step, *vectors: Vector) -> None:
    """`optimisers.rms_prop`."""
    for p, g, square, velocity, spare in _blocks(*vectors):
        _add_square(optimiser.alpha, square, g, spare)
        np.sqrt(square, out=spare)
        spare += optimiser.epsilon
        g /= spare
        velocity *= optimiser.momentum
        velocity += g
        np.multiply(velocity, step.rate, out=g)
        p -= g


def adadelta(optimiser: Adadelta, step: Step, *vectors: Vector) -> None:
    """`optimisers.adadelta`."""
    for p, g, square, step_square, spare in _blocks(*vectors):
        _add_square(optimiser.rho, square, g, spare)
        for mean, scale in ((step_square, np.multiply), (square, np.divide)):
            np.add(mean, optimiser.epsilon, out=spare)
            np.sqrt(spare, out=spare)
            scale(g, spare, out=g)
        _add_square(optimiser.rho, step_square, g, spare)
        g *= step.rate
        p -= g


def adam(optimiser: Adam | AdamW, step: Step, *vectors: Vector) -> None:
    """`optimisers.adam`."""
    size, epsilon = adam_scales(optimiser, step)
    kernels = compiled.kernels  # read once: another thread may switch them off meanwhile
    if kernels is not None and vectors[0].dtype == np.float32:
        scalars = map(np.float32, (optimiser.beta1, optimiser.beta2, size, epsilon))
        kernels.adam(*vectors, *scalars)
        return
    for p, g, total, square_total, _ in _blocks(*vectors):
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


def adam_w(optimiser: AdamW, step: Step, p: Vector, *vectors: Vector) -> None:
    """`optimisers.adam_w`."""
    _decay_weights(p, step.rate * optimiser.weight_decay, step.weights)
    adam(optimiser, step, p, *vectors)


def muon(
    optimiser: Muon, step: Step, p: Vector, g: Vector, total: Vector, square_total: Vector
) -> None:
    """`optimisers.muon`."""
    hidden = [weight for weight in step.weights if weight.hidden]
    _decay_weights(p, step.rate * optimiser.weight_decay, hidden)
    for weight in hidden:
        along, velocity = g[weight.at], total[weight.at]
        velocity *= optimiser.momentum
        velocity += along
        along += velocity * optimiser.momentum
        p[weight.at] -= muon_step(optimiser, along.reshape(weight.rows, -1), step.rate)
    others = replace(step, rate=step.rate * optimiser.other_rate)
    for at in slices_between(hidden, len(p)):
        adam(optimiser.others, others, p[at], g[at], total[at], square_total[at])


RULES_IN_PLACE: Mapping[type[MiniBatchOptimiser], Callable[..., None]] = {
    Sgd: sgd,
    RmsProp: rms_prop,
    Adadelta: adadelta,
    Adam: adam,
    AdamW: adam_w,
    Muon: muon,
}


def _add_weight_decay(params: Vector, gradient: Vector, decay: float, weights: Weights) -> None:
    """`optimisers.add_weight_decay`."""
    for weight in weights if decay else ():
        for p, g, spare in _blocks(params[weight.at], gradient[weight.at]):
            np.multiply(p, decay, out=spare)
            g += spare


def _decay_weights(p: Vector, share: float, weights: Weights) -> None:
    """`optimisers.decay_weights`."""
    for weight in weights if share else ():
        p[weight.at] *= 1 - share


def _add_square(share: float, mean: Vector, g: Vector, spare: Vector) -> None:
    """Set mean = share mean + (1 - share) g^2."""
    np.multiply(g, g, out=spare)
    spare *= 1 - share
    mean *= share
    mean += spare


def _blocks(*vectors: Vector) -> Iterator[tuple[Vector, ...]]:
    """Yield the `vectors` slice by slice, each time with spare memory of the same length."""
    size, dtype = len(vectors[0]), vectors[0].dtype
    spare = np.empty(min(BLOCK, size), dtype)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        yield *(vector[start:stop] for vector in vectors), spare[: stop - start]
