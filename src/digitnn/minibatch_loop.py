"""Learning from mini-batches, epoch after epoch; it can be left and taken up at any step.

All that the next step depends on is the trainer's state and the number of steps taken: the order
of the batches is drawn again from the seed, and the rate follows from the step.
Axes: n images.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from math import ceil, isfinite
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.dataset import Dataset, batches
from digitnn.engine import Engine, Outcome
from digitnn.errors import TrainingError
from digitnn.network import Params
from digitnn.optimisers import MiniBatchOptimiser
from digitnn.recipes import Recipe
from digitnn.records import Stage


class MiniBatchLoop:
    """The steps of `recipe`, whose optimiser is `optimiser`, from the parameters `start` on."""

    def __init__(
        self,
        recipe: Recipe,
        optimiser: MiniBatchOptimiser,
        engine: Engine,
        start: Params,
        train: Dataset,
        rng: np.random.Generator,
    ) -> None:
        self._recipe, self._optimiser, self._train, self._rng = recipe, optimiser, train, rng
        self._trainer = engine.trainer(recipe.network(), start, optimiser, recipe.loss)
        self._steps_of_epoch = ceil(len(train) / recipe.batch_size)
        self._steps_in_all = recipe.epochs * self._steps_of_epoch
        self.step = 0
        self._outcome = Outcome(0.0, 0)

    def params(self) -> dict[str, ndarray]:
        """The parameters as they are now."""
        return self._trainer.parameters()

    def state(self) -> dict[str, ndarray]:
        """The trainer's arrays."""
        return self._trainer.state()

    def position(self) -> dict[str, Any]:
        """Where in the data it stands, and the running sums of the epoch, as plain builtins."""
        outcome = self._outcome
        return {"step": self.step, "loss": float(outcome.total), "correct": int(outcome.correct)}

    def restore(self, state: Mapping[str, ndarray], position: Mapping[str, Any]) -> None:
        """Stand where `state` and `position` were taken."""
        self._trainer.restore(state)
        self.step = position["step"]
        self._outcome = Outcome(position["loss"], position["correct"])

    def __iter__(self) -> Iterator[Stage]:
        n = len(self._train)
        epochs_before, steps_before = divmod(self.step, self._steps_of_epoch)
        for _ in range(epochs_before):
            self._rng.permutation(n)  # each epoch draws one: see `batches`
        for epoch in range(epochs_before + 1, self._recipe.epochs + 1):
            if steps_before == 0:
                self._outcome = Outcome(0.0, 0)
            drawn = batches(n, self._recipe.batch_size, self._rng)
            for batch in islice(drawn, steps_before, None):
                self._take_step(batch)
                yield self._stage(epoch)
            steps_before = 0

    def _take_step(self, batch: ndarray) -> None:
        optimiser, images, labels = self._optimiser, self._train.images, self._train.labels
        share = (self.step + 0.5) / self._steps_in_all
        rate = optimiser.learning_rate * optimiser.schedule(share)
        outcome = self._trainer.step(images[batch], labels[batch], rate)
        if not isfinite(outcome.total):
            raise diverged(
                f"the loss became {outcome.total} at step {self.step}, learning rate {rate:.3g}"
            )
        self.step += 1
        self._outcome += outcome

    def _stage(self, epoch: int) -> Stage:
        n, steps = len(self._train), self.step - (epoch - 1) * self._steps_of_epoch
        seen = min(steps * self._recipe.batch_size, n)
        return Stage(
            done=self.step / self._steps_in_all,
            epoch=epoch,
            outcome=self._outcome,
            seen=seen,
            images=(epoch - 1) * n + seen,
            ends_epoch=seen == n,
        )


def diverged(what: str) -> TrainingError:
    """The error for numbers that grew without bound."""
    return TrainingError(
        f"{what}: try a smaller learning rate; the parameters of the last whole epoch are kept"
    )
