"""Learning from all images at once, iteration after iteration.

What SciPy keeps inside cannot be saved, but where it goes follows from nothing but the answers it
gets. So the answers are remembered: a training that is taken up begins again, hears the same
answers without anybody computing them, and stands where it stood, to the bit.
Axes: p numbers to learn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.protocols import Engine, Objective, Outcome
from digitnn.network.network import Params
from digitnn.recipes.optimisers import FullBatchOptimiser
from digitnn.recipes.recipe import Recipe
from digitnn.training.clock import Clock
from digitnn.training.pixel_selection import expand, features, restrict, varying_pixels
from digitnn.training.records import Stage
from digitnn.training.scipy_minimise import METHODS, minimise


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the objective answered at one point, and after how many seconds of training.

    gradient: of every parameter, one after the other.
    """

    outcome: Outcome
    gradient: Float32[ndarray, " p"]
    seconds: float


@runtime_checkable
class Memory(Protocol):
    """Remembers evaluations by the point they were made at; it may forget any of them."""

    def find(self, point: Float32[ndarray, " p"]) -> Evaluation | None:
        """What was answered at exactly this point."""
        ...

    def add(self, point: Float32[ndarray, " p"], evaluation: Evaluation) -> None:
        """Remember this one."""
        ...


class FullBatchLoop:
    """The iterations of `recipe`, whose optimiser is `optimiser`, from the parameters `start` on.

    memory: asked before anything is computed, and told of what was; None: neither.
    """

    def __init__(
        self,
        recipe: Recipe,
        optimiser: FullBatchOptimiser,
        engine: Engine,
        start: Params,
        train: Dataset,
        memory: Memory | None,
        clock: Clock,
    ) -> None:
        self._recipe, self._method, self._n = recipe, METHODS[type(optimiser)], len(train)
        self._kept = varying_pixels(train.images, recipe.least_std)
        self._point = restrict(start, self._kept)
        x = features(train.images, recipe.standardise, self._kept)
        objective = engine.objective(recipe.network(), x, train.labels, recipe.loss)
        self._objective: Objective = objective
        if memory is not None:
            self._objective = RememberingObjective(objective, memory, clock)

    def params(self) -> dict[str, ndarray]:
        """The parameters after the last iteration, of all pixels."""
        return expand(self._point, self._kept)

    def __iter__(self) -> Iterator[Stage]:
        recipe, n = self._recipe, self._n
        points = minimise(self._objective, self._point, n, recipe.l2, recipe.epochs, self._method)
        for epoch, point in enumerate(points, start=1):
            self._point = point.params
            yield Stage(
                done=epoch / recipe.epochs,
                epoch=epoch,
                outcome=point.outcome,
                seen=n,
                images=n * point.evaluations,
                ends_epoch=True,
                evaluations=point.evaluations,
            )


@dataclass(frozen=True)
class RememberingObjective:
    """`objective`, but nothing is computed that is remembered: the same answers, to the bit."""

    objective: Objective
    memory: Memory
    clock: Clock

    def __call__(self, params: Params) -> tuple[Outcome, dict[str, ndarray]]:
        """The loss and its gradient by name."""
        point = _joined(params)
        if (known := self.memory.find(point)) is not None:
            self.clock.advance_to(known.seconds)
            return known.outcome, _parted(known.gradient, params)
        outcome, gradients = self.objective(params)
        gradient = _joined({name: gradients[name] for name in params})
        self.memory.add(point, Evaluation(outcome, gradient, self.clock.seconds()))
        return outcome, gradients


def _joined(params: Params) -> Float32[ndarray, " p"]:
    return np.concatenate([np.ravel(p) for p in params.values()])


def _parted(vector: Float32[ndarray, " p"], like: Params) -> dict[str, ndarray]:
    ends = np.cumsum([p.size for p in like.values()])
    parts = np.split(vector, ends[:-1])
    return {
        name: part.reshape(p.shape) for (name, p), part in zip(like.items(), parts, strict=True)
    }
