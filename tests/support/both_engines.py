"""Equal steps on both engines, and how far apart they may end.

In single precision that cannot be said. Adam divides a gradient by its own size, epsilon = 1e-8
added: an entry of 1e-8 and its rounding, 1e-8 too, are both stretched to a step of full length, and
which entries are so small depends on the order of the sums, that is on the processor. A rounding
error can also put a unit to the other side of ReLU's kink, or move the largest entry of a window.

So the trainers run in double precision. An entry of a gradient is a sum of up to 60 x 24 x 24
numbers, of which none is far above 1, and rounding moves it by 1e-16 times the square root of
their number, passed on through a few layers: 1e-13 at most. Adam makes of that 1e-13 / epsilon =
1e-5 of the learning rate at each step, and less of larger entries; Muon, which stretches rounding
500 times, 1e-10. What was seen, on processors with AVX-512, AVX2 and SSE 4.1, is 7e-8. A mistake
moves parameters by a visible share of the learning rate, up to all of it.
Axes: n images.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.engines.protocols import Outcome, Trainer
from digitnn.network.layers import Loss, SoftmaxCrossEntropy
from digitnn.network.network import Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser

ROUNDING = 1e-5
"""What rounding in double precision makes of a step, as a share of the learning rate; see above."""


def in_double(params: Params) -> dict[str, ndarray]:
    """The same numbers in float64: a trainer that begins with them computes in float64."""
    return {name: p.astype(np.float64) for name, p in params.items()}


def steps(
    engine: str,
    network: Network,
    start: Params,
    optimiser: MiniBatchOptimiser,
    digits: Dataset,
    count: int,
    *,
    rate: float,
    batch: int = 60,
    loss: Loss | None = None,
    seed: int = 5,
) -> tuple[Trainer, list[Outcome]]:
    """The trainer after `count` steps over batches of `batch` images, and the outcome of each."""
    trainer = find_engine(engine).trainer(
        network, start, optimiser, loss or SoftmaxCrossEntropy(), seed
    )
    outcomes = []
    for step in range(count):
        at = slice(step * batch, (step + 1) * batch)
        outcomes.append(trainer.step(digits.images[at], digits.labels[at], rate))
    return trainer, outcomes


def assert_equal_steps(
    network: Network,
    start: Params,
    optimiser: MiniBatchOptimiser,
    digits: Dataset,
    count: int,
    *,
    rate: float,
    batch: int = 60,
    loss: Loss | None = None,
) -> Mapping[str, ndarray]:
    """Both engines take the same `count` steps in double precision; returns where they end."""
    start = in_double(start)
    (scratch, ours), (pytorch, theirs) = (
        steps(engine, network, start, optimiser, digits, count, rate=rate, batch=batch, loss=loss)
        for engine in ("scratch", "pytorch")
    )
    assert_equal_outcomes(ours, theirs)
    found, expected = scratch.parameters(), pytorch.parameters()
    assert list(found) == list(expected) == list(network.state_shapes())
    for name, p in found.items():
        assert p.dtype == expected[name].dtype == np.float64
        assert p.flags.c_contiguous
        np.testing.assert_allclose(
            p, expected[name], rtol=0, atol=ROUNDING * rate * count, err_msg=name
        )
    return found


def assert_equal_outcomes(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> None:
    """Equal counts, and losses as near as parameters are that differ by `ROUNDING` at most."""
    assert [outcome.correct for outcome in ours] == [outcome.correct for outcome in theirs]
    np.testing.assert_allclose(
        [outcome.total for outcome in ours], [outcome.total for outcome in theirs], rtol=1e-6
    )
