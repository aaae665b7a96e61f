"""What an engine is: the protocols that both engines keep.

Everything above an engine (training, evaluation, the command line) knows these protocols only.
Axes: n images, f features, k classes, p parameters in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from digitnn.errors import CheckpointError
from digitnn.network.losses import Loss
from digitnn.network.network import Classifier, Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser


@dataclass(frozen=True)
class Outcome:
    """What a network did on some images: the summed loss in nats, and how many it read right."""

    total: float
    correct: int

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.total + other.total, self.correct + other.correct)


@runtime_checkable
class Trainer(Protocol):
    """A network that learns from mini-batches, in the `precision` of its first parameters."""

    def step(
        self,
        images: UInt8[ndarray, "n 28 28"],
        labels: UInt8[ndarray, " n"],
        learning_rate: float,
    ) -> Outcome:
        """Take one step of the optimiser; the loss is that from before it.

        A step whose loss is not finite is not taken: nothing changes, neither what is learned nor
        BatchNorm's running statistics. Raises `DataError` for images or labels that do not fit,
        `TrainingError` for too few of them (see `batch`).
        """
        ...

    def parameters(self) -> dict[str, ndarray]:
        """A copy of the parameters as they are now, buffers among them."""
        ...

    def state(self) -> dict[str, ndarray]:
        """A copy of all that the next step depends on besides what it is given.

        "parameters.0.weight", "optimiser.0.weight.velocity", "optimiser.steps" and the like; each
        engine has names of its own for what its optimisers remember.
        """
        ...

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Go on from what `state` gave; raises `CheckpointError` for the state of another."""
        ...


@runtime_checkable
class Objective(Protocol):
    """The summed loss over a whole split, and its gradient, at any parameters.

    Features and parameters have one precision, float32 or float64, in which all is computed.
    """

    def __call__(self, params: Params) -> tuple[Outcome, dict[str, ndarray]]:
        """The loss, without any L2 term, and its gradient by name."""
        ...


@runtime_checkable
class Engine(Protocol):
    """A way to run networks."""

    def classifier(self, network: Network, params: Params) -> Classifier:
        """A classifier that holds its own copy of what it needs; safe to share among threads."""
        ...

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> Trainer:
        """A network that starts to learn from `params`; seed decides what `Dropout` drops."""
        ...

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> Objective:
        """The loss of `network` over features that are already chosen and standardised."""
        ...


def precision(params: Params) -> np.dtype[Any]:
    """The type in which an engine trains `params`: float64 if any of them is, else float32.

    Trainings begin in float32. In float64 the engines differ so little that a test can tell
    rounding from a mistake.
    """
    return np.result_type(np.float32, *(p.dtype for p in params.values()))


def check_state(found: Mapping[str, ndarray], expected: Mapping[str, ndarray]) -> None:
    """Raise `CheckpointError` unless `found` has the names, shapes and types of `expected`."""
    if odd := sorted(found.keys() ^ expected.keys()):
        kind = "lacks" if odd[0] in expected else "has the unknown"
        raise CheckpointError(
            f"the state of another network or optimiser: it {kind} {odd[0]!r}, "
            f"{len(found)} arrays where {len(expected)} were expected"
        )
    for name, array in expected.items():
        if (found[name].shape, found[name].dtype) != (array.shape, array.dtype):
            raise CheckpointError(
                f"the state of another network: {name} must be {array.dtype} {array.shape}, "
                f"got {found[name].dtype} {found[name].shape}"
            )
