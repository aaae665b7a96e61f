"""Full-batch training: one iteration after another over all images, without constant pixels.

SciPy's internal state cannot be saved, but its iterations depend only on the values of the
objective. So these are cached: a resumed training starts again, takes the cached values instead of
computing them, and arrives at the same state to the bit.

Pixels that hardly vary, mostly those of the margin, are left out of the training. The result is an
ordinary network whose first weights are zero there; training has fewer columns to multiply.
Axes: n images, d pixels of an image (or features), f of them kept, p parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.protocols import Engine, Objective, Outcome
from digitnn.network.network import Network, Params, Samples, Standardise
from digitnn.recipes.optimisers import FullBatchOptimiser
from digitnn.recipes.recipe import Recipe
from digitnn.training.records import Clock, Stage
from digitnn.training.scipy_minimise import METHODS, from_vector, minimise, to_vector


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
        network: Network,
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
        objective = engine.objective(network, x, train.labels, recipe.loss)
        self._objective = objective if cache is None else CachedObjective(objective, cache, clock)

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
        point = to_vector(params)
        if (known := self.cache.find(point)) is not None:
            self.clock.advance_to(known.seconds)
            return known.outcome, from_vector(known.gradient, params)
        outcome, gradients = self.objective(params)
        gradient = to_vector({name: gradients[name] for name in params})
        self.cache.add(point, EvaluatedPoint(outcome, gradient, self.clock.seconds()))
        return outcome, gradients


FIRST_WEIGHT = "1.weight"
"""The weights of the pixels, in a network that begins with Flatten, Dense."""


def varying_pixels(images: Samples, least_std: float) -> Bool[ndarray, " d"]:
    """Return which pixels, 0..255, have a standard deviation over `images` of at least `least_std`.

    One pass with integer sums: exact, and without a float copy of the images. Features have no
    common unit: all are kept, as `least_std` is one of pixels.
    """
    n = len(images)
    if images.dtype != np.uint8:
        return np.ones(images.shape[1], bool)
    pixels = images.reshape(n, -1)
    total = pixels.sum(axis=0, dtype=np.int64)
    squares = np.zeros(pixels.shape[1], np.int64)
    for start in range(0, n, 1000):
        block = pixels[start : start + 1000].astype(np.int32)
        squares += (block * block).sum(axis=0, dtype=np.int64)
    variance = squares / n - (total / n) ** 2
    kept: ndarray = np.sqrt(np.maximum(variance, 0)) >= least_std
    return kept


def features(
    images: Samples, standardise: Standardise, kept: Bool[ndarray, " d"]
) -> Float32[ndarray, "n f"]:
    """Return a row per image of its kept pixels, standardised."""
    pixels = np.compress(kept, images.reshape(len(images), -1), axis=1)
    return standardise(pixels)


def restrict(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """Return the parameters of the network that takes the kept pixels only."""
    return {**params, FIRST_WEIGHT: np.ascontiguousarray(params[FIRST_WEIGHT][:, kept])}


def expand(params: Params, kept: Bool[ndarray, " d"]) -> dict[str, ndarray]:
    """Return the parameters for all pixels, zero at those left out: the inverse of `restrict`."""
    narrow = params[FIRST_WEIGHT]
    weight = np.zeros((len(narrow), len(kept)), narrow.dtype)
    weight[:, kept] = narrow
    return {**params, FIRST_WEIGHT: weight}
