"""The protocols that both engines implement, and the checks and dropout masks that they share.

The rooms above the engines (training, analysis, the command line) depend on these protocols only.
Axes: n images, f features, k classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from digitnn.data.dataset import check_images, check_labels
from digitnn.errors import CheckpointError, TrainingError
from digitnn.network.layers import BatchNorm, Dropout, Loss
from digitnn.network.network import Classifier, Network, Params, Samples
from digitnn.recipes.optimisers import MiniBatchOptimiser


@dataclass(frozen=True)
class Outcome:
    """The summed loss of some images in nats, and how many were classified correctly."""

    total: float
    correct: int

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.total + other.total, self.correct + other.correct)


@runtime_checkable
class Trainer(Protocol):
    """Trains a network on mini-batches, in the `precision` of its initial parameters."""

    def step(self, images: Samples, labels: UInt8[ndarray, " n"], learning_rate: float) -> Outcome:
        """Take one step of the optimiser; return the loss before it.

        If the loss is not finite, nothing changes: neither the parameters nor BatchNorm's running
        statistics. Raises `DataError` for images or labels that do not fit, `TrainingError` for too
        few of them (see `check_size`).
        """
        ...

    def parameters(self) -> dict[str, ndarray]:
        """Return a copy of the current parameters and buffers."""
        ...

    def state(self) -> dict[str, ndarray]:
        """Return a copy of all that the next step depends on, except its arguments.

        The names are like "parameters.0.weight", "optimiser.0.weight.velocity", "optimiser.steps";
        each engine has its own names for the state of its optimisers.
        """
        ...

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Continue from a `state`; raises `CheckpointError` for that of another trainer."""
        ...


@runtime_checkable
class Objective(Protocol):
    """The summed loss over a whole split, and its gradient, at any parameters.

    Features and parameters have the same precision, float32 or float64, as has the computation.
    """

    def __call__(self, params: Params) -> tuple[Outcome, dict[str, ndarray]]:
        """Return the loss, without an L2 term, and its gradient by name."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Runs and trains networks."""

    def classifier(self, network: Network, params: Params) -> Classifier:
        """Return a classifier with its own copy of the parameters; threads may share it."""
        ...

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> Trainer:
        """Return a trainer that starts from `params`; seed decides which units dropout keeps."""
        ...

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> Objective:
        """Return the loss of `network` over features already selected and standardised."""
        ...


def precision(params: Params) -> np.dtype[Any]:
    """Return the training precision of `params`: float64 if any of them is, else float32.

    Recipes start in float32. Tests use float64, where rounding is small enough to tell it from a
    mistake.
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


def check_batch(network: Network, images: ndarray, labels: ndarray) -> None:
    """Raise an error unless `network` can take a step on these images.

    `DataError` for shapes or types that the network does not take: images of floats are rejected,
    as their range, 0 to 1 or 0 to 255, is unknown. `TrainingError`: see `check_size`.
    """
    check_images(images, "the batch", network.input)
    check_labels(labels, len(images), "the batch", len(network.labels), network.rejects)
    check_size(network, len(labels))


def check_size(network: Network, n: int) -> None:
    """Raise `TrainingError` unless `network` can take a step on `n` images.

    A step needs an image, and `BatchNorm` needs two numbers per channel to take a variance.
    """
    if n < 1:
        raise TrainingError("a step needs at least 1 image, got an empty batch")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, BatchNorm) and n * prod(network.shapes()[index][1:]) < 2:
            raise TrainingError(
                f"layer {index}: {layer} takes the variance over a batch, "
                "and a single image has none: use another batch size"
            )


def kept_units(
    network: Network, n: int, seed: int, step: int, part: int = 0
) -> dict[int, Bool[ndarray, "n *shape"]]:
    """Return, for the index of each `Dropout`, True where a unit of its input is kept in a step.

    Each unit is kept with probability 1 - p, to 24 bits, independently of all others. The draw is a
    pure function of seed, step (both at least 0) and layer: there is no generator state to save,
    and an engine that draws in another order, or in blocks, keeps the same units.
    part: the number of the micro-batch, if the batch is cut; each has its own draw.
    """
    kept = {}
    of_part = [part] if part else []
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Dropout):
            # the fastest of NumPy's generators: a million units take about 3 ms on one core
            rng = np.random.Generator(np.random.SFC64([seed, step, index, *of_part]))
            kept[index] = rng.random((n, *network.shapes()[index]), np.float32) >= layer.p
    return kept
