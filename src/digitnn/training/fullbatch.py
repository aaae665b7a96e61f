"""Full-batch training: one iteration after another over all images.

SciPy's internal state cannot be saved, but its iterations depend only on the values of the
objective. So these are cached: a resumed training starts again, takes the cached values instead of
computing them, and arrives at the same state to the bit.
Axes: p parameters.
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
from digitnn.training.pixel_selection import expand, features, restrict, varying_pixels
from digitnn.training.records import Clock, Stage
from digitnn.training.scipy_minimise import METHODS, minimise


@dataclass(frozen=True, eq=False)
class EvaluatedPoint:
    """The objective at one point, and the seconds of training until then.

    gradient: of all parameters, one after the other.
    """

    outcome: Outcome
    gradient: Float32[ndarray, " p"]
    seconds: float


@runtime_checkable
class PointCache(Protocol):
    """Stores evaluated points; it may lose any of them."""

    def find(self, point: Float32[ndarray, " p"]) -> EvaluatedPoint | None:
        """Return what is stored for exactly this point."""
        ...

    def add(self, point: Float32[ndarray, " p"], evaluated: EvaluatedPoint) -> None:
        """Store an evaluated point."""
        ...


class FullBatchLoop:
    """The iterations of `recipe` with its `optimiser`, from the parameters `start`.

    cache: of evaluated points; None: every point is computed.
    """

    def __init__(
        self,
        recipe: Recipe,
        optimiser: FullBatchOptimiser,
        engine: Engine,
        start: Params,
        train: Dataset,
        cache: PointCache | None,
        clock: Clock,
    ) -> None:
        self._recipe, self._method, self._n = recipe, METHODS[type(optimiser)], len(train)
        self._kept = varying_pixels(train.images, recipe.least_std)
        self._point = restrict(start, self._kept)
        x = features(train.images, recipe.standardise, self._kept)
        objective = engine.objective(recipe.network(), x, train.labels, recipe.loss)
        self._objective: Objective = objective
        if cache is not None:
            self._objective = CachedObjective(objective, cache, clock)

    def params(self) -> dict[str, ndarray]:
        """Return the parameters after the last iteration, for all pixels."""
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
class CachedObjective:
    """Returns the values of `objective`, to the bit, computing only those that are not cached."""

    objective: Objective
    cache: PointCache
    clock: Clock

    def __call__(self, params: Params) -> tuple[Outcome, dict[str, ndarray]]:
        """Return the loss and its gradient by name."""
        point = _joined(params)
        if (known := self.cache.find(point)) is not None:
            self.clock.advance_to(known.seconds)
            return known.outcome, _parted(known.gradient, params)
        outcome, gradients = self.objective(params)
        gradient = _joined({name: gradients[name] for name in params})
        self.cache.add(point, EvaluatedPoint(outcome, gradient, self.clock.seconds()))
        return outcome, gradients


def _joined(params: Params) -> Float32[ndarray, " p"]:
    return np.concatenate([np.ravel(p) for p in params.values()])


def _parted(vector: Float32[ndarray, " p"], like: Params) -> dict[str, ndarray]:
    ends = np.cumsum([p.size for p in like.values()])
    parts = np.split(vector, ends[:-1])
    return {
        name: part.reshape(p.shape) for (name, p), part in zip(like.items(), parts, strict=True)
    }
