"""The steps of `optimisers`, in place: the fast version.

The same operations in the same order, so the same bits. They run block by block, so that no new
vector is needed and each pass finds its operands in cache. The gradient serves as scratch memory
and is overwritten.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from digitnn.engines.scratch.compiled import compiled
from digitnn.engines.scratch.optimisers import (
    WHOLE_VECTOR,
    AdadeltaState,
    AdamState,
    MuonState,
    RmsPropState,
    SgdState,
    State,
    Vector,
    Weights,
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
    STEPS[type(optimiser)](optimiser, params, gradient, state, learning_rate, weights)


def sgd_in_place(
    optimiser: Sgd,
    params: Vector,
    gradient: Vector,
    state: SgdState,
    rate: float,
    weights: Weights,
) -> None:
    """`optimisers.sgd`."""
    _add_weight_decay(params, gradient, optimiser.weight_decay, weights)
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


def rms_prop_in_place(
    optimiser: RmsProp,
    params: Vector,
    gradient: Vector,
    state: RmsPropState,
    rate: float,
    weights: Weights,
) -> None:
    """`optimisers.rms_prop`."""
    _add_weight_decay(params, gradient, optimiser.weight_decay, weights)
    state.steps[...] += 1
    for at, spare in _blocks(params):
        p, g, square, velocity = params[at], gradient[at], state.square[at], state.velocity[at]
        _add_square(optimiser.alpha, square, g, spare)
        np.sqrt(square, out=spare)
        spare += optimiser.epsilon
        g /= spare
        velocity *= optimiser.momentum
        velocity += g
        np.multiply(velocity, rate, out=g)
        p -= g


def adadelta_in_place(
    optimiser: Adadelta,
    params: Vector,
    gradient: Vector,
    state: AdadeltaState,
    rate: float,
    weights: Weights,
) -> None:
    """`optimisers.adadelta`."""
    _add_weight_decay(params, gradient, optimiser.weight_decay, weights)
    state.steps[...] += 1
    for at, spare in _blocks(params):
        p, g, square, step_square = (
            params[at],
            gradient[at],
            state.square[at],
            state.step_square[at],
        )
        _add_square(optimiser.rho, square, g, spare)
        for mean, scale in ((step_square, np.multiply), (square, np.divide)):
            np.add(mean, optimiser.epsilon, out=spare)
            np.sqrt(spare, out=spare)
            scale(g, spare, out=g)
        _add_square(optimiser.rho, step_square, g, spare)
        g *= rate
        p -= g


def adam_in_place(
    optimiser: Adam | AdamW,
    params: Vector,
    gradient: Vector,
    state: AdamState,
    rate: float,
    weights: Weights = (),
) -> None:
    """`optimisers.adam`."""
    state.steps[...] += 1
    size, epsilon = adam_scales(optimiser, int(state.steps), rate)
    kernels = compiled.kernels  # read once: another thread may switch them off meanwhile
    if kernels is not None and params.dtype == np.float32:
        scalars = map(np.float32, (optimiser.beta1, optimiser.beta2, size, epsilon))
        kernels.adam(params, gradient, state.sum, state.square_sum, *scalars)
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


def adam_w_in_place(
    optimiser: AdamW,
    params: Vector,
    gradient: Vector,
    state: AdamState,
    rate: float,
    weights: Weights,
) -> None:
    """`optimisers.adam_w`."""
    _decay_weights(params, rate * optimiser.weight_decay, weights)
    adam_in_place(optimiser, params, gradient, state, rate)


def muon_in_place(
    optimiser: Muon,
    params: Vector,
    gradient: Vector,
    state: MuonState,
    rate: float,
    weights: Weights,
) -> None:
    """`optimisers.muon`."""
    hidden = [weight for weight in weights if weight.hidden]
    _decay_weights(params, rate * optimiser.weight_decay, hidden)
    for weight in hidden:
        g, velocity = gradient[weight.at], state.sum[weight.at]
        velocity *= optimiser.momentum
        velocity += g
        g += velocity * optimiser.momentum
        params[weight.at] -= muon_step(optimiser, g.reshape(weight.rows, -1), rate)
    for at in slices_between(hidden, len(params)):
        own = AdamState(state.steps.copy(), state.sum[at], state.square_sum[at])
        other_rate = rate * optimiser.other_rate
        adam_in_place(optimiser.others, params[at], gradient[at], own, other_rate)
    state.steps[...] += 1


Step: TypeAlias = Callable[[Any, Vector, Vector, Any, float, Weights], None]
STEPS: Mapping[type[MiniBatchOptimiser], Step] = {
    Sgd: sgd_in_place,
    RmsProp: rms_prop_in_place,
    Adadelta: adadelta_in_place,
    Adam: adam_in_place,
    AdamW: adam_w_in_place,
    Muon: muon_in_place,
}


def _add_weight_decay(params: Vector, gradient: Vector, decay: float, weights: Weights) -> None:
    """`optimisers.add_weight_decay`."""
    for weight in weights if decay else ():
        p, g = params[weight.at], gradient[weight.at]
        for at, spare in _blocks(p):
            np.multiply(p[at], decay, out=spare)
            g[at] += spare


def _decay_weights(params: Vector, share: float, weights: Weights) -> None:
    """`optimisers.decay_weights`."""
    for weight in weights if share else ():
        params[weight.at] *= 1 - share


def _add_square(share: float, mean: Vector, g: Vector, spare: Vector) -> None:
    """Set mean = share mean + (1 - share) g^2."""
    np.multiply(g, g, out=spare)
    spare *= 1 - share
    mean *= share
    mean += spare


def _blocks(vector: Vector) -> Iterator[tuple[slice, Vector]]:
    """Yield slices that cover `vector`, each with spare memory of its length."""
    spare = np.empty(min(BLOCK, len(vector)), vector.dtype)
    for start in range(0, len(vector), BLOCK):
        stop = min(start + BLOCK, len(vector))
        yield slice(start, stop), spare[: stop - start]
