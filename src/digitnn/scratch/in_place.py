"""The steps of `optimisers` once more, in place, for speed.

The same operations in the same order, hence the same bits: block by block, so that no new vector is
needed, and each pass finds in cache what the one before has written. The gradient serves as spare
memory and is used up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from digitnn.optimisers import Adam, AdamW, MiniBatchOptimiser, RmsProp, Sgd
from digitnn.scratch.compiled import compiled
from digitnn.scratch.optimisers import (
    EVERYTHING,
    AdamState,
    RmsPropState,
    SgdState,
    State,
    Vector,
    adam_scales,
    check,
    weight_decay,
)

BLOCK = 32768
"""Numbers at a time: Adam's four vectors then take 512 KB, half of many a core's own cache. With
200,000 parameters 8192 took a quarter longer, where the calls themselves begin to cost; 65536 took
5 % less. A second thread gained nothing: the passes are short and wait for the interpreter."""


def update_in_place(
    optimiser: MiniBatchOptimiser,
    params: Vector,
    gradient: Vector,
    state: State,
    learning_rate: float,
    decayed: Sequence[slice] = EVERYTHING,
) -> None:
    """`optimisers.update` to the bit, written over `params` and `state`; `gradient` is used up."""
    check(optimiser, params, gradient, state)
    if decay := weight_decay(optimiser):
        for part in decayed:
            p, g = params[part], gradient[part]
            if isinstance(optimiser, AdamW):
                p *= 1 - learning_rate * decay
                continue
            for at, spare in _blocks(p):
                np.multiply(p[at], decay, out=spare)
                g[at] += spare
    STEPS[type(optimiser)](optimiser, params, gradient, state, learning_rate)


def sgd_in_place(
    optimiser: Sgd, params: Vector, gradient: Vector, state: SgdState, rate: float
) -> None:
    """`optimisers.sgd`."""
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
    optimiser: RmsProp, params: Vector, gradient: Vector, state: RmsPropState, rate: float
) -> None:
    """`optimisers.rms_prop`."""
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


def adam_in_place(
    optimiser: Adam | AdamW, params: Vector, gradient: Vector, state: AdamState, rate: float
) -> None:
    """`optimisers.adam`."""
    state.steps[...] += 1
    size, epsilon = adam_scales(optimiser, int(state.steps), rate)
    kernels = compiled.kernels  # asked once: another thread may switch them off meanwhile
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


STEPS: Mapping[type[MiniBatchOptimiser], Callable[[Any, Vector, Vector, Any, float], None]] = {
    Sgd: sgd_in_place,
    RmsProp: rms_prop_in_place,
    Adam: adam_in_place,
    AdamW: adam_in_place,
}


def _blocks(vector: Vector) -> Iterator[tuple[slice, Vector]]:
    """Slices that cover `vector`, each with the same spare memory of its length."""
    spare = np.empty(min(BLOCK, len(vector)), vector.dtype)
    for start in range(0, len(vector), BLOCK):
        stop = min(start + BLOCK, len(vector))
        yield slice(start, stop), spare[: stop - start]
